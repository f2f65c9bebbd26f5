"""Keras' distiller, for encoders of texts."""

import types

import keras
from keras import ops

from keras_bert_layers.compress.hidden_states import with_hidden_states
from keras_bert_layers.layers import Linear


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class EncoderDistiller(keras.distillation.Distiller):
    """λ · loss(labels) + (1 - λ) · Σ wᵢ · lossᵢ(teacher, student): `keras.distillation.Distiller`, for encoders.

    Beyond Keras': padding does not count; sample weights do; hidden states are those between the blocks; one pass
    through the student gives its predictions and states; teacher and student may differ in their dtype policy. The
    teacher is frozen, in place. `distill` makes one.

    Args:
        teacher, student: models of keras_bert_layers.models with the same inputs and outputs.
        distillation_losses: list of LogitsLoss, HiddenStatesLoss, or others with their methods and `reads`.
        distillation_loss_weights: list of float. wᵢ. Defaults to `None`: 1 each.
        student_loss_weight: float in [0, 1]. λ. Defaults to 0.5.
        **kwargs: the other arguments of `keras.Model`.

    Raises:
        ValueError: if inputs or outputs differ in shape, or the two models share weights; from `compile`, if labels
            count and there is no `loss`.

    Example:
        >>> from keras_bert_layers import compress, models
        >>> config = models.BertConfig(vocabulary_size=9, hidden_dim=8, num_layers=4, num_heads=2, intermediate_dim=16)
        >>> teacher = models.text_classifier(models.bert_encoder(config), num_classes=2)
        >>> distiller = EncoderDistiller(teacher, compress.student_of(teacher), [compress.LogitsLoss()])
        >>> distiller.student_loss_weight
        0.5
    """

    def __init__(
        self, teacher, student, distillation_losses, distillation_loss_weights=None, student_loss_weight=0.5, **kwargs
    ):
        shared = {id(weight) for weight in teacher.weights} & {id(weight) for weight in student.weights}
        if shared:
            raise ValueError(
                f"Teacher and student share {len(shared)} weights, which would be frozen with the teacher. Copy them: "
                "keras_bert_layers.compress.student_of."
            )
        if not isinstance(distillation_losses, list | tuple):
            distillation_losses = [distillation_losses]
        super().__init__(
            teacher, student, distillation_losses, distillation_loss_weights, student_loss_weight, **kwargs
        )
        self._teacher_features, self._student_features = with_hidden_states(teacher), with_hidden_states(student)
        theirs, ours = (model.get_layer("embeddings").hidden_dim for model in (teacher, student))
        self.projection = None
        of_states = [loss for loss in self.distillation_losses if loss.reads == "hidden_states"]
        if of_states and theirs != ours:
            self.projection = Linear(theirs, use_bias=False, dtype="float32", name="projection")
            self.projection.build((None, None, ours))
        for loss in of_states:
            loss.projection = self.projection
        # What `call` leaves for the `compute_loss` of the same step.
        self._this_step = types.SimpleNamespace(features=None)
        self.built = True

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """As of `keras.Model`: `loss` compares the student's predictions with the labels; None if they do not count."""
        if loss is None and self.student_loss_weight > 0:
            raise ValueError(
                f"Labels count for {self.student_loss_weight} of the loss, and `loss` is None. Pass the loss of the "
                "task, or learn from the teacher alone: label_weight=0."
            )
        # Past Keras' distiller, which gives the loss no sample weights.
        super(keras.distillation.Distiller, self).compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def call(self, inputs, training=None):
        self._this_step.features = self._student_features(inputs, training=training)
        return self._this_step.features["outputs"]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if y_pred is None:
            y_pred = self(x, training=training)
        student_loss = 0.0
        if self.student_loss_weight > 0 and y is not None:
            student_loss = super(keras.distillation.Distiller, self).compute_loss(x, y, y_pred, sample_weight, training)
        student, teacher = self._this_step.features, self._teacher_features(x, training=False)
        weights = {
            "outputs": _weights_of_outputs(x, student["outputs"], sample_weight),
            "hidden_states": _weights(x["padding_mask"], sample_weight),
        }
        distillation_loss = 0.0
        for loss, share in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            loss.validate_outputs(teacher[loss.reads], student[loss.reads])
            distillation_loss += share * loss.compute_loss(
                teacher[loss.reads], student[loss.reads], weights=weights[loss.reads]
            )
        # Keras sums the gradients of replicas, and has divided its own loss by their number.
        replicas = self.distribute_strategy.num_replicas_in_sync
        total = self.student_loss_weight * student_loss + (1 - self.student_loss_weight) * distillation_loss / replicas
        self.student_loss_tracker.update_state(student_loss * replicas)
        self.distillation_loss_tracker.update_state(distillation_loss)
        self.total_loss_tracker.update_state(total * replicas)
        return total

    def _validate_dtype_compatibility(self, teacher, student):
        """Nothing: all losses are computed in float32."""

    def _create_multi_feature_extractors(self):
        """Nothing: the blocks of an encoder are no layers of the functional model, where Keras looks for them."""


def _weights_of_outputs(x, outputs, sample_weight):
    """What each vector of logits counts: one number a row, or a position."""
    if isinstance(outputs, dict):
        by_name = sample_weight if isinstance(sample_weight, dict) else dict.fromkeys(outputs, sample_weight)
        return {name: _weights_of_outputs(x, output, by_name.get(name)) for name, output in outputs.items()}
    if len(outputs.shape) < 3:
        return _weights(ops.ones_like(outputs[:, 0]), sample_weight)
    return _weights(x["mask_positions"] >= 0 if "mask_positions" in x else x["padding_mask"], sample_weight)


def _weights(mask, sample_weight):
    """Mask times sample weights; those of positions say nothing about what is one number a row, and the other way."""
    mask = ops.cast(mask, "float32")
    if sample_weight is None or isinstance(sample_weight, dict):
        return mask
    sample_weight = ops.cast(sample_weight, "float32")
    if len(sample_weight.shape) == 2 and sample_weight.shape[-1] == 1:
        sample_weight = sample_weight[:, 0]
    if len(sample_weight.shape) < len(mask.shape):
        sample_weight = ops.expand_dims(sample_weight, -1)
    return mask * sample_weight
