"""Parity with Hugging Face's PyTorch models: outputs, attention and gradients on random weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity_weights import variable

from keras_bert_layers import layers, models

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[parity]'")
transformers = pytest.importorskip("transformers", reason="needs Hugging Face transformers: pip install '.[parity]'")

BATCH, LENGTH, WIDTH, HEADS, INNER, VOCABULARY, CLASSES = 3, 6, 8, 2, 12, 13, 4


# Ours <- Hugging Face's. A kernel here is the transpose of a weight there.
def linear(ours, theirs):
    return {f"{ours}.kernel": f"{theirs}.weight", f"{ours}.bias": f"{theirs}.bias"}


def norm(ours, theirs):
    return {f"{ours}.gamma": f"{theirs}.weight", f"{ours}.beta": f"{theirs}.bias"}


def embeddings(theirs):
    return {
        "embeddings.token_embedding.embeddings": f"{theirs}.word_embeddings.weight",
        "embeddings.position_embedding.position_embeddings": f"{theirs}.position_embeddings.weight",
        "embeddings.segment_embedding.segment_embeddings": f"{theirs}.token_type_embeddings.weight",
        **norm("embeddings.norm", f"{theirs}.LayerNorm"),
    }


def block(ours, theirs):
    return {
        **linear(f"{ours}.attention.query", f"{theirs}.attention.self.query"),
        **linear(f"{ours}.attention.key", f"{theirs}.attention.self.key"),
        **linear(f"{ours}.attention.value", f"{theirs}.attention.self.value"),
        **linear(f"{ours}.attention.output_projection", f"{theirs}.attention.output.dense"),
        **norm(f"{ours}.attention_norm", f"{theirs}.attention.output.LayerNorm"),
        **linear(f"{ours}.feed_forward.inner", f"{theirs}.intermediate.dense"),
        **linear(f"{ours}.feed_forward.outer", f"{theirs}.output.dense"),
        **norm(f"{ours}.feed_forward_norm", f"{theirs}.output.LayerNorm"),
    }


def albert_block(ours, theirs):
    return {
        **linear(f"{ours}.attention.query", f"{theirs}.attention.query"),
        **linear(f"{ours}.attention.key", f"{theirs}.attention.key"),
        **linear(f"{ours}.attention.value", f"{theirs}.attention.value"),
        **linear(f"{ours}.attention.output_projection", f"{theirs}.attention.dense"),
        **norm(f"{ours}.attention_norm", f"{theirs}.attention.LayerNorm"),
        **linear(f"{ours}.feed_forward.inner", f"{theirs}.ffn"),
        **linear(f"{ours}.feed_forward.outer", f"{theirs}.ffn_output"),
        **norm(f"{ours}.feed_forward_norm", f"{theirs}.full_layer_layer_norm"),
    }


ENCODER = {
    **embeddings("bert.embeddings"),
    **block("encoder.blocks.0", "bert.encoder.layer.0"),
    **block("encoder.blocks.1", "bert.encoder.layer.1"),
}
POOLER = linear("pooler.dense", "bert.pooler.dense")
MASKED_LM = {
    **linear("masked_lm.transform", "cls.predictions.transform.dense"),
    **norm("masked_lm.norm", "cls.predictions.transform.LayerNorm"),
    "masked_lm.output_bias": "cls.predictions.bias",
}
PRETRAINER = ENCODER | POOLER | MASKED_LM | linear("next_sentence.logits", "cls.seq_relationship")
ALBERT = {
    **embeddings("albert.embeddings"),
    **linear("embeddings.projection", "albert.encoder.embedding_hidden_mapping_in"),
    **albert_block("encoder.blocks.0", "albert.encoder.albert_layer_groups.0.albert_layers.0"),
    **albert_block("encoder.blocks.1", "albert.encoder.albert_layer_groups.1.albert_layers.0"),
    **linear("masked_lm.transform", "predictions.dense"),
    **norm("masked_lm.norm", "predictions.LayerNorm"),
    "masked_lm.output_bias": "predictions.bias",
}


PADDING = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]], "int32")
REAL = PADDING.astype(bool)
POSITIONS = np.array([[0, 5, 2], [3, 1, -1], [-1, -1, -1]], "int32")
rng = np.random.default_rng(1)
FEATURES = {
    # Token 0 stands at padding only: Hugging Face keeps the gradient of its own lookup of it at zero.
    "token_ids": rng.integers(1, VOCABULARY, size=(BATCH, LENGTH)).astype("int32") * PADDING,
    "segment_ids": rng.integers(0, 2, size=(BATCH, LENGTH)).astype("int32"),
    "padding_mask": PADDING,
}


class Root:
    """A functional model whose layers are attributes, so that a path in a table can begin with a layer's name."""

    def __init__(self, model):
        for layer in model.layers:
            setattr(self, layer.name, layer)


