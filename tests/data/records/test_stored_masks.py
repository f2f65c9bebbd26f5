"""Stored masks are those that the masker gives to the row, and come back at the same places."""

import data_records
import numpy as np
import pytest
from data_records import TOKENIZER, make_records, read_examples, sequences_of

from keras_bert_layers.data import RecordSettings, prepare_records, record_dataset
from keras_bert_layers.data.records.stored_rows import places_of_tokens
from keras_bert_layers.text import BertTokenizer, MaskedLMMasker

MASKER = MaskedLMMasker(TOKENIZER, mask_rate=0.2, seed=5)
CLS, SEP = TOKENIZER.cls_id, TOKENIZER.sep_id
KINDS = {
    "singles": {"objective": "none"},
    "pairs": {"objective": "next_sentence"},
    "packed singles": {"objective": "none", "max_sequences": 4},
    "packed pairs": {"objective": "sentence_order", "max_sequences": 4},
}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def rows_by_hand(example, pairs):
    """The tokens of a row with its special tokens."""
    row = []
    for segments in sequences_of(example, pairs):
        row.append(CLS)
        for segment in segments:
            row += [*segment, SEP]
    return row


@kinds
def test_places_are_where_the_tokens_stand_in_the_row(tmp_path, kind):
    pairs = kind["objective"] != "none"
    for shard in read_examples(make_records(tmp_path, **kind)):
        for example in shard:
            lengths = np.array(example["segment_lengths"])
            place = places_of_tokens(lengths, np.array([len(lengths)]), 1 + pairs)
            assert np.array(rows_by_hand(example, pairs))[place].tolist() == example["token_ids"]


@kinds
@pytest.mark.parametrize("strategy", ["token", "span"])
def test_reading_gives_the_masks_that_the_masker_made(tmp_path, kind, strategy):
    masker = MaskedLMMasker(TOKENIZER, mask_rate=0.2, strategy=strategy, seed=5)
    masked = make_records(tmp_path, name="masked", masker=masker, duplicates=2, **kind)
    unmasked = read_examples(make_records(tmp_path, name="unmasked", duplicates=2, **kind))
    once = read_examples(make_records(tmp_path, name="once", **kind))
    rows, index, copy = [], [], []
    for chunk, examples in enumerate(unmasked):
        for number, example in enumerate(examples):
            row = rows_by_hand(example, kind["objective"] != "none")
            rows.append(row + [0] * (32 - len(row)))
            copy.append(number // len(once[chunk]) if len(once[chunk]) * 2 == len(examples) else -1)
            index.append((chunk << 32) + number % max(len(once[chunk]), 1))
    rows, index, copy = map(np.array, (rows, index, copy))
    ((x, hidden, weights),) = record_dataset(masked, TOKENIZER, None, len(rows), epochs=1, shuffle=False)
    if kind["objective"] != "none":
        hidden, weights = hidden["masked_lm"], weights["masked_lm"]
    found = {"token_ids": x["token_ids"], "mask_positions": x["mask_positions"]}
    found |= {"mask_ids": hidden, "mask_weights": weights}
    assert set(copy) >= {0, 1}
    for epoch in (0, 1):
        of_copy = copy == epoch
        features = {"token_ids": rows[of_copy], "padding_mask": (rows[of_copy] > 0).astype("int32")}
        expected = masker(features, index[of_copy], epoch=epoch)
        for name, value in found.items():
            np.testing.assert_array_equal(value.numpy()[of_copy], expected[name])


def test_stored_masks_are_the_same_in_every_epoch(tmp_path):
    records = make_records(tmp_path, masker=MASKER, objective="none")
    one, other = (
        {
            tuple(ids): tuple(positions)
            for x, _, _ in record_dataset(records, TOKENIZER, None, 4, epochs=1, start_epoch=epoch, seed=1)
            for ids, positions in zip(x["token_ids"].numpy(), x["mask_positions"].numpy(), strict=True)
        }
        for epoch in (0, 1)
    )
    assert sum(one[row] == other[row] for row in one.keys() & other.keys()) >= len(one) - 2 * 4


@pytest.mark.parametrize("stored", [True, False])
def test_chinese_words_are_hidden_as_a_whole(tmp_path, stored):
    pytest.importorskip("jieba")
    characters = "我来到北京清华大学今天下雨图书馆"
    tokenizer = BertTokenizer([*data_records.SPECIAL, *dict.fromkeys(characters)])
    corpus = data_records.write_corpus(
        tmp_path / "corpus.txt", [["我来到北京清华大学", "今天下雨", "我来到图书馆"]] * 30
    )
    masker = MaskedLMMasker(tokenizer, mask_rate=0.5, strategy="whole_word", mask_token_rate=1.0, random_token_rate=0.0)
    settings = RecordSettings(sequence_length=64, word_segmenter="jieba", objective="none")
    prepare_records(corpus, tmp_path / "records", tokenizer, settings, masker=masker if stored else None)
    words = ["来到", "北京", "清华大学", "今天", "下雨", "图书馆"]
    hidden = set()
    dataset = record_dataset(tmp_path / "records", tokenizer, None if stored else masker, 4, epochs=1)
    for x, ids, weights in dataset.as_numpy_iterator():
        for row in range(4):
            positions = x["mask_positions"][row][weights[row] > 0]
            tokens = dict(zip(positions.tolist(), ids[row].tolist(), strict=False))
            whole = x["token_ids"][row].copy()
            whole[positions] = ids[row][: len(positions)]
            text = "".join(tokenizer.id_to_token(token)[:1] for token in whole)
            for word in words:
                for begin in (i for i in range(len(text)) if text.startswith(word, i)):
                    found = {position in tokens for position in range(begin, begin + len(word))}
                    assert len(found) == 1, (word, text, tokens)
                    hidden.add((word, found.pop()))
    assert hidden == {(word, flag) for word in words for flag in (True, False)}
