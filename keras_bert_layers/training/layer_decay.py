"""Lower learning rates for lower layers: what an optimizer takes on to have them."""

import re
from collections.abc import Sequence

import keras

# A block's place stands in its name: `block_3`, or `group_1_block_0` in an ALBERT.
_BLOCK = re.compile(r"(?:^|/)(?:group_(?P<group>\d+)_)?block_(?P<block>\d+)/")
_EMBEDDINGS = re.compile(r"(?:^|/)embeddings/")


def layer_rates(variables: Sequence[keras.Variable], decay: float) -> list[float]:
    """The factor ξ^depth by which the learning rate of each weight is lower than that of the heads.

    Heads, poolers and a last normalization have depth 0, the topmost block 1, the lowest of L blocks L, the embeddings
    L + 1. The place is read from the paths of the weights. Blocks that share weights count once: L is the number of
    blocks with weights of their own, in an ALBERT mostly 1.

    Args:
        variables: the weights that are trained, of a model of keras_bert_layers.models or with blocks of such names
            (`block_0`, `block_1`, ...) and the layer `embeddings`.
        decay: float in (0, 1]. ξ.

    Returns:
        One factor for each variable.

    Raises:
        ValueError: if no variable belongs to a block or to the embeddings.

    Example:
        >>> layer = keras.layers.Dense(1, name="block_0")
        >>> layer.build((None, 2))
        >>> layer_rates(layer.variables, 0.5)
        [0.5, 0.5]

    Reference:
        Sun et al. 2019, How to Fine-Tune BERT (arXiv:1905.05583), section 5.3.3; Clark et al. 2020, ELECTRA
        (arXiv:2003.10555), appendix B, whose code gives the blocks and embeddings one factor more.
    """
    paths = [variable.path for variable in variables]
    places = [_BLOCK.search(path) for path in paths]
    if not any(places) and not any(_EMBEDDINGS.search(path) for path in paths):
        raise ValueError(
            "`layer_decay` gives every block a learning rate of its own, and reads the places of the blocks from the "
            "paths of the weights, such as 'encoder/block_0/attention/query/kernel'. None of the weights belongs to a "
            f"block or to the embeddings. Received: {', '.join(paths[:4])}. Name the blocks block_0, block_1, ... and "
            "the embeddings `embeddings`, or leave `layer_decay` out."
        )
    blocks_per_group = 1 + max((int(place["block"]) for place in places if place and place["group"]), default=0)
    numbers = [
        None if place is None else int(place["group"] or 0) * blocks_per_group + int(place["block"]) for place in places
    ]
    num_blocks = 1 + max((number for number in numbers if number is not None), default=-1)
    return [decay ** _depth(path, number, num_blocks) for path, number in zip(paths, numbers, strict=True)]


class LayerDecay:
    """For an optimizer class to inherit from before Keras' own: rates by depth, and no decay of norms and biases.

    The optimizer passes every rate through `rate_of`.
    """

    def __init__(self, *args, layer_decay: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        if layer_decay is not None and not 0 < layer_decay <= 1:
            raise ValueError(
                "`layer_decay` is the factor between the learning rates of a block and of the one above it, and must "
                f"be in (0, 1]; 0.8 to 0.95 is usual. Received: {layer_decay!r}."
            )
        self.layer_decay = layer_decay

    def build(self, variables):
        super().build(variables)
        if self._by_depth():
            self._layer_rates = layer_rates(variables, self.layer_decay)

    def rate_of(self, variable, learning_rate):
        """The learning rate of this weight."""
        return (
            learning_rate * self._layer_rates[self._get_variable_index(variable)] if self._by_depth() else learning_rate
        )

    def get_config(self):
        return {**super().get_config(), "layer_decay": self.layer_decay}

    def _by_depth(self):
        return self.layer_decay not in (None, 1)

    def _use_weight_decay(self, variable):
        return len(variable.shape) > 1 and super()._use_weight_decay(variable)


def _depth(path, number, num_blocks):
    if number is not None:
        return num_blocks - number
    return num_blocks + 1 if _EMBEDDINGS.search(path) else 0
