"""The byte-level BPE tokenizer of ModernBERT, RoBERTa and GPT-2, inside the graph."""

import os
from collections.abc import Iterable, Mapping, Sequence

import keras
import tensorflow as tf

from keras_bert_layers.text import tokenizer_json
from keras_bert_layers.text.added_token import as_added_tokens
from keras_bert_layers.text.byte_offsets import in_unit
from keras_bert_layers.text.byte_pair_encoder import BytePairEncoder
from keras_bert_layers.text.byte_pair_vocabulary import read_ids, read_merges
from keras_bert_layers.text.byte_symbols import symbols_to_bytes
from keras_bert_layers.text.string_rows import as_id_rows, as_strings, flat_strings, in_shape_of


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class BytePairTokenizer:
    """Strings to token ids and back by byte-level BPE, with the ids of Hugging Face's `tokenizers`.

    Works eagerly, in `tf.data`, in `tf.function` and in a SavedModel, and holds no lookup tables, which would have to
    be tracked. Vocabulary and merges are part of `get_config`, so a saved Keras model needs no files.

    Added tokens are found in the text as it is written. The rest is divided into words as by GPT-2: letters, numbers
    or other characters, with the space before them; English endings ('s, 'll, ...); white space. In each word, bytes
    are merged into tokens, the first pair in the list of merges first. A byte that the vocabulary lacks, which real
    ones do not, is unknown. Bytes that are no UTF-8 are dropped, as by `BertTokenizer`.

    One thing is not as in `tokenizers` (0.23): where text is brought into composed form, it leaves combining marks
    newer than Unicode 9 (and U+11938) as they are written; here they are put in Unicode's order.

    Args:
        vocabulary: ids by token, as a dict, as the list of tokens in the order of their ids, or as the path of a
            `vocab.json`. Bytes are spelled in GPT-2's printable characters (a space is `Ġ`).
        merges: list of `"a b"`, the first to be applied first, or the path of a `merges.txt`.
        cls_token, sep_token, pad_token, unk_token, mask_token: names of the special tokens in the vocabulary. Default
            to `[CLS]`, `[SEP]`, `[PAD]`, `[UNK]`, `[MASK]`; `mask_token` may be None. One name may be given twice.
        added_tokens: further tokens of the vocabulary that are found in the text before it is divided; each a string,
            or a dict with `content` and what differs from these values, with the meaning they have in a
            `tokenizer.json`: `special` (False), `normalized` (the opposite of `special`), `lstrip` (False), `rstrip`
            (False). A special token may be among them: ModernBERT has `{"content": "[MASK]", "special": True,
            "lstrip": True}`. Defaults to none.
        nfc: bool. Whether text is brought into Unicode's composed form, as for ModernBERT. Defaults to False.
        add_prefix_space: bool. Whether a text that does not begin with a space is given one. Defaults to False.
        special_tokens_in_strings: bool. Whether a special token written in a string is that token (as in Hugging
            Face). Pass False for text from people who must not be able to write a `[SEP]`. Defaults to True.

    Raises:
        ValueError: if a special or added token or a part of a merge is not in the vocabulary, ids are missing or used
            twice, or a file is none.

    Example:
        >>> words = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "a", "b", "Ġ", "ab", "Ġab"]
        >>> tokenizer = BytePairTokenizer(words, ["a b", "Ġ ab"])
        >>> tokenizer.tokenize(["abba ab", "a[MASK]"])
        <tf.RaggedTensor [[8, 6, 5, 9], [5, 4]]>
        >>> tokenizer.detokenize([8, 6, 5, 9]).numpy()
        b'abba ab'

    Reference:
        Sennrich et al. 2016, Neural Machine Translation of Rare Words with Subword Units (arXiv:1508.07909); Radford et
        al. 2019, Language Models are Unsupervised Multitask Learners (GPT-2), section 2.2.
    """

    def __init__(
        self,
        vocabulary: str | os.PathLike | Mapping[str, int] | Sequence[str],
        merges: str | os.PathLike | Iterable[str],
        cls_token: str = "[CLS]",
        sep_token: str = "[SEP]",
        pad_token: str = "[PAD]",
        unk_token: str = "[UNK]",
        mask_token: str | None = "[MASK]",
        added_tokens: Iterable[str | Mapping] = (),
        nfc: bool = False,
        add_prefix_space: bool = False,
        special_tokens_in_strings: bool = True,
    ):
        self._ids = read_ids(vocabulary)
        self._tokens = list(self._ids)
        self.merges = read_merges(merges, self._ids)
        self.cls_token, self.sep_token, self.pad_token = cls_token, sep_token, pad_token
        self.unk_token, self.mask_token = unk_token, mask_token
        names = [cls_token, sep_token, pad_token, unk_token, *([] if mask_token is None else [mask_token])]
        self.added_tokens = as_added_tokens(added_tokens, names)
        for token in (*names, *(token.content for token in self.added_tokens)):
            if token not in self._ids:
                raise ValueError(
                    f"The vocabulary of {len(self._ids)} tokens has no {token!r}, a special or added token. Add it, or "
                    'name the one that takes its place: BytePairTokenizer(..., cls_token="<s>").'
                )
        self.nfc, self.add_prefix_space = nfc, add_prefix_space
        self.special_tokens_in_strings = special_tokens_in_strings
        special = {*names, *(token.content for token in self.added_tokens if token.special)}
        self._special_ids = tuple(sorted(self._ids[token] for token in special))
        added = {token.content for token in self.added_tokens}
        spelled = {token: token.encode() if token in added else symbols_to_bytes(token) for token in self._tokens}
        self._octets = [octets or token.encode() for token, octets in spelled.items()]
        self._encoder = BytePairEncoder(
            self._ids,
            self.merges,
            self.unk_id,
            [token for token in self.added_tokens if special_tokens_in_strings or token.content not in special],
            nfc,
            add_prefix_space,
        )

    @classmethod
    def from_tokenizer_json(cls, path: str | os.PathLike, **arguments) -> "BytePairTokenizer":
        """The tokenizer in a `tokenizer.json` of Hugging Face, if its model is a byte-level BPE.

        Names of the special tokens are read from the `tokenizer_config.json` beside it, or else guessed ([CLS] or <s>,
        and so on). Framing, padding and truncation are not part of a tokenizer here: BertPreprocessor does them, with
        [CLS] a [SEP] and [CLS] a [SEP] b [SEP].

        Args:
            path: the file, or the directory that it is in.
            **arguments: of the constructor; they replace what the file says.

        Raises:
            ValueError: if the file asks for something that is not done here, which is named.
        """
        return cls(**{**tokenizer_json.read(path), **arguments})

    def write_tokenizer_json(self, directory: str | os.PathLike) -> None:
        """Writes `tokenizer.json` and `tokenizer_config.json`, which `transformers.AutoTokenizer` loads from there."""
        tokenizer_json.write(self, directory)

    @tf.autograph.experimental.do_not_convert
    def tokenize(self, text) -> tf.RaggedTensor | tf.Tensor:
        """Token ids, without special tokens around them.

        Args:
            text: strings: a str, a list of str, an array, a tensor or a RaggedTensor of any shape.

        Returns:
            int32, one dimension more than `text`: a RaggedTensor [B, None] for [B], a Tensor [None] for one string.

        Raises:
            ValueError: if `text` holds anything but strings.
        """
        text = as_strings(text)
        return in_shape_of(text, self._encoder.encode(flat_strings(text)))

    @tf.autograph.experimental.do_not_convert
    def tokenize_with_offsets(
        self, text, unit: str = "byte"
    ) -> tuple[tf.RaggedTensor | tf.Tensor, tf.RaggedTensor | tf.Tensor, tf.RaggedTensor | tf.Tensor]:
        """Token ids, and where in `text` each token stands.

        Args:
            text: as in `tokenize`.
            unit: `"byte"` (of the UTF-8 string) or `"character"` (Unicode code point, as Python counts).

        Returns:
            Three values shaped like that of `tokenize`: ids int32, starts int64, ends int64 (exclusive). Offsets refer
            to the text as given, and to whole characters: a token that is part of a character has the place of all of
            it, and a character put together from several has the place of them all. White space at the ends of a token
            is left out, as by Hugging Face's `trim_offsets`; a token of white space has an empty place.

        Raises:
            ValueError: if `text` holds anything but strings, or `unit` is none of the two.
        """
        text = as_strings(text)
        flat = flat_strings(text)
        ids, *offsets = self._encoder.encode_with_offsets(flat)
        return tuple(in_shape_of(text, rows) for rows in (ids, *in_unit(unit, flat, *offsets)))

    @tf.autograph.experimental.do_not_convert
    def detokenize(self, ids, keep_special_tokens: bool = False) -> tf.Tensor | tf.RaggedTensor:
        """Text of token ids: their bytes, one after the other. Bytes that are no UTF-8 become U+FFFD.

        Args:
            ids: int [None], [B, None] or a RaggedTensor [B, None], also as Python lists.
            keep_special_tokens: bool. Whether `[CLS]`, `[PAD]` and the like are written out. Defaults to False.

        Returns:
            string, a scalar for one sequence and [B] for a batch.

        Raises:
            ValueError: if `ids` are no integers. Ids outside the vocabulary fail in TensorFlow.
        """
        ids, single = as_id_rows(ids)
        dropped = () if keep_special_tokens else self._special_ids
        octets = [b"" if token_id in dropped else octets for token_id, octets in enumerate(self._octets)]
        texts = tf.strings.reduce_join(ids.with_values(tf.gather(tf.constant(octets), ids.values)), axis=-1)
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        return texts[0] if single else texts

    def id_to_token(self, token_id: int) -> str:
        """The token of an id; a ValueError names an id outside the vocabulary."""
        if not 0 <= token_id < len(self._tokens):
            raise ValueError(f"Token ids go from 0 to {len(self._tokens) - 1}. Received: {token_id}.")
        return self._tokens[token_id]

    def token_to_id(self, token: str) -> int:
        """The id of a token; a ValueError names a token that the vocabulary lacks."""
        if token not in self._ids:
            raise ValueError(
                f"The vocabulary of {len(self._tokens)} tokens has no {token!r}. Text is turned into ids by "
                "`tokenize`; `token_to_id` takes whole tokens, with `Ġ` for a space."
            )
        return self._ids[token]

    @property
    def vocabulary(self) -> list[str]:
        """The tokens, in the order of their ids, bytes spelled as in a `vocab.json`."""
        return list(self._tokens)

    @property
    def vocabulary_size(self) -> int:
        return len(self._tokens)

    @property
    def pad_id(self) -> int:
        return self._ids[self.pad_token]

    @property
    def unk_id(self) -> int:
        return self._ids[self.unk_token]

    @property
    def cls_id(self) -> int:
        return self._ids[self.cls_token]

    @property
    def sep_id(self) -> int:
        return self._ids[self.sep_token]

    @property
    def mask_id(self) -> int | None:
        """The id of the mask token, or None if there is none."""
        return None if self.mask_token is None else self._ids[self.mask_token]

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Ids of the five named tokens and of the added tokens that are special, ascending."""
        return self._special_ids

    @property
    def is_continuation(self) -> tuple[bool, ...]:
        """For every id, whether its token continues a word: whether it begins with no `Ġ`, and is no added token.

        A word is therefore what stands between spaces, with its punctuation. That the first word of a text, or one
        behind a line break, has no space before it cannot be seen in its tokens.
        """
        added = {token.content for token in self.added_tokens}
        return tuple(token not in added and not token.startswith("Ġ") for token in self._tokens)

    def get_config(self) -> dict:
        return {
            "vocabulary": self.vocabulary,
            "merges": list(self.merges),
            "cls_token": self.cls_token,
            "sep_token": self.sep_token,
            "pad_token": self.pad_token,
            "unk_token": self.unk_token,
            "mask_token": self.mask_token,
            "added_tokens": [vars(token) for token in self.added_tokens],
            "nfc": self.nfc,
            "add_prefix_space": self.add_prefix_space,
            "special_tokens_in_strings": self.special_tokens_in_strings,
        }

    @classmethod
    def from_config(cls, config: dict) -> "BytePairTokenizer":
        return cls(**config)

    def __reduce__(self):
        # Arguments in their order: what `get_config` holds is all there is.
        return type(self), tuple(self.get_config().values())
