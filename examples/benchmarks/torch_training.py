"""The usual recipe of fine-tuning on PyTorch: what the Hugging Face sides of the comparisons train by.

AdamW, weight decay 0.01 on matrices only, linear warm-up over a tenth of the steps and linear decay, gradients clipped
to norm 1.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence

import torch
import transformers

# Batches that are shuffled and sorted together, as Trainer's `group_by_length` does.
POOL = 50


def train(model: torch.nn.Module, examples: Sequence[dict], collate: Callable, options, shuffled: bool = False):
    """The seconds of each step, and the number of tokens, padding included.

    Args:
        model: that gives a loss, in its mode for training.
        examples: the model's features, and what else `collate` needs.
        collate: list of examples -> what the model is called with.
        options: `epochs`, `batch_size`, `learning_rate`, `seed`, and `steps` to stop after.
        shuffled: whether a batch takes any examples; by default those of like length.
    """
    steps = options.epochs * -(-len(examples) // options.batch_size)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=options.learning_rate,
        fused=True,
    )
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(0.1 * steps), steps)
    generator = random.Random(options.seed)
    times, tokens = [], 0
    for _ in range(options.epochs):
        for batch in _batches(examples, options.batch_size, generator, shuffled):
            begin = time.perf_counter()
            features = collate(batch)
            loss = model(**features).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            times.append(time.perf_counter() - begin)
            tokens += features["input_ids"].numel()
            if len(times) == options.steps:
                return times, tokens
            if len(times) % 10 == 0:
                rate = sum(times) / len(times)
                print(f"step {len(times)} of {steps}, {rate:.3f} s a step, loss {loss.item():.3f}", flush=True)
    return times, tokens


def _batches(examples, size, generator, shuffled) -> Iterator[list[dict]]:
    order = list(range(len(examples)))
    generator.shuffle(order)
    if not shuffled:
        pools = (order[begin : begin + POOL * size] for begin in range(0, len(order), POOL * size))
        order = [i for pool in pools for i in sorted(pool, key=lambda i: -len(examples[i]["input_ids"]))]
    groups = [order[begin : begin + size] for begin in range(0, len(order), size)]
    if not shuffled:
        generator.shuffle(groups)
    return ([examples[i] for i in group] for group in groups)
