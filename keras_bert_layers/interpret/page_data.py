"""What the page of explanations holds: results as plain lists and text, attention as compressed bytes."""

import base64
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.inspection import Inspection
from keras_bert_layers.interpret.pieces import Pieces

MOST_CLASSES = 8


def text_data(pieces: Pieces) -> dict[str, Any]:
    """The tokens and words of a text, how they are spaced, and the direction of each segment."""
    segments = pieces.segment_ids.tolist()
    first_places = [pieces.word_ids.index(word) for word in range(len(pieces.words))]
    parts = (pieces.text,) if isinstance(pieces.text, str) else tuple(pieces.text)
    name = " | ".join(parts)
    return {
        "name": name if len(name) <= 70 else f"{name[:69]}…",
        "rtl": [is_right_to_left(part) for part in parts],
        "tokens": token_labels(pieces),
        "segments": segments,
        "words": list(pieces.words),
        "word_ids": list(pieces.word_ids),
        "word_segments": [segments[place] for place in first_places],
        "gaps": _gaps(pieces, parts, first_places),
        "attributions": [],
        "attention": None,
    }


def attribution_data(found: Attribution, labels: Sequence[str] | None) -> dict[str, Any]:
    """The scores of a text, and the prediction with the names of its classes, the likeliest first."""
    names = class_names(found, labels)
    order = np.argsort(-found.probabilities, kind="stable")[:MOST_CLASSES]
    return {
        "method": found.method.replace("_", " "),
        "target": target_name(found, labels),
        "scores": _rounded(found.scores),
        "word_scores": _rounded(found.word_scores),
        "probabilities": [[names(int(place)), round(float(found.probabilities[place]), 6)] for place in order],
        "logit": found.logit,
        "baseline_logit": found.baseline_logit,
        "delta": found.delta,
    }


def attention_data(found: Inspection, others: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The square root of every weight in 8 bits, which tells small ones apart; compressed."""
    layers, heads, size, _ = found.attention.shape
    maps = []
    for name, values in others.items():
        values = np.asarray(values, "float32")
        values = values[None] if values.ndim == 2 else values
        if values.ndim != 3 or values.shape[1:] != (size, size) or len(values) > layers:
            raise ValueError(
                f"The maps {name!r} of {found.text!r} must have the shape [layers, {size}, {size}], {layers} layers "
                f"at most, or [{size}, {size}]. Received: {values.shape}."
            )
        maps.append({"name": name, "layers": len(values), "data": packed(values)})
    return {"layers": layers, "heads": heads, "data": packed(found.attention), "others": maps}


def packed(weights: np.ndarray) -> str:
    """Base64 of the zlib stream of round(255 · √weight), for weights in [0, 1]."""
    quantised = np.rint(255 * np.sqrt(np.clip(weights, 0, 1))).astype("uint8")
    return base64.b64encode(zlib.compress(quantised.tobytes(), 9)).decode()


def class_names(found: Attribution, labels: Sequence[str] | None):
    """A function from the number of a class, or of a position where these are predicted, to its name.

    A result without probabilities is of a model whose logit is the answer itself.
    """
    count = len(found.probabilities)
    if isinstance(found.target[0], str) and count == len(found.tokens) and labels is None:
        return lambda place: found.tokens[place]
    if labels is None:
        return lambda place: f"class {place}" if count > 1 else "yes" if count else "the value"
    if count and len(labels) != count:
        raise ValueError(
            f"`labels` names {len(labels)} classes, and the prediction for {found.text!r} has {count}. Pass a name for "
            "each, in the order of the logits."
        )
    return lambda place: str(labels[place])


def target_name(found: Attribution, labels: Sequence[str] | None) -> str:
    """The explained logit in words: its class, and the token or output where it stands."""
    names, *places = class_names(found, labels), *found.target
    output = [str(place) for place in places if isinstance(place, str)]
    numbers = [place for place in places if not isinstance(place, str)]
    # A model of masked tokens counts those alone; its result does not say that it is one.
    masks = sum(token in ("[MASK]", "<mask>") for token in found.tokens)
    where = [f"at {found.tokens[place]!r}" for place in numbers[:-1] if place >= masks]
    return " ".join([*output, names(numbers[-1]), *where])


def token_labels(pieces: Pieces) -> list[str]:
    """The tokens as the vocabulary writes them; those of a byte-level vocabulary as the text does."""
    if not any(token.startswith("Ġ") for token in pieces.tokens):
        return list(pieces.tokens)
    parts = (pieces.text,) if isinstance(pieces.text, str) else tuple(pieces.text)
    labels, before = [], None
    for token, word, segment, (start, end) in zip(
        pieces.tokens, pieces.word_ids, pieces.segment_ids, pieces.offsets, strict=True
    ):
        label = token if word is None else parts[segment][start:end].strip() or token
        labels.append(f"##{label}" if word is not None and word == before else label)
        before = word
    return labels


def is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction is written from right to left."""
    return next((kind != "L" for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), False)


def _gaps(pieces, parts, first_places):
    """What stands in the text before each word: spaces, or nothing."""
    gaps, segment, end = [], 0, 0
    for place, word in zip(first_places, pieces.words, strict=True):
        if pieces.segment_ids[place] != segment:
            segment, end = int(pieces.segment_ids[place]), 0
        start = pieces.offsets[place][0]
        gaps.append(parts[segment][end:start])
        end = start + len(word)
    return gaps


def _rounded(values):
    return [float(f"{value:.5g}") for value in values]
