"""BERT as a predictor of masked tokens."""

import keras

from keras_bert_layers.models.parts import mask_positions_input, masked_lm_head, output_of


def masked_lm(encoder: keras.Model, head: keras.layers.Layer | None = None, name: str = "masked_lm") -> keras.Model:
    """The encoder under a masked-LM head tied to its token embedding.

    Args:
        encoder: from `bert_encoder`. Its layers are shared with the new model, not copied.
        head: layer to use instead of the standard MaskedLMHead, called with the sequence output and `mask_positions`.
            Defaults to `None`.
        name: of the model. Defaults to `"masked_lm"`.

    Returns:
        A functional model. Inputs: those of the encoder and `mask_positions` int32 [B, M], padded with -1. Output: the
        logits, float [B, M, V].

    Raises:
        ValueError: if `encoder` has no `sequence_output`.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> masked_lm(bert_encoder(config)).output.shape
        (None, None, 10)

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.1, task 1.
    """
    sequence = output_of(encoder, "sequence_output")
    mask_positions = mask_positions_input()
    logits = (head or masked_lm_head(encoder))(sequence, mask_positions=mask_positions)
    return keras.Model({**encoder.input, "mask_positions": mask_positions}, logits, name=name)
