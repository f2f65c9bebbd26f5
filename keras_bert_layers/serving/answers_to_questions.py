"""Questions and contexts to answers, with their places."""

import tensorflow as tf

from keras_bert_layers import ops, text
from keras_bert_layers.ops.span_decoding import is_span
from keras_bert_layers.serving.entities_in_texts import valid_utf8
from keras_bert_layers.serving.forward import Forward
from keras_bert_layers.serving.settings import Settings, pad_to_bucket


def answer_questions(forward: Forward, preprocessor: text.QuestionPreprocessor, settings: Settings):
    """A function of questions and contexts, string [B] each, that gives the k best answers to each, best first.

    A context that is longer than the model takes is read in windows, all of them in the model's one batch. It gives
    `answers` string, `starts` and `ends` int32 (characters of the context, the end exclusive), `scores` float32 (start
    and end logit added) and `probabilities` float32, [B, k] each, and `count` int32 [B]: the first so many of a row are
    answers, the others empty, -1, -1e9 and 0. Beside the list stands what it comes to: `answer`, `start`, `end` and
    `probability` [B], and `null_score` float32 [B]. With `settings.null_threshold`, "no answer" shares in the
    probabilities, and where its score less the best answer's is above the threshold, `answer` is empty and `start` -1.
    """
    threshold = settings.null_threshold

    def answers_of(questions, contexts):
        questions, contexts = valid_utf8(questions), valid_utf8(contexts)
        windows = preprocessor((questions, contexts))
        windows = pad_to_bucket(windows, settings.buckets, preprocessor.tokenizer.pad_id)
        logits = forward(windows)
        scores, first, last = ops.best_spans(
            logits["start"], logits["end"], windows["context_mask"], settings.max_answer_length, settings.top_k
        )
        places = (
            tf.gather(windows[name], tokens, batch_dims=1) for name, tokens in (("starts", first), ("ends", last))
        )
        # The logits at [CLS], which an empty batch does not have.
        nulls = tf.reduce_sum(logits["start"][:, :1] + logits["end"][:, :1], axis=1)
        scores, starts, ends, nulls = ops.merge_spans(
            scores, *(tf.maximum(place, 0) for place in places), nulls, windows["example_ids"], tf.size(questions)
        )
        found = is_span(scores)
        listed = {
            "answers": text.answer_texts(contexts, starts, ends),
            "starts": tf.where(found, starts, -1),
            "ends": tf.where(found, ends, -1),
            "scores": scores,
            "probabilities": ops.span_probabilities(scores, None if threshold is None else nulls)[:, : settings.top_k],
        }
        best = {name: listed[f"{name}s"][:, 0] for name in ("answer", "start", "end")}
        best["probability"] = listed["probabilities"][:, 0]
        if threshold is not None:
            none = {"answer": "", "start": -1, "end": -1}
            none["probability"] = ops.span_probabilities(scores, nulls)[:, -1]
            is_none = nulls - scores[:, 0] > threshold
            best = {name: tf.where(is_none, none[name], value) for name, value in best.items()}
        count = tf.reduce_sum(tf.cast(found, tf.int32), axis=1)
        return {**best, **listed, "count": count, "null_score": nulls}

    return answers_of


def question_preprocessor(preprocessor) -> text.QuestionPreprocessor:
    """The preprocessor if it is one of questions; else one with its tokenizer and length, and windows in proportion.

    Of S tokens a third is shared by neighbours and a sixth is for the question: 128 and 64 of 384.
    """
    if isinstance(preprocessor, text.QuestionPreprocessor):
        return preprocessor
    size = preprocessor.sequence_length
    return text.QuestionPreprocessor(preprocessor.tokenizer, size, size // 3, max(1, size // 6))
