"""Which vectors are alike, in blocks: no more than a block of the matrix of all cosines is ever held."""

import numpy as np
from scores import correlation, ranks

BLOCK = 4096


def nearest(queries: np.ndarray, vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` vectors with the largest cosine to each query, best first.

    Args:
        queries: float32 [Q, H], of length 1.
        vectors: float32 [N, H], of length 1.
        count: int > 0.

    Returns:
        Cosines float32 [Q, K] and numbers int [Q, K], K the smaller of `count` and N. Equal ones come in their order.
    """
    count = min(count, len(vectors))
    best = np.full((len(queries), count), -np.inf, "float32")
    numbers = np.zeros((len(queries), count), int)
    for row in range(0, len(queries), BLOCK):
        for column in range(0, len(vectors), BLOCK):
            cosines = queries[row : row + BLOCK] @ vectors[column : column + BLOCK].T
            # After some blocks, few queries have a better one in the next.
            better = np.flatnonzero(cosines.max(axis=1) > best[row : row + BLOCK, -1])
            places = np.broadcast_to(np.arange(column, column + cosines.shape[1]), (len(better), cosines.shape[1]))
            both = np.concatenate([best[row + better], cosines[better]], axis=1)
            places = np.concatenate([numbers[row + better], places], axis=1)
            order = np.argsort(-both, axis=1, kind="stable")[:, :count]
            best[row + better] = np.take_along_axis(both, order, axis=1)
            numbers[row + better] = np.take_along_axis(places, order, axis=1)
    return best, numbers


def most_similar_pairs(vectors: np.ndarray, count: int) -> list[tuple[float, int, int]]:
    """The pairs of different rows with the largest cosine: (cosine, smaller number, larger number), best first."""
    best = []
    for row, column in _upper_blocks(len(vectors)):
        cosines = vectors[row : row + BLOCK] @ vectors[column : column + BLOCK].T
        if row == column:
            cosines[np.tri(*cosines.shape, dtype=bool)] = -np.inf  # each pair once, and no row with itself
        flat = cosines.ravel()
        kept = np.argpartition(-flat, min(count, flat.size) - 1)[:count]
        rows, columns = np.divmod(kept, cosines.shape[1])
        found = zip(flat[kept].tolist(), (rows + row).tolist(), (columns + column).tolist(), strict=True)
        best = sorted([*best, *found], key=lambda pair: (-pair[0], *pair[1:]))[:count]
    return [pair for pair in best if np.isfinite(pair[0])]


def _upper_blocks(count):
    return [(row, column) for row in range(0, count, BLOCK) for column in range(row, count, BLOCK)]


def partner_ranks(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """int [N]: the rank of row i of `second` among all rows of `second` by their cosine to row i of `first`, from 1."""
    own = np.sum(first * second, axis=1)
    found = np.ones(len(first), int)
    for row in range(0, len(first), BLOCK):
        for column in range(0, len(second), BLOCK):
            cosines = first[row : row + BLOCK] @ second[column : column + BLOCK].T
            # A text that comes twice has the same vector but for rounding: it is no better than itself.
            found[row : row + BLOCK] += np.sum(cosines > own[row : row + BLOCK, None] + 1e-5, axis=1)
    return found


def pair_scores(first: np.ndarray, second: np.ndarray, scores: np.ndarray | None) -> dict[str, float]:
    """How good the vectors of pairs are.

    Args:
        first, second: float32 [N, H], of length 1.
        scores: float [N], how alike the texts are, or None.

    Returns:
        With scores `spearman` and `pearson`, the correlation of the cosines with them; without, how well the second
        text of a pair is found by the first, among all second ones: `mrr`, the mean of 1 / rank, and `recall_at_1`.
    """
    if scores is None:
        found = partner_ranks(first, second)
        return {"mrr": float(np.mean(1 / found)), "recall_at_1": float(np.mean(found == 1))}
    cosines = np.sum(first * second, axis=1)
    return {"spearman": correlation(ranks(cosines), ranks(scores)), "pearson": correlation(cosines, scores)}
