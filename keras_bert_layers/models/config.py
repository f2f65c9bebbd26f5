"""The sizes and settings that make one BERT differ from another."""

import dataclasses
import json
import os
from pathlib import Path

from keras_bert_layers.models.presets import PRESETS

_ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "silu", "tanh")

# Key in a BERT config.json (Google's and Hugging Face's agree on these) -> field here.
_SHARED_KEYS = {
    "vocab_size": "vocabulary_size",
    "hidden_size": "hidden_dim",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "intermediate_size": "intermediate_dim",
    "max_position_embeddings": "max_sequence_length",
    "type_vocab_size": "num_segments",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "initializer_range": "initializer_range",
}
_HUGGINGFACE_KEYS = {**_SHARED_KEYS, "layer_norm_eps": "layer_norm_epsilon", "embedding_size": "embedding_dim"}
_ACTIVATION_NAMES = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
# Settings of a config.json that change the computation, and the only value that is computed here.
_REQUIRED_VALUES = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BertConfig:
    """The sizes and settings of a BERT encoder, immutable and checked. The defaults are BERT-base's, uncased.

    Args:
        vocabulary_size: int > 0. Number of tokens V. Defaults to 30522.
        hidden_dim: int > 0. Width H. Defaults to 768.
        num_layers: int > 0. Number of encoder blocks. Defaults to 12.
        num_heads: int > 0. Number of attention heads N; divides `hidden_dim`. Defaults to 12.
        intermediate_dim: int > 0. Width inside the feed-forward part. Defaults to 3072.
        max_sequence_length: int > 0. Number of positions. Defaults to 512.
        num_segments: int; 0 for a BERT without segments (DistilBERT). Defaults to 2.
        embedding_dim: int > 0. Width of the embedding tables if it is not `hidden_dim`. Defaults to `None`.
        dropout: float in [0, 1). On embeddings and outputs of each part. Defaults to 0.1.
        attention_dropout: float in [0, 1). On the attention probabilities. Defaults to 0.1.
        activation: `"gelu"` (exact), `"gelu_tanh"`, `"relu"`, `"silu"` or `"tanh"`. Defaults to `"gelu"`.
        layer_norm_epsilon: float > 0. Defaults to 1e-12.
        initializer_range: float > 0. Deviation of the initial weights. Defaults to 0.02.

    Raises:
        ValueError: if a value is out of its range; the message names it.

    Example:
        >>> config = BertConfig.from_preset("bert_tiny_uncased", dropout=0.0)
        >>> config.num_layers, config.hidden_dim, config.dropout
        (2, 128, 0.0)
        >>> BertConfig.from_json(config.to_json()) == config
        True

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.
    """

    vocabulary_size: int = 30522
    hidden_dim: int = 768
    num_layers: int = 12
    num_heads: int = 12
    intermediate_dim: int = 3072
    max_sequence_length: int = 512
    num_segments: int = 2
    embedding_dim: int | None = None
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation: str = "gelu"
    layer_norm_epsilon: float = 1e-12
    initializer_range: float = 0.02

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if field.type == int | None:
                self._require(value is None or (whole and value > 0), field.name, "a positive integer or None")
            elif field.name == "num_segments":
                self._require(whole and value >= 0, field.name, "an integer, 0 or more")
            elif field.type is int:
                self._require(whole and value > 0, field.name, "a positive integer")
            elif field.type is float:
                self._require(whole or isinstance(value, float), field.name, "a number")
        for name in ("dropout", "attention_dropout"):
            self._require(0 <= getattr(self, name) < 1, name, "a rate in [0, 1)")
        for name in ("layer_norm_epsilon", "initializer_range"):
            self._require(getattr(self, name) > 0, name, "positive")
        self._require(self.activation in _ACTIVATIONS, "activation", f"one of {', '.join(_ACTIVATIONS)}")
        self._require(
            self.hidden_dim % self.num_heads == 0,
            "hidden_dim",
            f"a multiple of num_heads={self.num_heads}, so that every head has the same size",
        )

    @classmethod
    def from_preset(cls, name: str, **changes) -> "BertConfig":
        """The configuration of a published BERT, with `changes` to single fields. `PRESETS` lists the names."""
        if name not in PRESETS:
            raise ValueError(f"There is no preset {name!r}. The presets are: {', '.join(PRESETS)}.")
        return cls(**{**PRESETS[name], **changes})

    @classmethod
    def from_huggingface(cls, config: dict | str | os.PathLike) -> "BertConfig":
        """From Hugging Face's `config.json` of a BERT (a dict, or its path). A setting not computed here is refused."""
        return cls._from_foreign(_read(config), _HUGGINGFACE_KEYS, "Hugging Face")

    def to_huggingface(self) -> dict:
        """As Hugging Face's `config.json` has it, without what depends on the head: `from_huggingface` undoes it."""
        fields = {key: getattr(self, field) for key, field in _HUGGINGFACE_KEYS.items()}
        activation = {ours: theirs for theirs, ours in reversed(_ACTIVATION_NAMES.items())}[self.activation]
        return {key: value for key, value in fields.items() if value is not None} | {"hidden_act": activation}

    @classmethod
    def from_google(cls, config: dict | str | os.PathLike) -> "BertConfig":
        """From the `bert_config.json` of Google's release (a dict, or its path)."""
        return cls._from_foreign(_read(config), _SHARED_KEYS, "Google")

    def to_dict(self) -> dict:
        """All fields by name."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """All fields as a JSON object."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "BertConfig":
        """From what `to_json` wrote."""
        fields = json.loads(text)
        unknown = set(fields) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(
                f"A BertConfig has no {', '.join(sorted(unknown))}. Read a config of another library with "
                "`BertConfig.from_huggingface` or `BertConfig.from_google`."
            )
        return cls(**fields)

    @classmethod
    def _from_foreign(cls, config, keys, owner):
        missing = [key for key in ("vocab_size", "hidden_size", "num_hidden_layers") if key not in config]
        if missing:
            raise ValueError(
                f"This is no BERT configuration in {owner}'s format: it lacks {', '.join(missing)}. "
                f"It holds: {', '.join(sorted(config)) or 'nothing'}."
            )
        for key, value in _REQUIRED_VALUES.items():
            if config.get(key, value) != value:
                raise ValueError(f"Only BERTs with {key}={value!r} are computed here. Received: {config[key]!r}.")
        activation = config.get("hidden_act", "gelu")
        if activation not in _ACTIVATION_NAMES:
            raise ValueError(f"`hidden_act` must be one of {', '.join(_ACTIVATION_NAMES)}. Received: {activation!r}.")
        fields = {field: config[key] for key, field in keys.items() if config.get(key) is not None}
        return cls(**fields, activation=_ACTIVATION_NAMES[activation])

    def _require(self, holds, name, expectation):
        if not holds:
            raise ValueError(f"`{name}` of BertConfig must be {expectation}. Received: {getattr(self, name)!r}.")


def _read(config):
    return config if isinstance(config, dict) else json.loads(Path(config).read_text(encoding="utf-8"))
