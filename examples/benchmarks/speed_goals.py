"""What the comparison of speed aims at, and how far the figures are from it."""

import statistics
from dataclasses import dataclass

# key of a workload -> side -> figure -> metric -> its value in each round
Measured = dict[str, dict[str, dict[str, dict[str, list[float]]]]]
Place = tuple[str, str]  # side, figure
LOWER_IS_BETTER = {"seconds", "p50", "p99", "megabytes", "megabytes_with_imports"}


@dataclass(frozen=True)
class Goal:
    """A number to be reached.

    Args:
        key: of the workload, with its texts and model.
        name: in words.
        ours: the side and figure it is about.
        theirs: those it is compared with, the best of them; none for a number that stands alone.
        at_least, at_most: one of both. With `theirs`, how many times as fast as they ours shall be, or how many times
            as much as they it may take.
        metric: what is compared.
    """

    key: str
    name: str
    ours: Place
    theirs: tuple[Place, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    metric: str = "seconds"

    def values(self, measured: Measured) -> list[float]:
        """In each round; empty where something was not measured."""
        ours, *theirs = (_rounds(measured, self.key, place, self.metric) for place in (self.ours, *self.theirs))
        there = [values for values in theirs if values]
        if not self.theirs or not ours or not there:
            return [] if self.theirs else ours
        best = min if self.metric in LOWER_IS_BETTER else max
        pairs = zip(ours, map(best, zip(*there, strict=False)), strict=False)
        if self.at_least is not None and self.metric in LOWER_IS_BETTER:
            return [other / own for own, other in pairs]
        return [own / other for own, other in pairs]

    def is_reached(self, value: float) -> bool:
        return value >= self.at_least if self.at_least is not None else value <= self.at_most


def _rounds(measured, key, place, metric):
    side, figure = place
    return measured.get(key, {}).get(side, {}).get(figure, {}).get(metric, [])


def compare(measured: Measured) -> list[dict]:
    """A row for each goal; `median` is None where something was not measured."""
    rows = []
    for goal in GOALS:
        values = goal.values(measured)
        row = {"key": goal.key, "name": goal.name, "metric": goal.metric, "rounds": values, "median": None}
        row |= {"at_least": goal.at_least} if goal.at_least is not None else {"at_most": goal.at_most}
        if values:
            median = statistics.median(values)
            row |= {"median": median, "reached": goal.is_reached(median)}
        rows.append(row)
    return rows


FLOAT, HALF, EIGHT = (("ours-float32", "Predictor"), ("ours-bfloat16", "Predictor"), ("ours-int8", "Predictor"))
HUB_LONGEST, HUB_FIXED = ("keras-hub-float32", "given order"), ("keras-hub-float32", "fixed length")
HUB_SENTENCES = ("keras-hub-float32", "sentences")
DENSE = "8 x 128"
HUB_DENSE = ("keras-hub-float32", DENSE)
SORTED = (("huggingface-float32", "sorted"), ("onnxruntime-float32", "sorted"))
GOALS = (
    Goal("texts-sst2-base", "float32 to keras-hub, padded to the longest", FLOAT, (HUB_LONGEST,), 2.0),
    Goal("texts-sst2-base", "float32 to keras-hub, padded to 128", FLOAT, (HUB_FIXED,), 5.0),
    Goal(
        "texts-sst2-base", "float32 to Hugging Face, given order", FLOAT, (("huggingface-float32", "given order"),), 2.2
    ),
    Goal("texts-sst2-base", "float32 to the best of Hugging Face and ONNX Runtime, sorted", FLOAT, SORTED, 1.15),
    Goal("texts-sst2-base", "float32, share of what products allow", FLOAT, at_least=0.95, metric="bound_share"),
    Goal("texts-sst2-base", "bfloat16 to keras-hub float32, padded to the longest", HALF, (HUB_LONGEST,), 3.5),
    Goal(
        "texts-sst2-base",
        "bfloat16 to Hugging Face bfloat16, given order",
        HALF,
        (("huggingface-bfloat16", "given order"),),
        1.9,
    ),
    Goal(
        "texts-sst2-base", "bfloat16 to Hugging Face bfloat16, sorted", HALF, (("huggingface-bfloat16", "sorted"),), 1.1
    ),
    Goal("texts-sst2-base", "int8 to ONNX Runtime int8, sorted", EIGHT, (("onnxruntime-int8", "sorted"),), 1.0),
    Goal("texts-sst2-base", "int8 to keras-hub float32, padded to the longest", EIGHT, (HUB_LONGEST,), 4.5),
    Goal("dense-base", "forward, float32 to keras-hub", ("ours-float32", DENSE), (HUB_DENSE,), 1.1),
    Goal("dense-base", "forward, bfloat16 to keras-hub float32", ("ours-bfloat16", DENSE), (HUB_DENSE,), 2.0),
    Goal(
        "finetune-base", "step on sentences, float32 to keras-hub", ("ours-float32", "sentences"), (HUB_SENTENCES,), 2.0
    ),
    Goal(
        "finetune-base",
        "step on sentences, float32 to Hugging Face",
        ("ours-float32", "sentences"),
        (("huggingface-float32", "sentences"),),
        2.8,
    ),
    Goal("finetune-base", "step without padding, float32 to keras-hub", ("ours-float32", DENSE), (HUB_DENSE,), 1.25),
    Goal(
        "finetune-base",
        "step on sentences, bfloat16 to keras-hub float32",
        ("ours-bfloat16", "sentences"),
        (HUB_SENTENCES,),
        3.0,
    ),
    Goal(
        "pretrain-base",
        "packed rows to keras-hub's padded",
        ("ours-float32", "packed"),
        (("keras-hub-float32", "padded"),),
        2.5,
        metric="tokens_per_second",
    ),
    Goal(
        "tokenize",
        "tokenization to Hugging Face tokenizers",
        ("ours-float32", "tokenization"),
        (("huggingface-float32", "tokenization"),),
        8.0,
        metric="megabytes_per_second",
    ),
    Goal("tokenize", "masking, tokens/s", ("ours-float32", "masking"), at_least=10e6, metric="tokens_per_second"),
    Goal(
        "memory-base",
        "fine-tuning, memory to keras-hub's",
        ("ours-float32", "ten steps"),
        (("keras-hub-float32", "ten steps"),),
        at_most=0.8,
        metric="megabytes",
    ),
    Goal("imports", "import keras_bert_layers, s", ("ours-float32", "import keras_bert_layers"), at_most=0.05),
    Goal("imports", "first layer over import keras, s", ("ours-float32", "first layer, over keras"), at_most=0.3),
)
