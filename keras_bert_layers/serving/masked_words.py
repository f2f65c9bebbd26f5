"""Strings with [MASK] in them to the words that may stand there."""

import tensorflow as tf

from keras_bert_layers.serving.forward import Forward
from keras_bert_layers.serving.settings import Settings, pad_to_bucket


def fill_masks(forward: Forward, preprocessor, settings: Settings):
    """A function of the texts, string [B] or two of these, that gives the k likeliest words for each mask in them.

    It gives `words` string and `scores` float32 (probabilities), [B, M, k] each, the likeliest first, and `positions`
    int32 [B, M], the token that each mask is; `count` int32 [B]: the first so many of a row are masks, the others
    empty, 0 and -1. A text without a mask is refused.
    """
    tokenizer = preprocessor.tokenizer
    mask = tokenizer.id_to_token(tokenizer.mask_id)
    top_k = min(settings.top_k, tokenizer.vocabulary_size)
    problem = (
        f"`text` must have {mask} where a word is wanted, within the first {preprocessor.sequence_length} tokens. "
        "These rows have none:"
    )

    def words_of(*texts):
        features = preprocessor(texts if settings.pairs else texts[0])
        features = pad_to_bucket(features, settings.buckets, tokenizer.pad_id)
        is_mask = features["token_ids"] == tokenizer.mask_id
        count = tf.reduce_sum(tf.cast(is_mask, tf.int32), axis=1)
        without = tf.where(count == 0)[:, 0]
        with tf.control_dependencies([tf.debugging.Assert(tf.equal(tf.size(without), 0), [problem, without], 10)]):
            count = tf.identity(count)
        rows = tf.RaggedTensor.from_row_lengths(tf.cast(tf.where(is_mask)[:, 1], tf.int32), count, validate=False)
        positions = rows.to_tensor(-1)
        # A matrix may be padded beyond the vocabulary: no token stands for its last rows.
        logits = forward({**features, "mask_positions": positions})["logits"][..., : tokenizer.vocabulary_size]
        scores, ids = tf.math.top_k(tf.nn.softmax(logits), top_k)
        words = tokenizer.detokenize(tf.reshape(ids, [-1, 1]), keep_special_tokens=True)
        is_real = (positions >= 0)[..., tf.newaxis]
        return {
            "words": tf.where(is_real, tf.reshape(tf.strings.strip(words), tf.shape(ids)), ""),
            "scores": tf.where(is_real, scores, 0.0),
            "positions": positions,
            "count": count,
        }

    return words_of
