"""The strategy for the devices and machines that this program was started on."""

import tensorflow as tf

from keras_bert_layers.distribute import logical_cpus
from keras_bert_layers.distribute.check_in import check_in
from keras_bert_layers.distribute.facts import facts
from keras_bert_layers.distribute.watching import start_watch
from keras_bert_layers.distribute.worker import Worker, worker


def make_strategy(
    global_batch_size: int | None = None,
    settings: dict | None = None,
    timeout: float = 300.0,
    silence: float = 30.0,
) -> tf.distribute.Strategy:
    """The strategy for where the program runs: one device, several GPUs, or several machines.

    - Several workers (TF_CONFIG, or a step of Slurm with several tasks; see `worker`): MultiWorkerMirroredStrategy,
      after a check-in. All processes connect with the chief and say their versions of this library, TensorFlow, Keras
      and NumPy, fingerprints of this library's code and of the program, devices, batch size and `settings`. Unless all
      come and all agree, every process ends with the same message, which names the worker and what differs.
    - One worker: MirroredStrategy on its GPUs if it sees several, else TensorFlow's default strategy.
    - Without GPUs, the environment variable KBL_LOGICAL_CPUS=2 divides the CPU into two devices, to try it out.

    Call it before anything else uses TensorFlow, and make and compile the model within `strategy.scope()`. The same
    command then runs anywhere; train within `watching(strategy)`.

    Args:
        global_batch_size: int, of all replicas together; equal on all workers. Defaults to `None`: not compared.
        settings: dict of what JSON can hold, of what else must be equal, such as `{"seed": 0, "learning_rate": 1e-4}`.
            Defaults to `None`.
        timeout: float. How many seconds the workers wait for each other. Defaults to 300.
        silence: float. After how many seconds without a sign a worker is lost. Defaults to 30; TensorFlow
            itself gives up after 10. One that was killed is noticed at once.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: if the environment describes no cluster, or `settings` is not for JSON.
        ClusterError: if a worker does not come, or differs.
        RuntimeError: if TensorFlow is in use already.

    Example:
        >>> strategy = make_strategy(global_batch_size=32)  # TF_CONFIG is not set here, nor are there GPUs
        >>> strategy.num_replicas_in_sync
        1
    """
    me, count = worker(), logical_cpus.wanted_logical_cpus()
    gpus = [
        device
        for gpu in tf.config.get_visible_devices("GPU")
        for device in tf.config.get_logical_device_configuration(gpu) or [gpu]
    ]
    if not gpus:
        logical_cpus.set_logical_cpus(count) if count > 1 else None
    if me.count > 1:
        return _of_cluster(me, len(gpus), count, global_batch_size, settings, timeout, silence)
    if len(gpus) > 1:
        return tf.distribute.MirroredStrategy()
    if not gpus and count > 1:
        return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(count)])
    return tf.distribute.get_strategy()


def _of_cluster(
    me: Worker,
    gpus: int,
    cpus: int,
    global_batch_size: int | None,
    settings: dict | None,
    timeout: float,
    silence: float,
) -> tf.distribute.Strategy:
    devices = f"{gpus} GPU" if gpus else f"{cpus} CPU"
    connections = check_in(me, facts(me, devices, global_batch_size, settings), timeout)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(me.addresses)}),
        task_type="worker",
        task_id=me.index,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )
    if gpus or cpus == 1:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    else:
        strategy = logical_cpus.LogicalCPUs(resolver, cpus)
    start_watch(strategy, me, connections, silence)
    return strategy
