"""Draws the figures of the documentation that show numbers, from the numbers of its pages.

    python docs/make_figures.py

writes docs/images/attention.svg from what the code of docs/how-bert-works.md computes, and
docs/images/distribute_cost.svg from examples/benchmarks/distribute_cost.py.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

DOCS = Path(__file__).parent


def draw_attention(weights, tokens: list[str], path: Path) -> None:
    """A heat map for each head: queries down, keys across, the weight written into each square."""
    figure, axes = plt.subplots(1, len(weights), figsize=(9, 4.3), layout="constrained")
    for head, (axis, matrix) in enumerate(zip(axes, weights, strict=True), start=1):
        axis.imshow(matrix, cmap="Blues", vmin=0, vmax=0.6)
        axis.set_xticks(range(len(tokens)), tokens, rotation=45, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(tokens)), tokens)
        axis.set(title=f"head {head}", xlabel="looks at (key)", ylabel="position (query)")
        axis.tick_params(length=0)
        for (row, column), weight in (((r, c), matrix[r, c]) for r in range(len(tokens)) for c in range(len(tokens))):
            if weight >= 0.005:
                color = "white" if weight > 0.4 else "#333333"
                axis.text(column, row, f"{weight:.2f}".lstrip("0"), ha="center", va="center", fontsize=7, color=color)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_efficiency(path: Path) -> None:
    """The share of a step in which GPUs compute, over their number, for each model and network."""
    from benchmarks import distribute_cost

    gpus = [2**power for power in range(10)]
    figure, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    for model, style in zip(distribute_cost.MODELS, ("-", "--"), strict=True):
        for network, color in zip(distribute_cost.NETWORKS, ("#1f77b4", "#d62728"), strict=True):
            shares = [100 * distribute_cost.step(model, network, number).efficiency for number in gpus]
            label = f"{model.name}, {network.network.split(',')[0]}"
            axis.plot(gpus, shares, style, color=color, marker="o", markersize=3, label=label)
    axis.set_xscale("log", base=2)
    axis.set_xticks(gpus, [str(number) for number in gpus])
    axis.set(xlabel="GPUs, eight in a machine", ylabel="% of the time computing", ylim=(0, 103))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    sys.path.insert(0, str(DOCS.parent / "tests"))  # the pages' code is run by the same means as in the tests
    sys.path.insert(0, str(DOCS.parent / "examples"))
    import docs_pages

    # Paths, not text: the figure looks the same whatever fonts its reader has. The salt keeps its ids the same.
    plt.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": "keras_bert_layers", "savefig.facecolor": "white"})
    _, page = docs_pages.run(DOCS / "how-bert-works.md")
    (DOCS / "images").mkdir(exist_ok=True)
    draw_attention(page["head_weights"], [*page["tokens"], "[PAD]"], DOCS / "images" / "attention.svg")
    draw_efficiency(DOCS / "images" / "distribute_cost.svg")
