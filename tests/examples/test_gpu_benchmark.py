"""The measurements on a GPU, with tiny models on a CPU: every side has figures, and goals are those of the figures."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "examples" / "benchmarks"))

import gpu
import gpu_arrays
import gpu_options
import gpu_plan
import gpu_report
from gpu_goals import GOALS, compare
from gpu_trace import own_time_of

WORKLOADS = [name for name in gpu_plan.WORKLOADS if name != "pretrain-512"]
SENTENCES = ["a good film .", "it is not a film at all .", "very bad , and very very long .", "the movie is good ."]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The folder of one run of everything but the longer rows, which differ in nothing but their length."""
    folder = tmp_path_factory.mktemp("gpu")
    texts = folder / "texts.txt"
    paragraphs = [
        " ".join([one, other] * (1 + number % 3)) for number, one in enumerate(SENTENCES * 40) for other in SENTENCES
    ]
    texts.write_text("\n\n".join(paragraphs), encoding="utf-8")
    arguments = ["--tiny", "--output", str(folder / "out"), "--texts", str(texts), "--minutes", "60"]
    arguments += ["--workloads", *WORKLOADS]
    assert gpu.main(arguments) == 0
    # All figures are there: the same command has nothing left to do, and says the same.
    before = {path: path.stat().st_mtime_ns for path in (folder / "out" / "figures").iterdir()}
    assert gpu.main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "out" / "figures").iterdir()} == before
    return folder / "out"


@pytest.mark.long
def test_every_installed_side_has_figures_of_every_workload(output):
    report = json.loads((output / "report.json").read_text())
    expected = {f"{name}-tiny": set(gpu_plan.WORKLOADS[name].sides) - set(report["absent"]) for name in WORKLOADS}
    assert {key: set(sides) for key, sides in report["workloads"].items()} == expected
    assert report["unmeasured"] == []
    figures = [each for sides in report["workloads"].values() for each in sides.values()]
    values = [value for each in figures for metrics in each.values() for rounds in metrics.values() for value in rounds]
    assert np.isfinite(values).all()
    assert "## The costliest operations of a step of pretraining at 512: tiny" in (output / "report.md").read_text()


@pytest.mark.long
def test_what_is_measured_is_plausible(output):
    workloads = json.loads((output / "report.json").read_text())["workloads"]
    attention = workloads["attention-tiny"]["ours"]["all cases"]
    assert attention["error"][0] < 2e-2
    assert (attention["finite"], attention["fused"]) == ([1.0], [0.0])
    packed = workloads["packed-tiny"]["ours"]
    assert packed["packed"]["fill"][0] > 3 * packed["padded"]["fill"][0]
    mirrored = workloads["strategy-tiny"]["ours"]["mirrored"]
    assert mirrored["loss_gap"][0] < 1e-2
    full = workloads["pretrain-128-tiny"]
    losses = [full[side]["full rows"]["loss"][0] for side in ("ours", "ours-not-fused")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)
    rows = full["ours"]["full rows"]["tokens_per_second"][0] / full["ours"]["full rows"]["sequences_per_second"][0]
    assert rows == pytest.approx(128)


@pytest.mark.long
def test_figures_of_other_settings_are_not_mixed(output):
    with pytest.raises(SystemExit, match=r"dropout 0\.0, now 0\.5"):
        gpu.same_settings(_options(output, dropout=0.5))


def _options(output, **changes):
    options = gpu.parse_arguments(["--tiny", "--output", str(output)])
    vars(options).update(changes)
    return options


def test_without_a_gpu_the_command_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(gpu.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        gpu.main([])
    assert "no NVIDIA GPU is here" in capsys.readouterr().err


def test_a_peer_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(gpu_plan.PACKAGES, "keras-hub", ("no_such_package",))
    runs, absent = gpu_plan.plan(gpu_plan.WORKLOADS, list(gpu_plan.SIDES), ["base", "large"], 2)
    assert absent == {"keras-hub": "not installed (no_such_package)"}
    assert "keras-hub" not in {run.side for run in runs}
    # The first round is whole before the second begins, and what says the same each time is in the first only.
    assert [run.round for run in runs] == sorted(run.round for run in runs)
    assert [run.name for run in runs if run.workload == "attention"] == ["attention-base.ours.0"]


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A100 PCIe", 312e12),
        ("NVIDIA H100 PCIe", None),
        ("Tesla T4", None),
        ("CPU", None),
    ],
)
def test_only_peaks_that_are_known_are_used(name, peak):
    assert gpu_report.peak_flops(name) == peak


def test_goals_compare_what_the_figures_say():
    figure = lambda rate, share: {"full rows": {"tokens_per_second": rate, "share_of_peak": share}}  # noqa: E731
    measured = {
        "pretrain-128-base": {
            "ours": figure([300.0, 330.0, 270.0], [0.41, 0.42, 0.39]),
            "keras-hub": figure([100.0, 300.0, 100.0], []),
        }
    }
    found = {row["name"]: row for row in compare(measured) if row["key"] == "pretrain-128-base"}
    assert found["share of the peak (MFU)"]["reached"]
    assert found["to keras-hub"]["rounds"] == pytest.approx([3.0, 1.1, 2.7])
    assert found["to keras-hub"]["reached"]
    assert found["to Hugging Face, compiled"]["median"] is None
    assert len({(goal.name, goal.key) for goal in GOALS}) == len(GOALS)


def test_an_operation_has_the_time_that_is_not_of_those_inside():
    events = [(0, 100, "step"), (10, 40, "product"), (15, 20, "copy"), (50, 90, "product"), (100, 130, "step")]
    assert own_time_of(events) == {"step": 30 + 30, "product": 25 + 40, "copy": 5}


def test_a_block_is_timed_as_one():
    figures = gpu_options.step_figures([2.0, 4.0, 3.0], steps=3, sequences=6, tokens=60, flops=30.0)
    assert figures == {
        "seconds": 1.0,
        "spread": pytest.approx(2 / 3),
        "sequences_per_second": 2.0,
        "tokens_per_second": 20.0,
        "flops_per_second": 10.0,
    }


def test_sentences_fill_batches_of_a_few_lengths(tmp_path):
    lengths = np.array([3, 5, 2, 8, 7, 4, 1], "int32")
    ids = np.concatenate([np.full(length, number + 1) for number, length in enumerate(lengths)]).astype("int32")
    np.savez(tmp_path / "batches.npz", **{"sentences/ids": ids, "sentences/lengths": lengths})
    batches = gpu_arrays.sentence_batches(tmp_path / "batches.npz", [4, 8], tokens=8)
    assert [batch["token_ids"].shape for batch in batches] == [(2, 4), (2, 4), (1, 8), (1, 8), (1, 8)]
    for batch in batches:
        for row, mask in zip(batch["token_ids"], batch["padding_mask"], strict=True):
            (number,) = set(row[mask == 1])
            assert mask.sum() == lengths[number - 1]
            assert not row[mask == 0].any()


def test_sequences_of_packed_rows_are_counted_one_by_one():
    packs = np.array([[1, 1, 2, 2, 2, 0], [1, 1, 1, 1, 0, 0]])
    assert gpu_arrays.lengths_of({"pack_ids": packs}).tolist() == [2, 3, 4]
