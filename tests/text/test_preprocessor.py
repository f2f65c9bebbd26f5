"""BertPreprocessor: the same features eagerly, in datasets, in functional models, saved and exported."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from byte_pair_examples import ADDED_TOKENS, MERGES, VOCABULARY

from keras_bert_layers.text import BertPreprocessor, BertTokenizer, BytePairTokenizer

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "##s", "a", "!"]
TEXTS = ["Good films!", "bad", "", "a good film a bad film a film", "[MASK] é"]
OTHERS = ["a", "", "film", "good good", "bad"]

TOKENIZERS = {
    "WordPiece": lambda: BertTokenizer(TOKENS),
    "byte pairs": lambda: BytePairTokenizer(VOCABULARY, MERGES, added_tokens=ADDED_TOKENS, nfc=True),
}
tokenizers = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


def preprocessor(**arguments):
    return BertPreprocessor(BertTokenizer(TOKENS), **{"sequence_length": 8, **arguments})


def plain(features):
    return {name: np.asarray(value).tolist() for name, value in features.items()}


def test_a_text_is_framed_and_padded():
    assert plain(preprocessor()(["Good films!", "bad"])) == {
        "token_ids": [[2, 5, 7, 8, 10, 3], [2, 6, 3, 0, 0, 0]],
        "segment_ids": [[0] * 6] * 2,
        "padding_mask": [[1] * 6, [1, 1, 1, 0, 0, 0]],
    }


def test_a_pair_is_framed_and_padded():
    assert plain(preprocessor(padding="max")(("good", "bad film"))) == {
        "token_ids": [2, 5, 3, 6, 7, 3, 0, 0],
        "segment_ids": [0, 0, 0, 1, 1, 1, 0, 0],
        "padding_mask": [1, 1, 1, 1, 1, 1, 0, 0],
    }


def test_a_list_of_two_strings_is_a_batch_and_a_tuple_is_a_pair():
    layer = preprocessor()
    assert layer(["good", "bad"])["token_ids"].numpy().tolist() == [[2, 5, 3], [2, 6, 3]]
    assert layer(("good", "bad"))["token_ids"].numpy().tolist() == [2, 5, 3, 6, 3]


@pytest.mark.parametrize("truncation", ["longest_first", "only_first", "only_second"])
def test_truncation_cuts_the_segment_it_names(truncation):
    expected = {
        "longest_first": [2, 9, 9, 3, 7, 7, 7, 3],
        "only_first": [2, 9, 3, 7, 7, 7, 7, 3],
        "only_second": [2, 9, 9, 9, 3, 7, 7, 3],
    }
    features = preprocessor(truncation=truncation)(("a a a", "film film film film"))
    assert features["token_ids"].numpy().tolist() == expected[truncation]


@pytest.mark.parametrize(
    "convert",
    [list, np.array, lambda texts: np.array(texts, dtype=object), tf.constant],
    ids=["list", "array", "object array", "tensor"],
)
@pytest.mark.parametrize("pair", [False, True], ids=["single", "pair"])
def test_every_kind_of_strings_gives_the_same_features(convert, pair):
    layer = preprocessor()
    inputs = (convert(TEXTS), convert(OTHERS)) if pair else convert(TEXTS)
    expected = layer((tf.constant(TEXTS), tf.constant(OTHERS)) if pair else tf.constant(TEXTS))
    assert plain(layer(inputs)) == plain(expected)


@pytest.mark.parametrize("pair", [False, True], ids=["single", "pair"])
@pytest.mark.parametrize("padding", ["longest", "max"])
def test_eager_graph_and_dataset_agree_batched_and_unbatched(pair, padding):
    layer = preprocessor(padding=padding)
    inputs = (tf.constant(TEXTS), tf.constant(OTHERS)) if pair else tf.constant(TEXTS)
    expected = plain(layer(inputs))
    assert plain(tf.function(layer)(inputs)) == expected

    dataset = tf.data.Dataset.from_tensor_slices(inputs)
    call = (lambda *texts: layer(texts)) if pair else layer
    assert plain(next(iter(dataset.batch(5).map(call)))) == expected
    singly = [plain(features) for features in dataset.map(call).as_numpy_iterator()]
    for row, features in enumerate(singly):
        size = len(features["token_ids"])
        assert features == {name: value[row][:size] for name, value in expected.items()}
        assert not any(expected["padding_mask"][row][size:])


@pytest.mark.parametrize(("padding", "length"), [("max", 8), ("longest", None)])
def test_a_symbolic_input_has_the_static_shape_of_the_result(padding, length):
    text = keras.Input((), dtype="string")
    features = preprocessor(padding=padding)(text)
    assert {name: value.shape for name, value in features.items()} == dict.fromkeys(features, (None, length))
    assert {value.dtype for value in features.values()} == {"int32"}
    graph = tf.function(preprocessor(padding=padding)).get_concrete_function(tf.TensorSpec([None], tf.string))
    assert [value.shape.as_list() for value in graph.structured_outputs.values()] == [[None, length]] * 3


@tokenizers
def test_every_tokenizer_is_framed_by_its_own_special_tokens(tokenizer):
    tokenizer = tokenizer()
    features = BertPreprocessor(tokenizer, sequence_length=12)(("good", "bad a"))
    first, second = (tokenizer.tokenize(text).numpy().tolist() for text in ("good", "bad a"))
    expected = [tokenizer.cls_id, *first, tokenizer.sep_id, *second, tokenizer.sep_id]
    assert features["token_ids"].numpy().tolist() == expected
    assert features["segment_ids"].numpy().tolist() == [0] * (len(first) + 2) + [1] * (len(second) + 1)


def text_classifier(tokenizer, padding):
    text = keras.Input((), dtype="string", name="text")
    features = BertPreprocessor(tokenizer, sequence_length=8, padding=padding)(text)
    x = keras.layers.Embedding(tokenizer.vocabulary_size, 4)(features["token_ids"])
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(text, keras.layers.Dense(2)(x))


@pytest.mark.parametrize(
    ("tokenizer", "padding"), [("WordPiece", "longest"), ("WordPiece", "max"), ("byte pairs", "max")]
)
def test_a_model_that_begins_at_strings_fits_predicts_saves_and_exports(tokenizer, padding, tmp_path):
    model = text_classifier(TOKENIZERS[tokenizer](), padding)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    labels = [0, 1, 1, 0, 1]
    model.fit(tf.data.Dataset.from_tensor_slices((TEXTS, labels)).batch(2), verbose=0)
    expected = model.predict(np.array(TEXTS, dtype=object), verbose=0)
    np.testing.assert_allclose(model.predict(tf.constant(TEXTS), verbose=0), expected, atol=1e-6)

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(tf.constant(TEXTS), verbose=0), expected, atol=1e-6)

    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(loaded.serve(tf.constant(TEXTS)), expected, atol=1e-6)


def test_a_model_over_pairs_saves_and_loads(tmp_path):
    inputs = [keras.Input((), dtype="string", name=name) for name in ("first", "second")]
    model = keras.Model(inputs, preprocessor()(tuple(inputs)))
    data = [tf.constant(TEXTS), tf.constant(OTHERS)]
    expected = plain(preprocessor()(tuple(data)))
    model.save(tmp_path / "model.keras")
    assert plain(model(data)) == expected
    assert plain(keras.models.load_model(tmp_path / "model.keras")(data)) == expected


def test_config_holds_every_argument_and_round_trips():
    layer = preprocessor(truncation="only_first", pad_to_multiple_of=4, name="texts")
    copy = BertPreprocessor.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert copy.name == "texts"
    assert copy.tokenizer.vocabulary == TOKENS
    assert plain(copy(TEXTS)) == plain(layer(TEXTS))


def test_ids_stay_integers_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = preprocessor()
    assert {value.dtype for value in layer(TEXTS).values()} == {tf.int32}
    assert {value.dtype for value in layer(keras.Input((), dtype="string")).values()} == {"int32"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([1, 2], "Received int32"),
        (tf.constant([[1, 2]]), "Received int32"),
        (tf.constant([["a"], ["b"]]), r"Received string of shape \(2, 1\)"),
        (keras.KerasTensor((None, 1), "string"), r"Received string of shape \(None, 1\)"),
        (keras.KerasTensor((None,), "int32"), "Received int32"),
        (("a", "b", "c"), "a tuple of 3"),
        (("a", ["b"]), r"Received ranks \[0, 1\]"),
    ],
)
def test_inputs_that_are_no_text_are_refused(inputs, message):
    with pytest.raises(ValueError, match=message):
        preprocessor()(inputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence_length": 2}, "at least 3"),
        ({"sequence_length": 8.0}, "must be an integer"),
        ({"padding": "no"}, "`padding` must be one of"),
        ({"truncation": "no"}, "`truncation` must be one of"),
        ({"padding": "max", "pad_to_multiple_of": 8}, "goes with padding='longest'"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        preprocessor(**arguments)


def test_a_tokenizer_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r"must be a BertTokenizer or a BytePairTokenizer\. Received: 'vocab"):
        BertPreprocessor("vocab.txt")


@pytest.mark.parametrize("inputs", [("a", "b"), (keras.KerasTensor((None,), "string"),) * 2], ids=["eager", "symbolic"])
def test_a_pair_in_four_places_is_refused(inputs):
    with pytest.raises(ValueError, match="at least 5"):
        preprocessor(sequence_length=4)(inputs)
