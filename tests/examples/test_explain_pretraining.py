"""Habits of heads are measured as they are defined, over models that a pretraining run left on its way."""

import json

import explain_habits
import explain_pretraining
import numpy as np
import pretrain
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, interpret, models

TEXTS = ["the cat sleeps", "a cat is a cat"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that saved models, and one with the same command that did not."""
    folder, rng = tmp_path_factory.mktemp("run"), np.random.default_rng(0)
    words = ["the", "a", "cat", "dog", "sleeps", "runs", "is", "good"]
    (folder / "corpus").mkdir()
    for number in range(6):
        lines = (" ".join(rng.choice(words, rng.integers(4, 10))) + "." for _ in range(20))
        (folder / "corpus" / f"{number}.txt").write_text("\n".join(lines), encoding="utf-8")
    common = ["--smoke", "--corpus", str(folder / "corpus"), "--output"]
    pretrain.main([*common, str(folder / "with"), "--model-every", "4"])
    pretrain.main([*common, str(folder / "without")])
    return folder


@pytest.mark.long
def test_models_are_saved_on_the_way_and_change_nothing(run):
    assert sorted(path.name for path in (run / "with" / "models").iterdir()) == [
        "step-00000000",
        "step-00000004",
        "step-00000008",
    ]
    assert not (run / "without" / "models").exists()
    ends = [convert.from_pretrained(run / name / "pretrained").model.get_weights() for name in ("with", "without")]
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    first = convert.from_pretrained(run / "with" / "models" / "step-00000000").model.get_weights()
    assert any(np.abs(one - other).max() > 1e-4 for one, other in zip(first, ends[0], strict=True))


@pytest.mark.long
def test_the_picture_and_the_numbers_are_of_all_models(run, tmp_path, capsys):
    paths = sorted((run / "with" / "models").iterdir())
    output = tmp_path / "new" / "heads.png"
    arguments = ["--checkpoints", *map(str, paths), "--output", str(output), "--", *TEXTS]
    assert explain_pretraining.main(arguments) == 0
    out = capsys.readouterr().out
    assert "entropy        least in layer 0, head 0   0: " in out
    assert output.read_bytes().startswith(b"\x89PNG")
    numbers = json.loads(output.with_suffix(".json").read_text())
    assert numbers["texts"] == 2
    loaded = convert.from_pretrained(paths[1], task="encoder")
    expected = explain_habits.habits_of(interpret.inspect(loaded.model, loaded.preprocessor(), TEXTS))
    for habit, value in zip(explain_habits.HABITS, expected, strict=True):
        np.testing.assert_allclose(np.array(numbers["values"][habit])[1], value, atol=1e-5)


def test_habits_are_what_their_names_say():
    """By loops over single weights."""
    model = randomized(models.bert_encoder(tiny.config()))
    seen = interpret.inspect(model, tiny.preprocessor(), ["the film is the film", "bad"])
    sums, count = np.zeros((7, 2, 2)), 0
    for each in seen:
        size = len(each.tokens)
        for row in range(1, size - 1):
            count += 1
            weights = each.attention[:, :, row]
            sums[0] += weights[..., row]
            sums[1] += weights[..., row - 1]
            sums[2] += weights[..., row + 1]
            sums[3] += weights[..., 0]
            sums[4] += weights[..., size - 1]
            for column in range(size):
                if column != row and each.tokens[column] == each.tokens[row]:
                    sums[5] += weights[..., column]
            sums[6] -= (weights * np.log(weights)).sum(-1) / np.log(size)
    np.testing.assert_allclose(explain_habits.habits_of(seen), sums / count, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoints", "one", "other", "--", "a film"], "Only models of one shape are compared"),
        (["--checkpoints", "nowhere", "--", "a film"], "nowhere"),
        (["--checkpoints", "one"], "no text"),
        (["--checkpoints", "one", "--sequence-length", "2", "--", "a"], "must be 4 or more"),
    ],
)
def test_bad_input_ends_with_status_2(arguments, message, tmp_path, capsys):
    for name, layers in (("one", 1), ("other", 2)):
        encoder = models.bert_encoder(tiny.config(num_layers=layers))
        convert.save_pretrained(encoder, tmp_path / name, tiny.tokenizer())
    arguments = [str(tmp_path / each) if each in ("one", "other") else each for each in arguments]
    with pytest.raises(SystemExit) as caught:
        explain_pretraining.main(["--output", str(tmp_path / "heads.png"), *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_models_on_the_way_are_saved_at_evaluations_only(tmp_path, capsys):
    (tmp_path / "corpus.txt").write_text("a cat.\n")
    with pytest.raises(SystemExit) as caught:
        pretrain.main(["--smoke", "--corpus", str(tmp_path / "corpus.txt"), "--model-every", "6"])
    assert caught.value.code == 2
    assert "--model-every must be a multiple of --evaluate-every" in capsys.readouterr().err
