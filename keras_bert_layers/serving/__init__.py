"""From a trained model to a SavedModel that TensorFlow Serving answers from."""

from keras_bert_layers.serving.export import export

__all__ = ["export"]
