"""How many masked tokens are predicted right."""

import keras
from keras import ops

from keras_bert_layers.training.masked_lm_loss import real_predictions


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class MaskedLMAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Σ w [argmax logits = label] / Σ w: the share of real predictions whose most likely token is the original one.

    Pass it to `compile` under `weighted_metrics`, where Keras hands on the weights of the predictions.

    Args:
        name: Defaults to `"accuracy"`.
        **kwargs: the other arguments of `keras.metrics.SparseCategoricalAccuracy`.

    Call arguments:
        y_true: int [B, M]; the original token ids, negative for padding.
        y_pred: float [B, M, V]; logits.
        sample_weight: float [B, M]; 1 = a real prediction. Defaults to `None`: the labels say which are real.

    Returns:
        float scalar.

    Example:
        >>> import numpy as np
        >>> metric = MaskedLMAccuracy()
        >>> float(metric(np.array([[1, 0, -1]]), np.array([[[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]])))
        0.5
    """

    def __init__(self, name: str = "accuracy", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, weights = real_predictions(ops.convert_to_tensor(y_true), sample_weight)
        return super().update_state(labels, y_pred, weights)
