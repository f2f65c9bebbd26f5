"""What can be read, by a linear classifier, from the hidden states of every layer."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_bert_layers.interpret.attention_model import attention_model

_POOLINGS = ("cls", "mean")
Examples = tuple[dict[str, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Probes:
    """How well each layer's hidden states tell a property.

    Args:
        accuracy: float32 [L + 1]: on the test examples, of the embeddings and every layer.
        control: float32 [L + 1]: the same for labels drawn at random: what a probe learns by heart.
        majority: float. The share of the most frequent training class in the test examples.

    Example:
        >>> probes = Probes(np.array([0.5, 0.9]), np.array([0.5, 0.6]), majority=0.5)
        >>> probes.selectivity.round(1).tolist()
        [0.0, 0.3]
    """

    accuracy: np.ndarray
    control: np.ndarray
    majority: float

    @property
    def selectivity(self) -> np.ndarray:
        """`accuracy` - `control`: what is due to the hidden states."""
        return self.accuracy - self.control


def probe_layers(
    model: keras.Model,
    train: Examples,
    test: Examples,
    *,
    pooling: str = "mean",
    epochs: int = 50,
    batch_size: int = 64,
    learning_rate: float = 1e-2,
    seed: int = 0,
) -> Probes:
    """softmax(W_l x_l + b_l) trained on the frozen hidden states x_l of each layer l: multinomial logistic regression.

    All layers are trained in one `fit`, each with weights of its own, on states that are standardized by the training
    examples. The control task has random labels, one for each token id (of texts: for each text), drawn with the
    frequencies of the true ones.

    Args:
        model: as in `attention_model`.
        train, test: features by name, [R, S] each, and labels: int [R], one for a text, or int [R, S], one for a token
            (-1: none; padding has none).
        pooling: of labels for a text: `"mean"` over the real tokens, or `"cls"`, the first. Defaults to `"mean"`.
        epochs, batch_size, learning_rate: of the fit by Adam. Default to 50, 64 and 0.01.
        seed: int. Of the probes' weights and of the control task. Defaults to 0.

    Returns:
        Probes: accuracies on `test`.

    Raises:
        ValueError: if labels and features do not belong together, or `pooling` is unknown.

    Example:
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> ids = np.array([[2, 5, 3], [2, 6, 3]])
        >>> examples = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}, np.array([0, 1])
        >>> probe_layers(models.bert_encoder(config), examples, examples, epochs=2).accuracy.shape
        (3,)

    Reference:
        Alain and Bengio 2016 (arXiv:1610.01644); Tenney et al. 2019, BERT Rediscovers the Classical NLP Pipeline
        (arXiv:1905.05950); control tasks: Hewitt and Liang 2019 (arXiv:1909.03368).
    """
    if pooling not in _POOLINGS:
        raise ValueError(f"`pooling` must be one of {', '.join(_POOLINGS)}. Received: {pooling!r}.")
    seen = attention_model(model)
    states_of = keras.Model(seen.input, seen.output["hidden_states"])
    (x, y, keys), (x_test, y_test, keys_test) = (
        _states(states_of, *examples, pooling, batch_size) for examples in (train, test)
    )
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    x, x_test = (x - mean) / deviation, (x_test - mean) / deviation
    rng = np.random.default_rng(seed)
    control, control_test = _control(rng, y, keys, keys_test)
    num_classes = int(max(y.max(), y_test.max())) + 1
    settings = (num_classes, epochs, batch_size, learning_rate, seed)
    return Probes(
        accuracy=_accuracy(x, y, x_test, y_test, *settings),
        control=_accuracy(x, control, x_test, control_test, *settings),
        majority=float(np.mean(y_test == np.bincount(y).argmax())),
    )


def _states(states_of, features, labels, pooling, batch_size):
    """The examples of the probes: states [R, L + 1, H], labels [R], and what the control task goes by."""
    labels = np.asarray(labels)
    features = {name: np.asarray(features[name]) for name in states_of.input}
    mask = features["padding_mask"].astype(bool)
    if labels.shape not in (mask.shape, mask.shape[:1]):
        raise ValueError(
            f"Labels are int [R], one for a text, or [R, S], one for a token. Received labels of shape {labels.shape} "
            f"for features of shape {mask.shape}."
        )
    found = []
    for begin in range(0, len(mask), batch_size):
        rows = slice(begin, begin + batch_size)
        states = keras.ops.convert_to_numpy(states_of({name: value[rows] for name, value in features.items()}))
        states = np.moveaxis(states, 1, 2)
        if labels.ndim == 2:
            found.append(states[mask[rows] & (labels[rows] >= 0)])
        elif pooling == "cls":
            found.append(states[:, 0])
        else:
            weights = mask[rows][:, :, None, None]
            found.append((states * weights).sum(1) / np.maximum(weights.sum(1), 1))
    chosen = mask & (labels >= 0) if labels.ndim == 2 else slice(None)
    keys = features["token_ids"][chosen] if labels.ndim == 2 else None
    return np.concatenate(found), labels[chosen], keys


def _control(rng, labels, keys, keys_test):
    if keys is None:
        return rng.choice(labels, len(labels)), None
    drawn = rng.choice(labels, int(max(keys.max(), keys_test.max())) + 1)
    return drawn[keys], drawn[keys_test]


def _accuracy(x, y, x_test, y_test, num_classes, epochs, batch_size, learning_rate, seed):
    if y_test is None:
        # A text that was not seen has no label in the control task but one drawn anew.
        y_test = np.random.default_rng(seed + 1).choice(y, len(x_test))
    initializer = keras.initializers.GlorotUniform(seed=seed)
    shape = x.shape[1:]
    probe = keras.layers.EinsumDense("blh,lhc->blc", (shape[0], num_classes), None, "lc", initializer, dtype="float32")
    probes = keras.Sequential([keras.Input(shape), probe])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    probes.compile(keras.optimizers.Adam(learning_rate), loss)
    order = np.random.default_rng(seed).permutation(len(x))
    # Adam has a step size for each weight: that the loss is a mean over the layers makes no difference to any of them.
    repeated = np.tile(y[order, None], (1, shape[0]))
    probes.fit(x[order], repeated, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0)
    return np.mean(probes.predict(x_test, verbose=0).argmax(-1) == y_test[:, None], 0).astype("float32")
