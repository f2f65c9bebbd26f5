"""Contract: a bad call is refused with words that say what was expected and what came, eagerly and in a graph."""

import pytest
import tensorflow as tf
from registry import CASES

mistakes = pytest.mark.parametrize(
    ("case", "inputs", "message"),
    [
        pytest.param(case, inputs, message, id=f"{case.name}-{number}")
        for case in CASES
        for number, (inputs, message) in enumerate(case.wrong)
    ],
)


@mistakes
def test_a_bad_call_is_a_value_error(case, inputs, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        case.build()(**inputs)


@mistakes
def test_a_bad_call_inside_a_graph_names_what_is_wrong(case, inputs, message):
    layer = case.build()
    words = message.split(" .* ")[0]  # numbers stand apart in the message of an assertion
    signature = {
        name: tf.TensorSpec([None] * value.ndim if value.dtype.kind == "i" else value.shape, value.dtype)
        for name, value in inputs.items()
    }
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=f"(?s){words}"):
        tf.function(lambda values: layer(**values), input_signature=[signature])(
            {name: tf.constant(value) for name, value in inputs.items()}
        )
