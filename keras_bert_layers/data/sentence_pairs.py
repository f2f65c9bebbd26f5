"""Next-sentence examples: which stretches of a corpus make A and B."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from keras_bert_layers.data.sampling import Stream, check_arguments, generator, target_length
from keras_bert_layers.data.tokenized import TokenizedDocuments

OBJECTIVES = ("next_sentence", "sentence_order")


@dataclass(frozen=True, eq=False)
class SentencePairs:
    """Examples as slices of the corpus they were drawn from.

    Args:
        first: int64 [examples, 2]. Where segment A begins and ends in `TokenizedDocuments.tokens`.
        second: int64 [examples, 2]. The same for segment B.
        labels: int32 [examples]. 0 where B follows A in the text; 1 where B is random, or (sentence order) where A
            follows B.
    """

    first: np.ndarray
    second: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def sentence_pairs(
    documents: TokenizedDocuments,
    sequence_length: int,
    seed: int = 0,
    epoch: int = 0,
    next_sentence_rate: float = 0.5,
    short_sequence_probability: float = 0.1,
    objective: str = "next_sentence",
) -> SentencePairs:
    """One epoch of sentence pairs: [CLS] A [SEP] B [SEP] in at most `sequence_length` positions.

    Every document is walked once. Consecutive sentences are gathered up to a target length and cut at a random place
    into A and the sentences that follow. B is those (label 0), or begins at a random sentence of another document
    (label 1), in which case the walk goes on with the sentences that were not used. A pair that is too long loses
    tokens of its longer segment, each from a random end. A gathering of one sentence has nothing that follows, and
    always gets a random B.

    With the objective `"sentence_order"`, A and B always follow each other in the text, and the label is 1 where the
    two were swapped. A gathering of one sentence is cut inside the sentence; one of a single token has no two parts and
    is left out.

    What is drawn depends on `seed`, `epoch` and the document's index alone. One deviation from google-research/bert:
    the random B is uniform over the sentences of the other documents (the paper's "random sentence from the corpus").
    That code draws the document first, which over-represents short documents in B and so gives the label away.

    Args:
        documents: a tokenised corpus, of at least two documents for the objective `"next_sentence"`.
        sequence_length: int ≥ 5. Positions of an example, with its three special tokens.
        seed: int ≥ 0. Defaults to 0.
        epoch: int ≥ 0. Another epoch draws other pairs. Defaults to 0.
        next_sentence_rate: float in [0, 1]. How often the label is 0, so that B is what follows. Defaults to 0.5.
        short_sequence_probability: float in [0, 1]. How often the target length is random, from 2 to the full length,
            since text in use is often shorter than `sequence_length`. Defaults to 0.1.
        objective: `"next_sentence"` (default) or `"sentence_order"`.

    Returns:
        A `SentencePairs`, in the order of the documents.

    Raises:
        ValueError: if an argument is out of range, or the corpus is one document, which leaves no other to draw from
            (a B from the same document could be the true continuation), or has no two tokens in a row.

    Example:
        >>> corpus = TokenizedDocuments.from_lists([[[5, 6], [7], [8]], [[9, 9, 9], [10]]])
        >>> pairs = sentence_pairs(corpus, sequence_length=8, seed=1)
        >>> bool(((pairs.first[:, 1] - pairs.first[:, 0]) + (pairs.second[:, 1] - pairs.second[:, 0]) <= 5).all())
        True

    Reference:
        Devlin et al. 2019, section 3.1 and appendix A.2; google-research/bert, create_pretraining_data.py; sentence
        order: Lan et al. 2020, ALBERT (arXiv:1909.11942), section 3.1.
    """
    check_arguments(sequence_length, 5, seed, epoch, short_sequence_probability)
    if not 0 <= next_sentence_rate <= 1:
        raise ValueError(f"`next_sentence_rate` must be in [0, 1]. Received: {next_sentence_rate}.")
    if objective not in OBJECTIVES:
        raise ValueError(f"`objective` must be one of {', '.join(OBJECTIVES)}. Received: {objective!r}.")
    if documents.num_documents < 2 and objective == "next_sentence":
        raise ValueError(
            "Sentence pairs need at least two documents: a random B must come from another one. Received: 1 document. "
            'Split the text into several (`read_documents(..., layout="paragraphs")`), or train without sentence pairs '
            "(`masked_lm_dataset`), or with "
            'objective="sentence_order".'
        )
    max_tokens = sequence_length - 3
    starts, bounds = documents.sentence_starts.tolist(), documents.document_starts.tolist()
    first, second, labels = [], [], []
    for document in range(documents.num_documents):
        rng = generator(seed, epoch, Stream.PAIRS, document)
        sentence, end = bounds[document : document + 2]
        while sentence < end:
            target = target_length(rng, max_tokens, short_sequence_probability)
            stop = _segment_end(starts, sentence, target, end)
            if objective == "sentence_order":
                a, b = _cut(rng, starts, sentence, stop)
                label, sentence = int(rng.random() >= next_sentence_rate), stop
                if a[0] == a[1]:
                    continue
            else:
                cut = stop if stop - sentence == 1 else int(rng.integers(sentence + 1, stop))
                label = int(cut == stop or rng.random() >= next_sentence_rate)
                a, b, sentence = (starts[sentence], starts[cut]), (starts[cut], starts[stop]), cut if label else stop
                if label:
                    b = _random_stretch(rng, starts, bounds, document, target - (a[1] - a[0]))
            a, b = _truncate(rng, a, b, max_tokens)
            swapped = label and objective == "sentence_order"
            first.append(b if swapped else a)
            second.append(a if swapped else b)
            labels.append(label)
    if not labels:
        raise ValueError(
            "No document has two tokens in a row, so there are no two parts of which one follows the other."
        )
    return SentencePairs(np.array(first, "int64"), np.array(second, "int64"), np.array(labels, "int32"))


def _cut(rng: np.random.Generator, starts: list[int], sentence: int, stop: int):
    """The tokens of these sentences in two parts, cut between two sentences, or within the only one."""
    begin, end = starts[sentence], starts[stop]
    if stop - sentence > 1:
        cut = starts[int(rng.integers(sentence + 1, stop))]
    else:
        cut = int(rng.integers(begin + 1, end)) if end - begin > 1 else begin
    return (begin, cut), (cut, end)


def _random_stretch(rng: np.random.Generator, starts: list[int], bounds: list[int], document: int, target: int):
    """Sentences of another document up to a target length, as the stretch of their tokens."""
    sentence = _random_sentence(rng, bounds, document)
    stop = _segment_end(starts, sentence, target, bounds[bisect_right(bounds, sentence)])
    return starts[sentence], starts[stop]


def _segment_end(starts: list[int], begin: int, target: int, document_end: int) -> int:
    """After how many sentences the target is reached: at least one, at most to the document's end."""
    return min(bisect_left(starts, starts[begin] + target, begin + 1), document_end)


def _random_sentence(rng: np.random.Generator, bounds: list[int], document: int) -> int:
    """A sentence of any other document."""
    begin, end = bounds[document : document + 2]
    drawn = int(rng.integers(bounds[-1] - (end - begin)))
    return drawn if drawn < begin else drawn + (end - begin)


def _truncate(rng: np.random.Generator, a: tuple[int, int], b: tuple[int, int], max_tokens: int):
    """Takes tokens one by one from the longer segment (from B when equal), each from a random end."""
    a_length, b_length = a[1] - a[0], b[1] - b[0]
    surplus = a_length + b_length - max_tokens
    if surplus <= 0:
        return a, b
    from_longer = min(surplus, abs(a_length - b_length))
    from_a, from_b = (surplus - from_longer) // 2, (surplus - from_longer + 1) // 2
    from_a, from_b = (from_a + from_longer, from_b) if a_length > b_length else (from_a, from_b + from_longer)
    return _shorten(rng, a, from_a), _shorten(rng, b, from_b)


def _shorten(rng: np.random.Generator, span: tuple[int, int], surplus: int) -> tuple[int, int]:
    at_front = int(rng.binomial(surplus, 0.5)) if surplus else 0
    return span[0] + at_front, span[1] - (surplus - at_front)
