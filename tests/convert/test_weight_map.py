"""The strict engine: every tensor and every weight has one partner, and a difference is named."""

import keras
import numpy as np
import pytest

from keras_bert_layers import layers
from keras_bert_layers.convert.layouts import JOINED, SAME, STACKED, TRANSPOSED, heads_in, heads_out
from keras_bert_layers.convert.tensor_files import Arrays
from keras_bert_layers.convert.weight_map import Rule, Table, collect, match

KERNEL = Rule(("dense.kernel",), "d.weight", TRANSPOSED)
BIAS = Rule(("dense.bias",), "d.bias")


def model(units=3):
    inputs = keras.Input((2,))
    return keras.Model(inputs, layers.Linear(units, name="dense")(inputs), name="tiny")


def table(**settings):
    return Table({"dense": [KERNEL, BIAS], "other": [Rule(("other.kernel",), "o.weight")]}, **settings)


def arrays(**changes):
    values = {"d.weight": np.arange(6, dtype="float32").reshape(3, 2), "d.bias": np.ones(3, "float32")} | changes
    return Arrays("the file", {name: value for name, value in values.items() if value is not None})


def test_a_filled_model_has_the_values_of_the_checkpoint():
    there = model()
    match(there, table(), arrays()).assign()
    np.testing.assert_array_equal(there.get_layer("dense").kernel, [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(there.get_layer("dense").bias, [1, 1, 1])


def test_what_is_collected_is_what_was_read():
    there = model()
    match(there, table(), arrays()).assign()
    collected = collect(there, table())
    assert set(collected) == {"d.weight", "d.bias"}
    np.testing.assert_array_equal(collected["d.weight"], arrays().read("d.weight"))


def test_weights_made_without_a_value_begin_with_the_checkpoint():
    with keras.StatelessScope():
        there = model()
        match(there, table(), arrays()).initialize()
    np.testing.assert_array_equal(there.get_layer("dense").kernel, [[0, 2, 4], [1, 3, 5]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_float_dtypes_are_cast(dtype):
    tensors = arrays(**{"d.bias": keras.ops.convert_to_numpy(keras.ops.ones(3)).astype(_dtype(dtype))})
    there = model()
    match(there, table(), tensors).assign()
    assert there.get_layer("dense").bias.dtype == "float32"
    np.testing.assert_array_equal(there.get_layer("dense").bias, [1, 1, 1])


def _dtype(name):
    import ml_dtypes

    return getattr(ml_dtypes, name) if name == "bfloat16" else name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d.bias": None}, r"missing 'd.bias' \(for dense.bias\)"),
        ({"stranger": np.ones(2, "float32")}, r"unexpected 'stranger' of shape \[2\]"),
        ({"d.bias": np.ones(4, "float32")}, r"'d.bias' must have shape \[3\] \(for dense.bias\), found \[4\]"),
        ({"d.weight": np.ones((2, 3), "float32")}, r"'d.weight' must have shape \[3, 2\] .*, found \[2, 3\]"),
        ({"d.bias": np.ones(3, "int32")}, r"'d.bias' must be of a float dtype, found int32"),
    ],
)
def test_a_difference_is_named_with_what_was_expected_and_found(changes, message):
    there = model()
    before = [weight.numpy() for weight in there.weights]
    with pytest.raises(ValueError, match=r"(?s)the file does not fit.*" + message):
        match(there, table(), arrays(**changes)).assign()
    for weight, value in zip(there.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_many_differences_are_counted_and_the_first_ones_shown():
    strangers = {f"stranger{number}": np.ones(1, "float32") for number in range(11)}
    with pytest.raises(ValueError, match=r"(?s)'stranger0'.*and 3 more"):
        match(model(), table(), arrays(**strangers))


@pytest.mark.parametrize(
    ("settings", "extra", "reason"),
    [
        ({"ignored": {r"step": "a counter"}}, "step", "a counter"),
        ({}, "o.weight", "belongs to the part 'other', which this model has not"),
        ({"copies": {"again": "d.bias"}}, "again", "a copy of d.bias"),
    ],
)
def test_a_tensor_that_is_not_read_has_its_reason(settings, extra, reason):
    filling = match(model(), table(**settings), arrays(**{extra: np.ones(3, "float32")}))
    assert filling.ignored == {extra: reason}


def test_the_user_can_leave_a_tensor_out_by_name():
    tensors = arrays(**{"my.head.weight": np.ones(1, "float32")})
    assert match(model(), table(), tensors, ignore=[r"my\.head\..*"]).ignored == {
        "my.head.weight": "left out by `ignore`"
    }


def test_a_copy_that_differs_is_an_error():
    with pytest.raises(ValueError, match=r"'again' in the file must repeat 'd.bias'.*differs"):
        match(model(), table(copies={"again": "d.bias"}), arrays(again=np.zeros(3, "float32")))


def test_a_copy_stands_in_for_the_tensor_it_repeats():
    there = model()
    tensors = arrays(**{"d.bias": None, "again": np.full(3, 7, "float32")})
    match(there, table(copies={"again": "d.bias"}), tensors).assign()
    np.testing.assert_array_equal(there.get_layer("dense").bias, [7, 7, 7])


def test_older_spellings_are_read():
    tensors = arrays(**{"d.bias": None, "d.beta": np.full(3, 7, "float32")})
    match(model(), table(renamed={r"\.beta$": ".bias"}), tensors)


def test_two_spellings_of_one_tensor_are_an_error():
    with pytest.raises(ValueError, match=r"holds 'd.bias' and 'd.beta', two names for one tensor"):
        match(model(), table(renamed={r"\.beta$": ".bias"}), arrays(**{"d.beta": np.ones(3, "float32")}))


def test_a_layer_without_a_place_in_the_format_is_named():
    inputs = keras.Input((2,))
    stranger = keras.Model(inputs, layers.Linear(3, name="stranger")(inputs))
    with pytest.raises(ValueError, match=r"weights in the layer\(s\) stranger, .* It has: dense, other"):
        collect(stranger, table())


def test_a_weight_that_the_table_forgets_is_an_error():
    with pytest.raises(ValueError, match=r"dense/bias \(0\)"):
        match(model(), Table({"dense": [KERNEL]}), arrays(**{"d.bias": None}))


def test_a_fresh_part_keeps_its_weights():
    there = model()
    before = there.get_layer("dense").kernel.numpy()
    match(there, table(), Arrays("nothing", {}), fresh=["dense"]).assign()
    np.testing.assert_array_equal(there.get_layer("dense").kernel, before)


@pytest.mark.parametrize(
    ("layout", "shapes", "there"),
    [
        (SAME, [(2, 3)], (2, 3)),
        (TRANSPOSED, [(2, 3)], (3, 2)),
        (STACKED, [(2, 4), (2, 4), (2, 4)], (12, 2)),
        (JOINED, [(4,), (4,)], (8,)),
        (heads_out(2), [(3, 8)], (3, 2, 4)),
        (heads_out(2), [(8,)], (2, 4)),
        (heads_in(2), [(8, 3)], (2, 4, 3)),
    ],
)
def test_a_layout_writes_what_it_reads(layout, shapes, there):
    tensor = np.random.default_rng(0).normal(size=there)
    assert tuple(layout.shape(shapes)) == there
    weights = layout.read(tensor, shapes)
    assert [weight.shape for weight in weights] == shapes
    np.testing.assert_array_equal(layout.write(weights), tensor)


def test_stacked_matrices_are_cut_in_their_order():
    query, key = STACKED.read(np.array([[1.0, 2.0], [3.0, 4.0]]), [(2, 1), (2, 1)])
    assert (query.ravel().tolist(), key.ravel().tolist()) == ([1, 2], [3, 4])


def test_a_spare_stands_in_for_an_absent_tensor_and_has_no_effect_beside_it():
    spares = table(spares={"d.spare": "d.bias"})
    for tensors, expected in [
        (arrays(**{"d.bias": None, "d.spare": np.full(3, 2, "float32")}), 2),
        (arrays(**{"d.spare": np.full(3, 2, "float32")}), 1),
    ]:
        there = model()
        filling = match(there, spares, tensors)
        filling.assign()
        np.testing.assert_array_equal(there.get_layer("dense").bias, np.full(3, expected))
    assert filling.ignored == {"d.spare": "without effect beside d.bias"}
    collected = collect(there, spares)
    np.testing.assert_array_equal(collected["d.spare"], collected["d.bias"])


@pytest.mark.parametrize("layout", [TRANSPOSED, SAME])
def test_what_is_collected_lies_in_the_order_of_c(layout):
    """Files of tensors are written from the bytes as they lie in memory."""
    rule = Rule(("dense.kernel",), "d.weight", layout)
    assert collect(model(), Table({"dense": [rule, BIAS]}))["d.weight"].flags.c_contiguous


def test_stacked_matrices_are_collected_in_the_order_of_c():
    inputs = keras.Input((2,))
    three = [layers.Linear(3, use_bias=False, name=name)(inputs) for name in ("dense", "other", "third")]
    stacked = Rule(("dense.kernel", "other.kernel", "third.kernel"), "qkv", STACKED)
    collected = collect(keras.Model(inputs, three), Table({"dense": [stacked], "other": [], "third": []}))["qkv"]
    assert collected.shape == (9, 2)
    assert collected.flags.c_contiguous
