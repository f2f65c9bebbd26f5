"""What a student learns from what stands between the blocks of its teacher."""

from collections.abc import Mapping

import keras
from keras import ops

from keras_bert_layers.compress.weighted_mean import weighted_mean
from keras_bert_layers.models.encoder_parts import encoder_parts


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class HiddenStatesLoss(keras.distillation.DistillationLoss):
    """The mean of (h_t - W h_s)² over real tokens, the width, and the pairs of layers; W only where widths differ.

    `keras.distillation.FeatureDistillation` compares the outputs of two layers of a functional model, which the blocks
    of an encoder are not, over all positions alike.

    Args:
        layers: dict, number of a student's layer -> number of the teacher's layer that it learns to put out.

    Raises:
        ValueError: if there are no pairs; from `validate_model_compatibility`, if a layer is not there.

    Example:
        >>> import numpy as np
        >>> teacher, student = [np.ones((1, 2, 4))] * 4, [np.zeros((1, 2, 4))] * 2
        >>> float(HiddenStatesLoss({0: 1, 1: 3}).compute_loss(teacher, student, np.array([[1, 0]])))
        1.0

    Reference:
        Jiao et al. 2020, TinyBERT (arXiv:1909.10351), eq. 8; Sun et al. 2019, Patient Knowledge Distillation
        (arXiv:1908.09355), section 3.2.
    """

    reads = "hidden_states"

    def __init__(self, layers: Mapping[int, int]):
        if not layers:
            raise ValueError("`layers` must name at least one pair of layers. Received none.")
        # From a file the numbers come as strings.
        self.layers = {int(student): int(teacher) for student, teacher in layers.items()}
        self.projection: keras.layers.Layer | None = None

    def validate_model_compatibility(self, teacher, student):
        """Raises a ValueError if one of the models has no layer of a number."""
        counts = [len(encoder_parts(model)[1]) for model in (student, teacher)]
        for pair in self.layers.items():
            if not all(0 <= number < count for number, count in zip(pair, counts, strict=True)):
                raise ValueError(
                    f"The student has layers 0 to {counts[0] - 1}, the teacher 0 to {counts[1] - 1}. Received the pair "
                    f"{pair[0]}: {pair[1]}."
                )

    def validate_outputs(self, teacher_outputs, student_outputs):
        """Nothing: teacher and student may have different numbers of layers."""

    def compute_loss(self, teacher_outputs, student_outputs, weights=None, **kwargs):
        """`teacher_outputs`, `student_outputs`: the outputs of all layers, float [B, S, H]; `weights`: float [B, S]."""
        losses = []
        for student, teacher in self.layers.items():
            ours, theirs = student_outputs[student], ops.cast(teacher_outputs[teacher], "float32")
            if self.projection is not None:
                ours = self.projection(ours)
            losses.append(weighted_mean(ops.mean(ops.square(theirs - ops.cast(ours, "float32")), axis=-1), weights))
        return sum(losses[1:], losses[0]) / len(losses)

    def get_config(self):
        return {"layers": {str(student): teacher for student, teacher in self.layers.items()}}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
