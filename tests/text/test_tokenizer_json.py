"""Hugging Face's and GPT-2's files: read into a BytePairTokenizer, and written so that transformers reads them."""

import json

import pytest
from byte_pair_examples import ADDED_TOKENS, HARD, MERGES, VOCABULARY, hard_strings, ours_from, set_flags, trained

from keras_bert_layers.text import BytePairTokenizer


@pytest.fixture(scope="module")
def small():
    return BytePairTokenizer(VOCABULARY, MERGES, added_tokens=ADDED_TOKENS)


def test_files_of_gpt2_are_read(tmp_path):
    ids = {token: token_id for token_id, token in enumerate(VOCABULARY)}
    (tmp_path / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
    lines = ["#version: 0.2", *MERGES]
    (tmp_path / "merges.txt").write_bytes("".join(f"{line}\n" for line in lines).encode())
    tokenizer = BytePairTokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert tokenizer.get_config() == BytePairTokenizer(ids, MERGES).get_config()
    assert tokenizer.merges == MERGES


@pytest.mark.parametrize("special_tokens_in_strings", [True, False])
def test_written_files_are_loaded_by_transformers_with_equal_ids(special_tokens_in_strings, tmp_path):
    transformers = pytest.importorskip("transformers", reason="not installed: pip install transformers")
    content = json.loads(trained().to_str())
    ours = ours_from(content, tmp_path, special_tokens_in_strings=special_tokens_in_strings)
    ours.write_tokenizer_json(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    texts = [*HARD.values(), *hard_strings(300, seed=5)]
    assert theirs(texts, add_special_tokens=False)["input_ids"] == ours.tokenize(texts).to_list()
    assert theirs("the", "fox")["input_ids"] == [
        ours.cls_id, *ours.tokenize("the").numpy(), ours.sep_id, *ours.tokenize("fox").numpy(), ours.sep_id
    ]  # fmt: skip
    assert (theirs.mask_token_id, theirs.pad_token_id) == (ours.mask_id, ours.pad_id)


def test_written_files_are_read_back_as_they_were(small, tmp_path):
    settings = {"nfc": True, "add_prefix_space": True, "special_tokens_in_strings": False}
    tokenizer = BytePairTokenizer(**{**small.get_config(), **settings})
    tokenizer.write_tokenizer_json(tmp_path / "new" / "directory")
    again = BytePairTokenizer.from_tokenizer_json(tmp_path / "new" / "directory")
    by_content = {
        "added_tokens": sorted(tokenizer.get_config()["added_tokens"], key=lambda t: VOCABULARY.index(t["content"]))
    }
    assert again.get_config() == {**tokenizer.get_config(), **by_content}
    assert sorted(path.name for path in (tmp_path / "new" / "directory").iterdir()) == [
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_arguments_replace_what_a_file_says(small, tmp_path):
    small.write_tokenizer_json(tmp_path)
    tokenizer = BytePairTokenizer.from_tokenizer_json(tmp_path / "tokenizer.json", mask_token="<mail>", nfc=True)
    assert (tokenizer.mask_id, tokenizer.nfc) == (small.token_to_id("<mail>"), True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["model"].update(type="WordPiece"), 'model is "WordPiece".*BPE.*BertTokenizer'),
        (lambda c: c["model"].update(type="Unigram"), 'model is "Unigram"'),
        (lambda c: c["model"].update(dropout=0.1), "model.dropout is 0.1"),
        (lambda c: c["model"].update(end_of_word_suffix="</w>"), 'model.end_of_word_suffix is "</w>"'),
        (lambda c: c["model"].update(continuing_subword_prefix="##"), "continuing_subword_prefix"),
        (lambda c: c["model"].update(ignore_merges=True), "model.ignore_merges is true"),
        (lambda c: c.update(normalizer={"type": "NFKC"}), 'normalizer is "NFKC".*null or "NFC"'),
        (lambda c: c.update(normalizer={"type": "Sequence", "normalizers": []}), 'normalizer is "Sequence"'),
        (lambda c: c.update(pre_tokenizer={"type": "Metaspace"}), 'pre_tokenizer is "Metaspace".*"ByteLevel"'),
        (lambda c: c.update(pre_tokenizer=None), "pre_tokenizer is null"),
        (lambda c: c["pre_tokenizer"].update(use_regex=False), "pre_tokenizer.use_regex is false"),
        (lambda c: c.update(decoder={"type": "WordPiece"}), 'decoder is "WordPiece"'),
        (lambda c: set_flags(c, "single_word", "<mail>"), "single_word of the added token '<mail>' is true"),
        (lambda c: set_flags(c, "id", "<mail>", value=3), "the id of the added token '<mail>' is 3"),
        (lambda c: c["model"]["vocab"].pop("x"), "needs the token|model.unk_token is null.*lacks the bytes x"),
    ],
)
def test_what_a_file_asks_for_and_is_not_done_is_named(small, change, message, tmp_path):
    small.write_tokenizer_json(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    change(content)
    with pytest.raises(ValueError, match=message):
        ours_from(content, tmp_path)
