"""A model and a text whose prediction is to be explained: what every attribution method asks of them."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.embedded_model import EmbeddedModel, embedded_model
from keras_bert_layers.interpret.pieces import Pieces, check_texts, model_inputs, pieces_of
from keras_bert_layers.interpret.target import Target, probabilities_of, select, target_of


class Explained:
    """One text before one model: its embeddings, logits and gradients, a batch of variants at a time."""

    def __init__(self, model: keras.Model, halves: EmbeddedModel, preprocessor, pieces: Pieces, target: Target):
        self.model, self.halves, self.preprocessor, self.pieces = model, halves, preprocessor, pieces
        self.outputs = self.outputs_of(pieces.token_ids[None])
        self.target = target_of(self.outputs, target)

    def outputs_of(self, token_ids: np.ndarray):
        """The outputs of the model for rows of token ids [R, S]."""
        return self.model(model_inputs(self.model, self.preprocessor, self.pieces, token_ids))

    def embed(self, token_ids: np.ndarray) -> np.ndarray:
        """float32 [R, S, H]: the embeddings of rows of token ids [R, S]."""
        found = self.halves.embed(model_inputs(self.model, self.preprocessor, self.pieces, token_ids))
        return np.asarray(tf.cast(found, "float32"))

    def logits(self, token_ids: np.ndarray) -> np.ndarray:
        """float32 [R]: the target's logit for rows of token ids [R, S]."""
        return np.asarray(tf.cast(select(self.outputs_of(token_ids), self.target), "float32"))

    def gradients(self, embedded: np.ndarray) -> np.ndarray:
        """∂ logit / ∂ embeddings, float32 [R, S, H], at each of these embeddings."""
        token_ids = np.tile(self.pieces.token_ids, (len(embedded), 1))
        inputs = model_inputs(self.model, self.preprocessor, self.pieces, token_ids)
        inputs = {name: tf.constant(value) for name, value in inputs.items()}
        moved = tf.cast(embedded, self.halves.rest.input["embedded"].dtype)
        with tf.GradientTape() as tape:
            tape.watch(moved)
            # The rows do not see each other: the gradient of their sum is that of each.
            total = tf.reduce_sum(select(self.halves.rest({**inputs, "embedded": moved}), self.target))
        return np.asarray(tf.cast(tape.gradient(total, moved), "float32"))

    def attribution(self, method: str, scores: np.ndarray, baseline_logit: float | None = None) -> Attribution:
        """The result, with what the model predicts and the error of completeness."""
        logit = float(select(self.outputs, self.target)[0])
        probabilities = probabilities_of(self.outputs, self.target)
        single = len(probabilities) == 1
        scores = np.asarray(scores, "float32")
        return Attribution(
            **self.pieces.fields_of_pieces(),
            method=method,
            scores=scores,
            target=self.target,
            logit=logit,
            probabilities=probabilities,
            prediction=int(probabilities[0] > 0.5) if single else int(np.argmax(probabilities)),
            baseline_logit=baseline_logit,
            delta=None if baseline_logit is None else float(scores.sum() - (logit - baseline_logit)),
        )


def explained_texts(
    model: keras.Model, preprocessor, texts: Sequence[str | tuple[str, str]], target: Target
) -> Iterator[Explained]:
    """Every text before the model, which is cut in two once for all of them."""
    check_texts(texts)
    halves = embedded_model(model)
    for text in texts:
        yield Explained(model, halves, preprocessor, pieces_of(preprocessor, text), target)


def in_batches(function, rows: np.ndarray, batch_size: int) -> np.ndarray:
    """`function` of the rows, `batch_size` of them at a time."""
    return np.concatenate([function(rows[begin : begin + batch_size]) for begin in range(0, len(rows), batch_size)])
