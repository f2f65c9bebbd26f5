"""Rows of records -> features, as `fit` takes them."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.masked_batches import masked_features
from keras_bert_layers.data.records.ragged_columns import Columns
from keras_bert_layers.data.records.record_metadata import RecordMetadata
from keras_bert_layers.data.records.stored_masks import positions_in_rows
from keras_bert_layers.data.records.stored_rows import RowLayout


class RecordBatches:
    """Turns the rows of a batch into `(x, y, sample_weight)`, in two steps: to arrays, and from these in the graph.

    Args:
        metadata: of the records.
        tokenizer, masker, padding: as in `record_dataset`.
        max_sequences: how many sequences are packed into a row when the records are read.
        batch_size: int, or None where it differs between batches.

    Raises:
        ValueError: if there is a masker and stored masks, or neither.
    """

    def __init__(
        self,
        metadata: RecordMetadata,
        tokenizer,
        masker: Callable | None,
        max_sequences: int,
        padding: str,
        batch_size: int | None,
    ):
        if (masker is None) != (metadata.masking is not None):
            raise ValueError(
                "The records hold no masks: pass a masker, such as kbl.text.MaskedLMMasker(tokenizer)."
                if masker is None
                else "The records hold their masks: pass masker=None."
            )
        settings = metadata.settings
        self.fields = metadata.fields
        self.masker = masker
        self.batch_size = batch_size
        self.segments_per_sequence = settings.segments_per_sequence
        self.max_sequences = max(max_sequences, settings.max_sequences)
        self.layout = RowLayout(
            tokenizer, settings.sequence_length, self.segments_per_sequence, self.max_sequences, padding
        )
        if metadata.masking is not None:
            limit = metadata.masking["max_predictions"]
            self.max_predictions = limit or int(np.ceil(metadata.masking["mask_rate"] * settings.sequence_length))

    @property
    def signature(self) -> dict[str, tf.TensorSpec]:
        """What `arrays` gives."""
        names = {
            "index": tf.int64,
            "tokens": tf.int32,
            "segment_lengths": tf.int64,
            "sequences_per_row": tf.int64,
            "labels": tf.int32,
            "continues": tf.int32,
            "mask_positions": tf.int32,
            "mask_ids": tf.int32,
            "masks_per_row": tf.int64,
        }
        vectors = {name: tf.TensorSpec([None], dtype, name) for name, dtype in names.items() if self._has(name)}
        return {"epoch": tf.TensorSpec([], tf.int64, "epoch"), **vectors}

    def _has(self, name: str) -> bool:
        return name not in ("labels", "continues", "mask_positions", "mask_ids", "masks_per_row") or (
            {"masks_per_row": "mask_ids"}.get(name, name) in self.fields
        )

    def arrays(self, epoch: int, columns: Columns) -> dict:
        """The fields of a batch's rows as flat arrays."""
        arrays = {
            "epoch": epoch,
            "index": columns["index"][0],
            "tokens": columns["token_ids"][0],
            "segment_lengths": columns["segment_lengths"][0],
            "sequences_per_row": np.diff(columns["segment_lengths"][1]) // self.segments_per_sequence,
        }
        for name in ("labels", "continues", "mask_ids"):
            if name in columns:
                arrays[name] = columns[name][0]
        if "mask_ids" in columns:
            arrays["mask_positions"] = positions_in_rows(columns, self.segments_per_sequence)
            arrays["masks_per_row"] = np.diff(columns["mask_ids"][1])
        return arrays

    def to_fit(self, arrays: dict) -> tuple:
        """`(x, y, sample_weight)` of a batch."""
        features = self.layout(
            arrays["tokens"], arrays["segment_lengths"], arrays["sequences_per_row"], arrays.get("continues")
        )
        masker = self.masker or (lambda features, index, epoch: {**features, **self._stored_masks(arrays)})
        x, hidden, weights = masked_features(features, masker, arrays["epoch"], arrays["index"])
        if "labels" not in self.fields:
            return tuple(tf.nest.map_structure(self._with_batch_size, part) for part in (x, hidden, weights))
        labels = arrays["labels"]
        if self.max_sequences > 1:
            rows = tf.RaggedTensor.from_row_lengths(labels, arrays["sequences_per_row"], validate=False)
            labels = rows.to_tensor(-1, shape=[None, self.max_sequences])
        y = {"masked_lm": hidden, "next_sentence": tf.maximum(labels, 0)}
        sample_weight = {"masked_lm": weights, "next_sentence": tf.cast(labels >= 0, tf.float32)}
        return tuple(tf.nest.map_structure(self._with_batch_size, part) for part in (x, y, sample_weight))

    def _stored_masks(self, arrays: dict) -> dict:
        def rows(values, default):
            ragged = tf.RaggedTensor.from_row_lengths(values, arrays["masks_per_row"], validate=False)
            return ragged.to_tensor(default, shape=[None, self.max_predictions])

        return {
            "mask_positions": rows(arrays["mask_positions"], -1),
            "mask_ids": rows(arrays["mask_ids"], 0),
            "mask_weights": rows(tf.ones_like(arrays["mask_ids"], tf.float32), 0.0),
        }

    def _with_batch_size(self, feature: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(feature, [self.batch_size, *feature.shape[1:]])
