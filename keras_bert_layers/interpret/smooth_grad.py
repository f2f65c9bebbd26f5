"""Gradients averaged over noise, which single ones are full of."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.explained import explained_texts, in_batches
from keras_bert_layers.interpret.target import Target


def smooth_grad(
    model: keras.Model,
    preprocessor,
    texts: Sequence[str | tuple[str, str]],
    target: Target = None,
    *,
    samples: int = 32,
    noise: float = 0.1,
    seed: int = 0,
    batch_size: int = 32,
) -> list[Attribution]:
    """score_s = Σ_h x[s, h] · mean_k ∂ logit / ∂ x[s, h] (x + ε_k), ε_k normal: gradient x input, smoothed.

    Args:
        model, preprocessor, texts, target: as in `gradient_x_input`.
        samples: int > 0. Number of noisy copies. Defaults to 32.
        noise: float ≥ 0. Standard deviation of ε, as a share of max(x) - min(x). Defaults to 0.1.
        seed: int. Of the noise, the same for every text. Defaults to 0.
        batch_size: int > 0. Copies in one pass. Defaults to 32.

    Returns:
        An Attribution for each text.

    Raises:
        ValueError: as in `gradient_x_input`, or if `samples` or `noise` is out of range.

    Example:
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=3)
        >>> [found] = smooth_grad(classifier, preprocessor, ["Hi"], samples=4)
        >>> found.scores.shape
        (3,)

    Reference:
        Smilkov et al. 2017, SmoothGrad (arXiv:1706.03825).
    """
    if samples < 1 or noise < 0:
        raise ValueError(f"`samples` must be positive and `noise` not negative. Received: {samples} and {noise}.")
    found = []
    for each in explained_texts(model, preprocessor, texts, target):
        embedded = each.embed(each.pieces.token_ids[None])[0]
        scale = noise * (embedded.max() - embedded.min())
        moves = np.random.default_rng(seed).normal(scale=scale, size=(samples, *embedded.shape)).astype("float32")
        gradients = in_batches(each.gradients, embedded + moves, batch_size)
        found.append(each.attribution("smooth_grad", (embedded * gradients.mean(0)).sum(-1)))
    return found
