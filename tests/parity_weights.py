"""What every parity test does with weights: make them random, and read one by its attribute path."""

import operator

import numpy as np


def randomized(layer, seed=5, scale=0.4):
    """The built layer or model with every weight drawn anew, biases and normalizations too."""
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=scale, size=weight.shape) for weight in layer.get_weights()])
    return layer


def variable(layer, path):
    """The variable at `path`, such as "attention.query.kernel" or "blocks.0.feed_forward.inner.bias"."""
    for name in path.split("."):
        layer = layer[int(name)] if name.isdigit() else operator.attrgetter(name)(layer)
    return layer


def letters(layer, table):
    """The layer's weights in float64 under the papers' letters: {letter: attribute path} -> {letter: array}."""
    return {letter: np.asarray(variable(layer, path), "float64") for letter, path in table.items()}


def assert_names_every_weight(layer, paths):
    """A table that leaves out a weight, or names one twice, would compare less than it says."""
    named = [id(variable(layer, path)) for path in paths]
    assert sorted(named) == sorted(id(weight) for weight in layer.weights)
