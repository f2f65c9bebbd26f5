"""What the text endpoint of each task gives, against loops over the model's logits."""

import byte_pair_examples
import numpy as np
import pytest
import served_models
import tensorflow as tf
import tiny

from keras_bert_layers import data, models, text
from keras_bert_layers.serving.answers_to_questions import question_preprocessor
from keras_bert_layers.serving.endpoints import examples_endpoint, ids_endpoint, text_task
from keras_bert_layers.serving.forward import plain_forward
from keras_bert_layers.serving.requirements import check_requirements
from keras_bert_layers.serving.settings import Settings, checked_buckets, pad_to_bucket

TEXTS = ["the film is good .", "", "a very bad film", "is the film not bad ? 🙂 é"]


def build(task, **settings):
    """The task's function of strings, its model and its preprocessor, without an export."""
    model = served_models.TASKS[task]()
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in model.get_weights()])
    preprocessor = text.BertPreprocessor(text.BertTokenizer(served_models.VOCABULARY), sequence_length=32)
    labels = models.labels_of(model)
    settings = Settings(**{"labels": None if labels is None else tuple(labels), **settings})
    return text_task(plain_forward(model), model, preprocessor, settings), model, preprocessor


def byte_pairs_of(texts):
    """A tokenizer to which every word is one token, with the space before it."""
    merges = {}
    for word in " ".join(texts).split():
        if word.isascii():
            for length in range(1, len(word) + 1):
                merges[f"Ġ{word[: length - 1]} {word[length - 1]}"] = None
    vocabulary = [*byte_pair_examples.VOCABULARY, *(merge.replace(" ", "") for merge in merges)]
    return text.BytePairTokenizer([*dict.fromkeys(vocabulary)], [*merges], add_prefix_space=True)


def strings(values):
    return [
        [value.decode() for value in row] if isinstance(row, list) else row.decode() for row in values.numpy().tolist()
    ]


@pytest.mark.parametrize("kind", ["WordPiece", "byte pairs"])
def test_entities_are_those_of_a_loop_over_words(kind):
    _, model, preprocessor = build("entities")
    if kind == "byte pairs":
        preprocessor = text.BertPreprocessor(byte_pairs_of(TEXTS), 32)
    # Each token has a tag of its own, so that there are entities of all lengths.
    size = preprocessor.tokenizer.vocabulary_size, len(served_models.TAGS)
    table = np.random.default_rng(0).normal(size=size).astype("f")
    settings = Settings(labels=tuple(served_models.TAGS))
    task = text_task(lambda inputs: {"logits": tf.gather(table, inputs["token_ids"])}, model, preprocessor, settings)
    found = task.function(tf.constant(TEXTS))
    expected = []
    for each in TEXTS:
        words = text.text_words(preprocessor.tokenizer, tf.constant([each]))
        word_ids, starts, ends = (rows.to_list()[0] for rows in (words.word_ids, words.starts, words.ends))
        firsts = [word_ids.index(word) for word in sorted({*word_ids} - {-1})]
        token_ids = words.token_ids.to_list()[0]
        tags = [served_models.TAGS[np.argmax(table[token_ids[first]])] for first in firsts]
        spans = data.tasks.spans_from_tags(tags)
        expected.append(
            [(each[starts[firsts[a]] : ends[firsts[b - 1]]], name, starts[firsts[a]]) for a, b, name in spans]
        )
    assert sum(map(len, expected)) > 3
    counts = found["count"].numpy().tolist()
    assert counts == [len(row) for row in expected]
    rows = zip(strings(found["text"]), strings(found["label"]), found["start"].numpy().tolist(), counts, strict=True)
    assert [list(zip(*columns, strict=True))[:count] for *columns, count in rows] == expected
    for *columns, count in zip(strings(found["text"]), found["end"].numpy().tolist(), counts, strict=True):
        assert set(columns[0][count:]) <= {""}
        assert set(columns[1][count:]) <= {-1}


def test_words_get_tags_that_mark_no_entities():
    task, *_ = build("entities", labels=("NOUN", "VERB", "ADJ", "O", "X"))
    found = task.function(tf.constant(["the films , a", ""]))
    assert strings(found["text"]) == [["the", "films", ",", "a"], [""] * 4]
    assert found["count"].numpy().tolist() == [4, 0]
    assert set(strings(found["label"])[0]) <= {"NOUN", "VERB", "ADJ", "O", "X"}


CONTEXTS = ["the film is very good . a bad film is not good . 🙂 " * 3, "", "a film", "very bad"]


