"""What the quickstart shows while it works: one line with a bar and the time left, and no messages of libraries."""

import contextlib
import os
import sys
import time


@contextlib.contextmanager
def quiet_start():
    """Keeps what TensorFlow's libraries write to the standard error while they are loaded off the screen.

    TF_CPP_MIN_LOG_LEVEL does not reach the messages that come before its logging is set up.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


with quiet_start():
    import keras


class Progress(keras.callbacks.Callback):
    """A bar over all epochs of a `fit`; where the output is no terminal, a line an epoch.

    Args:
        steps: batches in the whole run.
        shown: name of a logged value -> how to write it, such as `"test accuracy {:.3f}"`.
        name: what is trained.
        every_epoch: whether, without a terminal, each epoch gets a line, or only the last.
    """

    def __init__(self, steps: int, shown: dict[str, str], name: str = "", every_epoch: bool = True):
        super().__init__()
        self.steps, self.shown, self.name, self.every_epoch = steps, shown, name, every_epoch
        self.step, self.last_drawn, self.text = 0, 0.0, ""

    def on_train_begin(self, logs=None):
        self.started = time.time()

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if sys.stdout.isatty() and time.time() - self.last_drawn > 0.2:
            self._draw()

    def on_epoch_end(self, epoch, logs=None):
        self.text = ", ".join(form.format(logs[key]) for key, form in self.shown.items())
        if sys.stdout.isatty():
            self._draw(end="\n" if self.step >= self.steps else "")
        elif self.every_epoch or self.step >= self.steps:
            print(self._line(), flush=True)

    def _draw(self, end=""):
        self.last_drawn = time.time()
        print(f"\r\033[K{self._line()}", end=end, flush=True)

    def _line(self):
        share = self.step / self.steps
        bar = f"[{'=' * round(20 * share):20}]"
        passed = time.time() - self.started
        left = f"{clock(passed * (1 - share) / share)} left" if share < 1 else clock(passed)
        return "  ".join(part for part in (self.name, bar, f"{self.step}/{self.steps}", left, self.text) if part)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
