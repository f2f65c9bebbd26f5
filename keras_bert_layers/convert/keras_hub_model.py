"""What a keras-hub BERT in memory is here."""

from collections.abc import Callable

import keras

from keras_bert_layers import models, text
from keras_bert_layers.convert.checkpoint import Checkpoint
from keras_bert_layers.convert.keras_hub_names import (
    COMPUTED,
    HEAD_ACTIVATION,
    HEAD_EPSILON,
    family,
    table,
    variable_at,
)
from keras_bert_layers.convert.own import check_tokenizer
from keras_bert_layers.convert.tasks import HeadSettings
from keras_bert_layers.convert.tensor_files import Arrays

# What is read: the class -> its task.
CLASSES = {
    "BertBackbone": "encoder",
    "BertMaskedLM": "masked_lm",
    "BertTextClassifier": "text_classification",
    "BertTextEmbedder": "sentence_embedding",
}


def checkpoint_of(model: keras.Model, place: str, tokenizer: Callable, sequence_length: int | None) -> Checkpoint:
    """The model as a Checkpoint.

    Args:
        model: of one of the `CLASSES`.
        place: where it comes from, for messages.
        tokenizer: gives keras-hub's tokenizer, or None.
        sequence_length: that of its preprocessor, or None.

    Raises:
        ValueError: if it computes what is not computed here.
    """
    config = _config(getattr(model, "backbone", model))
    activation = getattr(model, "activation", None)
    if activation not in (None, keras.activations.linear):
        raise ValueError(
            f"{place} ends in the activation {keras.activations.serialize(activation)!r}, and a text_classifier here "
            "in logits. Make it with activation=None, which has the same weights, and apply the activation after it."
        )
    head = getattr(model, "masked_lm_head", None)
    pooling = {}
    if hasattr(model, "pooling_mode"):
        pooling = {"pooling": model.pooling_mode, "normalize": model.normalize}
    names = table(config)
    return Checkpoint(
        family=family(
            COMPUTED[HEAD_ACTIVATION] if head is None else _activation(head.intermediate_activation),
            COMPUTED[HEAD_EPSILON] if head is None else head.layer_norm_epsilon,
        ),
        config=config,
        tensors=_tensors(model, names, place),
        table=names,
        tokenizer=lambda: _tokenizer(tokenizer(), config.vocabulary_size),
        task=CLASSES[type(model).__name__],
        head=HeadSettings(dropout=getattr(model, "dropout", HeadSettings.dropout), **pooling),
        has_pooling=bool(pooling),
        sequence_length=min(config.max_sequence_length, sequence_length or config.max_sequence_length),
    )


def _config(backbone) -> models.BertConfig:
    first = backbone.transformer_layers[0]
    return models.BertConfig(
        vocabulary_size=backbone.vocabulary_size,
        hidden_dim=backbone.hidden_dim,
        num_layers=backbone.num_layers,
        num_heads=backbone.num_heads,
        intermediate_dim=backbone.intermediate_dim,
        max_sequence_length=backbone.max_sequence_length,
        num_segments=backbone.num_segments,
        dropout=backbone.dropout,
        attention_dropout=backbone.dropout,
        activation=_activation(first.activation),
        layer_norm_epsilon=first.layer_norm_epsilon,
    )


def _activation(function) -> str:
    return "gelu_tanh" if function.__name__ == "gelu_approximate" else function.__name__


def _tensors(model, names, place) -> Arrays:
    """The weights by the table's names, and by Keras' path those that it does not know."""
    paths = [rule.theirs for rules in names.parts.values() for rule in rules]
    known = {id(variable_at(model, path)): path for path in paths}
    arrays = {known.get(id(weight), weight.path): keras.ops.convert_to_numpy(weight) for weight in model.weights}
    return Arrays(place, arrays)


def _tokenizer(theirs, vocabulary_size) -> text.BertTokenizer | None:
    if theirs is None:
        return None
    needed = {"split": True, "suffix_indicator": "##", "oov_token": "[UNK]"}
    differing = {name: getattr(theirs, name) for name, value in needed.items() if getattr(theirs, name) != value}
    if differing:
        raise ValueError(f"A tokenizer here has {needed}, keras-hub's has {differing}. Pass tokenizer=False.")
    tokenizer = text.BertTokenizer(
        theirs.vocabulary,
        lowercase=theirs.lowercase,
        strip_accents=theirs.strip_accents,
        special_tokens=theirs.get_config()["special_tokens"] or (),
        special_tokens_in_strings=theirs.special_tokens_in_strings,
        max_characters_per_word=100,  # keras-hub: 100 bytes
    )
    check_tokenizer(tokenizer, vocabulary_size)
    return tokenizer
