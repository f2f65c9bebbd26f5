"""How many rows `pack_rows` makes, from the lengths' counts alone."""

from collections.abc import Sequence


def packed_row_count(length_counts: Sequence[int], sequence_length: int, max_sequences: int) -> int:
    """The number of rows that best-fit decreasing makes, without packing: equal lengths are placed all at once.

    Args:
        length_counts: how many sequences have 0, 1, 2, … positions. None has 0.
        sequence_length: int > 0. Positions of a row.
        max_sequences: int > 0. The most sequences in a row.

    Returns:
        int, the length of `pack_rows(lengths, sequence_length, max_sequences)` for any sequences with these lengths.

    Example:
        >>> from keras_bert_layers.data.packing import pack_rows
        >>> packed_row_count([0, 0, 2, 1, 1, 1], 8, 3), len(pack_rows([5, 3, 4, 2, 2], 8, 3))
        (2, 2)
    """
    # Of the open rows with s free positions: [how many, how many sequences each holds], as a stack, the last one first.
    open_rows, num_rows = [[] for _ in range(sequence_length + 1)], 0
    for length in range(len(length_counts) - 1, 0, -1):
        waiting = length_counts[length]
        while waiting:
            space = next((s for s in range(length, sequence_length + 1) if open_rows[s]), None)
            if space is None:
                space, count, held = sequence_length, waiting, 0
            else:
                count, held = open_rows[space].pop()
            # No row has between `length` and `space` positions free, so one row after the other gets all it can hold.
            each = min(space // length, max_sequences - held)
            rows, added = (min(count, waiting // each), each) if waiting >= each else (1, waiting)
            if not held:
                num_rows += rows
            elif count > rows:
                open_rows[space].append((count - rows, held))
            waiting -= rows * added
            rest = space - added * length
            if rest and held + added < max_sequences:
                open_rows[rest].append((rows, held + added))
    return num_rows
