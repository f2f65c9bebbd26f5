"""What a model is for, told by its parts."""

import keras

# The layer by which a model of a task is known.
_HEADS = {
    "next_sentence": "pretraining",
    "replaced_token": "pretraining",
    "masked_lm": "masked_lm",
    "classification": "text_classification",
    "token_classification": "token_classification",
    "span": "question_answering",
    "pooling": "sentence_embedding",
}

# Heads whose names no other task has.
PRETRAINING_HEADS = ("next_sentence", "replaced_token", "masked_lm")


def task_of(model: keras.Model) -> str:
    """The task that a model was built for, known by the names of its layers."""
    return task_of_parts({layer.name for layer in model.layers})


def task_of_parts(names: set[str]) -> str:
    """The task of a model with parts of these names."""
    return next((task for head, task in _HEADS.items() if head in names), "encoder")
