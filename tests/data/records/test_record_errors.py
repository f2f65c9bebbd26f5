"""Records that do not fit the reader, or are damaged, are refused with what is wrong and what to do."""

import json

import pytest
import tensorflow as tf
from data_records import TOKENIZER, edit_metadata, make_records

from keras_bert_layers.data import read_metadata, record_dataset, record_tokenizer, split_shards
from keras_bert_layers.text import BertTokenizer, MaskedLMMasker

MASKER = MaskedLMMasker(TOKENIZER, max_predictions=6)


@pytest.fixture
def records(tmp_path):
    return make_records(tmp_path)


def open_records(records, tokenizer=TOKENIZER, masker=MASKER, **arguments):
    return record_dataset(records, tokenizer, masker, **{"batch_size": 4, "epochs": 1, **arguments})


def shard(records, number=1):
    return next(records.glob(f"shard-{number:05d}-of-*"))


def test_another_vocabulary_is_refused(records):
    other = BertTokenizer([*TOKENIZER.vocabulary[:-1], "other"])
    with pytest.raises(ValueError, match=r"ids of a vocabulary of 3005 tokens .*Use the tokenizer they"):
        open_records(records, other)


def test_another_treatment_of_text_is_refused(records):
    other = BertTokenizer(TOKENIZER.vocabulary, lowercase=False)
    with pytest.raises(ValueError, match="lowercase=False, in the records True, strip_accents=False, in the records"):
        open_records(records, other)


def test_a_vocabulary_file_that_was_changed_is_told(records):
    path = records / "vocab.txt"
    path.write_text(path.read_text().replace("w7\n", "v7\n"))
    with pytest.raises(ValueError, match="ids of a vocabulary"):
        record_tokenizer(records)


@pytest.mark.parametrize("function", [read_metadata, open_records, record_tokenizer, split_shards])
def test_a_folder_without_records_is_told(tmp_path, function):
    with pytest.raises(
        FileNotFoundError, match=r"There is no '.*metadata\.json'\. Prepare them with `prepare_records`"
    ):
        function(tmp_path)


def test_another_schema_version_is_refused(records):
    edit_metadata(records, schema_version=2)
    with pytest.raises(ValueError, match=r"schema version 2, and this version of keras_bert_layers reads 1\."):
        open_records(records)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema_version": 1}', '{"format": "other", "schema_version": 1}']
)
def test_a_file_that_is_no_metadata_is_refused(records, content):
    (records / "metadata.json").write_text(content)
    with pytest.raises(ValueError, match=r"metadata\.json' does not describe records"):
        open_records(records)


def test_a_missing_shard_is_named_before_anything_is_read(records):
    shard(records).unlink()
    with pytest.raises(ValueError, match=r"shard-00001-of-\d+\.tfrecord' is damaged: it is missing\. Copy it again"):
        open_records(records)


def test_a_truncated_shard_is_named_before_anything_is_read(records):
    size = shard(records).stat().st_size
    shard(records).write_bytes(shard(records).read_bytes()[:-9])
    with pytest.raises(ValueError, match=rf"shard-00001-.* damaged: it has {size - 9} bytes, and {size} were written"):
        open_records(records)


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_a_flipped_bit_is_found_and_its_shard_named(tmp_path, compression, place):
    records = make_records(tmp_path, compression=compression)
    content = bytearray(shard(records).read_bytes())
    content[int(place * len(content))] ^= 1
    shard(records).write_bytes(bytes(content))
    with pytest.raises(tf.errors.OpError, match=r"ValueError: The shard '.*shard-00001-.*' is damaged: .*Copy it"):
        list(open_records(records))


def test_records_that_are_missing_at_the_end_of_a_shard_are_found(records):
    path, metadata = shard(records), json.loads((records / "metadata.json").read_text())
    serialized = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(path)) as file:
        for example in serialized[:-1]:
            file.write(example)
    metadata["shards"][1]["size"] = path.stat().st_size
    edit_metadata(records, shards=metadata["shards"])
    with pytest.raises(tf.errors.OpError, match=rf"it holds {len(serialized) - 1} examples with \d+ tokens, and"):
        list(open_records(records))


def test_a_shard_that_holds_something_else_is_found(records):
    path, metadata = shard(records), json.loads((records / "metadata.json").read_text())
    with tf.io.TFRecordWriter(str(path)) as file:
        file.write(tf.train.Example().SerializeToString())
    metadata["shards"][1].update(size=path.stat().st_size, examples=1, tokens=0)
    edit_metadata(records, shards=metadata["shards"])
    with pytest.raises(tf.errors.OpError, match="not of schema version 1: there are not 2 segment_lengths"):
        list(open_records(records))


def test_a_masker_is_needed_unless_masks_are_stored(tmp_path, records):
    with pytest.raises(ValueError, match=r"hold no masks: pass a masker"):
        open_records(records, masker=None)
    with pytest.raises(ValueError, match=r"hold their masks: pass masker=None"):
        open_records(make_records(tmp_path, name="masked", masker=MASKER))


def test_rows_that_are_packed_or_masked_already_are_not_packed_again(tmp_path):
    for name, arguments, masker in (("masked", {"masker": MASKER}, None), ("packed", {"max_sequences": 2}, MASKER)):
        records = make_records(tmp_path, name=name, **arguments)
        with pytest.raises(ValueError, match="cannot be packed when they are read"):
            open_records(records, masker=masker, max_sequences=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be positive.*batch_size=0"),
        ({"batch_size": 10_000}, "less than one batch of 10000. Use a smaller"),
        ({"epochs": 0}, "`epochs` must be positive.*epochs=0"),
        ({"seed": -1}, "seed=-1"),
        ({"start_epoch": -1}, "start_epoch=-1"),
        ({"start_step": -1}, "start_step=-1"),
        ({"start_step": 10_000}, "`start_step` is 10000, and the data set ends .* batches before it"),
        ({"shuffle_shards": 0}, "`shuffle_shards` and `max_sequences` must be positive. Received: 0 and 1"),
        ({"max_sequences": 0}, "Received: 4 and 0"),
        ({"share": (1, 1)}, r"`share` must be \(number, count\) with 0 ≤ number < count.*Received: \(1, 1\)"),
        ({"share": (-1, 2)}, r"Received: \(-1, 2\)"),
        ({"share": 0.5}, r"Received: 0\.5"),
        ({"shards": []}, r"`shards` must be different numbers from 0 to \d+, at least one. Received: \[\]"),
        ({"shards": [0, 0]}, "must be different numbers"),
        ({"shards": [99]}, "must be different numbers"),
        ({"padding": "none"}, "`padding` must be one of"),
    ],
)
def test_arguments_out_of_range_are_refused(records, arguments, message):
    with pytest.raises(ValueError, match=message):
        open_records(records, **arguments)


@pytest.mark.parametrize("held_out", [0, 1, -0.5])
def test_a_share_out_of_range_is_refused(records, held_out):
    with pytest.raises(ValueError, match="`held_out` must lie between 0 and 1"):
        split_shards(records, held_out)
