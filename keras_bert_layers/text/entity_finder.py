"""From raw texts to entities, and from words to tags, whatever the length: what prediction and serving share."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.entities import decode_entities
from keras_bert_layers.text.packer import pack_segments
from keras_bert_layers.text.text_words import text_words
from keras_bert_layers.text.tokenizer import BertTokenizer
from keras_bert_layers.text.windows import cut_windows, join_windows
from keras_bert_layers.text.word_labels import word_predictions
from keras_bert_layers.text.word_pieces import as_words, check_word_tokenizer, word_pieces


@tf.autograph.experimental.do_not_convert
def find_entities(
    model: keras.Model | Callable,
    tokenizer: BertTokenizer | BytePairTokenizer,
    labels: Sequence[str],
    texts: tf.Tensor,
    sequence_length: int = 512,
    overlap: int | None = None,
) -> dict[str, tf.RaggedTensor]:
    """The entities of raw texts of any length, in TensorFlow operations only.

    Texts that are longer than the model takes are read in overlapping windows (`cut_windows`), and each token gets the
    answer of the window where it has most context. Where entities stand is said in characters of the text as given.

    Args:
        model: a token classifier of this library, or a function of its features (a dict of int32 [B, S]) that returns
            logits [B, S, C].
        tokenizer: the `BertTokenizer` or `BytePairTokenizer` that the model was trained with.
        labels: the tag of each class, in the order of the logits.
        texts: string [B]; also a list of str.
        sequence_length: int. The longest input of the model, with [CLS] and [SEP]. Defaults to 512.
        overlap: int. Tokens that neighbouring windows share. Defaults to None: a quarter of a window.

    Returns:
        dict of RaggedTensors [B, None]: `start`, `end`, `label`, `score`, as from `decode_entities`.

    Raises:
        ValueError: as `decode_entities` does.

    Example:
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "in", "rome"])
        >>> model = lambda features: 9.0 * tf.one_hot(tf.where(features["token_ids"] == 5, 1, 0), 2)  # "rome"
        >>> found = find_entities(model, tokenizer, ["O", "B-LOC"], ["in Rome, in Rome"])
        >>> found["start"].to_list(), found["end"].to_list(), found["label"].to_list()
        ([[3, 12]], [[7, 16]], [[b'LOC', b'LOC']])
    """
    words = text_words(tokenizer, tf.convert_to_tensor(texts))
    logits = token_logits(model, tokenizer, words.token_ids, sequence_length, overlap)
    probabilities = logits.with_values(tf.nn.softmax(logits.values))
    return decode_entities(probabilities, words.word_ids, words.starts, words.ends, labels)


@tf.autograph.experimental.do_not_convert
def classify_words(
    model: keras.Model | Callable, tokenizer, words, sequence_length: int = 512, overlap: int | None = None
) -> tf.RaggedTensor:
    """The class of every word of sentences of any length, in TensorFlow operations only.

    Args:
        model, sequence_length, overlap: as in `find_entities`.
        tokenizer, words: as `WordPreprocessor` takes them.

    Returns:
        int32 RaggedTensor [B, None]: the class of each word's first token, -1 for a word without tokens.

    Example:
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "in", "rome"])
        >>> model = lambda features: tf.one_hot(tf.where(features["token_ids"] == 5, 1, 0), 2)
        >>> classify_words(model, tokenizer, [["in", "Rome", ""], ["Rome"]])
        <tf.RaggedTensor [[0, 1, -1], [1]]>
    """
    check_word_tokenizer(tokenizer)
    words = as_words(words)
    token_ids, word_ids = word_pieces(tokenizer, words)
    logits = token_logits(model, tokenizer, token_ids, sequence_length, overlap)
    classes = logits.with_values(tf.argmax(logits.values, axis=-1, output_type=tf.int32))
    return word_predictions(classes.to_tensor(), word_ids.to_tensor(-1), words.row_lengths())


def token_logits(model, tokenizer, token_ids, sequence_length, overlap=None) -> tf.RaggedTensor:
    """float32 [B, None, C]: the logits of every token of rows of any length, read in windows."""
    size = sequence_length - 2
    windows, rows, starts = cut_windows(token_ids, size, size // 4 if overlap is None else overlap)
    features = pack_segments(
        windows,
        cls_id=tokenizer.cls_id,
        sep_id=tokenizer.sep_id,
        pad_id=tokenizer.pad_id,
        sequence_length=sequence_length,
    )
    names = model.input if isinstance(model, keras.Model) else features
    logits = tf.cast(model({name: features[name] for name in names}), tf.float32)
    # [CLS] stands before the tokens of a window; [SEP] and padding are behind them.
    answers = tf.RaggedTensor.from_tensor(logits[:, 1:], windows.row_lengths())
    return join_windows(answers, rows, starts, token_ids.row_lengths())
