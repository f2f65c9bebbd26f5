"""A trained model in a quarter of its size, and faster."""

from collections.abc import Iterable, Mapping

import keras

from keras_bert_layers.compress.lora import has_lora
from keras_bert_layers.models.precision import in_bfloat16, in_int8

_DTYPES = ("int8", "bfloat16")


def quantize(
    model: keras.Model,
    dtype: str = "int8",
    *,
    calibration: Iterable[Mapping] | None = None,
    embeddings: bool = True,
) -> keras.Model:
    """A copy of a trained model for inference, with weights of eight bits, or of sixteen.

    `"int8"`: every matrix but those of the last logits becomes integers from -127 to 127 with one step for each output,
    and its products are products of integers, whose sums are exact; inputs are rounded for them to the same integers,
    row by row, so that no text's answer depends on the others in its batch. Biases, normalizations, softmax and
    position embeddings stay float32. On CPUs with VNNI (`ops.runs_in_integers`) this is faster than float32 and
    bfloat16; elsewhere, and under XLA, the same numbers are computed in float32, and only room is saved.

    `"bfloat16"`: weights and products in bfloat16, normalizations and softmax in float32.

    The copy can be saved as a `.keras` file, by `convert.save_pretrained` and `serving.export`, and is what it was when
    loaded. `check_quality` says what the answers lost.

    Args:
        model: of keras_bert_layers.models, or of layers of this library, in float32. It is left as it is.
        dtype: `"int8"` or `"bfloat16"`. Defaults to `"int8"`.
        calibration: batches of the model's inputs by name, or of these and labels: a few hundred rows that are like
            those to come. With them, the inputs of every product have the range that was seen in them, larger ones are
            cut, and products with an activation are faster. Defaults to `None`: each row has its own range, which is a
            little more exact. For `"int8"` only.
        embeddings: bool. Whether the table of token embeddings, up to half of a small model, becomes integers too. For
            `"int8"` only. Defaults to `True`.

    Returns:
        A functional model with the inputs and outputs of `model`. Not compiled.

    Raises:
        ValueError: if the model is quantized already, has LoRA matrices, is not in float32 or has no layer to quantize,
            or if an argument does not belong to `dtype`.

    Example:
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> quantized = quantize(models.text_classifier(models.bert_encoder(config), 2))
        >>> sum(weight.dtype == "int8" for weight in quantized.weights)
        8

    Reference:
        Zafrir et al. 2019, Q8BERT (arXiv:1910.06188), section 3.1, for eight bits without their training.
    """
    if dtype not in _DTYPES:
        raise ValueError(f"`dtype` must be one of {_DTYPES}. Received: {dtype!r}.")
    if dtype != "int8" and (calibration is not None or not embeddings):
        raise ValueError('`calibration` and `embeddings` are for `dtype="int8"`. Leave them out, or set it.')
    if has_lora(model):
        raise ValueError(
            f"{model.name!r} has LoRA matrices. Merge them first: keras_bert_layers.compress.merge_lora(model)."
        )
    return in_int8(model, embeddings, calibration) if dtype == "int8" else in_bfloat16(model)
