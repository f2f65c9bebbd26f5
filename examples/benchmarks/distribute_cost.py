"""What a cost model expects of pretraining on 1 to 512 GPUs: arithmetic on stated assumptions, nothing is measured.

    python examples/benchmarks/distribute_cost.py [--accumulate 1] [--rows 32] [--length 512] [--mfu 0.4]

Prints the assumptions, and for each model and network a table: the tokens of a global batch, the seconds of a step for
the computation and for the all-reduce, what each machine reads, and the share of the GPUs' time that is computation.
Takes no time.

    compute     A · F / (peak · MFU)                       F: operations of one part of A of a replica's batch
    all-reduce  2 (g - 1)/g · b / v + 2 (g - 1) a          within machines of g GPUs
                2 (m - 1)/m · b / w + 2 (m - 1) c          across m machines, with one g-th of the bytes on each GPU
    input       A · rows · length · bytes a token · g / r  while the GPUs compute
    step        max(compute + all-reduce, input)           TensorFlow begins to reduce after the last gradient

b: bytes of the gradients, v and w: bytes per second of a GPU within, and of a machine out of it, a and c: the seconds
of one hop, r: bytes per second that a machine reads and prepares. A ring goes through 2 (n - 1) hops.
"""

import argparse
import sys
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Model:
    """The sizes that count."""

    name: str
    num_layers: int
    hidden_dim: int
    intermediate_dim: int
    vocabulary_size: int = 30522
    positions: int = 512

    @property
    def weights(self) -> int:
        """All weights: embeddings, encoder, pooler and the two heads, whose output matrix is the embedding's."""
        h, i, v = self.hidden_dim, self.intermediate_dim, self.vocabulary_size
        embeddings = (v + self.positions + 2 + 2) * h
        layer = 4 * (h * h + h) + 2 * h * i + i + h + 4 * h
        heads = (h * h + h) + (h * h + h + 2 * h + v) + (2 * h + 2)
        return embeddings + self.num_layers * layer + heads

    def flops(self, rows: int, length: int, predictions: int) -> int:
        """Of a training step on `rows` full sequences: three times that of the forward pass."""
        h = self.hidden_dim
        matrices = self.num_layers * (4 * h * h + 2 * h * self.intermediate_dim)
        encoder = 2 * matrices * length + 4 * self.num_layers * h * length**2
        head = 2 * (h * h + h * self.vocabulary_size) * predictions
        return 3 * rows * (encoder + head)


@dataclass(frozen=True)
class Assumptions:
    """All numbers that are not computed. Bandwidths are what a collective reaches, not what a data sheet says."""

    network: str
    network_bytes: float  # per second, out of one machine
    network_hop: float  # seconds
    peak: float = 989e12  # of an H100 in bfloat16, dense
    mfu: float = 0.4
    gpus_per_machine: int = 8
    nvlink_bytes: float = 300e9  # per second, of one GPU to the others of its machine
    nvlink_hop: float = 3e-6
    bytes_per_gradient: int = 4  # weights and their gradients are float32 under mixed_bfloat16
    rows: int = 32  # sequences in one part of a replica's batch
    length: int = 512
    predicted: float = 0.15
    accumulate: int = 1
    bytes_per_token: float = 4.0  # of a record
    input_bytes: float = 24e6  # per second that a machine reads and prepares: 6 million tokens


MODELS = (Model("BERT-base", 12, 768, 3072), Model("BERT-large", 24, 1024, 4096))
NETWORKS = (
    Assumptions("InfiniBand, 8 x 400 Gb/s a machine", network_bytes=320e9, network_hop=8e-6),
    Assumptions("Ethernet, 100 Gb/s a machine", network_bytes=9e9, network_hop=30e-6),
)
GPUS = (1, 8, 64, 512)


@dataclass(frozen=True)
class Step:
    """The seconds of one step, and what it trains."""

    gpus: int
    tokens: int
    compute: float
    all_reduce: float
    input: float

    @property
    def seconds(self) -> float:
        return max(self.compute + self.all_reduce, self.input)

    @property
    def efficiency(self) -> float:
        """The share of the step in which the GPUs compute."""
        return self.compute / self.seconds


def step(model: Model, given: Assumptions, gpus: int) -> Step:
    """One step on `gpus` GPUs, as many on each machine as it has."""
    local = min(gpus, given.gpus_per_machine)
    machines = -(-gpus // given.gpus_per_machine)
    tokens = given.accumulate * given.rows * given.length
    flops = given.accumulate * model.flops(given.rows, given.length, round(given.predicted * given.length))
    size = model.weights * given.bytes_per_gradient
    within = ring(local, size, given.nvlink_bytes, given.nvlink_hop)
    across = ring(machines, size, given.network_bytes, given.network_hop)
    return Step(
        gpus=gpus,
        tokens=tokens * gpus,
        compute=flops / (given.peak * given.mfu),
        all_reduce=within + across,
        input=tokens * local * given.bytes_per_token / given.input_bytes,
    )


def ring(members: int, size: float, bandwidth: float, hop: float) -> float:
    """The seconds in which `members` in a ring sum `size` bytes: twice around, a share of the bytes in each hop."""
    return 2 * (members - 1) * (size / members / bandwidth + hop)


def table(model: Model, given: Assumptions) -> str:
    """The steps on all numbers of GPUs."""
    size = model.weights * given.bytes_per_gradient / 1e9
    lines = [
        f"{model.name}, {model.weights / 1e6:.0f} million weights, {size:.2f} GB of gradients; {given.network}",
        " GPUs  tokens a step  compute ms  all-reduce ms  MB/s a machine  tokens/s  efficiency",
    ]
    for gpus in GPUS:
        each = step(model, given, gpus)
        reading = each.tokens / gpus * min(gpus, given.gpus_per_machine) * given.bytes_per_token / each.seconds
        lines.append(
            f"{gpus:>5}  {each.tokens:>13,}  {1e3 * each.compute:>10.1f}  {1e3 * each.all_reduce:>13.1f}  "
            f"{reading / 1e6:>14.1f}  {each.tokens / each.seconds / 1e6:>6.2f} M  {each.efficiency:>10.0%}"
        )
    return "\n".join(lines)


def main(command: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--accumulate", type=int, default=1, help="parts of a replica's batch")
    parser.add_argument("--rows", type=int, default=32, help="sequences in a part")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--mfu", type=float, default=0.4, help="share of the peak that the computation reaches")
    arguments = parser.parse_args(command)
    if min(vars(arguments).values()) <= 0 or arguments.mfu > 1:
        parser.error("all numbers must be positive, and --mfu at most 1")
    networks = [replace(network, **vars(arguments)) for network in NETWORKS]
    given = networks[0]
    print(
        f"Assumed: {given.peak / 1e12:.0f} TFLOP/s a GPU of which {given.mfu:.0%} are reached, "
        f"{given.gpus_per_machine} GPUs a machine,\n{given.nvlink_bytes / 1e9:.0f} GB/s between them, "
        f"{given.accumulate} x {given.rows} sequences of {given.length} on each, {given.bytes_per_token:g} bytes "
        "a token, of which\na machine prepares "
        f"{given.input_bytes / 1e6:.0f} MB/s; out of it go "
        + ", ".join(f"{network.network_bytes / 1e9:.0f} GB/s ({network.network.split(',')[0]})" for network in networks)
        + "."
    )
    for model in MODELS:
        for network in networks:
            print(f"\n{table(model, network)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
