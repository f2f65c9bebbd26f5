"""Whether a SavedModel answers like the model it was made from."""

import numpy as np
import tensorflow as tf

# Lengths, cases, scripts, special tokens and nothing at all: what a preprocessing that got lost would stumble over.
PROBES = (
    "",
    "a",
    "The quick brown fox jumps over the lazy dog.",
    "Crème brûlée, naïve Straße; 100 %!",
    "我喜欢自然语言处理。",
    "[CLS] [SEP] [MASK] not\tplain\n text 🙂",
    "long " * 600,
)
# Largest difference, relative to the largest value: a graph may round in another order than eager execution does.
TOLERANCES = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}


def compare_with_model(loaded, signatures: dict, preprocessor, compute_dtype: str) -> None:
    """Calls every signature of the reloaded SavedModel on fixed texts and compares with its own function.

    Args:
        loaded: what `tf.saved_model.load` returned.
        signatures: name -> (function, input signature), as they were exported.
        preprocessor: makes the inputs of `token_ids` from the texts.
        compute_dtype: of the model; it sets the tolerance.

    Raises:
        ValueError: if a number differs by more than the tolerance (1e-4 in float32), or, in float32, a string differs.
    """
    texts = tf.constant(PROBES)
    for name, (function, (specs,)) in signatures.items():
        features = dict.fromkeys(specs, texts) if "text" in specs else preprocessor(texts)
        inputs = {key: features[key] for key in specs}
        expected = function(inputs)
        served = loaded.signatures[name](**inputs)
        for key, value in expected.items():
            if value.dtype != tf.string:
                _compare(f"`{key}` of the signature `{name}`", served[key], value, TOLERANCES[compute_dtype])
            elif compute_dtype == "float32" and not np.array_equal(served[key], value):
                raise ValueError(_DIFFERENT.format(what=f"`{key}` of the signature `{name}`", gap="other strings"))


_DIFFERENT = (
    "The exported SavedModel does not answer like the model: {what} shows {gap}. Nothing was written. A layer of the "
    "model may depend on Python state that a graph does not keep."
)


def _compare(what, served, expected, tolerance):
    gap = float(np.max(np.abs(np.subtract(served, expected)), initial=0.0))
    allowed = tolerance * max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    if not gap <= allowed:  # also when it is not a number
        raise ValueError(_DIFFERENT.format(what=what, gap=f"a difference of {gap:.2g}, {allowed:.2g} is allowed"))
