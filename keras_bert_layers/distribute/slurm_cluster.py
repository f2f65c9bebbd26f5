"""The cluster that Slurm's variables describe in a job step."""

import re
import warnings
from collections.abc import Mapping

# Where no job number says another place to begin.
_FIRST_PORT = 15000
_PORTS_OF_A_JOB = 16


def from_slurm(environment: Mapping[str, str]) -> tuple[int, tuple[str, ...]] | None:
    """The index of this process and the addresses of all; `None` outside a step of several tasks.

    The hosts are taken in Slurm's order, in which its ranks follow one another.
    (`tf.distribute.cluster_resolver.SlurmClusterResolver` sorts them as words, n10 before n9, and asks for GPUs.) The
    ports follow from the job's number, so that two jobs on a machine do not meet.

    Args:
        environment: of `srun`: SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_STEP_NODELIST, SLURM_STEP_TASKS_PER_NODE and
            SLURM_JOB_ID.

    Raises:
        ValueError: if a variable is missing or cannot be read, or ranks do not follow the hosts.

    Example:
        >>> from_slurm({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "n[9-10]",
        ...             "SLURM_STEP_TASKS_PER_NODE": "1(x2)", "SLURM_JOB_ID": "7"})
        (1, ('n9:15112', 'n10:15112'))
    """
    if "SLURM_STEP_NUM_TASKS" not in environment:
        tasks = environment.get("SLURM_NTASKS", "1")
        if tasks.isdecimal() and int(tasks) > 1:
            warnings.warn(
                f"The Slurm job has {tasks} tasks, but this process is in no step of it and trains alone. Start it "
                "with `srun python ...`, so that every task is a worker.",
                stacklevel=4,
            )
        return None
    count = int(_variable("STEP_NUM_TASKS", environment))
    if count == 1:
        return None
    hosts = expand_hosts(_variable("STEP_NODELIST", environment))
    tasks = expand_tasks(_variable("STEP_TASKS_PER_NODE", environment))
    if len(hosts) != len(tasks) or sum(tasks) != count:
        raise ValueError(
            f"Slurm's variables disagree: {count} tasks in SLURM_STEP_NUM_TASKS, {sum(tasks)} on {len(tasks)} hosts in "
            f"SLURM_STEP_TASKS_PER_NODE, {len(hosts)} hosts in SLURM_STEP_NODELIST. Start the program with `srun`."
        )
    order = environment.get("SLURM_DISTRIBUTION", "block")
    if max(tasks) > 1 and len(hosts) > 1 and not order.startswith("block"):
        raise ValueError(f"The tasks must fill one host after the other: `srun -m block`. Received: {order}.")
    first = _FIRST_PORT + int(environment.get("SLURM_JOB_ID", "0")) * _PORTS_OF_A_JOB % 16000
    addresses = (f"{host}:{first + task}" for host, here in zip(hosts, tasks, strict=True) for task in range(here))
    return int(_variable("PROCID", environment)), tuple(addresses)


def expand_hosts(text: str) -> list[str]:
    """The hosts of a list of Slurm.

    Example:
        >>> expand_hosts("n[08-10,12],login")
        ['n08', 'n09', 'n10', 'n12', 'login']
    """
    hosts = []
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        hosts += _expand(part)
    return hosts


def expand_tasks(text: str) -> list[int]:
    """How many tasks each host has.

    Example:
        >>> expand_tasks("2(x3),1")
        [2, 2, 2, 1]
    """
    parts = [re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part) for part in text.split(",")]
    if None in parts:
        raise ValueError(f"SLURM_STEP_TASKS_PER_NODE must look like '2(x3),1'. Received: {text!r}.")
    return [int(part[1]) for part in parts for _ in range(int(part[2] or 1))]


def _expand(part: str) -> list[str]:
    """The hosts of one part, `rack[1-2]n[01-04]`."""
    match = re.search(r"\[([^\]]*)\]", part)
    if match is None:
        return [part]
    numbers = []
    for span in match[1].split(","):
        first, _, last = span.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise ValueError(f"SLURM_STEP_NODELIST must look like 'n[1-3,7],login'. Received the part {part!r}.")
        numbers += [str(number).zfill(len(first)) for number in range(int(first), int(last or first) + 1)]
    return [f"{part[: match.start()]}{number}{rest}" for number in numbers for rest in _expand(part[match.end() :])]


def _variable(name: str, environment: Mapping[str, str]) -> str:
    try:
        return environment[f"SLURM_{name}"]
    except KeyError:
        raise ValueError(
            f"SLURM_{name} is not set in this step of a Slurm job. Start the program with `srun`."
        ) from None
