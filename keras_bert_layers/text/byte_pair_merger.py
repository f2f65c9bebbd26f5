"""The merges of byte-pair encoding, many at a time, with the result of one after the other."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_bert_layers.text.byte_symbols import BYTE_SYMBOLS

# Twenty thousand letters of prose without a space take 318 rounds at a reach of 1, 44 at 2, 9 at 3, 8 at 4.
_REACH = 4


class BytePairMerger:
    """Merges the bytes of words into tokens (Sennrich et al. 2016, algorithm 1).

    Byte-pair encoding repeats one step in each word: of all neighbours that are in the list of merges, the pair that
    comes first in the list (the leftmost, if it occurs twice) becomes one token. That takes a long word many steps, but
    most of them do not depend on each other. One round here does all that are certain. Of neighbours v w | x y with x y
    as the r-th merge, x y is certain if x and y are still there when its turn comes:

    - It is the first merge of its word. (In aaaa, that is the first pair and every other.)
    - Or nothing at the bar takes x away: no merge up to the r-th joins a token that ends as w does (as any that may
      come to stand there) with x; or w x is no such merge, and in the same way nothing takes w away, a few places on.
      And nothing takes y away on the other side, where the r-th merge itself does no harm: it is the left one's turn.

    Both only if no merge up to the r-th uses the token x y, which, made early, could be used too early; the very first
    pair of a word is certain in any case. Where a list uses no token before it makes it, a word therefore takes no more
    rounds than it has different merges. Ten thousand letters without a space take about ten.

    Args:
        ids: the vocabulary.
        merges: `"a b"` strings, the first to be applied first.
        unk_id: the id of a byte that the vocabulary lacks.
    """

    def __init__(self, ids: Mapping[str, int], merges: Sequence[str], unk_id: int):
        pairs = [tuple(merge.split(" ")) for merge in merges]
        ranks, before, behind = {}, {}, {}
        for rank, (first, second) in enumerate(pairs):
            ranks[first, second] = rank
            for length in range(1, len(first) + 1):
                before.setdefault((first[-length:], second), rank)
            for length in range(1, len(second) + 1):
                behind.setdefault((first, second[:length]), rank)
        first_use = {}
        for rank, pair in enumerate(pairs):
            for token in pair:
                first_use.setdefault(token, rank)
        may_be_early = [first_use.get(first + second, len(pairs)) > rank for rank, (first, second) in enumerate(pairs)]
        self._unk_id, self._no_token, self._no_rank = unk_id, len(ids), len(pairs)
        # Constants made inside a function that is being traced would stay locked in its graph.
        with tf.init_scope(), tf.device("CPU:0"):
            self._token_of_byte = tf.constant([ids.get(symbol, self._no_token) for symbol in BYTE_SYMBOLS], tf.int64)
            self._token_of_rank = tf.constant([ids[first + second] for first, second in pairs], tf.int64)
            self._may_be_early = tf.constant([*may_be_early, False])
            self._tables = [self._table(ids, entries) for entries in (ranks, before, behind)]

    def merge(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Ids int32 [W, None] of the tokens of each of `words`, strings [W] of any bytes."""
        octets = tf.io.decode_raw(tf.strings.reduce_join(words), tf.uint8)
        tokens = tf.gather(self._token_of_byte, tf.cast(octets, tf.int32))
        count = tf.size(words, tf.int64)
        word_of = tf.repeat(tf.range(count), tf.strings.length(words))
        ranks = self._ranks(tokens, word_of, tf.range(tf.size(tokens, tf.int64)))
        tokens, word_of, *_ = tf.while_loop(
            lambda tokens, word_of, rank, before, behind: tf.reduce_any(rank < self._no_rank),
            lambda tokens, word_of, *ranks: self._round(tokens, word_of, ranks, count),
            (tokens, word_of, *ranks),
            (tf.TensorShape([None]),) * 5,
        )
        ids = tf.where(tokens == self._no_token, tf.constant(self._unk_id, tf.int64), tokens)
        return tf.RaggedTensor.from_value_rowids(tf.cast(ids, tf.int32), word_of, count, validate=False)

    def _round(self, tokens, word_of, ranks, count):
        """Tokens [T], the word of each and the three ranks of each with the next, as they are after merging."""
        rank, before, behind = ranks
        size = tf.size(rank, tf.int64)
        position = tf.range(size)
        turn = tf.cast(rank, tf.int64) * size + position
        first_turn = tf.gather(tf.math.unsorted_segment_min(turn, word_of, count), word_of)
        is_lowest = tf.cast(rank, tf.int64) == first_turn // size

        left_stays = right_stays = tf.fill(tf.shape(rank), False)
        for distance in range(_REACH, 0, -1):
            stays = (self._from(rank, -distance) > rank) & left_stays
            left_stays = (self._from(before, -distance) > rank) | stays
            stays = (self._from(rank, distance) >= rank) & right_stays
            right_stays = (self._from(behind, distance) >= rank) | stays
        # In aaaa, every other pair of equal ones is the leftmost when its turn comes.
        begins = (rank != self._from(rank, -1)) | (position == 0)
        run = tf.gather(tf.boolean_mask(position, begins), tf.cumsum(tf.cast(begins, tf.int64)) - 1)
        is_even = (position - run) % 2 == 0
        is_certain = is_lowest | (tf.gather(left_stays, run) & right_stays)
        merges = tf.gather(self._may_be_early, rank) & is_even & is_certain
        merges |= (turn == first_turn) & (rank < self._no_rank)

        at = tf.where(merges)
        merged = tf.gather(self._token_of_rank, tf.gather_nd(rank, at))
        tokens = tf.tensor_scatter_nd_update(tokens, at, merged)
        kept = tf.where(~tf.concat([[False], merges[:-1]], axis=0))[:, 0]
        # Only a new token, and what stands before one, has another pair than it had.
        changed = tf.where(tf.gather(merges | tf.concat([merges[1:], [False]], axis=0), kept))
        tokens, word_of, *ranks = (tf.gather(column, kept) for column in (tokens, word_of, *ranks))
        new = self._ranks(tokens, word_of, changed[:, 0])
        ranks = [tf.tensor_scatter_nd_update(*columns) for columns in zip(ranks, [changed] * 3, new, strict=True)]
        return tokens, word_of, *ranks

    def _from(self, column, distance):
        """`column` [T], from `distance` places further on; nothing merges beyond its ends."""
        beyond = tf.fill([abs(distance)], self._no_rank)
        if distance < 0:
            return tf.concat([beyond, column], axis=0)[:distance]
        return tf.concat([column, beyond], axis=0)[distance:]

    def _ranks(self, tokens, word_of, at):
        """Of each token x `at` some place and the next one y, the rank of three merges, the first of each kind.

        x y; a token that ends as x does, and y; x, and a token that begins as y does.
        """
        following = tf.minimum(at + 1, tf.size(tokens, tf.int64) - 1)
        is_inside = (following > at) & (tf.gather(word_of, following) == tf.gather(word_of, at))
        pairs = self._key(tf.gather(tokens, at), tf.where(is_inside, tf.gather(tokens, following), self._no_token))
        ranks = []
        for keys, values in self._tables:
            place = tf.minimum(tf.searchsorted(keys, pairs), tf.size(keys) - 1)
            ranks.append(tf.where(tf.gather(keys, place) == pairs, tf.gather(values, place), self._no_rank))
        return ranks

    def _table(self, ids, ranks):
        """Pairs of tokens as ascending numbers, and the rank of each."""
        known = {pair: rank for pair, rank in ranks.items() if pair[0] in ids and pair[1] in ids}
        keys = np.array([self._key(ids[first], ids[second]) for first, second in known], "int64")
        order = np.argsort(keys)
        return tf.constant(keys[order]), tf.constant(np.array([*known.values()], "int32")[order])

    def _key(self, first, second):
        return first * (self._no_token + 1) + second
