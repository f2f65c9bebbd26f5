"""The learning rate over a training run."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from 0 to the peak, then falls linearly to 0.

    rate(t) = peak · min((t + 1) / warmup_steps, (total_steps - t) / (total_steps - warmup_steps)), not below 0.

    Args:
        peak: float > 0. The highest rate.
        total_steps: int > 0. Steps of the whole run; the rate is 0 from there on.
        warmup_steps: int in [0, total_steps). Steps of the rise. Defaults to 0: none.
        name: Defaults to `"warmup_linear_decay"`.

    Raises:
        ValueError: if a number is out of its range.

    Example:
        >>> schedule = WarmupLinearDecay(1.0, total_steps=10, warmup_steps=2)
        >>> [round(float(schedule(step)), 3) for step in (0, 1, 2, 6, 10, 11)]
        [0.5, 1.0, 1.0, 0.5, 0.0, 0.0]

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), appendix A.2.
    """

    def __init__(self, peak: float, total_steps: int, warmup_steps: int = 0, name: str = "warmup_linear_decay"):
        super().__init__()
        if peak <= 0:
            raise ValueError(f"`peak` is the highest learning rate and must be positive. Received: {peak}.")
        if total_steps <= 0 or not 0 <= warmup_steps < total_steps:
            raise ValueError(
                "`total_steps` must be positive and `warmup_steps` in [0, total_steps): the warm-up is part of the "
                f"run. Received: total_steps={total_steps}, warmup_steps={warmup_steps}."
            )
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.name = name

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = (step + 1.0) / max(self.warmup_steps, 1)
        fall = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        return self.peak * ops.maximum(ops.minimum(ops.minimum(rise, fall), 1.0), 0.0)

    def get_config(self):
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "name": self.name,
        }
