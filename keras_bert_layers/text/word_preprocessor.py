"""Sentences of words to the features a BERT takes, and which token belongs to which word."""

import keras

from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.packer import check_packing, pack_segments
from keras_bert_layers.text.text_layer import TextLayer
from keras_bert_layers.text.tokenizer import BertTokenizer
from keras_bert_layers.text.word_pieces import as_words, check_word_tokenizer, word_pieces


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class WordPreprocessor(TextLayer):
    """Tokenizes each word of a sentence by itself and packs them: [CLS] w₀ w₁ … [SEP], with the word of each token.

    Tokens and words are those of Hugging Face's tokenizers with `is_split_into_words=True` and their `word_ids()`. It
    works eagerly and in `tf.data.Dataset.map`, with the same result.

    Args:
        tokenizer: a `BertTokenizer`, or a `BytePairTokenizer` with `add_prefix_space=True`.
        sequence_length: int, at least 3. What is beyond is cut. Defaults to 512.
        padding: `"longest"` (default) pads to the longest row of the batch, `"max"` to `sequence_length`.
        pad_to_multiple_of: int or None. With `"longest"`, rounds the length up. Defaults to None.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: the words of each sentence: a string RaggedTensor [B, None], a list of lists of str, or a string tensor
            [B, W] with empty strings behind the words. A word without a token (empty, or control characters only) is
            counted, but no token belongs to it.

    Returns:
        dict of int32 [B, S]: `token_ids`, `segment_ids`, `padding_mask` (1 = a token) and `word_ids`, the number of
        each token's word in its sentence, -1 at [CLS], [SEP] and padding.

    Raises:
        ValueError: if a setting is out of range, the tokenizer joins words, or the inputs are no batch of sentences.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "jo", "##hn", "sleeps", "."]
        >>> features = WordPreprocessor(BertTokenizer(vocabulary))([["John", "sleeps."]])
        >>> features["token_ids"].numpy().tolist(), features["word_ids"].numpy().tolist()
        ([[2, 4, 5, 6, 7, 3]], [[-1, 0, 0, 1, 1, -1]])
    """

    def __init__(
        self,
        tokenizer: BertTokenizer | BytePairTokenizer,
        sequence_length: int = 512,
        padding: str = "longest",
        pad_to_multiple_of: int | None = None,
        **kwargs,
    ):
        super().__init__(tokenizer, **kwargs)
        check_word_tokenizer(tokenizer)
        check_packing(sequence_length, padding, "longest_first", pad_to_multiple_of)
        self.sequence_length = sequence_length
        self.padding = padding
        self.pad_to_multiple_of = pad_to_multiple_of

    def call(self, inputs):
        token_ids, word_ids = word_pieces(self.tokenizer, as_words(inputs))
        settings = {
            "sequence_length": self.sequence_length,
            "padding": self.padding,
            "pad_to_multiple_of": self.pad_to_multiple_of,
        }
        ids = self.tokenizer
        features = pack_segments(token_ids, cls_id=ids.cls_id, sep_id=ids.sep_id, pad_id=ids.pad_id, **settings)
        # Packed in the same way, so that they cannot come to stand under other tokens.
        words = pack_segments(word_ids, cls_id=-1, sep_id=-1, pad_id=-1, **settings)
        return {**features, "word_ids": words["token_ids"]}

    def compute_output_spec(self, inputs):
        shape = (inputs.shape[0], self.sequence_length if self.padding == "max" else None)
        return {
            name: keras.KerasTensor(shape, dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask", "word_ids")
        }

    def get_config(self):
        return {
            **super().get_config(),
            "sequence_length": self.sequence_length,
            "padding": self.padding,
            "pad_to_multiple_of": self.pad_to_multiple_of,
        }
