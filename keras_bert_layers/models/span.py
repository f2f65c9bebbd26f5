"""BERT as a finder of answers."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.parts import initializer_of, output_of


def span_predictor(encoder: keras.Model, name: str = "span_predictor") -> keras.Model:
    """The encoder under a span head, for questions whose answer is a piece of the text.

    Args:
        encoder: from `bert_encoder`. Its layers are shared with the new model, not copied.
        name: of the model. Defaults to `"span_predictor"`.

    Returns:
        A functional model. Inputs: those of the encoder. Outputs, by name, logits over the positions: `start` and
        `end`, float [B, S] each; padding has -10,000.

    Raises:
        ValueError: if `encoder` has no `sequence_output`.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> {name: output.shape for name, output in span_predictor(bert_encoder(config)).output.items()}
        {'start': (None, None), 'end': (None, None)}

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 4.2.
    """
    sequence = output_of(encoder, "sequence_output")
    head = layers.SpanHead(initializer_of(encoder), name="span")
    logits = head(sequence, padding_mask=encoder.input["padding_mask"])
    return keras.Model(encoder.input, logits, name=name)
