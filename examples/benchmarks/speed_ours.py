"""Our side of the comparison of speed: everything that predicts. `speed.py` runs it, a process for each workload.

Everything goes through `Predictor`, but for single texts, which one graph answers as in an export. Where a workload
begins with many strings, `Predictor` sorts them; they are also measured as batches in the order given, padded to their
longest text; either way the encoder computes on real tokens only. The bound is the time that the
products of the encoder's own matrices take alone, with as many rows as the Predictor's batches have real tokens.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import tensorflow as tf
    from speed_arguments import parse_run, run_workload
    from speed_clock import growth, in_batches, latency, median_seconds, pass_figures, seconds_of, token_ids
    from speed_tensorflow import device, limit_threads
    from speed_texts import sentences

    import keras_bert_layers as kbl
    from keras_bert_layers.serving.predictor import token_batches


class Ours:
    """The checkpoint in one form, ready for strings and for ids."""

    def __init__(self, options):
        limit_threads(options.threads)
        loaded = kbl.convert.from_pretrained(options.checkpoint)
        self.preprocessor = loaded.preprocessor()
        self.model = in_form(loaded.model, self.preprocessor, options)
        self.predict = kbl.serving.Predictor(self.model, self.preprocessor, options.tokens_per_batch)
        strings = tf.TensorSpec([None], tf.string)
        self.features = tf.function(self.preprocessor, input_signature=[strings], autograph=False)
        self.answer = tf.function(self._answer, input_signature=[strings], autograph=False)

    def logits(self, texts):
        return self.predict.forward(self.features(texts)).numpy()

    def forward(self, token_ids):
        """Ids int [B, S] without padding -> logits."""
        features = {"token_ids": token_ids, "segment_ids": 0 * token_ids, "padding_mask": 0 * token_ids + 1}
        return self.predict.forward(features).numpy()

    def _answer(self, texts):
        """One graph from strings to logits, as in an export."""
        features = self.preprocessor(texts)
        return tf.cast(self.model({name: features[name] for name in self.model.input}, training=False), tf.float32)


def in_form(model, preprocessor, options):
    if options.form == "float32":
        return model
    if options.form == "bfloat16":
        return kbl.compress.quantize(model, "bfloat16")
    calibration = None
    if options.form == "int8-calibrated":
        texts = sentences(options.data, options.sentences, 4 * options.batch_size, "train")
        calibration = [preprocessor(batch) for batch in in_batches(texts, options.batch_size)]
    return kbl.compress.quantize(model, calibration=calibration)


def agree(options):
    ours = Ours(options)
    texts = sentences(options.data, "sst2", 8)
    return {"logits": {str(number): row for number, row in enumerate(ours.logits(texts).tolist())}}


def dense(options):
    ours = Ours(options)
    batch, length = options.dense
    return {
        f"{batch} x {length}": {
            "seconds": median_seconds(ours.forward, token_ids(batch, length), repeats=options.repeats)
        }
    }


def texts(options):
    ours = Ours(options)
    given = sentences(options.data, options.sentences, options.texts)
    lengths = tf.reduce_sum(ours.features(given)["padding_mask"], axis=1).numpy()
    batches = in_batches(given, options.batch_size)
    # Two sizes each, so that what is traced for one of them is not traced while the clock runs.
    for number in (2, options.batch_size):
        ours.predict(given[:number])
        ours.logits(given[:number])
    figures = {
        "Predictor": pass_figures(seconds_of(ours.predict, given), lengths),
        "given order": pass_figures(seconds_of(lambda: [ours.logits(batch) for batch in batches]), lengths),
    }
    if not options.form.startswith("int8"):
        bound = product_seconds(
            ours.model, [(lengths[rows].sum(), len(rows)) for rows in token_batches(lengths, options.tokens_per_batch)]
        )
        for figure in figures.values():
            figure |= {"bound_seconds": bound, "bound_share": bound / figure["seconds"]}
    return figures


def product_seconds(model: "tf.keras.Model", batches: list[tuple[int, int]]) -> float:
    """The time of the products with the encoder's matrices that a classifier needs, for batches of so many tokens and
    texts: in the last block all tokens are keys and values, and the rest is for the first one of each text."""
    stack = model.get_layer("encoder")
    last = stack.blocks[-1]
    for_texts = {id(weight) for part in (last.attention, last.feed_forward) for weight in part.weights}
    for_texts -= {id(weight) for part in (last.attention.key, last.attention.value) for weight in part.weights}
    matrices = [weight for weight in stack.weights if len(weight.shape) == 2]
    kinds = [(id(matrix) in for_texts, matrix.shape[0]) for matrix in matrices]
    dtype = matrices[0].value.dtype

    @tf.function(input_signature=[{kind: tf.TensorSpec([None, kind[1]], dtype) for kind in kinds}], autograph=False)
    def products(inputs):
        corners = []
        for matrix, kind in zip(matrices, kinds, strict=True):
            # One after another, as in the model; and each has a part in what comes out, or it would not be computed.
            with tf.control_dependencies(corners[-1:]):
                corners.append(tf.matmul(inputs[kind], matrix.value)[0, 0])
        return tf.add_n(corners)

    def take(tokens, texts):
        return {
            (of_texts, width): tf.cast(tf.random.normal([texts if of_texts else tokens, width]), dtype)
            for of_texts, width in set(kinds)
        }

    products(take(8, 1)).numpy()
    inputs = [take(int(tokens), texts) for tokens, texts in batches]
    products(inputs[0]).numpy()
    return seconds_of(lambda: [products(each).numpy() for each in inputs])


def one_text(options):
    ours = Ours(options)
    return latency(lambda text: ours.answer([text]).numpy(), sentences(options.data, "sst2", options.latency_texts))


def sizes(options):
    return growth(Ours(options).forward, options.batches, options.lengths)


WORKLOADS = {"agree": agree, "dense": dense, "texts": texts, "latency": one_text, "growth": sizes}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["tensorflow", "keras", "tensorflow-text"], device())
