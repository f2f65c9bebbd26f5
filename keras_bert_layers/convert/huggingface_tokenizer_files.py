"""The files of a tokenizer in a Hugging Face directory."""

from dataclasses import dataclass, field
from pathlib import Path

from keras_bert_layers.convert.json_file import read_json_file

_SENTENCE_PIECE = ("spiece.model", "sentencepiece.bpe.model", "tokenizer.model")


@dataclass(frozen=True)
class TokenizerFiles:
    """What the files hold; an empty dict for one that is not there.

    Args:
        directory: of the files.
        tokenizer: tokenizer.json.
        settings: tokenizer_config.json.
        special_tokens: special_tokens_map.json.
        added_tokens: added_tokens.json, token -> id.
        model: config.json.
    """

    directory: Path
    tokenizer: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    special_tokens: dict = field(default_factory=dict)
    added_tokens: dict = field(default_factory=dict)
    model: dict = field(default_factory=dict)

    @classmethod
    def read(cls, directory: Path) -> "TokenizerFiles":
        """The files of a WordPiece or BPE tokenizer.

        Raises:
            ValueError: if there is neither vocab.txt nor tokenizer.json, or tokenizer.json is of another model.
        """

        def read(name):
            return read_json_file(directory / name) if (directory / name).exists() else {}

        files = cls(
            directory,
            tokenizer=read("tokenizer.json"),
            settings=read("tokenizer_config.json"),
            special_tokens=read("special_tokens_map.json"),
            added_tokens=read("added_tokens.json"),
            model=read("config.json"),
        )
        if files.kind not in ("WordPiece", "BPE"):
            raise ValueError(
                f"{directory / 'tokenizer.json'} is of a {files.kind} model. Read here are WordPiece and byte-level "
                "BPE. Load the model with tokenizer=False, and make its ids with transformers."
            )
        if not files.tokenizer and not files.vocabulary_path.exists():
            raise ValueError(f"{directory} has no vocab.txt or tokenizer.json. {_what_to_do(directory)}")
        return files

    @property
    def kind(self) -> str:
        """The kind of the model, "WordPiece" for a vocab.txt alone."""
        if not self.tokenizer:
            return "WordPiece"
        model = self.tokenizer.get("model") or {}
        # The earliest files do not say it.
        return model.get("type") or ("WordPiece" if "continuing_subword_prefix" in model else "unnamed")

    @property
    def vocabulary_path(self) -> Path:
        return self.directory / "vocab.txt"

    @property
    def tokenizer_class(self) -> str | None:
        """As the files have it, or None."""
        return self.settings.get("tokenizer_class") or self.model.get("tokenizer_class")


def _what_to_do(directory):
    for name in _SENTENCE_PIECE:
        if (directory / name).exists():
            return (
                f"It has {name}, of a SentencePiece model, which is not read here. Load the model with "
                "tokenizer=False, and make its ids with transformers."
            )
    if (directory / "vocab.json").exists():
        return (
            "It has vocab.json and perhaps merges.txt: give them to BytePairTokenizer, or write a tokenizer.json with "
            "transformers.AutoTokenizer.from_pretrained(directory).save_pretrained(directory)."
        )
    return "Copy them from where the model was trained, or load the model with tokenizer=False."
