"""Text to model features, inside the graph; the only part of the library that imports tensorflow_text."""

from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.masker import MaskedLMMasker
from keras_bert_layers.text.packer import pack_segments
from keras_bert_layers.text.preprocessor import BertPreprocessor
from keras_bert_layers.text.tokenizer import BertTokenizer
from keras_bert_layers.text.vocabulary import learn_vocabulary

__all__ = [
    "BertPreprocessor",
    "BertTokenizer",
    "BytePairTokenizer",
    "MaskedLMMasker",
    "learn_vocabulary",
    "pack_segments",
]
