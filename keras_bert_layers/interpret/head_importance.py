"""What each attention head is worth, by the loss without it."""

from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from keras_bert_layers.interpret.head_masked_model import head_masked_model, heads_of

Loss = str | keras.losses.Loss | Callable


def head_importance(model: keras.Model, batches: Iterable, loss: Loss, normalize: bool = True) -> np.ndarray:
    """I_{l,n} = mean over the examples of |∂ loss / ∂ ξ_{l,n}| at ξ = 1, the factor of head n's output in layer l.

    One pass forward and back for all heads. It is what the loss would change by, to first order, if the head were
    taken away.

    Args:
        model: as in `head_masked_model`.
        batches: the examples, (features, labels) or (features, labels, sample_weight) as `fit` takes them: a
            tf.data.Dataset that ends, or a list.
        loss: a Keras loss or its name, or a function (labels, outputs) -> [B, ...].
        normalize: bool. Whether each layer's values are divided by their root of the sum of squares, as in the paper,
            where layers are of unlike size. Defaults to `True`.

    Returns:
        float32 [L, N]; NaN for heads that a block lacks where blocks differ in their number.

    Raises:
        ValueError: if the model has no such heads, or `batches` is empty.

    Example:
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=2)
        >>> ids = np.array([[2, 5, 3], [2, 6, 3]])
        >>> features = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
        >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> head_importance(classifier, [(features, np.array([0, 1]))], loss).shape
        (2, 2)

    Reference:
        Michel et al. 2019, Are Sixteen Heads Really Better than One? (arXiv:1905.10650), section 4.1 and eq. 2.
    """
    masked, sizes = head_masked_model(model), heads_of(model)
    total, count = np.zeros((len(sizes), max(sizes))), 0
    for batch in batches:
        features, labels, weight = keras.utils.unpack_x_y_sample_weight(batch)
        inputs = _inputs(model, features)
        examples = len(next(iter(inputs.values())))
        factors = tf.ones((examples, *total.shape))
        with tf.GradientTape() as tape:
            tape.watch(factors)
            # Each example has its own factors: the gradient of the sum of losses holds that of every single one.
            losses = _losses(loss, labels, masked({**inputs, "head_mask": factors}), weight)
        total += np.abs(tape.gradient(losses, factors)).sum(0)
        count += examples
    importance = total / _some(count)
    if normalize:
        importance /= np.maximum(np.sqrt((importance**2).sum(-1, keepdims=True)), 1e-20)
    return _without_missing(importance, sizes)


def head_ablation(model: keras.Model, batches: Iterable, loss: Loss) -> np.ndarray:
    """The mean loss without each head, less the mean loss with all: positive where a head is needed.

    It takes a pass over the examples for every head, and asks for no approximation.

    Args:
        model, loss: as in `head_importance`.
        batches: as in `head_importance`, gone through once.

    Returns:
        float32 [L, N]; NaN for heads that a block lacks where blocks differ in their number.

    Raises:
        ValueError: as in `head_importance`.

    Example:
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> tagger = models.token_classifier(models.bert_encoder(config), num_classes=2)
        >>> ids = np.array([[2, 5, 3]])
        >>> features = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
        >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> head_ablation(tagger, [(features, np.array([[0, 1, 0]]))], loss).shape
        (2, 2)

    Reference:
        Michel et al. 2019, Are Sixteen Heads Really Better than One? (arXiv:1905.10650), section 3.2.
    """
    masked, sizes = head_masked_model(model), heads_of(model)
    shape = (len(sizes), max(sizes))
    change, count = np.zeros(shape), 0
    for batch in batches:
        features, labels, weight = keras.utils.unpack_x_y_sample_weight(batch)
        inputs = _inputs(model, features)
        examples = len(next(iter(inputs.values())))

        def total(factors, inputs=inputs, labels=labels, weight=weight, examples=examples):
            tiled = tf.constant(np.tile(factors, (examples, 1, 1)), "float32")
            return float(tf.reduce_sum(_losses(loss, labels, masked({**inputs, "head_mask": tiled}), weight)))

        whole = total(np.ones(shape))
        for layer, size in enumerate(sizes):
            for head in range(size):
                factors = np.ones(shape)
                factors[layer, head] = 0
                change[layer, head] += total(factors) - whole
        count += examples
    return _without_missing(change / _some(count), sizes)


def weakest_heads(importance: np.ndarray, count: int) -> dict[int, list[int]]:
    """The `count` heads with the least importance of all layers, of which each keeps one: what to prune.

    Args:
        importance: float [L, N], of `head_importance` or `head_ablation`.
        count: int. How many heads.

    Returns:
        Layer -> its heads, as `compress.prune_heads` takes them.

    Raises:
        ValueError: if so many heads cannot go.

    Example:
        >>> weakest_heads(np.array([[0.1, 0.2], [0.9, 0.3]]), count=2)
        {0: [0], 1: [1]}
    """
    importance = np.asarray(importance)
    left = (~np.isnan(importance)).sum(-1)
    if not 0 <= count <= (left - 1).sum():
        raise ValueError(
            f"`count` must be from 0 to {(left - 1).sum()}, since each of the {len(left)} layers keeps one of its "
            f"heads. Received: {count}."
        )
    found: dict[int, list[int]] = {}
    for place in np.argsort(importance, axis=None, kind="stable"):  # NaN comes last
        layer, head = (int(each) for each in np.unravel_index(place, importance.shape))
        if sum(map(len, found.values())) == count:
            break
        if left[layer] > 1:
            found.setdefault(layer, []).append(head)
            left[layer] -= 1
    return {layer: sorted(found[layer]) for layer in sorted(found)}


def _inputs(model, features):
    names = model.input if isinstance(model.input, dict) else [x.name for x in keras.tree.flatten(model.input)]
    if not isinstance(features, dict):
        features = dict(zip(names, keras.tree.flatten(features), strict=True))
    return {name: tf.convert_to_tensor(features[name]) for name in names}


def _losses(loss, labels, outputs, weight):
    """The loss of every example, [B]: the mean over its positions, where it has several."""
    loss = keras.losses.get(loss)
    values = loss.call(labels, outputs) if isinstance(loss, keras.losses.Loss) else loss(labels, outputs)
    values = tf.cast(values, "float32")
    if weight is not None:
        weight = tf.cast(weight, "float32")
        values *= tf.reshape(weight, (*weight.shape, *[1] * (len(values.shape) - len(weight.shape))))
    return tf.reduce_mean(tf.reshape(values, (tf.shape(values)[0], -1)), -1)


def _some(count):
    if not count:
        raise ValueError("`batches` is empty: the worth of a head is measured on examples.")
    return count


def _without_missing(values, sizes):
    for layer, size in enumerate(sizes):
        values[layer, size:] = np.nan
    return values.astype("float32")
