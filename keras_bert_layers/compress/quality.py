"""The guard of everything that makes a model cheaper: how much worse it may become."""

from collections.abc import Mapping


def check_quality(
    before: float | Mapping[str, float],
    after: float | Mapping[str, float],
    max_drop: float | Mapping[str, float],
    higher_is_better: bool = True,
) -> dict[str, float]:
    """Prints how far scores fell, and refuses a fall that is larger than allowed.

    Args:
        before: the score of the model that is there; several by name.
        after: the scores of the cheaper one, of the same names. Names in only one of the two are left out.
        max_drop: >= 0. The largest fall that is allowed, in the units of the score; for several, one for all or one for
            each name that is checked.
        higher_is_better: bool. False for losses and errors, where `max_drop` is the largest rise. Defaults to `True`.

    Returns:
        after - before for each name (`"score"` where numbers were given).

    Raises:
        ValueError: if a score fell further, or is not a number any more, with the figures; if no score has both.

    Example:
        >>> changes = check_quality({"accuracy": 0.893}, {"accuracy": 0.881}, max_drop=0.02)
        accuracy 0.8930 -> 0.8810 (-0.0120, allowed -0.0200)
        >>> check_quality(0.89, 0.85, max_drop=0.02)
        Traceback (most recent call last):
        ValueError: Worse than `max_drop` allows: score 0.8900 -> 0.8500 (-0.0400, allowed -0.0200).
        Train it longer, make it less small, or allow a larger drop.
    """
    before, after = (dict(scores) if isinstance(scores, Mapping) else {"score": scores} for scores in (before, after))
    names = [name for name in before if name in after and _limit(max_drop, name) is not None]
    if not names:
        raise ValueError(
            f"No score is in both `before` ({', '.join(before)}) and `after` ({', '.join(after)})"
            + (f" and in `max_drop` ({', '.join(max_drop)})." if isinstance(max_drop, Mapping) else ".")
        )
    sign = 1 if higher_is_better else -1
    worse, changes = [], {}
    for name in names:
        limit, changes[name] = _limit(max_drop, name), float(after[name] - before[name])
        line = f"{name} {before[name]:.4f} -> {after[name]:.4f} ({changes[name]:+.4f}, allowed {-sign * limit:+.4f})"
        # A NaN is not within any limit.
        if sign * changes[name] >= -limit - 1e-9:
            print(line)
        else:
            worse.append(line)
    if worse:
        raise ValueError(
            f"Worse than `max_drop` allows: {'; '.join(worse)}.\nTrain it longer, make it less "
            "small, or allow a larger drop."
        )
    return changes


def _limit(max_drop, name):
    limit = max_drop.get(name) if isinstance(max_drop, Mapping) else max_drop
    if limit is not None and not limit >= 0:
        raise ValueError(f"`max_drop` is how far a score may fall and must be 0 or positive. Received: {limit!r}.")
    return limit
