"""What pretraining on a little Chinese text brings: the same small model, pretrained and not, on two Chinese tasks.

    python examples/benchmarks/finetune_chinese.py --corpus corpus.txt --chnsenticorp DIR --resume-ner DIR

1. pretrains a small BERT on the corpus (`pretrain.py`; a sentence or paragraph a line, an empty line behind each
   document) with a vocabulary learned from it;
2. saves the same model with fresh weights;
3. fine-tunes both for sentiment by `classify.py` (ChnSentiCorp: `{train,dev,test}.tsv` with the columns `label` and
   `text_a`; a text that stands in several places is kept once, in test before dev before train), and for the entities
   of resumes by `tag.py` (`{train,dev,test}.char.bmes`, a character and its tag a line);
4. prints the test scores of both, over `--seeds`, and writes them to `--output` as JSON.

About half an hour on two cores.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import csv
import json
import statistics
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(EXAMPLES))


def main() -> None:
    options = parse_arguments()
    output = options.output
    output.mkdir(parents=True, exist_ok=True)
    counts = without_copies(options.chnsenticorp, output)
    sizes = ["--num-layers", str(options.num_layers), "--hidden-dim", str(options.hidden_dim)]
    call(
        *("pretrain.py", "--corpus", str(options.corpus), "--layout", "sentences", *sizes),
        *("--vocabulary-size", str(options.vocabulary_size), "--learning-rate", "1e-3"),
        *("--dropout", "0.0", "--phases", f"128:{options.steps}:32", "--output", str(output / "pretraining")),
    )
    pretrained = output / "pretraining/pretrained"
    fresh_copy(pretrained, output / "fresh")
    scores = {}
    for name, model in (("pretrained", pretrained), ("not pretrained", output / "fresh")):
        for seed in range(options.seeds):
            common = ["--model", str(model), "--seed", str(seed), "--sequence-length", "128"]
            run = output / f"sentiment-{name.replace(' ', '-')}-{seed}"
            tables = [f"--{part}={output / part}.tsv" for part in ("train", "dev", "test")]
            recipe = ["--epochs", str(options.sentiment_epochs), "--learning-rate", "3e-4"]
            call("classify.py", *common, *recipe, *tables, "--text", "text_a", "--output", str(run))
            scores.setdefault(("ChnSentiCorp, accuracy", name), []).append(result(run)["accuracy"])
            run = output / f"resume-{name.replace(' ', '-')}-{seed}"
            files = [f"--{part}={options.resume_ner / part}.char.bmes" for part in ("train", "dev", "test")]
            recipe = ["--epochs", str(options.resume_epochs), "--learning-rate", "1e-3"]
            call("tag.py", *common, *recipe, *files, "--output", str(run))
            scores.setdefault(("Resume NER, F1", name), []).append(result(run)["f1"])

    rows = [{"task": task, "model": name, "scores": values} for (task, name), values in scores.items()]
    report = {"chnsenticorp": counts, "seeds": options.seeds, "rows": rows}
    (output / "results.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nChnSentiCorp: {counts}")
    for row in rows:
        values = row["scores"]
        spread = f"{100 * min(values):.1f} to {100 * max(values):.1f}"
        print(f"{row['task']:<24} {row['model']:<16} {100 * statistics.mean(values):5.1f}  ({spread})")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--chnsenticorp", type=Path, required=True)
    parser.add_argument("--resume-ner", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("finetune-chinese"))
    parser.add_argument("--steps", type=int, default=3000, help="of pretraining")
    parser.add_argument("--num-layers", type=int, default=3)
    parser.add_argument("--hidden-dim", type=int, default=192)
    parser.add_argument("--vocabulary-size", type=int, default=6000)
    parser.add_argument("--sentiment-epochs", type=int, default=3)
    parser.add_argument("--resume-epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args()


def call(script: str, *arguments: str) -> None:
    """Runs one of the examples as a user does; its output is shown."""
    print(f"\n$ python examples/{script} {' '.join(arguments)}", flush=True)
    if subprocess.run([sys.executable, str(EXAMPLES / script), *arguments]).returncode:
        sys.exit(f"{script} ended with an error; its message stands above.")


def result(run: Path) -> dict:
    return json.loads((run / "results.json").read_text(encoding="utf-8"))["test"]


def without_copies(folder: Path, output: Path) -> dict[str, int]:
    """Writes the three parts so that a text stands once in all of them; test keeps its own, then dev. Rows kept."""
    seen, counts = set(), {}
    for part in ("test", "dev", "train"):
        with open(folder / f"{part}.tsv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
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

    keras.utils.set_random_seed(0)
    loaded = kbl.convert.from_pretrained(pretrained, task="encoder")
    model = kbl.models.masked_lm(kbl.models.bert_encoder(loaded.config, pooler=False))
    kbl.convert.save_pretrained(model, path, loaded.tokenizer, overwrite=True)


if __name__ == "__main__":
    main()
