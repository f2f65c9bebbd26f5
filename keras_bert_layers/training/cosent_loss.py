"""The loss of ranking pairs of texts by their similarity."""

import keras
from keras import ops as kops

from keras_bert_layers import ops

# Its exponential is 0 beside the 1; an infinity would make gradients of nan.
_LOWEST = -1e9


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class CosentLoss(keras.losses.Loss):
    """log ( 1 + Σ exp(s (cosⱼ - cosᵢ)) ) over all two pairs i, j of the batch with yᵢ > yⱼ.

    It asks that a pair of a higher score has the higher cosine, and of the scores uses nothing but their order: what
    Spearman's rank correlation measures. Pairs are compared within the batch, so that a batch of one pair gives 0.

    Args:
        scale: float > 0. Factor s of the cosines. Defaults to 20.
        name: Defaults to `"cosent_loss"`.
        **kwargs: the other arguments of `keras.losses.Loss`, but no `sample_weight` in its call: the loss is not a mean
            over pairs.

    Call arguments:
        y_true: float [B]; scores in any range.
        y_pred: float [B, 2, H]; the vectors, as `pair_embedder` puts them out. They need not have length 1.

    Returns:
        float scalar, computed in float32.

    Raises:
        ValueError: if `scale` is not positive, `y_pred` has another shape, or weights are given.

    Example:
        >>> import numpy as np
        >>> pairs = np.array([[[1, 0], [0, 1]], [[1, 0], [1, 0]]], "float32")  # cosines of 0 and 1
        >>> round(float(CosentLoss(scale=1.0)(np.array([5.0, 2.0]), pairs)), 4) == round(float(np.log(1 + np.e)), 4)
        True

    Reference:
        Su Jianlin 2022, CoSENT: a sentence-vector scheme more effective than Sentence-BERT (in Chinese),
        https://kexue.fm/archives/8847.
    """

    couples_examples = True  # of a part of a batch it is another loss

    def __init__(self, scale: float = 20.0, name: str = "cosent_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        if scale <= 0:
            raise ValueError(f"`scale` must be positive, such as 20. Received: {scale}.")
        self.scale = scale

    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            raise ValueError(
                "CosentLoss compares the pairs of a batch with each other and takes no weights of single pairs. Train "
                "without `sample_weight` and `class_weight`, or by CosineScoreLoss, which takes them."
            )
        return super().__call__(y_true, y_pred)

    def call(self, y_true, y_pred):
        scores = kops.reshape(y_true, (-1,))
        cosines = self.scale * ops.pair_cosines(y_pred)
        differences = cosines[None, :] - cosines[:, None]
        in_wrong_order = kops.where(scores[:, None] > scores[None, :], differences, _LOWEST)
        return kops.logsumexp(kops.concatenate([kops.zeros((1,)), kops.reshape(in_wrong_order, (-1,))]))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
