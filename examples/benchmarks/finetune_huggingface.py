"""Fine-tunes one data set with Hugging Face transformers on PyTorch: the other side of the fine-tuning comparison.

    python examples/benchmarks/finetune_huggingface.py --data DIR --model DIR --task sst2 --seed 0 --output sst2-0.json

The recipe is the usual one: AdamW, weight decay 0.01 on matrices only, linear warm-up over a tenth of the steps and
linear decay, gradients clipped to norm 1, batches padded to their longest text. `--batches sorted` groups texts of
like length as Trainer's `group_by_length` does (50 batches shuffled together, sorted); `--batches random` is the
default of transformers and twice the work. Only training is timed. It writes the score, the seconds and the number of
tokens, padding included, as JSON. With `--steps N` it stops after N steps, to time them.
"""

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from finetune_arguments import make_parser
from finetune_tasks import TASKS
from torch_training import train

IGNORED = -100


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--batches", choices=("random", "sorted"), default="random")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.set_seed(options.seed)
    task = TASKS[options.task]
    training, test = task.read(Path(options.data) / options.task)
    labels = task.labels(training)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    model = build(options.model, task.kind, labels)
    encoded = [encode(tokenizer, task.kind, labels, example) for example in training]

    model.train()
    times, tokens = train(
        model, encoded, lambda group: collate(group, tokenizer), options, shuffled=options.batches == "random"
    )
    report = {"task": options.task, "seed": options.seed, "who": f"transformers {transformers.__version__}"}
    report |= {"batches": options.batches, "steps": len(times), "seconds": sum(times), "tokens": tokens}
    report["median_step"] = float(np.median(times))
    if options.steps is None:
        model.eval()
        predicted = predict(model, tokenizer, task.kind, labels, [example[0] for example in test])
        report |= {"metric": task.metric, "score": task.score([example[1] for example in test], predicted)}
    Path(options.output).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))


def build(path: str, kind: str, labels: list[str]) -> torch.nn.Module:
    if kind == "tag":
        return transformers.AutoModelForTokenClassification.from_pretrained(path, num_labels=len(labels))
    settings = {"problem_type": "regression"} if kind == "regress" else {"problem_type": "single_label_classification"}
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        path, num_labels=max(1, len(labels)), **settings
    )


def encode(tokenizer, kind, labels, example):
    """Features of one example; a tag stands at the first piece of its word."""
    texts, label = example
    if kind != "tag":
        features = dict(tokenizer(*texts, truncation=True, max_length=128))
        return features | {"labels": float(label) if kind == "regress" else labels.index(label)}
    encoding = tokenizer(list(texts), is_split_into_words=True, truncation=True, max_length=128)
    words = encoding.word_ids()
    first = [word is not None and word != previous for word, previous in zip(words, [None, *words[:-1]], strict=True)]
    tags = [labels.index(label[word]) if is_first else IGNORED for word, is_first in zip(words, first, strict=True)]
    return dict(encoding) | {"labels": tags}


def collate(examples, tokenizer):
    features = tokenizer.pad(
        [{k: v for k, v in example.items() if k != "labels"} for example in examples], return_tensors="pt"
    )
    labels = [example["labels"] for example in examples]
    if isinstance(labels[0], list):
        length = features["input_ids"].shape[1]
        labels = [tags + [IGNORED] * (length - len(tags)) for tags in labels]
    features["labels"] = torch.tensor(labels)
    return features


@torch.no_grad()
def predict(model, tokenizer, kind, labels, texts):
    """A label, a score or the tags of all words for each text, in order; a word beyond the limit gets the tag O."""
    order = sorted(range(len(texts)), key=lambda i: sum(map(len, texts[i])))
    predicted = [None] * len(texts)
    for begin in range(0, len(order), 32):
        group = order[begin : begin + 32]
        if kind == "tag":
            encoding = tokenizer(
                [list(texts[i]) for i in group],
                is_split_into_words=True,
                truncation=True,
                max_length=128,
                padding=True,
                return_tensors="pt",
            )
        else:
            columns = [list(column) for column in zip(*(texts[i] for i in group), strict=True)]
            encoding = tokenizer(*columns, truncation=True, max_length=128, padding=True, return_tensors="pt")
        logits = model(**encoding).logits.numpy()
        for row, i in enumerate(group):
            if kind == "tag":
                predicted[i] = word_tags(logits[row].argmax(-1), encoding.word_ids(row), len(texts[i]), labels)
            elif kind == "regress":
                predicted[i] = float(logits[row, 0])
            else:
                predicted[i] = labels[int(logits[row].argmax())]
    return predicted


def word_tags(classes, word_ids, num_words, labels):
    tags = ["O" if "O" in labels else labels[0]] * num_words
    for position in reversed(range(len(word_ids))):
        if word_ids[position] is not None:
            tags[word_ids[position]] = labels[classes[position]]
    return tuple(tags)


if __name__ == "__main__":
    main()
