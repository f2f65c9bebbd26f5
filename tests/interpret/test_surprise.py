"""The surprise at a token is that of transformers' masked LM, one mask after the other."""

import huggingface_models as hf
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, interpret, models

TEXT = "The films is not very bad ."


def test_it_is_what_theirs_gives_one_mask_at_a_time(tmp_path):
    size = {"vocab_size": len(tiny.VOCABULARY), "max_position_embeddings": 16}
    theirs = hf.reference("bert", "masked_lm", **size)
    model = convert.from_pretrained(hf.saved(theirs, tmp_path / "theirs"), tokenizer=False).model
    [found] = interpret.surprise(model, tiny.preprocessor(), [TEXT], batch_size=3)
    expected = np.zeros(len(found.tokens))
    for place in range(1, len(found.tokens) - 1):
        ids = hf.torch.from_numpy(found.token_ids.astype("int64"))[None].clone()
        ids[0, place] = tiny.VOCABULARY.index("[MASK]")
        with hf.torch.no_grad():
            scores = theirs(ids).logits[0, place].log_softmax(-1)
        expected[place] = -scores[found.token_ids[place]]
    np.testing.assert_allclose(found.surprises, expected, atol=1e-4)
    assert found.log_likelihood == pytest.approx(-expected.sum(), abs=1e-3)
    assert found.pseudo_perplexity == pytest.approx(np.exp(expected.sum() / 8), rel=1e-4)


def test_words_are_the_sums_of_their_pieces_and_texts_weigh_by_their_tokens():
    model = randomized(models.bert_pretrainer(models.bert_encoder(tiny.config())))
    long, short = interpret.surprise(model, tiny.preprocessor(), ["the films", "bad"])
    assert long.words == ("the", "films")
    assert long.word_surprises[1] == pytest.approx(long.surprises[2] + long.surprises[3])
    assert (long.num_predicted, short.num_predicted) == (3, 1)
    together = interpret.pseudo_perplexity([long, short])
    assert together == pytest.approx(np.exp((long.surprises.sum() + short.surprises.sum()) / 4), rel=1e-5)


def test_an_untrained_model_is_as_surprised_as_one_that_guesses():
    model = models.masked_lm(models.bert_encoder(tiny.config()))
    [found] = interpret.surprise(model, tiny.preprocessor(), [TEXT])
    assert found.pseudo_perplexity == pytest.approx(len(tiny.VOCABULARY), rel=0.05)


def test_a_model_without_a_masked_lm_head_is_refused():
    with pytest.raises(ValueError, match=r"such as models.masked_lm\(encoder\)"):
        interpret.surprise(models.bert_encoder(tiny.config()), tiny.preprocessor(), ["a"])


def test_no_words_have_no_perplexity():
    model = models.masked_lm(models.bert_encoder(tiny.config()))
    with pytest.raises(ValueError, match="no words"):
        interpret.pseudo_perplexity(interpret.surprise(model, tiny.preprocessor(), [""]))
