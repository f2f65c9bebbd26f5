"""Records hold every document of the corpus as the objective wants it, and their metadata tells the truth."""

import hashlib
import json
from itertools import chain

import data_records
import numpy as np
import pytest
from data_records import TOKENIZER, make_records, numbered_documents, read_examples, sequences_of, token_lists

from keras_bert_layers.data import RecordSettings, prepare_records, read_metadata, record_tokenizer
from keras_bert_layers.text import BertTokenizer

DOCUMENTS = numbered_documents()
TOKENS = [[token for sentence in document for token in sentence] for document in token_lists(DOCUMENTS)]
DOCUMENT_OF = {token: number for number, tokens in enumerate(TOKENS) for token in tokens}
PAIRS = ["next_sentence", "sentence_order"]

packed_or_not = pytest.mark.parametrize("max_sequences", [1, 4])


def all_sequences(folder, pairs):
    """Shard by shard, the segments of each sequence and its label."""
    return [
        [
            (segments, label)
            for example in shard
            for segments, label in zip(
                sequences_of(example, pairs), example.get("labels", [0] * len(example["segment_lengths"])), strict=True
            )
        ]
        for shard in read_examples(folder)
    ]


@packed_or_not
def test_without_an_objective_every_token_is_in_one_example(tmp_path, max_sequences):
    folder = make_records(tmp_path, DOCUMENTS, objective="none", max_sequences=max_sequences)
    shards = all_sequences(folder, pairs=False)
    assert len(shards) > 3
    segments = [segment for shard in shards for (segment,), _ in shard]
    assert sorted(token for segment in segments for token in segment) == list(chain(*TOKENS))
    assert all(np.diff(segment).tolist() == [1] * (len(segment) - 1) for segment in segments)
    assert all(len({DOCUMENT_OF[token] for token in segment}) == 1 for segment in segments)


@packed_or_not
def test_a_next_sentence_follows_or_is_from_another_document_of_the_chunk(tmp_path, max_sequences):
    shards = all_sequences(make_records(tmp_path, DOCUMENTS, max_sequences=max_sequences), pairs=True)
    labels = [label for shard in shards for _, label in shard]
    assert 0.2 < np.mean(labels) < 0.8
    for shard in shards:
        of_chunk = {DOCUMENT_OF[a[0]] for (a, _), _ in shard}
        for (a, b), label in shard:
            assert len(a) + len(b) + 3 <= 32
            assert DOCUMENT_OF[b[0]] in of_chunk
            if label:
                assert DOCUMENT_OF[a[0]] != DOCUMENT_OF[b[0]]
            else:
                assert DOCUMENT_OF[a[0]] == DOCUMENT_OF[b[0]]
                assert a[-1] < b[0]
    assert {DOCUMENT_OF[a[0]] for shard in shards for (a, _), _ in shard} == set(range(len(DOCUMENTS)))


@packed_or_not
def test_sentence_order_swaps_neighbours(tmp_path, max_sequences):
    folder = make_records(tmp_path, DOCUMENTS, objective="sentence_order", max_sequences=max_sequences)
    sequences = [sequence for shard in all_sequences(folder, pairs=True) for sequence in shard]
    assert 0.3 < np.mean([label for _, label in sequences]) < 0.7
    assert all(a[0] > b[-1] if label else a[-1] < b[0] for (a, b), label in sequences)


@pytest.mark.parametrize("objective", ["none", *PAIRS])
def test_packed_rows_hold_the_same_sequences_in_fewer_rows(tmp_path, objective):
    single = make_records(tmp_path, DOCUMENTS, "single", objective=objective)
    packed = make_records(tmp_path, DOCUMENTS, "packed", objective=objective, max_sequences=3)
    one, other = (all_sequences(folder, objective != "none") for folder in (single, packed))
    assert [sorted(shard) for shard in one] == [sorted(shard) for shard in other]
    special = 2 if objective == "none" else 3
    for example in (example for shard in read_examples(packed) for example in shard):
        sequences = sequences_of(example, objective != "none")
        assert len(sequences) <= 3
        assert len(example["token_ids"]) + special * len(sequences) <= 32
    assert read_metadata(packed).counts["examples"] < read_metadata(single).counts["examples"]


