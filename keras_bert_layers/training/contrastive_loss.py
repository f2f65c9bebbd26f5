"""The loss of telling the text that belongs to a text from the others of the batch."""

import keras
from keras import ops as kops

from keras_bert_layers import ops

# Its exponential is 0 beside that of any score; an infinity would make gradients of nan.
_LOWEST = -1e9


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class ContrastiveLoss(keras.losses.Loss):
    """- log ( exp(s cos(aᵢ, pᵢ)) / Σⱼ exp(s cos(aᵢ, cⱼ)) ): cross-entropy over the batch's texts as candidates.

    The first text of an example is the anchor aᵢ, the second its positive pᵢ, any further ones are hard negatives. The
    candidates cⱼ of an anchor are the positives and hard negatives of *all* examples of the batch, so that a larger
    batch is a harder task. Candidates that are known to be no negatives take no part: a text equal to the anchor or
    to its positive, and the positive of an equal anchor. What is equal, the labels say.

    Two equal texts as a pair, embedded under different dropout, make it the loss of SimCSE.

    Args:
        scale: float > 0. Factor s of the cosines, the inverse of a temperature. Defaults to 20.
        symmetric: bool. Whether positives also look for their anchors, and the loss is the mean of both directions.
            Defaults to `False`.
        reduction: Defaults to `"sum_over_batch_size"`, the mean over the examples.
        name: Defaults to `"contrastive_loss"`.
        **kwargs: the other arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: int [B, T]; a number for each text, the same for equal texts of the batch (numbers below 2²⁴), such as
            the second output of `tf.unique`.
        y_pred: float [B, T, H]; the vectors, as `pair_embedder` puts them out. They need not have length 1.
        sample_weight: float [B]. Weighs the examples as anchors; as candidates all count. Defaults to `None`.

    Returns:
        float scalar, computed in float32; 0 for a batch without any negative.

    Raises:
        ValueError: if `scale` is not positive, or the shapes are others.

    Example:
        >>> import numpy as np
        >>> vectors = np.eye(4, dtype="float32")
        >>> pairs = np.stack([vectors, vectors], axis=1)
        >>> numbers = np.arange(8).reshape(4, 2)
        >>> round(float(ContrastiveLoss(scale=1.0)(numbers, pairs)), 4) == round(float(np.log(1 + 3 / np.e)), 4)
        True

    Reference:
        Henderson et al. 2017, Efficient Natural Language Response Suggestion (arXiv:1705.00652), section 4.4; van den
        Oord et al. 2018, Contrastive Predictive Coding (arXiv:1807.03748), eq. 4; Gao et al. 2021, SimCSE
        (arXiv:2104.08821), eq. 1 and 5.
    """

    couples_examples = True  # of a part of a batch it is another loss

    def __init__(
        self,
        scale: float = 20.0,
        symmetric: bool = False,
        reduction: str = "sum_over_batch_size",
        name: str = "contrastive_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        if scale <= 0:
            raise ValueError(f"`scale` must be positive, such as 20. Received: {scale}.")
        self.scale = scale
        self.symmetric = symmetric

    def call(self, y_true, y_pred):
        if len(y_pred.shape) != 3 or len(y_true.shape) != 2:
            raise ValueError(
                "ContrastiveLoss takes y_pred [B, T, H], the vectors of the T texts of each example, and y_true [B, T],"
                f" a number for each text. Received: y_pred {tuple(y_pred.shape)}, y_true {tuple(y_true.shape)}."
            )
        vectors = ops.unit_vectors(y_pred)
        texts = range(1, y_pred.shape[1])
        anchors = vectors[:, 0]
        scores = [self._scores(anchors, vectors[:, text]) for text in texts]
        known = [self._known(y_true, text) for text in texts]
        allowed = [kops.where(no_negative, _LOWEST, score) for no_negative, score in zip(known, scores, strict=True)]
        forward = _cross_entropy(scores[0], kops.concatenate(allowed, axis=1))
        if not self.symmetric:
            return forward
        return (forward + _cross_entropy(scores[0], kops.transpose(allowed[0]))) / 2

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "symmetric": self.symmetric}

    def _scores(self, anchors, candidates):
        return self.scale * kops.matmul(anchors, kops.transpose(candidates))

    @staticmethod
    def _known(numbers, text):
        """bool [B, B]: whether the candidate of that place of example j is known to be no negative for anchor i."""
        anchors, positives, candidates = numbers[:, 0], numbers[:, 1], numbers[:, text]
        same = _equal(anchors, candidates) | _equal(positives, candidates)
        if text == 1:
            same = same | _equal(anchors, anchors)
            # The positive itself stays in, whatever it is equal to.
            same = same & ~kops.cast(kops.eye(kops.shape(numbers)[0]), "bool")
        return same


def _equal(rows, columns):
    return rows[:, None] == columns[None, :]


def _cross_entropy(scores, allowed):
    """- log softmax at the diagonal of the square `scores`, over the candidates [B, C] that are allowed."""
    return kops.logsumexp(allowed, axis=1) - kops.diagonal(scores)
