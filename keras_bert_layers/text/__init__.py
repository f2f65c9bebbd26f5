"""Text to model features, inside the graph; the only part of the library that imports tensorflow_text."""

from keras_bert_layers.text.answer_alignment import answer_positions, answer_texts
from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.entities import decode_entities
from keras_bert_layers.text.entity_finder import classify_words, find_entities
from keras_bert_layers.text.masker import MaskedLMMasker
from keras_bert_layers.text.packer import pack_segments
from keras_bert_layers.text.pair_features import pair_features
from keras_bert_layers.text.preprocessor import BertPreprocessor
from keras_bert_layers.text.question_preprocessor import QuestionPreprocessor
from keras_bert_layers.text.text_words import TextWords, text_words
from keras_bert_layers.text.tokenizer import BertTokenizer
from keras_bert_layers.text.vocabulary import learn_vocabulary
from keras_bert_layers.text.windows import cut_windows, join_windows
from keras_bert_layers.text.word_labels import token_labels, word_predictions
from keras_bert_layers.text.word_preprocessor import WordPreprocessor

__all__ = [
    "BertPreprocessor",
    "BertTokenizer",
    "BytePairTokenizer",
    "MaskedLMMasker",
    "QuestionPreprocessor",
    "TextWords",
    "WordPreprocessor",
    "answer_positions",
    "answer_texts",
    "classify_words",
    "cut_windows",
    "decode_entities",
    "find_entities",
    "join_windows",
    "learn_vocabulary",
    "pack_segments",
    "pair_features",
    "text_words",
    "token_labels",
    "word_predictions",
]
