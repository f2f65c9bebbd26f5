"""Which tokens a masked language model has to predict: one function per strategy, whole batches at once.

Every strategy is `select(maskable, continues, keys, budget, limit)`:

    maskable: bool [B, S], the tokens that may be chosen.
    continues: bool [B, S], the tokens that continue a word (`##...`).
    keys: uint64 [B], from `counter_random.example_keys`.
    budget: int32 [B], the most tokens to choose in each row.
    limit: int or int32 scalar that no budget exceeds.

and gives (chosen, groups): chosen bool [B, S]; groups uint64 [B, S], equal for tokens that are replaced in the same
way, or None where each token decides for itself.
"""

import tensorflow as tf

from keras_bert_layers.text.counter_random import random_bits, rehash, uniform

_ORDER, _SPAN_LENGTH, _SPAN_KIND = 0, 1, 4
_LAST = tf.int64.max


def select_tokens(maskable, continues, keys, budget, limit):
    """Single tokens, uniformly without replacement (Devlin et al. 2019)."""
    del continues
    size = tf.shape(maskable)[1]
    scores = tf.where(maskable, _scores(keys, size), -1)
    # The budget-th largest score is the threshold; a column of -1 stands for it where the budget is nothing.
    best = tf.math.top_k(scores, tf.minimum(limit, size)).values
    best = tf.concat([tf.fill([tf.shape(best)[0], 1], _LAST), best], axis=1)
    threshold = tf.gather(best, budget, batch_dims=1)
    return maskable & (scores >= threshold[:, tf.newaxis]), None


def select_words(maskable, continues, keys, budget, limit):
    """Whole words in random order, skipping a word that would exceed the budget (Devlin's whole-word masking)."""
    del limit
    word_of_token, lengths = _words(maskable, continues)
    scores = tf.where(lengths > 0, _scores(keys, tf.shape(maskable)[1]), -1)
    order = tf.argsort(scores, direction="DESCENDING")
    sizes = tf.gather(lengths, order, batch_dims=1)

    # Taking words one by one, in rounds: take all until the first that does not fit; what does not fit into the rest
    # of the budget now never will; go on with the others. A few rounds end it.
    def take(candidates, taken):
        used = tf.where(taken, sizes, 0)
        rest = budget - tf.reduce_sum(used, axis=1)
        waiting = candidates & ~taken & (sizes <= rest[:, tf.newaxis])
        needed = tf.cumsum(tf.where(waiting, sizes, 0), axis=1)
        return waiting, taken | (waiting & (needed <= rest[:, tf.newaxis]))

    start = (sizes > 0, tf.zeros_like(maskable))
    _, taken = tf.while_loop(lambda candidates, taken: tf.reduce_any(candidates & ~taken), take, start)
    return maskable & tf.gather(_unsort(taken, order), word_of_token, batch_dims=1), None


def select_spans(maskable, continues, keys, budget, limit):
    """Spans of whole words (SpanBERT, Joshi et al. 2020, section 3.1).

    Spans begin at words drawn at random; a length ℓ in words has P(ℓ) ∝ p(1 - p)^(ℓ-1), ℓ = 1 ... 10, p = 0.2 (mean
    3.8). They are drawn until the budget is spent, and the last one ends before the word that would exceed it. A span
    never crosses a token that may not be chosen.
    """
    del limit
    size = tf.shape(maskable)[1]
    word_of_token, lengths = _words(maskable, continues)
    priority = _scores(keys, size)
    span = _span_lengths(keys, size)
    # A word enters with the earliest of the spans that cover it: those that begin at most nine words before.
    # `reach` counts down the words that a span still covers; it ends where words are not neighbours.
    adjacent = _follows_directly(maskable, continues, word_of_token)
    entry, origin, reach = priority, priority, span - 1
    for _ in range(_LONGEST_SPAN - 1):
        origin = tf.pad(origin[:, :-1], [[0, 0], [1, 0]])
        reach = tf.pad(reach[:, :-1], [[0, 0], [1, 0]])
        reach = tf.where(adjacent, reach, 0)
        entry = tf.where(reach > 0, tf.minimum(entry, origin), entry)
        reach -= 1
    order = tf.argsort(tf.where(lengths > 0, entry, _LAST), stable=True)
    sizes = tf.gather(lengths, order, batch_dims=1)
    taken = (sizes > 0) & (tf.cumsum(sizes, axis=1) <= budget[:, tf.newaxis])
    chosen = maskable & tf.gather(_unsort(taken, order), word_of_token, batch_dims=1)
    kinds = rehash(tf.cast(tf.gather(entry, word_of_token, batch_dims=1), tf.uint64), _SPAN_KIND)
    return chosen, kinds


STRATEGIES = {"token": select_tokens, "whole_word": select_words, "span": select_spans}

_SPAN_P, _LONGEST_SPAN = 0.2, 10


def _span_lengths(keys, size):
    """int32 [B, S] in 1 ... 10: a truncated geometric draw for every word."""
    draws = uniform(random_bits(keys[:, tf.newaxis], _SPAN_LENGTH, tf.range(size)))
    total = 1 - (1 - _SPAN_P) ** _LONGEST_SPAN
    cumulative = [(1 - (1 - _SPAN_P) ** length) / total for length in range(1, _LONGEST_SPAN)]
    return 1 + tf.add_n([tf.cast(draws >= bound, tf.int32) for bound in cumulative])


def _scores(keys, size):
    """int64 [B, S], at least 0: a random number for every counter in a row."""
    return tf.cast(random_bits(keys[:, tf.newaxis], _ORDER, tf.range(size)) // 2, tf.int64)


def _words(maskable, continues):
    """The word that each token is part of (its number in the row), and how many tokens each word has."""
    starts = maskable & ~(continues & _shifted(maskable))
    word_of_token = tf.maximum(tf.cumsum(tf.cast(starts, tf.int32), axis=1) - 1, 0)
    rows, size = tf.shape(maskable)[0], tf.shape(maskable)[1]
    flat = word_of_token + tf.range(rows)[:, tf.newaxis] * size
    lengths = tf.math.unsorted_segment_sum(tf.cast(maskable, tf.int32), flat, rows * size)
    return word_of_token, tf.reshape(lengths, [rows, size])


def _follows_directly(maskable, continues, word_of_token):
    """bool [B, S]: whether a word begins right behind the word with the number before."""
    previous = _shifted(maskable)
    joined = maskable & ~continues & previous
    rows, size = tf.shape(maskable)[0], tf.shape(maskable)[1]
    flat = word_of_token + tf.range(rows)[:, tf.newaxis] * size
    return tf.reshape(tf.math.unsorted_segment_max(tf.cast(joined, tf.int32), flat, rows * size), [rows, size]) > 0


def _shifted(flags):
    """Every flag one place later; the first place is False."""
    return tf.pad(flags[:, :-1], [[0, 0], [1, 0]])


def _unsort(flags, order):
    """`flags` back in the places that `order` took them from."""
    rows, size = tf.shape(flags)[0], tf.shape(flags)[1]
    flat = tf.reshape(order + tf.range(rows)[:, tf.newaxis] * size, [-1, 1])
    return tf.reshape(tf.scatter_nd(flat, tf.reshape(flags, [-1]), [rows * size]), [rows, size])
