"""The attribution that needs no gradient: what is lost when a word is gone."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.explained import explained_texts, in_batches
from keras_bert_layers.interpret.pieces import replacement_id
from keras_bert_layers.interpret.target import Target, has_position, select

_REPLACEMENTS = ("remove", "mask", "pad")


def leave_one_out(
    model: keras.Model,
    preprocessor,
    texts: Sequence[str | tuple[str, str]],
    target: Target = None,
    *,
    replacement: str = "remove",
    batch_size: int = 32,
) -> list[Attribution]:
    """score of a word = logit(text) - logit(text without the word), all pieces of the word taken together.

    In `scores`, each piece has an equal share of its word's score; special tokens have 0.

    Args:
        model, preprocessor, texts, target: as in `gradient_x_input`.
        replacement: what becomes of the word: `"remove"`, which shortens the text; or each of its pieces becomes
            `"mask"` ([MASK]) or `"pad"` ([PAD]). Where the target is a position, only the latter two, which leave it
            in its place. Defaults to `"remove"`.
        batch_size: int > 0. Texts in one pass. Defaults to 32.

    Returns:
        An Attribution for each text.

    Raises:
        ValueError: as in `gradient_x_input`, or if `replacement` is unknown or moves the target.

    Example:
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=3)
        >>> [found] = leave_one_out(classifier, preprocessor, ["Hi, hi"])
        >>> dict(zip(found.tokens, found.scores)).keys()
        dict_keys(['[CLS]', 'hi', '[UNK]', '[SEP]'])

    Reference:
        Li et al. 2016, Understanding Neural Networks through Representation Erasure (arXiv:1612.08220).
    """
    if replacement not in _REPLACEMENTS:
        raise ValueError(f"`replacement` must be one of {', '.join(_REPLACEMENTS)}. Received: {replacement!r}.")
    found = []
    for each in explained_texts(model, preprocessor, texts, target):
        pieces = each.pieces
        places = [
            [place for place, word in enumerate(pieces.word_ids) if word == number]
            for number in range(len(pieces.words))
        ]
        scores = np.zeros(len(pieces.tokens), "float32")
        if places and replacement == "remove":
            if has_position(each.model, each.target):
                raise ValueError(
                    f"The target {each.target} is a position, and removing a word would move it. Pass "
                    'replacement="mask" or replacement="pad".'
                )
            without = _removed_logits(each, places, batch_size)
        elif places:
            rows = np.tile(pieces.token_ids, (len(places), 1))
            for row, word in zip(rows, places, strict=True):
                row[word] = replacement_id(preprocessor, replacement)
            without = in_batches(each.logits, rows, batch_size)
        whole = float(select(each.outputs, each.target)[0])
        for number, word in enumerate(places):
            scores[word] = (whole - without[number]) / len(word)
        found.append(each.attribution("leave_one_out", scores))
    return found


def _removed_logits(each, places, batch_size) -> np.ndarray:
    """The logit of the text without each word, [W], the shorter ones padded."""
    pieces = each.pieces
    lengths = np.array([len(pieces.tokens) - len(word) for word in places])
    real = np.arange(lengths.max()) < lengths[:, None]
    rows = {"padding_mask": real.astype("int32")}
    for name, padding in (("token_ids", each.preprocessor.tokenizer.pad_id), ("segment_ids", 0)):
        rows[name] = np.full(real.shape, padding, "int32")
        rows[name][real] = np.concatenate([np.delete(getattr(pieces, name), word) for word in places])

    def logits(numbers):
        outputs = each.model({name: rows[name][numbers] for name in each.model.input})
        return keras.ops.convert_to_numpy(select(outputs, each.target))

    return in_batches(logits, np.arange(len(places)), batch_size)
