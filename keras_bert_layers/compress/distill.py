"""Training a small model to give the answers of a large one."""

from collections.abc import Mapping

import keras

from keras_bert_layers.compress.distiller import EncoderDistiller
from keras_bert_layers.compress.hidden_states_loss import HiddenStatesLoss
from keras_bert_layers.compress.logits_loss import LogitsLoss
from keras_bert_layers.models.encoder_parts import encoder_parts


def distill(
    teacher: keras.Model,
    student: keras.Model,
    temperature: float = 2.0,
    logits: str | None = "kl_divergence",
    hidden: bool | Mapping[int, int] = True,
    hidden_weight: float = 1.0,
    label_weight: float = 0.5,
) -> EncoderDistiller:
    """A model to `compile` and `fit` like the student, which learns from labels and from the teacher.

    loss = λ · loss(labels) + (1 - λ) · (T² · KL(teacher ‖ student) + w · MSE(hidden states)).

    All losses of the teacher leave out padding. The student is what was passed, and is trained in place: `predict` and
    `evaluate` of the distiller are the student's, and the student itself is saved, exported and converted like any
    other model. The teacher runs without dropout, and is frozen.

    Args:
        teacher: trained, of keras_bert_layers.models.
        student: with the same inputs and outputs, such as `student_of(teacher)`. It may have another width.
        temperature: float > 0. T. Defaults to 2.
        logits: `"kl_divergence"` for classes, tokens and spans; `"mse"` for scores, vectors and labels that do not
            exclude each other; `None` for none. Defaults to `"kl_divergence"`.
        hidden: whether the student's layers learn the teacher's hidden states, or which from which: a dict, number of
            the student's layer -> of the teacher's. True pairs them evenly, the last with the last. If the widths
            differ, a projection is trained with the student. Defaults to `True`.
        hidden_weight: float > 0. w. Defaults to 1.
        label_weight: float in [0, 1]. λ. With 0, no labels are needed. Defaults to 0.5.

    Returns:
        An EncoderDistiller, a `keras.Model`. Its metrics are `student_loss`, `distillation_loss` and `total_loss`.

    Raises:
        ValueError: if a number is out of range, nothing is left to learn from the teacher, the models differ in inputs
            or outputs, or they share weights.

    Example:
        >>> import numpy as np
        >>> from keras_bert_layers import compress, models
        >>> config = models.BertConfig(vocabulary_size=9, hidden_dim=8, num_layers=4, num_heads=2, intermediate_dim=16)
        >>> teacher = models.text_classifier(models.bert_encoder(config), num_classes=2)
        >>> student = compress.student_of(teacher)
        >>> distiller = distill(teacher, student)
        >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> features = {name: np.ones((2, 3), "int32") for name in student.input}
        >>> history = distiller.fit(features, np.array([0, 1]), verbose=0)
        >>> sorted(history.history)
        ['distillation_loss', 'loss', 'student_loss', 'total_loss']

    Reference:
        Hinton et al. 2015 (arXiv:1503.02531), section 2; Sanh et al. 2019, DistilBERT (arXiv:1910.01108), section 3;
        Jiao et al. 2020, TinyBERT (arXiv:1909.10351), section 3.1.
    """
    if logits is None and not hidden:
        raise ValueError(
            "Nothing is left to learn from the teacher: `logits` is None and `hidden` is "
            f"{hidden!r}. Choose at least one."
        )
    if hidden_weight <= 0 or not 0 <= label_weight < 1:
        raise ValueError(
            "`hidden_weight` must be positive, and `label_weight`, the share of the labels, in [0, 1). Received: "
            f"hidden_weight={hidden_weight}, label_weight={label_weight}."
        )
    losses, weights = [], []
    if logits is not None:
        losses.append(LogitsLoss(temperature, logits))
        weights.append(1.0)
    if hidden:
        losses.append(HiddenStatesLoss(even_layers(teacher, student) if hidden is True else hidden))
        weights.append(hidden_weight)
    return EncoderDistiller(teacher, student, losses, weights, label_weight)


def even_layers(teacher: keras.Model, student: keras.Model) -> dict[int, int]:
    """Which layer of the teacher each layer of the student learns from: m of M from layer ⌊(m + 1) N / M⌋ - 1 of N.

    Args:
        teacher, student: of keras_bert_layers.models.

    Returns:
        dict, number of the student's layer -> number of the teacher's, both from 0.

    Raises:
        ValueError: if the student has more layers than the teacher.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> sizes = {"vocabulary_size": 9, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 16}
        >>> teacher, student = (bert_encoder(BertConfig(num_layers=number, **sizes)) for number in (6, 3))
        >>> even_layers(teacher, student)
        {0: 1, 1: 3, 2: 5}
    """
    theirs, ours = (len(encoder_parts(model)[1]) for model in (teacher, student))
    if ours > theirs:
        raise ValueError(
            f"The student has {ours} layers and the teacher {theirs}: say which learns from which, "
            "hidden={student's: teacher's, ...}, or hidden=False."
        )
    return {number: (number + 1) * theirs // ours - 1 for number in range(ours)}
