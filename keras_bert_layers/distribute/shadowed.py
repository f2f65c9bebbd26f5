"""Giving objects other attributes for a time, and taking them back: what no class and no module notices."""

import contextlib
from collections.abc import Iterable, Iterator

_ABSENT = object()


@contextlib.contextmanager
def shadowed(attributes: Iterable[tuple[object, str, object]]) -> Iterator[None]:
    """Within it, each object has its attribute of that name; after it, what it had before.

    Enter it outside `strategy.run`: the replicas of a MirroredStrategy are threads that take turns in the middle of it.
    """
    before = []
    try:
        for target, name, value in attributes:
            # Past __setattr__, which in Keras follows what it is given.
            before.append((vars(target), name, vars(target).get(name, _ABSENT)))
            vars(target)[name] = value
        yield
    finally:
        for namespace, name, value in reversed(before):
            if value is _ABSENT:
                del namespace[name]
            else:
                namespace[name] = value
