"""The script that fills masks: its probabilities are the model's, in the order of the texts, and bad input is named."""

import io
import json
import sys

import convert_directories as checkpoints
import fill_mask
import numpy as np
import pytest
import tiny

from keras_bert_layers import convert, models, text

TEXTS = ["the [MASK] is very good .", "[MASK] film", "the [MASK] is [MASK] bad", "a [MASK]"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return checkpoints.huggingface(tmp_path_factory.mktemp("checkpoints") / "pretrainer")


def run(capsys, *arguments):
    assert fill_mask.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def probabilities(checkpoint, text):
    """[masks, V], from the logits of this text alone."""
    loaded = convert.from_pretrained(checkpoint, task="masked_lm")
    features = {name: value.numpy()[np.newaxis] for name, value in loaded.preprocessor()(text).items()}
    positions = np.flatnonzero(features["token_ids"][0] == loaded.tokenizer.mask_id)
    logits = loaded.model({**features, "mask_positions": positions[np.newaxis].astype("int32")}).numpy()[0]
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return positions, exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_each_mask_gets_the_models_likeliest_words(batch_size, checkpoint, capsys):
    out = run(capsys, "--model", checkpoint, "--json", "--top", 4, "--batch-size", batch_size, *TEXTS)
    answers = json.loads(out)
    assert [answer["text"] for answer in answers] == TEXTS
    for answer in answers:
        positions, expected = probabilities(checkpoint, answer["text"])
        assert [mask["position"] for mask in answer["masks"]] == positions.tolist()
        for mask, row in zip(answer["masks"], expected, strict=True):
            best = np.argsort(-row)[:4]
            assert [word["id"] for word in mask["predictions"]] == best.tolist()
            tokens = [tiny.VOCABULARY[number] for number in best]
            assert [word["token"] for word in mask["predictions"]] == tokens
            assert [word["word"] for word in mask["predictions"]] == tokens
            np.testing.assert_allclose([word["probability"] for word in mask["predictions"]], row[best], rtol=1e-4)


def test_the_table_numbers_several_masks_and_aligns_the_columns(checkpoint, capsys):
    out = run(capsys, "--model", checkpoint, "--top", 2, TEXTS[2], TEXTS[3])
    first, second = out.split(f"\n\n{TEXTS[3]}\n\n")
    lines = first.splitlines()
    assert lines[:2] == [TEXTS[2], ""]
    assert [line[:12] for line in lines[2:]] == ["  [MASK] 1  ", " " * 12, "  [MASK] 2  ", " " * 12]
    assert len({len(line) for line in lines[2:]}) == 1
    assert second.startswith("  [MASK]    ")


def test_columns_of_chinese_words_are_aligned():
    assert fill_mask.width("电影") == fill_mask.width("##ab") == 4


def test_more_words_than_the_vocabulary_has_are_all_of_them(checkpoint, capsys):
    answer = json.loads(run(capsys, "--model", checkpoint, "--json", "--top", 99, "a [MASK]"))[0]
    total = sum(word["probability"] for word in answer["masks"][0]["predictions"])
    assert len(answer["masks"][0]["predictions"]) == len(tiny.VOCABULARY)
    assert total == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_texts_come_a_line_each_without_empty_ones(source, checkpoint, capsys, tmp_path, monkeypatch):
    content = "a [MASK]\n\n  the [MASK] .\n"
    arguments = ["--model", checkpoint, "--json"]
    if source == "file":
        (tmp_path / "texts.txt").write_text(content, encoding="utf-8")
        arguments += ["--file", tmp_path / "texts.txt"]
    monkeypatch.setattr(sys, "stdin", io.StringIO(content))
    assert [answer["text"] for answer in json.loads(run(capsys, *arguments))] == ["a [MASK]", "the [MASK] ."]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a [MASK]", "a film"], "Text 2 has no [MASK]: 'a film'. Write [MASK]"),
        (["a [mask]"], "Text 1 has no [MASK]"),
        ([f"{'very ' * 14}[MASK]"], "Text 1 has 17 tokens with [CLS] and [SEP], and the model takes 16"),
        (["--file", "absent.txt"], "absent.txt"),
        (["--file", "empty.txt"], "There is no text in empty.txt"),
        (["--file", "latin.txt"], "latin.txt must be text in UTF-8"),
    ],
)
def test_bad_texts_give_status_2_and_a_message(texts, message, checkpoint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "latin.txt").write_bytes("é [MASK]".encode("latin-1"))
    with pytest.raises(SystemExit) as exit:
        fill_mask.main(["--model", str(checkpoint), *texts])
    assert exit.value.code == 2
    assert message in capsys.readouterr().err


def test_a_text_that_just_fits_is_filled(checkpoint, capsys):
    assert "[MASK]" in run(capsys, "--model", checkpoint, f"{'very ' * 13}[MASK]")


def test_a_checkpoint_without_the_head_gives_the_librarys_message(tmp_path, capsys):
    encoder = checkpoints.huggingface(tmp_path / "encoder", models.bert_encoder(tiny.config()))
    with pytest.raises(SystemExit) as exit:
        fill_mask.main(["--model", str(encoder), "a [MASK]"])
    assert exit.value.code == 2
    assert "has no weights for masked_lm" in capsys.readouterr().err


def test_a_vocabulary_without_a_mask_is_refused(tmp_path, capsys):
    directory = checkpoints.huggingface(tmp_path / "model")
    vocabulary = (directory / "vocab.txt").read_text().replace("[MASK]", "[GAP]")
    for path in directory.glob("*token*"):
        path.unlink()
    (directory / "vocab.txt").write_text(vocabulary)
    with pytest.raises(SystemExit) as exit:
        fill_mask.main(["--model", str(directory), "a [MASK]"])
    assert exit.value.code == 2
    assert "[MASK]" in capsys.readouterr().err


def test_words_of_a_byte_pair_tokenizer_are_shown_as_they_are_read(tmp_path, capsys):
    tokens = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "a", "Ġ", "Ã", "¤", "Ã¤", "Ġa"]
    tokenizer = text.BytePairTokenizer(tokens, ["Ã ¤", "Ġ a"])
    sizes = {"hidden_dim": 8, "num_layers": 2, "num_heads": 2, "intermediate_dim": 16, "max_sequence_length": 16}
    config = models.ModernBertConfig(vocabulary_size=len(tokens), **sizes)
    model = models.masked_lm(models.modernbert_encoder(config))
    convert.save_pretrained(model, tmp_path / "model", tokenizer)
    answer = json.loads(run(capsys, "--model", tmp_path / "model", "--json", "--top", 11, "a[MASK]"))[0]
    read = {word["token"]: word["word"] for word in answer["masks"][0]["predictions"]}
    assert (read["Ġa"], read["Ã¤"], read["[MASK]"]) == ("a", "ä", "[MASK]")
