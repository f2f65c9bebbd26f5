"""ELECTRA: BERT's encoder, trained to tell replaced tokens from real ones."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.config import BertConfig
from keras_bert_layers.models.encoder import bert_encoder, initializer_from
from keras_bert_layers.models.parts import initializer_of, output_of


def electra_encoder(
    config: BertConfig, pooler: bool | keras.layers.Layer = False, name: str = "electra_encoder"
) -> keras.Model:
    """ELECTRA without a head, its discriminator or its generator: a BERT with a pooler only under a text classifier.

    Args:
        config: the sizes and settings; `embedding_dim` where the embeddings have another width than the blocks.
        pooler: whether the model ends in a Pooler with `"gelu"` (what an ELECTRA text classifier begins with), or a
            layer to use as such, [B, S, H] -> [B, H]. Defaults to `False`.
        name: of the model. Defaults to `"electra_encoder"`.

    Returns:
        A functional model with the inputs, outputs and layers of a `bert_encoder`.

    Raises:
        ValueError: if `config` is not a BertConfig.

    Example:
        >>> config = BertConfig(embedding_dim=4, num_layers=2, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> electra_encoder(config).output["sequence_output"].shape
        (None, None, 8)

    Reference:
        Clark et al. 2020, ELECTRA (arXiv:2003.10555), section 2; the pooler is that of Hugging Face's classifier.
    """
    if pooler is True:
        pooler = layers.Pooler(initializer_from(config), "gelu", name="pooler")
    return bert_encoder(config, pooler, name)


def replaced_token_detector(encoder: keras.Model, name: str = "replaced_token_detector") -> keras.Model:
    """The encoder under ELECTRA's head: w · activation(W x[s] + b) + c, how likely the token at s was replaced.

    Train it on sequences in which a masked LM has put its own guesses, with a binary cross-entropy over the real
    tokens (`from_logits=True`, the padding mask as sample weights).

    Args:
        encoder: from `electra_encoder`. Its layers are shared with the new model, not copied.
        name: of the model. Defaults to `"replaced_token_detector"`.

    Returns:
        A functional model. Inputs: those of the encoder. Output: the logits, float [B, S]; a token with a positive one
        was more likely replaced than not. Its layers are those of the encoder, `replaced_token_transform` (Linear) and
        `replaced_token` (TokenClassificationHead).

    Raises:
        ValueError: if `encoder` has no `sequence_output`.

    Example:
        >>> config = BertConfig(embedding_dim=4, num_layers=2, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> replaced_token_detector(electra_encoder(config)).output.shape
        (None, None)

    Reference:
        Clark et al. 2020, ELECTRA (arXiv:2003.10555), section 2: D(x, t), here before its sigmoid.
    """
    sequence = output_of(encoder, "sequence_output")
    transform = layers.Linear(
        sequence.shape[-1],
        activation=encoder.get_layer("encoder").blocks[0].feed_forward.activation,
        kernel_initializer=initializer_of(encoder).clone(),
        name="replaced_token_transform",
    )
    head = layers.TokenClassificationHead(
        1, kernel_initializer=initializer_of(encoder), problem_type="multi_label", name="replaced_token"
    )
    return keras.Model(encoder.input, keras.ops.squeeze(head(transform(sequence)), -1), name=name)
