"""learn_vocabulary: what is learned, that it fits the tokenizer, that order does not matter, and errors."""

import random
from collections import Counter
from itertools import pairwise

import pytest
import tensorflow as tf
from bert_tokenization_reference import basic_words

from keras_bert_layers.text import BertTokenizer, learn_vocabulary

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = [
    "The lower tower, the newer flower.",
    "Lowest and newest, widest; cafés don't lower!",
    "the THE thé 東京 flowers [MASK] [SEP]",
]


def merges_by_the_book(texts, lowercase, steps):
    """Byte-pair encoding over words, one merge after the other, recounting everything each time."""
    counts = Counter(word for text in texts for word in basic_words(text, lowercase))
    spelled = {word: [word[0], *("##" + character for character in word[1:])] for word in counts}
    merges = []
    for _ in range(steps):
        pairs = Counter()
        for word, pieces in spelled.items():
            for pair in pairwise(pieces):
                pairs[pair] += counts[word]
        if not pairs or max(pairs.values()) < 2:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best[0] + best[1][2:])
        for pieces in spelled.values():
            at = 0
            while at < len(pieces) - 1:
                if (pieces[at], pieces[at + 1]) == best:
                    pieces[at : at + 2] = [merges[-1]]
                at += 1
    return merges


@pytest.mark.parametrize("lowercase", [True, False])
def test_pieces_are_those_of_merging_the_most_frequent_pair_step_by_step(lowercase):
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdE", weights=[5, 4, 3, 2, 1], k=draw.randrange(1, 9))) for _ in range(300)]
    texts = [" ".join(draw.choices(words, k=20)) for _ in range(50)]
    learned = learn_vocabulary(texts, 400, lowercase=lowercase)
    characters = len(SPECIALS) + 2 * len(set("".join(words).lower() if lowercase else "".join(words)))
    expected = list(dict.fromkeys(merges_by_the_book(texts, lowercase, 600)))
    assert learned[characters:] == expected[: 400 - characters]
    assert len(learned) > 150


def test_the_vocabulary_begins_with_special_tokens_and_characters():
    learned = learn_vocabulary(TEXTS, 200)
    assert learned[:5] == SPECIALS
    assert learned[5:12] == ["!", "'", ",", ".", ";", "a", "c"]
    assert {"東", "京", "##a", "the", "lower"} <= set(learned)
    # Punctuation and ideographs stand alone; special tokens written in a text teach nothing; accents are gone.
    assert not {"##東", "##!", "[", "mask", "é", "The"} & set(learned)


def test_a_tokenizer_reads_it_and_knows_every_word_of_the_texts():
    tokenizer = BertTokenizer(learn_vocabulary(TEXTS, 200))
    assert tokenizer.unk_id not in tokenizer.tokenize(TEXTS).flat_values.numpy()
    assert tokenizer.tokenize("tower lower").shape == (3,)


def test_cased_text_keeps_case_and_accents():
    learned = learn_vocabulary(TEXTS, 200, lowercase=False)
    assert {"T", "##é", "L"} <= set(learned)


@pytest.mark.parametrize(
    "texts",
    [
        list(reversed(TEXTS)),
        tuple(TEXTS),
        (text for text in TEXTS),
        [text.encode() for text in TEXTS],
        tf.data.Dataset.from_tensor_slices(TEXTS),
        tf.data.Dataset.from_tensor_slices(TEXTS).batch(2),
    ],
    ids=["reversed", "tuple", "generator", "bytes", "dataset", "batched dataset"],
)
def test_order_and_kind_of_the_texts_change_nothing(texts):
    assert learn_vocabulary(texts, 90) == learn_vocabulary(TEXTS, 90)


def test_the_size_is_reached_exactly_when_there_is_enough_to_learn():
    assert len(learn_vocabulary(TEXTS, 50)) == 50
    assert len(learn_vocabulary(TEXTS, 10_000)) < 100


def test_rare_pieces_and_rare_characters_are_left_out():
    assert set(learn_vocabulary(TEXTS, 500, min_frequency=3)) < set(learn_vocabulary(TEXTS, 500, min_frequency=1))
    learned = learn_vocabulary(["aaa bbb aab", "bab cab"], 50, max_characters=2)
    assert not [piece for piece in learned[5:] if "c" in piece]


def test_ideographs_beyond_the_limit_are_learned_as_often_as_they_occur():
    texts = ["ab ab ab abc", "\u6211\u6211 \u4eec\u4eec\u4eec\u4eec\u4eec \u5929 \u00e9\u00e9\u00e9\u00e9"]
    learned = learn_vocabulary(texts, 50, max_characters=3)
    # From the start the three most frequent characters; `c` and the letter `\u00e9` are lost, \u5929 is too rare.
    assert learned[5:] == ["a", "b", "\u4eec", "##a", "##b", "ab", "\u6211"]
    assert learn_vocabulary(texts, 50, min_frequency=1, max_characters=3)[-1] == "\u5929"
    assert learn_vocabulary(texts, 11, max_characters=3) == learned[:11]


def test_reading_stops_at_the_given_bytes():
    many = ["aa bb"] * 3 + ["zz"] * 3
    assert learn_vocabulary(many, 50, max_bytes=15) == learn_vocabulary(many[:3], 50)
    assert "z" in learn_vocabulary(many, 50, max_bytes=16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": "one text"}, r"pass \[text\]"),
        ({"texts": []}, "no word"),
        ({"texts": ["", " \n"]}, "no word"),
        ({"texts": [1, 2]}, "of type int"),
        ({"texts": tf.data.Dataset.range(3)}, "dataset of strings"),
        ({"texts": TEXTS, "vocabulary_size": 20}, "Raise `vocabulary_size`"),
        ({"texts": TEXTS, "special_tokens": ["[PAD]"]}, r"lacks \[UNK\]"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        learn_vocabulary(**{"vocabulary_size": 100, **arguments})
