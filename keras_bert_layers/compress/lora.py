"""Training small matrices beside the weights in place of the weights (LoRA)."""

from collections.abc import Sequence

import keras

from keras_bert_layers.models.encoder_parts import encoder_parts
from keras_bert_layers.models.precision import check_not_quantized
from keras_bert_layers.models.weight_count import WeightCount, count_weights, expect_compile


def add_lora(
    model: keras.Model,
    rank: int = 8,
    alpha: float | None = None,
    targets: Sequence[str] = ("query", "value"),
    train_head: bool = True,
) -> WeightCount:
    """Adds to projections W of every block a product of two thin matrices, W + (α / r) A B, and trains only these.

    A is [I, r] and drawn at random, B is [r, O] and zero: the model begins as it was. In place, by `enable_lora` of
    `keras.layers.Dense`. All other weights are frozen, but not the layers after the encoder (pooler and head), which
    are new in most fine-tuning. Dropout goes on everywhere. Compile the model afterwards: `fit` asks for it. Rates of
    5e-4 to 2e-3, ten and more times those for all weights, are usual.

    What it saves is the optimizer's memory: with a weight's two means, 3 numbers a weight become 1. A step takes about
    as long as with all weights, since the gradients go the same way.

    A `.keras` file of the model holds W + (α / r) A B as plain weights; loading gives the model of `merge_lora`, all of
    it trainable. In half precision Keras rounds them there: merge before saving. `Resume` and `get_weights` keep A and
    B apart, and a run goes on exactly. Writing to Hugging Face's format needs `merge_lora` first.

    Args:
        model: of keras_bert_layers.models. Models that share its layers are changed with it.
        rank: int > 0. r. Defaults to 8.
        alpha: float > 0. α. Defaults to `None`: 2 r.
        targets: names of projections in the blocks: of the attention `"query"`, `"key"`, `"value"`, `"output"`, of the
            feed-forward part `"inner"`, `"outer"`. Defaults to those of the paper, `("query", "value")`.
        train_head: bool. Whether the layers after the encoder are trained too. Defaults to `True`.

    Returns:
        How many weights are trained now, and how many there are; it prints as a sentence.

    Raises:
        ValueError: if a number is not positive, no projection has the name of a target, or the model has LoRA already.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder, text_classifier
        >>> config = BertConfig(vocabulary_size=1000, hidden_dim=16, num_layers=2, num_heads=2, intermediate_dim=32)
        >>> print(add_lora(text_classifier(bert_encoder(config), num_classes=2), rank=2))
        562 of 29,266 weights are trained (1.9 %)

    Reference:
        Hu et al. 2022, LoRA (arXiv:2106.09685), section 4.
    """
    if rank < 1 or (alpha is not None and alpha <= 0):
        raise ValueError(f"`rank` and `alpha` of LoRA must be positive. Received: rank={rank}, alpha={alpha}.")
    check_not_quantized(model, "LoRA")
    if has_lora(model):
        raise ValueError(
            f"{model.name!r} has LoRA matrices already. Merge them before adding others: "
            "keras_bert_layers.compress.merge_lora(model)."
        )
    projections = _projections(model, targets)
    embeddings, _ = encoder_parts(model)
    below_head = {id(weight) for layer in (embeddings, model.get_layer("encoder")) for weight in layer.weights}
    for weight in model.trainable_weights:
        # On the weight, not on its layer: the layers' own setting is what `merge_lora` goes back to.
        weight.trainable = train_head and id(weight) not in below_head
    with model.distribute_strategy.scope():
        for projection in projections:
            projection.enable_lora(rank, lora_alpha=2 * rank if alpha is None else alpha)
    expect_compile(model)
    return count_weights(model)


def merge_lora(model: keras.Model) -> keras.Model:
    """Adds the LoRA products to the weights, in place: an equal model of plain layers, as it was before `add_lora`.

    It can be saved, exported and converted like any other, takes no more time than without LoRA, and all of it can be
    trained again, but for what `freeze` had frozen. Compile it afterwards.

    Args:
        model: after `add_lora`.

    Returns:
        The same model.

    Raises:
        ValueError: if the model has no LoRA matrices.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> encoder = bert_encoder(config)
        >>> before = encoder.count_params()
        >>> lora = add_lora(encoder)
        >>> lora.total - before, merge_lora(encoder).count_params() - before
        (512, 0)
    """
    projections = _with_lora(model)
    if not projections:
        raise ValueError(f"{model.name!r} has no LoRA matrices to merge: `add_lora` adds them.")
    for projection in projections:
        _merge(projection)
    for layer in model._flatten_layers():
        for weight in layer._trainable_variables:
            weight.trainable = layer.trainable
    expect_compile(model)
    return model


def has_lora(model: keras.Model) -> bool:
    """Whether a model has LoRA matrices that are not merged.

    Args:
        model: of any kind.

    Returns:
        bool.

    Example:
        >>> has_lora(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
        False
    """
    return bool(_with_lora(model))


def _with_lora(model):
    return [layer for layer in model._flatten_layers() if getattr(layer, "lora_enabled", False)]


def _projections(model, targets):
    """The layers under these names in all blocks, each once."""
    if isinstance(targets, str):
        targets = (targets,)
    _, blocks = encoder_parts(model)
    dense = [
        layer
        for block in dict.fromkeys(blocks)
        for layer in block._flatten_layers()
        if isinstance(layer, keras.layers.Dense)
    ]
    names = sorted({layer.name for layer in dense})
    if not targets or not set(targets) <= set(names):
        raise ValueError(
            f"`targets` must name projections in the blocks of {model.name!r}: {', '.join(names)}. "
            f"Received: {list(targets)}."
        )
    return [layer for layer in dense if layer.name in targets]


def _merge(projection):
    scale = projection.lora_alpha / projection.lora_rank
    product = keras.ops.matmul(projection.lora_kernel_a, projection.lora_kernel_b)
    projection._kernel.assign_add(keras.ops.cast(scale * product, projection._kernel.dtype))
    # A function that was traced with LoRA adds the product again: of zeros.
    projection.lora_kernel_b.assign(keras.ops.zeros_like(projection.lora_kernel_b))
    for name in ("lora_kernel_a", "lora_kernel_b"):
        projection._untrack_variable(getattr(projection, name))
        # Deleting a variable's own attribute, Keras collects garbage: half a second for each.
        setattr(projection, name, None)
        delattr(projection, name)
    projection.lora_enabled, projection.lora_rank, projection.lora_alpha = False, None, None
