"""What pretraining on a little Chinese text brings: the same small model, pretrained and not, on two Chinese tasks.

    python examples/benchmarks/finetune_chinese.py --corpus corpus.txt --chnsenticorp DIR --resume-ner DIR

1. pretrains a small BERT on the corpus (`pretrain.py`; a sentence or paragraph a line, an empty line behind each
   document) with a vocabulary learned from it: masked words only, first in sequences of 32, for with so little text
   those of 128 are slow to get beyond how often each character occurs, then in the length that is fine-tuned;
2. pretrains a second one on the corpus and the texts that both tasks train on, without their labels; with next
   sentences, which reviews have (Gururangan et al. 2020, Don't Stop Pretraining, arXiv:2004.10964);
3. saves the first one with fresh weights;
4. fine-tunes all three for sentiment by `classify.py` (ChnSentiCorp: `{train,dev,test}.tsv` with the columns `label`
   and `text_a`; a text that stands in several places is kept once, in test before dev before train), and for the
   entities of resumes by `tag.py` (`{train,dev,test}.char.bmes`, a character and its tag a line);
5. prints the test scores, over `--seeds`, and writes them to `--output` as JSON, with a picture of the scores on the
   development files after each epoch.

About 40 minutes on two cores for one seed, 12 more for each other one.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import csv
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(EXAMPLES))


# Where each model is, below `--output`, and its name and color in the picture.
MODELS = {
    "fresh": ("not pretrained", "#9aa5b1"),
    "pretraining": ("pretrained", "#1f6feb"),
    "pretraining-tasks": ("pretrained, also on the tasks' texts", "#d9822b"),
}


def main() -> None:
    options = parse_arguments()
    output = options.output
    output.mkdir(parents=True, exist_ok=True)
    counts = without_copies(options.chnsenticorp, output)
    write_task_texts(output / "train.tsv", options.resume_ner / "train.char.bmes", output / "texts.txt")
    pretrain(options, [options.corpus], "none", options.phases, "pretraining")
    corpora = [options.corpus, output / "texts.txt"]
    pretrain(options, corpora, "next_sentence", options.task_phases, "pretraining-tasks")
    fresh_copy(output / "pretraining/pretrained", output / "fresh/pretrained")
    scores, curves = {}, {}
    for folder, (name, _) in MODELS.items():
        for seed in range(options.seeds):
            common = ["--model", str(output / folder / "pretrained"), "--sequence-length", "128"]
            common += ["--learning-rate", str(options.learning_rate), "--seed", str(seed)]
            run = output / f"sentiment-{folder}-{seed}"
            tables = [f"--{part}={output / part}.tsv" for part in ("train", "dev", "test")]
            epochs = ["--epochs", str(options.sentiment_epochs)]
            call("classify.py", *common, *epochs, *tables, "--text", "text_a", "--output", str(run))
            add(run, "ChnSentiCorp", "accuracy", name, scores, curves)
            run = output / f"resume-{folder}-{seed}"
            files = [f"--{part}={options.resume_ner / part}.char.bmes" for part in ("train", "dev", "test")]
            call("tag.py", *common, "--epochs", str(options.resume_epochs), *files, "--output", str(run))
            add(run, "Resume NER", "f1", name, scores, curves)

    rows = [{"task": task, "model": name, "scores": values} for (task, name), values in scores.items()]
    report = {"chnsenticorp": counts, "seeds": options.seeds, "rows": rows}
    (output / "results.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nChnSentiCorp: {counts}")
    for row in sorted(rows, key=lambda row: row["task"]):
        values = row["scores"]
        spread = f"{100 * min(values):.1f} to {100 * max(values):.1f}"
        print(f"{row['task']:<24} {row['model']:<38} {100 * statistics.mean(values):5.1f}  ({spread})")
    draw(output / "scores.png", curves)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--chnsenticorp", type=Path, required=True)
    parser.add_argument("--resume-ner", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("finetune-chinese"))
    parser.add_argument("--phases", default="32:2600:128,128:800:32", help="of pretraining, LENGTH:STEPS:BATCH,…")
    parser.add_argument("--task-phases", default="32:2200:128,128:700:32", help="of that on the tasks' texts too")
    parser.add_argument("--num-layers", type=int, default=3)
    parser.add_argument("--hidden-dim", type=int, default=128)
    parser.add_argument("--num-heads", type=int, default=4)
    parser.add_argument("--vocabulary-size", type=int, default=6000)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of fine-tuning")
    parser.add_argument("--sentiment-epochs", type=int, default=3)
    parser.add_argument("--resume-epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args()


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table of reviews, whose quotes are part of the text."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def write_task_texts(reviews: Path, resumes: Path, path: Path) -> None:
    """The reviews, a sentence a line, and the lines of the resumes, with an empty line behind each; no labels."""
    texts = [row["text_a"] for row in read_rows(reviews)]
    documents = [[sentence.strip() for sentence in re.split("(?<=[。！？!?；;])", text)] for text in texts]
    for block in resumes.read_text(encoding="utf-8").split("\n\n"):
        documents.append(["".join(line.split()[0] for line in block.splitlines() if line.strip())])
    documents = ["\n".join(filter(None, sentences)) for sentences in documents]
    path.write_text("\n\n".join(filter(None, documents)) + "\n", encoding="utf-8")


def pretrain(options, corpora: list[Path], objective: str, phases: str, folder: str) -> None:
    """Makes a model of these texts by `pretrain.py`."""
    sizes = [f"--{name}={vars(options)[name.replace('-', '_')]}" for name in ("num-layers", "hidden-dim", "num-heads")]
    call(
        *("pretrain.py", "--corpus", *map(str, corpora), "--layout", "sentences", "--objective", objective, *sizes),
        *("--vocabulary-size", str(options.vocabulary_size), "--phases", phases, "--learning-rate", "2e-3"),
        *("--dropout", "0.0", "--output", str(options.output / folder)),
    )


def call(script: str, *arguments: str) -> None:
    """Runs one of the examples as a user does; its output is shown."""
    print(f"\n$ python examples/{script} {' '.join(arguments)}", flush=True)
    if subprocess.run([sys.executable, str(EXAMPLES / script), *arguments]).returncode:
        sys.exit(f"{script} ended with an error; its message stands above.")


def add(run: Path, task: str, metric: str, model: str, scores: dict, curves: dict) -> None:
    """Puts the test score of a run, and the scores of its epochs, to those of its task and model."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    key = f"{task}, {metric}", model
    scores.setdefault(key, []).append(results["test"][metric])
    curves.setdefault(key, []).append([epoch[f"val_{metric}"] for epoch in results["epochs"]])


