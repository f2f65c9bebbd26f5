"""A corpus of any size -> records for pretraining."""

import functools
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.corpus_files import corpus_files
from keras_bert_layers.data.records.beam import run_tasks_on_beam
from keras_bert_layers.data.records.chunk_tasks import run_tasks
from keras_bert_layers.data.records.chunks import describe_files, plan_chunks, total_bytes
from keras_bert_layers.data.records.deduplication import find_duplicates
from keras_bert_layers.data.records.preparation import UNFINISHED, Preparation, ShardReport
from keras_bert_layers.data.records.record_metadata import (
    COUNTS,
    METADATA_FILE,
    VOCABULARY_FILE,
    RecordMetadata,
    Shard,
    listing,
    masker_settings,
    read_metadata,
    tokenizer_settings,
    vocabulary_sha256,
)
from keras_bert_layers.data.records.record_settings import RecordSettings
from keras_bert_layers.data.records.record_shards import check_sizes
from keras_bert_layers.data.records.schema import SCHEMA_VERSION, fields_of
from keras_bert_layers.data.records.whole_files import write_whole
from keras_bert_layers.text import BertTokenizer

_SHARD_FILE = re.compile(r"shard-\d+-of-\d+\.tfrecord")


@dataclass(frozen=True)
class Progress:
    """How far a preparation is: of `phase`, `done_bytes` of the `total_bytes` of text, and the documents in them."""

    phase: str
    done_bytes: int
    total_bytes: int
    documents: int


