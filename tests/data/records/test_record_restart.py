"""A preparation that was stopped goes on, and ends with the bytes of one that was not; nothing half-written counts."""

import errno
import os
import subprocess
import sys
import time

import data_records
import pytest
from data_records import TOKENIZER, edit_metadata, make_records, numbered_documents, same_files

from keras_bert_layers.data import RecordSettings, prepare_records, read_metadata
from keras_bert_layers.data.records.record_writer import RecordWriter
from keras_bert_layers.data.records.schema import SCHEMA_VERSION
from keras_bert_layers.text import BertTokenizer

DOCUMENTS = numbered_documents()
SETTINGS = {"deduplicate": True}


class Stopped(Exception):
    pass


@pytest.fixture
def written(monkeypatch):
    """The chunks whose shards are made, one after the other; `written.stop_at` stops before one."""

    class Written(list):
        stop_at = None

    numbers, make = Written(), RecordWriter._tokenize

    def note(self, chunk, report):
        if chunk.number == numbers.stop_at:
            raise Stopped
        numbers.append(chunk.number)
        return make(self, chunk, report)

    monkeypatch.setattr(RecordWriter, "_tokenize", note)
    return numbers


def stop_and_go_on(folder, written, between=lambda records: None, **changes):
    """Stops at the third chunk, does something, and runs again; returns the folder of records."""
    written.stop_at = 2
    with pytest.raises(Stopped):
        make_records(folder, DOCUMENTS, **SETTINGS)
    with pytest.raises(FileNotFoundError, match=r"was not finished: run it again"):
        read_metadata(folder / "records")
    between(folder / "records")
    written.clear()
    written.stop_at = None
    return make_records(folder, **{"documents": DOCUMENTS, **SETTINGS, **changes})


def shard(records, number):
    return next(records.glob(f"shard-{number:05d}-of-*"))


def test_finished_shards_are_kept_and_the_result_is_the_same(tmp_path, written):
    clean = make_records(tmp_path / "clean", DOCUMENTS, **SETTINGS)
    records = stop_and_go_on(tmp_path, written)
    assert written == list(range(2, len(read_metadata(records).shards)))
    assert same_files(records, clean)


