"""A checkpoint of any format, ready to become a model, and what it became."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from keras_bert_layers import text
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.tasks import HeadSettings
from keras_bert_layers.convert.weight_map import Table, Tensors, match, parts_of

_BODY = {"embeddings", "encoder", "final_norm"}
_CLASSIFIERS = {"text_classification": "classification", "token_classification": "token_classification"}
_HEADS = {**_CLASSIFIERS, "question_answering": "span"}


@dataclass(frozen=True)
class Pretrained:
    """A model with trained weights and what belongs to it. `model, tokenizer = from_pretrained(...)` unpacks it.

    Args:
        model: functional, of the task.
        tokenizer: that made the ids it was trained on; None if it was not read.
        task: what the model is for.
        model_type: the family, in Hugging Face's word: `"bert"`, `"albert"`, ...
        config: the sizes and settings of its encoder.
        labels: names of the classes in the order of the logits, or None.
        sequence_length: the longest input in tokens.
        ignored: name of each tensor of the checkpoint that is not in the model -> the reason.
        fresh: names of the model's layers that the checkpoint has no weights for (`new_head=True`).

    Example:
        >>> import tempfile
        >>> from keras_bert_layers import convert, models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> directory = tempfile.mkdtemp()
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=2)
        >>> convert.save_pretrained(classifier, directory, labels=["-", "+"])
        >>> found = convert.from_pretrained(directory)
        >>> found.task, found.model_type, found.labels
        ('text_classification', 'bert', ['-', '+'])
    """

    model: keras.Model
    tokenizer: "text.BertTokenizer | text.BytePairTokenizer | None"
    task: str
    model_type: str
    config: Any
    labels: list[str] | None = None
    sequence_length: int = 512
    ignored: dict[str, str] = field(default_factory=dict)
    fresh: tuple[str, ...] = ()

    def __iter__(self) -> Iterator:
        return iter((self.model, self.tokenizer))

    def preprocessor(self, **settings) -> text.BertPreprocessor:
        """A BertPreprocessor for this model; `settings` are its arguments, `sequence_length` the model's by default."""
        if self.tokenizer is None:
            raise ValueError("This model was loaded without a tokenizer, so there is nothing to tokenize with.")
        return text.BertPreprocessor(self.tokenizer, **{"sequence_length": self.sequence_length, **settings})


