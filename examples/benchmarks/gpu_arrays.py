"""What every side of the measurements on a GPU trains on and predicts, as arrays."""

from pathlib import Path

import numpy as np

FEATURES = ("token_ids", "segment_ids", "padding_mask", "mask_positions")
PACKED = ("position_ids", "pack_ids", "sequence_starts")


def rows(path: Path, kind: str, number: int) -> dict[str, np.ndarray]:
    """So many rows of `dense-128`, `dense-512`, `padded` or `packed` by the names of their features."""
    with np.load(path) as arrays:
        found = {name.split("/")[1]: arrays[name] for name in arrays.files if name.startswith(f"{kind}/")}
    return {name: value[np.resize(np.arange(len(value)), number)] for name, value in found.items()}


def lengths_of(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The number of tokens of every sequence, also of several in a row."""
    if "pack_ids" not in arrays:
        return arrays["padding_mask"].sum(axis=1)
    packs = arrays["pack_ids"]
    counts = [np.bincount(row[row > 0]) for row in packs]
    return np.concatenate([count[count > 0] for count in counts])


def sentence_batches(path: Path, bounds: list[int], tokens: int) -> list[dict[str, np.ndarray]]:
    """Sentences in batches of `token_ids`, `padding_mask` and `labels`, each padded to one of the bounds, all full.

    Batches of longer rows have fewer: about `tokens` positions. What fills no batch is left out.
    """
    with np.load(path) as arrays:
        ids, lengths = arrays["sentences/ids"], arrays["sentences/lengths"]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    bound_of, batches = np.searchsorted(sorted(bounds), lengths), []
    for number, bound in enumerate(sorted(bounds)):
        size, found = max(1, tokens // bound), np.flatnonzero(bound_of == number)
        for begin in range(0, len(found) - size + 1, size):
            chosen = found[begin : begin + size]
            mask = np.arange(bound) < lengths[chosen, None]
            places = np.minimum(starts[chosen, None] + np.arange(bound), len(ids) - 1)
            batches.append({"token_ids": np.where(mask, ids[places], 0), "padding_mask": mask.astype("int32")})
            batches[-1]["labels"] = (chosen % 2).astype("int32")
    if not batches:
        raise ValueError(f"No {bounds} has as many sentences as a batch of {tokens} positions: lower --tokens.")
    return batches


def features_of(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a model of one segment takes of a batch of sentences."""
    return {
        "token_ids": batch["token_ids"],
        "segment_ids": 0 * batch["token_ids"],
        "padding_mask": batch["padding_mask"],
    }


def size_of(batches: list[dict[str, np.ndarray]]) -> tuple[int, int]:
    """The rows and the real tokens of all batches of sentences."""
    masks = [batch["padding_mask"] for batch in batches]
    return sum(map(len, masks)), sum(int(mask.sum()) for mask in masks)