def draw(path: Path, curves: dict[tuple[str, str], list[list[float]]]) -> None:
    """A panel for each task: the scores of every seed after each epoch, and a thick line for their mean."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    tasks = list(dict.fromkeys(task for task, _ in curves))
    figure, panels = plt.subplots(1, len(tasks), figsize=(9, 3.6), layout="constrained")
    for (task, model), seeds in curves.items():
        panel, color = panels[tasks.index(task)], dict(MODELS.values())[model]
        epochs = range(1, min(map(len, seeds)) + 1)  # a run may have ended early
        means = [statistics.mean(scores[epoch - 1] for scores in seeds) for epoch in epochs]
        for scores in seeds:
            panel.plot(epochs, scores[: len(epochs)], color=color, linewidth=0.7, alpha=0.5)
        panel.plot(epochs, means, color=color, label=model)
        panel.set(title=task, xlabel="epoch", xticks=epochs)
    for panel in panels:
        panel.legend(frameon=False)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def without_copies(folder: Path, output: Path) -> dict[str, int]:
    """Writes the three parts so that a text stands once in all of them; test keeps its own, then dev. Rows kept."""
    seen, counts = set(), {}
    for part in ("test", "dev", "train"):
        rows = read_rows(folder / f"{part}.tsv")
        texts = [row["text_a"] for row in rows]
        kept = {text: row["label"] for text, row in zip(texts, rows, strict=True) if text not in seen}
        seen.update(kept)
        lines = [f"{label}\t{text}" for text, label in kept.items()]
        (output / f"{part}.tsv").write_text("\n".join(["label\ttext_a", *lines]) + "\n", encoding="utf-8")
        counts[part] = len(kept)
    return counts


def fresh_copy(pretrained: Path, path: Path) -> None:
    """The same model and vocabulary with weights that were not trained."""
    from quickstart_progress import quiet_start

    with quiet_start():
        import keras

        import keras_bert_layers as kbl
        import keras_bert_layers.convert

    path.parent.mkdir(exist_ok=True)
    keras.utils.set_random_seed(0)
    loaded = kbl.convert.from_pretrained(pretrained, task="encoder")
    model = kbl.models.masked_lm(kbl.models.bert_encoder(loaded.config, pooler=False))
    kbl.convert.save_pretrained(model, path, loaded.tokenizer, overwrite=True)


if __name__ == "__main__":
    main()
