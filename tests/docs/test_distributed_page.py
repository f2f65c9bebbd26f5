"""The page on machines: its manifest gives every pod its place, its script starts all, its table is computed."""

import subprocess
import sys

import docs_pages
import pytest
from benchmarks import distribute_cost

from keras_bert_layers import distribute

PAGE = docs_pages.ROOT / "docs" / "distributed.md"
BLOCKS = docs_pages.blocks(PAGE)


@pytest.fixture(scope="module")
def manifest():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install '.[docs]'")
    (block,) = [block for block in BLOCKS if block.language == "yaml"]
    service, job = yaml.safe_load_all(block.body)
    return service, job


@pytest.mark.parametrize("index", range(4))
def test_every_pod_of_the_manifest_is_a_worker_with_its_index_and_address(manifest, index):
    service, job = manifest
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (script,) = container["args"]
    assert container["command"] == ["bash", "-c"]
    assert "exec python train.py\n" in script
    shown = script.replace("exec python train.py", 'printf %s "$TF_CONFIG"')
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    ran = subprocess.run(
        ["bash", "-c", shown],
        env={**variables, "JOB_COMPLETION_INDEX": str(index)},
        capture_output=True,
        text=True,
        check=True,
    )
    # The names of pods: that of the Job, their index, and under it the name of the Service.
    name = job["metadata"]["name"]
    hosts = tuple(f"{name}-{number}.{service['metadata']['name']}:2222" for number in range(job["spec"]["completions"]))
    assert distribute.worker({"TF_CONFIG": ran.stdout}) == distribute.Worker(index, hosts)


def test_the_service_finds_the_pods_of_the_job_before_they_are_ready(manifest):
    service, job = manifest
    template = job["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert template["spec"]["subdomain"] == service["metadata"]["name"]


def test_the_job_runs_all_workers_at_once_with_an_index_each(manifest):
    _, job = manifest
    spec = job["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 4, 4)
    assert spec["template"]["spec"]["containers"][0]["env"] == [{"name": "WORKERS", "value": "4"}]
    assert spec["template"]["spec"]["restartPolicy"] == "OnFailure"


def test_the_slurm_script_starts_a_task_on_each_node_and_queues_the_job_again_after_a_failure(tmp_path):
    (script,) = [block.body for block in BLOCKS if block.language == "sh" and "#SBATCH" in block.body]
    for name in ("srun", "scontrol"):
        command = tmp_path / name
        command.write_text(f'#!/bin/bash\necho "{name} $*" >> "{tmp_path}/calls"\nexit "$STATUS"\n')
        command.chmod(0o755)

    def calls(status, restarts):
        (tmp_path / "calls").unlink(missing_ok=True)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "STATUS": status, "SLURM_JOB_ID": "7"}
        environment["SLURM_RESTART_COUNT"] = restarts
        ended = subprocess.run(["bash", "-c", script], env=environment, check=False)
        return ended.returncode, (tmp_path / "calls").read_text().splitlines()

    start = "srun --label --kill-on-bad-exit=0 python train.py"
    assert calls("0", "0") == (0, [start])
    assert calls("1", "9") == (1, [start, "scontrol requeue 7"])
    assert calls("1", "10") == (1, [start])


def test_the_table_is_what_the_cost_model_prints():
    script = docs_pages.ROOT / "examples" / "benchmarks" / "distribute_cost.py"
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert printed in [block.body for block in BLOCKS if block.language == "text"]


def test_the_numbers_of_the_text_are_those_of_the_cost_model():
    large, ethernet = distribute_cost.MODELS[1], distribute_cost.NETWORKS[1]
    shares = [
        distribute_cost.step(large, distribute_cost.replace(ethernet, accumulate=parts), 64).efficiency
        for parts in (1, 8)
    ]
    assert "goes from {:.0f} % to {:.0f} %".format(*(100 * share for share in shares)) in " ".join(
        PAGE.read_text().split()
    )
