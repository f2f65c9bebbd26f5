"""The loss of giving pairs of texts the similarity that people gave them."""

import keras
from keras import ops as kops

from keras_bert_layers import ops


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class CosineScoreLoss(keras.losses.Loss):
    """(cos(uᵢ, vᵢ) - yᵢ)²: the squared error of the cosine of a pair's vectors against its score.

    Args:
        reduction: Defaults to `"sum_over_batch_size"`, the mean over the pairs.
        name: Defaults to `"cosine_score_loss"`.
        **kwargs: the other arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: float [B]; scores in the range of a cosine, -1 to 1. Scores from 0 to 5 are divided by 5 before.
        y_pred: float [B, 2, H]; the vectors, as `pair_embedder` puts them out. They need not have length 1.
        sample_weight: float [B]. Defaults to `None`.

    Returns:
        float scalar, computed in float32.

    Raises:
        ValueError: if `y_pred` has another shape.

    Example:
        >>> import numpy as np
        >>> pair = np.array([[[1.0, 0.0], [3.0, 4.0]]], "float32")  # a cosine of 0.6
        >>> round(float(CosineScoreLoss()(np.array([0.8], "float32"), pair)), 4)
        0.04

    Reference:
        Reimers and Gurevych 2019, Sentence-BERT (arXiv:1908.10084), section 3, regression objective function.
    """

    def __init__(self, reduction: str = "sum_over_batch_size", name: str = "cosine_score_loss", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, y_true, y_pred):
        return kops.square(ops.pair_cosines(y_pred) - kops.reshape(y_true, (-1,)))
