"""Integrated gradients are Captum's on the same weights."""

import huggingface_models as hf
import numpy as np
import pytest
import tiny

from keras_bert_layers import convert, interpret

captum = pytest.importorskip("captum.attr", reason="needs Captum: pip install captum")

TEXT = "The films is not very bad ."


@pytest.mark.parametrize("family", ["bert", "distilbert"])
@pytest.mark.parametrize(("rule", "theirs"), [("gauss_legendre", "gausslegendre"), ("midpoint", "riemann_middle")])
def test_the_scores_are_those_of_captum(family, rule, theirs, tmp_path):
    size = {"vocab_size": len(tiny.VOCABULARY), "max_position_embeddings": 16}
    model_there = hf.reference(family, "text_classification", **size)
    with hf.torch.no_grad():
        for name, parameter in model_there.named_parameters():
            if "norm.weight" in name.lower():  # else every layer would shrink what it passes on
                parameter.fill_(1.0)
    model = convert.from_pretrained(hf.saved(model_there, tmp_path / "there"), tokenizer=False).model
    [found] = interpret.integrated_gradients(
        model, tiny.preprocessor(), [TEXT], 2, steps=20, rule=rule, baseline="mask"
    )
    ids = hf.torch.from_numpy(found.token_ids[None].astype("int64"))
    without = ids.clone()
    without[:, 1:-1] = tiny.VOCABULARY.index("[MASK]")
    embeddings = getattr(model_there, family).embeddings
    method = captum.LayerIntegratedGradients(lambda token_ids: model_there(token_ids).logits, embeddings)
    attributions = method.attribute(ids, baselines=without, target=2, n_steps=20, method=theirs)
    expected = attributions.detach().sum(-1)[0].numpy()
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found.scores, expected, rtol=0, atol=1e-4)
