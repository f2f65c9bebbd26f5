"""The same bytes come out of this process, of several processes and of a Beam runner."""

import builtins

import pytest
from data_records import TOKENIZER, make_records, numbered_documents, same_files, write_corpus

from keras_bert_layers.data import RecordSettings, prepare_records
from keras_bert_layers.text import MaskedLMMasker

# Copies for the deduplication to find, in other chunks.
DOCUMENTS = [*numbered_documents(), *numbered_documents()[:5]]
SETTINGS = RecordSettings(sequence_length=32, chunk_bytes=1000, deduplicate=True, max_sequences=3, duplicates=2)


def records_of(folder, **runner):
    corpus = write_corpus(folder / "corpus.txt.gz", DOCUMENTS)
    prepare_records(corpus, folder / "records", TOKENIZER, SETTINGS, masker=MaskedLMMasker(TOKENIZER, seed=3), **runner)
    return folder / "records"


@pytest.mark.long
def test_two_processes_give_the_bytes_of_one(tmp_path):
    assert same_files(records_of(tmp_path / "one"), records_of(tmp_path / "two", workers=2))


@pytest.mark.long
@pytest.mark.parametrize("flags", [[], ["--runner=DirectRunner", "--direct_num_workers=2"]])
def test_beam_gives_the_bytes_of_one_process(tmp_path, flags):
    pytest.importorskip("apache_beam")
    assert same_files(records_of(tmp_path / "one"), records_of(tmp_path / "beam", beam_flags=flags))


@pytest.mark.long
def test_an_error_in_a_worker_process_is_the_error_of_the_preparation(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"w1 w2\n\n" * 40 + b"\xff\n" + b"w1 w2\n\n" * 40)
    settings = RecordSettings(sequence_length=32, chunk_bytes=100, bad_input="error")
    with pytest.raises(ValueError, match=r"a\.txt' holds 1 bytes that are no UTF-8"):
        prepare_records(tmp_path / "a.txt", tmp_path / "records", TOKENIZER, settings, workers=2)


def test_workers_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match=r"`workers` must be positive\. Received: 0"):
        records_of(tmp_path, workers=0)


def test_without_beam_the_extra_is_named(tmp_path, monkeypatch):
    installed = builtins.__import__

    def without_beam(name, *arguments, **keywords):
        if name.split(".")[0] == "apache_beam":
            raise ImportError(name)
        return installed(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_beam)
    with pytest.raises(ImportError, match=r"pip install 'keras_bert_layers\[beam\]'"):
        records_of(tmp_path, beam_flags=[])


def test_progress_reaches_the_end_of_every_phase(tmp_path):
    seen = []
    corpus = write_corpus(tmp_path / "corpus.txt", DOCUMENTS)
    prepare_records(corpus, tmp_path / "records", TOKENIZER, SETTINGS, progress=seen.append)
    assert list(dict.fromkeys(p.phase for p in seen)) == ["planning", "comparing documents", "writing"]
    for phase in ("comparing documents", "writing"):
        done = [p.done_bytes for p in seen if p.phase == phase]
        assert done == sorted(done)
        assert done[0] == 0
        assert done[-1] == corpus.stat().st_size
    assert seen[-1].documents == len(numbered_documents())


def test_a_folder_of_records_is_made_with_the_folders_above_it(tmp_path):
    assert make_records(tmp_path, name="a/b/records").joinpath("metadata.json").is_file()