def reference(model_class, **settings):
    """A tiny model of theirs, without dropout, with every parameter drawn at random."""
    config_class = transformers.AlbertConfig if "Albert" in model_class else transformers.BertConfig
    config = config_class(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=9,
        attn_implementation="eager",
        **{"num_hidden_layers": 2, "hidden_act": "gelu", "num_labels": CLASSES, **settings},
    )
    model = getattr(transformers, model_class)(config).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return model


def encoder(**settings):
    return models.bert_encoder(
        models.BertConfig(
            vocabulary_size=VOCABULARY,
            hidden_dim=WIDTH,
            num_layers=2,
            num_heads=HEADS,
            intermediate_dim=INNER,
            max_sequence_length=9,
            **settings,
        )
    )


def as_here(path, tensor):
    array = tensor.detach().numpy()
    return array.T if path.endswith(".kernel") else array


def copy_weights(ours, theirs, table):
    """Fills every weight of ours from every parameter of theirs: one left over on either side is an error."""
    parameters = dict(theirs.named_parameters())
    assert sorted(table.values()) == sorted(parameters)
    assert len(table) == len(ours.weights)
    for here, there in table.items():
        variable(Root(ours), here).assign(as_here(here, parameters[there]))


def tensors(**more):
    arrays = {
        "input_ids": FEATURES["token_ids"],
        "token_type_ids": FEATURES["segment_ids"],
        "attention_mask": FEATURES["padding_mask"],
        **more,
    }
    return {name: torch.from_numpy(np.asarray(array, "int64")) for name, array in arrays.items()}


def assert_close(actual, expected, tolerance=1e-5):
    expected = expected.detach().numpy()
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu", "silu"])
def test_encoder(activation):
    theirs_name = {"gelu_tanh": "gelu_new"}.get(activation, activation)
    theirs = reference("BertModel", hidden_act=theirs_name)
    ours = encoder(activation=activation)
    table = {here: there.removeprefix("bert.") for here, there in (ENCODER | POOLER).items()}
    copy_weights(ours, theirs, table)
    actual, expected = ours(FEATURES), theirs(**tensors())
    assert_close(np.asarray(actual["sequence_output"])[REAL], expected.last_hidden_state[REAL])
    assert_close(actual["pooled_output"], expected.pooler_output)


def test_hidden_states_and_attention_probabilities():
    theirs, ours = reference("BertForPreTraining"), models.bert_pretrainer(encoder())
    copy_weights(ours, theirs, PRETRAINER)
    expected = theirs(**tensors(), output_attentions=True, output_hidden_states=True)
    x = ours.get_layer("embeddings")(FEATURES["token_ids"], segment_ids=FEATURES["segment_ids"])
    stack = ours.get_layer("encoder")
    states = [x, *stack.hidden_states(x, padding_mask=PADDING)]
    for actual, state in zip(states, expected.hidden_states, strict=True):
        assert_close(np.asarray(actual)[REAL], state[REAL])
    for block_layer, read, attention in zip(stack.blocks, states[:-1], expected.attentions, strict=True):
        weights = block_layer.attention_weights(read, padding_mask=PADDING)
        assert_close(np.moveaxis(np.asarray(weights), 1, 2)[REAL], attention.movedim(1, 2)[REAL])


def test_pretrainer():
    theirs, ours = reference("BertForPreTraining"), models.bert_pretrainer(encoder())
    copy_weights(ours, theirs, PRETRAINER)
    actual, expected = ours({**FEATURES, "mask_positions": POSITIONS}), theirs(**tensors())
    real = POSITIONS >= 0
    rows = np.nonzero(real)[0]
    assert_close(np.asarray(actual["masked_lm"])[real], expected.prediction_logits[rows, POSITIONS[real]])
    assert_close(actual["next_sentence"], expected.seq_relationship_logits)


