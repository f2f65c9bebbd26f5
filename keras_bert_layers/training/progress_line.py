"""A line on the terminal that says how far a run is."""

import shutil
import sys
import time

# Logged value -> how to write it, in this order; of other values only scores of validation are written, by their names.
_FORMS = {
    "masked_lm_loss": "loss {:.3f}",
    "loss": "loss {:.3f}",
    "masked_lm_accuracy": "words {:.1%}",
    "accuracy": "accuracy {:.1%}",
    "next_sentence_accuracy": "pairs {:.1%}",
    "tokens_per_second": "{:,.0f} tokens/s",
    "share_of_peak": "{:.1%} of peak",
    "val_masked_lm_loss": "held-out loss {:.3f}",
    "val_loss": "held-out loss {:.3f}",
    "val_masked_lm_accuracy": "words {:.1%}",
    "val_accuracy": "accuracy {:.1%}",
    "val_next_sentence_accuracy": "pairs {:.1%}",
}
# The sum of the losses says little beside one of them.
_HIDDEN = {"masked_lm_loss": ("loss",), "val_masked_lm_loss": ("val_loss", "val_next_sentence_loss")}


class ProgressLine:
    """Draws over itself on a terminal; elsewhere, a new line when one is asked for, or every half minute.

    Args:
        total: steps of the whole run.
    """

    def __init__(self, total: int):
        self.total, self._last = total, 0.0

    def show(self, step: int, values: dict[str, float], seconds_left: float | None, whole: bool = False) -> None:
        """Shows the values after `step`; `whole` asks for a line of their own, which stays."""
        now = time.monotonic()
        if sys.stdout.isatty():
            # A line that wraps could not be drawn over.
            text = self._text(step, values, seconds_left)[: shutil.get_terminal_size().columns - 1]
            print(f"\r\033[K{text}", end="\n" if whole else "", flush=True)
        elif whole or now - self._last > 30:
            print(self._text(step, values, seconds_left), flush=True)
            self._last = now

    def _text(self, step, values, seconds_left):
        parts = [f"[{'=' * round(20 * step / self.total):20}]", f"{step}/{self.total}"]
        if seconds_left is not None and step < self.total:
            parts.append(f"{clock(seconds_left)} left")
        hidden = {other for name, others in _HIDDEN.items() if name in values for other in others}
        known = {name: form for name, form in _FORMS.items() if name in values and name not in hidden}
        others = [name for name in values if name.startswith("val_") and name not in {*known, *hidden}]
        known |= {name: name.removeprefix("val_").replace("_", " ") + " {:.3f}" for name in others}
        parts += [form.format(values[name]) for name, form in known.items()]
        return "  ".join(parts)


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes and seconds, as a clock shows them."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
