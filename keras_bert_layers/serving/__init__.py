"""From a trained model to answers: to many texts here, and as a SavedModel that TensorFlow Serving answers from."""

from keras_bert_layers.serving.export import export
from keras_bert_layers.serving.predictor import Predictor

__all__ = ["Predictor", "export"]
