"""Rotary positions (Su et al. 2021, RoFormer, arXiv:2104.09864): query and key meet at the angle of their distance."""

import math

import numpy as np
from keras import ops


def rotate(inputs, positions, frequencies, amplitude: float = 1.0):
    """Turns the pair (x_k, x_{k + D/2}) by the angle m θ_k, m its position (eq. 34), computed in float32.

    The product of a turned query at i and a turned key at j depends on i - j alone. The pairs are those of GPT-NeoX,
    keras-hub and Hugging Face, the first half of the features with the second; the paper pairs neighbours.

    Args:
        inputs: float [B, S, ..., D], D even.
        positions: int or float [B or 1, S].
        frequencies: float [D / 2], the θ_k.
        amplitude: factor of the result. Defaults to 1.

    Returns:
        float [B, S, ..., D] in the dtype of `inputs`.
    """
    angles = ops.cast(positions, "float32")[:, :, None] * frequencies
    between = tuple(range(2, len(inputs.shape) - 1))
    cosine, sine = (ops.expand_dims(f(angles) * amplitude, between) for f in (ops.cos, ops.sin))
    first, second = ops.split(ops.cast(inputs, "float32"), 2, axis=-1)
    turned = ops.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)
    return ops.cast(turned, inputs.dtype)


def rotary_frequencies(
    dim: int, max_wavelength: float = 10000.0, scaling_factor: float = 1.0, denominator_dim: int | None = None
) -> np.ndarray:
    """θ_k = w^(-2k / D) / s, k = 0 … D/2 - 1 (section 3.2.2).

    Args:
        dim: int, even. Number of features D that are turned.
        max_wavelength: float > 0. The base w.
        scaling_factor: float > 0. The factor s by which positions are compressed (position interpolation, Chen et al.
            2023, arXiv:2306.15595).
        denominator_dim: int. Stands for D in the exponent. Defaults to `None`: D.

    Returns:
        float32 [D / 2].
    """
    exponents = np.arange(0, dim, 2) / (denominator_dim or dim)
    return np.asarray(float(max_wavelength) ** -exponents / scaling_factor, "float32")


def yarn_frequencies(
    dim: int,
    max_wavelength: float = 10000.0,
    scaling_factor: float = 1.0,
    beta_fast: float = 32.0,
    beta_slow: float = 1.0,
    original_max_position_embeddings: int = 4096,
    truncate: bool = True,
) -> np.ndarray:
    """YaRN: slow pairs turn with θ_k / s, fast ones with θ_k (Peng et al. 2023, arXiv:2309.00071, section 3.2).

    Args:
        dim, max_wavelength, scaling_factor: D, w and s, as in `rotary_frequencies`.
        beta_fast, beta_slow: pairs that turn more often than `beta_fast` times over the original length are left as
            they are, those that turn less often than `beta_slow` are compressed fully, with a ramp between the two.
        original_max_position_embeddings: int. The length that the model was trained for.
        truncate: bool. Whether the ramp begins and ends at whole pairs.

    Returns:
        float32 [D / 2].
    """

    def pair_that_turns(times):
        return dim * math.log(original_max_position_embeddings / (times * 2 * math.pi)) / (2 * math.log(max_wavelength))

    low, high = pair_that_turns(beta_fast), pair_that_turns(beta_slow)
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    compressed = np.clip((np.arange(dim // 2) - low) / max(high - low, 0.001), 0, 1)
    frequencies = rotary_frequencies(dim, max_wavelength).astype("float64")
    return np.asarray(frequencies / scaling_factor * compressed + frequencies * (1 - compressed), "float32")
