"""Which worker a process is, from TF_CONFIG and from Slurm's variables; what is wrong with them is said."""

import json

import pytest
import tensorflow as tf

from keras_bert_layers.distribute import Worker, worker
from keras_bert_layers.distribute.slurm_cluster import expand_hosts, expand_tasks

TWO = ["a:1", "b:2"]
SLURM = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_JOB_ID": "3", "SLURM_STEP_NODELIST": "n[8-11]"}


def of(config):
    return worker({"TF_CONFIG": config if isinstance(config, str) else json.dumps(config)})


def config(cluster=None, task=None):
    return {"cluster": cluster or {"worker": TWO}, "task": task or {"type": "worker", "index": 0}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{}", Worker()),
        (" ", Worker()),
        (config(), Worker(0, ("a:1", "b:2"))),
        (config(task={"type": "worker", "index": "1"}), Worker(1, ("a:1", "b:2"))),
        (config({"worker": ["a:1"]}), Worker()),
        (config({"worker": TWO, "chief": ["c:3"]}, {"type": "chief", "index": 0}), Worker(0, ("c:3", "a:1", "b:2"))),
        (config({"worker": TWO, "chief": ["c:3"]}, {"type": "worker", "index": 1}), Worker(2, ("c:3", "a:1", "b:2"))),
        (config({"worker": ["[::1]:5", "b:2"]}), Worker(0, ("[::1]:5", "b:2"))),
    ],
)
def test_tf_config_gives_the_index_and_all_addresses(given, expected):
    assert of(given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{'cluster'", "is no JSON"),
        ("[]", "must be an object"),
        ({"task": {"type": "worker", "index": 0}}, "not the cluster"),
        ({"cluster": {"worker": TWO}}, "does not say which of the workers this process is"),
        (config(task={"type": "worker"}), "does not say which of the workers this process is"),
        (config(task={"type": "worker", "index": 2}), "has 2 of 'worker': the last has the index 1"),
        (config(task={"type": "worker", "index": "x"}), 'the index "x", which is not a number'),
        (config(task={"type": "worker", "index": -1}), "the index -1, which is not a number"),
        (config(task={"type": "worker", "index": True}), "the index true, which is not a number"),
        (config(task={"type": "chief", "index": 0}), "is a 'chief', but the cluster has 2 of 'worker'"),
        (config({"worker": ["a:1", "a:1"]}), "lists a:1 more than once"),
        (config({"worker": TWO, "chief": ["a:1"]}), "lists a:1 more than once"),
        (config({"worker": TWO, "chief": ["c:1", "d:1"]}), "lists 2 chiefs"),
        (config({"worker": TWO, "ps": ["c:1"]}), "names the job 'ps', which takes no part"),
        (config({"worker": TWO, "evaluator": ["c:1"]}), "names the job 'evaluator', which takes no part"),
        (config({"worker": []}), "lists no address"),
        (config({"worker": "a:1"}), "must list the addresses of 'worker'"),
        (config({"worker": [["a", 1]]}), "must list the addresses of 'worker'"),
        (config(["a:1"]), "must give the addresses of the cluster by job"),
        (config({"worker": ["a", "b:2"]}), "the address 'a', which is not host:port"),
        (config({"worker": ["a:0", "b:2"]}), "the address 'a:0', which is not host:port"),
        (config({"worker": ["a:http", "b:2"]}), "the address 'a:http', which is not host:port"),
    ],
)
def test_a_wrong_tf_config_is_refused_with_what_to_write(given, message):
    with pytest.raises(ValueError, match=r"(?s)TF_CONFIG.*Received: .*Expected") as refused:
        of(given)
    assert message in str(refused.value)


def test_tf_config_comes_before_slurm():
    assert worker({"TF_CONFIG": json.dumps(config()), **SLURM}).addresses == ("a:1", "b:2")


def test_slurm_hosts_stay_in_their_order():
    found = worker({**SLURM, "SLURM_STEP_TASKS_PER_NODE": "1(x4)", "SLURM_PROCID": "2"})
    assert found == Worker(2, ("n8:15048", "n9:15048", "n10:15048", "n11:15048"))


@pytest.mark.parametrize("hosts", ["n[01-04]", "m1,n[2-4]", "a,b,c,d", "r1n[1,3-5]"])
@pytest.mark.parametrize("tasks", ["1(x4)", "3,2(x2),1"])
def test_slurm_addresses_are_those_of_tensorflow_where_words_and_numbers_sort_alike(hosts, tasks, monkeypatch):
    count = sum(expand_tasks(tasks))
    variables = {
        "SLURM_STEP_NUM_TASKS": str(count),
        "SLURM_STEP_NODELIST": hosts,
        "SLURM_STEP_TASKS_PER_NODE": tasks,
        "SLURM_PROCID": "1",
        "SLURM_JOB_ID": "0",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    theirs = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=15000, gpus_per_node=3, gpus_per_task=1, auto_set_gpu=False
    )
    found = worker(variables)
    assert list(found.addresses) == theirs.cluster_spec().as_dict()["worker"]
    assert found.index == theirs.get_task_info()[1]


def test_hosts_with_two_ranges_are_expanded():
    assert expand_hosts("r[1-2]n[09-10],login") == ["r1n09", "r1n10", "r2n09", "r2n10", "login"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"SLURM_STEP_TASKS_PER_NODE": "2,1"}, "disagree: 4 tasks"),
        ({"SLURM_STEP_TASKS_PER_NODE": "many"}, "must look like '2\\(x3\\),1'"),
        ({"SLURM_STEP_NODELIST": "n[a-b]"}, "must look like"),
        ({"SLURM_PROCID": None}, "SLURM_PROCID is not set"),
        (
            {"SLURM_STEP_TASKS_PER_NODE": "2(x2)", "SLURM_STEP_NODELIST": "a,b", "SLURM_DISTRIBUTION": "cyclic"},
            "fill one host after the other",
        ),
    ],
)
def test_slurm_variables_that_do_not_fit_are_refused(changed, message):
    variables = {**SLURM, "SLURM_STEP_TASKS_PER_NODE": "1(x4)", "SLURM_PROCID": "0", **changed}
    with pytest.raises(ValueError, match=message):
        worker({name: value for name, value in variables.items() if value is not None})


def test_a_slurm_job_of_several_tasks_without_a_step_gives_a_warning():
    with pytest.warns(UserWarning, match="Start it with `srun python"):
        assert worker({"SLURM_NTASKS": "4"}) == Worker()


def test_the_chief_is_worker_0_and_one_process_alone_is_chief():
    assert [Worker(index, ("a:1", "b:2")).is_chief for index in (0, 1)] == [True, False]
    assert Worker().is_chief
    assert (Worker().count, Worker().address) == (1, "")
