"""Trained weights in and out: Hugging Face, Google, keras-hub, and this library's own format."""

from keras_bert_layers.convert.checkpoint import Pretrained
from keras_bert_layers.convert.google_writer import to_google
from keras_bert_layers.convert.huggingface.writer import to_huggingface
from keras_bert_layers.convert.keras_hub_writer import to_keras_hub
from keras_bert_layers.convert.own import save_pretrained
from keras_bert_layers.convert.pretrained import from_pretrained

__all__ = ["Pretrained", "from_pretrained", "save_pretrained", "to_google", "to_huggingface", "to_keras_hub"]
