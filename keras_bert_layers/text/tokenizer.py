"""BERT's WordPiece tokenizer, inside the graph."""

import os
from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_bert_layers.text.byte_offsets import in_unit, row_ids
from keras_bert_layers.text.character_rules import RULES
from keras_bert_layers.text.string_rows import as_id_rows, as_strings, flat_strings, in_shape_of
from keras_bert_layers.text.vocab_file import check_vocabulary, read_vocabulary, write_vocabulary
from keras_bert_layers.text.wordpiece import WordPieceEncoder

_CORE_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class BertTokenizer:
    """Strings to token ids and back, as the published BERT tokenizers do it, in TensorFlow operations only.

    Works eagerly, in `tf.data`, in `tf.function` and in a SavedModel (TensorFlow Serving has all its operations). The
    vocabulary is part of `get_config`, so a saved Keras model needs no vocabulary file.

    Text is cleaned (control characters go, every space is one), lowercased and stripped of accents if asked for, split
    at spaces, punctuation and CJK ideographs, and each word is cut greedily into the longest known pieces. A word with
    an unknown part, or with too many characters, becomes one `[UNK]`. Invalid UTF-8 bytes are dropped.

    Two implementations set the rules, and a checkpoint wants those it was trained with:

    - `"google"`: the code that came with BERT. Its Unicode tables are Python's. One thing is not as there: punctuation
      newer than these tables is split off.
    - `"huggingface"`: the `tokenizers` library, with equal ids and offsets. It knows no final sigma (ς) and no
      character, accent or punctuation mark newer than Unicode 8, drops private-use characters, leaves 256 ideographs of
      CJK extension E joined, ends a token where its last character ends (not behind accents that were dropped there),
      and takes words of 100 characters at most. Known differences: a special token that is spelled like a word, without
      brackets, is found as it is spelled only (there, "Foo" may also lead to `foo`); and thirteen musical notes
      (U+1D15E to U+1D164, U+1D1BB to U+1D1C0) before a mark that belongs inside them.

    Args:
        vocabulary: path of a `vocab.txt`, or the sequence of its tokens. Needs `[PAD] [UNK] [CLS] [SEP]`; masked-LM
            training needs `[MASK]` too.
        lowercase: bool. True for "uncased" vocabularies. Defaults to True.
        strip_accents: bool, or None for the value of `lowercase`. Defaults to None.
        special_tokens: further tokens of the vocabulary to be treated like `[SEP]`. Defaults to none.
        special_tokens_in_strings: bool. Whether a special token written in a string, spelled exactly, is that token
            (as in Hugging Face). Pass False for text from people who must not be able to write a `[SEP]`. Defaults to
            True.
        max_characters_per_word: int > 0. A longer word becomes `[UNK]`. Defaults to None: what the `rules` have, 200 in
            Google's code and 100 in Hugging Face's.
        rules: `"google"` (default) or `"huggingface"`.
        split_on_cjk: bool. Whether each CJK ideograph is a word (Hugging Face's `tokenize_chinese_chars`). False needs
            `rules="huggingface"`. Defaults to True.
        added_tokens: tokens of the vocabulary that are found wherever they occur in the cleaned text, also inside words
            (as Hugging Face's `add_tokens` has it). One that is a special token as well is looked for in the same way.
            Defaults to none.

    Raises:
        ValueError: if the vocabulary has no such file, is empty, repeats a token, or lacks a special token.

    Example:
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "!"])
        >>> tokenizer.tokenize(["Unaffable!", "[SEP] zebra"])
        <tf.RaggedTensor [[4, 5, 6, 7], [3, 1]]>
        >>> tokenizer.detokenize([4, 5, 6, 7]).numpy()
        b'unaffable !'

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805); Song et al. 2021, Fast WordPiece Tokenization (arXiv:2012.15524).
    """

    def __init__(
        self,
        vocabulary: str | os.PathLike | Sequence[str],
        lowercase: bool = True,
        strip_accents: bool | None = None,
        special_tokens: Sequence[str] = (),
        special_tokens_in_strings: bool = True,
        max_characters_per_word: int | None = None,
        rules: str = "google",
        split_on_cjk: bool = True,
        added_tokens: Sequence[str] = (),
    ):
        if rules not in RULES:
            raise ValueError(f"`rules` must be one of {', '.join(map(repr, RULES))}. Received: {rules!r}.")
        if max_characters_per_word is None:
            max_characters_per_word = RULES[rules].max_characters_per_word
        if max_characters_per_word <= 0:
            raise ValueError(f"`max_characters_per_word` must be positive. Received: {max_characters_per_word}.")
        for name, value in (("special_tokens", special_tokens), ("added_tokens", added_tokens)):
            if isinstance(value, str):
                raise ValueError(f"`{name}` must be a sequence of tokens. Received the string {value!r}.")
        if not split_on_cjk and rules == "google":
            raise ValueError(
                "Google's tokenizer always splits at CJK ideographs. For a vocabulary that was made without, pass "
                'split_on_cjk=False with rules="huggingface" (there: `tokenize_chinese_chars`).'
            )
        tokens = read_vocabulary(vocabulary) if isinstance(vocabulary, str | os.PathLike) else vocabulary
        self._tokens = check_vocabulary(tokens, (*special_tokens, *added_tokens))
        self._ids = {token: position for position, token in enumerate(self._tokens)}
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        self.special_tokens = tuple(special_tokens)
        self.special_tokens_in_strings = special_tokens_in_strings
        self.max_characters_per_word = max_characters_per_word
        self.rules = rules
        self.split_on_cjk = split_on_cjk
        self.added_tokens = tuple(added_tokens)
        specials = [token for token in dict.fromkeys((*_CORE_TOKENS, *special_tokens)) if token in self._ids]
        self._special_ids = tuple(sorted(self._ids[token] for token in specials))
        self._encoder = WordPieceEncoder(
            self._tokens,
            lowercase,
            self.strip_accents,
            [token for token in specials if token not in added_tokens] if special_tokens_in_strings else (),
            max_characters_per_word,
            RULES[rules],
            split_on_cjk,
            added_tokens if special_tokens_in_strings else [token for token in added_tokens if token not in specials],
            hidden_tokens=(*specials, *added_tokens),
        )

    @tf.autograph.experimental.do_not_convert
    def tokenize(self, text) -> tf.RaggedTensor | tf.Tensor:
        """Token ids, without `[CLS]` and `[SEP]` around them.

        Args:
            text: strings: a str, a list of str, an array, a tensor or a RaggedTensor of any shape.

        Returns:
            int32, one dimension more than `text`: a RaggedTensor [B, None] for [B], a Tensor [None] for one string.

        Raises:
            ValueError: if `text` holds anything but strings.
        """
        text = as_strings(text)
        return in_shape_of(text, self._encoder.encode(flat_strings(text), with_offsets=False)[0])

    @tf.autograph.experimental.do_not_convert
    def tokenize_with_offsets(self, text, unit: str = "byte"):
        """Token ids, and where in `text` each token stands.

        Args:
            text: as in `tokenize`.
            unit: `"byte"` (of the UTF-8 string) or `"character"` (Unicode code point, as Python counts).

        Returns:
            Three values shaped like that of `tokenize`: ids int32, starts int64, ends int64 (exclusive). Offsets refer
            to the text as given. By Google's rules, characters that were dropped behind a token's last character
            (accents, control characters) belong to the token.

        Raises:
            ValueError: if `text` holds anything but strings, or `unit` is none of the two.
        """
        text = as_strings(text)
        flat = flat_strings(text)
        ids, *offsets = self._encoder.encode(flat, with_offsets=True)
        return tuple(in_shape_of(text, rows) for rows in (ids, *in_unit(unit, flat, *offsets)))

    @tf.autograph.experimental.do_not_convert
    def detokenize(self, ids, keep_special_tokens: bool = False) -> tf.Tensor | tf.RaggedTensor:
        """Text of token ids: pieces glued to words, words joined by spaces.

        What tokenization dropped (case, accents, the kind of spaces) does not come back.

        Args:
            ids: int [None], [B, None] or a RaggedTensor [B, None], also as Python lists.
            keep_special_tokens: bool. Whether `[CLS]`, `[PAD]` and the like are written out. Defaults to False.

        Returns:
            string, a scalar for one sequence and [B] for a batch.

        Raises:
            ValueError: if `ids` are no integers. Ids outside the vocabulary fail in TensorFlow.
        """
        ids, single = as_id_rows(ids)
        if not keep_special_tokens:
            special = tf.reduce_any(ids.values[:, tf.newaxis] == tf.constant(self._special_ids, ids.dtype), axis=1)
            ids = tf.ragged.boolean_mask(ids, ids.with_values(~special))
        pieces = tf.gather(tf.constant(self._tokens), ids.values)
        is_first = tf.gather(ids.row_starts(), row_ids(ids.row_splits, ids.values)) == tf.range(
            tf.size(ids.values, tf.int64)
        )
        glued = tf.strings.regex_full_match(pieces, r"##\C+") & ~is_first
        pieces = tf.where(glued, tf.strings.regex_replace(pieces, "^##", ""), tf.where(is_first, "", " ") + pieces)
        texts = tf.strings.reduce_join(ids.with_values(pieces), axis=-1)
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
                "`tokenize`; `token_to_id` takes whole tokens, with `##` before pieces inside a word."
            )
        return self._ids[token]

    @property
    def vocabulary(self) -> list[str]:
        """The tokens, in the order of their ids."""
        return list(self._tokens)

    @property
    def vocabulary_size(self) -> int:
        return len(self._tokens)

    @property
    def pad_id(self) -> int:
        return self._ids["[PAD]"]

    @property
    def unk_id(self) -> int:
        return self._ids["[UNK]"]

    @property
    def cls_id(self) -> int:
        return self._ids["[CLS]"]

    @property
    def sep_id(self) -> int:
        return self._ids["[SEP]"]

    @property
    def mask_id(self) -> int | None:
        """The id of `[MASK]`, or None if the vocabulary has none."""
        return self._ids.get("[MASK]")

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Ids of `[PAD] [UNK] [CLS] [SEP] [MASK]` and of `special_tokens`, ascending."""
        return self._special_ids

    @property
    def is_continuation(self) -> tuple[bool, ...]:
        """For every id, whether its token continues a word (`##...`)."""
        return tuple(token.startswith("##") for token in self._tokens)

    def save(self, path: str | os.PathLike) -> None:
        """Writes the vocabulary to `path`, one token a line; the file is complete or not there."""
        write_vocabulary(self._tokens, path)

    def get_config(self) -> dict:
        return {
            "vocabulary": self.vocabulary,
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            "special_tokens": list(self.special_tokens),
            "special_tokens_in_strings": self.special_tokens_in_strings,
            "max_characters_per_word": self.max_characters_per_word,
            "rules": self.rules,
            "split_on_cjk": self.split_on_cjk,
            "added_tokens": list(self.added_tokens),
        }

    @classmethod
    def from_config(cls, config: dict) -> "BertTokenizer":
        return cls(**config)

    def __reduce__(self):
        # Arguments in their order: what `get_config` holds is all there is.
        return type(self), tuple(self.get_config().values())
