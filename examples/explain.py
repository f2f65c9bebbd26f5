"""Why a model answers as it does: which words speak for its answer, and what its heads read.

    python examples/explain.py --model runs/classify "A charming film." "Too long by half."
    python examples/explain.py --model runs/classify --texts reviews.txt --target negative --figure words.png
    python examples/explain.py --model runs/tag --word Paris "Paris is a city."
    python examples/explain.py --model path/to/checkpoint "The capital of France is [MASK]."

Texts come from the arguments and from a file (-: the standard input), one a line; a tab parts the two texts of a pair.
The model is one of `classify.py` or `tag.py`, or any checkpoint with a head for texts, for words (`--word` says which
one is asked about) or for masked words.

It prints for each text the answer, the words that speak most for and against it and, with integrated gradients, by how
much the scores fail to add up; and it writes a page to look at in a browser, with the attention of every head, that
needs no network. With the defaults, a short text takes a small model a second and a base model ten on two cores. The
status is 0, or 2 with a message when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import sys
from pathlib import Path

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    from explain_targets import METHODS, Explainer
    from text_input import read_lines, refusing_bad_input, with_bar

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.interpret


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with refusing_bad_input():
        texts = [*options.text]
        if options.texts is not None:
            texts += read_lines(None if options.texts == "-" else Path(options.texts))
        texts = [tuple(text.split("\t", 1)) if "\t" in text else text for text in texts]
        path = Path(options.model) / "model" if (Path(options.model) / "model").is_dir() else options.model
        loaded = kbl.convert.from_pretrained(path)
        if loaded.task == "pretraining":
            loaded = kbl.convert.from_pretrained(path, task="masked_lm")
        length = min(options.sequence_length or loaded.sequence_length, loaded.sequence_length)
        explainer = Explainer(loaded, length, options.method, options.steps)
        found, seen = [], []
        for [number] in with_bar([np.array([number]) for number in range(len(texts))], "explaining"):
            inspection, attribution = explainer.explain(texts[number], options.target, options.word)
            seen.append(inspection)
            found.append(attribution)
            print("\n".join(described(attribution, explainer, options.top)), end="\n\n", flush=True)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        results, maps = [*found], {}
        if options.attention:
            results += seen
            maps = {"rollout": [kbl.interpret.attention_rollout(each.attention) for each in seen]}
        title = options.title or f"{Path(options.model).name}: {options.method.replace('-', ' ')}"
        page = kbl.interpret.page(results, labels=explainer.labels, maps=maps, title=title)
        print(f"page      {page.save(options.output)} ({len(page.html.encode()) / 1e6:.1f} MB)")
        if options.figure is not None:
            options.figure.parent.mkdir(parents=True, exist_ok=True)
            figure = kbl.interpret.attribution_figure(found, labels=explainer.labels, kind=options.kind)
            figure.savefig(options.figure, dpi=150)
            print(f"figure    {options.figure}")
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("text", nargs="*", help="texts to explain the answers to")
    parser.add_argument("--texts", help="file with a text a line, or - for the standard input")
    parser.add_argument("--model", required=True, help="a checkpoint's directory, or a name on the Hugging Face hub")
    parser.add_argument("--target", help="label or token that is asked about; default: what the model answers")
    parser.add_argument("--word", help="of a model that labels words: the word that is asked about")
    parser.add_argument("--method", choices=METHODS, default="integrated-gradients")
    parser.add_argument("--steps", type=int, default=64, help="points of integrated gradients, copies of smooth-grad")
    parser.add_argument("--sequence-length", type=int, help="tokens at which texts are cut; default: the model's most")
    parser.add_argument("--top", type=int, default=6, help="words to print")
    parser.add_argument("--output", type=Path, default=Path("explanation.html"), help="page to write")
    parser.add_argument("--title", help="of the page; default: model and method")
    parser.add_argument(
        "--attention", action=argparse.BooleanOptionalAction, default=True, help="put the maps of all heads on the page"
    )
    parser.add_argument("--figure", type=Path, help="picture of the words to write: .png, .svg or .pdf")
    parser.add_argument("--kind", choices=("text", "bars"), default="text", help="of picture")
    options = parser.parse_args(arguments)
    if not options.text and options.texts is None:
        parser.error("no text: give some as arguments, or --texts")
    if options.top < 1 or options.steps < 1:
        parser.error("--top and --steps must be 1 or more")
    if options.sequence_length is not None and options.sequence_length < 4:
        parser.error("--sequence-length must be 4 or more")
    return options


def described(found: kbl.interpret.Attribution, explainer: Explainer, top: int) -> list[str]:
    """The text, the answer, the words and the error, a line for each."""
    text = found.text if isinstance(found.text, str) else " | ".join(found.text)
    lines = [f"text      {text if len(text) <= 100 else text[:99] + '…'}"]
    if explainer.was_cut(found):
        lines.append(f"cut       at {len(found.tokens)} tokens")
    lines.append(f"answer    {explainer.answer(found)}")
    scores = found.word_scores
    order = np.argsort(-np.abs(scores), kind="stable")[:top]
    words = ", ".join(f"{found.words[word]} {scores[word]:+.3f}" for word in order)
    lines.append(f"for       {explainer.target_name(found)}: {words or 'there are no words'}")
    if found.delta is not None:
        change = found.logit - found.baseline_logit
        share = f" ({abs(found.delta / change):.2%})" if abs(change) > 1e-6 else ""
        lines.append(f"error     scores miss the change of the logit, {change:+.3f}, by {abs(found.delta):.1e}{share}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
