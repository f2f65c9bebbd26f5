"""What the question answering scripts share: questions as windows in memory, batches of them, and a model's answers."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from text_input import with_bar

import keras_bert_layers as kbl
import keras_bert_layers.data
import keras_bert_layers.ops
import keras_bert_layers.text

# Questions whose windows are made in one call: what is padded in between stays small.
QUESTIONS_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class Windows:
    """The windows of many questions, without padding.

    Args:
        token_ids, starts, ends: ragged int32 [W, None], as a QuestionPreprocessor makes them.
        context_begins: int32 [W], the position of the context's first token.
        example_ids: int32 [W], the question of each window.
        first, last, is_inside: int32 [W], from `answer_positions`.
        cut_questions: how many questions were longer than their limit.
        preprocessor: that made them.
    """

    token_ids: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor
    context_begins: np.ndarray
    example_ids: np.ndarray
    first: np.ndarray
    last: np.ndarray
    is_inside: np.ndarray
    cut_questions: int
    preprocessor: kbl.text.QuestionPreprocessor

    def __len__(self) -> int:
        return len(self.example_ids)

    @property
    def lengths(self) -> np.ndarray:
        return self.token_ids.row_lengths().numpy()

    def __str__(self) -> str:
        notes = f", {self.cut_questions:,} questions cut" if self.cut_questions else ""
        unknown = np.count_nonzero(self.token_ids.values == self.preprocessor.tokenizer.unk_id)
        notes += f", {unknown:,} words in them unknown" if unknown else ""
        return f"{len(self):,} windows of {np.mean(self.lengths):.0f} tokens on average{notes}"


def make_windows(preprocessor: kbl.text.QuestionPreprocessor, questions: kbl.data.tasks.Questions) -> Windows:
    """All windows of the questions, with the places of their answers."""
    strings = tf.TensorSpec((None,), tf.string)

    @tf.function(input_signature=[strings, strings, tf.TensorSpec((None, 2), tf.int32)])
    def windows_of(asked, contexts, spans):
        windows = preprocessor((asked, contexts))
        answers = tf.gather(spans, windows["example_ids"])
        first, last, is_inside = kbl.text.answer_positions(
            windows["starts"], windows["ends"], answers[:, 0], answers[:, 1]
        )
        lengths = tf.reduce_sum(windows["padding_mask"], axis=1)
        rows = {
            name: tf.RaggedTensor.from_tensor(windows[name], lengths=lengths)
            for name in ("token_ids", "starts", "ends")
        }
        begins = tf.argmax(windows["segment_ids"], axis=1, output_type=tf.int32)
        cut = windows["question_lengths"] > preprocessor.max_question_length
        return rows, (begins, windows["example_ids"], first, last, is_inside, tf.cast(cut, tf.int32))

    rows, numbers = [], []
    for begin in range(0, len(questions), QUESTIONS_AT_ONCE):
        chunk = slice(begin, begin + QUESTIONS_AT_ONCE)
        ragged, columns = windows_of(questions.questions[chunk], questions.contexts[chunk], questions.spans[chunk])
        columns = [column.numpy() for column in columns]
        columns[1] += begin
        rows.append(ragged)
        numbers.append(columns)
    begins, examples, first, last, is_inside, cut = (np.concatenate(column) for column in zip(*numbers, strict=True))
    return Windows(
        **{name: tf.concat([ragged[name] for ragged in rows], axis=0) for name in rows[0]},
        context_begins=begins,
        example_ids=examples,
        first=first,
        last=last,
        is_inside=is_inside,
        cut_questions=len(np.unique(examples[cut == 1])),
        preprocessor=preprocessor,
    )


def features_of(token_ids: tf.RaggedTensor, context_begins: tf.Tensor, pad_id: int) -> dict[str, tf.Tensor]:
    """The features of windows, and `context_mask`, padded to the longest."""
    lengths = tf.cast(token_ids.row_lengths(), tf.int32)[:, tf.newaxis]
    ids = token_ids.to_tensor(pad_id)
    position = tf.range(tf.shape(ids)[1])[tf.newaxis]
    is_token, is_second = position < lengths, position >= context_begins[:, tf.newaxis]
    masks = {"padding_mask": is_token, "segment_ids": is_token & is_second}
    masks["context_mask"] = is_second & (position < lengths - 1)  # the last token is a [SEP]
    return {"token_ids": ids, **{name: tf.cast(mask, tf.int32) for name, mask in masks.items()}}


def training_batches(
    windows: Windows, names: list[str], batch_size: int, seed: int
) -> Callable[[int], tf.data.Dataset]:
    """step -> endless batches of windows of like length from that step on, with the names of the model's inputs."""
    pad_id = windows.preprocessor.tokenizer.pad_id

    def prepare(token_ids, context_begins, first, last):
        features = features_of(token_ids, context_begins, pad_id)
        return {name: features[name] for name in names}, {"start": first, "end": last}

    columns = (windows.token_ids, windows.context_begins, windows.first, windows.last)
    return lambda step: kbl.data.bucketed_dataset(
        columns, prepare, windows.lengths, batch_size, seed=seed, start_step=step
    )


