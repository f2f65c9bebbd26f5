"""What the comparison of speed measures, and who takes part: the workloads, and the sides of each.

A side is a peer in one of its forms, such as `huggingface-bfloat16`. A peer is asked for by its name, which means its
usual forms, or by the name of one of its sides. Nothing here needs a package that is not Python's own.
"""

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = ("ours", "keras-hub", "huggingface", "onnxruntime", "model-garden")
# By what a package is found, where that is not its name.
PACKAGES = {
    "ours": ("keras_bert_layers", "tensorflow", "tensorflow_text"),
    "keras-hub": ("keras_hub", "tensorflow", "tensorflow_text"),
    "huggingface": ("transformers", "torch"),
    "onnxruntime": ("onnxruntime", "onnx", "transformers", "torch"),
    "model-garden": ("official", "tensorflow"),
}
# Any of these makes products in a type quick. Without one they take many times as long as in float32.
INSTRUCTIONS = {"bfloat16": {"avx512_bf16", "amx_bf16", "bf16"}}


@dataclass(frozen=True)
class Side:
    """A peer in one form.

    Args:
        peer: one of PEERS.
        form: `"float32"`, `"bfloat16"`, ...
        usual: whether it takes part when its peer is asked for, or only under its own name.
    """

    peer: str
    form: str
    usual: bool = True

    @property
    def name(self) -> str:
        return f"{self.peer}-{self.form}"

    def why_not(self, flags: Iterable[str], wanted: Iterable[str] = ()) -> str | None:
        """Why it does not take part here; None if it does.

        Args:
            flags: what the processor can do.
            wanted: names of peers and sides. A side among them takes part even if it will be slow.
        """
        missing = [package for package in PACKAGES[self.peer] if importlib.util.find_spec(package) is None]
        if missing:
            return f"not installed ({', '.join(missing)})"
        is_slow = self.form in INSTRUCTIONS and not INSTRUCTIONS[self.form] & set(flags)
        if is_slow and self.name not in wanted:
            return f"left out: this processor has no instructions for {self.form}"
        return None


SIDES = {
    side.name: side
    for side in (
        Side("ours", "float32"),
        Side("ours", "bfloat16"),
        Side("ours", "int8"),
        Side("ours", "int8-calibrated"),
        Side("keras-hub", "float32"),
        Side("keras-hub", "bfloat16", usual=False),
        Side("keras-hub", "compiled", usual=False),
        Side("huggingface", "float32"),
        Side("huggingface", "eager"),
        Side("huggingface", "bfloat16"),
        Side("huggingface", "compiled", usual=False),
        Side("onnxruntime", "float32"),
        Side("onnxruntime", "int8"),
        Side("model-garden", "float32"),
    )
}


@dataclass(frozen=True)
class Workload:
    """Something to be measured.

    Args:
        title: for the report.
        scripts: peer -> the script that measures it.
        forms: those of all peers that are measured.
        options: names of the options that its figures depend on.
        per_model: whether it is measured for each of `--model`.
        per_sentences: whether it is measured for each of `--sentences`.
    """

    title: str
    scripts: dict[str, str]
    forms: tuple[str, ...] = ("float32",)
    options: tuple[str, ...] = ()
    per_model: bool = True
    per_sentences: bool = False

    def sides(self, wanted: Iterable[str]) -> list[Side]:
        """Of the wanted peers and sides those that are measured, in the order in which they take turns."""
        return [
            side
            for side in SIDES.values()
            if side.peer in self.scripts
            and side.form in self.forms
            and (side.name in wanted or (side.usual and side.peer in wanted))
        ]


FORWARD = {
    "ours": "speed_ours.py",
    "keras-hub": "speed_keras_hub.py",
    "huggingface": "speed_huggingface.py",
    "onnxruntime": "speed_onnx.py",
}
TRAINING = {
    "ours": "speed_ours_training.py",
    "keras-hub": "speed_keras_hub_training.py",
    "huggingface": "speed_huggingface_training.py",
}
TOKENIZING = {"ours": "speed_ours_text.py", "huggingface": "speed_huggingface_text.py"}
PRECISIONS = ("float32", "bfloat16", "int8", "int8-calibrated")
WORKLOADS = {
    "dense": Workload(
        "Forward pass, ids in, no padding",
        {**FORWARD, "model-garden": "speed_model_garden.py"},
        (*PRECISIONS, "eager", "compiled"),
        ("dense", "repeats"),
    ),
    "texts": Workload(
        "Raw strings to logits",
        FORWARD,
        PRECISIONS,
        ("texts", "batch_size", "tokens_per_batch"),
        per_sentences=True,
    ),
    "finetune": Workload(
        "A step of fine-tuning on sentences of SST-2, and on a batch without padding",
        TRAINING,
        ("float32", "bfloat16", "compiled"),
        ("steps", "batch_size", "dense"),
    ),
    "pretrain": Workload(
        "A step of masked-LM pretraining on paragraphs of WikiText-2",
        {peer: TRAINING[peer] for peer in ("ours", "keras-hub")},
        ("float32", "bfloat16"),
        ("steps", "rows", "length"),
    ),
    "latency": Workload("One text at a time, raw string to logits", FORWARD, PRECISIONS, ("latency_texts",)),
    "tokenize": Workload(
        "Tokenization and masking on one thread", TOKENIZING, options=("tokenized_texts",), per_model=False
    ),
    "memory": Workload("Memory of ten steps of fine-tuning on sentences of SST-2", TRAINING, options=("batch_size",)),
    "imports": Workload(
        "Imports in fresh processes", {"ours": "speed_imports.py"}, options=("repeats",), per_model=False
    ),
    "growth": Workload(
        "Forward pass as batch, length and model grow, ids in, no padding",
        {peer: FORWARD[peer] for peer in ("ours", "huggingface")},
        options=("batches", "lengths"),
    ),
}
MODELS = {
    "base": {"num_layers": 12, "hidden_dim": 768, "num_heads": 12, "intermediate_dim": 3072},
    "small": {"num_layers": 6, "hidden_dim": 384, "num_heads": 12, "intermediate_dim": 1536},
    "tiny": {"num_layers": 2, "hidden_dim": 32, "num_heads": 2, "intermediate_dim": 64},
}


@dataclass(frozen=True)
class Run:
    """One process: a side at a workload, in a round."""

    workload: str
    side: Side
    round: int
    model: str | None
    sentences: str | None

    @property
    def key(self) -> str:
        """What is compared with what: runs of one key, such as `texts-sst2-base`."""
        return "-".join(part for part in (self.workload, self.sentences, self.model) if part)

    @property
    def name(self) -> str:
        return f"{self.key}.{self.side.name}.{self.round}"

    @property
    def script(self) -> Path:
        return Path(__file__).resolve().parent / WORKLOADS[self.workload].scripts[self.side.peer]


def plan(
    workloads: Iterable[str],
    peers: Sequence[str],
    models: Sequence[str],
    sentences: Sequence[str],
    rounds: int,
    flags: Iterable[str],
) -> tuple[list[Run], dict[str, str]]:
    """All runs in order, sides taking turns within a round; and of each side that cannot take part, why."""
    runs, absent = [], {}
    for name in workloads:
        workload = WORKLOADS[name]
        sides = workload.sides(peers)
        reasons = {side.name: side.why_not(flags, peers) for side in sides}
        absent |= {side: reason for side, reason in reasons.items() if reason}
        for model in models if workload.per_model else [None]:
            for kind in sentences if workload.per_sentences else [None]:
                for number in range(rounds):
                    runs += [Run(name, side, number, model, kind) for side in sides if not reasons[side.name]]
    return runs, absent
