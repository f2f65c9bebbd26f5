"""The strict engine between the weights of a model and the tensors of a checkpoint: nothing is left over."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import keras
import numpy as np

from keras_bert_layers.convert.layouts import SAME, Layout

_SHOWN = 8
_NEW_LINE = "\n  "


class Tensors(Protocol):
    """A checkpoint, read one tensor at a time. `place` says where it lies, for messages."""

    place: str

    def shapes(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Every tensor's name -> its shape and the name of its dtype, without reading it."""

    def read(self, name: str) -> np.ndarray: ...


@dataclass(frozen=True)
class Rule:
    """One tensor there is these weights here, in this layout. A weight is a path: `"encoder.blocks.0.attention..."`."""

    ours: tuple[str, ...]
    theirs: str
    layout: Layout = SAME

    def at(self, ours: str, theirs: str) -> "Rule":
        """The same rule for a part that stands at another place."""
        return Rule(tuple(f"{ours}.{path}" for path in self.ours), f"{theirs}{self.theirs}", self.layout)


@dataclass(frozen=True)
class Table:
    """All tensors that a format can hold, beside the weights of a model.

    Args:
        parts: for each layer of the model that has weights, by its name, the rules for them.
        copies: tensor -> the tensor that it repeats. It must be equal, and stands in for it if that is absent.
        spares: tensor -> the tensor that it stands in for if that is absent. Beside it, it has no effect and may
            differ; it is written equal.
        ignored: pattern of tensor names -> why they are not read.
        renamed: pattern -> replacement, applied in this order to the names in the checkpoint (older spellings).
    """

    parts: dict[str, list[Rule]]
    copies: dict[str, str] = field(default_factory=dict)
    spares: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)

    def canonical(self, name: str) -> str:
        """The name that this table has for a tensor."""
        for pattern, replacement in self.renamed.items():
            name = re.sub(pattern, replacement, name)
        return name


@dataclass(frozen=True)
class Filling:
    """What a checkpoint gives a model: for each weight its reader, and for each tensor left out the reason."""

    readers: list[tuple[keras.Variable, Callable[[], np.ndarray]]]
    ignored: dict[str, str]

    def assign(self) -> None:
        """Gives every weight its value."""
        for variable, read in self.readers:
            variable.assign(read())

    def initialize(self) -> None:
        """Lets every weight that has no value yet (it was made in a StatelessScope) begin with the checkpoint's."""
        for variable, read in self.readers:
            # Random values that are replaced at once would cost more than the reading.
            variable._initializer = lambda shape, dtype, read=read: read()


def match(
    model: keras.Model,
    table: Table,
    tensors: Tensors,
    fresh: Iterable[str] = (),
    ignore: Sequence[str] = (),
) -> Filling:
    """Finds for every weight its tensor and for every tensor its weight; reads no value yet.

    Args:
        model: a functional model whose layers have the names of the table's parts.
        table: of the checkpoint's format.
        tensors: the checkpoint.
        fresh: parts of the model that are not in the checkpoint and stay as they are.
        ignore: patterns of further tensors to leave out.

    Returns:
        A Filling.

    Raises:
        ValueError: if a tensor or a weight is left over, has two partners, or differs in shape or kind.
    """
    found = _canonical_names(table, tensors)
    shapes = tensors.shapes()
    wanted = parts_of(model)
    rules = _rules(model, table, wanted - set(fresh))
    readers, problems, used = [], [], set()
    for rule in rules:
        name = found.get(rule.theirs)
        if name is None:
            problems.append(f"missing {rule.theirs!r} (for {', '.join(rule.ours)})")
            continue
        used.add(rule.theirs)
        variables = [weight_at(model, path) for path in rule.ours]
        problems += _differences(name, rule, variables, *shapes[name])
        readers += [
            (variable, _reader(tensors, name, rule.layout, variables, index))
            for index, variable in enumerate(variables)
        ]
    ignored, read = {}, {found[name] for name in used}
    for canonical, name in found.items():
        if name in read:
            continue
        reason = _reason(table, canonical, wanted - set(fresh), ignore)
        if reason is None:
            problems.append(f"unexpected {name!r} of shape {list(shapes[name][0])}")
        else:
            ignored[name] = reason
    if problems:
        raise ValueError(_summary(tensors.place, problems))
    _check_complete(model, [variable for variable, _ in readers], fresh)
    _check_copies(table, tensors, found)
    return Filling(readers, ignored)


