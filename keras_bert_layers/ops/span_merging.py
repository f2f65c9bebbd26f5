"""The answers of a text that was read in several windows: one list from the lists of its windows."""

from keras import ops

from keras_bert_layers.ops.span_decoding import NO_SPAN, is_span


def merge_spans(scores, starts, ends, null_scores, example_ids, num_examples, top_k: int | None = None):
    """The k best answers of each example over all of its windows; an answer that several windows found counts once.

    score = max over the windows that found the answer; null = min over the windows: there is no answer only if no
    window has one.

    Args:
        scores: float [W, K], from `best_spans`; -1e9 marks an empty place.
        starts, ends: int [W, K], places that mean the same in every window of an example, such as offsets in the text.
        null_scores: float [W]. The score of "no answer" in a window, start[0] + end[0].
        example_ids: int [W]. The example of each window, 0 to `num_examples` - 1, in any order; each has a window.
        num_examples: int or int scalar. The number of examples B.
        top_k: int > 0. Defaults to `None`: K.

    Returns:
        `scores` float32, `starts` and `ends` int32, each [B, k], best first, and `null_scores` float32 [B]. Where an
        example has fewer than k answers, the rest have the score -1e9 and the places 0.

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 4.3; the windows are those of its `run_squad.py`.
    """
    flat = ops.reshape(ops.cast(scores, "float32"), (-1,))
    first, last = (ops.reshape(ops.cast(places, "int64"), (-1,)) for places in (starts, ends))
    examples = ops.cast(example_ids, "int64")
    owner = ops.reshape(ops.broadcast_to(examples[:, None], ops.shape(scores)), (-1,))
    count, num_examples = ops.cast(ops.size(flat), "int64"), ops.cast(num_examples, "int64")

    rank = ops.cast(ops.argsort(ops.argsort(-flat)), "int64")  # 0 = the best of all: no two are equal from here on
    width = ops.max(last) + 1
    span = (owner * width + first) * width + last
    group = ops.searchsorted(ops.sort(span), span)
    best = -ops.segment_max(-rank, group, ops.size(flat))
    counts = ops.logical_and(ops.equal(rank, ops.take(best, group)), is_span(flat))

    # One sort puts the examples in a row, each with its best answer first, and what does not count behind them all.
    key = ops.where(counts, owner, num_examples) * count + rank
    order = ops.argsort(key)
    sorted_owner = ops.take(key, order) // count
    numbers = ops.arange(num_examples, dtype="int64")
    begins, limits = (ops.cast(ops.searchsorted(sorted_owner, numbers, side), "int64") for side in ("left", "right"))
    places = begins[:, None] + ops.arange(top_k or scores.shape[1], dtype="int64")[None]
    found = places < limits[:, None]
    chosen = ops.take(order, ops.minimum(places, count - 1))
    merged_null = -ops.segment_max(-ops.cast(null_scores, "float32"), examples, num_examples)
    return (
        ops.where(found, ops.take(flat, chosen), NO_SPAN),
        ops.cast(ops.where(found, ops.take(first, chosen), 0), "int32"),
        ops.cast(ops.where(found, ops.take(last, chosen), 0), "int32"),
        merged_null,
    )
