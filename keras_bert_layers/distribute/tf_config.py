"""The cluster that the variable TF_CONFIG describes, checked."""

import json

_EXAMPLE = '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, "task": {"type": "worker", "index": 0}}'
_JOBS = ("chief", "worker")


def from_tf_config(text: str) -> tuple[int, tuple[str, ...]] | None:
    """The index of this process and the addresses of all; `None` if the text describes no cluster (`{}`).

    Args:
        text: JSON, such as `{"cluster": {"worker": ["host-a:2222", "host-b:2222"]},
            "task": {"type": "worker", "index": 0}}`. In place of the first worker there may be one `chief`.

    Raises:
        ValueError: for everything that TensorFlow would misread, wait for, or refuse less clearly.

    Example:
        >>> from_tf_config('{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}')
        (1, ('a:2222', 'b:2222'))
    """
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _wrong(f"is no JSON ({error})", text) from None
    if not isinstance(config, dict):
        raise _wrong("must be an object of JSON", text)
    if not config.get("cluster"):
        if config.get("task"):
            raise _wrong("says which task this is, but not the cluster: the addresses of all workers", text)
        return None
    cluster = _checked_cluster(config["cluster"], text)
    return _index(config.get("task"), cluster, text), (*cluster.get("chief", ()), *cluster.get("worker", ()))


def _checked_cluster(cluster: object, text: str) -> dict[str, list[str]]:
    if not isinstance(cluster, dict):
        raise _wrong('must give the addresses of the cluster by job, {"worker": [...]}', text)
    other = sorted(set(cluster) - set(_JOBS))
    if other:
        raise _wrong(
            f"names the job {other[0]!r}, which takes no part in synchronous training. Put every process that trains "
            f'under "worker", and leave the others out',
            text,
        )
    addresses = []
    for job, listed in cluster.items():
        if not isinstance(listed, list) or not all(isinstance(address, str) for address in listed):
            raise _wrong(f"must list the addresses of {job!r} as strings", text)
        addresses += listed
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise _wrong(f"gives the address {address!r}, which is not host:port with a port of 1 to 65535", text)
    twice = sorted({address for address in addresses if addresses.count(address) > 1})
    if twice:
        raise _wrong(f"lists {twice[0]} more than once; every process needs an address of its own", text)
    if len(cluster.get("chief", ())) > 1:
        raise _wrong(f"lists {len(cluster['chief'])} chiefs; one of them may stay, the others are workers", text)
    if not addresses:
        raise _wrong("lists no address", text)
    return cluster


def _index(task: object, cluster: dict[str, list[str]], text: str) -> int:
    if not isinstance(task, dict) or "type" not in task or "index" not in task:
        raise _wrong('does not say which of the workers this process is: "task" with "type" and "index"', text)
    job, index = task["type"], task["index"]
    if job not in cluster:
        raise _wrong(f"says that this process is a {job!r}, but the cluster has {_counts(cluster)}", text)
    if isinstance(index, bool) or not str(index).isdecimal():
        raise _wrong(f"gives this process the index {json.dumps(index)}, which is not a number from 0", text)
    if int(index) >= len(cluster[job]):
        raise _wrong(
            f"gives this process the index {index}, but the cluster has {_counts(cluster)}: the last has the index "
            f"{len(cluster[job]) - 1}",
            text,
        )
    return int(index) + (len(cluster.get("chief", ())) if job == "worker" else 0)


def _counts(cluster: dict[str, list[str]]) -> str:
    return " and ".join(f"{len(listed)} of {job!r}" for job, listed in cluster.items())


def _wrong(what: str, text: str) -> ValueError:
    return ValueError(
        f"The environment variable TF_CONFIG {what}.\nReceived: {text}\n"
        f"Expected, with its own index on each worker: {_EXAMPLE}"
    )
