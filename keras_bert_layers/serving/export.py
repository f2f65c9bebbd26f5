"""One directory that a stock TensorFlow Serving loads and answers from."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras

from keras_bert_layers import models
from keras_bert_layers.models.precision import in_bfloat16, in_int8, precision_of
from keras_bert_layers.serving.batching import check_batch_sizes
from keras_bert_layers.serving.compiled_forward import check_compiled_lengths
from keras_bert_layers.serving.operations import SERVERS, check_servers
from keras_bert_layers.serving.requirements import check_requirements
from keras_bert_layers.serving.saved_model import SavedModelWriter
from keras_bert_layers.serving.settings import Settings, checked_buckets
from keras_bert_layers.serving.versions import check_version, write_version

_COPIES = {"bfloat16": in_bfloat16, "int8": in_int8}


def export(
    model: keras.Model,
    path: str | os.PathLike,
    preprocessor: keras.layers.Layer,
    labels: Sequence[str] | None = None,
    pairs: bool = False,
    *,
    top_k: int = 5,
    max_answer_length: int = 30,
    null_threshold: float | None = None,
    buckets: Sequence[int] = (),
    weights: str | None = None,
    jit_compile: bool = False,
    batch_sizes: Sequence[int] = (1, 8, 32),
    servers: Sequence[str] = SERVERS,
    compiled_lengths: Sequence[int] = (),
) -> Path:
    """Writes `model` and its preprocessing as one SavedModel, and returns only after it answered like the model.

    The endpoints (signatures) are `text` (also the default one, `serving_default`): strings in, answers out;
    `examples`: the same from serialized `tf.train.Example`s with string features of the inputs' names; `token_ids`: the
    model's inputs in, its outputs out; and `describe`: what the SavedModel is. The vocabulary and the labels are
    inside, and as files in `assets.extra`, with requests that a server runs before it answers its first one. A version
    appears complete or not at all.

    What `text` takes and gives follows from the model; B texts, C classes:

    - text classification, single-label: `probabilities` float32 [B, C] in the order of the labels, `label` string [B],
      the likeliest, and `score` float32 [B], its probability. Multi-label: `probabilities`; `labels` string [B, C] with
      the likeliest first, `scores` float32 [B, C] of these, and `count` int32 [B]: the first so many have a probability
      over 0.5. Regression: `value` float32 [B].
    - token classification, with labels: the entities of each text, padded to the most of one:
      `text`, `label` string, `start`, `end` int32 (characters) and `score` float32 [B, E], `count` int32 [B]. Texts
      may be of any length. Tags that mark no entities, such as parts of speech, come for every word.
    - question answering takes `question` and `context` of any length: `answers` string, `starts`, `ends` int32
      (characters), `scores`, `probabilities` float32 [B, k], `count` int32 [B]; `answer`, `start`, `end`, `probability`
      [B], the best of them; and `null_score` float32 [B].
    - masked LM, for each [MASK] in a text: `words` string and `scores` float32 [B, M, k], `positions` int32 [B, M],
      `count` int32 [B].
    - sentence embedding: `vectors` float32 [B, H].
    - everything else: the model's outputs by name, float32, `logits` where it has only one. Pretraining models with
      `mask_positions` have no endpoint for strings.

    Args:
        model: a functional model with named inputs, such as those of `keras_bert_layers.models`.
        path: the folder of the model, in which the next free number becomes the version: `"exported"` gives
            `exported/1`, then `exported/2`. If its last part is a number, it is the version, which must not exist.
        preprocessor: what the model was trained with: a BertPreprocessor, a QuestionPreprocessor or a WordPreprocessor.
        labels: the name of each class, in the order of the logits; for models with one output. Defaults to `None`:
            those that the model was built with, and if it has none, logits out.
        pairs: bool. Whether the `text` endpoint takes two texts, `text` and `text_pair`. Defaults to `False`.
        top_k: int > 0. Answers k to a question, and words for a mask. Defaults to 5.
        max_answer_length: int > 0. The longest answer to a question, in tokens. Defaults to 30.
        null_threshold: float. The answer to a question is empty where the score of "no answer" less that of the best
            answer is above. Defaults to `None`: there always is an answer.
        buckets: int. Lengths to which `text` pads its features, so that only these shapes occur; the preprocessor's
            sequence_length is one of them. Defaults to none: as the preprocessor pads.
        weights: `"bfloat16"` writes and computes in bfloat16: half the size, less exact answers. `"int8"`: matrices of
            eight bits, a quarter of the size, as `compress.quantize` makes them; a server needs a CPU with VNNI and
            refuses to answer on an older one. Defaults to `None`: as the model is, which may be a quantized one.
        jit_compile: bool. Whether `text_xla` and `token_ids_xla` stand beside `text` and `token_ids`, with the model
            compiled by XLA; a server has to be started with XLA for these two. Not for integers, whose kernel XLA
            lacks. Defaults to `False`.
        batch_sizes: int > 0. To which a server may join requests, and of the requests that warm it up. Defaults to
            (1, 8, 32).
        servers: versions of TensorFlow Serving that have to know every operation. Defaults to all that are listed,
            `("2.18", "2.19", "2.20", "2.21")`.
        compiled_lengths: int. Lengths for which XLA compiles the model, for a GPU: all endpoints pad their batch to the
            shortest of these that holds it, and to the next of `batch_sizes`, so that XLA compiles one program for each
            pair of these, which requests that warm a server up have it do before its first answer. A longer batch
            runs as without. A server without XLA cannot answer shorter ones. Not for integers. Defaults to none.

    Returns:
        The path of the version.

    Raises:
        ValueError: if the version exists, the model needs inputs that text does not give, has LoRA matrices, or another
            number of classes than of labels; if a server lacks an operation; or if the reloaded SavedModel answers
            differently.

    Example:
        >>> import tempfile, tensorflow as tf
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=8)
        >>> classifier = models.text_classifier(models.bert_encoder(config), labels=["no", "yes"])
        >>> path = export(classifier, tempfile.mkdtemp() + "/sentiment", preprocessor)
        >>> served = tf.saved_model.load(path).signatures["text"](text=tf.constant(["good"]))
        >>> path.name, sorted(served)
        ('1', ['label', 'probabilities', 'score'])
    """
    check_version(path)
    labels = _labels(model) if labels is None else tuple(labels)
    if top_k < 1 or max_answer_length < 1:
        raise ValueError(
            "`top_k` and `max_answer_length` must be 1 or more. "
            f"Received: top_k={top_k}, max_answer_length={max_answer_length}."
        )
    if weights not in (None, *_COPIES):
        raise ValueError(
            f'`weights` must be "bfloat16" or "int8", or None to keep them as they are. Received: {weights!r}.'
        )
    check_servers(servers)
    batch_sizes = check_batch_sizes(batch_sizes)
    check_requirements(model, preprocessor, labels, pairs)
    buckets = checked_buckets(buckets, preprocessor.sequence_length)
    settings = Settings(labels, pairs, top_k, max_answer_length, null_threshold, buckets)
    precision = weights or precision_of(model)
    compiled_lengths = check_compiled_lengths(compiled_lengths, model, preprocessor.sequence_length)
    if precision == "int8" and (jit_compile or compiled_lengths):
        raise ValueError(
            "XLA has no product of integers of eight bits that is faster than one of floats. Leave `jit_compile` and "
            "`compiled_lengths` out, or export the model in float32 or bfloat16."
        )
    if weights is not None:
        model = _COPIES[weights](model)
    writer = SavedModelWriter(
        model, preprocessor, settings, precision, jit_compile, batch_sizes, tuple(servers), compiled_lengths
    )
    return write_version(path, writer.write)


def _labels(model):
    """The model's own labels, if they are those of its one output."""
    labels = None if isinstance(model.output, dict) else models.labels_of(model)
    return tuple(labels) if labels is not None and model.output.shape[-1] == len(labels) else None
