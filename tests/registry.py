"""Every public layer once: how to build it and what to feed it. The contract suites run over all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np

from keras_bert_layers import layers

BATCH, LENGTH, WIDTH, VOCABULARY = 3, 5, 8, 11
# Where no bias moves, weights of this size do so in the few steps of a test, and stay in the range of float16.
FAST = keras.initializers.TruncatedNormal(stddev=0.1)


@dataclass(frozen=True)
class Case:
    """One layer under contract.

    Args:
        name: unique; the id of its tests.
        build: makes a fresh layer.
        inputs: makes the call's arguments by name: batches of three, the first argument first.
        mixes_positions: whether a position's output depends on other positions (it then takes `padding_mask`).
        wrong: a bad set of call arguments and what the error must say, several where there are several.
        dtype: of the output, where that is not the layer's compute dtype; of each one, where there are several.
        keeps_mask: an implicit mask of the first argument, a sequence, is one of the output as well.
        trains: the layer has weights, and every one of them receives a gradient.
        compiles: XLA takes the layer; one that it cannot take says so.
        covers: the public layers that this case stands for. Defaults to `None`: the one that `build` makes.
    """

    name: str
    build: Callable[[], keras.layers.Layer]
    inputs: Callable[[], dict[str, np.ndarray]]
    mixes_positions: bool = False
    wrong: tuple = field(default=())
    dtype: str | tuple | None = None
    keeps_mask: bool = True
    trains: bool = True
    compiles: bool = True
    covers: tuple | None = None


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def ids(limit, *shape):
    return np.random.default_rng(1).integers(0, limit, size=shape).astype("int32")


def padding_mask():
    """Three rows of five: all real, three real, padding only."""
    return np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], "int32")


def sequence():
    return {"inputs": floats(BATCH, LENGTH, WIDTH)}


def vectors():
    return {"inputs": floats(BATCH, WIDTH)}


def masked_sequence():
    return {**sequence(), "padding_mask": padding_mask()}


def packed_sequence():
    pack_ids = np.array([[1, 1, 2, 2, 2], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], "int32")
    attention_mask = np.tril(np.ones((BATCH, LENGTH, LENGTH), "int32"))
    return {**masked_sequence(), "attention_mask": attention_mask, "pack_ids": pack_ids}


def rotary_packed_sequence():
    """The packed rows again, with positions that count from 0 in each sequence."""
    return {**packed_sequence(), "position_ids": np.array([[0, 1, 0, 1, 2], [0, 1, 2, 0, 0], [0] * 5], "int32")}


def block(**kwargs):
    return layers.TransformerEncoder(intermediate_dim=12, num_heads=2, dropout=0.1, **kwargs)


def modern_block(**kwargs):
    """A block of ModernBERT's parts."""
    return layers.TransformerEncoder(
        attention=layers.SelfAttention(
            2, 0.1, use_bias=False, rotary=layers.RotaryEmbedding(), window=layers.SlidingWindow(4)
        ),
        feed_forward=layers.GatedFeedForward(12, dropout=0.1, use_bias=False, kernel_initializer=FAST),
        feed_forward_norm=layers.LayerNormalization(1e-5, center=False),
        normalize_first=True,
        **{"attention_norm": layers.LayerNormalization(1e-5, center=False), **kwargs},
    )


@keras.saving.register_keras_serializable(package="tests")
class UnpaddedBlock(keras.layers.Layer):
    """A block between Unpad and Repad, which take and give what stands between layers only: a layout."""

    def __init__(self, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.dropout = dropout
        self.unpad, self.repad = (layer(dtype=self.dtype_policy) for layer in (layers.Unpad, layers.Repad))
        self.block = layers.TransformerEncoder(12, 2, dropout, dtype=self.dtype_policy)

    def build(self, inputs_shape):
        self.block.build(inputs_shape)

    def call(self, inputs, padding_mask=None, mask=None, training=None):
        tokens, layout = self.unpad(inputs, padding_mask=mask if padding_mask is None else padding_mask)
        return self.repad(self.block(tokens, layout=layout, training=training), layout)

    def compute_output_shape(self, inputs_shape, *args, **kwargs):
        return inputs_shape

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "dropout": self.dropout}


