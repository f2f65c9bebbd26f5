"""A made-up corpus for the tests of records: every token of it has an id of its own, so that an id tells its place."""

import gzip
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_bert_layers.data import RecordSettings, prepare_records, read_metadata
from keras_bert_layers.data.records.schema import parse_examples
from keras_bert_layers.text import BertTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = BertTokenizer([*SPECIAL, *(f"w{number}" for number in range(3000))])


def numbered_documents(num_documents=40, longest_document=8, longest_sentence=12, seed=0) -> list[list[str]]:
    """Documents of sentences of the words w0, w1, …, each once."""
    rng, word, documents = np.random.default_rng(seed), 0, []
    for _ in range(num_documents):
        documents.append([])
        for length in rng.integers(1, longest_sentence + 1, size=rng.integers(2, longest_document + 1)):
            documents[-1].append(" ".join(f"w{word + i}" for i in range(length)))
            word += length
    return documents


def token_lists(documents) -> list[list[list[int]]]:
    """The ids of each sentence: word number plus the special tokens before it."""
    return [[[int(w[1:]) + len(SPECIAL) for w in sentence.split()] for sentence in doc] for doc in documents]


def write_corpus(path: Path, documents) -> Path:
    """In the layout "sentences": one a line, a blank line between documents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join("\n".join(document) for document in documents) + "\n"
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def make_records(folder: Path, documents=None, name="records", masker=None, tokenizer=TOKENIZER, **settings) -> Path:
    """A folder of records, of several shards unless `chunk_bytes` says otherwise."""
    corpus = write_corpus(folder / "corpus.txt", documents or numbered_documents())
    settings = RecordSettings(**{"sequence_length": 32, "chunk_bytes": 1000, **settings})
    prepare_records(corpus, folder / name, tokenizer, settings, masker=masker)
    return folder / name


def read_examples(folder: Path) -> list[list[dict[str, list[int]]]]:
    """Shard by shard the examples, read with plain tf.data."""
    metadata = read_metadata(folder)
    compression = "GZIP" if metadata.settings.compression else ""
    shards = []
    for shard in metadata.shards:
        serialized = list(tf.data.TFRecordDataset(str(folder / shard.file), compression).as_numpy_iterator())
        columns = parse_examples(tf.constant(serialized, tf.string, [len(serialized)]), metadata.fields)
        columns = {name: rows.to_list() for name, rows in columns.items()}
        shards.append([dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)])
    return shards


def sequences_of(example: dict, pairs: bool) -> list[list[list[int]]]:
    """The segments of each sequence of an example."""
    tokens, segments = iter(example["token_ids"]), []
    for length in example["segment_lengths"]:
        segments.append([next(tokens) for _ in range(length)])
    return [segments[i : i + 1 + pairs] for i in range(0, len(segments), 1 + pairs)]


def same_files(one: Path, other: Path) -> bool:
    """Whether two folders hold the same names with the same bytes."""
    contents = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in (one, other)]
    return contents[0] == contents[1]


def edit_metadata(folder: Path, **changes) -> None:
    path = folder / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
