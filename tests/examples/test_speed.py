"""The comparison of speed: every workload runs on a tiny model, and the report says what the figures say."""

import json
import sys
from pathlib import Path

import pytest
import tiny

sys.path.append(str(Path(__file__).parents[2] / "examples" / "benchmarks"))

import speed
import speed_clock
import speed_report
import speed_texts
from speed_goals import GOALS, Goal
from speed_plan import PEERS, SIDES, WORKLOADS, Side, plan

SENTENCES = ["a good film", "not a film at all", "very bad", "the movie is good and very very long , it is said"]
SIZES = {
    "--texts": [8],
    "--batch-size": [4],
    "--dense": [2, 8],
    "--steps": [1],
    "--rows": [1],
    "--length": [16],
    "--latency-texts": [2],
    "--tokenized-texts": [8],
    "--repeats": [1],
    "--batches": [1, 2],
    "--lengths": [4, 8],
    "--threads": [1],
    "--rounds": [1],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of texts and a vocabulary as large as the ids of a BERT."""
    folder = tmp_path_factory.mktemp("speed")
    for name in ("sst2", "wnut17", "xquad", "wikitext2", "vocab"):
        (folder / name).mkdir()
    rows = "".join(f"{text}\t{number % 2}\n" for number, text in enumerate(SENTENCES * 10))
    for part in ("train", "test"):
        (folder / "sst2" / f"{part}.tsv").write_text(rows, encoding="utf-8")
    words = "".join("".join(f"{word}\tO\n" for word in text.split()) + "\n" for text in SENTENCES)
    for name in ("wnut17train.conll", "emerging.test.annotated"):
        (folder / "wnut17" / name).write_text(words, encoding="utf-8")
    article = {"paragraphs": [{"context": text} for text in SENTENCES]}
    (folder / "xquad" / "xquad.en.json").write_text(json.dumps({"data": [article]}), encoding="utf-8")
    paragraphs = "\n\n".join(f"{one} . {other} ." for one in SENTENCES for other in SENTENCES)
    (folder / "wikitext2" / "test.txt").write_text(paragraphs, encoding="utf-8")
    others = [f"[unused{number}]" for number in range(30000)]
    tokens = [*tiny.tokenizer().vocabulary, *others]
    (folder / "vocab" / "tiny-uncased.vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """One folder for all runs, so that the checkpoint is made once."""
    return tmp_path_factory.mktemp("output")


def arguments(data, output, **further):
    sizes = [str(each) for option, values in SIZES.items() for each in (option, *values)]
    given = [str(each) for name, values in further.items() for each in (f"--{name}", *values)]
    return ["--data", str(data), "--output", str(output), "--model", "tiny", *sizes, *given]


@pytest.mark.long
@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_installed_peer_has_figures(workload, data, output):
    # Each is a process: all peers where most of their code runs.
    peers = PEERS if workload in ("texts", "finetune", "tokenize") else ("ours",)
    wanted = [f"{peer}-float32" for peer in peers]
    assert speed.main(arguments(data, output, workloads=[workload], peers=wanted)) == 0
    report = json.loads((output / "report.json").read_text())
    (found,) = [sides for key, sides in report["workloads"].items() if key.split("-")[0] == workload]
    expected = {side.name for side in WORKLOADS[workload].sides(wanted)} - set(report["absent"])
    assert set(found) == expected
    assert "ours-float32" in expected
    values = [rounds for figures in found.values() for metrics in figures.values() for rounds in metrics.values()]
    assert values
    assert all(value > 0 for rounds in values for value in rounds)
    assert f"## {WORKLOADS[workload].title}" in (output / "report.md").read_text()


@pytest.mark.long
@pytest.mark.parametrize(
    ("sentences", "peers"),
    [("wnut17", ["ours-int8-calibrated", "onnxruntime-int8"]), ("xquad", ["ours-bfloat16", "ours-int8"])],
)
def test_other_forms_on_other_texts(sentences, peers, data, output):
    assert speed.main(arguments(data, output, workloads=["texts"], sentences=[sentences], peers=peers)) == 0
    report = json.loads((output / "report.json").read_text())
    measured = report["workloads"][f"texts-{sentences}-tiny"]
    assert set(measured) == set(peers) - set(report["absent"])
    assert all(figure["tokens_per_second"][0] > 0 for figures in measured.values() for figure in figures.values())


@pytest.fixture
def finished(data, tmp_path, monkeypatch):
    """Figures of two sides and two rounds, of which no process is started any more; the names of those that are."""
    started = []

    def process(options, name, script, *given, settings=None, keep=False):
        started.append(name)
        return True

    monkeypatch.setattr(speed, "process", process)
    monkeypatch.setattr(speed, "check_agreement", lambda *given: None)
    settings = {"threads": 1, "dense": [2, 8], "repeats": 1}
    for side, seconds in (("ours-float32", [1.0, 2.0]), ("keras-hub-float32", [3.0, 4.0])):
        for number, value in enumerate(seconds):
            write(tmp_path, f"dense-tiny.{side}.{number}", {"2 x 8": {"seconds": value}}, settings)
    return started


def write(output, name, figures, settings=None):
    path = output / "figures" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {"figures": figures, "device": "CPU", "settings": settings or {}, "process_seconds": 5.0}
    path.write_text(json.dumps(report))


def test_the_same_command_goes_on_where_it_stopped(data, tmp_path, finished, capsys):
    (tmp_path / "figures" / "dense-tiny.keras-hub-float32.1.json").unlink()
    further = {"workloads": ["dense"], "peers": ["ours-float32", "keras-hub"], "rounds": [2]}
    speed.main(arguments(data, tmp_path, **further))
    runs = [name for name in finished if name.startswith("dense")]
    assert runs == ["dense-tiny.keras-hub-float32.1"] if not SIDES["keras-hub-float32"].why_not(()) else runs == []
    assert "| ours-float32 | 2 x 8 | 1.5 (1 to 2) |" in capsys.readouterr().out


def test_figures_of_other_settings_are_refused(data, tmp_path, finished):
    further = {"workloads": ["dense"], "peers": ["ours-float32"], "dense": [4, 8]}
    with pytest.raises(SystemExit, match=r"--dense \[2, 8\], now \[4, 8\]"):
        speed.main(arguments(data, tmp_path, **further))


def test_figures_of_another_machine_are_refused(tmp_path):
    one = {"processor": "one", "cores": 2, "versions": {"keras": "3.15"}}
    speed.same_machine(tmp_path / "machine.json", one)
    with pytest.raises(SystemExit, match=r"processor one, now other\. Choose another"):
        speed.same_machine(tmp_path / "machine.json", {**one, "processor": "other"})
    with pytest.raises(SystemExit, match=r"keras 3\.15, now 3\.16"):
        speed.same_machine(tmp_path / "machine.json", {**one, "versions": {"keras": "3.16"}})
    more = {**one, "versions": {"keras": "3.15", "torch": "2.13"}}
    speed.same_machine(tmp_path / "machine.json", more)
    assert json.loads((tmp_path / "machine.json").read_text()) == more


@pytest.mark.parametrize(("theirs", "message"), [(1.0002, "must agree"), (float("nan"), "must agree"), (1.00001, None)])
def test_nothing_is_timed_if_ours_and_theirs_disagree(theirs, message, data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "process", lambda *given, **settings: True)
    write(tmp_path, "agree-tiny.ours", {"logits": {"0": [1.0, 0.5], "1": [2.0, 0.5]}})
    write(tmp_path, "agree-tiny.huggingface", {"logits": {"0": [theirs, 0.5], "1": [2.0, 0.5]}})
    options = speed.parse_arguments(arguments(data, tmp_path))
    if message:
        with pytest.raises(SystemExit, match=message):
            speed.check_agreement(options, "tiny", ["ours", "huggingface"])
    else:
        speed.check_agreement(options, "tiny", ["ours", "huggingface"])
        assert "agree within 1.0e-05" in capsys.readouterr().out


def test_logits_that_do_not_differ_show_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "process", lambda *given, **settings: True)
    for peer in speed.SCRIPTS:
        write(tmp_path, f"agree-tiny.{peer}", {"logits": {"0": [1.0, 0.5], "1": [1.0001, 0.5]}})
    with pytest.raises(SystemExit, match="different logits"):
        speed.check_agreement(speed.parse_arguments(arguments(data, tmp_path)), "tiny", list(speed.SCRIPTS))


def test_a_peer_that_is_not_installed_is_reported(monkeypatch, tmp_path):
    monkeypatch.setattr("speed_plan.importlib.util.find_spec", lambda name: None if name == "torch" else 1)
    runs, absent = plan(["dense"], PEERS, ["base"], ["sst2"], 2, {"avx512_bf16"})
    assert [run.name for run in runs][:2] == ["dense-base.ours-float32.0", "dense-base.ours-bfloat16.0"]
    assert not any(run.side.peer in ("huggingface", "onnxruntime") for run in runs)
    assert absent["huggingface-float32"] == "not installed (torch)"
    (tmp_path / "machine.json").write_text(json.dumps(speed.speed_machine.describe()))
    assert "- huggingface-float32: not installed (torch)" in speed_report.write_report(tmp_path, absent)
    assert "- huggingface-float32: not installed (torch)" in speed_report.write_report(tmp_path)


def test_bfloat16_without_instructions_for_it_is_left_out_unless_it_is_asked_for():
    assert "no instructions" in Side("ours", "bfloat16").why_not({"avx2"}, ["ours"])
    assert Side("ours", "bfloat16").why_not({"avx2"}, ["ours-bfloat16"]) is None
    assert Side("ours", "bfloat16").why_not({"amx_bf16"}) is None


def measured(**rounds):
    """ours, hub and hf, of one figure each, as read from files."""
    return {"k": {side: {"f": {"seconds": values, "megabytes": values}} for side, values in rounds.items()}}


def test_a_goal_compares_with_the_best_round_by_round():
    goal = Goal("k", "", ("ours", "f"), (("hub", "f"), ("hf", "f")), at_least=2.0)
    values = goal.values(measured(ours=[1.0, 2.0], hub=[4.0, 3.0], hf=[3.0, 5.0]))
    assert values == [3.0, 1.5]
    assert goal.is_reached(2.0)
    assert not goal.is_reached(1.99)
    assert goal.values(measured(ours=[1.0], hf=[3.0])) == [3.0]
    assert goal.values(measured(ours=[1.0])) == goal.values({}) == []


def test_a_goal_of_memory_is_a_share_and_one_of_speed_may_stand_alone():
    share = Goal("k", "", ("ours", "f"), (("hub", "f"),), at_most=0.8, metric="megabytes")
    assert share.values(measured(ours=[4.0], hub=[5.0])) == [0.8]
    assert share.is_reached(0.8)
    alone = Goal("k", "", ("ours", "f"), at_most=0.05)
    assert alone.values(measured(ours=[0.04, 0.06])) == [0.04, 0.06]
    rates = {"k": {side: {"f": {"tokens_per_second": [value]}} for side, value in (("ours", 6.0), ("hub", 2.0))}}
    faster = Goal("k", "", ("ours", "f"), (("hub", "f"),), at_least=2.5, metric="tokens_per_second")
    assert faster.values(rates) == [3.0]


def test_a_goal_is_in_the_table_or_named_as_not_measured():
    goals = [
        {"name": "a", "key": "k", "at_least": 2.0, "rounds": [3.0, 1.0, 2.5], "median": 2.5, "reached": True},
        {"name": "b", "key": "k", "at_most": 2e6, "rounds": [3e6], "median": 3e6, "reached": False},
        {"name": "c", "key": "k", "at_most": 0.8, "rounds": [], "median": None},
    ]
    assert speed_report.goal_table(goals)[2:] == [
        "| a | k | ≥ 2 | 2.5 (1 to 3) | yes |",
        "| b | k | ≤ 2,000,000 | 3,000,000 | **no** |",
        "",
        "Not measured: c (k).",
    ]


def test_the_table_says_how_many_times_as_fast_ours_is():
    sides = {
        "ours-float32": {"Predictor": {"seconds": [1.0]}, "given order": {"seconds": [2.0]}},
        "keras-hub-float32": {"given order": {"seconds": [3.0, 5.0]}},
    }
    lines = speed_report.workload_table("texts-sst2-base", sides)
    assert lines[-1] == "| keras-hub-float32 | given order | 4 (3 to 5) | 4.00 |"
    assert lines[-3:-1] == ["| ours-float32 | Predictor | 1 | 1.00 |", "| ours-float32 | given order | 2 | 2.00 |"]


def test_the_figures_are_put_into_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{speed_report.BEGIN}\nold\n{speed_report.END}\n\nbehind\n")
    speed_report.fill(page, "new\n\n## Table")
    assert page.read_text() == f"# Page\n\n{speed_report.BEGIN}\nnew\n\n### Table\n{speed_report.END}\n\nbehind\n"
    page.write_text("# Page\n")
    with pytest.raises(SystemExit, match="has no place for the figures"):
        speed_report.fill(page, "new")


def test_a_small_sample_has_the_mean_length_of_all_texts():
    texts = ["x" * length for length in range(1, 101)]
    sample = speed_texts.spread(texts, 10)
    assert len(set(sample)) == 10
    assert sum(map(len, sample)) / 10 == pytest.approx(50.5, abs=1)
    assert len(speed_texts.draw(["a", "b"], 5)) == 5


def test_a_part_of_the_texts_is_reported_as_all_of_them():
    figures = speed_clock.pass_figures(2.0, [10, 10, 20, 40], share=0.25)
    assert figures == {"seconds": 8.0, "tokens_per_second": 10.0}


def test_every_goal_names_what_is_measured():
    for goal in GOALS:
        workload = WORKLOADS[goal.key.split("-")[0]]
        names = {side.name for side in workload.sides(PEERS)}
        assert {side for side, _ in (goal.ours, *goal.theirs)} <= names
