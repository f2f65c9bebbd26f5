"""Training runs whose numbers must not depend on the devices: what each case trains, and on what."""

import distributed_runs
import keras
import numpy as np
import tensorflow as tf
from tiny import config

from keras_bert_layers import distribute, models, training

STEPS, ROWS, LENGTH, PREDICTIONS = 50, 8, 8, 4


def features(rows=STEPS * ROWS, seed=0):
    """Texts of very different numbers of predictions: many in the first half of a batch, few or none in the second."""
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(5, 15, (rows, LENGTH)).astype("int32")
    segment_ids = (np.arange(LENGTH) >= rng.integers(2, LENGTH, (rows, 1))).astype("int32")
    padding_mask = (np.arange(LENGTH) < rng.integers(4, LENGTH + 1, (rows, 1))).astype("int32")
    half = np.arange(rows) % ROWS < ROWS // 2
    count = np.where(half, rng.integers(2, PREDICTIONS + 1, rows), rng.integers(0, 2, rows))[:, None]
    places = np.arange(PREDICTIONS)
    mask_positions = np.where(places < count, rng.permuted(np.tile(places, (rows, 1)), axis=1), -1).astype("int32")
    labels = np.where(places < count, rng.integers(5, 15, (rows, PREDICTIONS)), -1).astype("int32")
    x = {
        "token_ids": token_ids,
        "segment_ids": segment_ids,
        "padding_mask": padding_mask,
        "mask_positions": mask_positions,
    }
    y = {"masked_lm": labels, "next_sentence": rng.integers(0, 2, rows).astype("int32")}
    return x, y


def dataset(rows=STEPS * ROWS, batch=ROWS):
    return tf.data.Dataset.from_tensor_slices(features(rows)).batch(batch)


def pretrainer(dropout=0.0, policy="float32", seed=0):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    made = models.bert_pretrainer(models.bert_encoder(config(num_layers=1, dropout=dropout, attention_dropout=dropout)))
    keras.config.set_dtype_policy("float32")
    return made


class EachStep(keras.callbacks.Callback):
    """The logs of each step by itself, where Keras shows means since the beginning of the epoch."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append({name: float(value) for name, value in logs.items()})


def with_dense_gradients(optimizer):
    """On one device Keras takes the norm of an embedding's gradient over its slices, not over their sums by token."""
    optimizer.apply = lambda gradients, variables=None: type(optimizer).apply(
        optimizer, [tf.convert_to_tensor(gradient) for gradient in gradients], variables
    )
    return optimizer


def compiled(strategy, optimizer=None, compiling=None, preparing=None, **model):
    """A pretrainer, prepared if it is said how."""
    with strategy.scope():
        made = pretrainer(**model)
        made.compile(
            with_dense_gradients((optimizer or (lambda: training.adamw(0.01, 2 * STEPS, 5, global_clipnorm=0.5)))()),
            loss={"masked_lm": training.MaskedLMLoss(), "next_sentence": training.NextSentenceLoss()},
            loss_weights={"masked_lm": 1.0, "next_sentence": 0.5},
            weighted_metrics={"masked_lm": training.MaskedLMAccuracy(), "next_sentence": "accuracy"},
            **(compiling or {}),
        )
    return made if preparing is None else distribute.prepare(made, **preparing)


def fitted(strategy, rows=STEPS * ROWS, epochs=1, then=None, **case):
    """What training shows and leaves behind."""
    made = compiled(strategy, **case)
    steps = EachStep()
    made.fit(dataset(rows), epochs=epochs, callbacks=[steps], shuffle=False, verbose=0)
    logs = {name: np.array([each[name] for each in steps.logs]) for name in steps.logs[0]}
    return {"logs": logs, "weights": made.get_weights(), **(then(made) if then else {})}


def evaluated(made):
    """On 21 rows, which come to 5 in the last batch."""
    scores = made.evaluate(dataset(21), verbose=0, return_dict=True)
    return {"scores": scores, "outputs": made.predict(dataset(21).map(lambda x, y: x), verbose=0)}


def fp16_optimizer():
    return keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1, 0.9, global_clipnorm=0.5), initial_scale=2.0**24, dynamic_growth_steps=7
    )


def scale(made):
    return {"scale": float(made.optimizer.dynamic_scale.numpy()), "steps": int(made.optimizer.iterations.numpy())}


# Unless a case says otherwise, AdamW of a gradient that is clipped.
CASES = {
    "adamw": {"then": evaluated},
    "lamb on uneven batches": {"rows": 21, "epochs": 17, "optimizer": lambda: training.lamb(0.01, 2 * STEPS, 5)},
    "gradient accumulation": {
        "rows": 21,
        "epochs": 17,
        "optimizer": lambda: training.adamw(0.01, 2 * STEPS, 5, epsilon=1e-6, global_clipnorm=0.5),
        "preparing": {"gradient_accumulation": 4},
    },
    "steps per execution": {"compiling": {"steps_per_execution": 4}},
    "ema": {
        "optimizer": lambda: keras.optimizers.AdamW(
            0.01, weight_decay=0.01, clipnorm=0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5
        )
    },
    "bf16": {"policy": "mixed_bfloat16", "optimizer": lambda: keras.optimizers.SGD(0.1, 0.9, global_clipnorm=0.5)},
    "fp16": {"policy": "mixed_float16", "optimizer": fp16_optimizer, "then": scale},
    "compiled": {"preparing": {"compile_replica": True}},
    "compiled, accumulated": {"preparing": {"compile_replica": True, "gradient_accumulation": 2}},
}


def without():
    """The first case without clipping, and as Keras by itself does it on these replicas."""
    strategy = distributed_runs.strategy()
    optimizer = lambda: training.adamw(0.01, 2 * STEPS, 5, global_clipnorm=None)  # noqa: E731
    return fitted(strategy, preparing={}, optimizer=optimizer), fitted(strategy)


def run(names=tuple(CASES), one_device=False):
    """The results of the cases of these names; of one device, as Keras alone gives them."""
    results = {}
    for name in names:
        case = {"preparing": {}, **CASES[name]}
        if one_device:
            del case["preparing"]
        results[name] = fitted(distributed_runs.strategy(), **case)
    return results
