"""A SavedModel with everything a server reads beside the graph, and what is checked before anybody sees it."""

import json
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_layers.serving import batching, warmup
from keras_bert_layers.serving.check import compare_with_model
from keras_bert_layers.serving.compiled_forward import compiled_forward
from keras_bert_layers.serving.description import describe_model
from keras_bert_layers.serving.endpoints import (
    Endpoint,
    TextTask,
    describe_endpoint,
    examples_endpoint,
    ids_endpoint,
    text_endpoint,
    text_task,
    traced,
)
from keras_bert_layers.serving.forward import Forward, plain_forward, traced_forward
from keras_bert_layers.serving.operations import check_operations
from keras_bert_layers.serving.probes import example_probes, id_probes, ids_of_length, text_probes
from keras_bert_layers.serving.settings import Settings


@dataclass(frozen=True)
class SavedModelWriter:
    """What goes into a SavedModel; `export` says what each of these is."""

    model: keras.Model
    preprocessor: keras.layers.Layer
    settings: Settings
    precision: str
    jit_compile: bool
    batch_sizes: tuple[int, ...]
    servers: tuple[str, ...]
    compiled_lengths: tuple[int, ...] = ()

    def write(self, directory: Path) -> None:
        """Fills an empty directory.

        Raises:
            ValueError: if a server lacks an operation, or the reloaded SavedModel answers differently.
        """
        description = describe_model(self.model, self.preprocessor, self.settings)
        endpoints = self._traced(description)
        archive = keras.export.ExportArchive()
        # Its tables. The endpoints bring the model's weights; tracked as well, each would be written twice.
        archive.track(self.preprocessor)
        for name, endpoint in endpoints.items():
            archive.add_endpoint(name, endpoint.function, [endpoint.specs])
        archive.write_out(str(directory), verbose=False)
        check_operations(directory, self.servers)
        self._check_answers(directory, description, endpoints)
        self._write_files(directory, description)

    def _traced(self, description) -> dict[str, Endpoint]:
        if self.compiled_lengths:
            pad_id = self.preprocessor.tokenizer.pad_id
            forward = compiled_forward(self.model, self.compiled_lengths, self.batch_sizes, pad_id)
        else:
            forward = traced_forward(self.model)
        task = self._task(forward)
        endpoints = endpoints_of(forward, task and traced(task), self.model, description)
        if self.jit_compile:
            forward = traced_forward(self.model, jit_compile=True)
            task = self._task(forward)
            compiled = endpoints_of(forward, task and traced(task), self.model, description)
            endpoints |= {f"{name}_xla": compiled[name] for name in ("text", "token_ids") if name in compiled}
        return endpoints

    def _task(self, forward: Forward) -> TextTask | None:
        return text_task(forward, self.model, self.preprocessor, self.settings)

    def _check_answers(self, directory, description, endpoints):
        # Functions of their own, so that what was traced is compared with what was not.
        forward = plain_forward(self.model)
        task = self._task(forward)
        own = endpoints_of(forward, task, self.model, description)
        ids = [id_probes(self.model, self.preprocessor)]
        ids += [ids_of_length(self.model, self.preprocessor, length) for length in self.compiled_lengths]
        probes = {"token_ids": ids, "describe": [{"rows": tf.constant([""])}]}
        if task is not None:
            probes["text"] = text_probes(task, self.model, self.preprocessor)
            probes["examples"] = [example_probes(probes["text"][0])]
        for name in set(endpoints) - set(own):
            own[name] = own[name.removesuffix("_xla")]
            probes[name] = probes[name.removesuffix("_xla")][:1]
        compare_with_model(tf.saved_model.load(directory), own, probes, self.precision)

    def _write_files(self, directory, description):
        extra = directory / "assets.extra"
        extra.mkdir()
        tokens = self.preprocessor.tokenizer.vocabulary
        (extra / "vocabulary.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
        if self.settings.labels is not None:
            (extra / "labels.txt").write_text("".join(f"{label}\n" for label in self.settings.labels), encoding="utf-8")
        (extra / "description.json").write_text(json.dumps(description, ensure_ascii=False, indent=1), encoding="utf-8")
        batching.write_batching(directory / batching.FILE, self.batch_sizes)
        longest = self.preprocessor.sequence_length
        lengths = self.settings.buckets or tuple(sorted({min(16, longest), longest}))
        sizes = (self.batch_sizes[0], self.batch_sizes[-1])
        if self.compiled_lengths:
            # Every program: the first request of a shape waits until XLA has compiled for it.
            lengths, sizes = tuple(sorted({*self.compiled_lengths, *lengths})), self.batch_sizes
        # Not of the endpoints that need XLA: a server without it would not even start.
        task = self._task(plain_forward(self.model))
        requests = warmup.warmup_requests(task, self.model, self.preprocessor, lengths, sizes)
        warmup.write_warmup(extra / warmup.FILE, requests)


def endpoints_of(forward: Forward, task: TextTask | None, model: keras.Model, description: dict) -> dict[str, Endpoint]:
    """All endpoints by name; the first one is what a server calls by default."""
    endpoints = {} if task is None else {"text": text_endpoint(task)}
    endpoints["token_ids"] = ids_endpoint(forward, model)
    if task is not None:
        endpoints["examples"] = examples_endpoint(task)
    return {**endpoints, "describe": describe_endpoint(description)}
