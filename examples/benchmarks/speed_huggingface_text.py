"""Hugging Face `tokenizers` in the comparison of speed, on one thread. `speed.py` runs it."""

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from speed_arguments import parse_run, run_workload
from speed_clock import in_batches, median_seconds
from speed_texts import sentences
from tokenizers import BertWordPieceTokenizer

TEXTS_AT_ONCE = 1000


def tokenize(options):
    tokenizer = BertWordPieceTokenizer(str(options.vocabulary), lowercase=True)
    texts = sentences(options.data, "sst2", options.tokenized_texts, "train")
    batches = in_batches(texts, TEXTS_AT_ONCE)
    encode = tokenizer._tokenizer.encode_batch_fast  # without offsets, which are not asked for here
    seconds = median_seconds(lambda: [[row.ids for row in encode(batch)] for batch in batches])
    size = sum(len(text.encode()) for text in texts)
    return {"tokenization": {"megabytes_per_second": size / 1e6 / seconds, "texts_per_second": len(texts) / seconds}}


WORKLOADS = {"tokenize": tokenize}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["tokenizers"])
