"""The rows that each replica gets of the batches that one device would get."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_bert_layers.ops.row_share import Share, rows_of_share


def batches(
    dataset: Callable[[Share], tf.data.Dataset] | tf.data.Dataset, strategy: tf.distribute.Strategy
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """The batches of a data set for `fit`, `evaluate` and `predict`, each of them divided among all replicas.

    With W workers of R replicas, worker w gets the rows ⌊w B / W⌋ to ⌊(w + 1) B / W⌋ of each batch of B rows, and its
    replicas divide these in the same way. All replicas together have the very batch that one device would have, in its
    order: no example is lost or repeated, and a run may go on with another number of workers. B is the batch size that
    the data set was made with, of all replicas together; where it cannot be divided, and in the last batch of an
    epoch, some replicas have one row more than others, or none, which `prepare` weights right.

    Args:
        dataset: a function of (number, count) that makes the data set of this share of each batch. The data sets of
            `kbl.data` take it as their argument `share`, so that each worker prepares its own rows alone. Or a data set
            of whole batches: every worker then prepares all rows and drops those of others, and the data set has to
            give each worker the same batches in the same order.
        strategy: of the model. With a single replica, the result is the data set itself.

    Returns:
        What `fit` takes.

    Raises:
        ValueError: if `dataset` is no data set and makes none, or its batches have no rows.

    Example:
        >>> strategy = tf.distribute.get_strategy()  # or MirroredStrategy(), or MultiWorkerMirroredStrategy()
        >>> dataset = batches(tf.data.Dataset.range(8).batch(4), strategy)
        >>> [batch.tolist() for batch in dataset.as_numpy_iterator()]
        [[0, 1, 2, 3], [4, 5, 6, 7]]
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return of_share(dataset, (0, 1))

    steps = []

    def of_worker(context):
        workers = context.num_input_pipelines
        rows = of_share(dataset, (context.input_pipeline_id, workers))
        steps.append(rows.cardinality())
        return divided(rows, replicas // workers)

    # TensorFlow hands what this gives to the replicas one by one: it neither divides nor regroups it.
    distributed = strategy.distribute_datasets_from_function(of_worker)
    if steps[0] >= 0:
        # It counts what it hands out; `fit` asks for steps. Without a number, `fit` would warn at the end of the data.
        distributed._cardinality = steps[0].numpy()
    return distributed


def of_share(dataset: Callable[[Share], tf.data.Dataset] | tf.data.Dataset, share: Share) -> tf.data.Dataset:
    """The data set of one worker's share of each batch."""
    rows = dataset
    if not isinstance(dataset, tf.data.Dataset):
        rows = dataset(share) if callable(dataset) else dataset
        if not isinstance(rows, tf.data.Dataset):
            raise ValueError(
                "`dataset` must be a tf.data.Dataset of batches, or a function of a share that makes one, such as "
                "`lambda share: kbl.data.record_dataset(..., share=share)`. Received: "
                f"{'a function that made ' if rows is not dataset else ''}{rows!r}."
            )
    specs = tf.nest.flatten(rows.element_spec)
    if any(getattr(spec, "shape", tf.TensorShape([1])).rank == 0 for spec in specs):
        raise ValueError(
            "Every part of a batch must have a row for each example, to be divided among replicas. Received batches of "
            f"{rows.element_spec}. Put the data set in batches (`dataset.batch(...)`), and leave out single numbers."
        )
    return rows if share[1] == 1 or rows is not dataset else rows.map(_rows_of(share))


def divided(rows: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Each batch as `count` batches, one after the other."""
    if count == 1:
        return rows

    def parts(*batch):
        shares = [tf.data.Dataset.from_tensors(_rows_of((number, count))(*batch)) for number in range(count)]
        together = shares[0]
        for share in shares[1:]:
            together = together.concatenate(share)
        return together

    dataset = rows.flat_map(parts).prefetch(count)
    if rows.cardinality() == tf.data.INFINITE_CARDINALITY:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    return dataset


def replica_batch_sizes(global_batch_size: int, strategy: tf.distribute.Strategy) -> list[int]:
    """How many rows of a full batch each replica gets.

    Args:
        global_batch_size: int > 0. Rows of a batch, of all replicas together.
        strategy: of the model.

    Returns:
        A size for each replica, the larger ones first. They differ by one at most.

    Raises:
        ValueError: if there are fewer rows than replicas, so that some would never work.

    Example:
        >>> replica_batch_sizes(32, tf.distribute.get_strategy())
        [32]
    """
    replicas = strategy.num_replicas_in_sync
    if global_batch_size < replicas:
        raise ValueError(
            f"A batch of {global_batch_size} rows leaves some of {replicas} replicas without work in every step. Use "
            f"batches of at least {replicas} rows, best a multiple of it, or fewer devices."
        )
    smaller, larger = divmod(global_batch_size, replicas)
    return [smaller + 1] * larger + [smaller] * (replicas - larger)


def _rows_of(share):
    return lambda *batch: keras.tree.map_structure(
        lambda rows: rows_of_share(rows, share), batch if len(batch) > 1 else batch[0]
    )
