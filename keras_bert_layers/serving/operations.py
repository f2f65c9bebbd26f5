"""Whether the servers that are to load a SavedModel know all of its operations."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2

# Versions of TensorFlow Serving whose operations are listed in operation_lists/, in their order.
SERVERS = ("2.18", "2.19", "2.20", "2.21")
_LISTS = Path(__file__).parent / "operation_lists"


def check_operations(directory: Path, servers: Sequence[str]) -> None:
    """Compares every operation in the graph and in all functions of a SavedModel with those of the servers.

    Raises:
        ValueError: if a server lacks one, or one of its attributes; it names the operation and the layer it is in.
    """
    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((directory / "saved_model.pb").read_bytes())
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        own = {function.signature.name for function in graph.library.function}
        for function, node in _nodes(graph):
            for server in servers:
                missing = None if node.op in own else missing_from(server, node.op, node.attr)
                if missing:
                    raise ValueError(
                        f"TensorFlow Serving {server} does not know {missing}, which `{node.name}`"
                        f"{f' in {function}' if function else ''} uses. Nothing was written. Replace what is computed "
                        f"there, or leave {server} out: export(..., servers={_after(servers, server)!r})."
                    )


def check_servers(servers: Sequence[str]) -> None:
    """Raises a ValueError unless the operations of these versions are known."""
    unknown = [server for server in servers if server not in SERVERS]
    if isinstance(servers, str) or unknown:
        raise ValueError(f"`servers` must be versions of TensorFlow Serving among {SERVERS}. Received: {servers!r}.")


def missing_from(server: str, operation: str, attributes: Sequence[str]) -> str | None:
    """What of an operation a server lacks, in words; None if it has all of it.

    Attributes that begin with an underscore are hints, which every server passes over.
    """
    known = operations_of(server).get(operation)
    if known is None:
        return f"the operation {operation}"
    unknown = sorted(name for name in attributes if not name.startswith("_") and name not in known)
    return f"the attribute {unknown[0]} of the operation {operation}" if unknown else None


@functools.cache
def operations_of(server: str) -> dict[str, frozenset[str]]:
    """The operations of a version by name, each with the names of its attributes.

    The file of the first version has all of them; those of the later ones what is new or changed (+) and gone (-).
    """
    position = SERVERS.index(server)
    operations = dict(operations_of(SERVERS[position - 1])) if position else {}
    for line in (_LISTS / f"{server}.txt").read_text(encoding="utf-8").splitlines():
        sign, name, *attributes = line.split(" ")
        if sign == "+":
            operations[name] = frozenset(attributes)
        else:
            del operations[name]
    return operations


def _nodes(graph) -> Iterator:
    """All nodes, each with the name of the function it is in."""
    for node in graph.node:
        yield "", node
    for function in graph.library.function:
        for node in function.node_def:
            yield function.signature.name, node


def _after(servers, server):
    return tuple(other for other in servers if other != server)