@dataclass(frozen=True)
class Checkpoint:
    """What a format's reader finds out, before any weight is read.

    Args:
        family: of the model.
        config: of its encoder.
        tensors: where the weights lie.
        table: this format's, for this config.
        tokenizer: reads the tokenizer.
        task: what the model was saved for, or None if nothing says it.
        labels: names of the classes, or None.
        head: what the checkpoint's configuration says of its head.
        dropouts: task -> the dropout before its classifier, where it is not that of `head`.
        has_pooling: whether it says how its vectors are pooled.
        pooling_fault: why the pooling that it names is not computed here, or None.
        sequence_length: the longest input in tokens.
    """

    family: Family
    config: Any
    tensors: Tensors
    table: Table
    tokenizer: Callable[[], Any]
    task: str | None = None
    labels: list[str] | None = None
    head: HeadSettings = field(default_factory=HeadSettings)
    dropouts: dict[str, float] = field(default_factory=dict)
    has_pooling: bool = False
    pooling_fault: str | None = None
    sequence_length: int = 512

    def load(
        self,
        task: str | None,
        labels: Sequence[str] | None,
        new_head: bool,
        ignore: Sequence[str],
        with_tokenizer: bool,
        problem_type: str | None = None,
    ) -> Pretrained:
        """The model of the task with these weights; the arguments are those of `from_pretrained`.

        Raises:
            ValueError: if the checkpoint lacks the task's head, or weights and configuration do not fit.
        """
        there = self._parts_there(task)
        task = task or self.task or "encoder"
        labels, head = self._head(task, labels, new_head, there, problem_type)
        tokenizer = self.tokenizer() if with_tokenizer else None
        # Variables made in this scope get their values when it ends, each from its tensor.
        with keras.StatelessScope():
            model = self.family.build(self.config, task, head, pooler=task != "encoder" or "pooler" in there)
            fresh = self._fresh(model, task, head, new_head, there)
            filling = match(model, self.table, self.tensors, fresh, ignore)
            filling.initialize()
        return Pretrained(
            model=model,
            tokenizer=tokenizer,
            task=task,
            model_type=self.family.model_type,
            config=self.config,
            labels=labels,
            sequence_length=self.sequence_length,
            ignored=filling.ignored,
            fresh=tuple(sorted(fresh)),
        )

    def _parts_there(self, task):
        """The parts of which at least something is there: half a head is an error, not a missing one."""
        names = {self.table.canonical(name) for name in self.tensors.shapes()}
        there = {part for part, rules in self.table.parts.items() if any(rule.theirs in names for rule in rules)}
        for part in there & set(_HEADS.values()):
            tensors = {rule.theirs for rule in self.table.parts[part]}
            rivals = [
                head for head in _HEADS.values() if {rule.theirs for rule in self.table.parts.get(head, ())} == tensors
            ]
            if len(rivals) > 1 and part != self._saved_one(rivals, task, there):
                there.discard(part)
        return there

    def _saved_one(self, rivals, task, there):
        """Of heads whose tensors have the same names, the one that was saved."""
        for known in (self.task, task):
            if _HEADS.get(known) in rivals:
                return _HEADS[known]
        return "classification" if "pooler" in there else "token_classification"

    def _head(self, task, labels, new_head, there, problem_type):
        part = _CLASSIFIERS.get(task)
        labels = None if labels is None else list(labels)
        if part is None:
            if task == "sentence_embedding" and self.pooling_fault:
                raise ValueError(self.pooling_fault)
            if task == "sentence_embedding" and not (self.has_pooling or new_head):
                raise ValueError(
                    f"{self.tensors.place} does not say how sentence vectors are pooled (it has no modules.json of "
                    "sentence-transformers). Pass new_head=True for the normalized mean over the tokens, or choose "
                    "yourself: load the encoder, then kbl.models.text_embedder(encoder, pooling=...)."
                )
            return labels, self.head
        size = self._classes(part) if part in there else None
        names = self.labels if size is not None and len(self.labels or ()) == size else None
        if labels is None:
            labels = names
        elif size is not None and len(labels) != size and not new_head:
            raise ValueError(
                f"`labels` names {len(labels)} classes, and the head in {self.tensors.place} has {size}. Leave "
                "`labels` out, or pass new_head=True to replace the head."
            )
        if labels is None and size is None:
            raise ValueError(
                f"{self.tensors.place} has no head for {task}. To put a new one on the encoder and train it, pass "
                'new_head=True and the names of its classes, labels=["...", ...] (one for a regression).'
            )
        num_classes = size if labels is None else len(labels)
        if problem_type is None and size is not None and size == num_classes:
            problem_type = self.head.problem_type
        return labels, replace(
            self.head,
            num_classes=num_classes,
            labels=None if labels is None else tuple(labels),
            problem_type=problem_type,
            dropout=self.dropouts.get(task, self.head.dropout),
        )

    def _classes(self, part):
        names = {self.table.canonical(name): name for name in self.tensors.shapes()}
        for rule in self.table.parts[part]:
            if rule.ours[0].endswith("logits.bias") and rule.theirs in names:
                return self.tensors.shapes()[names[rule.theirs]][0][-1]
        return None

    def _fresh(self, model, task, head, new_head, there):
        parts = parts_of(model) - _BODY
        fresh = parts - there
        part = _CLASSIFIERS.get(task)
        if new_head and part in there and self._classes(part) != head.num_classes:
            fresh.add(part)
        if fresh and not new_head:
            saved = f"It was saved for {self.task}. " if self.task else ""
            raise ValueError(
                f"{self.tensors.place} has no weights for {', '.join(sorted(fresh))}, which task={task!r} needs. "
                f"{saved}Choose another task, or pass new_head=True to begin them with fresh weights, for training."
            )
        return fresh
