"""Hugging Face transformers on PyTorch in the comparison of speed: everything that trains. `speed.py` runs it.

PyTorch's fused AdamW, batches padded to their longest text, gradients clipped to norm 1. In the form `bfloat16` the
forward pass runs under autocast: weights in float32, products in bfloat16.
"""

import contextlib
import statistics
import time

import torch
import transformers
from speed_arguments import parse_run, run_workload
from speed_clock import dense_steps, in_batches, token_ids
from speed_memory import memory_figures, peak_megabytes
from speed_texts import labels, sentences
from speed_torch import device, place, start

IMPORTED = peak_megabytes()
WARM_UP = 2


class Trainer:
    """The checkpoint with its optimizer."""

    def __init__(self, options):
        start(options)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(options.checkpoint)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(options.checkpoint)
        self.parameters = list(model.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=2e-5, weight_decay=0.01, fused=True)
        model = model.train().to(place())
        self.model = torch.compile(model) if options.form == "compiled" else model
        self.mixed = options.form == "bfloat16"

    def step(self, features: dict[str, torch.Tensor]) -> float:
        """The seconds of one step."""
        begin = time.perf_counter()
        features = {name: value.to(place()) for name, value in features.items()}
        with torch.autocast(place(), torch.bfloat16) if self.mixed else contextlib.nullcontext():
            loss = self.model(**features).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        loss.item()
        if place() == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    def batches(self, options, number):
        given = sentences(options.data, "sst2", number * options.batch_size, "train")
        classes = in_batches(list(labels(len(given))), options.batch_size)
        for texts, answers in zip(in_batches(given, options.batch_size), classes, strict=True):
            features = self.tokenizer(texts, truncation=True, max_length=512, padding=True, return_tensors="pt")
            yield {**features, "labels": torch.tensor(answers, dtype=torch.int64)}


def finetune(options):
    trainer = Trainer(options)
    batches = list(trainer.batches(options, WARM_UP + options.steps))
    times = [trainer.step(features) for features in batches][WARM_UP:]
    tokens = sum(int(features["attention_mask"].sum()) for features in batches[WARM_UP:])
    batch, length = options.dense
    ids = torch.from_numpy(token_ids(batch, length).astype("int64"))
    dense = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    dense["labels"] = torch.tensor(labels(batch), dtype=torch.int64)
    dense_times = [trainer.step(dense) for _ in range(1 + dense_steps(options.steps))][1:]
    return {
        "sentences": {"seconds": statistics.mean(times), "tokens_per_second": tokens / sum(times)},
        f"{batch} x {length}": {"seconds": statistics.median(dense_times)},
    }


def memory(options):
    trainer = Trainer(options)
    for features in trainer.batches(options, 10):
        trainer.step(features)
    return memory_figures(IMPORTED)


WORKLOADS = {"finetune": finetune, "memory": memory}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["torch", "transformers", "tokenizers"], device())
