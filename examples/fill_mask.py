"""Predicts the words that stand for [MASK], with any checkpoint that has a masked-LM head.

    python examples/fill_mask.py --model path/to/checkpoint "The capital of France is [MASK]."
    python examples/fill_mask.py --model path/to/checkpoint --file texts.txt --top 3 --json > answers.json

Texts come from the arguments, from a file or from the standard input (one a line) and may have several [MASK] each. It
prints the likeliest words for every [MASK] with their probabilities: a table, or JSON. It takes about ten seconds,
nearly all of them to start.

The status is 0, or 2 with a message when the input is at fault: a text without [MASK] or longer than the model takes,
a checkpoint that cannot be read or has no masked-LM head.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import json
import sys
import unicodedata
from pathlib import Path

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    import tensorflow as tf
    from text_input import compiled, read_lines, refusing_bad_input, with_bar

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.data
    import keras_bert_layers.text


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with refusing_bad_input():
        texts = options.text or read_lines(options.file)
        loaded = kbl.convert.from_pretrained(options.model, task="masked_lm")
        tokens = loaded.tokenizer.tokenize(texts)
        check_texts(texts, tokens, loaded)
    answers = predict(loaded, texts, tokens, options.top, options.batch_size)
    if options.json:
        print(json.dumps(answers, ensure_ascii=False, indent=2))
    else:
        print("\n\n".join(as_table(answer, loaded.tokenizer) for answer in answers))
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("text", nargs="*", help="texts with [MASK]; default: those of --file or the standard input")
    parser.add_argument("--model", required=True, help="a checkpoint's directory, or a name on the Hugging Face hub")
    parser.add_argument("--file", type=Path, help="a text a line")
    parser.add_argument("--top", type=int, default=5, help="words for each [MASK]")
    parser.add_argument("--json", action="store_true", help="print JSON in place of tables")
    parser.add_argument("--batch-size", type=int, default=16)
    options = parser.parse_args(arguments)
    if options.text and options.file:
        parser.error("give texts as arguments or in --file, not both")
    if options.top < 1 or options.batch_size < 1:
        parser.error("--top and --batch-size must be 1 or more")
    return options


def check_texts(texts: list[str], tokens: tf.RaggedTensor, loaded: kbl.convert.Pretrained) -> None:
    """Raises a ValueError for the first text that has nothing to predict, or does not fit into the model."""
    mask_id, limit = loaded.tokenizer.mask_id, loaded.sequence_length
    if mask_id is None:
        raise ValueError("The vocabulary of this checkpoint has no [MASK], so it cannot predict masked words.")
    for number, (text, ids) in enumerate(zip(texts, tokens.numpy(), strict=True), start=1):
        if mask_id not in ids:
            mask = loaded.tokenizer.id_to_token(mask_id)
            raise ValueError(f"Text {number} has no {mask}: {text!r}. Write {mask} where a word is to be predicted.")
        if len(ids) + 2 > limit:
            raise ValueError(
                f"Text {number} has {len(ids) + 2} tokens with [CLS] and [SEP], and the model takes {limit}: "
                f"{text[:60]!r}... Shorten it."
            )


def predict(loaded, texts: list[str], tokens: tf.RaggedTensor, top: int, batch_size: int) -> list[dict]:
    """For each text, its masks in their order; for each mask, its position and the likeliest tokens."""
    model, tokenizer, preprocessor = loaded.model, loaded.tokenizer, loaded.preprocessor()
    top = min(top, tokenizer.vocabulary_size)

    def likeliest_words(features):
        return tf.math.top_k(tf.nn.softmax(tf.cast(model(features), tf.float32)), top)

    likeliest = compiled(likeliest_words, model)
    answers = [None] * len(texts)
    for batch in with_bar(kbl.data.length_batches(tokens.row_lengths(), batch_size), "filling"):
        features = preprocessor([texts[number] for number in batch])
        is_mask = features["token_ids"].numpy() == tokenizer.mask_id
        positions = [np.flatnonzero(row) for row in is_mask]
        features["mask_positions"] = padded(positions)
        scores, ids = likeliest(features)
        # What people read: a BytePairTokenizer spells tokens with signs in place of bytes.
        words = tokenizer.detokenize(tf.reshape(ids, [-1, 1]), keep_special_tokens=True)
        scores, ids, words = scores.numpy(), ids.numpy(), tf.reshape(words, ids.shape).numpy()
        for row, number in enumerate(batch):
            masks = [
                {
                    "position": int(position),
                    "predictions": [
                        {
                            "word": words[row, mask, rank].decode().strip(),
                            "token": tokenizer.id_to_token(ids[row, mask, rank]),
                            "id": int(ids[row, mask, rank]),
                            "probability": float(scores[row, mask, rank]),
                        }
                        for rank in range(top)
                    ],
                }
                for mask, position in enumerate(positions[row])
            ]
            answers[number] = {"text": texts[number], "masks": masks}
    return answers


def padded(positions: list[np.ndarray]) -> tf.Tensor:
    """int32 [B, M]: the positions of each text, followed by -1."""
    return tf.cast(
        tf.RaggedTensor.from_row_lengths(np.concatenate(positions), [len(row) for row in positions]).to_tensor(-1),
        tf.int32,
    )


def as_table(answer: dict, tokenizer) -> str:
    """The text, and below it a line for each word: the number of its mask, the word, the probability."""
    mask = tokenizer.id_to_token(tokenizer.mask_id)
    several = len(answer["masks"]) > 1
    column = max(width(word["word"]) for one in answer["masks"] for word in one["predictions"])
    lines = [answer["text"], ""]
    for number, one in enumerate(answer["masks"], start=1):
        label = f"{mask} {number}" if several else mask
        for word in one["predictions"]:
            gap = " " * (column - width(word["word"]))
            lines.append(f"  {label:<{len(mask) + 3}}  {word['word']}{gap}  {word['probability']:6.1%}")
            label = ""
    return "\n".join(lines)


def width(token: str) -> int:
    """Columns that a token takes on a terminal: two for each Chinese character."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in token)


if __name__ == "__main__":
    sys.exit(main())