def test_the_metadata_counts_what_is_there(tmp_path):
    folder = make_records(tmp_path, DOCUMENTS)
    metadata, shards = read_metadata(folder), read_examples(folder)
    text = (tmp_path / "corpus.txt").read_bytes()
    assert metadata.counts == {
        "text_bytes": len(text),
        "documents": len(DOCUMENTS),
        "duplicates": 0,
        "cut_documents": 0,
        "sentences": sum(map(len, DOCUMENTS)),
        "text_tokens": sum(map(len, TOKENS)),
        "examples": sum(map(len, shards)),
        "tokens": sum(len(example["token_ids"]) for shard in shards for example in shard),
        "bad_bytes": 0,
        "bad_lines": 0,
    }
    for shard, examples in zip(metadata.shards, shards, strict=True):
        content = (folder / shard.file).read_bytes()
        assert (shard.size, shard.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert (shard.examples, shard.tokens) == (len(examples), sum(len(e["token_ids"]) for e in examples))
        lengths = np.bincount([len(example["token_ids"]) + 3 for example in examples], minlength=33)
        assert list(shard.length_counts) == lengths.tolist()
    assert metadata.vocabulary_sha256 == hashlib.sha256((folder / "vocab.txt").read_bytes()).hexdigest()
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        ["metadata.json", "vocab.txt", *(shard.file for shard in metadata.shards)]
    )


def test_metadata_comes_back_as_it_was_returned(tmp_path):
    settings = RecordSettings(sequence_length=32, seed=3)
    corpus = data_records.write_corpus(tmp_path / "corpus.txt", DOCUMENTS)
    assert prepare_records(corpus, tmp_path / "records", TOKENIZER, settings) == read_metadata(tmp_path / "records")


def test_the_tokenizer_comes_back(tmp_path):
    tokenizer = BertTokenizer(TOKENIZER.vocabulary, lowercase=False, special_tokens=["w7"])
    again = record_tokenizer(make_records(tmp_path, DOCUMENTS, tokenizer=tokenizer))
    assert again.get_config() == tokenizer.get_config()


def test_another_seed_draws_other_pairs_and_each_chunk_draws_its_own(tmp_path):
    same_documents = [["w1 w2", "w3", "w4 w5", "w6"], ["w7", "w8", "w9", "w10"]] * 20
    one, again, other = (
        read_examples(make_records(tmp_path, same_documents, name, seed=seed, chunk_bytes=70))
        for name, seed in (("one", 1), ("again", 1), ("other", 2))
    )
    assert one == again
    assert one != other
    assert len({json.dumps(shard) for shard in one}) > len(one) / 2


def test_each_duplicate_is_drawn_anew(tmp_path):
    once, thrice = (all_sequences(make_records(tmp_path, DOCUMENTS, f"{n}", duplicates=n), pairs=True) for n in (1, 3))
    for one, three in zip(once, thrice, strict=True):
        assert three[: len(one)] == one
        assert len({json.dumps(sequence) for sequence in three}) > 2 * len(one)


def test_gzip_changes_nothing_but_the_files(tmp_path):
    plain, small = make_records(tmp_path, name="plain"), make_records(tmp_path, name="small", compression="gzip")
    assert read_examples(plain) == read_examples(small)
    assert all(shard.file.endswith(".tfrecord.gz") for shard in read_metadata(small).shards)
    size = {folder: sum(shard.size for shard in read_metadata(folder).shards) for folder in (plain, small)}
    assert size[small] < size[plain]


def test_repeated_documents_are_left_out_and_counted(tmp_path):
    documents = [*DOCUMENTS, *DOCUMENTS[5:15], DOCUMENTS[0]]
    clean = make_records(tmp_path / "clean", DOCUMENTS, objective="none", chunk_bytes=600)
    found = make_records(tmp_path / "repeated", documents, objective="none", chunk_bytes=600, deduplicate=True)
    counts = read_metadata(found).counts
    assert (counts["documents"], counts["duplicates"]) == (len(DOCUMENTS), 11)
    tokens = [[e["token_ids"] for shard in read_examples(folder) for e in shard] for folder in (clean, found)]
    assert sorted(chain(*tokens[0])) == sorted(chain(*tokens[1]))