DAMAGES = {
    "truncated": lambda records: os.truncate(shard(records, 1), 100),
    "emptied": lambda records: os.truncate(shard(records, 1), 0),
    "flipped": lambda records: shard(records, 1).write_bytes(shard(records, 1).read_bytes()[:-1] + b"?"),
    "removed": lambda records: shard(records, 1).unlink(),
    "without report": lambda records: (records / "unfinished/shard-00001.json").unlink(),
    "swapped": lambda records: shard(records, 1).write_bytes(shard(records, 0).read_bytes()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_shard_that_is_not_whole_is_made_again(tmp_path, written, damage):
    clean = make_records(tmp_path / "clean", DOCUMENTS, **SETTINGS)
    records = stop_and_go_on(tmp_path, written, damage)
    assert written == list(range(1, len(read_metadata(records).shards)))
    assert same_files(records, clean)


def test_what_a_killed_process_left_half_written_goes_away(tmp_path, written):
    def leave_a_part(records):
        (records / f"{shard(records, 0).name}.123.tmp").write_bytes(b"half")

    records = stop_and_go_on(tmp_path, written, leave_a_part)
    assert not list(records.glob("*.tmp"))


CHANGES = {
    "seed": {"seed": 1},
    "length": {"sequence_length": 64},
    "corpus": {"documents": [*DOCUMENTS[:-1], ["w1 w2"]]},
    "vocabulary": {"tokenizer": BertTokenizer([*TOKENIZER.vocabulary, "new"])},
    "chunks": {"chunk_bytes": 1500},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_shards_of_other_settings_or_another_corpus_are_made_again(tmp_path, written, change):
    clean = make_records(tmp_path / "clean", **{"documents": DOCUMENTS, **SETTINGS, **change})
    records = stop_and_go_on(tmp_path, written, **change)
    assert written[0] == 0
    assert same_files(records, clean)


def test_finished_records_are_returned_without_work(tmp_path, written):
    records = make_records(tmp_path, DOCUMENTS)
    written.clear()
    assert make_records(tmp_path, DOCUMENTS) == records
    assert written == []


def test_other_records_are_replaced_only_when_asked(tmp_path):
    records = make_records(tmp_path, DOCUMENTS)
    before = {file.name: file.read_bytes() for file in records.iterdir()}
    with pytest.raises(ValueError, match=r"holds other records already: they differ in settings\."):
        make_records(tmp_path, DOCUMENTS, seed=1)
    assert {file.name: file.read_bytes() for file in records.iterdir()} == before
    settings = RecordSettings(sequence_length=32, chunk_bytes=1000, seed=1)
    prepare_records(tmp_path / "corpus.txt", records, TOKENIZER, settings, overwrite=True)
    assert same_files(records, make_records(tmp_path / "clean", DOCUMENTS, seed=1))


def test_records_of_another_schema_are_replaced_only_when_asked(tmp_path):
    records = make_records(tmp_path, DOCUMENTS)
    edit_metadata(records, schema_version=0)
    with pytest.raises(ValueError, match="schema version 0"):
        make_records(tmp_path, DOCUMENTS)
    settings = RecordSettings(sequence_length=32, chunk_bytes=1000)
    prepare_records(tmp_path / "corpus.txt", records, TOKENIZER, settings, overwrite=True)
    assert read_metadata(records).schema_version == SCHEMA_VERSION


def test_finished_records_with_a_damaged_shard_are_not_taken_for_whole(tmp_path):
    records = make_records(tmp_path, DOCUMENTS)
    os.truncate(shard(records, 1), 100)
    with pytest.raises(ValueError, match=r"shard-00001-of-\d+\.tfrecord' is damaged: it has 100 bytes"):
        make_records(tmp_path, DOCUMENTS)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full")
@pytest.mark.parametrize("file", ["{shard}", "unfinished/shard-00001.json", "metadata.json"])
def test_a_full_disk_is_told_and_loses_nothing(tmp_path, monkeypatch, file):
    clean = make_records(tmp_path / "clean", DOCUMENTS)
    full = tmp_path / "records" / f"{file.format(shard=shard(clean, 1).name)}.{os.getpid()}.tmp"
    start = prepare_records.__globals__["_start"]

    def start_with_a_full_file(directory, fingerprint):
        start(directory, fingerprint)
        full.symlink_to("/dev/full")

    monkeypatch.setitem(prepare_records.__globals__, "_start", start_with_a_full_file)
    with pytest.raises(OSError, match=r"No space is left to write .*make room and run the same again") as error:
        make_records(tmp_path, DOCUMENTS)
    assert error.value.errno == errno.ENOSPC
    assert not full.is_symlink()
    with pytest.raises(FileNotFoundError, match="was not finished"):
        read_metadata(tmp_path / "records")
    monkeypatch.undo()
    assert same_files(make_records(tmp_path, DOCUMENTS), clean)


@pytest.mark.long
def test_a_killed_process_is_continued_by_the_next(tmp_path):
    corpus = data_records.write_corpus(tmp_path / "corpus.txt", numbered_documents() * 100)
    TOKENIZER.save(tmp_path / "vocab.txt")
    code = (
        "from keras_bert_layers.data import RecordSettings, prepare_records; "
        "from keras_bert_layers.text import BertTokenizer; import sys; "
        "prepare_records(sys.argv[1], sys.argv[2], BertTokenizer(sys.argv[3]), "
        "RecordSettings(sequence_length=32, chunk_bytes=5000))"
    )
    arguments = [corpus, tmp_path / "records", tmp_path / "vocab.txt"]
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stderr=subprocess.DEVNULL)
    deadline = time.time() + 120
    while len(list((tmp_path / "records").glob("shard-*.tfrecord"))) < 3 and time.time() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    made = set((tmp_path / "records").glob("shard-*.tfrecord"))
    with pytest.raises(FileNotFoundError, match="was not finished"):
        read_metadata(tmp_path / "records")
    kept = {file: file.stat().st_mtime_ns for file in made}
    settings = RecordSettings(sequence_length=32, chunk_bytes=5000)
    for name in ("records", "clean"):
        prepare_records(corpus, tmp_path / name, TOKENIZER, settings)
    assert same_files(tmp_path / "records", tmp_path / "clean")
    assert sum(file.stat().st_mtime_ns == changed for file, changed in kept.items()) >= 2