def losses() -> dict:
    """The arguments of `compile`: the mean of the cross-entropies of start and end."""
    return {
        "loss": {name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in ("start", "end")},
        "loss_weights": {"start": 0.5, "end": 0.5},
    }


class Answerer:
    """Finds the best answers to questions with a model that points at starts and ends.

    Args:
        model: from `models.span_predictor`.
        n_best: how many answers to a question.
        max_answer_length: the longest answer, in tokens.
        batch_size: windows at once.
    """

    def __init__(self, model: keras.Model, n_best: int = 20, max_answer_length: int = 30, batch_size: int = 32):
        self.n_best, self.batch_size = n_best, batch_size
        rows = tf.RaggedTensorSpec((None, None), tf.int32, ragged_rank=1)

        @tf.function(input_signature=[rows, rows, rows, tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32)])
        def spans_of(token_ids, starts, ends, context_begins, pad_id):
            features = features_of(token_ids, context_begins, pad_id)
            logits = model({name: features[name] for name in model.input}, training=False)
            scores, first, last = kbl.ops.best_spans(
                logits["start"], logits["end"], features["context_mask"], max_answer_length, n_best
            )
            places = [
                tf.gather(offsets.to_tensor(0), tokens, batch_dims=1)
                for offsets, tokens in ((starts, first), (ends, last))
            ]
            nulls = tf.cast(logits["start"][:, 0] + logits["end"][:, 0], tf.float32)
            return scores, *(tf.maximum(place, 0) for place in places), nulls

        self._spans_of = spans_of

    def __call__(self, windows: Windows, questions: kbl.data.tasks.Questions) -> "Answers":
        batches = kbl.data.length_batches(windows.lengths, self.batch_size)
        found = []
        for batch in with_bar(batches, "answering"):
            rows = (tf.gather(rows, batch) for rows in (windows.token_ids, windows.starts, windows.ends))
            found.append(self._spans_of(*rows, windows.context_begins[batch], windows.preprocessor.tokenizer.pad_id))
        scores, starts, ends, nulls = (np.concatenate(columns) for columns in zip(*found, strict=True))
        examples = windows.example_ids[np.concatenate(batches)]
        merged = kbl.ops.merge_spans(scores, starts, ends, nulls, examples, len(questions))
        return Answers(questions, *(column.numpy() for column in merged))


@dataclasses.dataclass(frozen=True)
class Answers:
    """The best answers to each question, best first, and how much speaks for "no answer".

    Args:
        questions: that were asked.
        scores, starts, ends: [N, k], from `merge_spans`.
        null_scores: float32 [N].
    """

    questions: kbl.data.tasks.Questions
    scores: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    null_scores: np.ndarray

    @property
    def texts(self) -> dict[str, str]:
        """The best answer by the question's id, empty where there is none at all."""
        places = zip(self.questions.contexts, self.starts[:, 0], self.ends[:, 0], strict=True)
        return dict(zip(self.questions.ids, (context[start:end] for context, start, end in places), strict=True))

    @property
    def differences(self) -> dict[str, float]:
        """By id, the score of "no answer" less that of the best answer."""
        return dict(zip(self.questions.ids, (self.null_scores - self.scores[:, 0]).tolist(), strict=True))

    def records(self, null_threshold: float | None, n_best: int) -> list[dict]:
        """A dict for each question, to be written as JSON; with a threshold, "no answer" is one of the answers."""
        nulls = None if null_threshold is None else self.null_scores
        probabilities = kbl.ops.span_probabilities(self.scores, nulls).numpy()
        records = []
        for i, context in enumerate(self.questions.contexts):
            listed = [
                {
                    "text": context[self.starts[i, k] : self.ends[i, k]],
                    "start": int(self.starts[i, k]),
                    "end": int(self.ends[i, k]),
                    "score": float(self.scores[i, k]),
                    "probability": float(probabilities[i, k]),
                }
                for k in range(self.scores.shape[1])
                if self.ends[i, k] > self.starts[i, k]
            ]
            none = {"text": "", "start": -1, "end": -1, "score": float(self.null_scores[i])}
            none["probability"] = 0.0 if nulls is None else float(probabilities[i, -1])
            says_none = not listed or (nulls is not None and none["score"] - listed[0]["score"] > null_threshold)
            best = none if says_none else listed[0]
            if nulls is not None:
                listed = sorted([*listed, none], key=lambda answer: -answer["score"])
            named = {"id": self.questions.ids[i], "question": self.questions.questions[i], "answer": best["text"]}
            records.append({**named, **{key: best[key] for key in list(best)[1:]}, "n_best": listed[:n_best]})
        return records
