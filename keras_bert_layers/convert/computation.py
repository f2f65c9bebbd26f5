"""Whether another library would compute the same from a model's weights."""

import keras

from keras_bert_layers import models
from keras_bert_layers.models.encoder_parts import activation_name, encoder_parts

_GELUS = {"gelu", "gelu_tanh"}
_SMALL = 1e-5


def computation_of(model: keras.Model) -> dict[str, object]:
    """The settings of a BERT's arithmetic, which its weights do not show: the words for each -> its value."""
    config = models.config_of(model)
    settings = {
        "activation": config.activation,
        "layer_norm_epsilon": config.layer_norm_epsilon,
        "layer_norm_epsilon of the embeddings": encoder_parts(model)[0].norm.epsilon,
        "attention_dropout": config.attention_dropout,
    }
    named = {layer.name: layer for layer in model.layers}
    pooler, head = named.get("pooler"), named.get("masked_lm")
    if hasattr(pooler, "activation"):
        settings["activation of the pooler"] = activation_name(pooler.activation)
    if hasattr(head, "intermediate_activation"):
        settings["intermediate_activation of the masked-LM head"] = activation_name(head.intermediate_activation)
        settings["layer_norm_epsilon of the masked-LM head"] = head.norm.epsilon
        settings["activation of the masked-LM head"] = activation_name(head.activation)
    return settings


def check_computation(here: dict[str, object], there: dict[str, object], owner: str, approximate: bool) -> None:
    """Refuses a model of which another library computes a different one.

    Args:
        here: of the model, from `computation_of`.
        there: what the other library computes; a setting that is not named can be any.
        owner: of that library, for the message.
        approximate: whether close values pass: the two forms of GELU, which differ by up to 0.0005, and epsilons up to
            1e-5.

    Raises:
        ValueError: if a setting differs; the message lists them.
    """
    differing = {name: (here[name], value) for name, value in there.items() if name in here and here[name] != value}
    if approximate:
        differing = {name: values for name, values in differing.items() if not _close(*values)}
    if not differing:
        return
    listed = "; ".join(f"{name} is {value!r} here, {other!r} there" for name, (value, other) in differing.items())
    advice = "Save it in this library's own format instead: `kbl.convert.save_pretrained`."
    if not approximate and all(_close(*values) for values in differing.values()):
        advice = "The values are close: pass approximate=True to write it all the same, for slightly other outputs."
    raise ValueError(f"{owner} would compute another model from these weights: {listed}. {advice}")


def _close(value, other):
    numbers = isinstance(value, float) and isinstance(other, float)
    return max(value, other) <= _SMALL if numbers else {value, other} == _GELUS
