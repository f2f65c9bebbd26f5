"""The attribution whose scores add up to the change of the logit."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.explained import explained_texts, in_batches
from keras_bert_layers.interpret.pieces import replacement_id, special_places
from keras_bert_layers.interpret.target import Target

_BASELINES = ("pad", "mask")


def integrated_gradients(
    model: keras.Model,
    preprocessor,
    texts: Sequence[str | tuple[str, str]],
    target: Target = None,
    *,
    baseline: str = "pad",
    steps: int = 64,
    rule: str = "gauss_legendre",
    batch_size: int = 32,
) -> list[Attribution]:
    """score_s = Σ_h (x - x′)[s, h] ∫₀¹ ∂ logit / ∂ x[s, h] (x′ + α (x - x′)) dα, x the output of the embeddings.

    The scores add up to logit(x) - logit(x′); by how much a finite number of steps misses that is `delta`.

    Args:
        model, preprocessor, texts, target: as in `gradient_x_input`.
        baseline: x′: the text with every word's pieces replaced by `"pad"` ([PAD]) or `"mask"` ([MASK]), special
            tokens, segments and positions left as they are. Defaults to `"pad"`.
        steps: int > 0. Points at which the gradient is taken. Defaults to 64.
        rule: of the integral: `"gauss_legendre"`, `"midpoint"` or `"trapezoid"` (Riemann sums). Defaults to
            `"gauss_legendre"`.
        batch_size: int > 0. Points in one pass. Defaults to 32.

    Returns:
        An Attribution for each text, with `baseline_logit` and `delta`.

    Raises:
        ValueError: as in `gradient_x_input`, or if a setting is unknown.

    Example:
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=3)
        >>> [found] = integrated_gradients(classifier, preprocessor, ["Hi"], target=0, steps=8)
        >>> bool(abs(found.scores.sum() - (found.logit - found.baseline_logit)) < 1e-4)
        True

    Reference:
        Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks (arXiv:1703.01365).
    """
    if baseline not in _BASELINES:
        raise ValueError(f"`baseline` must be one of {', '.join(map(repr, _BASELINES))}. Received: {baseline!r}.")
    points, weights = integration_points(rule, steps)
    found = []
    for each in explained_texts(model, preprocessor, texts, target):
        ids = each.pieces.token_ids
        special = special_places(preprocessor, each.pieces)
        without = np.where(special, ids, replacement_id(preprocessor, baseline)).astype("int32")
        start, end = each.embed(np.stack([without, ids]))

        def gradients_at(alphas, start=start, end=end, each=each):
            return each.gradients(start + alphas[:, None, None] * (end - start))

        gradients = in_batches(gradients_at, points, batch_size)
        scores = ((end - start) * np.tensordot(weights, gradients, 1)).sum(-1)
        found.append(each.attribution("integrated_gradients", scores, float(each.logits(without[None])[0])))
    return found


def integration_points(rule: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Points in [0, 1] and their weights, float32 [steps] each: ∫₀¹ f ≈ Σ weight · f(point)."""
    if steps < 1 or (rule == "trapezoid" and steps < 2):
        raise ValueError(f"`steps` must be at least 1, and 2 for the trapezoid rule. Received: {steps}.")
    if rule == "gauss_legendre":
        points, weights = np.polynomial.legendre.leggauss(steps)
        points, weights = (points + 1) / 2, weights / 2
    elif rule == "midpoint":
        points, weights = (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)
    elif rule == "trapezoid":
        points, weights = np.linspace(0, 1, steps), np.full(steps, 1 / (steps - 1))
        weights[[0, -1]] /= 2
    else:
        raise ValueError(f'`rule` must be "gauss_legendre", "midpoint" or "trapezoid". Received: {rule!r}.')
    return points.astype("float32"), weights.astype("float32")
