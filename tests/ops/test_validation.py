"""Range checks: silent on good values, exact about bad ones, harmless where there is nothing to check."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import ops


def check(values, size, lower=0):
    return ops.check_range(values, size, "A thing is wrong.", "Mend it.", lower=lower)


@pytest.mark.parametrize("values", [[], [[]], [0], [4], [[0, 4], [2, 3]]], ids=str)
def test_values_in_range_come_back_unchanged(values):
    values = np.array(values, "int32")
    np.testing.assert_array_equal(check(values, 5), values)
    np.testing.assert_array_equal(tf.function(lambda x: check(x, 5))(tf.constant(values)), values)


@pytest.mark.parametrize(
    ("values", "lower", "message"),
    [
        ([0, 5], 0, "A thing is wrong. Expected values from 0 below 5. Received values from 0 to 5. Mend it."),
        ([-1, 2], 0, "A thing is wrong. Expected values from 0 below 5. Received values from -1 to 2. Mend it."),
        ([-9, 7], None, "A thing is wrong. Expected values below 5. Received values from -9 to 7. Mend it."),
    ],
)
def test_the_error_says_what_is_wrong_what_was_expected_what_came_and_what_to_do(values, lower, message):
    with pytest.raises(ValueError, match="thing") as error:
        check(np.array(values), 5, lower)
    assert str(error.value) == message


def test_without_a_lower_bound_negative_values_pass():
    np.testing.assert_array_equal(check(np.array([-3, 4]), 5, lower=None), [-3, 4])


def test_an_error_inside_a_graph_says_the_same():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)A thing is wrong.*Received values from.*Mend it"):
        tf.function(lambda x: check(x, 5))(tf.constant([7]))


def test_compiled_code_leaves_the_check_out():
    assert int(tf.function(lambda x: check(x, 5), jit_compile=True)(tf.constant(7))) == 7
