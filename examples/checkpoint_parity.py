"""Whether a converted checkpoint is the one it was made from: weights, outputs and token ids, side by side."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import keras
import numpy as np

from keras_bert_layers.convert import Pretrained

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "A short one.",
    "Attention is a weighted mean, and the weights come from the words themselves, so that every word looks at others!",
    "语言 and naïve café, 3.14",
]
MOST_TEXTS, LONGEST = 16, 128
# Outputs that have a row for each position; the rows of padding are nobody's business.
BY_POSITION = ("sequence_output", "masked_lm", "replaced_token", "token_classification", "start", "end")
ONLY_OUTPUT = {"pretraining": "replaced_token"}  # ELECTRA; the others are called like the task


@dataclass
class Report:
    """A table of differences to the source, with a column for each way of running the weights.

    Args:
        tolerance: the largest difference of an output that passes.
    """

    tolerance: float
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    failed: bool = False

    def add(self, column: str, row: str, difference: float, shown: str | None = None, tolerance: float = 0.0) -> None:
        """One entry; `difference` above `tolerance` fails the whole report."""
        failed = not difference <= tolerance  # also if it is NaN
        self.failed |= failed
        text = shown or ("0" if difference == 0 else f"{difference:.1e}")
        self.columns.setdefault(column, {})[row] = f"{text} (!)" if failed else text

    def add_outputs(self, column: str, expected: dict, actual: dict, padding_mask: np.ndarray) -> None:
        """The largest absolute difference of every output that both have, over the real positions."""
        for name in [name for name in expected if name in actual]:
            here, there = (np.asarray(outputs[name], "float64") for outputs in (expected, actual))
            if name in BY_POSITION:
                here, there = here[padding_mask == 1], there[padding_mask == 1]
            same_shape = here.shape == there.shape
            difference = float(np.max(np.abs(here - there))) if same_shape else np.inf
            shown = None if same_shape else f"shape {there.shape}"
            self.add(column, name, difference, shown, self.tolerance)

    @contextlib.contextmanager
    def column_of_another_library(self, column: str) -> Iterator[None]:
        """Whatever goes wrong in a library that is not ours fails the report, and the report says what it was."""
        try:
            yield
        except Exception as error:
            self.failed = True
            self.errors[column] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:100]}"

    def __str__(self) -> str:
        rows = dict.fromkeys(row for column in self.columns.values() for row in column)
        table = [["", *self.columns], *([row, *(c.get(row, "") for c in self.columns.values())] for row in rows)]
        widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
        ]
        return "\n".join([*lines, *(f"{column} failed (!) {error}" for column, error in self.errors.items())])


def features_for(loaded: Pretrained, texts: list[str] | None) -> dict[str, np.ndarray]:
    """One padded batch of pairs of texts, so that every input of the model matters.

    A checkpoint without a tokenizer gets random ids.
    """
    length = min(LONGEST, loaded.sequence_length)
    if loaded.tokenizer is None:
        rng = np.random.default_rng(0)
        length = min(length, 12)
        ids = rng.integers(0, loaded.config.vocabulary_size, (3, length), "int32")
        mask = (np.arange(length) < np.array([[length], [length - 1], [length // 2]])).astype("int32")
        return {"token_ids": ids, "segment_ids": np.arange(length) // (length // 2) % 2 * mask, "padding_mask": mask}
    texts = (texts or TEXTS)[:MOST_TEXTS]
    preprocessor = loaded.preprocessor(sequence_length=length)
    return {name: np.asarray(value) for name, value in preprocessor((texts, texts[1:] + texts[:1])).items()}


def outputs_of(loaded: Pretrained, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the model and the encoder in it put out, for every position; a masked-LM head is asked for all as well."""
    found = {}

    def call(layer, *args, **kwargs):
        # A classifier reads one position of the encoder, and it computes no more.
        found[layer.name] = layer(*args, **{name: value for name, value in kwargs.items() if name != "keep_first"})
        return found[layer.name]

    model = keras.models.clone_model(loaded.model, clone_function=lambda layer: layer, call_function=call)
    outputs = {"sequence_output": found.get("final_norm", found["encoder"])}
    if "pooler" in found:
        outputs["pooled_output"] = found["pooler"]
    single = ONLY_OUTPUT.get(loaded.task, loaded.task)
    outputs |= model.output if isinstance(model.output, dict) else {single: model.output}
    mask = features["padding_mask"]
    everywhere = np.where(mask == 1, np.arange(mask.shape[1]), -1).astype("int32")
    inputs = {name: {**features, "mask_positions": everywhere}[name] for name in model.input}
    values = keras.Model(model.input, outputs)(inputs)
    return {name: keras.ops.convert_to_numpy(value) for name, value in values.items()}


def compare_weights(report: Report, column: str, source: keras.Model, target: keras.Model) -> None:
    """Bit for bit, weight by weight."""
    here, there = ({weight.path: weight for weight in model.weights} for model in (source, target))
    differing = [
        path
        for path in here.keys() | there.keys()
        if path not in here or path not in there or not _same_bits(here[path], there[path])
    ]
    shown = f"{len(differing)} of {len(here)} differ" if differing else "identical"
    report.add(column, "weights", len(differing), shown)


def compare_ids(report: Report, column: str, expected: list[list[int]], actual: list[list[int]] | None) -> None:
    """The token ids of the same texts; None where the files do not say how text is split."""
    if actual is None:
        report.add(column, "token ids", 0, "not configured")
        return
    differing = sum(list(one) != list(other) for one, other in zip(expected, actual, strict=True))
    shown = f"{differing} of {len(expected)} texts differ" if differing else "identical"
    report.add(column, "token ids", differing, shown)


def _same_bits(one, other):
    one, other = (keras.ops.convert_to_numpy(weight) for weight in (one, other))
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()