def embedding_ids():
    return {
        "token_ids": ids(VOCABULARY, BATCH, LENGTH),
        "segment_ids": ids(2, BATCH, LENGTH),
        "position_ids": ids(7, BATCH, LENGTH),
    }


def masked_positions():
    return {**sequence(), "mask_positions": np.array([[0, 4], [2, -1], [-1, -1]], "int32")}


WRONG_RANK = ({**sequence(), "padding_mask": np.ones((BATCH, 1, LENGTH), "int32")}, "`padding_mask` must have rank 2")

CASES = [
    Case("linear", lambda: layers.Linear(4, activation="gelu"), sequence),
    Case("layer_normalization", layers.LayerNormalization, sequence),
    Case("layer_normalization_without_offset", lambda: layers.LayerNormalization(1e-5, center=False), sequence),
    Case(
        "length_limit",
        lambda: layers.LengthLimit(LENGTH),
        lambda: {"inputs": ids(VOCABULARY, BATCH, LENGTH)},
        wrong=(
            ({"inputs": ids(VOCABULARY, 1, LENGTH + 1)}, "longer than the max_sequence_length=5 .* of 6 positions"),
        ),
        dtype="int32",
        trains=False,
    ),
    Case(
        "token_embedding",
        lambda: layers.TokenEmbedding(VOCABULARY, WIDTH),
        lambda: {"inputs": ids(VOCABULARY, BATCH, LENGTH)},
        wrong=(
            (
                {"inputs": np.array([[VOCABULARY]], "int32")},
                "outside the vocabulary .* below 11. Received values from 11 to 11",
            ),
        ),
    ),
    Case(
        "position_embedding",
        lambda: layers.PositionEmbedding(7),
        sequence,
        wrong=(
            ({"inputs": floats(1, 8, WIDTH)}, "reaches 8 positions, .* sequence_length=7"),
            (
                {"inputs": floats(1, 2, WIDTH), "position_ids": np.array([[0, 7]], "int32")},
                "A position lies outside the table .* below 7. Received values from 0 to 7",
            ),
        ),
    ),
    Case(
        "rotary_embedding",
        layers.RotaryEmbedding,
        lambda: {**sequence(), "position_ids": ids(50, BATCH, LENGTH)},
        wrong=(
            ({"inputs": floats(1, 2, 7)}, r"a feature axis of even size. Received: shape=\(1, 2, 7\)"),
            (
                {**sequence(), "positions": ids(5, BATCH, LENGTH), "position_ids": ids(5, BATCH, LENGTH)},
                "two names for one argument",
            ),
        ),
        trains=False,
    ),
    Case(
        "rotary_embedding_of_heads",
        lambda: layers.RotaryEmbedding(100.0, scaling_factor=4.0, rope_type="yarn", sequence_axis=2),
        lambda: {"inputs": floats(BATCH, 2, LENGTH, WIDTH)},
        trains=False,
    ),
    Case(
        "segment_embedding",
        lambda: layers.SegmentEmbedding(2, WIDTH),
        lambda: {"segment_ids": ids(2, BATCH, LENGTH)},
        wrong=(({"segment_ids": np.array([[2]], "int32")}, "segment id .* below 2. Received values from 2 to 2"),),
    ),
    Case(
        "bert_embeddings",
        lambda: layers.BertEmbeddings(VOCABULARY, WIDTH, max_sequence_length=7, dropout=0.1),
        embedding_ids,
    ),
    Case(
        "bert_embeddings_without_tables",
        lambda: layers.BertEmbeddings(
            VOCABULARY, WIDTH, max_sequence_length=0, num_segments=0, norm=layers.LayerNormalization(1e-5)
        ),
        lambda: {"token_ids": ids(VOCABULARY, BATCH, LENGTH)},
        wrong=(
            (
                {"token_ids": ids(2, 1, 3), "segment_ids": ids(2, 1, 3)},
                r"`segment_ids` were given to BertEmbeddings\(num_segments=0\)",
            ),
            (
                {"token_ids": ids(2, 1, 3), "position_ids": ids(2, 1, 3)},
                r"`position_ids` were given to BertEmbeddings\(max_sequence_length=0\)",
            ),
        ),
    ),
    Case(
        "bert_embeddings_factorised",
        lambda: layers.BertEmbeddings(VOCABULARY, WIDTH, max_sequence_length=7, embedding_dim=3),
        embedding_ids,
    ),
    Case(
        "self_attention",
        lambda: layers.SelfAttention(num_heads=2, dropout=0.1, attention_dropout=0.1),
        packed_sequence,
        mixes_positions=True,
        wrong=(
            WRONG_RANK,
            ({**sequence(), "attention_mask": padding_mask()}, "`attention_mask` must have rank 3"),
            ({"inputs": floats(1, 2, 7)}, "num_heads=2 and an input of width 7"),
        ),
    ),
    Case(
        "self_attention_few_heads",
        lambda: layers.SelfAttention(num_heads=3, head_dim=2),
        lambda: {**packed_sequence(), "head_mask": np.array([[1, 1, 1], [0.5, 0, 1], [0, 0, 0]], "float32")},
        mixes_positions=True,
    ),
    Case(
        "self_attention_right_padded",
        lambda: layers.SelfAttention(num_heads=2, flash_attention=False, right_padded=True),
        masked_sequence,
        mixes_positions=True,
        wrong=(
            WRONG_RANK,
            (
                {**sequence(), "padding_mask": np.array([[1, 0, 1, 1, 0]] * BATCH, "int32")},
                r"A real token stands after padding.*Received values from\W+2\W+to\W+2\W",
            ),
        ),
    ),
    Case(
        "self_attention_rotary_local",
        lambda: layers.SelfAttention(
            num_heads=2,
            dropout=0.1,
            use_bias=False,
            output_initializer="glorot_uniform",
            rotary=layers.RotaryEmbedding(100.0),
            window=layers.SlidingWindow(2),
        ),
        rotary_packed_sequence,
        mixes_positions=True,
        wrong=(WRONG_RANK, ({"inputs": floats(1, 2, 6)}, r"even size. Received: shape=\([^)]*, 2, 3\)")),
    ),
    Case(
        "sliding_window",
        lambda: layers.SlidingWindow(3),
        sequence,
        dtype="bool",
        keeps_mask=False,
        trains=False,
    ),
    Case("feed_forward", lambda: layers.FeedForward(12, dropout=0.1), sequence),
    Case(
        "feed_forward_without_biases",
        lambda: layers.FeedForward(12, kernel_initializer=FAST, use_bias=False),
        sequence,
    ),
    Case("gated_feed_forward", lambda: layers.GatedFeedForward(12, dropout=0.1), sequence),
    Case(
        "gated_feed_forward_without_biases",
        lambda: layers.GatedFeedForward(
            6, "silu", use_bias=False, kernel_initializer=FAST, output_initializer="glorot_uniform"
        ),
        sequence,
    ),
    Case("transformer_encoder", block, packed_sequence, mixes_positions=True, wrong=(WRONG_RANK,)),
    Case(
        "transformer_encoder_pre_norm",
        lambda: block(normalize_first=True, activation="relu"),
        masked_sequence,
        mixes_positions=True,
    ),
    Case(
        "transformer_encoder_of_parts",
        lambda: layers.TransformerEncoder(
            attention=layers.SelfAttention(num_heads=4), feed_forward=layers.FeedForward(6, activation="tanh")
        ),
        masked_sequence,
        mixes_positions=True,
    ),
    Case("transformer_encoder_modern", modern_block, rotary_packed_sequence, mixes_positions=True),
    Case(
        "encoder_stack",
        lambda: layers.EncoderStack([block(), block()]),
        packed_sequence,
        mixes_positions=True,
        wrong=(WRONG_RANK,),
    ),
    Case(
        "encoder_stack_shared",
        lambda: layers.EncoderStack([block()], order=[0, 0, 0]),
        masked_sequence,
        mixes_positions=True,
    ),
    Case(
        "encoder_stack_modern",
        lambda: layers.EncoderStack([modern_block(attention_norm=keras.layers.Identity()), modern_block()]),
        rotary_packed_sequence,
        mixes_positions=True,
    ),
    Case(
        "unpad",
        layers.Unpad,
        masked_sequence,
        wrong=(
            WRONG_RANK,
            ({**sequence(), "padding_mask": padding_mask()[:, 1:]}, "`padding_mask` .* shape"),
            (vectors(), r"a batch \[batch, length, width\]. Received inputs of rank 2"),
        ),
        dtype=(None, "int32", "int32", "bool"),
        keeps_mask=False,
        trains=False,
        compiles=False,
    ),
    Case(
        "repad",
        UnpaddedBlock,
        masked_sequence,
        mixes_positions=True,
        wrong=(WRONG_RANK,),
        keeps_mask=False,
        compiles=False,
        covers=(layers.Repad,),
    ),
    Case("pooler", layers.Pooler, sequence, keeps_mask=False),
    Case(
        "pooler_packed",
        layers.Pooler,
        lambda: {**sequence(), "positions": np.array([[0, 3], [2, -1], [-1, -1]], "int32")},
        keeps_mask=False,
        wrong=(
            (
                {**sequence(), "positions": np.array([[5], [0], [0]], "int32")},
                "outside the sequence. .* below 5. Received values from 0 to 5",
            ),
        ),
    ),
    Case("pooler_relu", lambda: layers.Pooler(activation="relu"), sequence, keeps_mask=False),
    Case(
        "pooling_cls",
        lambda: layers.Pooling("cls"),
        masked_sequence,
        wrong=(WRONG_RANK,),
        keeps_mask=False,
        trains=False,
    ),
    Case(
        "pooling_mean",
        lambda: layers.Pooling("mean"),
        masked_sequence,
        mixes_positions=True,
        wrong=(WRONG_RANK,),
        keeps_mask=False,
        trains=False,
    ),
    Case(
        "pooling_max",
        lambda: layers.Pooling("max"),
        masked_sequence,
        mixes_positions=True,
        wrong=(WRONG_RANK,),
        keeps_mask=False,
        trains=False,
    ),
    Case(
        "masked_lm_head_untied",
        lambda: layers.MaskedLMHead(vocabulary_size=VOCABULARY),
        masked_positions,
        wrong=(
            (
                {**sequence(), "mask_positions": np.array([[5], [0], [0]], "int32")},
                "outside the sequence. .* below 5. Received values from 0 to 5",
            ),
            ({**sequence(), "mask_positions": np.array([1, 2, 3], "int32")}, r"\[batch, predictions\]"),
        ),
        keeps_mask=False,
    ),
    Case(
        "masked_lm_head_tied",
        lambda: layers.MaskedLMHead(token_embedding=layers.TokenEmbedding(VOCABULARY, 6)),
        masked_positions,
        keeps_mask=False,
    ),
    Case(
        "masked_lm_head_without_biases",
        lambda: layers.MaskedLMHead(
            VOCABULARY, use_bias=False, use_output_bias=False, norm=layers.LayerNormalization(1e-5, center=False)
        ),
        masked_positions,
        keeps_mask=False,
    ),
    Case("next_sentence_head", layers.NextSentenceHead, vectors),
    Case("classification_head", lambda: layers.ClassificationHead(4, dropout=0.1), vectors),
    Case(
        "token_classification_head",
        lambda: layers.TokenClassificationHead(dropout=0.1, labels=["O", "B", "I", "E"]),
        sequence,
        wrong=((vectors(), "classifies every position of a sequence"),),
    ),
    Case("span_head", layers.SpanHead, masked_sequence, mixes_positions=True, wrong=(WRONG_RANK,), keeps_mask=False),
]


def functional(layer: keras.layers.Layer, inputs: dict[str, np.ndarray], lengths: bool = True) -> keras.Model:
    """A functional model of that one layer: named dict inputs, every axis but the width unknown unless `lengths`."""
    symbols = {
        name: keras.Input(value.shape[1:] if lengths else unknown(value), dtype=value.dtype.name, name=name)
        for name, value in inputs.items()
    }
    outputs = layer(**symbols)
    # Outputs within outputs are nothing that a signature of a SavedModel can have.
    return keras.Model(symbols, keras.tree.flatten(outputs) if isinstance(outputs, tuple) else outputs)


def unknown(value: np.ndarray) -> tuple:
    return (None,) * (value.ndim - 2) + value.shape[-1:] if value.dtype.kind == "f" else (None,) * (value.ndim - 1)
