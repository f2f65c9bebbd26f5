"""The head that classifies every token."""

import keras

from keras_bert_layers.layers.classification_head import ClassificationHead


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class TokenClassificationHead(ClassificationHead):
    """W dropout(x[s]) + b: a logit for each class at every position s.

    Positions do not mix, so it needs no mask and passes one on unchanged.

    Args:
        num_classes: int > 0. Number of classes C. Defaults to `None`: the number of `labels`.
        dropout: float in [0, 1). Applied to the input. Defaults to 0.
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        labels: str [C]. Names of the classes, in the order of the logits. Defaults to `None`: without names.
        problem_type: what the logits of a token mean, as for `ClassificationHead`. Defaults to `None`: one class is a
            regression, more are single-label.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].
        training: bool. Whether dropout is active.

    Returns:
        float [B, S, C].

    Raises:
        ValueError: if the input is not a sequence, or for the reasons of `ClassificationHead`.

    Example:
        >>> import numpy as np
        >>> TokenClassificationHead(num_classes=9)(np.zeros((2, 3, 4), "float32")).shape
        TensorShape([2, 3, 9])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 5.3 and figure 4.
    """

    def build(self, inputs_shape):
        if len(inputs_shape) != 3:
            raise ValueError(
                "TokenClassificationHead classifies every position of a sequence, [batch, length, width]. Received "
                f"shape {tuple(inputs_shape)}. Give it the `sequence_output` of an encoder, or use ClassificationHead."
            )
        super().build(inputs_shape)
