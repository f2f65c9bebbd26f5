"""BERT as a predictor of masked tokens."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.parts import mask_positions_input, masked_lm_settings, outputs_of


def masked_lm(encoder: keras.Model, name: str = "masked_lm") -> keras.Model:
    """The encoder under a masked-LM head tied to its token embedding.

    Args:
        encoder: from `bert_encoder`. Its layers are shared with the new model, not copied.
        name: of the model. Defaults to `"masked_lm"`.

    Returns:
        A functional model. Inputs: those of the encoder and `mask_positions` int32 [B, M], padded with -1. Output: the
        logits, float [B, M, V].

    Raises:
        ValueError: if `encoder` lacks the outputs of `bert_encoder`.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> masked_lm(bert_encoder(config)).output.shape
        (None, None, 10)

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.1, task 1.
    """
    sequence = outputs_of(encoder)["sequence_output"]
    mask_positions = mask_positions_input()
    head = layers.MaskedLMHead(**masked_lm_settings(encoder), name="masked_lm")
    logits = head(sequence, mask_positions=mask_positions)
    return keras.Model({**encoder.input, "mask_positions": mask_positions}, logits, name=name)
