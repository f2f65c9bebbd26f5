"""The head that tells whether one sentence follows the other."""

import keras

from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import BERT_INITIALIZER


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class NextSentenceHead(keras.layers.Layer):
    """W p + b: two logits from the pooled output. Class 0: the second segment follows the first; 1: it does not.

    It reads one vector for each sequence, so no mask is needed.

    Args:
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, H], the output of `Pooler`; [B, K, H] for the sequences of packed rows.

    Returns:
        float [B, 2], or [B, K, 2].

    Example:
        >>> import numpy as np
        >>> NextSentenceHead()(np.zeros((3, 4), "float32")).shape
        TensorShape([3, 2])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.1, task 2.
    """

    def __init__(self, kernel_initializer=BERT_INITIALIZER, **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, inputs_shape):
        initializer = self.kernel_initializer.clone()
        self.logits = Linear(2, kernel_initializer=initializer, dtype=self.dtype_policy, name="logits")
        self.logits.build(inputs_shape)

    def call(self, inputs):
        return self.logits(inputs)

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], 2)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
