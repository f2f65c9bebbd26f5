"""How much each token of a text had to do with a prediction."""

from dataclasses import dataclass

import numpy as np

from keras_bert_layers.interpret.pieces import Pieces


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution(Pieces):
    """The scores of a text's tokens for one logit: positive where a token speaks for it.

    Args:
        method: the name of the function that made it.
        scores: float32 [S], one score a token.
        target: the place of the logit in the model's outputs: (class,), (position, class), ("start", position), …
        logit: float. What the model gives there.
        probabilities: float32 [C]: softmax over the last axis of the target, or the sigmoid of a single logit.
        prediction: int. The greatest of them; of a single one, whether it is over a half.
        baseline_logit: float. What it gives for the text without its words. None where the method has no baseline.
        delta: float. sum(scores) - (logit - baseline_logit): the error of completeness, which the exact integral has
            not. None where there is no baseline.
        **fields: `text`, `tokens`, `token_ids`, `segment_ids`, `words`, `word_ids`, `offsets`: those of Pieces.

    Example:
        >>> from keras_bert_layers import interpret, models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=3)
        >>> [found] = interpret.gradient_x_input(classifier, preprocessor, ["Hi"], target=2)
        >>> found.tokens, found.scores.shape, found.word_scores.shape, found.target
        (('[CLS]', 'hi', '[SEP]'), (3,), (1,), (2,))
    """

    method: str
    scores: np.ndarray
    target: tuple[str | int, ...]
    logit: float
    probabilities: np.ndarray
    prediction: int
    baseline_logit: float | None = None
    delta: float | None = None

    @property
    def word_scores(self) -> np.ndarray:
        """float32 [W]: the sum of the scores of every word's pieces."""
        return self.by_word(self.scores)
