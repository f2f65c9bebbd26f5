"""One directory that a stock TensorFlow Serving loads and answers from."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_layers import models
from keras_bert_layers.serving.check import compare_with_model
from keras_bert_layers.serving.signatures import ids_signature, text_signature


def export(
    model: keras.Model,
    path: str | os.PathLike,
    preprocessor: keras.layers.Layer,
    labels: Sequence[str] | None = None,
    pairs: bool = False,
) -> Path:
    """Writes `model` and its preprocessing as one SavedModel, and returns only after it answered like the model.

    The signatures are `text` (also the default one, `serving_default`): strings in, probabilities and labels out; and
    `token_ids`: the model's inputs in, logits out. The vocabulary and the labels are inside. The directory appears
    complete or not at all.

    What `text` gives follows from the model's `problem_type`, for C classes with labels:

    - single-label: `probabilities` float32 [B, C] in the order of the labels, `label` string [B], the likeliest, and
      `score` float32 [B], its probability. Of a token classifier the same at every position.
    - multi-label: `probabilities` float32 [B, C]; `labels` string [B, C] with the likeliest first, `scores` float32
      [B, C] of these, and `count` int32 [B]: the first so many have a probability over 0.5.
    - regression: `value` float32 [B], with labels and without.

    Args:
        model: a functional model with named inputs, such as `models.text_classifier` makes.
        path: of the directory to write, which must not exist. TensorFlow Serving looks for `<name>/<version>`:
            `"exported/1"`.
        preprocessor: the BertPreprocessor that the model was trained with.
        labels: the name of each class, in the order of the logits; for models with one output. Defaults to `None`:
            those that the model was built with, and if it has none, logits out.
        pairs: bool. Whether the `text` signature takes two texts, `text` and `text_pair`. Defaults to `False`.

    Returns:
        The path.

    Raises:
        ValueError: if the path exists, the model needs inputs that text does not give, the number of labels is not the
            number of classes, or the reloaded SavedModel answers differently.

    Example:
        >>> import tempfile, tensorflow as tf
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=8)
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=2)
        >>> path = export(classifier, tempfile.mkdtemp() + "/1", preprocessor, labels=["no", "yes"])
        >>> served = tf.saved_model.load(path).signatures["text"](text=tf.constant(["good"]))
        >>> sorted(served)
        ['label', 'probabilities', 'score']
    """
    path = Path(path)
    labels = _labels(model) if labels is None else labels
    _check(model, path, preprocessor, labels)
    text = text_signature(model, preprocessor, labels, pairs)
    ids = ids_signature(model)

    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the last step is a rename within one file system.
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.track(preprocessor)
        archive.add_endpoint("text", *text)
        archive.add_endpoint("token_ids", *ids)
        archive.write_out(str(unfinished), verbose=False)
        compare_with_model(
            tf.saved_model.load(unfinished), {"text": text, "token_ids": ids}, preprocessor, model.compute_dtype
        )
        unfinished.chmod(0o755)  # mkdtemp lets nobody else in, and the server is somebody else
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return path


def _labels(model):
    """The model's own labels, if they are those of its one output."""
    labels = None if isinstance(model.output, dict) else models.labels_of(model)
    return labels if labels is not None and model.output.shape[-1] == len(labels) else None


def _check(model, path, preprocessor, labels):
    if path.exists():
        raise ValueError(
            f"The export needs a directory that does not exist yet. Received: {str(path)!r}, which does. Export a new "
            "version beside it, such as the next number, or remove it first."
        )
    if not isinstance(model.input, dict):
        raise ValueError(
            "`model` must have named inputs, such as token_ids, segment_ids and padding_mask; build it with a dict of "
            f"inputs. Received a model whose inputs are: {model.input}."
        )
    made = set(preprocessor("probe"))
    missing = set(model.input) - made
    if missing:
        raise ValueError(
            f"The model needs {', '.join(sorted(missing))}, which the preprocessor does not make from text. Export a "
            f"model that needs only {', '.join(sorted(made))}."
        )
    if labels is None:
        return
    if isinstance(model.output, dict):
        raise ValueError(
            f"`labels` name the classes of a single output, but the model has {', '.join(sorted(model.output))}. "
            "Leave `labels` out to export its raw outputs."
        )
    if len(labels) != model.output.shape[-1]:
        raise ValueError(
            f"`labels` must name each of the model's {model.output.shape[-1]} classes, in the order of its logits. "
            f"Received {len(labels)}: {list(labels)}."
        )
