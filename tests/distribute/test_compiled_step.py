"""Steps that XLA compiles: known shapes, one trace for each of them, float32 weights, and a host that does not wait."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from tensorflow.python.framework import ops as tensorflow_ops

import keras_bert_layers as kbl

BOUNDS, ROWS = (8, 12, 16), 4
LENGTHS = np.array([3] * 9 + [10] * 6 + [15] * 9)


class ShapesSeen(keras.layers.Layer):
    """Passes the token ids on, and keeps the static shape of each trace of a training step."""

    def __init__(self, seen, **kwargs):
        super().__init__(**kwargs)
        self.note = seen.append  # Keras would copy a list

    def call(self, inputs, training=None):
        if training and isinstance(inputs, tf.Tensor):
            self.note(tuple(inputs.shape))
        return inputs


def classifier(seen, policy="float32", **sizes):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    config = tiny.config(**{"num_layers": 1, "dropout": 0.0, "attention_dropout": 0.0, **sizes})
    encoder = kbl.models.bert_encoder(config)
    inner = kbl.models.text_classifier(encoder, num_classes=2, dropout=0.0)
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in inner.input}
    watched = {**inputs, "token_ids": ShapesSeen(seen)(inputs["token_ids"])}
    model = keras.Model(inputs, inner(watched))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss, jit_compile=False)
    keras.config.set_dtype_policy("float32")
    return model


def bucketed(share=(0, 1), **settings):
    rng = np.random.default_rng(0)
    ids = tf.RaggedTensor.from_row_lengths(rng.integers(5, 15, LENGTHS.sum()).astype("int32"), LENGTHS)

    def prepare(rows, labels, length):
        token_ids = rows.to_tensor(0)
        padding_mask = tf.sequence_mask(rows.row_lengths(), tf.shape(token_ids)[1], tf.int32)
        features = {"token_ids": token_ids, "segment_ids": 0 * token_ids, "padding_mask": padding_mask}
        return kbl.data.pad_to_length(features, length), labels

    labels = rng.integers(0, 2, len(LENGTHS)).astype("int32")
    return kbl.data.bucketed_dataset(
        (ids, labels), prepare, LENGTHS, ROWS, bounds=BOUNDS, drop_remainder=True, share=share, epochs=1, **settings
    )


def strategies(mirrored):
    return {"one device": tf.distribute.get_strategy(), "two replicas": mirrored}


@pytest.mark.parametrize("name", ["one device", "two replicas"])
def test_each_length_is_traced_once_with_all_sizes_known_on_every_replica(name, mirrored):
    strategy, seen = strategies(mirrored)[name], []
    with strategy.scope():
        model = classifier(seen)
    kbl.distribute.prepare(model, compile_replica=True, lengths=BOUNDS)
    dataset = kbl.distribute.batches(bucketed, strategy)
    seen.clear()
    model.fit(dataset, epochs=2, verbose=0)
    replicas = strategy.num_replicas_in_sync
    assert sorted(seen) == sorted([(ROWS // replicas, bound) for bound in BOUNDS] * replicas)


def test_compiled_lengths_train_like_one_device_without_xla(mirrored):
    plain = classifier([])
    expected = plain.fit(bucketed(), epochs=3, verbose=0).history["loss"]
    with mirrored.scope():
        compiled = classifier([])
    kbl.distribute.prepare(compiled, compile_replica=True, lengths=BOUNDS)
    dataset = kbl.distribute.batches(bucketed, mirrored)
    got = compiled.fit(dataset, epochs=3, verbose=0).history["loss"]
    assert len(set(np.round(got, 4))) == 3
    np.testing.assert_allclose(got, expected, atol=1e-5)
    for one, other in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_attention_is_fused_at_each_length_where_there_is_a_gpu(monkeypatch):
    """A machine that says it has one, and separate operations in the kernel's place."""
    module = importlib.import_module("keras_bert_layers.ops.attention")
    shapes = []

    def in_place_of_the_kernel(query, key, value, mask, lengths):
        shapes.append(tuple(query.shape))
        return module.attention(query, key, value, mask, lengths=lengths, flash_attention=False)

    monkeypatch.setattr(module, "fused_attention", in_place_of_the_kernel)
    monkeypatch.setattr("keras_bert_layers.ops.attention_choice._compute_capability", lambda: (9, 0))
    # The last block of a classifier has one query for each row, which is no case for the kernel.
    model = classifier([], policy="mixed_bfloat16", hidden_dim=16, num_layers=2)
    kbl.distribute.prepare(model, compile_replica=True, lengths=BOUNDS)
    model.fit(bucketed(), verbose=0)
    assert sorted(shapes) == [(ROWS, 2, bound, 8) for bound in BOUNDS]


