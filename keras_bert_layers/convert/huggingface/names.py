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


def placed(rules: list[Rule], ours: str, theirs: str) -> list[Rule]:
    """The rules of a part, for the place where it stands."""
    return [rule.at(ours, theirs) for rule in rules]


def repeated(rules: list[Rule], ours: str, theirs: str, count: int) -> list[Rule]:
    """The rules of one block, for `count` of them: `{}` in the names stands for the number."""
    return [rule for number in range(count) for rule in placed(rules, ours.format(number), theirs.format(number))]


def output_layer(theirs: str, table: str, tied: bool) -> tuple[list[Rule], dict[str, str]]:
    """The last matrix and bias of the masked-LM head, an `nn.Linear` there: rules, and the copies among the tensors.

    Args:
        theirs: name of the layer.
        table: name of the tensor of the token embedding.
        tied: whether the matrix is that tensor once more.
    """
    bias = same("masked_lm.output_bias", f"{theirs}.bias")
    if tied:
        return bias, {f"{theirs}.weight": table}
    return [*bias, *same("masked_lm.output_embedding.embeddings", f"{theirs}.weight")], {}


# Spellings that older checkpoints have, in every family.
OLD_SPELLINGS = {
    r"^module\.": "",
    r"\.gamma$": ".weight",
    r"\.beta$": ".bias",
}

BUFFERS = {r".*\.position_ids": "a buffer of the numbers 0, 1, 2, …", r".*\.token_type_ids": "a buffer of zeros"}
