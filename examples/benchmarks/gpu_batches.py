"""The batches that all sides of the measurements on a GPU read: made once from a text, with a vocabulary learned of it.

Keys of the file: `dense-128/token_ids` and so on, `packed/...`, `padded/...`, `sentences/ids` (all tokens, one after
another) and `sentences/lengths`.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The batches are made on the CPU: the GPU's memory is left to what is measured.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    from gpu_options import PREDICTIONS, VOCABULARY_SIZE
    from installed_prose import read_installed_prose

    import keras_bert_layers as kbl

MASKED, SEQUENCES_A_ROW = 0.15, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--texts", type=Path, help="text file; default: the prose of installed libraries")
    parser.add_argument("--batches", type=Path, required=True, help="file to write")
    parser.add_argument("--rows", type=int, default=256, help="of every kind that are kept")
    parser.add_argument("--sentences", type=int, default=4096)
    parser.add_argument("--vocabulary-size", type=int, default=VOCABULARY_SIZE)
    options = parser.parse_args()
    documents = paragraphs(options.texts)
    words = kbl.text.learn_vocabulary(
        (sentence for document in documents for sentence in document), min(options.vocabulary_size, 16000)
    )
    tokenizer = kbl.text.BertTokenizer(words)
    arrays = {}
    for length, predictions in PREDICTIONS.items():
        arrays |= dense(documents, tokenizer, length, predictions, options.rows)
    for name, sequences in (("padded", 1), ("packed", SEQUENCES_A_ROW)):
        arrays |= masked_rows(name, documents, tokenizer, sequences, options.rows)
    arrays |= sentences(documents, tokenizer, options.sentences)
    np.savez(options.batches, **arrays)


def paragraphs(path: Path | None) -> list[list[str]]:
    """Documents of sentences: the paragraphs of a file or of installed libraries."""
    if path is not None:
        return kbl.data.read_documents(path, layout="paragraphs")
    texts = [text for prose in read_installed_prose() for text in prose.text.split("\n\n")]
    return [kbl.data.split_sentences(text) for text in texts]


def dense(documents, tokenizer, length, predictions, rows) -> dict[str, np.ndarray]:
    """Rows without padding: the text goes on from row to row. So many positions of each are masked."""
    flat = np.concatenate(list(tokens_of(documents, tokenizer, rows * length)))
    body = np.resize(flat, (rows, length - 2))
    ids = np.pad(body, [(0, 0), (1, 1)])
    ids[:, 0], ids[:, -1] = tokenizer.cls_id, tokenizer.sep_id
    rng = np.random.default_rng(length)
    places = np.sort(rng.permuted(np.tile(np.arange(1, length - 1), (rows, 1)), axis=1)[:, :predictions], axis=1)
    labels = np.take_along_axis(ids, places, axis=1)
    np.put_along_axis(ids, places, tokenizer.mask_id, axis=1)
    features = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1, "mask_positions": places}
    features |= {"labels": labels, "weights": np.ones(labels.shape)}
    return {f"dense-{length}/{name}": numbers(value) for name, value in features.items()}


def masked_rows(name, documents, tokenizer, sequences, rows, length=512) -> dict[str, np.ndarray]:
    """Paragraphs, one in a row or several, with masks of their own."""
    masker = kbl.text.MaskedLMMasker(tokenizer, max_predictions=int(np.ceil(MASKED * length)))
    batches = kbl.data.masked_lm_dataset(
        documents, tokenizer, masker, length, 1, max_sequences=sequences, short_sequence_probability=0.0
    )
    parts = {}
    for x, labels, weights in batches.take(rows).as_numpy_iterator():
        for key, value in {**x, "labels": labels, "weights": weights}.items():
            parts.setdefault(f"{name}/{key}", []).append(value)
    return {key: numbers(np.concatenate(values)) for key, values in parts.items()}


def sentences(documents, tokenizer, number) -> dict[str, np.ndarray]:
    """Single sentences of at most 254 tokens, with [CLS] and [SEP]."""
    order = np.random.default_rng(0).permutation(len(documents))
    drawn = [documents[place][0] for place in np.resize(order, number)]
    ids = [
        np.concatenate([[tokenizer.cls_id], row[:254], [tokenizer.sep_id]])
        for begin in range(0, number, 512)
        for row in map(np.asarray, tokenizer.tokenize(drawn[begin : begin + 512]).to_list())
    ]
    lengths = np.array([len(row) for row in ids])
    return {"sentences/ids": numbers(np.concatenate(ids)), "sentences/lengths": numbers(lengths)}


def tokens_of(documents, tokenizer, enough) -> Iterator[np.ndarray]:
    """The tokens of documents, until there are enough."""
    found = 0
    for begin in range(0, len(documents), 256):
        ids = tokenizer.tokenize(
            [" ".join(document) for document in documents[begin : begin + 256]]
        ).flat_values.numpy()
        yield ids
        found += len(ids)
        if found >= enough:
            return


def numbers(array) -> np.ndarray:
    return np.asarray(array, "float32" if np.asarray(array).dtype.kind == "f" else "int32")


if __name__ == "__main__":
    main()
