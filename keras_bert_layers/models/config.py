"""The sizes and settings that make one BERT differ from another."""

import dataclasses
import json
import os
from pathlib import Path
from typing import ClassVar

from keras_bert_layers.models.model_config import ModelConfig
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
    "hidden_act": "activation",
    "initializer_range": "initializer_range",
}
HUGGINGFACE_KEYS = {**_SHARED_KEYS, "layer_norm_eps": "layer_norm_epsilon", "embedding_size": "embedding_dim"}
_ACTIVATION_NAMES = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
# Settings of a config.json that change the computation, and the only value that is computed here.
_REQUIRED_VALUES = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "pruned_heads": {},
    "quantization_config": None,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BertConfig(ModelConfig):
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
        heads_per_layer: how many heads each layer has, where some were removed (`compress.prune_heads`); a head keeps
            the size `hidden_dim` / `num_heads`. Defaults to `None`: `num_heads`.

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
    heads_per_layer: tuple[int, ...] | None = None

    _presets: ClassVar[dict[str, dict]] = PRESETS

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
        if self.heads_per_layer is not None:
            self._check_heads(self._num_steps())

    @classmethod
    def from_huggingface(cls, config: dict | str | os.PathLike) -> "BertConfig":
        """From Hugging Face's `config.json` of a BERT (a dict, or its path). A setting not computed here is refused."""
        return cls.from_keys(read_json(config), HUGGINGFACE_KEYS)

    def to_huggingface(self) -> dict:
        """As Hugging Face's `config.json` has it, without what depends on the head: `from_huggingface` undoes it."""
        return self.to_keys(HUGGINGFACE_KEYS)

    @classmethod
    def from_google(cls, config: dict | str | os.PathLike) -> "BertConfig":
        """From the `bert_config.json` of Google's release (a dict, or its path)."""
        return cls.from_keys(read_json(config), _SHARED_KEYS, "Google")

    def to_google(self) -> dict:
        """As Google's `bert_config.json` has it: `from_google` undoes it, and reads `"gelu"` as its exact form.

        Both forms of GELU have this name there. An epsilon or a width of the embeddings that the format cannot say is
        refused.
        """
        if (self.layer_norm_epsilon, self.embedding_dim) != (BertConfig.layer_norm_epsilon, None):
            raise ValueError(
                f"Google's format has layer_norm_epsilon={BertConfig.layer_norm_epsilon} and embedding_dim=None only. "
                f"Received: layer_norm_epsilon={self.layer_norm_epsilon}, embedding_dim={self.embedding_dim}."
            )
        settings = self.to_keys(_SHARED_KEYS)
        return settings | {"hidden_act": "gelu"} if self.activation == "gelu_tanh" else settings

    @classmethod
    def from_keys(cls, config: dict, keys: dict[str, str], owner: str = "Hugging Face") -> "BertConfig":
        """From the settings of another library; `keys` tells which field each one is: {"hidden_size": "hidden_dim"}."""
        needed = [key for key, field in keys.items() if field in ("vocabulary_size", "hidden_dim", "num_layers")]
        missing = [key for key in needed if key not in config]
        if missing:
            raise ValueError(
                f"This is no configuration of such a model in {owner}'s format: it lacks {', '.join(missing)}. "
                f"It holds: {', '.join(sorted(config)) or 'nothing'}."
            )
        for key, value in _REQUIRED_VALUES.items():
            if config.get(key) not in (None, value):
                raise ValueError(f"Only models with {key}={value!r} are computed here. Received: {config[key]!r}.")
        fields = {field: config[key] for key, field in keys.items() if config.get(key) is not None}
        if "activation" in fields:
            key = next(key for key, field in keys.items() if field == "activation")
            if fields["activation"] not in _ACTIVATION_NAMES:
                raise ValueError(f"`{key}` must be one of {', '.join(_ACTIVATION_NAMES)}. Received: {config[key]!r}.")
            fields["activation"] = _ACTIVATION_NAMES[fields["activation"]]
        return cls(**fields)

    def to_keys(self, keys: dict[str, str]) -> dict:
        """The fields under the names of another library, those that are None left out: `from_keys` undoes it."""
        self.require_all_heads()
        fields = {key: getattr(self, field) for key, field in keys.items()}
        theirs = {ours: name for name, ours in reversed(_ACTIVATION_NAMES.items())}
        return {
            key: theirs[value] if keys[key] == "activation" else value
            for key, value in fields.items()
            if value is not None
        }

    def _num_steps(self) -> int:
        """How many blocks are applied one after another."""
        return self.num_layers


def read_json(config: dict | str | os.PathLike) -> dict:
    """The dict itself, or what the JSON file at that path holds."""
    return config if isinstance(config, dict) else json.loads(Path(config).read_text(encoding="utf-8"))
