"""BERT with the two heads it is pretrained with."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.parts import initializer_of, mask_positions_input, masked_lm_head, output_of


def bert_pretrainer(
    encoder: keras.Model, head: keras.layers.Layer | None = None, name: str = "bert_pretrainer"
) -> keras.Model:
    """The encoder under a masked-LM head, tied to its token embedding, and a next-sentence head.

    Args:
        encoder: from `bert_encoder`. Its layers are shared with the new model, not copied.
        head: layer to use instead of the standard MaskedLMHead, called with the sequence output and `mask_positions`.
            Defaults to `None`.
        name: of the model. Defaults to `"bert_pretrainer"`.

    Returns:
        A functional model. Inputs: those of the encoder and `mask_positions` int32 [B, M], padded with -1. Outputs, by
        name, logits: `masked_lm` float [B, M, V], `next_sentence` float [B, 2] (0: the second segment follows).

    Raises:
        ValueError: if `encoder` has no `sequence_output` or no `pooled_output`.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> pretrainer = bert_pretrainer(bert_encoder(config))
        >>> {name: output.shape for name, output in pretrainer.output.items()}
        {'masked_lm': (None, None, 10), 'next_sentence': (None, 2)}

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.1.
    """
    sequence, pooled = output_of(encoder, "sequence_output"), output_of(encoder, "pooled_output")
    mask_positions = mask_positions_input()
    masked_lm = head or masked_lm_head(encoder)
    next_sentence = layers.NextSentenceHead(initializer_of(encoder), name="next_sentence")
    outputs = {
        "masked_lm": masked_lm(sequence, mask_positions=mask_positions),
        "next_sentence": next_sentence(pooled),
    }
    return keras.Model({**encoder.input, "mask_positions": mask_positions}, outputs, name=name)
