"""examples/tag.py: trains, scores, saves, exports and predicts, and refuses bad input with its line."""

import io
import json
import sys

import numpy as np
import pytest
import tag
import tag_data
import tag_model
import tensorflow as tf

from keras_bert_layers import convert, models
from keras_bert_layers.data.tasks import TaggedSentences
from keras_bert_layers.text import BertTokenizer, BytePairTokenizer

WORDS = ["rome", "oslo", "anna", "ben", "lives", "in", "sees", "and", "new", "york", ".", "##s"]
TOKENIZER = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
TAGS = {"rome": "B-LOC", "oslo": "B-LOC", "new": "B-LOC", "york": "I-LOC", "anna": "B-PER", "ben": "B-PER"}
QUICK = ["--epochs", "6", "--learning-rate", "2e-2", "--batch-size", "8", "--sequence-length", "12"]


def sentences(count, seed):
    """Columns of sentences in which every word has the same tag each time."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        who, where = rng.choice(["Anna", "Ben"]), rng.choice(["Rome", "Oslo", "New York"])
        words = f"{who} {rng.choice(['lives in', 'sees'])} {where} .".split() * int(rng.choice([1, 1, 3]))
        rows += [f"{word} {TAGS.get(word.lower(), 'O')}" for word in words] + [""]
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    config = models.BertConfig(
        vocabulary_size=TOKENIZER.vocabulary_size,
        hidden_dim=16,
        num_layers=1,
        num_heads=2,
        intermediate_dim=16,
        max_sequence_length=16,
        dropout=0.0,
    )
    path = tmp_path_factory.mktemp("checkpoint") / "encoder"
    convert.save_pretrained(models.bert_encoder(config), path, TOKENIZER)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, count in (("train", 64), ("dev", 60), ("test", 12)):
        (folder / f"{name}.conll").write_text(sentences(count, len(name)))
    return folder


@pytest.fixture(scope="module")
def trained(checkpoint, files, tmp_path_factory):
    """The folder of a finished run."""
    output = tmp_path_factory.mktemp("run") / "tag"
    data = [argument for name in ("train", "dev", "test") for argument in (f"--{name}", str(files / f"{name}.conll"))]
    arguments = ["--model", str(checkpoint), *data, "--output", str(output), "--export", str(output / "served"), *QUICK]
    assert tag.main(arguments) == 0
    return output


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        tag.main([str(argument) for argument in arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_entities_are_learned_and_their_scores_written(trained):
    results = json.loads((trained / "results.json").read_text())
    assert results["test"]["f1"] == 1.0
    assert results["test"]["by_type"].keys() == {"LOC", "PER"}
    assert results["scheme"] == "BIO"
    assert results["labels"] == ["B-LOC", "B-PER", "I-LOC", "O"]
    assert results["examples"]["train"]["sentences"] == 64
    assert results["examples"]["train"]["longer"] > 0
    assert (trained / "errors.png").stat().st_size > 10_000


def test_raw_texts_of_any_length_give_entities_where_they_stand(trained, monkeypatch, capsys):
    long_text = "Anna lives in New\u00a0York . " * 12
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(f"  Ben lives in  O\u0301slo.\n\n{long_text}".encode()))
    )
    assert tag.main(["--model", str(trained), "--predict", "-"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] for answer in answers] == ["  Ben lives in  O\u0301slo.", "", long_text]
    assert [(entity["text"], entity["label"]) for entity in answers[0]["entities"]] == [
        ("Ben", "PER"),
        ("O\u0301slo", "LOC"),
    ]
    assert answers[1]["entities"] == []
    for answer in answers:
        for entity in answer["entities"]:
            assert answer["text"][entity["start"] : entity["end"]] == entity["text"]
    assert [entity["text"] for entity in answers[2]["entities"]] == ["Anna", "New\u00a0York"] * 12


def test_words_are_tagged_also_those_without_a_token(trained, tmp_path):
    (tmp_path / "words.txt").write_text("Ben\nsees\n\u200b\nOslo\n\nRome\n")
    predictions = tmp_path / "tagged.conll"
    arguments = ["--predict-conll", str(tmp_path / "words.txt"), "--predictions", str(predictions)]
    assert tag.main(["--model", str(trained), *arguments]) == 0
    assert predictions.read_text() == "Ben\tB-PER\nsees\tO\n\u200b\tO\nOslo\tB-LOC\n\nRome\tB-LOC\n\n"


def test_the_export_gives_the_entities_of_raw_texts(trained):
    served = tf.saved_model.load(trained / "served" / "1").signatures["text"](text=tf.constant(["Ben sees Rome"]))
    assert served["text"].numpy().tolist() == [[b"Ben", b"Rome"]]
    assert served["label"].numpy().tolist() == [[b"PER", b"LOC"]]
    assert served["start"].numpy().tolist() == [[0, 9]]


def test_a_run_that_is_done_is_not_trained_again_and_scores_the_same(trained, checkpoint, files, capsys):
    before = json.loads((trained / "results.json").read_text())
    data = [argument for name in ("train", "dev", "test") for argument in (f"--{name}", str(files / f"{name}.conll"))]
    assert tag.main(["--model", str(checkpoint), *data, "--output", str(trained), *QUICK]) == 0
    assert "going on after step" in capsys.readouterr().out
    after = json.loads((trained / "results.json").read_text())
    assert (after["epochs"], after["test"]) == (before["epochs"], before["test"])


@pytest.fixture(scope="module")
def trained_on_speech(checkpoint, tmp_path_factory):
    """The folder of a finished run on parts of speech, without held-out sentences of its own."""
    folder = tmp_path_factory.mktemp("speech")
    rows = sentences(40, 0).replace("B-LOC", "PROPN").replace("I-LOC", "PROPN").replace("B-PER", "NOUN")
    (folder / "train.conll").write_text(rows)
    arguments = ["--model", str(checkpoint), "--train", str(folder / "train.conll"), "--pieces", "all"]
    assert tag.main([*arguments, "--part-of-speech", "--output", str(folder / "run"), *QUICK]) == 0
    return folder / "run"


def test_parts_of_speech_are_scored_by_words_of_a_tenth_that_is_held_out(trained_on_speech):
    results = json.loads((trained_on_speech / "results.json").read_text())
    assert results["dev"] == {"accuracy": 1.0}
    assert [results["examples"][name]["sentences"] for name in ("train", "dev")] == [36, 4]


def test_a_model_of_parts_of_speech_tags_words_and_finds_no_entities(trained_on_speech, tmp_path, capsys):
    (tmp_path / "words.txt").write_text("Ben\nsees\nRome\n")
    assert tag.main(["--model", str(trained_on_speech), "--predict-conll", str(tmp_path / "words.txt")]) == 0
    assert capsys.readouterr().out == "Ben\tNOUN\nsees\tO\nRome\tPROPN\n\n"
    message = refused(capsys, "--model", trained_on_speech, "--predict", tmp_path / "words.txt")
    assert "This model tags words: pass them to --predict-conll." in message


def test_sentences_longer_than_the_model_takes_are_trained_in_parts_that_lose_nothing():
    source = TaggedSentences([["romes"] * 9, ["in"], ["\u200b", "x"]], [["O"] * 9, ["O"], ["O", "O"]], [], 0, "")
    part = tag_data.measured(source, TOKENIZER)
    assert part.parts(sequence_length=7) == [
        (0, 0, 2),
        (0, 2, 4),
        (0, 4, 6),
        (0, 6, 8),
        (0, 8, 9),
        (1, 0, 1),
        (2, 0, 2),
    ]
    assert (part.unknown, part.overlong, part.pieces[2].tolist()) == (1, 0, [0, 1])


def test_a_byte_pair_tokenizer_gets_its_space_before_words():
    words = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "a", "\u0120", "\u0120a"]
    tokenizer = tag_model.for_words(BytePairTokenizer(words, ["\u0120 a"]))
    assert tokenizer.tokenize(["a"]).to_list() == [[7]]


def test_tags_that_were_not_in_training_are_refused_with_their_line(trained, tmp_path, capsys):
    (tmp_path / "test.conll").write_text("Ben B-PER\n\nOslo B-CITY\n")
    message = refused(capsys, "--model", trained, "--test", tmp_path / "test.conll")
    assert "test.conll, line 3: the tag 'B-CITY' is none of the 4 of the model: B-LOC, B-PER, I-LOC, O." in message


def test_parts_of_speech_are_not_taken_for_entities(checkpoint, tmp_path, capsys):
    (tmp_path / "train.conll").write_text("Ben NOUN\nsees VERB\n")
    message = refused(capsys, "--model", checkpoint, "--train", tmp_path / "train.conll")
    assert "Received: 'NOUN'" in message
    assert "With this script: --part-of-speech." in message


def test_a_scheme_that_the_tags_are_not_in_is_refused(trained, files, capsys):
    message = refused(capsys, "--model", trained, "--test", files / "test.conll", "--scheme", "BMES")
    assert "Tags of the scheme BMES begin with B, E, M, O, S. Received: 'I-LOC'" in message


def test_raw_texts_that_are_no_utf8_are_refused_with_their_line(trained, tmp_path, capsys):
    (tmp_path / "texts.txt").write_bytes(b"Rome\n\xff\n")
    assert "texts.txt, line 2: expected UTF-8" in refused(
        capsys, "--model", trained, "--predict", tmp_path / "texts.txt"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Ben B-PER\nsees\n", "train.conll, line 2: expected 2 columns between spaces"),
        ("", "There are no words in"),
        ("Ben B-PER\n", "has too few sentences to hold out a tenth of them"),
    ],
)
def test_bad_files_are_refused(checkpoint, tmp_path, capsys, content, message):
    (tmp_path / "train.conll").write_text(content)
    assert message in refused(capsys, "--model", checkpoint, "--train", tmp_path / "train.conll")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to do"),
        (["--predict", "-", "--part-of-speech"], "pass words to --predict-conll"),
        (["--test", "x", "--predictions", "y"], "pass one of them too"),
        (["--test", "x", "--part-of-speech", "--scheme", "BIO"], "--scheme is of entity tags"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, message, capsys):
    assert message in refused(capsys, "--model", "x", *arguments)


def test_the_loss_of_the_script_is_the_mean_over_the_first_pieces_of_all_words(
    checkpoint, files, tmp_path, monkeypatch
):
    given = {}

    def remember(options, model, batches, **arguments):
        given.update(model=model, batches=batches, **arguments)
        return []

    monkeypatch.setattr(tag.fine_tuning, "train", remember)
    path = str(files / "train.conll")
    tag.main(["--model", str(checkpoint), "--train", path, "--dev", path, "--output", str(tmp_path / "run"), *QUICK])
    model, (x, y, weights) = given["model"], next(iter(given["batches"](0)))
    model.compile(loss=given["loss"])
    loss = model.test_on_batch(x, y, sample_weight=weights)

    # As PyTorch's cross-entropy with ignore_index: only the pieces that begin a word, divided by their number.
    first = [
        (row, place)
        for row, ids in enumerate(x["token_ids"].numpy())
        for place, token_id in enumerate(ids)
        if token_id not in TOKENIZER.special_ids and not TOKENIZER.is_continuation[token_id]
    ]
    logits = model(x).numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    losses = [-np.log(probabilities[row, place, y[row, place]]) for row, place in first]
    assert 0 < len(first) < weights.numpy().size
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
