"""What decides the content of a set of records, besides the text and the tokenizer."""

from dataclasses import asdict, dataclass

from keras_bert_layers.data.layout import Layout
from keras_bert_layers.data.sampling import check_arguments
from keras_bert_layers.data.sentence_pairs import OBJECTIVES


@dataclass(frozen=True)
class RecordSettings:
    """How a corpus becomes records (`prepare_records`).

    Args:
        sequence_length: int ≥ 5 (≥ 4 without an objective). The longest example or packed row, with special tokens.
        objective: what goes with the masked tokens. `"next_sentence"` (default) and `"sentence_order"` make pairs, see
            `sentence_pairs`; `"none"` makes single segments, see `full_sentences`.
        layout, language, text_field: how the text is laid out, see `read_documents`. Default to `"sentences"`, None and
            `"text"`.
        bad_input: `"skip"` (default) leaves out bytes that are no UTF-8 and JSON lines that are no objects, and counts
            them by file; `"error"` refuses them.
        deduplicate: bool. Whether a document that repeats an earlier one, but for white space, is left out. Defaults
            to False.
        chunk_bytes: int > 0 or None. About how much text goes into a shard, see `plan_chunks`, which also has the
            default.
        seed: int ≥ 0. Of the pairs and cuts. Defaults to 0.
        duplicates: int > 0. How often the corpus is gone through, each time with other pairs or cuts (and stored
            masks). Defaults to 1.
        max_sequences: int > 0. With more than 1, rows are packed (`pack_rows`): up to so many sequences of a chunk are
            stored as one example. Defaults to 1: the reader can pack as well, anew in each epoch.
        next_sentence_rate, short_sequence_probability: as in `sentence_pairs`. Default to 0.5 and 0.1.
        word_segmenter: `"jieba"` marks the words of Chinese text, for whole-word masking; None (default) does not.
        compression: `"gzip"` or None (default), of the shards.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> RecordSettings(sequence_length=128, layout="prose").segments_per_sequence
        2
    """

    sequence_length: int
    objective: str = "next_sentence"
    layout: str = "sentences"
    language: str | None = None
    text_field: str = "text"
    bad_input: str = "skip"
    deduplicate: bool = False
    chunk_bytes: int | None = None
    seed: int = 0
    duplicates: int = 1
    max_sequences: int = 1
    next_sentence_rate: float = 0.5
    short_sequence_probability: float = 0.1
    word_segmenter: str | None = None
    compression: str | None = None

    def __post_init__(self):
        choices = {
            "objective": ("none", *OBJECTIVES),
            "bad_input": ("skip", "error"),
            "word_segmenter": (None, "jieba"),
            "compression": (None, "gzip"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"`{name}` must be one of {', '.join(map(repr, allowed))}. Received: {getattr(self, name)!r}."
                )
        for name in ("chunk_bytes", "duplicates", "max_sequences"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}` must be positive. Received: {value}.")
        if not 0 <= self.next_sentence_rate <= 1:
            raise ValueError(f"`next_sentence_rate` must be in [0, 1]. Received: {self.next_sentence_rate}.")
        shortest = 4 if self.objective == "none" else 5
        check_arguments(self.sequence_length, shortest, self.seed, 0, self.short_sequence_probability)
        _ = self.text_layout

    @property
    def text_layout(self) -> Layout:
        return Layout(self.layout, self.language, self.text_field)

    @property
    def segments_per_sequence(self) -> int:
        return 1 if self.objective == "none" else 2

    def to_dict(self) -> dict:
        return asdict(self)
