"""The command line prepares what the library prepares, says what it did, and ends with a plain sentence on an error."""

import re

import prepare_pretraining
import pytest
from data_records import TOKENIZER, make_records, numbered_documents, same_files, write_corpus

from keras_bert_layers.data import read_metadata, record_tokenizer
from keras_bert_layers.text import MaskedLMMasker

DOCUMENTS = numbered_documents()


@pytest.fixture
def corpus(tmp_path):
    TOKENIZER.save(tmp_path / "vocab.txt")
    return write_corpus(tmp_path / "corpus.txt", DOCUMENTS)


def run(corpus, *options):
    """The command with the corpus and its vocabulary; returns the folder of records."""
    folder = corpus.parent / "out"
    command = [str(corpus), "--output", str(folder)]
    if "--learn-vocabulary" not in options:
        command += ["--vocabulary", str(corpus.parent / "vocab.txt")]
    prepare_pretraining.main([*command, *options])
    return folder


def test_options_become_settings(corpus):
    options = "--sequence-length 32 --chunk-bytes 1000 --objective sentence_order --seed 4 --max-sequences 3 "
    options += "--deduplicate --duplicates 2 --compression gzip --store-masks --mask-rate 0.2 --mask-strategy span"
    found = run(corpus, *options.split())
    settings = {"objective": "sentence_order", "seed": 4, "max_sequences": 3, "deduplicate": True, "duplicates": 2}
    masker = MaskedLMMasker(TOKENIZER, 0.2, "span", seed=4)
    settings["compression"] = "gzip"
    assert same_files(found, make_records(corpus.parent / "x", DOCUMENTS, masker=masker, **settings))


def test_the_summary_says_what_there_is_and_what_to_do_next(corpus, capsys):
    write_corpus(corpus, [*DOCUMENTS, DOCUMENTS[0]])
    corpus.write_bytes(corpus.read_bytes() + b"\n\nw1 \xff w2\n")
    folder = run(corpus, "--deduplicate", "--objective", "none")
    counts, printed = read_metadata(folder).counts, capsys.readouterr().out
    lines = dict(line.split(maxsplit=1) for line in printed.splitlines() if len(line.split()) > 1)
    assert lines["documents"].startswith(f"{len(DOCUMENTS) + 1}, of {counts['sentences']:,} sentences")
    assert lines["tokens"].startswith(f"{counts['text_tokens']:,} in the text")
    assert lines["examples"].startswith(f"{counts['examples']:,} of at most 128")
    assert lines["duplicates"] == "1 documents left out"
    assert lines["bad"] == "input   1 bytes and 0 lines left out"
    assert f"1 in {corpus}" in printed
    assert "100%" in printed
    assert printed.rstrip().endswith(f"pretrain.py --records {folder}")


def test_a_vocabulary_is_learned_from_the_corpus(corpus):
    folder = run(corpus, "--learn-vocabulary", "60", "--cased")
    tokenizer = record_tokenizer(folder)
    assert tokenizer.vocabulary_size == 60
    assert tokenizer.lowercase is False
    assert tokenizer.mask_id is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--direct_num_workers=2"], "unrecognized arguments: --direct_num_workers=2 .*need --runner"),
        (["--objective", "nsp"], "invalid choice: 'nsp'"),
        (["--learn-vocabulary", "60", "--vocabulary", "x"], "not allowed with argument"),
    ],
)
def test_a_wrong_option_is_told(corpus, options, message, capsys):
    with pytest.raises(SystemExit):
        run(corpus, *options)
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", [], r"1 file\(s\) are empty"),
        (b"\n \n", [], "give no example"),
        (b"a\0b", [], r"corpus\.txt' is binary data"),
        (b"w1 \xff", ["--bad-input", "error"], "1 bytes that are no UTF-8"),
        (b"w1", ["--sequence-length", "2"], "`sequence_length` must be at least"),
    ],
)
def test_an_error_is_one_plain_sentence(corpus, content, options, message):
    corpus.write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        run(corpus, *options)
