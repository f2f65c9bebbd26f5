"""A tiny BERT as random arrays under the papers' letters, and what it computes, for tests of checkpoint formats."""

import math

import numpy as np
import numpy_bert as paper
from convert_directories import FEATURES

VOCABULARY, WIDTH, HEADS, INNER, LENGTH, LAYERS, CLASSES = 15, 8, 2, 16, 16, 2, 3
REAL = FEATURES["padding_mask"].astype(bool)


def random_weights(seed=0) -> dict:
    """Every weight of the encoder and of all heads, in float32; matrices are [in, out]."""
    rng = np.random.default_rng(seed)

    def draw(**shapes):
        return {letter: rng.normal(scale=0.4, size=shape).astype("float32") for letter, shape in shapes.items()}

    def linear(inputs, outputs):
        return draw(W=(inputs, outputs), b=(outputs,))

    attention = {
        f"{kind}{letter}": shape for letter in "QKVO" for kind, shape in (("W", (WIDTH, WIDTH)), ("b", (WIDTH,)))
    }
    inner = {"W1": (WIDTH, INNER), "b1": (INNER,), "W2": (INNER, WIDTH), "b2": (WIDTH,)}
    norms = dict.fromkeys(("g1", "h1", "g2", "h2"), (WIDTH,))
    tables = {"tokens": (VOCABULARY, WIDTH), "positions": (LENGTH, WIDTH), "segments": (2, WIDTH)}
    return {
        "embeddings": draw(**tables, g=(WIDTH,), h=(WIDTH,)),
        "blocks": [draw(**attention, **inner, **norms) for _ in range(LAYERS)],
        "pooler": linear(WIDTH, WIDTH),
        "masked_lm": {**linear(WIDTH, WIDTH), **draw(g=(WIDTH,), h=(WIDTH,), c=(VOCABULARY,))},
        "next_sentence": linear(WIDTH, 2),
        "classification": linear(WIDTH, CLASSES),
        "token_classification": linear(WIDTH, CLASSES),
        "span": linear(WIDTH, 2),
    }


def gelu_tanh(x):
    """0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), the approximation of Hendrycks and Gimpel 2016, section 2."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def outputs(p: dict, gelu=paper.gelu) -> dict:
    """What each head gives for FEATURES, by its name; with that form of GELU everywhere."""
    rows = [_example(p, gelu, *values) for values in zip(*FEATURES.values(), strict=True)]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _example(p, gelu, token_ids, segment_ids, padding_mask, mask_positions):
    x = paper.embeddings(token_ids, segment_ids, range(len(token_ids)), p["embeddings"])
    for block in p["blocks"]:
        x = paper.post_norm_block(x, block, HEADS, {"padding_mask": padding_mask}, activation=gelu)
    pooled = paper.pooled(x, p["pooler"])
    head = p["masked_lm"]
    transformed = paper.layer_norm_rows(gelu(paper.affine(x, head["W"], head["b"])), head["g"], head["h"], 1e-12)
    scores = transformed @ p["embeddings"]["tokens"].T + head["c"]
    start, end = paper.span_scores(x, p["span"])
    return {
        "sequence_output": x,
        "pooled_output": pooled,
        "masked_lm": np.stack([scores[position] if position >= 0 else head["c"] for position in mask_positions]),
        "next_sentence": paper.affine(pooled, **_linear(p["next_sentence"])),
        "text_classification": paper.affine(pooled, **_linear(p["classification"])),
        "token_classification": paper.affine(x, **_linear(p["token_classification"])),
        "start": start,
        "end": end,
    }


def _linear(weights):
    return {"W": weights["W"], "b": weights["b"]}


def assert_outputs(model, expected: dict, name: str, atol=1e-5) -> None:
    """The model's output, or its outputs by name, are the expected ones; padding aside, which may hold anything."""
    actual = model({key: FEATURES[key] for key in model.input})
    for key, value in (actual if isinstance(actual, dict) else {name: actual}).items():
        value, there = np.asarray(value), expected[key]
        if value.shape[:2] == REAL.shape and key != "masked_lm":
            value, there = value[REAL], there[REAL]
        np.testing.assert_allclose(value, there, atol=atol, err_msg=key)