def best_by_loop(model, preprocessor, question, context, max_answer_length):
    """(score, start, end) of all answers in all windows, best first; and the score of none."""
    windows = text.QuestionPreprocessor(preprocessor.tokenizer, 32, 10, 5)((question, context))
    logits = model({name: windows[name] for name in model.input})
    start, end = (np.array(logits[name]) for name in ("start", "end"))
    found = {
        (int(windows["starts"][w, i]), int(windows["ends"][w, j])): -np.inf
        for w, i in np.argwhere(windows["context_mask"])
        for j in range(i, min(i + max_answer_length, start.shape[1]))
        if windows["context_mask"][w, j]
    }
    for w, i in np.argwhere(windows["context_mask"]):
        for j in range(i, min(i + max_answer_length, start.shape[1])):
            if windows["context_mask"][w, j]:
                place = (int(windows["starts"][w, i]), int(windows["ends"][w, j]))
                found[place] = max(found[place], start[w, i] + end[w, j])
    return sorted(((score, *place) for place, score in found.items()), reverse=True), min(start[:, 0] + end[:, 0])


def test_answers_are_those_of_a_loop_over_all_windows():
    task, model, preprocessor = build("questions", top_k=3, max_answer_length=4)
    questions = ["is the film good", "a", "", "is it"]
    found = task.function(tf.constant(questions), tf.constant(CONTEXTS))
    for row, (question, context) in enumerate(zip(questions, CONTEXTS, strict=True)):
        expected, null = best_by_loop(model, preprocessor, question, context, 4)
        count = int(found["count"][row])
        assert count == min(3, len(expected))
        np.testing.assert_allclose(found["null_score"][row], null, atol=1e-5)
        np.testing.assert_allclose(found["scores"][row][:count], [score for score, *_ in expected[:count]], atol=1e-5)
        for place in range(count):
            start, end = int(found["starts"][row, place]), int(found["ends"][row, place])
            assert context[start:end] == strings(found["answers"])[row][place] != ""
        assert found["answer"][row] == found["answers"][row, 0]
        assert int(found["start"][row]) == (expected[0][1] if expected else -1)
        np.testing.assert_allclose(np.sum(found["probabilities"][row]), min(count, 1), atol=1e-5)


@pytest.mark.parametrize(("threshold", "is_empty"), [(-1e6, True), (1e6, False)])
def test_no_answer_wins_above_the_threshold(threshold, is_empty):
    task, *_ = build("questions", null_threshold=threshold)
    found = task.function(tf.constant(["is it"]), tf.constant(["the film is good"]))
    assert (strings(found["answer"]) == [""]) == is_empty
    assert (found["start"].numpy().tolist() == [-1]) == is_empty
    # "No answer" has its share of the probabilities.
    assert 0 < float(np.sum(found["probabilities"])) < 1
    if is_empty:
        np.testing.assert_allclose(found["probability"][0] + np.sum(found["probabilities"]), 1, atol=1e-5)


def test_words_for_masks_are_the_likeliest_of_the_model():
    task, model, preprocessor = build("masked_words", top_k=3)
    texts = ["the [MASK] is [MASK] .", "[MASK]"]
    found = task.function(tf.constant(texts))
    assert found["count"].numpy().tolist() == [2, 1]
    assert found["positions"].numpy().tolist() == [[2, 4], [1, -1]]
    features = dict(preprocessor(texts)) | {"mask_positions": tf.constant([[2, 4], [1, -1]])}
    logits = model({name: features[name] for name in model.input}).numpy()
    shares = np.exp(logits) / np.sum(np.exp(logits), axis=-1, keepdims=True)
    for row, mask in ((0, 0), (0, 1), (1, 0)):
        order = np.argsort(-shares[row, mask])[:3]
        assert strings(found["words"][row])[mask] == [served_models.VOCABULARY[word] for word in order]
        np.testing.assert_allclose(found["scores"][row, mask], shares[row, mask][order], atol=1e-5)
    assert strings(found["words"][1])[1] == ["", "", ""]


def test_a_text_without_a_mask_is_refused_by_its_row():
    task, *_ = build("masked_words")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`text` must have \[MASK\].*These rows have none"):
        task.function(tf.constant(["[MASK]", "no mask"]))


