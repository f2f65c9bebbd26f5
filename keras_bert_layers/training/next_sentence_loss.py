"""The loss of telling whether one sentence follows the other."""

import keras


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class NextSentenceLoss(keras.losses.Loss):
    """- log softmax(logits)[label], averaged over the batch. Label 0: the second segment follows the first; 1: not.

    Args:
        reduction: Defaults to `"sum_over_batch_size"`, the average over the batch.
        name: Defaults to `"next_sentence_loss"`.
        **kwargs: the other arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: int [B]; 0 or 1.
        y_pred: float [B, 2]; logits.

    Returns:
        float scalar.

    Example:
        >>> import numpy as np
        >>> round(float(NextSentenceLoss()(np.array([1]), np.array([[0.0, 100.0]]))), 4)
        0.0

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.1, task 2.
    """

    def __init__(self, reduction: str = "sum_over_batch_size", name: str = "next_sentence_loss", **kwargs):
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