def test_a_length_that_was_not_named_is_refused():
    model = kbl.distribute.prepare(classifier([]), compile_replica=True, lengths=BOUNDS[1:])
    with pytest.raises(tf.errors.InvalidArgumentError, match="not among the `lengths` of `prepare`"):
        model.fit(bucketed(), verbose=0)


@pytest.mark.parametrize("lengths", [(0,), (8.0,)])
def test_lengths_are_positive_numbers(lengths):
    with pytest.raises(ValueError, match="`lengths` must be all lengths that batches have"):
        kbl.distribute.prepare(classifier([]), compile_replica=True, lengths=lengths)


def test_parts_of_a_batch_have_known_sizes():
    seen = []
    model = kbl.distribute.prepare(classifier(seen), gradient_accumulation=2, compile_replica=True, lengths=BOUNDS)
    seen.clear()
    model.fit(bucketed(), verbose=0)
    assert sorted(shape for shape in seen if None not in shape) == [(ROWS // 2, bound) for bound in BOUNDS]


def masked_lm(policy, **compiling):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    config = tiny.config(num_layers=1, dropout=0.0, attention_dropout=0.0)
    model = kbl.models.masked_lm(kbl.models.bert_encoder(config, pooler=False, packed=True))
    model.compile(kbl.training.adamw(1e-2, total_steps=8), kbl.training.MaskedLMLoss(), **compiling)
    keras.config.set_dtype_policy("float32")
    return model


def packed_rows(**settings):
    documents = [["the film is good .", "a film ."], ["it is not very bad", "good ."], ["very good films ."]]
    tokenizer = tiny.tokenizer()
    masker = kbl.text.MaskedLMMasker(tokenizer)
    return kbl.data.masked_lm_dataset(documents, tokenizer, masker, 16, 1, max_sequences=3, **settings)


def test_packed_rows_have_static_shapes():
    specs = tf.nest.flatten(packed_rows().element_spec)
    assert [spec.shape for spec in specs if not spec.shape.is_fully_defined()] == []


@pytest.mark.parametrize("kind", ["Keras' whole step", "the replica's step"])
def test_packed_rows_train_in_bfloat16_with_float32_weights(kind):
    model = masked_lm("mixed_bfloat16", jit_compile=kind == "Keras' whole step", steps_per_execution=4)
    if kind == "the replica's step":
        kbl.distribute.prepare(model, compile_replica=True)
    reference = masked_lm("float32", jit_compile=False)
    losses = model.fit(packed_rows(), epochs=2, steps_per_epoch=4, verbose=0).history["loss"]
    expected = reference.fit(packed_rows(), epochs=2, steps_per_epoch=4, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, expected, rtol=0.02)
    assert losses[1] < losses[0]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert {variable.dtype for variable in model.optimizer.variables if "int" not in variable.dtype} == {"float32"}


def test_the_gradient_of_the_token_table_is_dense():
    model = kbl.distribute.prepare(masked_lm("float32", jit_compile=False), compile_replica=True)
    given, apply = [], type(model.optimizer).apply
    model.optimizer.apply = lambda gradients, variables=None: (
        given.extend(gradients) or apply(model.optimizer, gradients, variables)
    )
    model.fit(packed_rows(), steps_per_epoch=1, verbose=0)
    assert given
    assert not [gradient for gradient in given if isinstance(gradient, tf.IndexedSlices)]


def test_the_host_reads_nothing_between_executions(monkeypatch, tmp_path):
    """Keras itself reads the logs after every execution, once in `steps_per_execution` steps. Ours read at a report."""
    reads, original = [], tensorflow_ops._EagerTensorBase._numpy

    def counted(tensor):
        reads.append(tensor.dtype)
        return original(tensor)

    model = masked_lm("float32", jit_compile=False, steps_per_execution=4)
    kbl.distribute.prepare(model, compile_replica=True)
    model.fit(packed_rows(), steps_per_epoch=4, verbose=0)  # traces, and makes all variables

    def reads_in(steps, *callbacks):
        reads.clear()
        with monkeypatch.context() as patch:
            patch.setattr(tensorflow_ops._EagerTensorBase, "_numpy", counted)
            model.fit(packed_rows(), steps_per_epoch=steps, verbose=0, callbacks=list(callbacks))
        return len(reads)

    def ours(folder):
        progress = kbl.training.TrainingProgress(total_steps=64, every=1000, show=False)
        return progress, kbl.training.Resume(tmp_path / folder, every=1000)

    of_keras = reads_in(24) - reads_in(8)
    assert 0 < of_keras <= (24 - 8) // 4 * 2  # the loss, and whether there were data
    assert reads_in(24, *ours("long")) - reads_in(8, *ours("short")) == of_keras
