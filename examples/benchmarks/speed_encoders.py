"""The workloads of the peers that take texts through a tokenizer of their own: Hugging Face and ONNX Runtime."""

from collections.abc import Callable

import numpy as np
from speed_clock import Figures, in_batches, latency, median_seconds, pass_figures, seconds_of, token_ids
from speed_texts import sentences


def encoder_workloads(build: Callable) -> dict[str, Callable[..., Figures]]:
    """By name, functions of the options.

    Args:
        build: options -> a peer with `encode` (texts -> features, lists), `logits` (of features) and `forward` (of ids
            without padding).
    """

    def agree(options):
        peer = build(options)
        logits = peer.logits(peer.encode(sentences(options.data, "sst2", 8)))
        return {"logits": {str(number): row for number, row in enumerate(logits.tolist())}}

    def dense(options):
        batch, length = options.dense
        seconds = median_seconds(build(options).forward, token_ids(batch, length), repeats=options.repeats)
        return {f"{batch} x {length}": {"seconds": seconds}}

    def texts(options):
        peer = build(options)
        given = sentences(options.data, options.sentences, options.texts)
        lengths = np.array([len(ids) for ids in peer.encode(given)["input_ids"]])

        def in_order():
            return [peer.logits(peer.encode(batch)) for batch in in_batches(given, options.batch_size)]

        def by_length():
            ids = peer.encode(given)["input_ids"]
            order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
            batches = in_batches(order, options.batch_size)
            return [peer.logits({"input_ids": [ids[row] for row in rows]}) for rows in batches]

        peer.logits(peer.encode(given[:2]))
        peer.logits(peer.encode(given[: options.batch_size]))
        return {
            "given order": pass_figures(seconds_of(in_order), lengths),
            "sorted": pass_figures(seconds_of(by_length), lengths),
        }

    def one_text(options):
        peer = build(options)
        given = sentences(options.data, "sst2", options.latency_texts)
        return latency(lambda text: peer.logits(peer.encode([text])), given)

    return {"agree": agree, "dense": dense, "texts": texts, "latency": one_text}
