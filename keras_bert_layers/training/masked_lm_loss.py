"""The loss of predicting masked tokens."""

import keras
from keras import ops


def real_predictions(y_true, sample_weight):
    """Labels with padding (negative ones) set to 0, and weights with 0 at padding."""
    real = ops.cast(y_true >= 0, "float32")
    weights = real if sample_weight is None else real * ops.cast(sample_weight, "float32")
    return ops.maximum(y_true, 0), weights


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class MaskedLMLoss(keras.losses.Loss):
    """- Σ w log softmax(logits)[label] / Σ w: cross-entropy, averaged over the real predictions of the batch.

    A prediction is real where its weight is not 0 and its label not negative; the rest of the [B, M] rectangle counts
    nowhere, so that the loss does not depend on how much padding there is.

    Args:
        reduction: Defaults to `"mean_with_sample_weight"`, the average over real predictions.
        name: Defaults to `"masked_lm_loss"`.
        **kwargs: the other arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: int [B, M]; the original token ids, negative for padding.
        y_pred: float [B, M, V]; logits.
        sample_weight: float [B, M]; 1 = a real prediction. Defaults to `None`: the labels say which are real.

    Returns:
        float scalar; 0 when nothing is real.

    Example:
        >>> import numpy as np
        >>> logits = np.zeros((1, 2, 4), "float32")
        >>> round(float(MaskedLMLoss()(np.array([[3, -1]]), logits)), 4) == round(float(np.log(4)), 4)
        True

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.1, task 1.
    """

    def __init__(self, reduction: str = "mean_with_sample_weight", name: str = "masked_lm_loss", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def __call__(self, y_true, y_pred, sample_weight=None):
        labels, weights = real_predictions(ops.convert_to_tensor(y_true), sample_weight)
        return super().__call__(labels, y_pred, weights)

    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
