"""Trains answers to questions with Hugging Face transformers on PyTorch: the other side of answer_xquad.py.

    python examples/benchmarks/answer_huggingface.py --data xquad.en.json --model DIR --fold 0 --seed 0 --output 0.json

The recipe is the usual one: windows of 384 tokens with a stride of 128, AdamW, weight decay 0.01 on matrices only,
linear warm-up over a tenth of the steps and linear decay, gradients clipped to norm 1, windows of like length batched
together as Trainer's `group_by_length` does. Windows come from transformers' tokenizer, answers from a loop over the 20
best starts and ends of each window, and the scores from a few lines of their own. Only training is timed. It writes
exact match, F1, the seconds and the number of tokens, padding included, as JSON. With `--steps N` it stops after N
steps, to time them.
"""

import collections
import json
import re
import string
import time
from pathlib import Path

import numpy as np
import torch
import transformers
from answer_folds import first_head, read_fold
from answer_options import parse_arguments
from torch_training import train

N_BEST, MAX_ANSWER_LENGTH = 20, 30


def main() -> None:
    options = parse_arguments(__doc__)
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.set_seed(options.seed)
    training, test = read_fold(options.data, options.fold)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(options.model)
    with torch.no_grad():
        model.qa_outputs.weight.copy_(torch.from_numpy(first_head(model.config.hidden_size, options.seed).T))
        model.qa_outputs.bias.zero_()
    windows = with_labels(windows_of(tokenizer, training, options), training)

    model.train()
    times, tokens = train(model, windows, lambda group: collate(group, tokenizer), options)
    report = {"fold": options.fold, "seed": options.seed, "who": f"transformers {transformers.__version__}"}
    report |= {"learning_rate": options.learning_rate, "epochs": options.epochs, "windows": len(windows)}
    report |= {"steps": len(times), "seconds": sum(times), "tokens": tokens, "median_step": float(np.median(times))}
    if options.steps is None:
        model.eval()
        begin = time.perf_counter()
        test_windows = windows_of(tokenizer, test, options)
        answers = answer(model, tokenizer, test_windows, test)
        report |= {"questions": len(test), "test_seconds": time.perf_counter() - begin} | scores(test, answers)
    Path(options.output).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))


def windows_of(tokenizer, questions, options):
    """A dict for each window: the model's features, `example` (whose it is) and `offsets`, None outside the context."""
    encoding = tokenizer(
        [question["question"] for question in questions],
        [question["context"] for question in questions],
        truncation="only_second",
        max_length=options.sequence_length,
        stride=options.stride,
        padding=False,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    windows = []
    for row, example in enumerate(encoding["overflow_to_sample_mapping"]):
        sequence = encoding.sequence_ids(row)
        offsets = [
            place if side == 1 else None for place, side in zip(encoding["offset_mapping"][row], sequence, strict=True)
        ]
        features = {name: encoding[name][row] for name in tokenizer.model_input_names}
        windows.append(
            {"features": features, "example": example, "offsets": offsets, "input_ids": features["input_ids"]}
        )
    return windows


def with_labels(windows, questions):
    """Adds `start` and `end`, the tokens of the answer; both 0 where it is not wholly inside the window."""
    for window in windows:
        text, begin = questions[window["example"]]["answers"][0]
        offsets, end = window["offsets"], begin + len(text)
        inside = [i for i, place in enumerate(offsets) if place is not None]
        window["start"] = window["end"] = 0
        if inside and offsets[inside[0]][0] <= begin and offsets[inside[-1]][1] >= end:
            window["start"] = max(i for i in inside if offsets[i][0] <= begin)
            window["end"] = min(i for i in inside if offsets[i][1] >= end)
    return windows


def collate(windows, tokenizer):
    features = tokenizer.pad([window["features"] for window in windows], return_tensors="pt")
    labels = {f"{side}_positions": torch.tensor([window[side] for window in windows]) for side in ("start", "end")}
    return {**features, **labels}


@torch.no_grad()
def answer(model, tokenizer, windows, questions):
    """The best answer of each question, by its id, as transformers' run_qa chooses it."""
    best = {question["id"]: (-np.inf, "") for question in questions}
    order = sorted(range(len(windows)), key=lambda i: len(windows[i]["offsets"]))
    for begin in range(0, len(order), 32):
        group = [windows[i] for i in order[begin : begin + 32]]
        outputs = model(**tokenizer.pad([window["features"] for window in group], return_tensors="pt"))
        for window, starts, ends in zip(group, outputs.start_logits.numpy(), outputs.end_logits.numpy(), strict=True):
            question, offsets = questions[window["example"]], window["offsets"]
            for start in np.argsort(-starts[: len(offsets)])[:N_BEST]:
                for end in np.argsort(-ends[: len(offsets)])[:N_BEST]:
                    if offsets[start] is None or offsets[end] is None or not 0 <= end - start < MAX_ANSWER_LENGTH:
                        continue
                    score = starts[start] + ends[end]
                    if score > best[question["id"]][0]:
                        text = question["context"][offsets[start][0] : offsets[end][1]]
                        best[question["id"]] = (score, text)
    return {name: text for name, (_, text) in best.items()}


def scores(questions, answers):
    """Exact match and F1 of SQuAD 1.1, of 100."""
    exact, f1 = 0.0, 0.0
    for question in questions:
        given = words(answers[question["id"]])
        gold = [words(text) for text, _ in question["answers"]]
        exact += max(given == other for other in gold)
        f1 += max(overlap(given, other) for other in gold)
    return {"exact_match": 100 * exact / len(questions), "f1": 100 * f1 / len(questions)}


def words(text):
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def overlap(given, gold):
    common = sum((collections.Counter(given) & collections.Counter(gold)).values())
    return 2 * common / (len(given) + len(gold)) if common else 0.0


if __name__ == "__main__":
    main()