def test_buckets_change_the_shapes_and_not_the_answers():
    lengths = []

    def recorded(forward):
        def run(features):
            lengths.append(int(features["token_ids"].shape[1]))
            return forward(features)

        return run

    for name in ("single_label", "entities", "questions", "masked_words", "embedding"):
        task, model, preprocessor = build(name)
        labels = models.labels_of(model)
        settings = Settings(labels=labels and tuple(labels), buckets=checked_buckets((8, 20), 32))
        bucketed = text_task(recorded(plain_forward(model)), model, preprocessor, settings)
        inputs = [tf.constant([f"[MASK] {each}" for each in TEXTS])] * len(task.inputs)
        for key, value in task.function(*inputs).items():
            if value.dtype == tf.float32:
                np.testing.assert_allclose(bucketed.function(*inputs)[key], value, atol=1e-5, err_msg=f"{name} {key}")
            else:
                np.testing.assert_array_equal(bucketed.function(*inputs)[key], value, err_msg=f"{name} {key}")
    assert set(lengths) <= {8, 20, 32}


@pytest.mark.parametrize(("length", "padded"), [(3, 8), (8, 8), (9, 16), (16, 16)])
def test_features_are_padded_to_the_shortest_bucket_that_holds_them(length, padded):
    features = {
        "token_ids": tf.ones((2, length), tf.int32),
        "starts": tf.ones((2, length), tf.int32),
        "rows": tf.ones(2),
    }
    result = pad_to_bucket(features, (8, 16), pad_id=7)
    assert result["token_ids"].numpy()[0].tolist() == [1] * length + [7] * (padded - length)
    assert result["starts"].numpy()[0].tolist() == [1] * length + [-1] * (padded - length)
    assert result["rows"] is features["rows"]


def test_examples_are_answered_by_the_features_of_their_names():
    task, *_ = build("pairs", pairs=True)
    examples = examples_endpoint(task)
    example = tf.train.Example()
    for name, value in {"text": b"good film", "text_pair": b"bad film", "id": b"x"}.items():
        example.features.feature[name].bytes_list.value.append(value)
    served = examples.function({"examples": tf.constant([example.SerializeToString()])})
    expected = task.function(tf.constant(["good film"]), tf.constant(["bad film"]))
    np.testing.assert_allclose(served["probabilities"], expected["probabilities"], atol=1e-6)
    del example.features.feature["text_pair"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"text_pair .* is required but could not be found"):
        examples.function({"examples": tf.constant([example.SerializeToString()])})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("token_ids", [[2, 99, 3]], "`token_ids` must be from 0 to less than"),
        ("token_ids", [[2, -1, 3]], "`token_ids` must be from 0 to less than"),
        ("segment_ids", [[0, 2, 0]], "`segment_ids` must be from 0 to less than"),
        ("padding_mask", [[1, 1, 2]], "`padding_mask` must be from 0 to less than"),
        ("padding_mask", [[1, 1]], "`padding_mask` must have the shape of `token_ids`"),
        ("mask_positions", [[3]], "`mask_positions` must be from -1 to less than"),
    ],
)
def test_wrong_ids_are_refused_by_the_name_of_the_input(name, value, message):
    model = models.masked_lm(models.bert_encoder(tiny.config()))
    inputs = {"token_ids": [[2, 5, 3]], "segment_ids": [[0] * 3], "padding_mask": [[1] * 3], "mask_positions": [[1]]}
    inputs = {key: tf.constant(value if key == name else right) for key, right in inputs.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ids_endpoint(plain_forward(model), model).function(inputs)


def test_more_columns_than_positions_are_refused():
    model = models.text_embedder(models.bert_encoder(tiny.config()))
    inputs = {name: tf.ones((1, 17), tf.int32) for name in model.input}
    with pytest.raises(tf.errors.InvalidArgumentError, match="`token_ids` may have 16 columns, has"):
        ids_endpoint(plain_forward(model), model).function(inputs)


def test_the_preprocessor_of_words_gives_the_entities_of_raw_texts():
    _, model, preprocessor = build("entities")
    words = text.WordPreprocessor(preprocessor.tokenizer, sequence_length=32)
    check_requirements(model, words, tuple(served_models.TAGS), pairs=False)
    settings = Settings(labels=tuple(served_models.TAGS))
    found = text_task(plain_forward(model), model, words, settings).function(tf.constant(TEXTS))
    expected = text_task(plain_forward(model), model, preprocessor, settings).function(tf.constant(TEXTS))
    assert found["text"].numpy().tolist() == expected["text"].numpy().tolist()


def test_of_any_preprocessor_with_a_length_questions_get_windows_in_proportion():
    tokenizer = text.BertTokenizer(served_models.VOCABULARY)
    made = question_preprocessor(text.BertPreprocessor(tokenizer, sequence_length=384))
    assert (made.sequence_length, made.stride, made.max_question_length) == (384, 128, 64)
    mine = text.QuestionPreprocessor(tokenizer, 64, 8, 8)
    assert question_preprocessor(mine) is mine
