"""Questions and the texts that may answer them, as windows of features."""

import keras
import tensorflow as tf

from keras_bert_layers.text.byte_offsets import row_ids
from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.packer import PADDINGS
from keras_bert_layers.text.text_layer import TextLayer
from keras_bert_layers.text.tokenizer import BertTokenizer

# [CLS] question [SEP] context [SEP]
_NUM_SPECIAL = 3


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class QuestionPreprocessor(TextLayer):
    """[CLS] question [SEP] context [SEP], in as many windows as the context needs, with the place of every token.

    With Q tokens of the question, a window has room for L = S - 3 - Q tokens of the context. The first one begins at
    the context's first token and each further one L - stride tokens later, so that two neighbours share `stride`
    tokens; the last one ends with the context. These are the windows of Hugging Face's tokenizers (`truncation=
    "only_second"`, `return_overflowing_tokens`). An empty context makes one window with no context in it. As in Hugging
    Face's `run_qa`, an answer may be in any window that has it: the neighbours' common tokens are marked in both, and
    `ops.merge_spans` counts an answer once.

    Everything happens inside the graph: it works in `tf.data`, and in a SavedModel from strings to answers.

    Args:
        tokenizer: a `BertTokenizer` or a `BytePairTokenizer`.
        sequence_length: int. The longest window S. Defaults to 384.
        stride: int >= 0. The tokens of the context that neighbouring windows share. Defaults to 128.
        max_question_length: int >= 1. A longer question is cut there; `question_lengths` tells. Defaults to 64.
        padding: `"longest"` (default) pads to the longest window, `"max"` to `sequence_length`.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: a pair `(questions, contexts)` of strings: tensors or arrays [B], lists of str, or two single strings.

    Returns:
        dict of int32: the features `token_ids`, `segment_ids` (1 in the context and its [SEP]) and `padding_mask`,
        [W, S]; `context_mask` [W, S], 1 = a token of the context; `starts` and `ends` [W, S], where the token stands in
        the context, in characters as Python counts them, -1 outside the context; `example_ids` [W], the question that a
        window belongs to, ascending; and `question_lengths` [W], the tokens of the question before it was cut.

    Raises:
        ValueError: if a setting is out of range, or leaves a window with no new token of the context; or the inputs are
            no pair of strings.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "who", "sat", "the", "cat", "on", "mat"]
        >>> preprocessor = QuestionPreprocessor(BertTokenizer(vocabulary), 8, stride=1, max_question_length=2)
        >>> windows = preprocessor((["Who sat"], ["The cat sat on"]))
        >>> windows["token_ids"].numpy().tolist()
        [[2, 4, 5, 3, 6, 7, 5, 3], [2, 4, 5, 3, 5, 8, 3, 0]]
        >>> windows["starts"].numpy().tolist()
        [[-1, -1, -1, -1, 0, 4, 8, -1], [-1, -1, -1, -1, 8, 12, -1, -1]]

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 4.2; the windows are those of its `run_squad.py`.
    """

    def __init__(
        self,
        tokenizer: BertTokenizer | BytePairTokenizer,
        sequence_length: int = 384,
        stride: int = 128,
        max_question_length: int = 64,
        padding: str = "longest",
        **kwargs,
    ):
        super().__init__(tokenizer, **kwargs)
        if padding not in PADDINGS:
            raise ValueError(f"`padding` must be one of {PADDINGS}. Received: {padding!r}.")
        if max_question_length < 1 or stride < 0:
            raise ValueError(
                "`max_question_length` must be 1 or more and `stride` 0 or more. "
                f"Received: max_question_length={max_question_length}, stride={stride}."
            )
        if sequence_length - _NUM_SPECIAL - max_question_length <= stride:
            raise ValueError(
                "Each window must bring a new token of the context: sequence_length - 3 - max_question_length > stride."
                f" Received: sequence_length={sequence_length}, max_question_length={max_question_length}, "
                f"stride={stride}. Lengthen the window or lower one of the others."
            )
        self.sequence_length = sequence_length
        self.stride = stride
        self.max_question_length = max_question_length
        self.padding = padding

    def call(self, inputs):
        questions, contexts = (tf.reshape(self.strings(text), [-1]) for text in _pair(inputs))
        same_number = tf.debugging.assert_equal(
            tf.size(questions), tf.size(contexts), "Every question needs its context: one string each."
        )
        with tf.control_dependencies([same_number] if same_number is not None else []):
            question_ids = self.tokenizer.tokenize(questions)
        context_ids, *places = self.tokenizer.tokenize_with_offsets(contexts, unit="character")
        return self._windows(question_ids, context_ids, *(tf.cast(place.values, tf.int32) for place in places))

    def _windows(self, question_ids, context_ids, starts, ends):
        lengths = [tf.cast(ids.row_lengths(), tf.int32) for ids in (question_ids, context_ids)]
        kept = tf.minimum(lengths[0], self.max_question_length)
        room = self.sequence_length - _NUM_SPECIAL - kept
        step = room - self.stride
        counts = 1 + tf.maximum(lengths[1] - room + step - 1, 0) // step
        splits = tf.pad(tf.cumsum(counts), [[1, 0]])
        number = tf.range(splits[-1])
        example = tf.cast(row_ids(tf.cast(splits, tf.int64), number), tf.int32)

        def of_example(values):
            return tf.gather(tf.cast(values, tf.int32), example)[:, tf.newaxis]

        # Where each part of a window begins: the question at 1, the context after the first [SEP].
        begin = (number - tf.gather(splits, example))[:, tf.newaxis] * of_example(step)
        context_at = of_example(kept) + 2
        sep_at = context_at + tf.minimum(of_example(room), of_example(lengths[1]) - begin)
        size = self.sequence_length
        if self.padding == "longest":
            size = tf.reduce_max(tf.concat([sep_at[:, 0] + 1, [0]], axis=0))
        position = tf.range(size)[tf.newaxis]
        in_question = (position >= 1) & (position < context_at - 1)
        in_context = (position >= context_at) & (position < sep_at)
        is_sep = (position == context_at - 1) | (position == sep_at)

        # Every place knows where its id stands in one pool of all ids.
        specials = [self.tokenizer.cls_id, self.tokenizer.sep_id, self.tokenizer.pad_id]
        pool = tf.concat([question_ids.values, context_ids.values, tf.constant(specials, tf.int32)], axis=0)
        cls_at = tf.size(pool) - len(specials)
        source = tf.where(position == 0, cls_at, tf.where(is_sep, cls_at + 1, cls_at + 2))
        source = tf.where(in_question, of_example(question_ids.row_starts()) + position - 1, source)
        token = of_example(context_ids.row_starts()) + begin + position - context_at
        source = tf.where(in_context, tf.size(question_ids.values) + token, source)
        # The last of the places stands for all that lie outside the context.
        starts, ends = (tf.pad(places, [[0, 1]], constant_values=-1) for places in (starts, ends))
        place = tf.where(in_context, token, tf.size(starts) - 1)
        return {
            "token_ids": tf.gather(pool, source),
            "segment_ids": tf.cast(in_context | (position == sep_at), tf.int32),
            "padding_mask": tf.cast(position <= sep_at, tf.int32),
            "context_mask": tf.cast(in_context, tf.int32),
            "starts": tf.gather(starts, place),
            "ends": tf.gather(ends, place),
            "example_ids": example,
            "question_lengths": tf.gather(lengths[0], example),
        }

    def compute_output_spec(self, inputs):
        for text in _pair(inputs):
            self.check_strings(text.dtype, text.shape)
        length = self.sequence_length if self.padding == "max" else None
        rows = ("token_ids", "segment_ids", "padding_mask", "context_mask", "starts", "ends")
        shapes = {**dict.fromkeys(rows, (None, length)), "example_ids": (None,), "question_lengths": (None,)}
        return {name: keras.KerasTensor(shape, dtype="int32", name=name) for name, shape in shapes.items()}

    def get_config(self):
        return {
            **super().get_config(),
            "sequence_length": self.sequence_length,
            "stride": self.stride,
            "max_question_length": self.max_question_length,
            "padding": self.padding,
        }


def _pair(inputs):
    if not isinstance(inputs, tuple | list) or len(inputs) != 2 or any(isinstance(text, bytes) for text in inputs):
        raise ValueError(
            "QuestionPreprocessor takes a pair `(questions, contexts)` of strings or of batches of strings. "
            f"Received: {inputs!r}."
        )
    return inputs
