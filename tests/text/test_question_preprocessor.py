"""Questions and contexts as windows: against a loop in Python and against Hugging Face's tokenizer."""

import byte_pair_examples
import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers.text import BertTokenizer, QuestionPreprocessor

VOCABULARY = [*tiny.VOCABULARY, "?", "who", "de", "##ja", "##ny", "中", "国", "人", "##a", "caf", "##e"]
QUESTIONS = ["who is good?", "", "the film?", "is the very good film not a very bad film?", "中国?", "who?", "who"]
CONTEXTS = [
    "The film is good. A very bad film is not a good film, the film is. 🐈 is good!",
    "the film",
    "",
    "The café is a good film. Dejany is not. " * 3,
    "中国人是好人 the 中国 film。人人人",
    "  Spaced\t\tfilm\u00a0is\x00 good \u200b. ",
    "film " * 40,
]


TOKENIZER = BertTokenizer(VOCABULARY, rules="huggingface")


def preprocessor(**changes):
    settings = {"sequence_length": 14, "stride": 3, "max_question_length": 5}
    return QuestionPreprocessor(TOKENIZER, **{**settings, **changes})


def windows_by_loop(layer, question, context):
    """One dict of lists for each window of one question."""
    tokenizer = layer.tokenizer
    asked = tokenizer.tokenize(question).numpy().tolist()
    ids, starts, ends = (rows.numpy().tolist() for rows in tokenizer.tokenize_with_offsets(context, unit="character"))
    kept = asked[: layer.max_question_length]
    room = layer.sequence_length - 3 - len(kept)
    windows, begin = [], 0
    while True:
        piece = slice(begin, begin + room)
        before, count = len(kept) + 2, len(ids[piece])
        windows.append(
            {
                "token_ids": [tokenizer.cls_id, *kept, tokenizer.sep_id, *ids[piece], tokenizer.sep_id],
                "segment_ids": [0] * before + [1] * (count + 1),
                "padding_mask": [1] * (before + count + 1),
                "context_mask": [0] * before + [1] * count + [0],
                "starts": [-1] * before + starts[piece] + [-1],
                "ends": [-1] * before + ends[piece] + [-1],
                "question_lengths": len(asked),
            }
        )
        if begin + room >= len(ids):
            return windows
        begin += room - layer.stride


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"padding": "max"},
        {"stride": 0},
        {"stride": 5},
        {"sequence_length": 40, "stride": 20, "max_question_length": 16},
    ],
    ids=str,
)
def test_windows_are_those_of_a_loop(settings):
    layer = preprocessor(**settings)
    windows = layer((QUESTIONS, CONTEXTS))
    expected = [
        {**window, "example_ids": number}
        for number, pair in enumerate(zip(QUESTIONS, CONTEXTS, strict=True))
        for window in windows_by_loop(layer, *pair)
    ]
    longest = max(len(window["token_ids"]) for window in expected)
    length = layer.sequence_length if layer.padding == "max" else longest
    assert windows["token_ids"].shape == (len(expected), length)
    for name, values in windows.items():
        assert values.dtype == tf.int32
        for row, window in zip(values.numpy(), expected, strict=True):
            if row.ndim:
                filler = -1 if name in ("starts", "ends") else 0
                assert row.tolist() == window[name] + [filler] * (length - len(window[name]))
            else:
                assert row == window[name]


