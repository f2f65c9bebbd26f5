"""The comparison of speed: how long imports take, each in a fresh process. `speed.py` runs it.

`first layer` and `first Dense layer of Keras` are what comes on top of `import keras`: our layers imported and a block
of the encoder built, and a layer of Keras alone, which starts TensorFlow's runtime as well.
"""

import statistics
import subprocess
import sys

from speed_arguments import parse_run, run_workload

CODES = {
    "import keras_bert_layers": ("", "import keras_bert_layers"),
    "import keras": ("", "import keras"),
    "first layer, over keras": (
        "import keras",
        "from keras_bert_layers import layers\n"
        "layers.TransformerEncoder(intermediate_dim=256, num_heads=2).build((None, None, 64))",
    ),
    "first Dense layer of Keras, over keras": ("import keras", "keras.layers.Dense(64).build((None, 64))"),
}


def imports(options):
    times = {name: [measure(*code) for _ in range(options.repeats)] for name, code in CODES.items()}
    return {name: {"seconds": statistics.median(values)} for name, values in times.items()}


def measure(before: str, code: str) -> float:
    """The seconds of `code` in a process of its own that has run `before`."""
    program = f"import time\n{before}\nbegin = time.perf_counter()\n{code}\nprint(time.perf_counter() - begin)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(ended.stdout.split()[-1])


WORKLOADS = {"imports": imports}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["keras", "tensorflow"])