def collect(model: keras.Model, table: Table) -> dict[str, np.ndarray]:
    """The tensors that this model is in the table's format, the inverse of filling it.

    Raises:
        ValueError: if a weight has no place in the format.
    """
    rules = _rules(model, table, parts_of(model))
    variables = [weight_at(model, path) for rule in rules for path in rule.ours]
    _check_complete(model, variables)
    # In the order of C: files of tensors are written from the bytes as they lie in memory.
    tensors = {
        rule.theirs: np.ascontiguousarray(
            rule.layout.write([keras.ops.convert_to_numpy(weight_at(model, path)) for path in rule.ours])
        )
        for rule in rules
    }
    return tensors | {spare: tensors[name] for spare, name in table.spares.items() if name in tensors}


def parts_of(model: keras.Model) -> set[str]:
    """The names of the model's layers that have weights of their own."""
    return {layer.name for layer in model.layers if layer.weights}


def weight_at(model: keras.Model, path: str) -> keras.Variable:
    """The weight at a path whose first name is a layer of the model."""
    first, *rest = path.split(".")
    value = model.get_layer(first)
    for name in rest:
        value = value[int(name)] if name.isdigit() else getattr(value, name, None)
        if value is None:
            raise ValueError(
                f"The layer {first!r} of the model {model.name!r} has no {'.'.join(rest)}, which this format holds. "
                "Build it as keras_bert_layers.models does, or save the model in this library's own format: "
                "`kbl.convert.save_pretrained`."
            )
    return value


def _rules(model, table, parts):
    strangers = sorted(parts - set(table.parts))
    if strangers:
        raise ValueError(
            f"The model {model.name!r} has weights in the layer(s) {', '.join(strangers)}, for which this format "
            f"has no place. It has: {', '.join(table.parts)}. Name your layers like those of "
            "keras_bert_layers.models, or save the model in this library's own format: `kbl.convert.save_pretrained`."
        )
    return [rule for part, rules in table.parts.items() if part in parts for rule in rules]


def _canonical_names(table, tensors):
    found = {}
    for name in tensors.shapes():
        canonical = table.canonical(name)
        if canonical in found:
            raise ValueError(
                f"{tensors.place} holds {found[canonical]!r} and {name!r}, two names for one tensor. "
                "Remove one of them."
            )
        found[canonical] = name
    for copy, original in {**table.copies, **table.spares}.items():
        if copy in found and original not in found:
            found[original] = found[copy]
    return found


def _differences(name, rule, variables, shape, dtype):
    expected = rule.layout.shape([tuple(variable.shape) for variable in variables])
    if tuple(shape) != tuple(expected):
        yield f"{name!r} must have shape {list(expected)} (for {', '.join(rule.ours)}), found {list(shape)}"
    if "float" not in dtype:
        yield f"{name!r} must be of a float dtype, found {dtype}"


def _reader(tensors, name, layout, variables, index):
    shapes = [tuple(variable.shape) for variable in variables]
    return lambda: layout.read(tensors.read(name), shapes)[index].astype(variables[index].dtype, copy=False)


def _reason(table, canonical, wanted, ignore):
    if canonical in table.copies:
        return f"a copy of {table.copies[canonical]}"
    if canonical in table.spares:
        return f"without effect beside {table.spares[canonical]}"
    for part, rules in table.parts.items():
        if part not in wanted and any(rule.theirs == canonical for rule in rules):
            return f"belongs to the part {part!r}, which this model has not"
    for pattern, reason in table.ignored.items():
        if re.fullmatch(pattern, canonical):
            return reason
    return "left out by `ignore`" if any(re.fullmatch(pattern, canonical) for pattern in ignore) else None


def _check_complete(model, variables, fresh=()):
    count = Counter(id(variable) for variable in variables)
    untouched = {id(variable) for layer in model.layers if layer.name in fresh for variable in layer.weights}
    wrong = [
        f"{variable.path} ({count[id(variable)]})"
        for variable in model.weights
        if count[id(variable)] != 1 and (count[id(variable)] or id(variable) not in untouched)
    ]
    if wrong:
        raise ValueError(
            f"Every weight must have one place in the format. These have another number: {_listed(wrong)}. Build the "
            "model from the layers and under the names that keras_bert_layers.models uses."
        )


def _check_copies(table, tensors, found):
    for copy, original in table.copies.items():
        if copy not in found or found[original] == found[copy]:
            continue
        if not np.array_equal(tensors.read(found[copy]), tensors.read(found[original])):
            raise ValueError(
                f"{found[copy]!r} in {tensors.place} must repeat {found[original]!r}, to which it is tied, and differs "
                'from it. If the two were trained apart, set "tie_word_embeddings": false in config.json.'
            )


def _summary(place, problems):
    return (
        f"{place} does not fit the model that its configuration describes:{_NEW_LINE}{_listed(problems, _NEW_LINE)}\n"
        "Check that the configuration and the weights belong together. Tensors that you know to be of no use can be "
        'left out by name: ignore=("pattern", ...).'
    )


def _listed(items, separator=", "):
    more = f"{separator}and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return separator.join(items[:_SHOWN]) + more
