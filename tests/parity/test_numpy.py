"""Parity with BERT written in NumPy from the papers' equations, on random weights."""

import numpy as np
import numpy_bert as paper
import pytest
import tensorflow as tf
from parity_weights import assert_names_every_weight, letters, randomized, variable

from keras_bert_layers import layers, models

BATCH, LENGTH, WIDTH, HEADS, INNER, VOCABULARY = 3, 6, 8, 2, 12, 13

ATTENTION = {
    "WQ": "query.kernel",
    "bQ": "query.bias",
    "WK": "key.kernel",
    "bK": "key.bias",
    "WV": "value.kernel",
    "bV": "value.bias",
    "WO": "output_projection.kernel",
    "bO": "output_projection.bias",
}
FEED_FORWARD = {"W1": "inner.kernel", "b1": "inner.bias", "W2": "outer.kernel", "b2": "outer.bias"}
BLOCK = {
    **{letter: f"attention.{path}" for letter, path in ATTENTION.items()},
    **{letter: f"feed_forward.{path}" for letter, path in FEED_FORWARD.items()},
    "g1": "attention_norm.gamma",
    "h1": "attention_norm.beta",
    "g2": "feed_forward_norm.gamma",
    "h2": "feed_forward_norm.beta",
}
EMBEDDINGS = {
    "tokens": "token_embedding.embeddings",
    "positions": "position_embedding.position_embeddings",
    "segments": "segment_embedding.segment_embeddings",
    "g": "norm.gamma",
    "h": "norm.beta",
}
PROJECTION = {"W": "projection.kernel", "b": "projection.bias"}
POOLER = {"W": "dense.kernel", "b": "dense.bias"}
LOGITS = {"W": "logits.kernel", "b": "logits.bias"}
MASKED_LM = {
    "W": "transform.kernel",
    "b": "transform.bias",
    "g": "norm.gamma",
    "h": "norm.beta",
    "E": "output_embedding.embeddings",
    "c": "output_bias",
}


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def ids(limit, *shape, seed=1):
    return np.random.default_rng(seed).integers(0, limit, size=shape).astype("int32")


X = floats(BATCH, LENGTH, WIDTH)
PADDING = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 0]], "int32")
PAIRS = ids(2, BATCH, LENGTH, LENGTH)
PACKS = np.array([[1, 1, 1, 2, 2, 2], [1, 1, 2, 3, 0, 0], [2, 1, 1, 2, 0, 1]], "int32")
NOTHING = {"padding_mask": np.zeros_like(PADDING)}
MASKS = {
    "none": {},
    "padding": {"padding_mask": PADDING},
    "pairs": {"attention_mask": PAIRS},
    "packs": {"pack_ids": PACKS},
    "padding_and_pairs": {"padding_mask": PADDING, "attention_mask": PAIRS},
    "padding_and_packs": {"padding_mask": PADDING, "pack_ids": PACKS},
    "pairs_and_packs": {"attention_mask": PAIRS, "pack_ids": PACKS},
    "all": {"padding_mask": PADDING, "attention_mask": PAIRS, "pack_ids": PACKS},
    "nothing_to_see": NOTHING,
}
masks_given = pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS.keys())


def examples(function, *batches, **masks):
    """`function` of every example of the batches and its own masks, stacked."""
    return np.stack(
        [
            function(*(batch[n] for batch in batches), {name: mask[n] for name, mask in masks.items()})
            for n in range(len(batches[0]))
        ]
    )


def built(layer, *inputs, **named):
    """The layer after a first call, with random weights."""
    layer(*inputs, **named)
    return randomized(layer)


