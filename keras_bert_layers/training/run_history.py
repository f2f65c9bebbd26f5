"""The epochs of a run that goes on after a restart."""

import keras


class RunHistory(keras.callbacks.History):
    """`keras.callbacks.History` that keeps the epochs it has when another `fit` begins, and can be saved."""

    def __init__(self):
        super().__init__()
        self.epoch = []

    def on_train_begin(self, logs=None):
        """Keeps the epochs, which Keras' own would forget here."""

    def get_state(self) -> dict:
        return {"epoch": self.epoch, "history": self.history}

    def set_state(self, state: dict) -> None:
        self.epoch = list(state["epoch"])
        self.history = {name: list(values) for name, values in state["history"].items()}
