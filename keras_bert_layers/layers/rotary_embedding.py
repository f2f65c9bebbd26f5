"""Relative positions by rotation."""

import math

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.parts import check_positive


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class RotaryEmbedding(keras.layers.Layer):
    """Turns each pair of features (x_k, x_{k + D/2}) by m θ_k, where m is the position and θ_k = w^(-2k / D) / s.

    Turned queries and keys have dot products that depend on their distance alone: give it to `SelfAttention(rotary=)`.
    Angles and turning are in float32 whatever the dtype policy. It has no weights. Positions do not mix, so it needs no
    mask and passes one on unchanged. It takes the arguments of keras-hub's layer of this name.

    Args:
        max_wavelength: float > 1. The base w. Defaults to 10000.
        scaling_factor: float > 0. The factor s by which positions are compressed. Defaults to 1.
        rope_type: `"linear"`; `"dynamic"`, which compresses by s^(D / (D - 2)); or `"yarn"`, which compresses slow
            pairs only. Defaults to `"linear"`.
        beta_fast, beta_slow, original_max_position_embeddings, truncate: where `"yarn"` compresses, see
            `keras_bert_layers.ops.yarn_frequencies`. Default to 32, 1, 4096, `True`.
        sequence_axis: int. Defaults to 1.
        feature_axis: int. Defaults to -1.
        denominator_dim: int > 0. Stands for D in the exponent. Defaults to `None`: D.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, ..., D], such as [B, S, N, D] for N heads; or with its axes as the arguments say.
        start_index: int. The first position. Defaults to 0.
        positions: int [B, S] or [S], used instead of counting from `start_index`. Defaults to `None`.
        position_ids: the same under this library's name for it. Defaults to `None`.

    Returns:
        float, the shape of `inputs`.

    Raises:
        ValueError: if an argument is out of range, D is odd, or both names of the positions are given.

    Example:
        >>> import numpy as np
        >>> turned = RotaryEmbedding()(np.array([[[1.0, 0.0], [1.0, 0.0]]], "float32"))
        >>> turned.numpy().round(2).tolist()
        [[[1.0, 0.0], [0.5400000214576721, 0.8399999737739563]]]

    Reference:
        Su et al. 2021, RoFormer (arXiv:2104.09864), section 3.2; YaRN: Peng et al. 2023 (arXiv:2309.00071).
    """

    ROPE_TYPES = ("linear", "dynamic", "yarn")

    def __init__(
        self,
        max_wavelength: float = 10000,
        scaling_factor: float = 1.0,
        rope_type: str = "linear",
        beta_fast: float = 32.0,
        beta_slow: float = 1.0,
        original_max_position_embeddings: int = 4096,
        truncate: bool = True,
        sequence_axis: int = 1,
        feature_axis: int = -1,
        denominator_dim: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not max_wavelength > 1 or not scaling_factor > 0:
            raise ValueError(
                "RotaryEmbedding needs a `max_wavelength` above 1 and a positive `scaling_factor`. Received: "
                f"max_wavelength={max_wavelength}, scaling_factor={scaling_factor}."
            )
        if rope_type not in self.ROPE_TYPES:
            raise ValueError(
                f"`rope_type` of RotaryEmbedding must be one of {', '.join(self.ROPE_TYPES)}. Received: {rope_type!r}."
            )
        if denominator_dim is not None:
            check_positive("RotaryEmbedding", denominator_dim=denominator_dim)
        self.supports_masking = True
        self.max_wavelength = max_wavelength
        self.scaling_factor = scaling_factor
        self.rope_type = rope_type
        self.beta_fast = beta_fast
        self.beta_slow = beta_slow
        self.original_max_position_embeddings = original_max_position_embeddings
        self.truncate = truncate
        self.sequence_axis = sequence_axis
        self.feature_axis = feature_axis
        self.denominator_dim = denominator_dim

    def build(self, inputs_shape):
        self._axes(inputs_shape)

    def call(self, inputs, start_index=0, positions=None, position_ids=None):
        if positions is not None and position_ids is not None:
            raise ValueError("`positions` and `position_ids` are two names for one argument. Give only one of them.")
        axes = self._axes(inputs.shape)
        moved = axes != (1, len(inputs.shape) - 1)
        x = kops.moveaxis(inputs, axes, (1, -1)) if moved else inputs
        position_ids = positions if position_ids is None else position_ids
        if position_ids is None:
            position_ids = start_index + kops.arange(kops.shape(x)[1], dtype="int32")
        if len(position_ids.shape) == 1:
            position_ids = position_ids[None]
        amplitude = 0.1 * math.log(self.scaling_factor) + 1 if self.rope_type == "yarn" else 1.0
        turned = ops.rotate(x, position_ids, self._frequencies(x.shape[-1]), amplitude)
        return kops.moveaxis(turned, (1, -1), axes) if moved else turned

    def compute_output_shape(self, inputs_shape, positions_shape=None, position_ids_shape=None):
        self._axes(inputs_shape)
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "max_wavelength": self.max_wavelength,
            "scaling_factor": self.scaling_factor,
            "rope_type": self.rope_type,
            "beta_fast": self.beta_fast,
            "beta_slow": self.beta_slow,
            "original_max_position_embeddings": self.original_max_position_embeddings,
            "truncate": self.truncate,
            "sequence_axis": self.sequence_axis,
            "feature_axis": self.feature_axis,
            "denominator_dim": self.denominator_dim,
        }

    def _axes(self, shape):
        rank = len(shape)
        axes = tuple(axis + rank if axis < 0 else axis for axis in (self.sequence_axis, self.feature_axis))
        if rank < 3 or not all(0 <= axis < rank for axis in axes) or axes[0] == axes[1] or shape[axes[1]] % 2:
            raise ValueError(
                "RotaryEmbedding turns pairs of features at every position: it needs a batch axis, a sequence axis and "
                f"a feature axis of even size. Received: shape={tuple(shape)}, sequence_axis={self.sequence_axis}, "
                f"feature_axis={self.feature_axis}."
            )
        return axes

    def _frequencies(self, dim):
        if self.rope_type == "yarn":
            return ops.yarn_frequencies(
                dim,
                self.max_wavelength,
                self.scaling_factor,
                self.beta_fast,
                self.beta_slow,
                self.original_max_position_embeddings,
                self.truncate,
            )
        power = dim / max(1, dim - 2) if self.rope_type == "dynamic" else 1
        return ops.rotary_frequencies(dim, self.max_wavelength, self.scaling_factor**power, self.denominator_dim)
