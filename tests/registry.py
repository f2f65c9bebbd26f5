"""Every public layer once: how to build it and what to feed it. The contract suites run over all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np

from keras_bert_layers import layers

BATCH, LENGTH, WIDTH, VOCABULARY = 3, 5, 8, 11


@dataclass(frozen=True)
class Case:
    """One layer under contract.

    Args:
        name: unique; the id of its tests.
        build: makes a fresh layer.
        inputs: makes the call's arguments by name: batches of three, the first argument first.
        mixes_positions: whether a position's output depends on other positions (it then takes `padding_mask`).
        padded: the inputs hold one row that is padding only, the last, and padding at the end of the others.
        wrong: a bad set of call arguments and what the error must say, several where there are several.
        integer_output: the output is not a float tensor.
    """

    name: str
    build: Callable[[], keras.layers.Layer]
    inputs: Callable[[], dict[str, np.ndarray]]
    mixes_positions: bool = False
    wrong: tuple = field(default=())


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


def block(**kwargs):
    return layers.TransformerEncoder(intermediate_dim=12, num_heads=2, dropout=0.1, **kwargs)


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
    Case("feed_forward", lambda: layers.FeedForward(12, dropout=0.1), sequence),
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
    Case("pooler", layers.Pooler, sequence),
    Case("pooler_relu", lambda: layers.Pooler(activation="relu"), sequence),
    Case("pooling_cls", lambda: layers.Pooling("cls"), masked_sequence, wrong=(WRONG_RANK,)),
    Case("pooling_mean", lambda: layers.Pooling("mean"), masked_sequence, mixes_positions=True, wrong=(WRONG_RANK,)),
    Case("pooling_max", lambda: layers.Pooling("max"), masked_sequence, mixes_positions=True, wrong=(WRONG_RANK,)),
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
    ),
    Case(
        "masked_lm_head_tied",
        lambda: layers.MaskedLMHead(token_embedding=layers.TokenEmbedding(VOCABULARY, 6)),
        masked_positions,
    ),
    Case("next_sentence_head", layers.NextSentenceHead, vectors),
    Case("classification_head", lambda: layers.ClassificationHead(4, dropout=0.1), vectors),
    Case(
        "token_classification_head",
        lambda: layers.TokenClassificationHead(4, dropout=0.1),
        sequence,
        wrong=((vectors(), "classifies every position of a sequence"),),
    ),
    Case("span_head", layers.SpanHead, masked_sequence, mixes_positions=True, wrong=(WRONG_RANK,)),
]


def functional(layer: keras.layers.Layer, inputs: dict[str, np.ndarray], lengths: bool = True) -> keras.Model:
    """A functional model of that one layer: named dict inputs, every axis but the width unknown unless `lengths`."""
    symbols = {
        name: keras.Input(value.shape[1:] if lengths else unknown(value), dtype=value.dtype.name, name=name)
        for name, value in inputs.items()
    }
    return keras.Model(symbols, layer(**symbols))


def unknown(value: np.ndarray) -> tuple:
    return (None,) * (value.ndim - 2) + value.shape[-1:] if value.dtype.kind == "f" else (None,) * (value.ndim - 1)
