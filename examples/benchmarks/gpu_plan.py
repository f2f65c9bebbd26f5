"""What the measurements on a GPU consist of: workloads, the sides of each, and all runs in the order of their worth.

A side is a library in one form. Nothing here needs a package that is not Python's own.
"""

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = {
    "ours": ("keras_bert_layers", "tensorflow"),
    "keras-hub": ("keras_hub", "tensorflow"),
    "huggingface": ("transformers", "torch"),
}
SCRIPTS = {"ours": "gpu_ours.py", "keras-hub": "gpu_keras_hub.py", "huggingface": "gpu_huggingface.py"}
# All compute in bfloat16 with float32 weights, and are compiled: the first two by XLA, the last by torch.compile.
SIDES = {"ours": "ours", "ours-not-fused": "ours", "keras-hub": "keras-hub", "huggingface": "huggingface"}
OWN = ("ours", "ours-not-fused")
MODELS = {
    "base": {"num_layers": 12, "hidden_dim": 768, "num_heads": 12, "intermediate_dim": 3072},
    "large": {"num_layers": 24, "hidden_dim": 1024, "num_heads": 16, "intermediate_dim": 4096},
    "tiny": {"num_layers": 2, "hidden_dim": 32, "num_heads": 2, "intermediate_dim": 64},
}


@dataclass(frozen=True)
class Workload:
    """Something to be measured.

    Args:
        title: for the report.
        sides: which take part, in the order of their turns.
        models: of which sizes; of those asked for.
        script: that measures ours, where it is not `gpu_ours.py`.
    """

    title: str
    sides: tuple[str, ...] = tuple(SIDES)
    models: tuple[str, ...] = ("base", "large", "tiny")
    script: str = "gpu_ours.py"


WORKLOADS = {
    "attention": Workload(
        "Fused attention beside separate operations in float32", ("ours",), ("base", "tiny"), "gpu_attention.py"
    ),
    "pretrain-128": Workload("A step of masked-LM pretraining, full rows of 128 tokens, 20 predictions"),
    "pretrain-512": Workload("A step of masked-LM pretraining, full rows of 512 tokens, 76 predictions"),
    "packed": Workload("A step of masked-LM pretraining on paragraphs, a row each, and packed", OWN),
    "finetune": Workload("A step of fine-tuning on sentences of real lengths, padded to a few lengths"),
    "inference": Workload("A forward pass over sentences of real lengths, padded to a few lengths"),
    "strategy": Workload(
        "MirroredStrategy of one GPU beside no strategy", ("ours",), ("base", "tiny"), "gpu_strategy.py"
    ),
    "trace": Workload("The costliest operations of a step of pretraining at 512", ("ours",), script="gpu_trace.py"),
}


@dataclass(frozen=True)
class Run:
    """One process: a side at a workload, in a round."""

    workload: str
    model: str
    side: str
    round: int

    @property
    def key(self) -> str:
        """What is compared with what."""
        return f"{self.workload}-{self.model}"

    @property
    def name(self) -> str:
        return f"{self.key}.{self.side}.{self.round}"

    @property
    def script(self) -> Path:
        peer = SIDES[self.side]
        script = WORKLOADS[self.workload].script if peer == "ours" else SCRIPTS[peer]
        return Path(__file__).resolve().parent / script


def plan(
    workloads: Iterable[str], sides: Sequence[str], models: Sequence[str], rounds: int
) -> tuple[list[Run], dict[str, str]]:
    """All runs, first a round of all workloads, the sides of each taking turns; and why a side takes no part."""
    absent = {side: why for side in sides if (why := why_not(side))}
    runs = [
        Run(workload, model, side, number)
        for number in range(rounds)
        for model in models
        for workload in workloads
        if model in WORKLOADS[workload].models
        for side in WORKLOADS[workload].sides
        # These say the same each time.
        if side in sides and side not in absent and not (number and workload in ("attention", "trace"))
    ]
    return runs, absent


def why_not(side: str) -> str | None:
    missing = [package for package in PACKAGES[SIDES[side]] if importlib.util.find_spec(package) is None]
    return f"not installed ({', '.join(missing)})" if missing else None
