"""What `pretrain.py` reads: batches of a phase from any step on, and held-out ones, from texts or from records."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

import keras_bert_layers as kbl


@dataclass(frozen=True)
class Phase:
    """A part of the run with sequences of one length.

    Args:
        number: of the phase, from 0.
        sequence_length, batch_size: of its batches.
        begin, end: the steps of the run before which it begins and ends.
    """

    number: int
    sequence_length: int
    batch_size: int
    begin: int
    end: int


class Texts:
    """A corpus in memory: examples are drawn anew in each epoch.

    Args:
        arguments: of the program: `corpus`, `layout`, `vocabulary` and so on.
    """

    def __init__(self, arguments):
        self.arguments, self.objective = arguments, arguments.objective
        self.packed = arguments.max_sequences > 1
        documents = kbl.data.read_documents(arguments.corpus, layout=arguments.layout)
        vocabulary = arguments.vocabulary
        if vocabulary is None:
            sentences = (sentence for document in documents for sentence in document)
            size, lowercase = arguments.vocabulary_size, not arguments.cased
            vocabulary = kbl.text.learn_vocabulary(sentences, size, lowercase=lowercase)
        self.tokenizer = kbl.text.BertTokenizer(vocabulary, lowercase=not arguments.cased)
        order = np.random.default_rng(arguments.seed).permutation(len(documents))
        number = max(2, round(arguments.held_out * len(documents))) if arguments.held_out else 0
        if number > len(documents) - 2:
            raise ValueError(
                f"The corpus has {len(documents)} document(s). {number} are to be held out, and at least two must be "
                "left to train on. Give more text, another --layout, or --held-out 0."
            )
        held_out, training = ([documents[i] for i in part] for part in (order[:number], order[number:]))
        self._training = kbl.data.tokenize_documents(training, self.tokenizer)
        self._held_out = kbl.data.tokenize_documents(held_out, self.tokenizer) if held_out else None
        self.description = f"{self._training.num_tokens:,} tokens in {len(training):,} documents, {number:,} held out"
        self.fingerprint = {"corpus": hashlib.sha256(self._training.tokens.tobytes()).hexdigest()[:16]}

    def training(self, phase: Phase, step: int, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """The batches of a phase after its first `step` ones, without end; or one share of each."""
        return self._dataset(self._training, phase, start_step=step, share=share)

    def held_out(self, phase: Phase, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset | None:
        """Batches to evaluate on, the same at each time, or one share of each; None if nothing is held out."""
        if self._held_out is None:
            return None
        batches = self._dataset(self._held_out, phase, epochs=1, shuffle=False, drop_remainder=False, share=share)
        return batches.take(self.arguments.evaluation_batches).cache()

    def _dataset(self, documents, phase, **options):
        arguments = self.arguments
        options |= {"sequence_length": phase.sequence_length, "batch_size": phase.batch_size, "seed": arguments.seed}
        options["max_sequences"] = arguments.max_sequences
        if self.objective == "none":
            return kbl.data.masked_lm_dataset(documents, self.tokenizer, masker(arguments, self, phase), **options)
        return kbl.data.pretraining_dataset(
            documents, self.tokenizer, masker(arguments, self, phase), objective=self.objective, **options
        )


class Records:
    """Records that `prepare_pretraining.py` wrote: one folder for all phases, or one for each.

    Args:
        arguments: of the program: `records`, `held_out` and so on.
        phases: how many there are.
    """

    def __init__(self, arguments, phases: int):
        if len(arguments.records) not in (1, phases):
            raise ValueError(
                f"Give --records one folder, or one for each of {phases} phases. Received: {len(arguments.records)}."
            )
        self.arguments = arguments
        self._folders = arguments.records * (phases if len(arguments.records) == 1 else 1)
        self.metadata = [kbl.data.read_metadata(folder) for folder in self._folders]
        self.tokenizer = kbl.data.record_tokenizer(self._folders[0])
        objectives = {metadata.settings.objective for metadata in self.metadata}
        if len(objectives) > 1:
            raise ValueError(f"The records of the phases differ in their objective: {', '.join(sorted(objectives))}.")
        self.objective = objectives.pop()
        self.packed = any(max(arguments.max_sequences, each.settings.max_sequences) > 1 for each in self.metadata)
        share = arguments.held_out
        self._shards = [kbl.data.split_shards(folder, share) if share else (None, None) for folder in self._folders]
        tokens = sum(metadata.counts["tokens"] for metadata in self.metadata[: len(arguments.records)])
        held_out = [len(shards[1] or ()) for shards in self._shards[: len(arguments.records)]]
        number = sum(len(metadata.shards) for metadata in self.metadata[: len(arguments.records)])
        self.description = f"{tokens:,} tokens in {number:,} shards, {sum(held_out):,} held out"
        shards = "".join(shard.sha256 for metadata in self.metadata for shard in metadata.shards)
        self.fingerprint = {"records": hashlib.sha256(shards.encode()).hexdigest()[:16]}

    def training(self, phase: Phase, step: int, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """The batches of a phase after its first `step` ones, without end; or one share of each."""
        return self._dataset(phase, 0, start_step=step, share=share)

    def held_out(self, phase: Phase, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset | None:
        """Batches to evaluate on, the same at each time, or one share of each; None if nothing is held out."""
        if self._shards[phase.number][1] is None:
            return None
        batches = self._dataset(phase, 1, epochs=1, shuffle=False, drop_remainder=False, share=share)
        return batches.take(self.arguments.evaluation_batches).cache()

    def _dataset(self, phase, part, **options):
        metadata, arguments = self.metadata[phase.number], self.arguments
        if metadata.settings.sequence_length != phase.sequence_length:
            raise ValueError(
                f"The records in {self._folders[phase.number]} have rows of {metadata.settings.sequence_length} "
                f"positions, and phase {phase.number + 1} asks for {phase.sequence_length}. Change --phases, or give "
                "--records a folder for each phase."
            )
        return kbl.data.record_dataset(
            self._folders[phase.number],
            self.tokenizer,
            None if metadata.masking else masker(arguments, self, phase),
            phase.batch_size,
            seed=arguments.seed,
            shards=self._shards[phase.number][part],
            # Rows that were packed when they were prepared stay as they are.
            max_sequences=1 if metadata.settings.max_sequences > 1 else arguments.max_sequences,
            **options,
        )


def masker(arguments, source: Texts | Records, phase: Phase) -> kbl.text.MaskedLMMasker:
    """Hides tokens; in each phase others."""
    return kbl.text.MaskedLMMasker(
        source.tokenizer, arguments.mask_rate, arguments.mask_strategy, seed=arguments.seed + phase.number
    )


def vocabulary_fingerprint(tokenizer) -> str:
    """Equal for equal vocabularies."""
    return hashlib.sha256("\n".join(tokenizer.vocabulary).encode()).hexdigest()[:16]


def phases_of(text: str, batch_size: int) -> list[Phase]:
    """`128:9000,512:1000:16` -> phases of length 128 for 9000 steps, then of 512 for 1000, these in batches of 16."""
    phases, begin = [], 0
    for number, part in enumerate(text.split(",")):
        numbers = part.split(":")
        if not 2 <= len(numbers) <= 3 or not all(each.strip().isdigit() and int(each) for each in numbers):
            raise ValueError(
                "--phases must be LENGTH:STEPS or LENGTH:STEPS:BATCH, one or several with commas between them, such as "
                f"128:9000,512:1000:16. Received: {text!r}."
            )
        length, steps, *batch = map(int, numbers)
        phases.append(Phase(number, length, batch[0] if batch else batch_size, begin, begin + steps))
        begin += steps
    return phases


def record_length(folder: Path) -> int:
    """The length of the rows that a folder of records holds."""
    return kbl.data.read_metadata(folder).settings.sequence_length
