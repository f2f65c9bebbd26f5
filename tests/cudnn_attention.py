"""The calls of cuDNN's fused attention: read from StableHLO, and computed from their definition."""

import json
import re
from typing import NamedTuple

import tensorflow as tf

_CALL = re.compile(
    r"stablehlo\.custom_call @(?P<target>\S+?)\((?P<operands>[^)]*)\) \{api_version = 2 : i32, "
    r'backend_config = "(?P<config>.*?)", operand_layouts = \[(?P<operand_layouts>.*?)\], '
    r"result_layouts = \[(?P<result_layouts>.*?)\]\} : \((?P<operand_types>[^)]*)\) -> \((?P<result_types>[^)]*)\)"
)


class Call(NamedTuple):
    """A custom call: everything that decides what cuDNN is asked for."""

    target: str
    operands: list[str]
    operand_types: list[str]
    operand_layouts: list[str]
    result_types: list[str]
    result_layouts: list[str]
    config: dict


def calls(module: str) -> list[Call]:
    """All custom calls in StableHLO text, in order."""
    return [
        Call(
            found["target"],
            found["operands"].split(", "),
            found["operand_types"].split(", "),
            re.findall(r"dense<(.*?)>", found["operand_layouts"]),
            found["result_types"].split(", "),
            re.findall(r"dense<(.*?)>", found["result_layouts"]),
            json.loads(found["config"].replace(r"\22", '"')),
        )
        for found in _CALL.finditer(module)
    ]


class Kernel:
    """Stands in for the module's call: computes what it is defined to, and keeps the modules it was given.

    Where the definition leaves results open, at padding, it puts NaN.
    """

    def __init__(self):
        self.modules = []

    @property
    def targets(self) -> list[str]:
        return [calls(module)[0].target for module in self.modules]

    def __call__(self, module, operands, results):
        self.modules.append(module)
        (call,) = calls(module)
        names = re.findall(r"(%\w+): tensor", re.search(r"@main\((.*?)\) ->", module)[1])
        arguments = dict(zip(names, operands, strict=True))
        given = [tf.convert_to_tensor(arguments[name]) for name in call.operands]
        settings = call.config["cudnn_fmha_backend_config"]
        backward = call.target.endswith("Backward")
        bias, lengths = None, None
        if settings["mask_type"] == "PADDING":
            *given, of_queries, of_keys = given
            lengths = of_queries, of_keys
            # A softmax over no keys has no definition to be held to.
            tf.debugging.assert_positive(of_keys)
        if "ScaleBias" in call.target:
            bias = given.pop(5 if backward else 3)
        function = _backward if backward else _forward
        outputs = function(*given, bias=bias, lengths=lengths, scale=settings["fmha_scale"])
        return [tf.cast(tf.ensure_shape(x, shape), dtype) for x, (dtype, shape) in zip(outputs, results, strict=True)]


def _scores(query, key, bias, lengths, scale):
    query, key = (tf.cast(x, tf.float32) for x in (query, key))
    scores = tf.einsum("bsnd,btnd->bnst", query, key) * scale
    if bias is not None:
        scores += tf.cast(bias, tf.float32)
    if lengths is not None:
        beyond = tf.range(key.shape[1])[None, None, None, :] >= lengths[1][:, None, None, None]
        scores = tf.where(beyond, -float("inf"), scores)
    return scores


def _forward(query, key, value, bias, lengths, scale):
    scores = _scores(query, key, bias, lengths, scale)
    statistic = tf.reduce_logsumexp(scores, axis=-1)
    output = tf.einsum("bnst,btnd->bsnd", tf.exp(scores - statistic[..., None]), tf.cast(value, tf.float32))
    if lengths is not None:
        padding = _padding(lengths[0], query.shape[1])
        output = tf.where(padding, float("nan"), output)
        statistic = tf.where(padding[:, None, :, 0, 0], float("nan"), statistic)
    return output, statistic


def _backward(query, key, value, statistic, upstream, output, bias, lengths, scale):
    probabilities = tf.exp(_scores(query, key, bias, lengths, scale) - statistic[..., None])
    query, key, value, upstream, output = (tf.cast(x, tf.float32) for x in (query, key, value, upstream, output))
    if lengths is not None:
        seen = ~_padding(lengths[0], query.shape[1])
        probabilities = tf.where(seen[:, None, :, :, 0], probabilities, 0.0)
    share = tf.einsum("bsnd,bsnd->bns", upstream, output)[..., None]
    of_scores = probabilities * (tf.einsum("bsnd,btnd->bnst", upstream, value) - share) * scale
    gradients = [
        tf.einsum("bnst,btnd->bsnd", of_scores, key),
        tf.einsum("bnst,bsnd->btnd", of_scores, query),
        tf.einsum("bnst,bsnd->btnd", probabilities, upstream),
    ]
    if lengths is None:
        return gradients
    ends = lengths[0], lengths[1], lengths[1]
    return [tf.where(_padding(end, x.shape[1]), float("nan"), x) for end, x in zip(ends, gradients, strict=True)]


def _padding(lengths, length):
    """bool [B, S, 1, 1]."""
    return tf.range(length)[None, :, None, None] >= lengths[:, None, None, None]
