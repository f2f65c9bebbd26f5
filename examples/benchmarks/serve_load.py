"""How many texts an exported classifier answers a second, and how long they wait, by batch size, length and callers.

    python examples/benchmarks/serve_load.py
    python examples/benchmarks/serve_load.py --preset bert_base_uncased --batch-size 1 8 32 --callers 1 4

A classifier with random weights is exported to a temporary folder and called in this process, as examples/serve/load.py
does with `--saved-model`: what the model and its machine can do, without a network and without a server that joins
requests. Nothing else may run beside it. The default, a BERT of two layers, takes two minutes.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    from serve import load

    import keras_bert_layers as kbl
    import keras_bert_layers.models
    import keras_bert_layers.serving
    import keras_bert_layers.text

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        path = export_random(options.preset, options.sequence_length, Path(folder))
        print(f"{options.preset}: exported in {time.perf_counter() - begin:.0f} s, {peak_gib():.1f} GiB at most")
        ask = load.in_process(path, "text")
        for words in options.words:
            for batch_size in options.batch_size:
                batches = random_batches(words, batch_size)
                begin = time.perf_counter()
                ask(batches[0])
                first = 1000 * (time.perf_counter() - begin)
                print(f"\n{batch_size} texts of {words} words in a request; the first one took {first:.1f} ms")
                print(load.HEADER)
                for callers in options.callers:
                    print(load.as_row(callers, load.measure(ask, batches, callers, options.seconds, 1.0)), flush=True)
    return 0


def export_random(preset: str, sequence_length: int, folder: Path) -> Path:
    """A classifier of four classes with random weights, and a vocabulary of words that are numbers."""
    config = kbl.models.BertConfig.from_preset(preset)
    words = [*SPECIAL_TOKENS, *(f"w{number}" for number in range(config.vocabulary_size - len(SPECIAL_TOKENS)))]
    classifier = kbl.models.text_classifier(kbl.models.bert_encoder(config), labels=["a", "b", "c", "d"])
    preprocessor = kbl.text.BertPreprocessor(kbl.text.BertTokenizer(words), sequence_length=sequence_length)
    return kbl.serving.export(classifier, folder / "model", preprocessor)


def random_batches(words: int, batch_size: int, number: int = 50) -> list[list[str]]:
    """Texts of so many words, each of which is one token."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(20_000, size=(number, batch_size, words))
    return [[" ".join(f"w{word}" for word in text) for text in batch] for batch in drawn]


def peak_gib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--preset", default="bert_tiny_uncased", help="the size of the model")
    parser.add_argument("--sequence-length", type=int, default=128, help="tokens at most")
    parser.add_argument("--words", type=int, nargs="+", default=[16, 100], help="in a text")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[1, 32], help="texts in a request")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 4, 16], help="at the same time")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
