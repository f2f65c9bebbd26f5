"""A text's maps stand beside its tokens, words and offsets, whatever tokenizer made them."""

import byte_pair_examples
import keras
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import interpret, models, text
from keras_bert_layers.interpret.pieces import pieces_of


def test_each_text_has_its_own_maps_without_padding():
    model = randomized(models.text_classifier(models.bert_encoder(tiny.config()), 2))
    first, second = interpret.inspect(model, tiny.preprocessor(padding="max"), ["The films", ("a film", "is bad")])
    assert first.tokens == ("[CLS]", "the", "film", "##s", "[SEP]")
    assert (first.words, first.word_ids) == (("The", "films"), (None, 0, 1, 1, None))
    assert first.attention.shape == (2, 2, 5, 5)
    assert first.hidden_states.shape == (3, 5, 8)
    assert second.words == ("a", "film", "is", "bad")
    assert second.segment_ids.tolist() == [0, 0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(second.attention.sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(first.by_word(np.ones(5)), [1, 2])


def test_a_model_that_was_made_before_gives_the_same():
    model = randomized(models.bert_encoder(tiny.config()))
    [plain] = interpret.inspect(model, tiny.preprocessor(), ["a film"])
    [again] = interpret.inspect(interpret.attention_model(model), tiny.preprocessor(), ["a film"])
    np.testing.assert_array_equal(again.attention, plain.attention)


def test_offsets_count_characters_and_words_are_spelled_as_the_text_spells_them():
    pieces = pieces_of(tiny.preprocessor(), "É 😀 Films is")
    assert pieces.words == ("É", "😀", "Films", "is")
    assert pieces.offsets[3:5] == ((4, 8), (8, 9))


def test_an_empty_text_has_no_words():
    pieces = pieces_of(tiny.preprocessor(), "")
    assert (pieces.tokens, pieces.words) == (("[CLS]", "[SEP]"), ())


def test_words_of_byte_pairs_begin_at_spaces():
    tokenizer = text.BytePairTokenizer(byte_pair_examples.VOCABULARY, byte_pair_examples.MERGES)
    pieces = pieces_of(text.BertPreprocessor(tokenizer, sequence_length=32), "abc lower É")
    assert pieces.words == ("abc", "lower", "É")
    assert pieces.offsets[:3] == ((0, 0), (0, 3), (4, 6))
    assert pieces.word_ids[0] is None
    assert "".join(pieces.tokens[1:-1]) == "abcĠlowerĠÃī"


@pytest.mark.parametrize("given", ["a film", ("a", "b")])
def test_one_text_alone_is_refused_before_it_is_taken_for_letters(given):
    with pytest.raises(ValueError, match="`texts` must be a list"):
        interpret.inspect(models.bert_encoder(tiny.config()), tiny.preprocessor(), given)


def test_a_model_that_reads_something_else_is_refused():
    model = keras.Sequential([keras.Input((4, 8)), *models.bert_encoder(tiny.config()).get_layer("encoder").blocks])
    with pytest.raises(ValueError, match="inputs token_ids, segment_ids and padding_mask"):
        interpret.inspect(model, tiny.preprocessor(), ["a film"])
