"""What TensorFlow's graph optimizer makes of an encoder block: the fused operations that its speed rests on.

With oneDNN, which TensorFlow decides about when it starts: in a process of its own, where it is switched on.
"""

import json
import os
import platform
import subprocess
import sys

import pytest

PROGRAM = '''
import collections, json, sys

import tensorflow as tf
from tensorflow.python.eager import context

from keras_bert_layers import layers
from keras_bert_layers.ops.tracing import here_only


def optimized(function, expected):
    """The operations of its first run, which is when the graph is optimized, and how far off that run is."""
    with context.collect_graphs(optimized=True) as graphs:
        outputs = function(inputs, mask)
    operations = collections.Counter()
    for node in (node for graph in graphs for node in graph.node):
        fused = ",".join(part.decode() for part in node.attr["fused_ops"].list.s) if "fused_ops" in node.attr else ""
        operations[f"{node.op}[{fused}]" if fused else node.op] += 1
    return {**operations, "difference": float(tf.reduce_max(tf.abs(outputs - expected)))}


given, mask = tf.random.normal((2, 7, 32)), tf.constant([[1] * 7, [1] * 4 + [0] * 3])
found = {}
for name, unpad, dtype in (("unpadded", True, "float32"), ("padded", False, "float32"), ("half", True, "bfloat16")):
    block = layers.TransformerEncoder(intermediate_dim=64, num_heads=2, dtype=dtype)
    stack = layers.EncoderStack([block], unpad=unpad, dtype=dtype)
    inputs = tf.cast(given, dtype)
    specs = tf.TensorSpec((None, None, 32), dtype), tf.TensorSpec((None, None), tf.int32)
    expected = stack(inputs, padding_mask=mask)
    plain = tf.function(lambda x, padding_mask: stack(x, padding_mask=padding_mask), specs, autograph=False)

    @tf.function(input_signature=specs, autograph=False)
    def here(x, padding_mask):
        with here_only():
            return stack(x, padding_mask=padding_mask)

    for kind, function in (("plain", plain), ("here", here)):
        found[f"{name}, {kind}"] = optimized(function, expected)
json.dump(found, sys.stdout)
'''


@pytest.fixture(scope="module")
def operations():
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("oneDNN is in TensorFlow's builds for x86 only")
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


CASES = [f"{name}, {kind}" for name in ("unpadded", "padded", "half") for kind in ("plain", "here")]


@pytest.mark.parametrize("case", CASES)
def test_every_product_takes_in_what_follows_it(operations, case):
    found = operations[case]
    assert found["difference"] < (0.04 if "half" in case else 2e-6)
    assert "MatMul" not in found
    assert "BiasAdd" not in found
    assert found["_FusedMatMul[BiasAdd,GeluExact]"] == 1


def test_the_scores_take_in_scale_and_mask(operations):
    for case, found in operations.items():
        # In half precision, the mask is added to scores in float32.
        assert found.get("_MklFusedBatchMatMulV2[Mul,Add]", 0) == (0 if "half" in case else 1)


def test_residuals_are_added_inside_the_products_of_real_tokens(operations):
    for case in (case for case in CASES if not case.startswith("padded")):
        assert operations[case]["_FusedMatMul[BiasAdd,Add]"] == 2


def test_a_norm_is_one_operation_where_no_other_machine_runs_the_graph(operations):
    for case, found in operations.items():
        assert found.get("_MklLayerNorm", 0) == (2 if "here" in case else 0)
