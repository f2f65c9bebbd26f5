"""What one family of models (BERT, ALBERT, ...) needs to be told apart, built, read and written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_bert_layers.convert.tasks import BUILDERS, Builder, HeadSettings
from keras_bert_layers.convert.weight_map import Table


@dataclass(frozen=True)
class Family:
    """One `model_type` of Hugging Face's.

    Args:
        model_type: as in its `config.json`.
        prefix: of its encoder's tensors, with the dot.
        classes: task -> the class that `architectures` in `config.json` names.
        read_config: `config.json` -> the configuration here.
        write_config: the configuration here -> `config.json`, without what depends on the head.
        describe: a model -> its configuration.
        encoder: the configuration, whether it has a pooler -> the encoder.
        table: the configuration, whether the masked-LM head is tied -> the table of its tensors.
        pooled: the tasks whose models have a pooler.
        builders: task -> builder, where the family's head is another than BERT's.
        activations: path in a head -> the activation that the family has there, or None for that of the blocks.
        dropout_keys: task -> the key of `config.json` for the dropout before its classifier.
        defaults: settings that a `config.json` may leave out, and what transformers then takes them to be.
    """

    model_type: str
    prefix: str
    classes: dict[str, str]
    read_config: Callable[[dict], Any]
    write_config: Callable[[Any], dict]
    describe: Callable[[keras.Model], Any]
    encoder: Callable[[Any, bool], keras.Model]
    table: Callable[[Any, bool], Table]
    pooled: frozenset[str] = frozenset({"encoder", "pretraining", "text_classification"})
    builders: dict[str, Builder] = field(default_factory=dict)
    activations: dict[str, str | None] = field(
        default_factory=lambda: {"pooler.activation": "tanh", "masked_lm.intermediate_activation": None}
    )
    dropout_keys: dict[str, str] = field(
        default_factory=lambda: dict.fromkeys(("text_classification", "token_classification"), "classifier_dropout")
    )
    defaults: dict[str, Any] = field(default_factory=dict)

    def build(self, config: Any, task: str, settings: HeadSettings, pooler: bool = True) -> keras.Model:
        """A model of the task with fresh weights; `pooler=False` leaves the pooler out of an encoder."""
        encoder = self.encoder(config, pooler and task in self.pooled)
        return {**BUILDERS, **self.builders}[task](encoder, settings, config)
