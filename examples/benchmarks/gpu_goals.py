"""What the measurements on a GPU aim at, and how far the figures are from it."""

import statistics
from dataclasses import dataclass

# key of a workload -> side -> figure -> metric -> its value in each round
Measured = dict[str, dict[str, dict[str, dict[str, list[float]]]]]


@dataclass(frozen=True)
class Goal:
    """A number to be reached.

    Args:
        name: in words.
        key: of the workload.
        figure: of our side.
        metric: of the figure; with `over`, the ratio of both in this metric.
        over: (side, figure) that ours is divided by, round by round.
        at_least, at_most: one of both.
    """

    name: str
    key: str
    figure: str
    metric: str = "tokens_per_second"
    over: tuple[str, str] | None = None
    at_least: float | None = None
    at_most: float | None = None

    def values(self, measured: Measured) -> list[float]:
        """In each round; empty where something was not measured."""
        ours = _values(measured, self.key, "ours", self.figure, self.metric)
        if self.over is None:
            return ours
        return [own / other for own, other in zip(ours, _values(measured, self.key, *self.over, self.metric))]  # noqa: B905

    def is_reached(self, value: float) -> bool:
        return value >= self.at_least if self.at_least is not None else value <= self.at_most


def _values(measured, key, side, figure, metric):
    return measured.get(key, {}).get(side, {}).get(figure, {}).get(metric, [])


def compare(measured: Measured) -> list[dict]:
    """A row for each goal; `median` is None where something was not measured."""
    rows = []
    for goal in GOALS:
        values = goal.values(measured)
        median = statistics.median(values) if values else None
        bound = {"at_least": goal.at_least} if goal.at_least is not None else {"at_most": goal.at_most}
        reached = {} if median is None else {"reached": goal.is_reached(median)}
        rows.append({"name": goal.name, "key": goal.key, "rounds": values, "median": median, **bound, **reached})
    return rows


def _goals():
    full, sentences = "full rows", "sentences"
    yield Goal("fused attention, relative error", "attention-base", "all cases", "error", at_most=1e-2)
    yield Goal("fused attention, all finite", "attention-base", "all cases", "finite", at_least=1)
    for model in ("base", "large"):
        for length in (128, 512):
            key = f"pretrain-{length}-{model}"
            yield Goal("share of the peak (MFU)", key, full, "share_of_peak", at_least=0.4)
            yield Goal("to keras-hub", key, full, over=("keras-hub", full), at_least=1.5)
            yield Goal("to Hugging Face, compiled", key, full, over=("huggingface", full), at_least=1.0)
        for kind in ("finetune", "inference"):
            key = f"{kind}-{model}"
            yield Goal("to keras-hub", key, sentences, over=("keras-hub", sentences), at_least=1.5)
            yield Goal("to Hugging Face, compiled", key, sentences, over=("huggingface", sentences), at_least=1.0)
        yield Goal(
            "packed to padded rows, real tokens", f"packed-{model}", "packed", over=("ours", "padded"), at_least=1.8
        )
    yield Goal("seconds of MirroredStrategy to none", "strategy-base", "mirrored", "ratio", at_most=1.03)
    yield Goal("losses of MirroredStrategy, relative gap", "strategy-base", "mirrored", "loss_gap", at_most=1e-2)


GOALS = tuple(_goals())
