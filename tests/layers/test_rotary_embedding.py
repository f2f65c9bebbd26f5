"""Rotary positions against complex numbers, keras-hub, and what they are for: products that know the distance only."""

import inspect

import keras
import keras_hub
import numpy as np
import pytest

from keras_bert_layers import layers

BATCH, LENGTH, HEADS, SIZE = 2, 6, 3, 8
X = np.random.default_rng(0).normal(size=(BATCH, LENGTH, HEADS, SIZE)).astype("float32")
POSITIONS = np.array([[0, 1, 2, 0, 1, 2], [5, 4, 900, 0, 7, 31]], "int32")


def turned_on_the_complex_plane(x, positions, max_wavelength=10000.0):
    """The pair of a feature and the one half the features further is a number, turned by m θ_k (RoFormer eq. 12)."""
    half = x.shape[-1] // 2
    numbers = x[..., :half].astype("complex128") + 1j * x[..., half:]
    angles = positions[..., None] * np.array([max_wavelength ** (-k / half) for k in range(half)])
    turned = numbers * np.exp(1j * angles)[:, :, None]
    return np.concatenate([turned.real, turned.imag], axis=-1)


@pytest.mark.parametrize("max_wavelength", [10, 10000, 160000.0])
@pytest.mark.parametrize("name", ["positions", "position_ids"])
def test_each_pair_is_a_complex_number_turned_by_its_position(max_wavelength, name):
    actual = layers.RotaryEmbedding(max_wavelength)(X, **{name: POSITIONS})
    np.testing.assert_allclose(actual, turned_on_the_complex_plane(X, POSITIONS, max_wavelength), rtol=0, atol=1e-4)


def test_without_positions_they_count_from_the_start_index():
    counted = np.tile(np.arange(LENGTH), (BATCH, 1))
    rotary = layers.RotaryEmbedding()
    np.testing.assert_allclose(rotary(X), turned_on_the_complex_plane(X, counted), rtol=0, atol=1e-5)
    expected = turned_on_the_complex_plane(X, counted + 7)
    np.testing.assert_allclose(rotary(X, start_index=7), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(rotary(X, start_index=keras.ops.array(7)), expected, rtol=0, atol=1e-5)


def test_products_of_turned_vectors_depend_on_the_distance_alone():
    query, key = X[:1, :1, :1], X[1:, :1, :1]
    rotary = layers.RotaryEmbedding(100)

    def product(i, j):
        at = [rotary(x, positions=np.array([[m]])) for x, m in ((query, i), (key, j))]
        return float(np.sum(at[0] * at[1]))

    assert product(3, 1) == pytest.approx(product(12, 10), abs=1e-4)
    assert abs(product(3, 1) - product(12, 11)) > 1e-2


ARGUMENTS = {
    "defaults": {},
    "long": {"max_wavelength": 160000.0},
    "linear": {"scaling_factor": 4.0},
    "dynamic": {"scaling_factor": 4.0, "rope_type": "dynamic"},
    "denominator": {"denominator_dim": 32},
    "yarn": {"scaling_factor": 8.0, "rope_type": "yarn", "original_max_position_embeddings": 64},
    "yarn_not_truncated": {
        "max_wavelength": 500,
        "scaling_factor": 2.0,
        "rope_type": "yarn",
        "beta_fast": 4.0,
        "beta_slow": 0.5,
        "original_max_position_embeddings": 100,
        "truncate": False,
    },
}


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.parametrize(
    "call",
    [{}, {"start_index": 5}, {"positions": np.array([4, 0, 2, 9, 9, 1])}, {"positions": POSITIONS % 40}],
    ids=["counted", "start", "one_row", "rows"],
)
def test_it_equals_that_of_keras_hub(arguments, call):
    ours, theirs = layers.RotaryEmbedding(**arguments), keras_hub.layers.RotaryEmbedding(**arguments)
    np.testing.assert_allclose(ours(X, **call), theirs(X, **call), rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((BATCH, LENGTH, SIZE), {}),
        ((BATCH, HEADS, LENGTH, SIZE), {"sequence_axis": 2}),
        ((BATCH, SIZE, LENGTH), {"sequence_axis": -1, "feature_axis": 1}),
        ((LENGTH, BATCH, SIZE), {"sequence_axis": 0}),
        ((BATCH, SIZE, HEADS, LENGTH), {"sequence_axis": 3, "feature_axis": 1}),
    ],
)
def test_the_axes_are_those_of_keras_hub(shape, axes):
    x = np.random.default_rng(1).normal(size=shape).astype("float32")
    ours, theirs = layers.RotaryEmbedding(**axes), keras_hub.layers.RotaryEmbedding(**axes)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=0, atol=1e-5)
    assert ours(keras.Input(shape[1:])).shape == (None, *shape[1:])


@pytest.mark.parametrize("method", ["__init__", "call"])
def test_every_argument_of_keras_hub_is_accepted_in_the_same_order(method):
    ours, theirs = (
        list(inspect.signature(getattr(source.RotaryEmbedding, method)).parameters)
        for source in (layers, keras_hub.layers)
    )
    theirs = [argument for argument in theirs if argument != "kwargs"]
    assert ours[: len(theirs)] == theirs


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_rounds_the_result_and_not_the_angle(policy):
    """In bfloat16 position 4001 would be 4000."""
    positions = np.array([[4001, 3999, 257, 8191, 1, 0]] * BATCH)
    dtype = policy.removeprefix("mixed_")
    rounded = keras.ops.cast(X, dtype)
    actual = layers.RotaryEmbedding(dtype=policy)(rounded, positions=positions)
    exact = turned_on_the_complex_plane(np.asarray(keras.ops.cast(rounded, "float32")), positions)
    assert actual.dtype == dtype
    np.testing.assert_allclose(keras.ops.cast(actual, "float32"), exact, rtol=2**-8, atol=4e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_wavelength": 1}, "`max_wavelength` above 1.*max_wavelength=1,"),
        ({"scaling_factor": 0.0}, "positive `scaling_factor`.*scaling_factor=0.0"),
        ({"rope_type": "longrope"}, "one of linear, dynamic, yarn. Received: 'longrope'"),
        ({"denominator_dim": 0}, "`denominator_dim` of RotaryEmbedding must be a positive integer"),
    ],
)
def test_a_bad_argument_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.RotaryEmbedding(**arguments)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((6, 8), {}), ((1, 6, 8), {"sequence_axis": 2}), ((1, 6, 8), {"feature_axis": 4}), ((1, 6, 7), {})],
)
def test_a_shape_without_positions_or_pairs_is_refused(shape, axes):
    with pytest.raises(ValueError, match=r"a feature axis of even size. Received: shape="):
        layers.RotaryEmbedding(**axes)(np.zeros(shape, "float32"))
