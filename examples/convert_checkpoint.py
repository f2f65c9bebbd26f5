"""Converts a checkpoint of any format into another one, and shows that nothing was lost.

    python examples/convert_checkpoint.py path/to/source path/to/target --to huggingface
    python examples/convert_checkpoint.py path/to/uncased_L-12_H-768_A-12 path/to/target --to keras_hub --task encoder

It prints what it found in the source, and which of its tensors the model does not use and why; writes the target; and
then compares: the target, read back, must have every weight of the source bit for bit, the same token ids and the same
outputs. Where the library of the source's or the target's format is installed (transformers, keras-hub), that library
runs the files on the same ids as well. It takes half a minute, most of it imports.

The status is 0 if all is equal, 1 if weights or token ids differ or an output by more than `--tolerance`, and 2 with a
message when the input is at fault; then nothing has been written.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from quickstart_progress import quiet_start

with quiet_start():
    import checkpoint_parity as parity
    import checkpoint_peers as peers
    from text_input import read_lines, refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.text
    from keras_bert_layers.convert import Pretrained, formats, from_pretrained, hub, tasks

SHOWN = 3
# Format -> the function that writes it, and the options that it takes.
WRITERS = {
    "huggingface": ("to_huggingface", ("labels", "model_type", "sequence_length")),
    "google": ("to_google", ("approximate",)),
    "keras_hub": ("to_keras_hub", ("sequence_length", "approximate", "new_pooler")),
    "keras_bert_layers": ("save_pretrained", ("labels", "sequence_length")),
}


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with refusing_bad_input():
        texts = None if options.texts is None else read_lines(options.texts)
        source = hub.local_directory(options.source)
        format = formats.recognise(source, options.source_format)
        if source.resolve() == options.target.resolve():
            raise ValueError(f"{options.target} is the source itself. Choose another directory to write to.")
        loaded = from_pretrained(
            source,
            options.task,
            labels=options.labels,
            ignore=options.ignore,
            tokenizer=not options.no_tokenizer,
            format=format,
        )
        print(f"{options.source}\n{describe(loaded, format)}", flush=True)
        if (source / "modules.json").exists() and loaded.task != "sentence_embedding":
            print("  It pools sentence vectors (modules.json): --task sentence_embedding keeps how.")
        write(loaded, options)
    files = sorted(path.name for path in options.target.iterdir())
    print(f"\n{options.target}\n  written     {', '.join(files)}", flush=True)
    report = compare(loaded, source, format, options, texts)
    print(f"\nLargest difference to the source as it is read here\n\n{report}")
    print("\nNot equal: see (!)." if report.failed else "\nEqual.")
    return int(report.failed)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("source", help="a checkpoint's directory, or a name on the Hugging Face hub")
    parser.add_argument("target", type=Path, help="the directory to write")
    parser.add_argument("--to", required=True, choices=WRITERS, help="the format to write")
    parser.add_argument("--from", dest="source_format", choices=formats.FORMATS, help="which, if there are several")
    parser.add_argument("--task", choices=tasks.TASKS, help="default: what the source was saved for")
    parser.add_argument("--labels", nargs="+", metavar="NAME", help="names of a classifier's classes, in their order")
    parser.add_argument("--ignore", action="append", default=[], metavar="PATTERN", help="tensors to leave out")
    parser.add_argument("--no-tokenizer", action="store_true", help="convert the weights alone")
    parser.add_argument("--approximate", action="store_true", help="write also where the format has another GELU")
    parser.add_argument("--new-pooler", action="store_true", help="give a model without a pooler one, for keras-hub")
    parser.add_argument("--overwrite", action="store_true", help="replace the target, with all that is in it")
    parser.add_argument("--texts", type=Path, help="a text a line, to compare with; default: a few built in")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of outputs (default: %(default)s)")
    return parser.parse_args(arguments)


def describe(loaded: Pretrained, format: str) -> str:
    """What was found, a line for each thing, and a short table of what was left out."""
    config, weights = loaded.config, loaded.model.weights
    pooling = next((layer.mode for layer in loaded.model.layers if layer.name == "pooling"), None)
    tokenizer = loaded.tokenizer
    found = {
        "format": format,
        "family": loaded.model_type,
        "task": loaded.task + (f" ({pooling})" if pooling else ""),
        "sizes": f"{config.num_layers} layers, width {config.hidden_dim}, {config.num_heads} heads, inner width "
        f"{config.intermediate_dim:,}, up to {loaded.sequence_length} positions",
        "vocabulary": f"{config.vocabulary_size:,} tokens"
        + ("" if tokenizer is None else f", read by {type(tokenizer).__name__}")
        + (", lowercased" if getattr(tokenizer, "lowercase", False) else ""),
        "labels": ", ".join(loaded.labels or ()),
        "read": f"{len(weights)} weights, {sum(weight.shape.num_elements() for weight in weights):,} numbers",
        "not used": f"{len(loaded.ignored)} tensor(s)" if loaded.ignored else "nothing",
    }
    lines = [f"  {name:<11} {value}" for name, value in found.items() if value]
    by_reason = defaultdict(list)
    for name, reason in loaded.ignored.items():
        by_reason[reason].append(name)
    for reason, names in by_reason.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"    {reason}:\n      {', '.join(sorted(names)[:SHOWN])}{more}")
    if any("belongs to the part" in reason for reason in by_reason):
        lines.append("  Another --task keeps what belongs to its head.")
    return "\n".join(lines)


def write(loaded: Pretrained, options: argparse.Namespace) -> None:
    name, settings = WRITERS[options.to]
    values = {
        "labels": loaded.labels,
        "model_type": loaded.model_type,
        "sequence_length": loaded.sequence_length,
        "approximate": options.approximate,
        "new_pooler": options.new_pooler,
    }
    writer = getattr(kbl.convert, name)
    chosen = {key: values[key] for key in settings}
    writer(loaded.model, options.target, loaded.tokenizer, **chosen, overwrite=options.overwrite)


def compare(loaded, source: Path, format: str, options: argparse.Namespace, texts: list[str] | None) -> parity.Report:
    """The target read back, and both in the libraries of their formats, against the source."""
    texts = (texts or parity.TEXTS)[: parity.MOST_TEXTS]
    features = parity.features_for(loaded, texts)
    expected, mask = parity.outputs_of(loaded, features), features["padding_mask"]
    report = parity.Report(options.tolerance)

    again = from_pretrained(options.target, loaded.task, tokenizer=loaded.tokenizer is not None, format=options.to)
    parity.compare_weights(report, "read back", loaded.model, again.model)
    if loaded.tokenizer is not None:
        ids, ids_again = (each.tokenizer.tokenize(texts).to_list() for each in (loaded, again))
        parity.compare_ids(report, "read back", ids, ids_again)
    report.add_outputs("read back", expected, parity.outputs_of(again, features), mask)

    for which, its_format, directory in (("source", format, source), ("target", options.to, options.target)):
        if its_format not in peers.LIBRARIES:
            continue
        column = f"{which} in {peers.LIBRARIES[its_format]}"
        missing = peers.missing_packages(its_format)
        if missing:
            print(f"  not run     {column}: {', '.join(missing)} not installed")
            continue
        with report.column_of_another_library(column):
            outputs = peers.outputs_there(its_format, directory, loaded, features)
            report.add_outputs(column, expected, outputs, mask)
            if its_format == "huggingface" and loaded.tokenizer is not None:
                parity.compare_ids(report, column, ids, peers.transformers_ids(directory, texts))
    return report


if __name__ == "__main__":
    sys.exit(main())
