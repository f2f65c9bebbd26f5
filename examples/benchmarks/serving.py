"""Time, memory and size of an export, its first answer, and its speed against that of the live model.

    python examples/benchmarks/serving.py [--preset bert_base_uncased] [--layers 12] [--length 128] [--batch-size 8]

Exports a text classifier with random weights in a process of its own, and prints its seconds, the peak of its memory
above what the framework and the model take, and the size of the version. Then, in this process, the SavedModel and the
live model as a compiled function take turns on the same token ids, so that both see the machine in the same state: the
median of each with its quartiles. Last, the first answers to strings after the requests that warm a server up. With the
default, BERT-base, about two minutes on two quiet cores and 3 GB. Nothing else may run beside it.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_bert_layers as kbl
    import keras_bert_layers.models
    import keras_bert_layers.serving
    import keras_bert_layers.text


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with tempfile.TemporaryDirectory() as folder:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            path, seconds, peak = pool.apply(measured_export, (options, folder))
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        print(f"export    {seconds:.1f} s, {peak / 2**30:.2f} GiB above the model, {size / 2**20:.0f} MiB on the disk")
        loaded, model = tf.saved_model.load(path), build(options)
        compare_speed(options, loaded, model)
        first_answers(options, loaded, path)
    return 0


def measured_export(options: argparse.Namespace, folder: str) -> tuple[Path, float, int]:
    """The version, its seconds, and how many bytes of memory it took at most beyond those in use before."""
    model = build(options)
    preprocessor = make_preprocessor(options, model)
    before, begin = peak_memory(), time.perf_counter()
    path = kbl.serving.export(model, f"{folder}/model", preprocessor, weights=options.weights)
    return path, time.perf_counter() - begin, peak_memory() - before


def build(options: argparse.Namespace) -> keras.Model:
    keras.utils.set_random_seed(0)
    changes = {} if options.layers is None else {"num_layers": options.layers}
    config = kbl.models.BertConfig.from_preset(options.preset, **changes)
    return kbl.models.text_classifier(kbl.models.bert_encoder(config), labels=["negative", "positive"])


def make_preprocessor(options: argparse.Namespace, model: keras.Model) -> kbl.text.BertPreprocessor:
    """With a vocabulary of words w5, w6, ... as large as the model's."""
    size = kbl.models.config_of(model).vocabulary_size
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(5, size))]
    return kbl.text.BertPreprocessor(kbl.text.BertTokenizer(tokens), sequence_length=options.length)


def compare_speed(options: argparse.Namespace, loaded, model: keras.Model) -> None:
    """Prints the milliseconds of a batch for both, which take turns."""
    size = kbl.models.config_of(model).vocabulary_size
    shape = (options.batch_size, options.length)
    ids = np.random.default_rng(0).integers(5, size, shape)
    features = {"token_ids": ids, "segment_ids": np.zeros(shape), "padding_mask": np.ones(shape)}
    features = {name: tf.constant(features[name], tf.int32) for name in model.input}
    live = tf.function(lambda inputs: model(inputs, training=False))
    calls = {"live": lambda: live(features), "exported": lambda: loaded.signatures["token_ids"](**features)["logits"]}
    gap = np.max(np.abs(np.subtract(calls["live"](), calls["exported"]())))
    times = {name: [] for name in calls}
    for run in range(2 + options.runs):
        for name, call in calls.items():
            begin = time.perf_counter()
            call().numpy()
            if run >= 2:  # the first ones are warm-up
                times[name].append(1000 * (time.perf_counter() - begin))
    for name, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"{name:<9} {middle:.1f} ms ({low:.1f} to {high:.1f}) for {options.batch_size} x {options.length} tokens")
    ratios = [exported / live for live, exported in zip(times["live"], times["exported"], strict=True)]
    print(f"ratio     {statistics.median(ratios):.3f} exported to live; largest difference of a logit {gap:.1e}")


def first_answers(options: argparse.Namespace, loaded, path: Path) -> None:
    """Prints the first answer after what a server runs to warm up, against the median of later ones."""
    word = " ".join(f"w{number}" for number in range(5, 5 + options.length // 2))
    once, texts = tf.constant([word]), loaded.signatures["text"]
    for length in (14, options.length):  # as the requests in assets.extra have it
        texts(text=tf.constant([" ".join(["w5"] * length)]))
    times = []
    for _ in range(1 + options.runs):
        begin = time.perf_counter()
        texts(text=once)["label"].numpy()
        times.append(1000 * (time.perf_counter() - begin))
    print(f"strings   first answer {times[0]:.1f} ms, then {statistics.median(times[1:]):.1f} ms, one text at a time")


def peak_memory() -> int:
    """Bytes. What getrusage says begins with the peak of the process that started this one."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="bert_base_uncased", choices=sorted(kbl.models.PRESETS))
    parser.add_argument("--layers", type=int, help="blocks of the model; default: those of the preset")
    parser.add_argument("--length", type=int, default=128, help="tokens of a text")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--runs", type=int, default=20, help="batches that are timed, of each")
    parser.add_argument("--weights", choices=["bfloat16"], help="of the export")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
