"""Strings to what a model of pairs takes: all texts of an example side by side."""

from collections.abc import Sequence

import tensorflow as tf

from keras_bert_layers.text.preprocessor import BertPreprocessor


def pair_features(preprocessor: BertPreprocessor, texts: Sequence) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """The features of the T texts of each example, each a text of its own, and a number for each text.

    They are what `models.pair_embedder` and the labels of `training.ContrastiveLoss` are made of. It works in a graph:
    call it in `tf.data.Dataset.map` or in the `prepare` of `data.bucketed_dataset`.

    Args:
        preprocessor: that makes the features of one text.
        texts: T batches of strings [B]: the first texts, the second ones, and any further ones.

    Returns:
        The features, a dict of int32 [B, T, S], padded to the longest text; and int32 [B, T], numbers that are the same
        for equal texts of the batch.

    Raises:
        ValueError: if there are not two texts or more.

    Example:
        >>> from keras_bert_layers.text import BertTokenizer
        >>> preprocessor = BertPreprocessor(BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"]))
        >>> features, numbers = pair_features(preprocessor, (["a", "b"], ["b b", "b"]))
        >>> features["token_ids"].numpy().tolist()
        [[[2, 4, 3, 0], [2, 5, 5, 3]], [[2, 5, 3, 0], [2, 5, 3, 0]]]
        >>> numbers.numpy().tolist()
        [[0, 2], [1, 1]]
    """
    if not isinstance(texts, tuple | list) or len(texts) < 2:
        raise ValueError(
            "`texts` must be two batches of strings or more, such as (first, second). Received: "
            + (f"{len(texts)} of them." if isinstance(texts, tuple | list) else f"{texts!r}.")
        )
    flat = tf.concat([tf.convert_to_tensor(text, tf.string) for text in texts], axis=0)

    def by_example(values):
        by_text = tf.reshape(values, tf.concat([[len(texts), -1], tf.shape(values)[1:]], axis=0))
        by_text.set_shape([len(texts), None, *values.shape[1:]])
        return tf.transpose(by_text, [1, 0, *range(2, by_text.shape.rank)])

    features = {name: by_example(values) for name, values in preprocessor(flat).items()}
    return features, by_example(tf.unique(flat)[1])