def assert_close(actual, expected, tolerance=1e-5):
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("build", "table", "inputs"),
    [
        (lambda: layers.SelfAttention(HEADS), ATTENTION, (X,)),
        (lambda: layers.FeedForward(INNER), FEED_FORWARD, (X,)),
        (lambda: layers.TransformerEncoder(INNER, HEADS), BLOCK, (X,)),
        (lambda: layers.BertEmbeddings(VOCABULARY, WIDTH), EMBEDDINGS, (ids(VOCABULARY, 2, 3),)),
        (
            lambda: layers.BertEmbeddings(VOCABULARY, WIDTH, embedding_dim=3),
            EMBEDDINGS | PROJECTION,
            (ids(VOCABULARY, 2, 3),),
        ),
        (layers.Pooler, POOLER, (X,)),
        (lambda: layers.MaskedLMHead(VOCABULARY), MASKED_LM, (X, ids(LENGTH, BATCH, 2))),
        (layers.NextSentenceHead, LOGITS, (X[:, 0],)),
        (layers.SpanHead, LOGITS, (X,)),
    ],
    ids=["attention", "feed_forward", "block", "embeddings", "factorised", "pooler", "masked_lm", "next", "span"],
)
def test_the_letters_name_every_weight_once(build, table, inputs):
    layer = build()
    layer(*inputs)
    assert_names_every_weight(layer, table.values())


@masks_given
def test_self_attention(masks):
    layer = built(layers.SelfAttention(HEADS), X)
    p = letters(layer, ATTENTION)
    assert_close(layer(X, **masks), examples(lambda x, m: paper.multi_head_attention(x, p, HEADS, m), X, **masks))


@masks_given
def test_attention_weights(masks):
    layer = built(layers.SelfAttention(HEADS), X)
    p = letters(layer, ATTENTION)
    assert_close(
        layer.attention_weights(X, **masks),
        examples(lambda x, m: paper.head_probabilities(x, p, HEADS, m), X, **masks),
    )


