"""Activations that Keras has no name for."""

import keras


@keras.saving.register_keras_serializable(package="keras_bert_layers")
def gelu_tanh(inputs):
    """0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), the approximate GELU (Hendrycks and Gimpel 2016, section 2).

    Google's BERT and Hugging Face's `"gelu"` are the exact form, `"gelu"` here too; this one is Hugging Face's
    `"gelu_new"` and what keras-hub computes.
    """
    return keras.activations.gelu(inputs, approximate=True)
