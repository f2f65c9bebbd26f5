"""Writes a BERT classifier with random weights in Hugging Face's format: what the peers of a comparison all load.

    python examples/benchmarks/speed_checkpoint.py --model base --vocabulary vocab.txt --checkpoint DIR

Weights of one axis are random too, and matrices larger than fresh ones, so that answers differ from text to text and
where one weight stands in the wrong place.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import keras
    import numpy as np
    from speed_plan import MODELS

    import keras_bert_layers as kbl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    tokenizer = kbl.text.BertTokenizer(options.vocabulary)
    sizes = MODELS[options.model]
    config = kbl.models.BertConfig(
        vocabulary_size=tokenizer.vocabulary_size, initializer_range=1.5 * sizes["hidden_dim"] ** -0.5, **sizes
    )
    model = kbl.models.text_classifier(kbl.models.bert_encoder(config), labels=["negative", "positive"])
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign_add(rng.normal(scale=0.1, size=weight.shape))
    kbl.convert.to_huggingface(model, options.checkpoint, tokenizer, overwrite=True)


if __name__ == "__main__":
    main()
