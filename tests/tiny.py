"""The smallest models and texts with every part in them."""

from keras_bert_layers import models, text

WORDS = ["good", "bad", "very", "film", "##s", "the", "a", "is", "not", "."]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]


def config(**changes) -> models.BertConfig:
    sizes = {"hidden_dim": 8, "num_layers": 2, "num_heads": 2, "intermediate_dim": 16, "max_sequence_length": 16}
    return models.BertConfig(**{"vocabulary_size": len(VOCABULARY), **sizes, **changes})


def tokenizer() -> text.BertTokenizer:
    return text.BertTokenizer(VOCABULARY)


def preprocessor(**changes) -> text.BertPreprocessor:
    return text.BertPreprocessor(tokenizer(), **{"sequence_length": 16, **changes})
