"""The script that answers questions: it learns, keeps what it says, and answers as a loop over all windows does."""

import io
import json
import shutil
import sys

import answer
import answer_figure
import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers import convert, models, ops, text
from keras_bert_layers.data import tasks

VOCABULARY = [*tiny.VOCABULARY, "what", "?"]
FILLING = ["the", "film", "a", "is", "not"]


def questions(count, seed, impossible=0.0):
    """Where is "good" or "bad" in a text of other words? A text with neither has no answer."""
    generator, qas = np.random.default_rng(seed), []
    for number in range(count):
        words = generator.choice(FILLING, size=generator.integers(4, 16)).tolist()
        asked = {"id": f"{seed}-{number}", "question": "what is the film ?", "answers": []}
        if generator.random() < impossible:
            asked["is_impossible"] = True
        else:
            place, right = int(generator.integers(len(words))), str(generator.choice(["good", "very bad"]))
            start = len(" ".join([*words[:place], ""]))
            words.insert(place, right)
            asked["answers"] = [{"text": right, "answer_start": start}]
        qas.append({"context": " ".join(words), "qas": [asked]})
    return {"version": "v2.0", "data": [{"title": "films", "paragraphs": qas}]}


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    config = tiny.config(vocabulary_size=len(VOCABULARY), hidden_dim=16, num_layers=1, intermediate_dim=32, dropout=0.0)
    directory = tmp_path_factory.mktemp("checkpoints") / "encoder"
    convert.save_pretrained(models.bert_encoder(config), directory, text.BertTokenizer(VOCABULARY))
    return directory


@pytest.fixture(scope="module")
def trained(checkpoint, tmp_path_factory):
    """The folder of a run that has learned, with questions that have no answer."""
    folder = tmp_path_factory.mktemp("trained")
    train, dev = (write(folder / f"{seed}.json", questions(48, seed, impossible=0.3)) for seed in (0, 1))
    status = answer.main(
        f"--model {checkpoint} --train {train} --dev {dev} --version-2 --output {folder / 'run'} --epochs 12 "
        "--batch-size 8 --learning-rate 2e-2 --sequence-length 16 --stride 4 --max-question-length 6 --n-best 4".split()
    )
    assert status == 0
    return folder


SETTINGS = ["--sequence-length", "16", "--stride", "4", "--max-question-length", "6", "--n-best", "4"]


def run(capsys, *arguments):
    assert answer.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def test_it_learns_and_writes_what_it_found(trained):
    results = json.loads((trained / "run/results.json").read_text())
    assert results["scores"]["f1"] > 90
    assert results["scores"]["no_answer_f1"] > 80
    assert max(row["val_f1"] for row in results["epochs"]) == pytest.approx(results["scores"]["f1"])
    assert (trained / "run/scores.png").stat().st_size > 5000
    predictions = json.loads((trained / "run/predictions.json").read_text())
    assert set(predictions) == {f"1-{number}" for number in range(48)}


def test_the_saved_model_scores_the_same(trained, capsys, tmp_path):
    arguments = ("--model", trained / "run", "--dev", trained / "1.json", "--evaluate-only", "--output", tmp_path)
    out = run(capsys, *arguments)
    scores = json.loads((trained / "run/results.json").read_text())["scores"]
    assert f"exact match {scores['exact_match']:.2f}, F1 {scores['f1']:.2f}, 48 questions" in out
    assert (tmp_path / "predictions.json").read_text() == (trained / "run/predictions.json").read_text()


def test_predictions_of_the_saved_model_are_those_of_the_run(trained, capsys):
    out = run(capsys, "--model", trained / "run/model", "--predict", trained / "1.json")
    records = [json.loads(line) for line in out.splitlines()]
    predictions = json.loads((trained / "run/predictions.json").read_text())
    assert {record["id"]: record["answer"] for record in records} == predictions


def lines(count=6):
    paragraphs = questions(count, seed=2)["data"][0]["paragraphs"]
    return [{"question": one["qas"][0]["question"], "context": one["context"]} for one in paragraphs]


@pytest.fixture(scope="module")
def never_empty(trained, tmp_path_factory):
    """The trained model alone, for questions that all have an answer."""
    return shutil.copytree(trained / "run/model", tmp_path_factory.mktemp("copied") / "model")


def test_lines_of_the_standard_input_get_places_and_n_best(never_empty, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(map(json.dumps, lines()))))
    out = run(capsys, "--model", never_empty, "--predict", "-", *SETTINGS)
    for line, asked in zip(out.splitlines(), lines(), strict=True):
        record = json.loads(line)
        assert record["question"] == asked["question"]
        assert asked["context"][record["start"] : record["end"]] == record["answer"] != ""
        assert record["n_best"][0]["text"] == record["answer"]
        assert sum(one["probability"] for one in record["n_best"]) == pytest.approx(1, abs=1e-5)
        scores = [one["score"] for one in record["n_best"]]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 4


def test_the_best_answer_is_that_of_a_loop_over_all_windows(never_empty, capsys, tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, lines())), encoding="utf-8")
    out = run(capsys, "--model", never_empty, "--predict", path, *SETTINGS, "--max-answer-length", 2)
    loaded = convert.from_pretrained(never_empty)
    preprocessor = text.QuestionPreprocessor(loaded.tokenizer, 16, 4, 6)
    for line, asked in zip(out.splitlines(), lines(), strict=True):
        windows = preprocessor((asked["question"], asked["context"]))
        logits = loaded.model({name: windows[name] for name in loaded.model.input})
        start, end = (np.array(logits[name]) for name in ("start", "end"))
        best = max(
            (start[w, i] + end[w, j], int(windows["starts"][w, i]), int(windows["ends"][w, j]))
            for w, i in np.argwhere(windows["context_mask"])
            for j in range(i, min(i + 2, start.shape[1]))
            if windows["context_mask"][w, j]
        )
        record = json.loads(line)
        assert (record["start"], record["end"]) == best[1:]
        assert record["score"] == pytest.approx(best[0], abs=1e-4)


