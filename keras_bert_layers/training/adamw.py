"""The optimizer that BERTs are trained with."""

import keras
from keras import ops

from keras_bert_layers.training.fused_adam import FusedAdam
from keras_bert_layers.training.layer_decay import LayerDecay
from keras_bert_layers.training.schedule import WarmupLinearDecay


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class AdamW(LayerDecay, FusedAdam, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` without weight decay on norms and biases, also after it is saved and loaded.

    Every weight with one axis is a bias or belongs to a norm; matrices and embedding tables decay. Keras' own
    `exclude_from_weight_decay` does the same until the optimizer is reloaded, which forgets it. ε is added to √v̂, as in
    the paper and in PyTorch; Keras adds it to √v, where the same number is up to thirty times as much.

    With `layer_decay` ξ, a head has the learning rate η, block i = 0 … L-1 has η · ξ^(L-i), and the embeddings have
    η · ξ^(L+1); weight decay, a part of each step, is scaled alike.

    Args:
        *args: those of `keras.optimizers.AdamW`.
        layer_decay: float in (0, 1]. ξ; see `layer_rates`. Defaults to `None`: one rate for
            all, like 1.
        **kwargs: the other arguments of `keras.optimizers.AdamW`.

    Raises:
        ValueError: if `layer_decay` is out of its range; when the optimizer meets the weights, if their paths do not
            say to which block they belong.

    Example:
        >>> AdamW(1e-3, weight_decay=0.01, layer_decay=0.9).get_config()["layer_decay"]
        0.9

    Reference:
        Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization (arXiv:1711.05101), algorithm 2.
    """

    def update_step(self, gradient, variable, learning_rate):
        rate = self.rate_of(variable, learning_rate)
        if self.weight_decay and self._use_weight_decay(variable):
            self.assign(variable, variable * ops.cast(1 - self.weight_decay * rate, variable.dtype))
        super().update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables):
        """Nothing: Keras would decay every weight at the rate of the heads; `update_step` does it."""


def adamw(
    learning_rate: float,
    total_steps: int,
    warmup_steps: int = 0,
    weight_decay: float = 0.01,
    epsilon: float = 1e-8,
    global_clipnorm: float | None = 1.0,
    **kwargs,
) -> AdamW:
    """AdamW with warm-up and linear decay, set as BERT's is.

    Args:
        learning_rate: float > 0. The peak of the schedule.
        total_steps: int > 0. Steps of the whole run.
        warmup_steps: int in [0, total_steps). Defaults to 0.
        weight_decay: float >= 0. Not applied to norms and biases. Defaults to 0.01.
        epsilon: float > 0. Defaults to 1e-8, usual in fine-tuning; BERT was pretrained with 1e-6.
        global_clipnorm: float > 0. Longest gradient, over all weights; None for no clipping. Defaults to 1.
        **kwargs: the other arguments of AdamW, such as `layer_decay`.

    Returns:
        An optimizer for `compile`.

    Raises:
        ValueError: if a number is out of its range.

    Example:
        >>> optimizer = adamw(3e-5, total_steps=1000, warmup_steps=100)
        >>> type(optimizer).__name__, optimizer.weight_decay
        ('AdamW', 0.01)
        >>> adamw(3e-5, total_steps=1000, layer_decay=0.9).layer_decay  # lower blocks learn more slowly
        0.9

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), appendix A.2.
    """
    return AdamW(
        WarmupLinearDecay(learning_rate, total_steps, warmup_steps),
        weight_decay=weight_decay,
        epsilon=epsilon,
        global_clipnorm=global_clipnorm,
        **kwargs,
    )
