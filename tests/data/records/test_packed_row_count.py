"""The counted rows are as many as packing makes."""

import numpy as np
import pytest

from keras_bert_layers.data.packing import pack_rows
from keras_bert_layers.data.records.packed_row_count import packed_row_count

DRAWS = {
    "short": lambda rng, size, longest: rng.integers(1, longest // 4 + 1, size),
    "any": lambda rng, size, longest: rng.integers(1, longest + 1, size),
    "long": lambda rng, size, longest: rng.integers(longest // 2, longest + 1, size),
    "two lengths": lambda rng, size, longest: rng.choice([longest // 3, longest // 5], size),
    "mostly full": lambda rng, size, longest: np.minimum(rng.integers(1, longest * 4, size), longest),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("sequence_length", [10, 64, 512])
@pytest.mark.parametrize("max_sequences", [1, 2, 3, 8, 1000])
def test_the_count_is_that_of_packing(draw, sequence_length, max_sequences):
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 100, 1000):
        lengths = draw(rng, size, sequence_length)
        counts = np.bincount(lengths, minlength=sequence_length + 1).tolist()
        expected = len(pack_rows(lengths, sequence_length, max_sequences))
        assert packed_row_count(counts, sequence_length, max_sequences) == expected
