"""Shards to train on, and shards held out."""

import os

from keras_bert_layers.data.records.record_metadata import read_metadata


def split_shards(directory: str | os.PathLike, held_out: float = 0.05) -> tuple[list[int], list[int]]:
    """Divides the shards of a folder of records in two, for training and for evaluation.

    No document is in both. The held-out shards are spread evenly over the corpus.

    Args:
        directory: the folder that `prepare_records` wrote.
        held_out: float in (0, 1). The share of the shards to hold out, at least one of them. Defaults to 0.05.

    Returns:
        Two lists of numbers for the `shards` of `record_dataset`: those to train on, and those held out.

    Raises:
        FileNotFoundError: if there are no records.
        ValueError: if there is one shard only, or the share is out of range.

    Example:
        >>> import pathlib, tempfile
        >>> from keras_bert_layers.data import RecordSettings, prepare_records
        >>> from keras_bert_layers.text import BertTokenizer
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rains"])
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = folder.joinpath("corpus.txt").write_text("it rains\\n\\n" * 6)
        >>> settings = RecordSettings(sequence_length=8, objective="none", chunk_bytes=15)
        >>> _ = prepare_records(folder / "corpus.txt", folder, tokenizer, settings)
        >>> split_shards(folder)
        ([0, 2], [1])
    """
    if not 0 < held_out < 1:
        raise ValueError(f"`held_out` must lie between 0 and 1. Received: {held_out}.")
    shards = read_metadata(directory).shards
    filled = [number for number, shard in enumerate(shards) if shard.examples]
    if len(filled) < 2:
        raise ValueError(
            f"'{os.fspath(directory)}' has one shard with examples, and so none to hold out. Prepare the records with "
            "a smaller `chunk_bytes`, which gives more shards."
        )
    count = min(max(1, round(held_out * len(filled))), len(filled) - 1)
    chosen = {filled[int((i + 0.5) * len(filled) / count)] for i in range(count)}
    return [number for number in filled if number not in chosen], sorted(chosen)
