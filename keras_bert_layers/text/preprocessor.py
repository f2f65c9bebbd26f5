"""Strings to the features a BERT takes, as a layer."""

import keras

from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.packer import check_packing, pack_segments
from keras_bert_layers.text.text_layer import TextLayer
from keras_bert_layers.text.tokenizer import BertTokenizer


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class BertPreprocessor(TextLayer):
    """Tokenizes strings or pairs of strings and packs them: [CLS] a [SEP], or [CLS] a [SEP] b [SEP].

    A functional model may begin with it, at `keras.Input((), dtype="string")`: such a model is fitted on strings, and
    saved and exported with its vocabulary inside. The same layer works eagerly and in `tf.data.Dataset.map`, on batches
    and on single strings, with the same result.

    Args:
        tokenizer: a `BertTokenizer` or a `BytePairTokenizer`.
        sequence_length: int, at least 3 (5 for pairs). Longer inputs are cut. Defaults to 512.
        padding: `"longest"` (default) pads to the longest row of the batch, so that little is computed on padding;
            `"max"` pads to `sequence_length` and gives static shapes.
        truncation: which segment of a pair is cut: `"longest_first"` (default), `"only_first"` or `"only_second"`; see
            `pack_segments`.
        pad_to_multiple_of: int or None. With `"longest"`, rounds the length up, for hardware that likes 8 or 64.
            Defaults to None.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: strings: a tensor or array [B], a scalar, a str or a list of str; or a pair, written as a tuple
            `(first, second)` of two of these. A list of two str is a batch of two texts, not a pair; a list of two
            tensors is a pair.

    Returns:
        dict of int32 [B, S] (of [S] for a single string): `token_ids`, `segment_ids`, `padding_mask` (1 = a token).

    Raises:
        ValueError: if a setting is out of range, or the inputs are no strings or have more than one dimension.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "quick", "fox"]
        >>> preprocessor = BertPreprocessor(BertTokenizer(vocabulary), sequence_length=8)
        >>> preprocessor(["The quick fox", "fox"])["token_ids"].numpy().tolist()
        [[2, 4, 5, 6, 3], [2, 6, 3, 0, 0]]
        >>> preprocessor(("quick", "fox"))["segment_ids"].numpy().tolist()
        [0, 0, 0, 1, 1]
    """

    def __init__(
        self,
        tokenizer: BertTokenizer | BytePairTokenizer,
        sequence_length: int = 512,
        padding: str = "longest",
        truncation: str = "longest_first",
        pad_to_multiple_of: int | None = None,
        **kwargs,
    ):
        super().__init__(tokenizer, **kwargs)
        check_packing(sequence_length, padding, truncation, pad_to_multiple_of)
        self.sequence_length = sequence_length
        self.padding = padding
        self.truncation = truncation
        self.pad_to_multiple_of = pad_to_multiple_of

    def call(self, inputs):
        segments = [self.strings(text) for text in _segments(inputs)]
        ranks = [text.shape.rank for text in segments]
        if len(set(ranks)) > 1:
            raise ValueError(f"Both texts of a pair must be batches, or both single strings. Received ranks {ranks}.")
        return pack_segments(
            *(self.tokenizer.tokenize(text) for text in segments),
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            pad_id=self.tokenizer.pad_id,
            sequence_length=self.sequence_length,
            padding=self.padding,
            truncation=self.truncation,
            pad_to_multiple_of=self.pad_to_multiple_of,
        )

    def compute_output_spec(self, inputs):
        segments = _segments(inputs)
        for text in segments:
            self.check_strings(text.dtype, text.shape)
        if len(segments) == 2 and self.sequence_length < 5:
            raise ValueError(f"A pair needs `sequence_length` of at least 5. Received: {self.sequence_length}.")
        shape = (*segments[0].shape, self.sequence_length if self.padding == "max" else None)
        return {
            name: keras.KerasTensor(shape, dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        }

    def get_config(self):
        return {
            **super().get_config(),
            "sequence_length": self.sequence_length,
            "padding": self.padding,
            "truncation": self.truncation,
            "pad_to_multiple_of": self.pad_to_multiple_of,
        }


def _segments(inputs):
    """One text or the two of a pair."""
    is_list_of_tensors = isinstance(inputs, list) and inputs and not isinstance(inputs[0], str | bytes)
    if not isinstance(inputs, tuple) and not is_list_of_tensors:
        return (inputs,)
    if len(inputs) > 2:
        raise ValueError(
            f"Inputs are one text or a pair of texts. Received a {type(inputs).__name__} of {len(inputs)}. "
            "A batch of texts is a list of str, an array or a tensor; a pair is a tuple of two of those."
        )
    return tuple(inputs)
