"""Speed and memory of preparing a corpus: text to records.

    python examples/benchmarks/prepare_corpus.py [--megabytes 50] [--runs 3] [--objective next_sentence] [--workers 1]
    python examples/benchmarks/prepare_corpus.py --megabytes 1000 --runs 1 --objective none

Makes a corpus of English-like prose (JSON lines, documents of 3 to 60 sentences, words by Zipf's law), learns a
vocabulary from its beginning, and prepares it in a process of its own, some times over. It prints megabytes of text a
second by the clock and by processor time (medians with their spread), and the peak of memory of the largest process.
A minute with the defaults.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

PREPARE = """
import json, resource, sys, time
from keras_bert_layers.data import RecordSettings, prepare_records
from keras_bert_layers.text import BertTokenizer
if __name__ == "__main__":
    corpus, output, vocabulary, workers, settings = sys.argv[1:]
    tokenizer = BertTokenizer(vocabulary)
    tokenizer.tokenize(["warm"])
    seconds, processor = time.perf_counter(), time.process_time()
    metadata = prepare_records(corpus, output, tokenizer, RecordSettings(**json.loads(settings)), workers=int(workers))
    seconds = time.perf_counter() - seconds
    processor = time.process_time() - processor
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    size = sum(shard.size for shard in metadata.shards)
    print(json.dumps([seconds, processor, peak * 1024, metadata.counts, size, len(metadata.shards)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=50, help="of text")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--objective", choices=["none", "next_sentence", "sentence_order"], default="next_sentence")
    parser.add_argument("--sequence-length", type=int, default=128)
    parser.add_argument("--deduplicate", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder to leave the corpus and the records in")
    arguments = parser.parse_args()
    settings = {
        "sequence_length": arguments.sequence_length,
        "objective": arguments.objective,
        "layout": "prose",
        "deduplicate": arguments.deduplicate,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        corpus, vocabulary = folder / "corpus.jsonl", folder / "vocab.txt"
        write_corpus(corpus, arguments.megabytes)
        learn_vocabulary(corpus, vocabulary)
        script = folder / "prepare.py"
        script.write_text(PREPARE)
        results = []
        for run in range(arguments.runs):
            command = [sys.executable, str(script), str(corpus), str(folder / f"records{run}"), str(vocabulary)]
            command += [str(arguments.workers), json.dumps(settings)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
            results.append(json.loads(done.stdout))
    report(arguments, results)


def report(arguments, results) -> None:
    counts, size, shards = results[0][3:]
    megabytes = counts["text_bytes"] / 1e6
    print(f"{megabytes:.0f} MB of text, {counts['documents']:,} documents, {counts['text_tokens']:,} tokens")
    print(f"{counts['examples']:,} examples ({arguments.objective}), {size / 1e6:.1f} MB in {shards} shards")
    columns = {"by the clock": [megabytes / result[0] for result in results]}
    if arguments.workers == 1:
        columns["by processor time"] = [megabytes / result[1] for result in results]
    for name, speeds in columns.items():
        print(f"{name:<18} {statistics.median(speeds):5.2f} MB/s ({min(speeds):.2f} to {max(speeds):.2f})")
    print(f"peak memory        {max(result[2] for result in results) / 2**30:5.2f} GiB")


def write_corpus(path: Path, megabytes: int, seed: int = 0) -> None:
    """JSON lines of English-like documents; the same bytes for the same arguments."""
    rng = np.random.default_rng(seed)
    words = np.array(pseudo_words(rng, 30_000))
    weights = 1 / np.arange(1, len(words) + 1)
    weights /= weights.sum()
    sentences = []
    for length in rng.integers(5, 30, size=100_000):
        chosen = words[np.searchsorted(np.cumsum(weights), rng.random(length), side="right").clip(max=len(words) - 1)]
        text = " ".join(chosen)
        sentences.append(text[0].upper() + text[1:] + ("?" if length == 7 else ", he said." if length == 9 else "."))
    written = 0
    with open(path, "w", encoding="utf-8") as file:
        while written < megabytes * 1e6:
            chosen = [sentences[i] for i in rng.integers(len(sentences), size=rng.integers(3, 61))]
            paragraphs = [" ".join(chosen[i : i + 6]) for i in range(0, len(chosen), 6)]
            written += file.write(json.dumps({"text": "\n\n".join(paragraphs)}) + "\n")


def pseudo_words(rng, count: int) -> list[str]:
    """Different words of one to four syllables; short ones first, as in English."""
    onsets = ["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr", "ch"]
    vowels, codas = ["a", "e", "i", "o", "u", "ea", "ou"], ["", "n", "r", "s", "t", "l"]
    words = {}
    while len(words) < count:
        syllables = 1 + min(3, len(words) * 4 // count + int(rng.integers(0, 2)))
        parts = (rng.choice(onsets) + rng.choice(vowels) + rng.choice(codas) for _ in range(syllables))
        words["".join(parts)] = None
    return list(words)


def learn_vocabulary(corpus: Path, vocabulary: Path) -> None:
    from keras_bert_layers import data, text

    settings = data.RecordSettings(sequence_length=128, layout="prose")
    sentences = data.sample_sentences(corpus, settings, max_bytes=10_000_000)
    text.BertTokenizer(text.learn_vocabulary(sentences, 30_000)).save(vocabulary)


if __name__ == "__main__":
    main()
