"""keras-hub's models and tokenizer for the comparison of speed."""

import keras
import keras_hub
import tensorflow as tf
from speed_plan import MODELS
from speed_tensorflow import limit_threads


def backbone(options, max_sequence_length: int = 512) -> keras.Model:
    """A BERT of the sizes asked for, with random weights and a dropout of 0.1."""
    limit_threads(options.threads)
    keras.utils.set_random_seed(0)
    vocabulary = options.vocabulary.read_text(encoding="utf-8").splitlines()
    return keras_hub.models.BertBackbone(
        vocabulary_size=len(vocabulary),
        max_sequence_length=max_sequence_length,
        dropout=0.1,
        **MODELS[options.model],
    )


def classifier(options, training: bool = False) -> keras.Model:
    """A classifier of two classes; in bfloat16 its weights are float32 if it is to be trained."""
    if options.form == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16" if training else "bfloat16")
    return keras_hub.models.BertTextClassifier(backbone(options), num_classes=2, preprocessor=None)


def make_tokenizer(vocabulary) -> keras_hub.tokenizers.BertTokenizer:
    """As the published uncased BERTs need it; keras-hub keeps accents by default."""
    return keras_hub.tokenizers.BertTokenizer(vocabulary=str(vocabulary), lowercase=True, strip_accents=True)


def pack(tokenizer: keras_hub.tokenizers.BertTokenizer, texts: tf.Tensor) -> dict[str, tf.Tensor]:
    """strings [B] -> features padded to the longest text, which keras-hub's preprocessor does not do."""
    ids = tokenizer(texts)[:, :510]
    ends = tf.ones([tf.shape(texts)[0], 1], ids.dtype)
    ids = tf.concat([ends * tokenizer.cls_token_id, ids, ends * tokenizer.sep_token_id], axis=1)
    padding_mask = tf.sequence_mask(ids.row_lengths())
    token_ids = ids.to_tensor(tokenizer.pad_token_id)
    return {"token_ids": token_ids, "segment_ids": tf.zeros_like(token_ids), "padding_mask": padding_mask}
