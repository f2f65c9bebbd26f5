"""A model that also puts out what stands between its blocks."""

import keras

from keras_bert_layers.models.encoder_parts import encoder_parts


def with_hidden_states(model: keras.Model) -> keras.Model:
    """The same layers, wired so that the outputs of all blocks come out as well, each computed once.

    Args:
        model: of keras_bert_layers.models.

    Returns:
        A functional model with the inputs of `model`. Outputs, by name: `outputs`, those of `model`, and
        `hidden_states`, a list of float [B, S, H], one for each layer.
    """
    encoder_parts(model)
    stack, states = model.get_layer("encoder"), []

    def call(layer, *args, **kwargs):
        if layer is not stack:
            return layer(*args, **kwargs)
        kept = kwargs.pop("keep_first", None)
        states[:] = layer.hidden_states(*args, **kwargs)
        return states[-1] if kept is None else states[-1][:, :kept]

    wired = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    return keras.Model(wired.input, {"outputs": wired.output, "hidden_states": list(states)}, name=model.name)