def test_one_graph_from_strings_to_answers_gives_those_of_the_script(never_empty, capsys, tmp_path):
    loaded = convert.from_pretrained(never_empty)
    preprocessor = text.QuestionPreprocessor(loaded.tokenizer, 16, 4, 6)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)] * 2)
    def answers_of(asked, contexts):
        windows = preprocessor((asked, contexts))
        logits = loaded.model({name: windows[name] for name in loaded.model.input})
        scores, first, last = ops.best_spans(logits["start"], logits["end"], windows["context_mask"], top_k=4)
        places = (tf.gather(windows["starts"], first, batch_dims=1), tf.gather(windows["ends"], last, batch_dims=1))
        nulls = logits["start"][:, 0] + logits["end"][:, 0]
        scores, starts, ends, _ = ops.merge_spans(scores, *places, nulls, windows["example_ids"], tf.size(asked))
        return text.answer_texts(contexts, starts, ends), ops.span_probabilities(scores)

    asked = [*lines(), {"question": "what ?", "context": ""}]
    texts, probabilities = answers_of(*([line[name] for line in asked] for name in ("question", "context")))
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    out = run(capsys, "--model", never_empty, "--predict", path, *SETTINGS)
    for line, row, shares in zip(out.splitlines(), texts.numpy(), probabilities.numpy(), strict=True):
        listed = json.loads(line)["n_best"]
        assert [answer.decode() for answer in row[: len(listed)]] == [one["text"] for one in listed]
        assert not any(row[len(listed) :])
        np.testing.assert_allclose(shares[: len(listed)], [one["probability"] for one in listed], atol=1e-5)


@pytest.mark.long
def test_the_exported_model_gives_the_answers_of_the_script(never_empty, capsys, tmp_path):
    run(capsys, "--model", never_empty, "--export", tmp_path / "served", *SETTINGS)
    served = tf.saved_model.load(tmp_path / "served/1").signatures["text"]
    asked = lines()
    columns = {name: tf.constant([line[name] for line in asked]) for name in ("question", "context")}
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    records = [
        json.loads(line) for line in run(capsys, "--model", never_empty, "--predict", path, *SETTINGS).splitlines()
    ]
    answers = served(**columns)
    assert [answer.decode() for answer in answers["answer"].numpy()] == [record["answer"] for record in records]
    assert answers["start"].numpy().tolist() == [record["start"] for record in records]


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"train.json": "{"}, 2, "train.json must be a JSON file"),
        (
            {"dev.json": json.dumps(questions(3, 0, impossible=1))},
            2,
            "3 of 3 questions have no answer. Add --version-2",
        ),
        ({"arguments": ["--sequence-length", "99"]}, 2, "The model takes 16 tokens, and --sequence-length is 99"),
        ({"arguments": ["--stride", "15"]}, 2, "Each window must bring a new token"),
        ({"arguments": ["--evaluate-only"]}, 2, "give --train and --dev to train"),
        ({"arguments": ["--n-best", "0"]}, 2, "must be 1 or more"),
        ({"arguments": ["--version-2", "--scores", "cmrc"]}, 2, "leave out --version-2"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_input_ends_with_status_2_and_a_message(given, status, said, checkpoint, tmp_path, capsys):
    for name in ("train.json", "dev.json"):
        (tmp_path / name).write_text(given.get(name, json.dumps(questions(3, 0))), encoding="utf-8")
    files = ["--train", str(tmp_path / "train.json"), "--dev", str(tmp_path / "dev.json"), "--max-question-length", "6"]
    short = ["--sequence-length", "16", "--stride", "4"]
    with pytest.raises(SystemExit) as ended:
        answer.main(["--model", str(checkpoint), *files, *short, *given.get("arguments", [])])
    assert ended.value.code == status
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "There is no question in"),
        ("{", "line 1: expected a JSON object"),
        ('{"question": "what"}', 'line 1: expected {"question": "...", "context": "..."}'),
        ('{"question": "what", "context": "x"}\n[1]', "line 2: expected"),
    ],
)
def test_lines_that_are_no_questions_are_refused(content, said, checkpoint, tmp_path, capsys):
    path = tmp_path / "lines.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        answer.main(["--model", str(checkpoint), "--predict", str(path)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("How many films are there?", "how many"),
        ("In which year, and how, did it end?", "which"),
        ("Name the film", "other"),
        ("However it was, who won?", "who"),
        ("生命数耗完即算为什么？", "other"),
    ],
)
def test_the_question_word_is_the_first(question, word):
    assert answer_figure.question_word(question) == word


@pytest.mark.parametrize(("scores", "asked"), [("squad", "Who was it?"), ("cmrc", "谁？")])
def test_the_figure_is_drawn_in_any_language(scores, asked, tmp_path):
    spans = np.array([[0, 1], [0, 2]])
    questions = tasks.Questions(["1", "2"], [asked] * 2, ["甲乙丙"] * 2, [["甲"], ["甲乙"]], spans, [""] * 2)
    answer_figure.draw_scores(tmp_path / "scores.png", questions, {"1": "甲", "2": "乙"}, scores)
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("texts", "group"),
    [([], "no answer"), (["one"], "1"), (["a b c", "a b"], "2–3"), (["a " * 7], "4–7"), (["a " * 40], "32 or more")],
)
def test_answers_are_grouped_by_the_shortest(texts, group):
    assert answer_figure.length_group(texts, "words") == group