def test_gradients_of_the_pretraining_loss():
    theirs, ours = reference("BertForPreTraining"), models.bert_pretrainer(encoder())
    copy_weights(ours, theirs, PRETRAINER)
    real = POSITIONS >= 0
    rows, targets, follows = np.nonzero(real)[0], np.array([3, 1, 4, 12, 5]), np.array([0, 1, 1])

    labels = np.full((BATCH, LENGTH), -100)
    labels[rows, POSITIONS[real]] = targets
    theirs(**tensors(labels=labels, next_sentence_label=follows)).loss.backward()
    expected = dict(theirs.named_parameters())

    variables = {here: variable(Root(ours), here) for here in PRETRAINER}
    with tf.GradientTape() as tape:
        logits = ours({**FEATURES, "mask_positions": POSITIONS}, training=False)
        tokens = keras.losses.sparse_categorical_crossentropy(targets, logits["masked_lm"][real], from_logits=True)
        pairs = keras.losses.sparse_categorical_crossentropy(follows, logits["next_sentence"], from_logits=True)
        loss = tf.reduce_mean(tokens) + tf.reduce_mean(pairs)
    gradients = tape.gradient(loss, [weight.value for weight in variables.values()])
    for here, gradient in zip(variables, gradients, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(gradient),
            as_here(here, expected[PRETRAINER[here]].grad),
            rtol=1e-4,
            atol=1e-5,
            err_msg=here,
        )


def test_masked_lm():
    theirs, ours = reference("BertForMaskedLM"), models.masked_lm(encoder())
    copy_weights(ours, theirs, ENCODER | MASKED_LM)
    everywhere = np.tile(np.arange(LENGTH, dtype="int32"), (BATCH, 1))
    actual = ours({**FEATURES, "mask_positions": everywhere})
    assert_close(np.asarray(actual)[REAL], theirs(**tensors()).logits[REAL])


def test_text_classifier():
    theirs, ours = reference("BertForSequenceClassification"), models.text_classifier(encoder(), CLASSES)
    copy_weights(ours, theirs, ENCODER | POOLER | linear("classification.logits", "classifier"))
    assert_close(ours(FEATURES), theirs(**tensors()).logits)


def test_token_classifier():
    theirs, ours = reference("BertForTokenClassification"), models.token_classifier(encoder(), CLASSES)
    copy_weights(ours, theirs, ENCODER | linear("token_classification.logits", "classifier"))
    assert_close(np.asarray(ours(FEATURES))[REAL], theirs(**tensors()).logits[REAL])


def test_span_predictor():
    theirs, ours = reference("BertForQuestionAnswering", num_labels=2), models.span_predictor(encoder())
    copy_weights(ours, theirs, ENCODER | linear("span.logits", "qa_outputs"))
    actual, expected = ours(FEATURES), theirs(**tensors())
    assert_close(np.asarray(actual["start"])[REAL], expected.start_logits[REAL])
    assert_close(np.asarray(actual["end"])[REAL], expected.end_logits[REAL])


def albert():
    """ALBERT from the layers: a factorised embedding, two blocks applied twice each, a tied head."""
    symbols = {name: keras.Input((None,), dtype="int32", name=name) for name in (*FEATURES, "mask_positions")}
    embedding = layers.BertEmbeddings(VOCABULARY, WIDTH, max_sequence_length=9, embedding_dim=3, name="embeddings")
    blocks = [layers.TransformerEncoder(INNER, HEADS) for _ in range(2)]
    x = embedding(symbols["token_ids"], segment_ids=symbols["segment_ids"])
    x = layers.EncoderStack(blocks, order=[0, 0, 1, 1], name="encoder")(x, padding_mask=symbols["padding_mask"])
    head = layers.MaskedLMHead(token_embedding=embedding.token_embedding, name="masked_lm")
    return keras.Model(symbols, head(x, mask_positions=symbols["mask_positions"]))


def test_albert_is_the_same_layers_in_another_order():
    theirs = reference("AlbertForMaskedLM", embedding_size=3, num_hidden_layers=4, num_hidden_groups=2)
    ours = albert()
    copy_weights(ours, theirs, ALBERT)
    everywhere = np.tile(np.arange(LENGTH, dtype="int32"), (BATCH, 1))
    actual = ours({**FEATURES, "mask_positions": everywhere})
    assert_close(np.asarray(actual)[REAL], theirs(**tensors()).logits[REAL])
