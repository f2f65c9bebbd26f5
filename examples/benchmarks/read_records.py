"""Speed of reading records: from disk to masked batches, by processor time.

    python examples/benchmarks/read_records.py [--records FOLDER] [--batches 300] [--runs 5]

Without `--records` it makes some first, of 20 MB of English-like prose. It reads them in the ways below by turns, each
from a warm start, and prints real tokens a second of processor time (medians with their spread; all threads of the
process count), which is what one core gives. Two minutes with the defaults.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import prepare_corpus

from keras_bert_layers import data, text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, help="a folder of records without packing and masks")
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        records = arguments.records or make_records(Path(temporary))
        tokenizer = data.record_tokenizer(records)
        ways = {
            "one sequence a row, single tokens masked": ("token", 1),
            "packed, single tokens masked": ("token", 8),
            "packed, whole words masked": ("whole_word", 8),
            "packed, spans masked": ("span", 8),
        }
        datasets = {}
        for name, (strategy, max_sequences) in ways.items():
            masker = text.MaskedLMMasker(tokenizer, strategy=strategy, max_predictions=80)
            datasets[name] = data.record_dataset(
                records, tokenizer, masker, arguments.batch_size, max_sequences=max_sequences
            )
            epoch = data.record_epoch(records, arguments.batch_size, max_sequences=max_sequences)
            print(f"{name}: {epoch.rows:,} rows an epoch, filled to {epoch.fill:.1%}")
        speeds = {name: [] for name in datasets}
        for _ in range(arguments.runs):
            for name, dataset in datasets.items():
                speeds[name].append(tokens_per_second(dataset, arguments.batches))
    for name, values in speeds.items():
        print(
            f"{name:<42} {statistics.median(values) / 1e6:5.2f} million tokens/s of processor time "
            f"({min(values) / 1e6:.2f} to {max(values) / 1e6:.2f})"
        )


def tokens_per_second(dataset, batches: int) -> float:
    """Real tokens for each second of processor time, after the first batch."""
    iterator = iter(dataset)
    next(iterator)
    tokens, begin = 0, time.process_time()
    for _ in range(batches):
        x, _, _ = next(iterator)
        tokens += int(x["padding_mask"].numpy().sum())
    return tokens / (time.process_time() - begin)


def make_records(folder: Path) -> Path:
    corpus, vocabulary = folder / "corpus.jsonl", folder / "vocab.txt"
    prepare_corpus.write_corpus(corpus, 20)
    prepare_corpus.learn_vocabulary(corpus, vocabulary)
    settings = data.RecordSettings(
        sequence_length=512, objective="none", layout="prose", short_sequence_probability=0.3
    )
    data.prepare_records(corpus, folder / "records", text.BertTokenizer(vocabulary), settings)
    return folder / "records"


if __name__ == "__main__":
    main()
