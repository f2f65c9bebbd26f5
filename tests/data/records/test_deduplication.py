"""Of equal documents the first is kept, wherever in the corpus they stand."""

import numpy as np
import pytest

from keras_bert_layers.data.records import deduplication
from keras_bert_layers.data.records.deduplication import document_hash, find_duplicates


def repeats_by_hand(chunks):
    seen, repeats = set(), []
    for texts in chunks:
        repeats.append([text in seen or seen.add(text) is not None for text in texts])
    return repeats


@pytest.mark.parametrize("documents_per_bucket", [3, 1000])
@pytest.mark.parametrize("different", [1, 10, 200])
def test_every_repetition_is_found_and_nothing_else(tmp_path, monkeypatch, documents_per_bucket, different):
    monkeypatch.setattr(deduplication, "_DOCUMENTS_PER_BUCKET", documents_per_bucket)
    rng = np.random.default_rng(0)
    chunks = [[f"text {n}" for n in rng.integers(different, size=size)] for size in (30, 0, 1, 69)]
    files = []
    for number, texts in enumerate(chunks):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(b"".join(map(document_hash, texts)))
    found = find_duplicates([str(file) for file in files], str(tmp_path))
    assert [flags.tolist() for flags in found] == repeats_by_hand(chunks)
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_white_space_makes_no_difference_and_anything_else_does():
    assert document_hash(" It\nrains. ") == document_hash("It rains.")
    assert len({document_hash(text) for text in ("It rains.", "it rains.", "Itrains.", "It rains")}) == 4
