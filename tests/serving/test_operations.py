"""Operations that a server lacks are found before it is asked to load them."""

import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers its operations
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from keras_bert_layers.serving import operations


def write(directory, *nodes, attribute=None):
    """A SavedModel whose function `serve` has nodes of these operations, each in a layer of its own."""
    saved_model = saved_model_pb2.SavedModel()
    graph = saved_model.meta_graphs.add().graph_def
    graph.node.add(name="call", op="StatefulPartitionedCall")
    function = graph.library.function.add()
    function.signature.name = "serve"
    for number, operation in enumerate(nodes):
        node = function.node_def.add(name=f"classifier/layer_{number}/{operation}", op=operation)
        if attribute is not None:
            node.attr[attribute].i = 1
    (directory / "saved_model.pb").write_bytes(saved_model.SerializeToString())


@pytest.mark.parametrize("server", operations.SERVERS)
def test_what_every_server_knows_passes(server, tmp_path):
    write(tmp_path, "MatMul", "FastBertNormalize", "FastWordpieceTokenizeWithOffsets", "ParseExampleV2")
    operations.check_operations(tmp_path, (server,))


def test_a_missing_operation_is_named_with_its_layer_and_the_server(tmp_path):
    write(tmp_path, "MatMul", "TFText>RoundRobinTrim")
    message = (
        r"Serving 2.18 does not know the operation TFText>RoundRobinTrim, which `classifier/layer_1/.*in serve uses"
    )
    with pytest.raises(ValueError, match=message):
        operations.check_operations(tmp_path, operations.SERVERS)
    operations.check_operations(tmp_path, ("2.20", "2.21"))


def test_a_missing_attribute_is_named(tmp_path):
    write(tmp_path, "XlaCallModule", attribute="use_shardy_partitioner")
    with pytest.raises(ValueError, match=r"2.19 does not know the attribute use_shardy_partitioner of .* XlaCall"):
        operations.check_operations(tmp_path, ("2.19",))
    operations.check_operations(tmp_path, ("2.20",))


def test_hints_are_passed_over(tmp_path):
    write(tmp_path, "MatMul", attribute="_XlaMustCompile")
    operations.check_operations(tmp_path, operations.SERVERS)


def test_functions_of_the_graph_itself_are_known(tmp_path):
    write(tmp_path, "serve")
    operations.check_operations(tmp_path, operations.SERVERS)


@pytest.mark.skipif(not tf.__version__.startswith("2.21."), reason="the list of 2.21 is compared with TensorFlow 2.21")
def test_the_list_of_the_installed_version_is_what_it_registers():
    registered = {name: op_def_registry.get(name) for name in operations.operations_of("2.21")}
    assert [name for name, operation in registered.items() if operation is None] == []
    for name, operation in registered.items():
        assert {attribute.name for attribute in operation.attr} == operations.operations_of("2.21")[name], name


def test_unknown_servers_are_refused():
    with pytest.raises(ValueError, match=r"among \('2.18', '2.19', '2.20', '2.21'\). Received: \['1.15'\]"):
        operations.check_servers(["1.15"])
