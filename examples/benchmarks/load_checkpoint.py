"""Time and memory of loading a checkpoint of the size of BERT-base, against reading the file alone.

    python examples/benchmarks/load_checkpoint.py [--runs 5] [--layers 12]

Writes a random Hugging Face checkpoint of that size (440 MB) to a temporary directory. Then, each in a process of its
own and by turns, reads every tensor with safetensors and loads the model with `from_pretrained`. It prints medians with
their spread, and the peak of memory above that of the imported framework. About a minute with the defaults.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PREPARE = """
import sys, resource, time
import tensorflow, tensorflow_text, keras, safetensors.numpy
import keras_bert_layers as kbl
from pathlib import Path
kbl.convert, kbl.models, kbl.layers
keras.ops.convert_to_numpy(keras.ops.zeros(1))
def resident():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
directory = Path(sys.argv[1])
before, begin = resident(), time.perf_counter()
"""
READ = """
tensors = safetensors.numpy.load_file(directory / "model.safetensors")
total = sum(float(tensor.ravel()[0]) for tensor in tensors.values())
"""
LOAD = """
loaded = kbl.convert.from_pretrained(directory)
total = sum(float(keras.ops.ravel(weight)[0]) for weight in loaded.model.weights)
"""
REPORT = """
print(time.perf_counter() - begin, resident() - before)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="processes of each kind")
    parser.add_argument("--layers", type=int, default=12, help="blocks of the model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        size = write_checkpoint(Path(directory) / "bert", arguments.layers)
        print(f"BERT of {arguments.layers} layers, {size / 2**20:.0f} MiB of weights; {arguments.runs} runs each")
        results = {"safetensors": [], "from_pretrained": []}
        for run in range(arguments.runs):
            for name, code in (("safetensors", READ), ("from_pretrained", LOAD)):
                print(f"\rrun {run + 1} of {arguments.runs}: {name:<16}", end="", file=sys.stderr, flush=True)
                results[name].append(measure(code, f"{directory}/bert"))
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
        for name, values in results.items():
            seconds, peaks = zip(*values, strict=True)
            print(
                f"{name:<16} {statistics.median(seconds):5.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
                f"peak {statistics.median(peaks) / size:4.2f} times the file"
            )
        difference = statistics.median(s for s, _ in results["from_pretrained"]) - statistics.median(
            s for s, _ in results["safetensors"]
        )
        print(f"from_pretrained takes {difference:.2f} s longer than reading the file")


def measure(code: str, directory: str) -> tuple[float, int]:
    """Seconds, and bytes of peak memory above the imported framework, of `code` in a fresh process."""
    output = subprocess.run(
        [sys.executable, "-c", PREPARE + code + REPORT, directory], capture_output=True, text=True, check=False
    )
    if output.returncode:
        raise SystemExit(output.stderr)
    seconds, peak = output.stdout.split()
    return float(seconds), int(peak)


def write_checkpoint(directory: Path, num_layers: int) -> int:
    """A random BertModel in Hugging Face's format; returns the size of its weights in bytes."""
    from keras_bert_layers import convert, models, text

    config = models.BertConfig.from_preset("bert_base_uncased", num_layers=num_layers)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{n}" for n in range(config.vocabulary_size - 5))]
    convert.to_huggingface(models.bert_encoder(config), directory, text.BertTokenizer(words))
    return (directory / "model.safetensors").stat().st_size


if __name__ == "__main__":
    main()