def prepare_records(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    directory: str | os.PathLike,
    tokenizer: BertTokenizer,
    settings: RecordSettings,
    masker: Callable | None = None,
    workers: int = 1,
    beam_flags: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> RecordMetadata:
    """Writes a corpus as records for `record_dataset`.

    The corpus is cut into chunks of whole documents (`plan_chunks`), and each chunk becomes one TFRecord file of its
    own; a random next sentence is drawn from the same chunk. So memory does not grow with the corpus, and the files
    are the same, byte for byte, whatever runs the work: this process, several, or a Beam runner.

    A run that was stopped goes on where it was: shards that are whole and of the same settings, tokenizer and corpus
    are kept. `metadata.json` is written last, and only what it lists counts. Records that are there already are
    returned as they are.

    Args:
        paths: text files, or folders of them, as in `read_documents`.
        directory: where to write; a folder of its own. Gets `vocab.txt` as well.
        tokenizer: a `BertTokenizer` whose vocabulary has `[MASK]`.
        settings: what the records hold.
        masker: a `kbl.text.MaskedLMMasker` to store masks that stay the same in every epoch. Defaults to None: tokens
            are masked when the records are read, anew in each epoch.
        workers: int > 0. Processes to use. Defaults to 1. A program that asks for more needs the guard
            `if __name__ == "__main__":`.
        beam_flags: runs on Apache Beam instead, with these pipeline options (`["--runner=DirectRunner"]`).
        overwrite: bool. Whether other records in `directory` may be replaced. Defaults to False.
        progress: called with a `Progress` after each chunk.

    Returns:
        The `RecordMetadata`.

    Raises:
        FileNotFoundError, ValueError: if the corpus cannot be read or holds no text; if `directory` holds other
            records, or lies in a folder of the corpus; if the vocabulary has no `[MASK]`.
        OSError: if the disk is full.

    Example:
        >>> import pathlib, tempfile
        >>> from keras_bert_layers.text import BertTokenizer
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rains", "again"])
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = folder.joinpath("corpus.txt").write_text("it rains\\nit rains again\\n\\nagain it rains\\nit rains\\n")
        >>> settings = RecordSettings(sequence_length=16)
        >>> metadata = prepare_records(folder / "corpus.txt", folder / "records", tokenizer, settings)
        >>> metadata.counts["documents"], metadata.counts["text_tokens"], [shard.file for shard in metadata.shards]
        (2, 10, ['shard-00000-of-00001.tfrecord'])
    """
    if tokenizer.mask_id is None:
        raise ValueError(
            f"The vocabulary of {tokenizer.vocabulary_size} tokens has no [MASK], which masked-LM training puts in the "
            "place of tokens. Add [MASK] to the vocabulary before any text is turned into ids."
        )
    if workers < 1:
        raise ValueError(f"`workers` must be positive. Received: {workers}.")
    directory = os.fspath(directory)
    _check_apart(paths, directory)
    files = corpus_files(paths)
    description = {
        "settings": settings,
        "fields": fields_of(settings.objective, settings.word_segmenter is not None, masker is not None),
        "vocabulary_size": tokenizer.vocabulary_size,
        "vocabulary_sha256": vocabulary_sha256(tokenizer),
        "tokenizer": tokenizer_settings(tokenizer),
        "masking": masker_settings(masker),
        "corpus": listing(files),
    }
    if not overwrite and (there := _existing(directory, description)):
        return there
    fingerprint = _fingerprint(description, files)
    _start(directory, fingerprint)
    report = progress or (lambda _: None)
    report(Progress("planning", 0, 0, 0))
    chunks = plan_chunks(files, settings.layout, settings.chunk_bytes)
    preparation = Preparation(directory, settings, tokenizer, masker, len(chunks), fingerprint)
    run = functools.partial(run_tasks, workers=workers)
    if beam_flags is not None:
        run = functools.partial(run_tasks_on_beam, flags=beam_flags)
    if settings.deduplicate:
        _deduplicate(preparation, chunks, run, report)
    reports = _collect("writing", run(preparation, "write_shard", chunks), chunks, report)
    if not any(shard.examples for shard in reports):
        raise ValueError(
            f"The {len(files)} file(s), first {files[:3]}, give no example. Check that `paths` names the corpus, and "
            f'that layout="{settings.layout}" is how it is laid out.'
        )
    metadata = _metadata(description, reports)
    tokenizer.save(os.path.join(directory, VOCABULARY_FILE))
    metadata.write(directory)
    tf.io.gfile.rmtree(os.path.join(directory, UNFINISHED))
    return metadata


def _check_apart(paths, directory: str) -> None:
    """Raises a ValueError if the records would lie in a folder of the corpus, whose text then changes with them."""

    def absolute(path):
        return os.path.join(path if "://" in path else os.path.abspath(path), "")

    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        if absolute(directory).startswith(absolute(os.fspath(path))):
            raise ValueError(
                f"The folder for the records, '{directory}', lies in a folder of the corpus, '{os.fspath(path)}'. "
                "Write them to a folder beside it."
            )


def _existing(directory: str, description: dict) -> RecordMetadata | None:
    """The finished records in the folder, if they are of this description; None if there are none."""
    if not tf.io.gfile.exists(os.path.join(directory, METADATA_FILE)):
        return None
    there = read_metadata(directory)
    other = [name for name, value in description.items() if getattr(there, name) != value]
    if other:
        raise ValueError(
            f"'{directory}' holds other records already: they differ in {', '.join(other)}. Choose another folder, or "
            "replace them with overwrite=True."
        )
    check_sizes(directory, there, range(len(there.shards)))
    return there


def _fingerprint(description: dict, files: Sequence[str]) -> str:
    everything = {
        **description,
        "settings": description["settings"].to_dict(),
        "files": describe_files(files),
        "schema_version": SCHEMA_VERSION,
    }
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()


def _start(directory: str, fingerprint: str) -> None:
    """Makes the folder ready. Of what an earlier run has left, only that of the same fingerprint is kept."""
    metadata, unfinished = os.path.join(directory, METADATA_FILE), os.path.join(directory, UNFINISHED)
    plan = os.path.join(unfinished, "plan.json")
    if tf.io.gfile.exists(metadata):
        tf.io.gfile.remove(metadata)
    goes_on = False
    if tf.io.gfile.exists(plan):
        with tf.io.gfile.GFile(plan) as file:
            goes_on = json.load(file) == {"fingerprint": fingerprint}
    if not goes_on and tf.io.gfile.exists(unfinished):
        tf.io.gfile.rmtree(unfinished)
    tf.io.gfile.makedirs(unfinished)
    for name in tf.io.gfile.listdir(directory):
        if _SHARD_FILE.match(name) and (name.endswith(".tmp") or not goes_on):
            tf.io.gfile.remove(os.path.join(directory, name))
    if not goes_on:
        write_whole(plan, json.dumps({"fingerprint": fingerprint}).encode())


def _deduplicate(preparation, chunks, run, report) -> None:
    """Writes for each chunk which of its documents repeat an earlier one."""
    if all(tf.io.gfile.exists(preparation.duplicates_path(chunk.number)) for chunk in chunks):
        return
    _collect("comparing documents", run(preparation, "write_hashes", chunks), chunks, report)
    unfinished = os.path.join(preparation.directory, UNFINISHED)
    repeats = find_duplicates([preparation.hashes_path(chunk.number) for chunk in chunks], unfinished)
    for chunk, flags in zip(chunks, repeats, strict=True):
        write_whole(preparation.duplicates_path(chunk.number), np.packbits(flags).tobytes())


def _collect(phase, results, chunks, report) -> list[ShardReport]:
    total, done, documents, reports = total_bytes(chunks), 0, 0, []
    report(Progress(phase, 0, total, 0))
    for chunk, shard in results:
        reports.append(shard)
        done += chunk.num_bytes
        documents += shard.counts["documents"]
        report(Progress(phase, done, total, documents))
    return reports


def _metadata(description: dict, reports: Sequence[ShardReport]) -> RecordMetadata:
    sums = {name: sum((getattr(shard, name) for shard in reports), Counter()) for name in ("bad_bytes", "bad_lines")}
    counts = sum((shard.counts for shard in reports), Counter())
    counts.update(
        examples=sum(shard.examples for shard in reports),
        tokens=sum(shard.tokens for shard in reports),
        **{name: files.total() for name, files in sums.items()},
    )
    shards = tuple(
        Shard(shard.file, shard.size, shard.sha256, shard.examples, shard.tokens, tuple(shard.length_counts))
        for shard in reports
    )
    by_file = {name: dict(sorted(files.items())) for name, files in sums.items()}
    return RecordMetadata(**description, counts={name: counts[name] for name in COUNTS}, **by_file, shards=shards)
