"""The configuration of a model that is there already: exact, or an error that names what has no place in it."""

import keras
import pytest
import tiny

from keras_bert_layers import layers, models


def composed(embeddings=(), **block):
    """A BERT from the layers, with other arguments than the builders give."""
    symbols = {name: keras.Input((None,), dtype="int32", name=name) for name in ("token_ids", "padding_mask")}
    table = layers.BertEmbeddings(15, 8, 16, **dict(embeddings), name="embeddings")
    blocks = [layers.TransformerEncoder(**{"intermediate_dim": 12, "num_heads": 2, **block}) for _ in range(2)]
    x = layers.EncoderStack(blocks, name="encoder")(table(symbols["token_ids"]), padding_mask=symbols["padding_mask"])
    return keras.Model(symbols, x, name="composed")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_segments": 0},
        {"num_segments": 3, "embedding_dim": 4},
        {"activation": "gelu_tanh", "dropout": 0.2, "attention_dropout": 0.3},
        {"activation": "relu", "layer_norm_epsilon": 1e-6, "initializer_range": 0.5},
        {"num_layers": 1, "num_heads": 4, "max_sequence_length": 7},
    ],
)
def test_every_setting_is_found_in_a_model_with_a_head(changes):
    assert models.config_of(models.masked_lm(models.bert_encoder(tiny.config(**changes)))) == tiny.config(**changes)


def test_layers_of_the_same_names_are_described_like_those_of_a_builder():
    described = models.config_of(composed(activation="relu"))
    assert (described.num_layers, described.intermediate_dim, described.activation) == (2, 12, "relu")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: composed(normalize_first=True), "normalize after each part.*normalize_first=True"),
        (lambda: composed([("layer_norm_epsilon", 1e-6)]), "with epsilon 1e-06, its blocks with 1e-12"),
        (
            lambda: composed(attention_norm=layers.LayerNormalization(1e-5)),
            "one epsilon for all normalizations.*1e-12, 1e-05",
        ),
        (
            lambda: composed(attention=layers.SelfAttention(2, window=layers.SlidingWindow(2))),
            "attention is a plain SelfAttention",
        ),
        (lambda: composed(feed_forward=layers.GatedFeedForward(12)), "feed-forward part is a FeedForward"),
        (lambda: keras.Model(x := keras.Input((3,)), x), "with the layers `embeddings`.*and `encoder`"),
    ],
)
def test_what_a_config_cannot_say_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        models.config_of(model())
