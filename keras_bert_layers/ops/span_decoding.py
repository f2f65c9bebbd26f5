"""The best answers of a window: which start and which end together score highest (Devlin et al. 2019, section 4.2)."""

from keras import ops

# The score of a place in a list of answers that no answer takes. Finite, so that JSON and half precision can hold it.
NO_SPAN = -1e9


def best_spans(start_logits, end_logits, context_mask, max_answer_length: int = 30, top_k: int = 20):
    """The k pairs i ≤ j < i + m of largest start[i] + end[j], with both i and j inside the context.

    All pairs are looked at: a band of S·m sums for each window, never S². Of equal scores, the answer that starts
    first is the better one, then the shorter one.

    Args:
        start_logits, end_logits: float [W, S], as `SpanHead` gives them.
        context_mask: int or bool [W, S]; 1 = a token that may belong to an answer.
        max_answer_length: int > 0. The longest answer m, in tokens. Defaults to 30.
        top_k: int > 0. How many answers k. Defaults to 20.

    Returns:
        `scores` float32, `starts` and `ends` int32, each [W, k], best first; starts and ends are positions of tokens,
        both inclusive. Where a window has fewer than k answers, the rest have the score -1e9 and the position 0.

    Raises:
        ValueError: if a number is not positive, or the shapes are no [W, S].
    """
    if max_answer_length < 1 or top_k < 1:
        raise ValueError(
            "`max_answer_length` and `top_k` must be 1 or more. "
            f"Received: max_answer_length={max_answer_length}, top_k={top_k}."
        )
    shapes = [tuple(value.shape) for value in (start_logits, end_logits, context_mask)]
    if any(len(shape) != 2 for shape in shapes):
        raise ValueError(
            "`start_logits`, `end_logits` and `context_mask` must each have the shape [windows, length]. "
            f"Received shapes {shapes}."
        )
    allowed = ops.cast(context_mask, "bool")
    starts = ops.where(allowed, ops.cast(start_logits, "float32"), NO_SPAN)
    ends = ops.where(allowed, ops.cast(end_logits, "float32"), NO_SPAN)
    ends = ops.pad(ends, ((0, 0), (0, max_answer_length - 1)), constant_values=NO_SPAN)
    band = ops.arange(ops.shape(starts)[1])[:, None] + ops.arange(max_answer_length)[None]
    scores = starts[:, :, None] + ops.take(ends, band, axis=1)
    # As many empty places as are asked for: the list is never longer than what it is chosen from.
    scores = ops.pad(ops.reshape(scores, (ops.shape(starts)[0], -1)), ((0, 0), (0, top_k)), constant_values=NO_SPAN)
    scores, chosen = ops.top_k(scores, top_k)
    found = is_span(scores)
    chosen = ops.where(found, ops.cast(chosen, "int32"), 0)
    first = chosen // max_answer_length
    return ops.where(found, scores, NO_SPAN), first, first + chosen % max_answer_length


def span_probabilities(scores, null_scores=None):
    """softmax over the answers of a list, and over "no answer" where its score is given.

    Args:
        scores: float [B, k], from `best_spans` or `merge_spans`; -1e9 marks an empty place.
        null_scores: float [B], the score of "no answer". Defaults to `None`: there is always an answer.

    Returns:
        float32 [B, k], or [B, k + 1] with `null_scores`: the last column is "no answer". Empty places have 0.
    """
    scores = ops.cast(scores, "float32")
    if null_scores is not None:
        scores = ops.concatenate([scores, ops.cast(null_scores, "float32")[:, None]], axis=1)
    return ops.where(is_span(scores), ops.softmax(scores), 0.0)


def is_span(scores):
    """bool: whether a place in a list of answers is taken."""
    return scores > NO_SPAN / 2
