"""The simplest attribution: how the logit changes with a token's vector, along that vector."""

from collections.abc import Sequence

import keras

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.explained import explained_texts
from keras_bert_layers.interpret.target import Target


def gradient_x_input(
    model: keras.Model, preprocessor, texts: Sequence[str | tuple[str, str]], target: Target = None
) -> list[Attribution]:
    """score_s = Σ_h x[s, h] · ∂ logit / ∂ x[s, h], x the output of the embeddings.

    One pass forward and back: quick, and blind where the logit is flat around the text.

    Args:
        model: functional, of keras_bert_layers.models or with the same inputs and one embeddings layer.
        preprocessor: the BertPreprocessor that makes the model's features.
        texts: list of str, or of pairs of str.
        target: which logit: a class (int) of a classifier of texts; (position, class) of tokens; ("start", position)
            or ("end", position) of a span; (0, id) for the first [MASK] of a masked LM. Defaults to `None`: the class
            that is predicted.

    Returns:
        An Attribution for each text.

    Raises:
        ValueError: if the model cannot be cut behind its embeddings, or `target` is no place in its outputs.

    Example:
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> tagger = models.token_classifier(models.bert_encoder(config), num_classes=2)
        >>> [found] = gradient_x_input(tagger, preprocessor, ["Hi, hi"], target=(1, 0))
        >>> found.word_scores.shape
        (3,)

    Reference:
        Shrikumar et al. 2016, Not Just a Black Box (arXiv:1605.01713).
    """
    found = []
    for each in explained_texts(model, preprocessor, texts, target):
        embedded = each.embed(each.pieces.token_ids[None])
        scores = (each.gradients(embedded) * embedded).sum(-1)[0]
        found.append(each.attribution("gradient_x_input", scores))
    return found