def test_bad_bytes_and_lines_are_left_out_and_counted_by_file(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"w1 w2\n\nw3 \xe9w4\xff\n\n" * 3)
    (folder / "b.txt").write_bytes(b"w5\n")
    (folder / "c.jsonl").write_bytes(b'{"text": "w6 w7"}\nno json\n{"text": "w8"\xfe}\n')
    settings = RecordSettings(sequence_length=16, objective="none", short_sequence_probability=0.0)
    metadata = prepare_records(folder, tmp_path / "records", TOKENIZER, settings)
    assert metadata.bad_bytes == {str(folder / "a.txt"): 6, str(folder / "c.jsonl"): 1}
    assert metadata.bad_lines == {str(folder / "c.jsonl"): 1}
    assert (metadata.counts["bad_bytes"], metadata.counts["bad_lines"]) == (7, 1)
    texts = [TOKENIZER.detokenize(e["token_ids"]).numpy() for e in chain(*read_examples(tmp_path / "records"))]
    assert texts == [b"w1 w2", b"w3 w4"] * 3 + [b"w5", b"w6 w7", b"w8"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"w1 \xe9 w2", r"a\.txt' holds 1 bytes that are no UTF-8, between bytes 0 and 7"),
        ("a.jsonl", b'{"text": "w1"}\n{', r"a\.jsonl' holds a line that is no JSON object, '{'"),
        ("a.jsonl", b'{"body": "w1"}', r"a\.jsonl', between bytes 0 and 14: Expected text in the field 'text'"),
    ],
)
def test_bad_input_can_be_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    settings = RecordSettings(sequence_length=16, bad_input="error")
    with pytest.raises(ValueError, match=message):
        prepare_records(tmp_path / name, tmp_path / "records", TOKENIZER, settings)


def test_a_document_alone_in_its_chunk_gets_its_random_sentences_from_its_other_half(tmp_path):
    document = [f"w{n} w{n + 1}" for n in range(0, 400, 2)]
    folder = make_records(tmp_path, [document], chunk_bytes=500)
    assert read_metadata(folder).counts["cut_documents"] > 0
    shards = all_sequences(folder, pairs=True)
    assert all(shards)
    for shard in shards:
        tokens = sorted({token for segments, _ in shard for segment in segments for token in segment})
        middle = tokens[len(tokens) // 2]
        assert all((a[0] < middle) != (b[0] < middle) for (a, b), label in shard if label and a[-1] + 1 != b[0])


def test_a_chunk_that_gives_no_pair_has_an_empty_shard(tmp_path):
    folder = make_records(tmp_path, [*DOCUMENTS, [" ".join(["w1"] * 400)]], chunk_bytes=1000)
    assert [shard.examples > 0 for shard in read_metadata(folder).shards][-1] is False
    assert read_examples(folder)[-1] == []


@pytest.mark.parametrize(
    ("documents", "settings"),
    [
        ([["w1"]], {}),
        ([["w1"], ["w2"]], {"objective": "sentence_order"}),
        ([["\u200b\ufeff"]], {"objective": "none"}),
    ],
)
def test_a_corpus_without_an_example_is_refused(tmp_path, documents, settings):
    with pytest.raises(ValueError, match=r'give no example.*that layout="sentences" is how it is laid out'):
        make_records(tmp_path, documents, **settings)
    with pytest.raises(FileNotFoundError, match="was not finished"):
        read_metadata(tmp_path / "records")


def test_a_vocabulary_without_mask_is_refused_before_any_work(tmp_path):
    tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "w1"])
    with pytest.raises(ValueError, match=r"vocabulary of 5 tokens has no \[MASK\]"):
        make_records(tmp_path, DOCUMENTS, tokenizer=tokenizer)
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize("directory", ["corpus", "corpus/records", "corpus/../corpus/a/records"])
def test_records_inside_the_corpus_are_refused(tmp_path, directory):
    data_records.write_corpus(tmp_path / "corpus" / "a.txt", DOCUMENTS)
    settings = RecordSettings(sequence_length=32)
    with pytest.raises(ValueError, match=r"lies in a folder of the corpus, '.*corpus'\. Write them to a folder beside"):
        prepare_records(tmp_path / "corpus", tmp_path / directory, TOKENIZER, settings)
    prepare_records(tmp_path / "corpus", tmp_path / "corpus2", TOKENIZER, settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "nsp"}, "`objective` must be one of 'none', 'next_sentence', 'sentence_order'. Received: 'nsp'"),
        ({"sequence_length": 4}, "`sequence_length` must be at least 5"),
        ({"bad_input": "ignore"}, "`bad_input` must be one of"),
        ({"compression": "zip"}, "`compression` must be one of None, 'gzip'"),
        ({"word_segmenter": "mecab"}, "`word_segmenter` must be one of"),
        ({"chunk_bytes": 0}, "`chunk_bytes` must be positive"),
        ({"duplicates": 0}, "`duplicates` must be positive"),
        ({"max_sequences": 0}, "`max_sequences` must be positive"),
        ({"next_sentence_rate": 2.0}, "`next_sentence_rate` must be in"),
        ({"short_sequence_probability": -1.0}, "`short_sequence_probability` must be in"),
        ({"seed": -1}, "`seed` and `epoch` must not be negative"),
        ({"layout": "book"}, "`layout` must be one of"),
        ({"language": "en"}, "splits nothing"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        RecordSettings(**{"sequence_length": 32, **settings})