@pytest.mark.parametrize("activation", ["gelu", "relu", "tanh"])
def test_feed_forward(activation):
    layer = built(layers.FeedForward(INNER, activation=activation), X)
    p = letters(layer, FEED_FORWARD)
    function = {"gelu": paper.gelu, "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}[activation]
    assert_close(layer(X), examples(lambda x, _: paper.feed_forward(x, p, function), X))


@pytest.mark.parametrize("epsilon", [1e-12, 1e-5, 0.1])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_layer_normalization(epsilon, offset):
    x = X.astype("float64") + offset
    layer = built(layers.LayerNormalization(epsilon), X)
    g, h = (np.asarray(weight, "float64") for weight in (layer.gamma, layer.beta))
    expected = examples(
        lambda rows, _: paper.layer_norm_rows(rows, g, h, epsilon), x.astype("float32").astype("float64")
    )
    assert_close(layer(x.astype("float32")), expected, 1e-5 if offset == 0 else 1e-4)


@masks_given
@pytest.mark.parametrize("normalize_first", [False, True], ids=["post_norm", "pre_norm"])
def test_transformer_encoder(masks, normalize_first):
    layer = built(layers.TransformerEncoder(INNER, HEADS, normalize_first=normalize_first), X)
    p, block = letters(layer, BLOCK), paper.pre_norm_block if normalize_first else paper.post_norm_block
    assert_close(layer(X, **masks), examples(lambda x, m: block(x, p, HEADS, m), X, **masks))


@pytest.mark.parametrize("normalize_first", [False, True], ids=["post_norm", "pre_norm"])
def test_the_attention_weights_of_a_block_are_those_of_its_normalized_input(normalize_first):
    layer = built(layers.TransformerEncoder(INNER, HEADS, normalize_first=normalize_first), X)
    p = letters(layer, BLOCK)

    def expected(x, masks):
        read = paper.layer_norm_rows(x, p["g1"], p["h1"], 1e-12) if normalize_first else x
        return paper.head_probabilities(read, p, HEADS, masks)

    assert_close(layer.attention_weights(X, **MASKS["all"]), examples(expected, X, **MASKS["all"]))


@pytest.mark.parametrize("order", [None, [0, 0, 0], [1, 0, 1]], ids=str)
def test_encoder_stack(order):
    layer = built(layers.EncoderStack([layers.TransformerEncoder(INNER, HEADS) for _ in range(2)], order=order), X)
    blocks = [letters(block, BLOCK) for block in layer.blocks]

    def states(x, masks):
        outputs = []
        for index in order or [0, 1]:
            x = paper.post_norm_block(x, blocks[index], HEADS, masks)
            outputs.append(x)
        return np.stack(outputs)

    real = MASKS["all"]["padding_mask"][:, None, :, None]  # padding comes out as zeros
    expected = examples(states, X, **MASKS["all"]) * real
    assert_close(layer(X, **MASKS["all"]), expected[:, -1])
    assert_close(np.stack(layer.hidden_states(X, **MASKS["all"]), axis=1), expected)


@pytest.mark.parametrize("embedding_dim", [None, 3])
def test_bert_embeddings(embedding_dim):
    tokens, segments, positions = ids(VOCABULARY, 2, 5), ids(3, 2, 5, seed=2), ids(7, 2, 5, seed=3)
    layer = layers.BertEmbeddings(VOCABULARY, WIDTH, max_sequence_length=7, num_segments=3, embedding_dim=embedding_dim)
    built(layer, tokens)
    p = letters(layer, EMBEDDINGS | (PROJECTION if embedding_dim else {}))
    counted = np.tile(np.arange(5), (2, 1))
    zeros = np.zeros_like(tokens)

    def expected(*batches):
        return examples(lambda t, s, q, _: paper.embeddings(t, s, q, p), *batches)

    assert_close(layer(tokens), expected(tokens, zeros, counted))
    assert_close(layer(tokens, segment_ids=segments), expected(tokens, segments, counted))
    assert_close(layer(tokens, segments, positions), expected(tokens, segments, positions))


def test_pooler():
    layer = built(layers.Pooler(), X)
    p = letters(layer, POOLER)
    assert_close(layer(X), examples(lambda x, _: paper.pooled(x, p), X))


@pytest.mark.parametrize("mask", [None, PADDING, NOTHING["padding_mask"]], ids=["no_mask", "padding", "nothing"])
@pytest.mark.parametrize("mode", ["cls", "mean", "max"])
def test_pooling(mode, mask):
    expected = [paper.pool(x, None if mask is None else mask[n], mode) for n, x in enumerate(X)]
    assert_close(layers.Pooling(mode)(X, padding_mask=mask), np.stack(expected))


@pytest.mark.parametrize(
    "head",
    [
        lambda: layers.MaskedLMHead(VOCABULARY),
        lambda: layers.MaskedLMHead(token_embedding=layers.TokenEmbedding(VOCABULARY, WIDTH)),
        lambda: layers.MaskedLMHead(token_embedding=layers.TokenEmbedding(VOCABULARY, 3)),
    ],
    ids=["untied", "tied", "factorised"],
)
def test_masked_lm_head(head):
    positions = np.array([[0, 5, 2], [3, -1, -1], [-1, -1, -1]], "int32")
    layer = built(head(), X, positions)
    p = letters(layer, MASKED_LM)
    assert_close(layer(X, positions), examples(lambda x, at, _: paper.masked_lm_scores(x, at, p), X, positions))


def test_next_sentence_head():
    vectors = X[:, 0]
    layer = built(layers.NextSentenceHead(), vectors)
    p = letters(layer, LOGITS)
    assert_close(layer(vectors), paper.affine(vectors, **p))


def test_span_head():
    layer = built(layers.SpanHead(), X)
    start, end = zip(*(paper.span_scores(x, letters(layer, LOGITS)) for x in X), strict=True)
    free, masked = layer(X), layer(X, padding_mask=PADDING)
    for name, expected in {"start": np.stack(start), "end": np.stack(end)}.items():
        assert_close(free[name], expected)
        assert_close(masked[name], np.where(PADDING == 1, expected, -10_000.0))


def tiny_encoder(**sizes):
    config = models.BertConfig(
        vocabulary_size=VOCABULARY,
        hidden_dim=WIDTH,
        num_layers=2,
        num_heads=HEADS,
        intermediate_dim=INNER,
        max_sequence_length=LENGTH + 1,
        **sizes,
    )
    return models.bert_encoder(config)


def encoder_letters(model, embedding_dim):
    return {
        "embeddings": letters(model.get_layer("embeddings"), EMBEDDINGS | (PROJECTION if embedding_dim else {})),
        "blocks": [letters(block, BLOCK) for block in model.get_layer("encoder").blocks],
        "pooler": letters(model.get_layer("pooler"), POOLER),
    }


FEATURES = {
    "token_ids": ids(VOCABULARY, BATCH, LENGTH),
    "segment_ids": ids(2, BATCH, LENGTH, seed=2),
    "padding_mask": np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0]], "int32"),
}


