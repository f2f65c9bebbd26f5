"""What is asked about a text, for each kind of model: a class, the label of a word, the token behind a [MASK]."""

import dataclasses

import numpy as np

import keras_bert_layers as kbl
import keras_bert_layers.convert
import keras_bert_layers.interpret
import keras_bert_layers.models

METHODS = ("integrated-gradients", "gradient-x-input", "smooth-grad", "leave-one-out")
TASKS = ("text_classification", "token_classification", "masked_lm")


class Explainer:
    """A loaded model, and how its answers are explained.

    Args:
        loaded: of `from_pretrained`.
        sequence_length: tokens at which texts are cut.
        method: one of METHODS.
        steps: of integrated gradients; copies of smooth-grad.

    Raises:
        ValueError: if the model gives no such answers.
    """

    def __init__(self, loaded: kbl.convert.Pretrained, sequence_length: int, method: str, steps: int):
        if loaded.task not in TASKS:
            raise ValueError(
                f"This model is for {loaded.task}. Answers of models for {', '.join(TASKS)} can be explained here; for "
                "others call the functions of keras_bert_layers.interpret with a target."
            )
        self.model, self.tokenizer, self.task = loaded.model, loaded.tokenizer, loaded.task
        self.preprocessor = loaded.preprocessor(sequence_length=sequence_length)
        self.problem_type = kbl.models.problem_type_of(loaded.model)
        self.labels = loaded.labels
        if self.task == "masked_lm":
            # A checkpoint may have more rows than its vocabulary has tokens.
            rows = range(self.tokenizer.vocabulary_size, loaded.model.output.shape[-1])
            self.labels = [*self.tokenizer.vocabulary, *(f"[{row}]" for row in rows)]
        self.settings = {
            "integrated-gradients": {"steps": steps},
            "smooth-grad": {"samples": steps},
            # A word that is taken out would move what is asked about, where that has a place.
            "leave-one-out": {} if self.task == "text_classification" else {"replacement": "mask"},
        }.get(method, {})
        self.method = getattr(kbl.interpret, method.replace("-", "_"))

    def explain(
        self, text: str | tuple[str, str], target: str | None, word: str | None
    ) -> tuple[kbl.interpret.Inspection, kbl.interpret.Attribution]:
        """What the heads read in the text, and what speaks for the target, or else for the model's answer.

        Raises:
            ValueError: if the target is no label, or the word or a [MASK] does not stand in the text.
        """
        [seen] = kbl.interpret.inspect(self.model, self.preprocessor, [text])
        place = self._place(seen, word)
        if target is not None:
            place = (*place, self._number(target))
        elif place:
            # A quick look tells the answer at that place.
            [quick] = kbl.interpret.gradient_x_input(self.model, self.preprocessor, [text], (*place, 0))
            place = (*place, quick.prediction)
        [found] = self.method(self.model, self.preprocessor, [text], place or None, **self.settings)
        return seen, self._with_probabilities(found)

    def answer(self, found: kbl.interpret.Attribution) -> str:
        """The likeliest labels with their probabilities, or the number that the model gives."""
        if not len(found.probabilities):
            return f"{found.logit:.4g}"
        order = np.argsort(-found.probabilities, kind="stable")[:4]
        return ", ".join(f"{self._name(place)} {found.probabilities[place]:.1%}" for place in order)

    def target_name(self, found: kbl.interpret.Attribution) -> str:
        return self._name(found.target[-1])

    def was_cut(self, found: kbl.interpret.Attribution) -> bool:
        parts = [found.text] if isinstance(found.text, str) else list(found.text)
        whole = sum(len(self.tokenizer.tokenize([part])[0]) for part in parts) + 1 + len(parts)
        return whole > len(found.tokens)

    def _place(self, seen, word) -> tuple[int, ...]:
        if self.task == "masked_lm":
            if self.tokenizer.mask_id not in seen.token_ids:
                raise ValueError(f"This model fills in masked words, and there is no [MASK] in {seen.text!r}.")
            return (0,)
        if self.task == "text_classification":
            if word is not None:
                raise ValueError("--word is for models that label words; this one labels texts.")
            return ()
        if word is None:
            raise ValueError("This model labels words. Say with --word which one is asked about.")
        lower = [each.casefold() for each in seen.words]
        if word.casefold() not in lower:
            raise ValueError(f"{word!r} is none of the words of {seen.text!r}: {', '.join(seen.words)}.")
        return (seen.word_ids.index(lower.index(word.casefold())),)

    def _number(self, target: str) -> int:
        if self.labels is None and target.isdigit():
            return int(target)
        if self.labels is None or target not in self.labels:
            several = self.labels is None or self.task == "masked_lm"
            known = "a number of a class" if self.labels is None else f"one of {', '.join(self.labels[:30])}"
            known = "a token of the vocabulary" if several and self.labels else known
            raise ValueError(f"--target must be {known}. Received: {target!r}.")
        return self.labels.index(target)

    def _with_probabilities(self, found):
        """The probabilities by what the logits mean: each on its own, or none, where there is no choice of one."""
        if self.problem_type not in ("multi_label", "regression"):
            return found
        if self.problem_type == "regression":
            return dataclasses.replace(found, probabilities=np.zeros(0, "float32"))
        features = self.preprocessor([found.text if isinstance(found.text, str) else found.text[0]])
        if not isinstance(found.text, str):
            features = self.preprocessor(([found.text[0]], [found.text[1]]))
        logits = np.asarray(self.model({name: features[name] for name in self.model.input}))[0]
        return dataclasses.replace(found, probabilities=1 / (1 + np.exp(-logits)))

    def _name(self, place: int) -> str:
        return f"class {place}" if self.labels is None else str(self.labels[place])
