"""Masked-language-model examples out of packed features."""

import keras
import numpy as np
import tensorflow as tf

from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.counter_random import example_keys, random_bits, uniform
from keras_bert_layers.text.mask_selection import STRATEGIES
from keras_bert_layers.text.tokenizer import BertTokenizer

_REPLACEMENT, _RANDOM_TOKEN = 2, 3


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class MaskedLMMasker:
    """Hides some tokens of each example and says which, for `MaskedLMHead` to predict.

    Of n tokens that may be chosen in an example, max(1, round(`mask_rate` · n)) are, at most `max_predictions`:

    - `"token"`: single tokens (Devlin et al. 2019, section 3.1).
    - `"whole_word"`: a word (a token and the `is_continuation` ones behind it, such as `##` pieces) entirely or not at
      all, in random order, skipping words that exceed what is left (Devlin's 2019 update of the released code).
    - `"span"`: runs of words, lengths geometric with p = 0.2 up to 10 (SpanBERT, Joshi et al. 2020, section 3.1).

    The last two never choose more; they choose fewer tokens where no word fits into what is left. Special tokens are
    never chosen, except `[UNK]`, as in Google's code. A chosen token becomes `[MASK]` with probability
    `mask_token_rate`, a random token that is not special with `random_token_rate`, and else stays as it is; with
    `"span"` that is decided once for each span.

    Everything is a function of (seed, epoch, example index): the same example gets the same mask whatever batch it is
    in, however long its padding is, however many threads map; and another mask in the next epoch.

    Args:
        tokenizer: the `BertTokenizer` or `BytePairTokenizer` that made the ids. Its vocabulary needs a mask token.
        mask_rate: float in (0, 1). Defaults to 0.15.
        strategy: `"token"` (default), `"whole_word"` or `"span"`.
        mask_token_rate: float in [0, 1]. Defaults to 0.8.
        random_token_rate: float in [0, 1]. Defaults to 0.1.
        max_predictions: int, or None for ⌈`mask_rate` · S⌉, which never limits. Defaults to None. Give a number for
            static shapes that do not depend on padding.
        seed: int. Defaults to 0.

    Call arguments:
        features: dict with `token_ids` and `padding_mask` (1 = a token), int [B, S], or [S] for one example, and
            perhaps `continues`, of the same shape: 1 = the token continues a word, for text whose words the
            vocabulary does not tell (Chinese); else the `##` pieces do. Other features pass through.
        example_index: int [B], or a scalar for one example: the number of the example in the data set.
        epoch: int or scalar tensor. Defaults to 0.

    Returns:
        the features, with tokens of `token_ids` replaced, and besides them
        `mask_positions` int32 [B, M], ascending, -1 where there is none;
        `mask_ids` int32 [B, M], the ids before masking, 0 where there is none;
        `mask_weights` float32 [B, M], 1 for a prediction, 0 where there is none.

    Raises:
        ValueError: if a rate is out of range, the strategy unknown, the vocabulary without `[MASK]`, a feature missing,
            or the shapes do not fit together.

    Example:
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
        >>> features = {"token_ids": tf.constant([2, 5, 6, 7, 5, 3]), "padding_mask": tf.ones([6], tf.int32)}
        >>> masked = MaskedLMMasker(tokenizer, mask_rate=0.5, max_predictions=3)(features, example_index=0)
        >>> masked["mask_weights"].numpy().tolist()
        [1.0, 1.0, 0.0]
    """

    def __init__(
        self,
        tokenizer: BertTokenizer | BytePairTokenizer,
        mask_rate: float = 0.15,
        strategy: str = "token",
        mask_token_rate: float = 0.8,
        random_token_rate: float = 0.1,
        max_predictions: int | None = None,
        seed: int = 0,
    ):
        if not 0 < mask_rate < 1:
            raise ValueError(f"`mask_rate` must lie between 0 and 1. Received: {mask_rate}.")
        if strategy not in STRATEGIES:
            raise ValueError(f"`strategy` must be one of {tuple(STRATEGIES)}. Received: {strategy!r}.")
        if min(mask_token_rate, random_token_rate) < 0 or mask_token_rate + random_token_rate > 1:
            raise ValueError(
                "`mask_token_rate` and `random_token_rate` must not be negative and together at most 1. "
                f"Received: {mask_token_rate} and {random_token_rate}."
            )
        if max_predictions is not None and max_predictions < 1:
            raise ValueError(f"`max_predictions` must be a positive number or None. Received: {max_predictions}.")
        if tokenizer.mask_id is None:
            raise ValueError(
                f"The vocabulary of {tokenizer.vocabulary_size} tokens has no [MASK], which masking puts in the "
                "place of tokens. Add [MASK] to the vocabulary (and train the model with it)."
            )
        self.tokenizer = tokenizer
        self.mask_rate = mask_rate
        self.strategy = strategy
        self.mask_token_rate = mask_token_rate
        self.random_token_rate = random_token_rate
        self.max_predictions = max_predictions
        self.seed = seed
        is_special = np.zeros(tokenizer.vocabulary_size, bool)
        is_special[list(tokenizer.special_ids)] = True
        self._ordinary_ids = np.flatnonzero(~is_special).astype("int32")
        is_special[tokenizer.unk_id] = False
        self._may_be_chosen = ~is_special
        self._continues = np.array(tokenizer.is_continuation)
        if random_token_rate > 0 and not len(self._ordinary_ids):
            raise ValueError("The vocabulary has special tokens only: there is no random token to put in their place.")

    @tf.autograph.experimental.do_not_convert
    def __call__(self, features: dict, example_index, epoch=0) -> dict:
        token_ids, padding_mask, example_index, single = _batch(features, example_index)
        keys = example_keys(self.seed, epoch, example_index)
        maskable = tf.gather(tf.constant(self._may_be_chosen), token_ids) & (padding_mask > 0)
        continues = self._continues_word(features, token_ids)
        limit = self._limit(token_ids)
        budget = self._budget(maskable, limit)
        chosen, groups = STRATEGIES[self.strategy](maskable, continues, keys, budget, limit)

        # From here on only the chosen tokens, flat: N of them in the order of rows and positions.
        at = tf.where(chosen)
        original = tf.gather_nd(token_ids, at)
        keys, position = tf.gather(keys, at[:, 0]), at[:, 1]
        kinds = random_bits(keys, _REPLACEMENT, position) if groups is None else tf.gather_nd(groups, at)
        replaced = self._replace(original, uniform(kinds), uniform(random_bits(keys, _RANDOM_TOKEN, position)))

        counts = tf.reduce_sum(tf.cast(chosen, tf.int64), axis=1)
        splits = tf.pad(tf.cumsum(counts), [[1, 0]])
        shape = [None, limit] if isinstance(limit, int) else tf.stack([-1, limit])

        def rows(values, default):
            ragged = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
            return ragged.to_tensor(default, shape=shape)

        masked = {
            "token_ids": tf.tensor_scatter_nd_update(token_ids, at, replaced),
            "mask_positions": rows(tf.cast(position, tf.int32), -1),
            "mask_ids": rows(original, 0),
            "mask_weights": rows(tf.ones_like(original, tf.float32), 0.0),
        }
        return {**features, **({name: value[0] for name, value in masked.items()} if single else masked)}

    def _continues_word(self, features, token_ids):
        if "continues" not in features:
            return tf.gather(tf.constant(self._continues), token_ids)
        continues = tf.cast(features["continues"], tf.bool)
        return tf.reshape(continues, tf.shape(token_ids))

    def _limit(self, token_ids):
        """M: an int where it is known before running, else an int32 scalar."""
        if self.max_predictions is not None:
            return self.max_predictions
        if token_ids.shape[1] is not None:
            return int(np.ceil(self.mask_rate * token_ids.shape[1]))
        return tf.cast(tf.math.ceil(self.mask_rate * tf.cast(tf.shape(token_ids)[1], tf.float64)), tf.int32)

    def _budget(self, maskable, limit):
        """int32 [B]: how many tokens to choose in each example."""
        count = tf.reduce_sum(tf.cast(maskable, tf.int32), axis=1)
        # In float64, ties to even: the number that Python's round gives.
        wanted = tf.cast(tf.round(self.mask_rate * tf.cast(count, tf.float64)), tf.int32)
        return tf.where(count > 0, tf.minimum(tf.maximum(wanted, 1), limit), 0)

    def _replace(self, original, kind, which):
        """[MASK], a random ordinary token, or the original, by where `kind` falls in [0, 1)."""
        ordinary = tf.constant(self._ordinary_ids)
        random_ids = tf.gather(ordinary, tf.cast(which * len(self._ordinary_ids), tf.int32))
        kept = tf.where(kind < self.mask_token_rate + self.random_token_rate, random_ids, original)
        return tf.where(kind < self.mask_token_rate, self.tokenizer.mask_id, kept)

    def get_config(self) -> dict:
        return {
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "mask_rate": self.mask_rate,
            "strategy": self.strategy,
            "mask_token_rate": self.mask_token_rate,
            "random_token_rate": self.random_token_rate,
            "max_predictions": self.max_predictions,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict) -> "MaskedLMMasker":
        return cls(**{**config, "tokenizer": keras.saving.deserialize_keras_object(config["tokenizer"])})


def _batch(features, example_index):
    """`token_ids`, `padding_mask` int32 [B, S] and the index int64 [B]; and whether there was one example only."""
    missing = [name for name in ("token_ids", "padding_mask") if name not in features]
    if missing:
        raise ValueError(f"`features` lacks {', '.join(missing)}. It has: {', '.join(features)}.")
    token_ids, padding_mask = (tf.cast(features[name], tf.int32) for name in ("token_ids", "padding_mask"))
    example_index = tf.cast(example_index, tf.int64)
    rank = token_ids.shape.rank
    if rank not in (1, 2) or padding_mask.shape.rank != rank or example_index.shape.rank != rank - 1:
        raise ValueError(
            "Expected `token_ids` and `padding_mask` of shape [B, S] with `example_index` [B], or [S] with a scalar. "
            f"Received: {token_ids.shape}, {padding_mask.shape} and {example_index.shape}."
        )
    if rank == 1:
        return token_ids[tf.newaxis], padding_mask[tf.newaxis], example_index[tf.newaxis], True
    return token_ids, padding_mask, example_index, False
