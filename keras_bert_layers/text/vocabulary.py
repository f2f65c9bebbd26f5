"""Learning a WordPiece vocabulary from text."""

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice, pairwise

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_layers.text.normalization import build_normalizer_model
from keras_bert_layers.text.vocab_file import check_vocabulary
from keras_bert_layers.text.wordpiece import stands_alone

_TEXTS_AT_ONCE = 10_000
_LONGEST_WORD = 50


def learn_vocabulary(
    texts: Iterable[str] | tf.data.Dataset,
    vocabulary_size: int,
    lowercase: bool = True,
    strip_accents: bool | None = None,
    special_tokens: Iterable[str] = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    min_frequency: int = 2,
    max_characters: int = 1000,
    max_bytes: int | None = None,
) -> list[str]:
    """Tokens for a `BertTokenizer`, learned from texts.

    Words are counted after the tokenizer's own cleaning and splitting. The vocabulary begins with the special tokens
    and the characters; then, again and again, the two neighbouring pieces that occur together most often become a new
    piece (Sennrich et al. 2016, as in Hugging Face's WordPiece trainer), until `vocabulary_size` is reached or no pair
    occurs `min_frequency` times. Chinese characters, each of which is a word, come in between, as often as they occur.
    The result depends on the texts alone, not on their order. 15 MB of English take about five seconds on one core.

    Args:
        texts: strings, or a `tf.data.Dataset` of strings (single or batched).
        vocabulary_size: int. The most tokens to give; small corpora give fewer.
        lowercase, strip_accents: as `BertTokenizer` will have them.
        special_tokens: the first tokens, in this order. Needs `[PAD] [UNK] [CLS] [SEP]`.
        min_frequency: int. A piece that occurs less often is not learned. Defaults to 2.
        max_characters: int. Only so many characters, the most frequent ones, are there from the start; words with
            others teach nothing, unless they are a single ideograph or mark. Defaults to 1,000.
        max_bytes: int or None. Learns from the first texts only, until so many bytes are read. Defaults to None: all.

    Returns:
        list of str, at most `vocabulary_size` of them.

    Raises:
        ValueError: if there is no text, one string stands for the texts, or special tokens and characters need more
            places than `vocabulary_size`.

    Example:
        >>> learn_vocabulary(["low lower lowest", "new newer newest"], vocabulary_size=27)[-6:]
        ['##we', 'lo', 'ne', '##st', '##wer', '##west']
    """
    special_tokens = check_vocabulary(special_tokens)
    strip_accents = lowercase if strip_accents is None else strip_accents
    words = _count_words(_batches(texts, max_bytes), lowercase, strip_accents, special_tokens)
    if not words:
        raise ValueError("`texts` holds no word to learn from. Pass an iterable of non-empty strings.")
    words, characters, more = _keep_characters(words, max_characters, min_frequency)
    vocabulary = [*special_tokens, *(piece for piece in characters if piece not in special_tokens)]
    if len(vocabulary) > vocabulary_size:
        raise ValueError(
            f"`vocabulary_size` is {vocabulary_size}, but {len(special_tokens)} special tokens and the characters of "
            f"the texts, alone and inside a word, need {len(vocabulary)}. Raise `vocabulary_size` or lower "
            f"`max_characters` (now {max_characters})."
        )
    known = set(vocabulary)
    for _, piece in heapq.merge(_merge_pairs(words, min_frequency), more, key=lambda learned: -learned[0]):
        if len(vocabulary) == vocabulary_size:
            break
        if piece not in known:
            known.add(piece)
            vocabulary.append(piece)
    return vocabulary


def _batches(texts, max_bytes) -> Iterator[list[bytes]]:
    """Lists of UTF-8 strings; no further text is read once `max_bytes` are."""
    if isinstance(texts, str | bytes):
        raise ValueError("`texts` must be an iterable of strings; one string is one text: pass [text].")
    if isinstance(texts, tf.data.Dataset):
        if getattr(texts.element_spec, "dtype", None) != tf.string:
            raise ValueError(f"`texts` must be a dataset of strings. Its elements are {texts.element_spec}.")
        arrays = texts.as_numpy_iterator()
        texts = (text for array in arrays for text in ([array] if isinstance(array, bytes) else array.ravel()))
    encoded, read = (_encode(text) for text in texts), 0
    while (max_bytes is None or read < max_bytes) and (batch := list(islice(encoded, _TEXTS_AT_ONCE))):
        if max_bytes is not None:
            ends = list(accumulate(map(len, batch), initial=read))
            batch = [text for text, read_before in zip(batch, ends, strict=False) if read_before < max_bytes]
            read = ends[-1]
        yield batch


