"""Fifty steps of a small pretraining on one device, on replicas, on workers, and on workers of several replicas.

One device is Keras by itself; the others are prepared. Each row of devices is one run of all cases.
"""

import functools

import distribute_cases
import distributed_runs
import numpy as np
import pytest

pytestmark = pytest.mark.long

DEVICES = {"2 replicas": (1, 2), "2 workers": (2, 1), "2 workers of 2 replicas": (2, 2)}
# Each case where most can go wrong, and one on all: a process of many cases takes minutes.
CASES = {
    "2 replicas": ("adamw", "lamb on uneven batches", "bf16", "compiled, accumulated"),
    "2 workers": ("adamw", "fp16"),
    "2 workers of 2 replicas": ("adamw", "gradient accumulation", "steps per execution", "ema", "fp16", "compiled"),
}
# A product in half precision is rounded on every replica, where one device rounds the whole sum once; a step is up to
# 0.1 of that, and momentum adds up ten steps. bfloat16 has 8 bits, float16 has 11.
LOSS = {"bf16": 1e-2, "fp16": 1e-3}
WEIGHTS = {"bf16": 5e-2, "fp16": 5e-3}


@functools.cache
def results(devices):
    """Of each worker: case -> what it showed and left."""
    if devices is None:
        return distributed_runs.run("distribute_cases:run", timeout=600, one_device=True)
    return distributed_runs.run("distribute_cases:run", *DEVICES[devices], timeout=600, names=CASES[devices])


def of(devices, case):
    return results(None)[0][case], [worker[case] for worker in results(devices)]


devices = pytest.mark.parametrize("devices", DEVICES)
with_fp16 = pytest.mark.parametrize("devices", [name for name, cases in CASES.items() if "fp16" in cases])
pairs = pytest.mark.parametrize(("devices", "case"), [(name, case) for name, cases in CASES.items() for case in cases])


def test_every_case_is_tried_on_several_devices():
    assert {case for cases in CASES.values() for case in cases} == set(distribute_cases.CASES)


@pairs
def test_every_step_has_the_loss_of_one_device(devices, case):
    one, workers = of(devices, case)
    for worker in workers:
        for name in one["logs"]:
            if "loss" in name:
                np.testing.assert_allclose(worker["logs"][name], one["logs"][name], rtol=0, atol=LOSS.get(case, 1e-5))


@pairs
def test_every_step_has_the_metrics_of_one_device(devices, case):
    one, workers = of(devices, case)
    # A tie between two logits of few bits may fall either way.
    atol = 0.25 if case in LOSS else 1e-5
    for worker in workers:
        assert set(worker["logs"]) == set(one["logs"])
        for name in one["logs"]:
            np.testing.assert_allclose(worker["logs"][name], one["logs"][name], rtol=0, atol=atol)


@pairs
def test_the_weights_are_those_of_one_device(devices, case):
    one, workers = of(devices, case)
    for worker in workers:
        for expected, actual in zip(one["weights"], worker["weights"], strict=True):
            np.testing.assert_allclose(actual, expected, rtol=0, atol=WEIGHTS.get(case, 1e-4))


@devices
def test_workers_have_the_same_weights_bit_for_bit(devices):
    first, *others = results(devices)
    for case in first:
        for other in others:
            for mine, theirs in zip(first[case]["weights"], other[case]["weights"], strict=True):
                np.testing.assert_array_equal(mine, theirs)


@devices
def test_evaluation_is_that_of_one_device_and_every_worker_predicts_all_rows_in_order(devices):
    one, workers = of(devices, "adamw")
    for worker in workers:
        for name, expected in one["scores"].items():
            np.testing.assert_allclose(worker["scores"][name], expected, rtol=0, atol=1e-5)
        for name, expected in one["outputs"].items():
            np.testing.assert_allclose(worker["outputs"][name], expected, rtol=0, atol=1e-4)


@with_fp16
def test_a_loss_scale_moves_as_on_one_device(devices):
    one, workers = of(devices, "fp16")
    assert one["steps"] < distribute_cases.STEPS  # some gradients overflowed
    assert [(worker["steps"], worker["scale"]) for worker in workers] == [(one["steps"], one["scale"])] * len(workers)


def test_clipping_and_weights_of_predictions_matter_to_these_cases():
    """Otherwise the cases would hold for what Keras does by itself."""
    unclipped, of_means = distributed_runs.run("distribute_cases:without", 1, 2, timeout=300)[0]
    one = results(None)[0]["adamw"]["logs"]["loss"]
    assert np.abs(unclipped["logs"]["loss"] - one).max() > 1e-3
    assert np.abs(of_means["logs"]["loss"] - one).max() > 1e-3
