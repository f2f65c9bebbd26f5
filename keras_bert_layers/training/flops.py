"""How many floating-point operations training takes, and how many a device can do."""

import tensorflow as tf

# Dense peaks in TFLOP/s, as the data sheets give them: float16 or bfloat16, float32 through TF32, float32 itself.
# Of names that fit, the first counts. A V100 has no bfloat16.
_PEAKS = {
    "H100 PCIe": (756, 378, 51),
    "H100 NVL": (835, 418, 60),
    "H200 NVL": (835, 418, 60),
    "H100": (989, 495, 67),
    "H200": (989, 495, 67),
    "A100": (312, 156, 19.5),
    "V100": (125, None, 15.7),
    "L4": (121, 60, 30.3),
    "T4": (65, None, 8.1),
}


def pretraining_flops(config, tokens: int, squared_lengths: int, predictions: int) -> int:
    """Multiplications and additions that one training step of BERT's masked LM needs, padding and dropout left out.

    3 · (2 W T + 4 L H Σ s²) + 6 P (H E + E V), with the W = L (4 H² + 2 H I) weights of the matrices, plus E H if the
    embeddings have a width E of their own: each weight is multiplied and added once for each token, and the scores and
    their products with the values are 2 H Σ s² each; backward is twice forward.

    Args:
        config: a `BertConfig`, or what has the same fields.
        tokens: T, real tokens in the batch.
        squared_lengths: Σ s², over the sequences of the batch.
        predictions: P, predicted tokens in the batch.

    Example:
        >>> from types import SimpleNamespace
        >>> base = SimpleNamespace(num_layers=12, hidden_dim=768, intermediate_dim=3072, vocabulary_size=30522)
        >>> base.embedding_dim = None
        >>> round(pretraining_flops(base, 128, 128**2, 0) / 128 / 1e6)
        524
        >>> round(pretraining_flops(base, 0, 0, 1) / 1e6)
        144
    """
    hidden, width = config.hidden_dim, config.embedding_dim or config.hidden_dim
    matrices = config.num_layers * (4 * hidden**2 + 2 * hidden * config.intermediate_dim)
    matrices += hidden * width if config.embedding_dim else 0
    encoder = 2 * matrices * tokens + 4 * config.num_layers * hidden * squared_lengths
    head = 2 * (hidden * width + width * config.vocabulary_size) * predictions
    return 3 * (encoder + head)


def device_peak_flops(compute_dtype: str) -> float | None:
    """The operations per second that the first GPU can do in matrix products, or None if it is not known.

    Args:
        compute_dtype: `"bfloat16"`, `"float16"` or `"float32"`. The last counts as TF32 where TensorFlow uses that.

    Example:
        >>> device_peak_flops("bfloat16") is None or device_peak_flops("bfloat16") > 1e13
        True
    """
    gpus = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "") if gpus else ""
    return peak_of(name, compute_dtype, tf.config.experimental.tensor_float_32_execution_enabled())


def peak_of(device_name: str, compute_dtype: str, tensor_float_32: bool = True) -> float | None:
    """The peak of a GPU by its name, such as "NVIDIA H100 80GB HBM3"."""
    words = device_name.replace("-", " ").split()
    for name, (half, tf32, single) in _PEAKS.items():
        if all(word in words for word in name.split()):
            if compute_dtype == "float32":
                return 1e12 * (tf32 if tf32 and tensor_float_32 else single)
            return None if name == "V100" and compute_dtype == "bfloat16" else 1e12 * half
    return None
