"""Words for the tables: the shapes in which PyTorch keeps the weights of a layer."""

from keras_bert_layers.convert.layouts import TRANSPOSED
from keras_bert_layers.convert.weight_map import Rule


def linear(ours: str, theirs: str, bias: bool = True) -> list[Rule]:
    """A `Linear` here, an `nn.Linear` there."""
    rules = [Rule((f"{ours}.kernel",), f"{theirs}.weight", TRANSPOSED)]
    return [*rules, Rule((f"{ours}.bias",), f"{theirs}.bias")] if bias else rules


def norm(ours: str, theirs: str, bias: bool = True) -> list[Rule]:
    """A `LayerNormalization` here, an `nn.LayerNorm` there."""
    rules = [Rule((f"{ours}.gamma",), f"{theirs}.weight")]
    return [*rules, Rule((f"{ours}.beta",), f"{theirs}.bias")] if bias else rules


def same(ours: str, theirs: str) -> list[Rule]:
    """One weight, the same on both sides."""
    return [Rule((ours,), theirs)]


def repeated(rules: list[Rule], ours: str, theirs: str, count: int) -> list[Rule]:
    """The rules of one block, for `count` of them: `{}` in the names stands for the number."""
    return [rule.at(ours.format(number), theirs.format(number)) for number in range(count) for rule in rules]


# Spellings that older checkpoints have, in every family.
OLD_SPELLINGS = {
    r"^module\.": "",
    r"\.gamma$": ".weight",
    r"\.beta$": ".bias",
}

BUFFERS = {r".*\.position_ids": "a buffer of the numbers 0, 1, 2, …", r".*\.token_type_ids": "a buffer of zeros"}
