"""What a model answers to many texts, in little time."""

import contextlib
import sys
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_bert_layers.ops.tracing import here_only

# Texts that are tokenized, sorted and answered together: their token ids are held in memory.
_POOL = 16384


class Predictor:
    """A model's outputs for texts, in the order of the texts, with little computed on padding.

    Texts are tokenized, and those of like length go into one batch: as many as have `tokens_per_batch` tokens together
    with their padding. The longest come first: what is too much for the memory fails at once, and the time left is not
    estimated too short. Answers are those of the texts one by one, up to rounding.

    Args:
        model: a functional model of token ids, as built by keras_bert_layers.models.
        preprocessor: layer from strings to the model's inputs, such as `BertPreprocessor`.
        tokens_per_batch: int > 0. A longer text has a batch of its own. Defaults to 2048, where a CPU with two cores
            has reached its speed and activations are still in its cache; a GPU takes twenty times as much.

    Call arguments:
        texts: strings, [N]: a list, an array or a tensor; or a tuple of two of them, for pairs.
        verbose: bool. Whether to show progress and an estimate of the time left, on the standard error. Defaults to
            `False`.

    Returns:
        Outputs in the structure of the model's, of a float16, bfloat16 or float32 model always float32: an array [N, …]
        for what has one value a text; for what has one at each position, a list of N arrays [S, …], each as long as its
        text is in tokens. `forward(features)` answers one batch that is tokenized already.

    Raises:
        ValueError: if the model takes inputs that the preprocessor does not make, or `tokens_per_batch` is not
            positive.

    Example:
        >>> from keras_bert_layers import models, text
        >>> tokenizer = text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"])
        >>> config = models.BertConfig(vocabulary_size=6, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=8)
        >>> model = models.text_classifier(models.bert_encoder(config), labels=["no", "yes"])
        >>> predict = Predictor(model, text.BertPreprocessor(tokenizer))
        >>> predict(["a b", "a", "b b b"]).shape
        (3, 2)
    """

    def __init__(self, model: keras.Model, preprocessor: keras.layers.Layer, tokens_per_batch: int = 2048):
        if tokens_per_batch < 1:
            raise ValueError(f"`tokens_per_batch` must be positive. Received: {tokens_per_batch}.")
        made = preprocessor.compute_output_spec(keras.KerasTensor((None,), "string"))
        inputs = model.input if isinstance(model.input, dict) else {}
        if not inputs or not set(inputs) <= set(made):
            raise ValueError(
                f"The inputs of the model must be a dict of some of {sorted(made)}, which "
                f"{type(preprocessor).__name__} makes of texts. Received: {sorted(inputs) or model.input}."
            )
        self.model, self.preprocessor, self.tokens_per_batch = model, preprocessor, tokens_per_batch
        self._names = sorted({*inputs, "padding_mask"})
        self._is_sequence = [len(output.shape) > 1 and output.shape[1] is None for output in _flat(model.output)]
        specs = {name: tf.TensorSpec((None, None), tf.int32) for name in inputs}
        self._tokenize = tf.function(self._ragged, autograph=False, reduce_retracing=True)
        self._outputs = tf.function(self._computed, input_signature=[specs], autograph=False)

    def __call__(self, texts: Sequence[str] | tuple, verbose: bool = False):
        columns = [np.asarray(column, object) for column in (texts if isinstance(texts, tuple) else (texts,))]
        number = len(columns[0])
        bar = keras.utils.Progbar(number, unit_name="text", verbose=int(verbose and number > 0))
        answers = [[None] * number for _ in self._is_sequence]
        for begin in range(0, number, _POOL):
            rows, features = self._features([column[begin : begin + _POOL] for column in columns])
            for batch in token_batches(rows, self.tokens_per_batch):
                outputs = self._outputs(self._batch(features, batch))
                for each, of_output, is_sequence in zip(answers, outputs, self._is_sequence, strict=True):
                    for place, answer in zip(batch, of_output.numpy(), strict=True):
                        each[begin + place] = answer[: rows[place]].copy() if is_sequence else answer
                # Keras draws on the standard output, where a script's answers go.
                with contextlib.redirect_stdout(sys.stderr):
                    bar.add(len(batch))
        answers = [
            each if is_sequence else np.reshape(each, (number, *output.shape[1:]))
            for each, is_sequence, output in zip(answers, self._is_sequence, _flat(self.model.output), strict=True)
        ]
        return keras.tree.pack_sequence_as(self.model.output, answers)

    def forward(self, features: Mapping[str, tf.Tensor]):
        """The outputs for one batch of the preprocessor's features, such as `token_ids` int [B, S], as it is given.

        Returns:
            float32 tensors in the structure of the model's outputs, padding included.
        """
        inputs = {name: tf.cast(features[name], tf.int32) for name in self.model.input}
        return keras.tree.pack_sequence_as(self.model.output, self._outputs(inputs))

    def _features(self, columns):
        """The number of tokens of each text, and the features without padding."""
        features = self._tokenize(*(tf.constant(column, tf.string) for column in columns))
        return features["padding_mask"].row_lengths().numpy(), features

    def _ragged(self, *columns):
        features = self.preprocessor(columns if len(columns) > 1 else columns[0])
        lengths = tf.reduce_sum(features["padding_mask"], axis=1)
        return {name: tf.RaggedTensor.from_tensor(features[name], lengths) for name in self._names}

    def _batch(self, features, batch):
        padding = {"token_ids": self.preprocessor.tokenizer.pad_id}
        return {name: tf.gather(features[name], batch).to_tensor(padding.get(name, 0)) for name in self.model.input}

    def _computed(self, features):
        with here_only():
            return [tf.cast(output, tf.float32) for output in _flat(self.model(features, training=False))]


def token_batches(lengths: np.ndarray, tokens: int) -> list[np.ndarray]:
    """The numbers of the rows, the longest first, in batches of at most so many tokens, padding included.

    Args:
        lengths: int [N]. Tokens of each row.
        tokens: int > 0. A row that has more stands alone.

    Example:
        >>> [batch.tolist() for batch in token_batches(np.array([3, 9, 4, 2, 1]), 8)]
        [[1], [2, 0], [3, 4]]
    """
    order = np.argsort(-lengths, kind="stable")
    batches, begin = [], 0
    while begin < len(order):
        rows = max(1, tokens // max(1, int(lengths[order[begin]])))
        batches.append(order[begin : begin + rows])
        begin += rows
    return batches


def _flat(outputs):
    return keras.tree.flatten(outputs)
