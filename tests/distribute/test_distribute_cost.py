"""The cost model: its parts against counts of real models, an independent formula, and its limits."""

import dataclasses

import pytest
from benchmarks import distribute_cost as cost

from keras_bert_layers import models, training

BASE = cost.MODELS[0]
FAST, SLOW = cost.NETWORKS


def test_the_weights_are_those_of_the_model():
    sizes = {"num_layers": 2, "hidden_dim": 8, "intermediate_dim": 16, "vocabulary_size": 30}
    config = models.BertConfig(**sizes, num_heads=2, max_sequence_length=12)
    counted = models.bert_pretrainer(models.bert_encoder(config)).count_params()
    assert cost.Model("tiny", **sizes, positions=12).weights == counted


def test_the_operations_are_those_of_the_training_progress():
    config = models.BertConfig(
        vocabulary_size=30522, hidden_dim=768, num_layers=12, num_heads=12, intermediate_dim=3072
    )
    expected = training.pretraining_flops(config, tokens=32 * 512, squared_lengths=32 * 512**2, predictions=32 * 77)
    assert BASE.flops(32, 512, 77) == expected


def test_a_ring_takes_the_time_of_its_hops_one_by_one():
    """Each of n members sends n - 1 parts to be summed, and n - 1 sums, one n-th of the bytes each."""
    members, size, bandwidth, hop = 4, 1e9, 2e10, 1e-5
    sent = [size / members / bandwidth + hop for _ in range(2) for _ in range(members - 1)]
    assert cost.ring(members, size, bandwidth, hop) == pytest.approx(sum(sent))
    assert cost.ring(1, size, bandwidth, hop) == 0


def test_one_gpu_only_computes():
    each = cost.step(BASE, FAST, 1)
    assert (each.all_reduce, each.efficiency) == (0, 1)


@pytest.mark.parametrize("network", cost.NETWORKS)
@pytest.mark.parametrize("model", cost.MODELS)
def test_more_gpus_train_more_tokens_a_second_and_less_each(model, network):
    steps = [cost.step(model, network, gpus) for gpus in cost.GPUS]
    speeds = [each.tokens / each.seconds for each in steps]
    assert speeds == sorted(speeds)
    assert [each.efficiency for each in steps] == sorted((each.efficiency for each in steps), reverse=True)


def test_accumulation_makes_the_all_reduce_count_once_for_more_computation():
    once, eight = (cost.step(BASE, dataclasses.replace(SLOW, accumulate=parts), 64) for parts in (1, 8))
    assert eight.all_reduce == once.all_reduce
    assert eight.compute == pytest.approx(8 * once.compute)


def test_slow_input_is_what_a_step_waits_for():
    each = cost.step(BASE, dataclasses.replace(FAST, input_bytes=1e6), 8)
    assert each.seconds == each.input == 32 * 512 * 8 * 4 / 1e6


@pytest.mark.parametrize("arguments", [["--rows", "0"], ["--mfu", "1.5"]])
def test_numbers_that_cannot_be_are_refused(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        cost.main(arguments)
    assert "all numbers must be positive" in capsys.readouterr().err
