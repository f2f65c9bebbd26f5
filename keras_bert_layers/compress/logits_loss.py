"""What a student learns from the outputs of its teacher."""

import keras
from keras import ops

from keras_bert_layers.compress.weighted_mean import weighted_mean

_KINDS = ("kl_divergence", "mse")


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class LogitsLoss(keras.distillation.LogitsDistillation):
    """T² · KL(softmax(z_t / T) ‖ softmax(z_s / T)), or the mean of (z_t - z_s)², averaged by the weights of positions.

    `keras.distillation.LogitsDistillation`, in float32 whatever the dtype policy, and without padding: Keras averages
    over all positions alike.

    Args:
        temperature: float > 0. T; higher ones make more of the classes that the teacher holds unlikely. Of no effect on
            `"mse"`. Defaults to 2.
        loss: `"kl_divergence"` between two distributions over classes, tokens or positions, or `"mse"` between numbers:
            scores, vectors, the logits of classes that do not exclude each other. Defaults to `"kl_divergence"`.

    Raises:
        ValueError: if `temperature` is not positive or `loss` unknown; from `validate_outputs`, if there is one class.

    Example:
        >>> import numpy as np
        >>> teacher, student = np.array([[2.0, 0.0], [9.0, 0.0]]), np.array([[0.0, 2.0], [0.0, 0.0]])
        >>> round(float(LogitsLoss(temperature=1.0).compute_loss(teacher, student, np.array([1.0, 0.0]))), 4)
        1.5232

    Reference:
        Hinton et al. 2015, Distilling the Knowledge in a Neural Network (arXiv:1503.02531), section 2.
    """

    reads = "outputs"

    def __init__(self, temperature: float = 2.0, loss: str = "kl_divergence"):
        if loss not in _KINDS:
            raise ValueError(f"`loss` must be one of {', '.join(_KINDS)}. Received: {loss!r}.")
        super().__init__(temperature)
        self.kind = loss

    def validate_outputs(self, teacher_outputs, student_outputs):
        super().validate_outputs(teacher_outputs, student_outputs)
        narrow = any(output.shape[-1] == 1 for output in keras.tree.flatten(student_outputs))
        if self.kind == "kl_divergence" and narrow:
            raise ValueError(
                "An output with one number a row is no distribution over classes: its softmax is always 1, and nothing "
                "would be learnt. Use the difference of the numbers: `logits='mse'`."
            )

    def compute_loss(self, teacher_outputs, student_outputs, weights=None, **kwargs):
        """The sum over the outputs. `weights`: float [...], one for each vector of logits; a dict for several."""
        theirs, ours = keras.tree.flatten(teacher_outputs), keras.tree.flatten(student_outputs)
        weights = [None] * len(ours) if weights is None else keras.tree.flatten(weights)
        losses = [
            weighted_mean(self._divergence(*(ops.cast(logits, "float32") for logits in pair)), weight)
            for *pair, weight in zip(theirs, ours, weights, strict=True)
        ]
        return sum(losses[1:], losses[0])

    def get_config(self):
        return {"temperature": self.temperature, "loss": self.kind}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def _divergence(self, teacher, student):
        if self.kind == "mse":
            return ops.mean(ops.square(teacher - student), axis=-1)
        teacher, student = (ops.log_softmax(logits / self.temperature) for logits in (teacher, student))
        return self.temperature**2 * ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)
