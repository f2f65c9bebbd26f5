"""What every layer that takes strings shares."""

import keras
import tensorflow as tf

from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.tokenizer import BertTokenizer


class TextLayer(keras.layers.Layer):
    """Holds a tokenizer, keeps Keras' hands off the strings, and saves the tokenizer with its vocabulary.

    Args:
        tokenizer: a `BertTokenizer` or a `BytePairTokenizer`.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: if `tokenizer` is neither.
    """

    def __init__(self, tokenizer, **kwargs):
        super().__init__(**kwargs)
        check_tokenizer(tokenizer)
        self.tokenizer = tokenizer
        # Keras would try to make float tensors of Python strings.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        self.supports_jit = False
        self.built = True

    def get_config(self):
        return {**super().get_config(), "tokenizer": keras.saving.serialize_keras_object(self.tokenizer)}

    @classmethod
    def from_config(cls, config):
        tokenizer = config["tokenizer"]
        if isinstance(tokenizer, dict):
            tokenizer = keras.saving.deserialize_keras_object(tokenizer)
        return cls(**{**config, "tokenizer": tokenizer})

    def strings(self, text) -> tf.Tensor:
        """`text` as a string tensor [B] or []; a ValueError if it is none."""
        if not tf.is_tensor(text):
            text = tf.convert_to_tensor(text, dtype=tf.string if isinstance(text, list | tuple) and not text else None)
        self.check_strings(text.dtype.name, text.shape)
        return text

    def check_strings(self, dtype: str, shape) -> None:
        """Raises a ValueError if it is no batch of strings and no single string."""
        if dtype != "string" or len(shape) > 1:
            raise ValueError(
                f"{type(self).__name__} takes strings of shape [B] or []. Received {dtype} of shape {tuple(shape)}. "
                "Token ids are packed by `pack_segments`; a column [B, 1] of strings is squeezed first."
            )


def check_tokenizer(tokenizer) -> None:
    """Raises a ValueError if it is none of this library."""
    if not isinstance(tokenizer, BertTokenizer | BytePairTokenizer):
        raise ValueError(
            f"`tokenizer` must be a BertTokenizer or a BytePairTokenizer. Received: {tokenizer!r}. "
            "A vocabulary file becomes one by BertTokenizer(path) or BytePairTokenizer.from_tokenizer_json(path)."
        )
