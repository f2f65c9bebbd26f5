"""Which parts of a model training leaves as they are."""

import keras

from keras_bert_layers.models.encoder_parts import encoder_parts
from keras_bert_layers.models.weight_count import WeightCount, count_weights, expect_compile


def freeze(model: keras.Model, blocks: int | None = 0, embeddings: bool = True) -> WeightCount:
    """Takes the embeddings and the lowest blocks of a model out of its training, in place.

    What is frozen stays so in a `.keras` file; `unfreeze` ends it. Its dropout goes on: in Keras, `trainable` says
    which weights are trained, and `training` what dropout does. With the embeddings frozen too, no gradient is computed
    below the lowest block that is trained, which saves time and memory. A masked-LM head that is tied to the embeddings
    has its matrix frozen with them. Compile the model afterwards: `fit` asks for it.

    Args:
        model: of keras_bert_layers.models: an encoder or a head on one. What shares its layers is frozen with it.
        blocks: int. How many blocks, counted from the embeddings; `None` for all. Of an ALBERT, whose blocks are
            applied several times, those with weights of their own. Defaults to 0.
        embeddings: bool. Whether the embeddings are frozen. Defaults to `True`.

    Returns:
        How many weights are trained now, and how many there are; it prints as a sentence.

    Raises:
        ValueError: if the model has not so many blocks, or no embeddings and blocks under these names.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder, text_classifier
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=3, num_heads=2, intermediate_dim=16)
        >>> print(freeze(text_classifier(bert_encoder(config), num_classes=2), blocks=2))
        690 of 6,098 weights are trained (11.3 %)

    Reference:
        Lee et al. 2019, What Would Elsa Do? (arXiv:1911.03090): a quarter of the blocks has to be trained for most of
        the accuracy.
    """
    layer, used = encoder_parts(model)
    distinct = list(dict.fromkeys(used))
    if blocks is None:
        blocks = len(distinct)
    if not 0 <= blocks <= len(distinct):
        shared = f", which it applies {len(used)} times" if len(used) > len(distinct) else ""
        raise ValueError(
            f"`blocks` is how many of the lowest blocks to freeze, and {model.name!r} has {len(distinct)} blocks with "
            f"weights of their own{shared}. Received: {blocks}. Choose 0 to {len(distinct)}, or None for all."
        )
    if embeddings:
        layer.trainable = False
    for block in distinct[:blocks]:
        block.trainable = False
    expect_compile(model)
    return count_weights(model)


def unfreeze(model: keras.Model) -> WeightCount:
    """Lets all weights of a model be trained again, in place; compile it afterwards.

    Args:
        model: of any kind.

    Returns:
        The count of its weights.

    Raises:
        ValueError: if LoRA matrices were added to the model: they are trained in place of the weights below them.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> encoder = bert_encoder(config, pooler=False)
        >>> freeze(encoder).trained, unfreeze(encoder).trained
        (1200, 5408)
    """
    layers = model._flatten_layers()
    if any(getattr(layer, "lora_enabled", False) for layer in layers):
        raise ValueError(
            f"{model.name!r} has LoRA matrices, which are trained in place of the weights they are added to. Merge "
            "them before its weights are trained: keras_bert_layers.compress.merge_lora(model)."
        )
    for layer in layers:
        # One by one: set to the value that it has, Keras passes it on to no part.
        layer.trainable = True
    expect_compile(model)
    return count_weights(model)