def _encode(text):
    if not isinstance(text, str | bytes):
        raise ValueError(f"`texts` must hold strings. Received an element of type {type(text).__name__}: {text!r}.")
    return text.encode() if isinstance(text, str) else text


def _count_words(batches, lowercase, strip_accents, special_tokens) -> dict[str, int]:
    """How often each word and punctuation mark occurs, by BERT's cleaning and splitting."""
    normalizer = tf_text.FastBertNormalizer(model_buffer=tf.constant(build_normalizer_model(lowercase, strip_accents)))
    special_pattern = "|".join(re.escape(token) for token in sorted(special_tokens, key=len, reverse=True))
    chunks = Counter()
    for batch in batches:
        plain = tf.strings.regex_replace(batch, special_pattern, " ")
        cleaned = normalizer.normalize(plain).numpy().tolist()
        chunks.update(b" ".join(cleaned).split())
    words = Counter()
    # Splitting at punctuation in Python is slow, so it is done once for each different chunk between spaces.
    for chunk, count in chunks.items():
        chunk = chunk.decode(errors="ignore")
        if chunk.isascii() and chunk.isalnum():
            words[chunk] += count
            continue
        spaced = "".join(f" {character} " if stands_alone(character) else character for character in chunk)
        for word in spaced.split():
            words[word] += count
    return {word: count for word, count in words.items() if len(word) <= _LONGEST_WORD}


def _keep_characters(words, max_characters, min_frequency):
    """The words that are spelled with the most frequent characters, those characters as pieces, and by falling count
    the others that are words by themselves."""
    counts = Counter()
    for word, count in words.items():
        for character in word:
            counts[character] += count
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    kept = sorted(ranked[:max_characters])
    inside = [f"##{character}" for character in kept if not stands_alone(character)]
    allowed = set(kept)
    more = ((counts[character], character) for character in ranked[max_characters:] if stands_alone(character))
    more = [(count, character) for count, character in more if count >= min_frequency]
    return {word: count for word, count in words.items() if allowed.issuperset(word)}, [*kept, *inside], more


def _merge_pairs(words, min_frequency) -> Iterator[tuple[int, str]]:
    """Pieces in the order in which merging the most frequent neighbours makes them, and how often these occurred."""
    ordered = sorted(words)
    counts = [words[word] for word in ordered]
    spelled = [[word[0], *(f"##{character}" for character in word[1:])] for word in ordered]
    pairs, places = Counter(), defaultdict(set)
    for number, pieces in enumerate(spelled):
        for pair in pairwise(pieces):
            pairs[pair] += counts[number]
            places[pair].add(number)
    # Counts in the queue may be out of date: they are checked when they come first. Ties go by the alphabet.
    queue = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(queue)
    while queue:
        negative, pair = heapq.heappop(queue)
        if pairs[pair] != -negative:
            if pairs[pair] > 0:
                heapq.heappush(queue, (-pairs[pair], pair))
            continue
        if pairs[pair] < min_frequency:
            return
        merged = pair[0] + pair[1][2:]
        yield -negative, merged
        grown = set()
        for number in places.pop(pair):
            before, after, at = spelled[number], [], 0
            while at < len(before):
                if at + 1 < len(before) and (before[at], before[at + 1]) == pair:
                    after.append(merged)
                    at += 2
                else:
                    after.append(before[at])
                    at += 1
            if len(after) == len(before):
                continue
            spelled[number] = after
            for old in pairwise(before):
                pairs[old] -= counts[number]
            for new in pairwise(after):
                pairs[new] += counts[number]
                if merged in new:
                    places[new].add(number)
                    grown.add(new)
        for new in grown:
            heapq.heappush(queue, (-pairs[new], new))
