"""A corpus of any size -> records for pretraining.

    python examples/prepare_pretraining.py folder/of/texts --output records --vocabulary vocab.txt
    python examples/prepare_pretraining.py wiki.jsonl.gz --output records --learn-vocabulary 30000 --layout prose \\
        --deduplicate --workers 8
    python examples/prepare_pretraining.py texts --output records --vocabulary vocab.txt \\
        --runner DirectRunner --direct_num_workers 4

Reads `.txt` and `.jsonl` files (also `.gz` and `.bz2`), splits documents into sentences and these into word pieces,
draws the examples, and writes them in shards of about 32 MB of text, a few megabytes a second on each core. A run that
is stopped goes on where it was when it is started again. The same corpus, settings and seed give the same bytes,
however many processes work, and on an Apache Beam runner too (`--runner`; options that this program does not know are
then Beam's).

At the end it prints what the records hold, and how to train on them.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import sys
import time
from pathlib import Path

from quickstart_progress import clock, quiet_start

with quiet_start():
    import keras_bert_layers as kbl
    import keras_bert_layers.data
    import keras_bert_layers.text


def main(command: list[str] | None = None) -> None:
    arguments, beam_flags = parse_arguments(command)
    started = time.time()
    try:
        names = kbl.data.RecordSettings.__dataclass_fields__
        settings = kbl.data.RecordSettings(**{name: getattr(arguments, name) for name in names})
        tokenizer = make_tokenizer(arguments, settings)
        metadata = kbl.data.prepare_records(
            arguments.corpus,
            arguments.output,
            tokenizer,
            settings,
            masker=make_masker(arguments, tokenizer),
            workers=arguments.workers,
            beam_flags=beam_flags,
            overwrite=arguments.overwrite,
            progress=ProgressLine(),
        )
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command goes on where it was.")
    print_summary(arguments.output, metadata, time.time() - started)


def parse_arguments(command: list[str] | None) -> tuple[argparse.Namespace, list[str] | None]:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("corpus", nargs="+", help="files and folders")
    parser.add_argument("--output", required=True, help="folder to write to")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--runner", help="an Apache Beam runner, in place of --workers")
    parser.add_argument("--overwrite", action="store_true", help="replace other records in the output folder")

    text = parser.add_argument_group("text")
    text.add_argument("--layout", choices=["sentences", "prose", "paragraphs"], default="sentences")
    text.add_argument("--language", choices=["auto", "en", "zh"], help="to split prose by; default: recognised")
    text.add_argument("--text-field", default="text", help="of JSON lines")
    text.add_argument("--bad-input", choices=["skip", "error"], default="skip", help="bytes that are no UTF-8")
    text.add_argument("--deduplicate", action="store_true", help="leave out documents that repeat an earlier one")
    text.add_argument("--word-segmenter", choices=["jieba"], help="marks Chinese words, for whole-word masking")

    words = parser.add_argument_group("vocabulary")
    source = words.add_mutually_exclusive_group(required=True)
    source.add_argument("--vocabulary", help="a vocab.txt")
    source.add_argument("--learn-vocabulary", type=int, metavar="N", help="learn one of N word pieces from the corpus")
    words.add_argument("--vocabulary-sample", type=int, default=100, metavar="MB", help="of text to learn it from")
    words.add_argument(
        "--vocabulary-characters", type=int, default=1000, help="at most, ideographs apart; about 8000 for Korean"
    )
    words.add_argument("--cased", action="store_true", help="keep capitals and accents")

    examples = parser.add_argument_group("examples")
    examples.add_argument("--objective", choices=["none", "next_sentence", "sentence_order"], default="next_sentence")
    examples.add_argument("--sequence-length", type=int, default=128)
    examples.add_argument("--max-sequences", type=int, default=1, help="to pack into one row")
    examples.add_argument("--next-sentence-rate", type=float, default=0.5)
    examples.add_argument("--short-sequence-probability", type=float, default=0.1)
    examples.add_argument("--duplicates", type=int, default=1, help="passes over the corpus, each drawn anew")
    examples.add_argument("--seed", type=int, default=0)

    masks = parser.add_argument_group("stored masks", "by default tokens are masked in training, anew in each epoch")
    masks.add_argument("--store-masks", action="store_true")
    masks.add_argument("--mask-rate", type=float, default=0.15)
    masks.add_argument("--mask-strategy", choices=["token", "whole_word", "span"], default="token")
    masks.add_argument("--max-predictions", type=int, help="in a row; default: as many as the rate gives")

    files = parser.add_argument_group("files")
    files.add_argument("--chunk-bytes", type=int, help="of text in a shard; default: 32 MiB, less for a small corpus")
    files.add_argument("--compression", choices=["gzip"])
    arguments, rest = parser.parse_known_args(command)
    if rest and arguments.runner is None:
        parser.error(f"unrecognized arguments: {' '.join(rest)} (options of a Beam runner need --runner)")
    return arguments, None if arguments.runner is None else [f"--runner={arguments.runner}", *rest]


def make_tokenizer(arguments, settings) -> kbl.text.BertTokenizer:
    lowercase = not arguments.cased
    if arguments.vocabulary is not None:
        return kbl.text.BertTokenizer(arguments.vocabulary, lowercase=lowercase)
    print(
        f"learning {arguments.learn_vocabulary:,} word pieces from at most {arguments.vocabulary_sample} MB", flush=True
    )
    sentences = kbl.data.sample_sentences(arguments.corpus, settings, arguments.vocabulary_sample * 1_000_000)
    vocabulary = kbl.text.learn_vocabulary(
        sentences, arguments.learn_vocabulary, lowercase=lowercase, max_characters=arguments.vocabulary_characters
    )
    return kbl.text.BertTokenizer(vocabulary, lowercase=lowercase)


def make_masker(arguments, tokenizer) -> kbl.text.MaskedLMMasker | None:
    if not arguments.store_masks:
        return None
    return kbl.text.MaskedLMMasker(
        tokenizer,
        arguments.mask_rate,
        arguments.mask_strategy,
        max_predictions=arguments.max_predictions,
        seed=arguments.seed,
    )


class ProgressLine:
    """One line that says how far the work is; where the output is no terminal, a line every ten seconds."""

    def __init__(self):
        self.phase, self.started, self.last_line = None, 0.0, 0.0

    def __call__(self, progress) -> None:
        now = time.time()
        if progress.phase != self.phase:
            self.phase, self.started, self.first = progress.phase, now, progress.done_bytes
        finished = progress.done_bytes == progress.total_bytes
        if sys.stdout.isatty():
            print(f"\r\033[K{self._line(progress, now)}", end="\n" if finished else "", flush=True)
        elif finished or now - self.last_line > 10:
            self.last_line = now
            print(self._line(progress, now), flush=True)

    def _line(self, progress, now: float) -> str:
        if not progress.total_bytes:
            return progress.phase
        share, passed = progress.done_bytes / progress.total_bytes, now - self.started
        parts = [f"{progress.phase:<20} [{'=' * round(20 * share):20}] {share:4.0%}"]
        if progress.done_bytes > self.first and passed > 0:
            parts.append(f"{(progress.done_bytes - self.first) / passed / 1e6:5.1f} MB/s")
        if progress.documents:
            parts.append(f"{progress.documents:,} documents")
        if 0 < share < 1:
            parts.append(f"{clock(passed * (1 - share) / share)} left")
        elif share == 1:
            parts.append(clock(passed))
        return "  ".join(parts)


def print_summary(output: str, metadata, seconds: float) -> None:
    counts, size = metadata.counts, sum(shard.size for shard in metadata.shards)
    positions = sum(count * i for shard in metadata.shards for i, count in enumerate(shard.length_counts))
    rows = max(counts["examples"], 1) * metadata.settings.sequence_length
    table = {
        "text": f"{counts['text_bytes'] / 1e6:,.1f} MB in {metadata.corpus['files']:,} files",
        "documents": f"{counts['documents']:,}, of {counts['sentences']:,} sentences",
        "tokens": f"{counts['text_tokens']:,} in the text, {counts['tokens']:,} in the examples",
        "examples": f"{counts['examples']:,} of at most {metadata.settings.sequence_length} positions",
        "fill": f"{positions / rows:.1%} of the positions hold a token",
        "bytes": f"{size / 1e6:,.1f} MB in {len(metadata.shards):,} shards",
        "duplicates": f"{counts['duplicates']:,} documents left out",
        "bad input": f"{counts['bad_bytes']:,} bytes and {counts['bad_lines']:,} lines left out",
    }
    if counts["cut_documents"]:
        table["cut"] = f"{counts['cut_documents']:,} documents exceed a shard (is `--layout` right?)"
    print(f"\nDone in {clock(seconds)} minutes.\n")
    for name, value in table.items():
        print(f"{name:<11} {value}")
    for file, count in [*metadata.bad_bytes.items(), *metadata.bad_lines.items()][:10]:
        print(f"{'':<11} {count:,} in {file}")
    command = ["python", str(Path(__file__).with_name("pretrain.py")), "--records", output]
    print(f"\nNow train on them:\n\n    {' '.join(command)}")


if __name__ == "__main__":
    main()
