"""The sizes and settings that make one ModernBERT differ from another."""

import dataclasses
import os
from typing import ClassVar

from keras_bert_layers.models.config import read_json
from keras_bert_layers.models.model_config import ModelConfig

MODERNBERT_PRESETS: dict[str, dict[str, int]] = {
    "modernbert_base": {},
    "modernbert_large": {"num_layers": 28, "hidden_dim": 1024, "num_heads": 16, "intermediate_dim": 2624},
}

# Hugging Face's key -> field here. Those of the layers' kinds and wavelengths are read and written apart.
_KEYS = {
    "vocab_size": "vocabulary_size",
    "hidden_size": "hidden_dim",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "intermediate_size": "intermediate_dim",
    "max_position_embeddings": "max_sequence_length",
    "local_attention": "local_window",
    "hidden_activation": "activation",
    "classifier_activation": "head_activation",
    "embedding_dropout": "embedding_dropout",
    "attention_dropout": "attention_dropout",
    "mlp_dropout": "feed_forward_dropout",
    "attention_bias": "attention_bias",
    "mlp_bias": "feed_forward_bias",
    "norm_bias": "norm_bias",
    "classifier_bias": "head_bias",
    "decoder_bias": "output_bias",
    "tie_word_embeddings": "tie_embeddings",
    "norm_eps": "layer_norm_epsilon",
    "initializer_range": "initializer_range",
}
# Field here -> kind of layer, and the key of earlier versions.
_WAVELENGTHS = {
    "global_max_wavelength": ("full_attention", "global_rope_theta"),
    "local_max_wavelength": ("sliding_attention", "local_rope_theta"),
}
_ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "relu": "relu", "silu": "silu", "tanh": "tanh"}
_ACTIVATION_NAMES = {theirs: ours for ours, theirs in _ACTIVATIONS.items()} | {"gelu_new": "gelu_tanh", "swish": "silu"}
# Settings that change the computation, and the only value that is computed here. (`position_embedding_type`, which the
# published files hold, changes nothing: positions are rotary.)
_REQUIRED_VALUES = {
    "model_type": "modernbert",
    "is_decoder": False,
    "add_cross_attention": False,
    "rope_scaling": None,
    "quantization_config": None,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModernBertConfig(ModelConfig):
    """The sizes and settings of a ModernBERT, immutable and checked. The defaults are ModernBERT-base's.

    Args:
        vocabulary_size: int > 0. Number of tokens V. Defaults to 50368.
        hidden_dim: int > 0. Width H. Defaults to 768.
        num_layers: int > 0. Number of encoder blocks. Defaults to 22.
        num_heads: int > 0. Number of attention heads N; divides `hidden_dim` into heads of even size. Defaults to 12.
        intermediate_dim: int > 0. Width inside the gated feed-forward part. Defaults to 1152.
        max_sequence_length: int > 0. The longest sequence that is accepted. Defaults to 8192.
        global_attention_every: int > 0. Blocks 0, n, 2 n, … see the whole sequence, the others a window. Defaults to 3.
        local_window: int > 0. Size of that window: half of it on either side. Defaults to 128.
        global_max_wavelength, local_max_wavelength: float > 1. Bases of the rotary positions in the two kinds of
            blocks. Default to 160000 and 10000.
        activation, head_activation: `"gelu"` (exact), `"gelu_tanh"`, `"relu"`, `"silu"` or `"tanh"`, of the blocks and
            of the masked-LM head. Default to `"gelu"`.
        embedding_dropout: float in [0, 1). On the embeddings. Defaults to 0.
        attention_dropout: float in [0, 1). On the attention probabilities and its output. Defaults to 0.
        feed_forward_dropout: float in [0, 1). On the gated values. Defaults to 0.
        attention_bias, feed_forward_bias, norm_bias, head_bias: bool. Which projections and normalizations have a bias.
            Default to `False`.
        output_bias: bool. Whether the scores over the vocabulary have a bias. Defaults to `True`.
        tie_embeddings: bool. Whether the masked-LM head shares the matrix of the token embedding. Defaults to `True`.
        layer_norm_epsilon: float > 0. Defaults to 1e-5.
        initializer_range: float > 0. Deviation of the initial weights; projections back to the width H have it divided
            by √(2 `num_layers`). Defaults to 0.02.
        heads_per_layer: how many heads each layer has, where some were removed (`compress.prune_heads`); a head keeps
            the size `hidden_dim` / `num_heads`. Defaults to `None`: `num_heads`.

    Raises:
        ValueError: if a value is out of its range; the message names it.

    Example:
        >>> config = ModernBertConfig.from_preset("modernbert_large", max_sequence_length=1024)
        >>> config.num_layers, config.hidden_dim, config.max_sequence_length
        (28, 1024, 1024)
        >>> ModernBertConfig.from_json(config.to_json()) == config
        True

    Reference:
        Warner et al. 2024, Smarter, Better, Faster, Longer (arXiv:2412.13663), section 2.1 and table 4.
    """

    vocabulary_size: int = 50368
    hidden_dim: int = 768
    num_layers: int = 22
    num_heads: int = 12
    intermediate_dim: int = 1152
    max_sequence_length: int = 8192
    global_attention_every: int = 3
    local_window: int = 128
    global_max_wavelength: float = 160000.0
    local_max_wavelength: float = 10000.0
    activation: str = "gelu"
    head_activation: str = "gelu"
    embedding_dropout: float = 0.0
    attention_dropout: float = 0.0
    feed_forward_dropout: float = 0.0
    attention_bias: bool = False
    feed_forward_bias: bool = False
    norm_bias: bool = False
    head_bias: bool = False
    output_bias: bool = True
    tie_embeddings: bool = True
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    heads_per_layer: tuple[int, ...] | None = None

    _presets: ClassVar[dict[str, dict]] = MODERNBERT_PRESETS

    def __post_init__(self):
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            number = whole or isinstance(value, float)
            if field.type is int:
                self._require(whole and value > 0, name, "a positive integer")
            elif field.type is bool:
                self._require(isinstance(value, bool), name, "True or False")
            elif field.type is str:
                self._require(value in _ACTIVATIONS, name, f"one of {', '.join(_ACTIVATIONS)}")
            elif name.endswith("dropout"):
                self._require(number and 0 <= value < 1, name, "a rate in [0, 1)")
            elif name == "heads_per_layer":
                if value is not None:
                    self._check_heads(self.num_layers)
            elif name.endswith("wavelength"):
                self._require(number and value > 1, name, "a number above 1")
            else:
                self._require(number and value > 0, name, "a positive number")
        self._require(
            self.hidden_dim % (2 * self.num_heads) == 0,
            "hidden_dim",
            f"a multiple of 2 * num_heads={2 * self.num_heads}, so that every head has pairs of features to turn",
        )

    @classmethod
    def from_huggingface(cls, config: dict | str | os.PathLike) -> "ModernBertConfig":
        """From Hugging Face's `config.json` of a ModernBERT, of any version (a dict, or its path).

        Raises:
            ValueError: if it is none, or has a setting that is not computed here; the message names it.
        """
        config = read_json(config)
        missing = [key for key in ("vocab_size", "hidden_size", "num_hidden_layers") if key not in config]
        if missing:
            raise ValueError(
                f"This is no configuration of a ModernBERT in Hugging Face's format: it lacks {', '.join(missing)}. It "
                f"holds: {', '.join(sorted(config)) or 'nothing'}."
            )
        for key, value in _REQUIRED_VALUES.items():
            if config.get(key) not in (None, value):
                raise ValueError(f"Only ModernBERTs with {key}={value!r} are computed here. Received: {config[key]!r}.")
        fields = {field: config[key] for key, field in _KEYS.items() if config.get(key) is not None}
        for key, field in _KEYS.items():
            if field.endswith("activation") and field in fields:
                if fields[field] not in _ACTIVATION_NAMES:
                    raise ValueError(
                        f"`{key}` must be one of {', '.join(_ACTIVATION_NAMES)}. Received: {config[key]!r}."
                    )
                fields[field] = _ACTIVATION_NAMES[fields[field]]
        fields["global_attention_every"] = _distance_of_global_layers(config)
        found = cls(**fields, **_wavelengths(config))
        if config.get("head_dim") not in (None, found.hidden_dim // found.num_heads):
            raise ValueError(
                f"`head_dim` must be hidden_size / num_attention_heads = {found.hidden_dim // found.num_heads} here. "
                f"Received: {config['head_dim']}."
            )
        return found

    def to_huggingface(self) -> dict:
        """As Hugging Face's `config.json` has it, for its versions 4.48 and later: `from_huggingface` undoes it.

        Ids of special tokens are those of a vocabulary, which is not known here: they are None.
        """
        self.require_all_heads()
        fields = {key: getattr(self, field) for key, field in _KEYS.items()}
        wavelengths = {names: float(getattr(self, field)) for field, names in _WAVELENGTHS.items()}
        return {
            "model_type": "modernbert",
            **{
                key: _ACTIVATIONS.get(value, value) if key.endswith("activation") else value
                for key, value in fields.items()
            },
            "layer_types": _layer_types(self.num_layers, self.global_attention_every),
            "rope_parameters": {
                kind: {"rope_type": "default", "rope_theta": value} for (kind, _), value in wavelengths.items()
            },
            # Read by versions before 5 in place of the two above.
            "global_attn_every_n_layers": self.global_attention_every,
            **{key: value for (_, key), value in wavelengths.items()},
            **{f"{token}_token_id": None for token in ("pad", "bos", "eos", "cls", "sep")},
        }


def _layer_types(num_layers, distance):
    return ["sliding_attention" if number % distance else "full_attention" for number in range(num_layers)]


def _distance_of_global_layers(config):
    """The n of which every n-th layer is global: the key of earlier versions, unless the list of the kinds differs."""
    distance, kinds = config.get("global_attn_every_n_layers"), config.get("layer_types")
    if kinds is None:
        return 3 if distance is None else distance
    candidates = [distance] if distance else []
    for candidate in (*candidates, *range(1, len(kinds) + 1)):
        if kinds == _layer_types(config["num_hidden_layers"], candidate):
            return candidate
    raise ValueError(
        '`layer_types` must be one of "full_attention" and "sliding_attention" for each layer, full in layers 0, n, '
        f"2 n, … and nowhere else. Received: {kinds}."
    )


def _wavelengths(config):
    given = config.get("rope_parameters") or {}
    wavelengths = {}
    for field, (kind, key) in _WAVELENGTHS.items():
        parameters = given.get(kind) or {}
        if parameters.get("rope_type", "default") != "default":
            raise ValueError(
                f"Only rotary positions with rope_type='default' are computed here. Received for {kind}: {parameters}."
            )
        # A local theta of null means that of the global layers.
        default = wavelengths.get("global_max_wavelength") if key in config else None
        wavelength = parameters.get("rope_theta") or config.get(key) or default
        if wavelength is not None:
            wavelengths[field] = wavelength
    return wavelengths
