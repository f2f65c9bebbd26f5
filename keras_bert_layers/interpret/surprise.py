"""How much every word of a text surprises a masked language model."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_bert_layers.interpret.explained import in_batches
from keras_bert_layers.interpret.pieces import Pieces, check_texts, model_inputs, pieces_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Surprise(Pieces):
    """A text's surprise, token by token.

    Args:
        surprises: float32 [S]: -ln p(token | all others), in nats; 0 at special tokens, which are not predicted.
        **fields: `text`, `tokens`, `token_ids`, `segment_ids`, `words`, `word_ids`, `offsets`: those of Pieces.

    Example:
        >>> from keras_bert_layers import interpret, models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer("[PAD] [UNK] [CLS] [SEP] [MASK] hi".split()))
        >>> config = models.BertConfig(vocabulary_size=6, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> [found] = interpret.surprise(models.masked_lm(models.bert_encoder(config)), preprocessor, ["Hi hi"])
        >>> bool(abs(found.log_likelihood + found.word_surprises.sum()) < 1e-5)
        True
    """

    surprises: np.ndarray

    @property
    def word_surprises(self) -> np.ndarray:
        """float32 [W]: the sum of the surprises of every word's pieces."""
        return self.by_word(self.surprises)

    @property
    def log_likelihood(self) -> float:
        """The pseudo-log-likelihood Σ ln p(token | all others)."""
        return -float(self.surprises.sum())

    @property
    def num_predicted(self) -> int:
        """The number of tokens that are predicted, N."""
        return sum(number is not None for number in self.word_ids)

    @property
    def pseudo_perplexity(self) -> float:
        """exp(-log_likelihood / N)."""
        return pseudo_perplexity([self])


def surprise(
    model: keras.Model, preprocessor, texts: Sequence[str | tuple[str, str]], batch_size: int = 32
) -> list[Surprise]:
    """-ln p(t_s | the text with [MASK] at s), for every token of every text: each is masked in turn.

    Args:
        model: with a masked-LM head, such as `models.masked_lm` and `models.bert_pretrainer` make: it takes
            `mask_positions` and puts out [B, M, V] logits, alone or as `masked_lm`.
        preprocessor: the BertPreprocessor that makes the model's features; its vocabulary has [MASK].
        texts: list of str, or of pairs of str.
        batch_size: int > 0. Masked copies in one pass. Defaults to 32.

    Returns:
        A Surprise for each text.

    Raises:
        ValueError: if the model predicts no masked tokens, or the vocabulary has no [MASK].

    Example:
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer("[PAD] [UNK] [CLS] [SEP] [MASK] hi".split()))
        >>> config = models.BertConfig(vocabulary_size=6, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> [found] = surprise(models.masked_lm(models.bert_encoder(config)), preprocessor, ["Hi hi"])
        >>> found.surprises.shape, found.word_surprises.shape
        ((4,), (2,))

    Reference:
        Salazar et al. 2020, Masked Language Model Scoring (arXiv:1910.14659), section 2.
    """
    check_texts(texts)
    if not isinstance(model.input, dict) or "mask_positions" not in model.input:
        raise ValueError(
            f"Surprise needs a model that predicts masked tokens, such as models.masked_lm(encoder). {model.name!r} "
            "takes no `mask_positions`."
        )
    mask_id = preprocessor.tokenizer.mask_id
    if mask_id is None:
        raise ValueError("Surprise masks one token after the other, and the vocabulary has no [MASK].")
    return [_surprise(model, preprocessor, pieces_of(preprocessor, text), mask_id, batch_size) for text in texts]


def pseudo_perplexity(surprises: Sequence[Surprise]) -> float:
    """exp(-Σ log-likelihood / Σ N) over texts: the pseudo-perplexity of a corpus.

    Args:
        surprises: what `surprise` gave.

    Returns:
        float, at least 1.

    Raises:
        ValueError: if no token was predicted.

    Example:
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer("[PAD] [UNK] [CLS] [SEP] [MASK] hi".split()))
        >>> config = models.BertConfig(vocabulary_size=6, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> model = models.masked_lm(models.bert_encoder(config))
        >>> pseudo_perplexity(surprise(model, preprocessor, ["Hi hi", "hi"])) > 1
        True

    Reference:
        Salazar et al. 2020, Masked Language Model Scoring (arXiv:1910.14659), eq. 5.
    """
    count = sum(each.num_predicted for each in surprises)
    if not count:
        raise ValueError("The pseudo-perplexity of no words is not defined: all texts are empty.")
    return float(np.exp(-sum(each.log_likelihood for each in surprises) / count))


def _surprise(model, preprocessor, pieces, mask_id, batch_size):
    places = np.flatnonzero([number is not None for number in pieces.word_ids])
    surprises = np.zeros(len(pieces.tokens), "float32")

    def surprises_at(masked):
        rows = np.tile(pieces.token_ids, (len(masked), 1))
        rows[np.arange(len(masked)), masked] = mask_id
        inputs = model_inputs(model, preprocessor, pieces, rows)
        outputs = model({**inputs, "mask_positions": masked[:, None].astype("int32")})
        logits = outputs["masked_lm"] if isinstance(outputs, dict) else outputs
        scores = keras.ops.convert_to_numpy(keras.ops.log_softmax(keras.ops.cast(logits, "float32"), axis=-1))
        return -scores[np.arange(len(masked)), 0, pieces.token_ids[masked]]

    if len(places):
        surprises[places] = in_batches(surprises_at, places, batch_size)
    return Surprise(**pieces.fields_of_pieces(), surprises=surprises)
