"""A sentence embedder applied to several texts at once, to be trained on pairs."""

import keras
from keras import ops

from keras_bert_layers.models.graph import run_graph


def pair_embedder(embedder: keras.Model, num_texts: int = 2, name: str = "pair_embedder") -> keras.Model:
    """The vectors of the T texts of each example, all by the same embedder: what the losses on pairs read.

    The texts of a batch go through the embedder together, in one batch of B · T rows. Training this model trains the
    embedder, which is then used and saved alone. All are padded to the longest of the batch: where one side is much
    longer than the other, such as questions and passages, that costs time.

    Args:
        embedder: from `text_embedder`; its weights are shared with the new model, not copied.
        num_texts: int >= 2. Texts T in an example: 2 for pairs, more for pairs with hard negatives. Defaults to 2.
        name: of the model. Defaults to `"pair_embedder"`.

    Returns:
        A functional model. Inputs: those of the embedder, each int32 [B, T, S]. Output: float [B, T, H].

    Raises:
        ValueError: if `embedder` is no model with one vector for each text, or `num_texts` is less than 2.

    Example:
        >>> import numpy as np
        >>> from keras_bert_layers.models import BertConfig, bert_encoder, text_embedder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> model = pair_embedder(text_embedder(bert_encoder(config, pooler=False)))
        >>> model({name: np.ones((3, 2, 5), "int32") for name in model.input}).shape
        TensorShape([3, 2, 8])

    Reference:
        Reimers and Gurevych 2019, Sentence-BERT (arXiv:1908.10084), section 3.
    """
    if num_texts < 2:
        raise ValueError(f"`num_texts` must be 2 or more: the texts of an example. Received: {num_texts}.")
    vectors = embedder.output if isinstance(embedder, keras.Model) else None
    if not isinstance(vectors, keras.KerasTensor) or len(vectors.shape) != 2:
        raise ValueError(
            "`embedder` must be a model with one vector [B, H] for each text, as keras_bert_layers.models.text_embedder"
            f" makes it. Received: {embedder!r}" + ("." if vectors is None else f" with the output {vectors!r}.")
        )
    inputs = {
        key: keras.Input((num_texts, None), dtype=tensor.dtype, name=key) for key, tensor in embedder.input.items()
    }
    # All first texts, then all second ones: S may be unknown beside the unknown B, where a reshape takes one unknown.
    rows = {key: ops.concatenate(ops.unstack(tensor, num_texts, axis=1), axis=0) for key, tensor in inputs.items()}
    # The embedder's layers, not the embedder as one layer: `freeze` and `add_lora` find them by their names.
    found = run_graph(embedder, rows, lambda operation, *args, **kwargs: operation(*args, **kwargs))
    by_text = ops.reshape(found, (num_texts, -1, vectors.shape[-1]))
    return keras.Model(inputs, ops.transpose(by_text, (1, 0, 2)), name=name)