def windows_of_hugging_face(tokenizer, questions, contexts, length, stride):
    return tokenizer(
        questions,
        contexts,
        truncation="only_second",
        max_length=length,
        stride=stride,
        padding="longest",
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


@pytest.mark.parametrize("stride", [0, 3, 5])
def test_windows_are_those_of_hugging_face(stride, tmp_path):
    transformers = pytest.importorskip("transformers")
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    theirs = transformers.BertTokenizerFast(str(tmp_path / "vocab.txt"))
    # A question that is too long is an error there.
    asked = [question for question in QUESTIONS if len(theirs.tokenize(question)) <= 5]
    contexts = [text for question, text in zip(QUESTIONS, CONTEXTS, strict=True) if question in asked]
    expected = windows_of_hugging_face(theirs, asked, contexts, 14, stride)
    windows = preprocessor(stride=stride)((asked, contexts))
    assert windows["token_ids"].numpy().tolist() == expected["input_ids"]
    assert windows["segment_ids"].numpy().tolist() == expected["token_type_ids"]
    assert windows["padding_mask"].numpy().tolist() == expected["attention_mask"]
    assert windows["example_ids"].numpy().tolist() == expected["overflow_to_sample_mapping"]
    sides = [[side == 1 for side in expected.sequence_ids(row)] for row in range(len(expected["input_ids"]))]
    assert windows["context_mask"].numpy().tolist() == sides
    places = np.where(np.array(sides)[:, :, None], expected["offset_mapping"], -1)
    np.testing.assert_array_equal(np.stack([windows["starts"], windows["ends"]], axis=-1), places)


def test_windows_of_byte_pairs_are_those_of_hugging_face(tmp_path):
    transformers = pytest.importorskip("transformers")
    import tokenizers

    theirs, content = byte_pair_examples.changed(lambda content: None)
    ids = [(name, theirs.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    theirs.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=theirs, pad_token="[PAD]")
    layer = QuestionPreprocessor(byte_pair_examples.ours_from(content, tmp_path), 40, 9, max_question_length=25)
    asked = [question for question in QUESTIONS if len(theirs.tokenize(question)) <= 25]
    contexts = [text for question, text in zip(QUESTIONS, CONTEXTS, strict=True) if question in asked]
    expected = windows_of_hugging_face(theirs, asked, contexts, 40, 9)
    windows = layer((asked, contexts))
    assert len(windows["token_ids"]) > len(asked)
    assert windows["token_ids"].numpy().tolist() == expected["input_ids"]
    assert windows["example_ids"].numpy().tolist() == expected["overflow_to_sample_mapping"]
    for row, number in enumerate(windows["example_ids"].numpy()):
        context = contexts[number]
        for token, (start, end) in enumerate(expected["offset_mapping"][row]):
            if expected.sequence_ids(row)[token] == 1:
                place = slice(*(int(windows[name][row, token]) for name in ("starts", "ends")))
                assert context[place].strip() == context[start:end].strip()


def test_every_token_of_the_context_is_in_a_window():
    layer = preprocessor()
    windows = layer(([QUESTIONS[0]], [CONTEXTS[0]]))
    inside = windows["context_mask"].numpy() == 1
    _, starts, _ = layer.tokenizer.tokenize_with_offsets(CONTEXTS[0], unit="character")
    assert sorted(set(windows["starts"].numpy()[inside])) == starts.numpy().tolist()


@pytest.mark.parametrize("pair", [("who is good?", "the film is"), (["who is good?"], ["the film is"])])
def test_one_question_is_a_string_or_a_batch_of_one(pair):
    assert preprocessor()(pair)["token_ids"].shape == (1, 10)


def test_no_questions_give_no_windows():
    windows = preprocessor()(([], []))
    assert {name: values.shape[0] for name, values in windows.items()} == dict.fromkeys(windows, 0)


def test_a_saved_model_begins_with_strings(tmp_path):
    layer = preprocessor(padding="max")
    symbols = [keras.Input((), dtype="string", name=name) for name in ("question", "context")]
    model = keras.Model(symbols, layer(symbols))
    model.save(tmp_path / "windows.keras")
    again = keras.models.load_model(tmp_path / "windows.keras")
    pair = [tf.constant(QUESTIONS), tf.constant(CONTEXTS)]
    expected = layer(pair)
    for name, values in again(pair).items():
        np.testing.assert_array_equal(values, expected[name])


def test_windows_of_a_dataset_are_those_of_a_call():
    layer = preprocessor()
    dataset = tf.data.Dataset.from_tensors((QUESTIONS, CONTEXTS)).repeat(2).unbatch().batch(7).map(layer_of_pair(layer))
    expected = layer((QUESTIONS, CONTEXTS))
    for batch in dataset:
        for name, values in batch.items():
            np.testing.assert_array_equal(values, expected[name])


def layer_of_pair(layer):
    return lambda *pair: layer(pair)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 6}, "must bring a new token"),
        ({"stride": -1}, "`stride` 0 or more"),
        ({"max_question_length": 0}, "`max_question_length` must be 1 or more"),
        ({"padding": "shortest"}, "`padding` must be one of"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        preprocessor(**settings)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["one text"], "takes a pair"),
        (tf.constant(["a", "b"]), "takes a pair"),
        (([1, 2], ["a", "b"]), "takes strings"),
        (([["a"]], [["b"]]), r"shape \(1, 1\)"),
    ],
)
def test_inputs_that_are_no_pair_of_strings_are_refused(inputs, message):
    with pytest.raises(ValueError, match=message):
        preprocessor()(inputs)


def test_a_question_without_its_context_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Every question needs its context"):
        preprocessor()((["a", "b"], ["c"]))


def test_a_tokenizer_is_needed():
    with pytest.raises(ValueError, match="must be a BertTokenizer"):
        QuestionPreprocessor("vocab.txt")
