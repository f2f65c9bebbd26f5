"""The optimizer that BERTs are trained with."""

import keras

from keras_bert_layers.training.schedule import WarmupLinearDecay


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class AdamW(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` that leaves norms and biases out of the weight decay, also after it is saved and loaded.

    Every weight with one axis is a bias or belongs to a norm; matrices and embedding tables decay. Keras' own
    `exclude_from_weight_decay` does the same until the optimizer is reloaded, which forgets it.

    Args:
        **kwargs: the arguments of `keras.optimizers.AdamW`.

    Example:
        >>> AdamW(1e-3, weight_decay=0.01).weight_decay
        0.01

    Reference:
        Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization (arXiv:1711.05101), algorithm 2.
    """

    def _use_weight_decay(self, variable):
        return len(variable.shape) > 1 and super()._use_weight_decay(variable)


def adamw(
    learning_rate: float,
    total_steps: int,
    warmup_steps: int = 0,
    weight_decay: float = 0.01,
    epsilon: float = 1e-6,
    global_clipnorm: float | None = 1.0,
    **kwargs,
) -> AdamW:
    """AdamW with warm-up and linear decay, set as BERT's is.

    Args:
        learning_rate: float > 0. The peak of the schedule.
        total_steps: int > 0. Steps of the whole run.
        warmup_steps: int in [0, total_steps). Defaults to 0.
        weight_decay: float >= 0. Not applied to norms and biases. Defaults to 0.01.
        epsilon: float > 0. Defaults to 1e-6, BERT's.
        global_clipnorm: float > 0. Longest gradient, over all weights; None for no clipping. Defaults to 1.
        **kwargs: the other arguments of `keras.optimizers.AdamW`.

    Returns:
        An optimizer for `compile`.

    Raises:
        ValueError: if a number is out of its range.

    Example:
        >>> optimizer = adamw(3e-5, total_steps=1000, warmup_steps=100)
        >>> type(optimizer).__name__, optimizer.weight_decay
        ('AdamW', 0.01)

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
