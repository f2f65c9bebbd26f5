"""What a model attends to in a text, with the names of the tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_bert_layers.interpret.attention_model import attention_model
from keras_bert_layers.interpret.pieces import Pieces, check_texts, model_inputs, pieces_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection(Pieces):
    """A text's attention and hidden states; the fields of Pieces name its rows and columns.

    Args:
        attention: float32 [L, N, S, S]; token i (row) attends to token j in every layer and head.
        hidden_states: float32 [L + 1, S, H].
        **fields: `text`, `tokens`, `token_ids`, `segment_ids`, `words`, `word_ids`, `offsets`: those of Pieces, which
            stand in every result about a text.

    Example:
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> [found] = inspect(models.bert_encoder(config), preprocessor, ["Hi"])
        >>> found.tokens, found.attention.shape
        (('[CLS]', 'hi', '[SEP]'), (2, 2, 3, 3))
    """

    attention: np.ndarray
    hidden_states: np.ndarray


def inspect(model: keras.Model, preprocessor, texts: Sequence[str | tuple[str, str]]) -> list[Inspection]:
    """The attention and hidden states of every layer for each text, without padding.

    Args:
        model: as in `attention_model`, with the inputs `token_ids`, `segment_ids`, `padding_mask`; or what
            `attention_model` made of it, which saves the making when called often.
        preprocessor: the BertPreprocessor that makes the model's features.
        texts: list of str, or of pairs of str.

    Returns:
        An Inspection for each text.

    Raises:
        ValueError: if the model is not built of these layers, or an argument is of another kind.

    Example:
        >>> from keras_bert_layers import models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> [found] = inspect(models.bert_encoder(config), preprocessor, ["Hi, hi"])
        >>> found.words
        ('Hi', ',', 'hi')
    """
    check_texts(texts)
    is_made = isinstance(getattr(model, "output", None), dict) and {"attention", "hidden_states"} <= set(model.output)
    seen = model if is_made else attention_model(model)
    found = []
    for text in texts:
        pieces = pieces_of(preprocessor, text)
        maps = seen(model_inputs(seen, preprocessor, pieces, pieces.token_ids[None]))
        maps = {name: keras.ops.convert_to_numpy(value)[0] for name, value in maps.items()}
        found.append(Inspection(**pieces.fields_of_pieces(), **maps))
    return found
