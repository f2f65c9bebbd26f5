"""BytePairMerger gives what merging one pair after the other gives."""

import random
from itertools import pairwise

import pytest
import tensorflow as tf

from keras_bert_layers.text.byte_pair_merger import BytePairMerger


def merged_one_by_one(word, pairs):
    symbols = list(word)
    while True:
        ranks = [pairs.index(pair) if pair in pairs else len(pairs) for pair in pairwise(symbols)]
        if not ranks or min(ranks) == len(pairs):
            return symbols
        at = ranks.index(min(ranks))
        symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]


@pytest.mark.parametrize("seed", range(12))
def test_merging_many_at_a_time_gives_what_one_by_one_gives(seed):
    draw = random.Random(seed)
    made, pairs = [*"abc"[: 1 + seed % 3]], []
    letters = "".join(made)
    for _ in range(40):
        pair = draw.choice(made), draw.choice(made)
        if len("".join(pair)) <= 8 and pair not in pairs:
            pairs.append(pair)
            made += ["".join(pair)] * ("".join(pair) not in made)
    if seed % 2:  # a list of merges that uses tokens before it makes them
        draw.shuffle(pairs)
    ids = {token: token_id for token_id, token in enumerate(made)}
    merger = BytePairMerger(ids, [" ".join(pair) for pair in pairs], unk_id=0)
    words = ["".join(draw.choices(letters, k=draw.randrange(1, 40))) for _ in range(300)]
    expected = [[ids[token] for token in merged_one_by_one(word, pairs)] for word in words]
    assert merger.merge(tf.constant(words)).to_list() == expected


@pytest.mark.parametrize("period", ["a", "ab", "aab", "abcab"])
def test_a_word_of_many_letters_takes_no_more_rounds_than_it_has_merges(period, monkeypatch):
    pairs = [("a", "b"), ("a", "a"), ("ab", "ab"), ("ab", "c"), ("aa", "aa"), ("aa", "b"), ("abc", "ab"), ("b", "ab")]
    made = dict.fromkeys(["c", *(token for pair in pairs for token in (*pair, "".join(pair)))])
    ids = {token: token_id for token_id, token in enumerate(made)}
    merger = BytePairMerger(ids, [" ".join(pair) for pair in pairs], unk_id=0)
    rounds = []
    one_round = merger._round
    monkeypatch.setattr(merger, "_round", lambda *columns: rounds.append(1) or one_round(*columns))
    got = merger.merge(tf.constant([period * 500])).to_list()
    assert got == [[ids[token] for token in merged_one_by_one(period * 500, pairs)]]
    assert len(rounds) <= len(pairs)
