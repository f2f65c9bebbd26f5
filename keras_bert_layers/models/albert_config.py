"""The sizes and settings that make one ALBERT differ from another."""

import dataclasses
import os
from typing import ClassVar

from keras_bert_layers.models.config import HUGGINGFACE_KEYS, BertConfig, read_json
from keras_bert_layers.models.presets import ALBERT_PRESETS

_KEYS = {**HUGGINGFACE_KEYS, "num_hidden_groups": "num_groups", "inner_group_num": "blocks_per_group"}
# What Hugging Face takes for a setting that a config.json leaves out, where it is not the default here.
_THEIR_DEFAULTS = {"num_attention_heads": 64, "intermediate_size": 16384}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlbertConfig(BertConfig):
    """The sizes and settings of an ALBERT encoder, immutable and checked. The defaults are ALBERT-base's, version 2.

    Args:
        vocabulary_size: int > 0. Number of tokens V. Defaults to 30000.
        embedding_dim: int > 0. Width E of the embedding tables. Defaults to 128.
        dropout: float in [0, 1). On embeddings and outputs of each part. Defaults to 0.
        attention_dropout: float in [0, 1). On the attention probabilities. Defaults to 0.
        activation: as in BertConfig. Defaults to `"gelu_tanh"`.
        num_groups: int > 0, at most `num_layers`. How many groups the layers are parted into; those of one group share
            their weights. Defaults to 1.
        blocks_per_group: int > 0. Number of blocks that each layer of a group applies in turn. Defaults to 1.
        **fields: the other fields of BertConfig, with its defaults.

    Raises:
        ValueError: if a value is out of its range; the message names it.

    Example:
        >>> config = AlbertConfig.from_preset("albert_large", num_groups=2)
        >>> config.num_layers, config.hidden_dim, config.order[10:14]
        (24, 1024, (0, 0, 1, 1))

    Reference:
        Lan et al. 2020, ALBERT (arXiv:1909.11942), sections 3.1 and 4.2.
    """

    vocabulary_size: int = 30000
    embedding_dim: int = 128
    dropout: float = 0.0
    attention_dropout: float = 0.0
    activation: str = "gelu_tanh"
    num_groups: int = 1
    blocks_per_group: int = 1

    _presets: ClassVar[dict[str, dict]] = ALBERT_PRESETS

    def __post_init__(self):
        super().__post_init__()
        # A group more than there are layers would have weights that nothing reads.
        self._require(self.num_groups <= self.num_layers, "num_groups", f"at most num_layers={self.num_layers}")

    @property
    def order(self) -> tuple[int, ...]:
        """Which block each step applies, counting the blocks of the first group first."""
        first = [self.blocks_per_group * _group_of(layer, self) for layer in range(self.num_layers)]
        return tuple(start + block for start in first for block in range(self.blocks_per_group))

    def _num_steps(self) -> int:
        return self.num_layers * self.blocks_per_group

    @classmethod
    def from_huggingface(cls, config: dict | str | os.PathLike) -> "AlbertConfig":
        """From Hugging Face's `config.json` of an ALBERT (a dict, or its path)."""
        return cls.from_keys({**_THEIR_DEFAULTS, **read_json(config)}, _KEYS)

    def to_huggingface(self) -> dict:
        """As Hugging Face's `config.json` has it, without what depends on the head: `from_huggingface` undoes it."""
        return self.to_keys(_KEYS)

    @classmethod
    def from_google(cls, config: dict | str | os.PathLike) -> "AlbertConfig":
        """Not read: the "gelu" of Google's ALBERT is another function than the "gelu" of Google's BERT."""
        raise ValueError(
            "Google's ALBERT configurations are not read here. Take the `config.json` of the model's Hugging Face "
            "release with `AlbertConfig.from_huggingface`, or name the fields: AlbertConfig(num_layers=..., ...)."
        )


def _group_of(layer, config):
    # The quotient is rounded before it divides, as Hugging Face does it: 27 layers in 21 groups would differ otherwise.
    return int(layer / (config.num_layers / config.num_groups))