@pytest.mark.parametrize("embedding_dim", [None, 3], ids=["plain", "factorised"])
def test_bert_encoder(embedding_dim):
    model = randomized(tiny_encoder(embedding_dim=embedding_dim))
    p = encoder_letters(model, embedding_dim)
    outputs = model(FEATURES)
    sequence, pooled = zip(
        *(paper.encoder(*example, p, HEADS) for example in zip(*FEATURES.values(), strict=True)), strict=True
    )
    assert_close(outputs["sequence_output"], np.stack(sequence) * FEATURES["padding_mask"][:, :, None])
    assert_close(outputs["pooled_output"], np.stack(pooled))


@pytest.mark.parametrize("embedding_dim", [None, 3], ids=["plain", "factorised"])
def test_bert_pretrainer(embedding_dim):
    model = randomized(models.bert_pretrainer(tiny_encoder(embedding_dim=embedding_dim)))
    p = encoder_letters(model, embedding_dim)
    tied = letters(model.get_layer("masked_lm"), MASKED_LM) | {"E": p["embeddings"]["tokens"]}
    next_sentence = letters(model.get_layer("next_sentence"), LOGITS)
    positions = np.array([[0, 5, 2], [3, -1, -1], [-1, -1, -1]], "int32")
    outputs = model({**FEATURES, "mask_positions": positions})
    for n, example in enumerate(zip(*FEATURES.values(), strict=True)):
        sequence, pooled = paper.encoder(*example, p, HEADS)
        assert_close(outputs["masked_lm"][n], paper.masked_lm_scores(sequence, positions[n], tied))
        assert_close(outputs["next_sentence"][n], paper.affine(pooled, **next_sentence))


@pytest.mark.parametrize("normalize_first", [False, True], ids=["post_norm", "pre_norm"])
def test_gradients_of_a_block_are_the_slopes_of_the_papers_equations(normalize_first):
    """∇L · d from the tape against (L(θ + h d) - L(θ - h d)) / 2h in float64, in random directions d."""
    layer = built(layers.TransformerEncoder(INNER, HEADS, normalize_first=normalize_first), X)
    wave = np.cos(np.arange(X.size)).reshape(X.shape)
    block = paper.pre_norm_block if normalize_first else paper.post_norm_block
    point = letters(layer, BLOCK) | {"X": X.astype("float64")}

    def loss(p):
        return (wave * examples(lambda x, m: block(x, p, HEADS, m), p["X"], **MASKS["all"])).sum()

    inputs = tf.Variable(X)
    variables = {letter: variable(layer, path) for letter, path in BLOCK.items()} | {"X": inputs}
    with tf.GradientTape() as tape:
        outputs = tf.reduce_sum(layer(inputs, **MASKS["all"]) * tf.constant(wave, tf.float32))
    gradients = dict(zip(variables, tape.gradient(outputs, list(variables.values())), strict=True))

    rng, step = np.random.default_rng(4), 1e-6
    for _ in range(4):
        direction = {letter: rng.normal(size=value.shape) for letter, value in point.items()}
        ahead, behind = (
            loss({letter: value + sign * step * direction[letter] for letter, value in point.items()})
            for sign in (1, -1)
        )
        slope = sum(np.sum(np.asarray(gradients[letter], "float64") * direction[letter]) for letter in point)
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-4)
