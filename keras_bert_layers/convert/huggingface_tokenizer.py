"""The tokenizer of a Hugging Face directory: read as `transformers.AutoTokenizer` reads it, and written for it."""

from pathlib import Path

from keras_bert_layers import text
from keras_bert_layers.convert.huggingface_pipeline import read_pipeline
from keras_bert_layers.convert.huggingface_tokenizer_files import TokenizerFiles
from keras_bert_layers.convert.huggingface_tokenizer_writer import write_tokenizer
from keras_bert_layers.convert.huggingface_tokens import read_tokens

__all__ = ["read_tokenizer", "write_tokenizer"]


def read_tokenizer(
    directory: Path, vocabulary_size: int | None = None
) -> "text.BertTokenizer | text.BytePairTokenizer":
    """The tokenizer that `transformers.AutoTokenizer.from_pretrained(directory)` makes, with its ids.

    Reads what is there of tokenizer.json, vocab.txt, tokenizer_config.json, special_tokens_map.json, added_tokens.json
    and config.json (for its `tokenizer_class`), as old and new versions of transformers write them. Truncation and
    padding in a tokenizer.json are no part of a tokenizer here: BertPreprocessor does them.

    The vocabulary is that of tokenizer.json; a vocab.txt beside it has to agree. `do_lower_case`, `strip_accents` and
    `tokenize_chinese_chars` are, as in transformers, what tokenizer_config.json says if its class is BertTokenizer (or
    DistilBertTokenizer, ...), and what tokenizer.json says if its class has no pipeline of its own
    (PreTrainedTokenizerFast, TokenizersBackend).

    Where no file says `do_lower_case`, the words of the vocabulary do: it is lowercased text (as transformers assumes,
    always) if none of them has a capital letter, and cased text if one in a hundred has.

    Args:
        directory: with the files.
        vocabulary_size: int or None. How many tokens the model has embeddings for. More tokens are an error; fewer are
            not, as many models are padded to a round number. Defaults to None: any.

    Returns:
        a BertTokenizer with Hugging Face's rules; for a byte-level BPE, a BytePairTokenizer. An added token that is not
        special, but is found as it is written (`normalized` is false), counts as special here.

    Raises:
        ValueError: if there is no vocabulary, there are two that differ, it is too large or has no tokens for some ids,
            special tokens have other names than `[CLS]` and so on, or the files ask for something that is not done
            here, which is named.

    Example:
        >>> import json, tempfile
        >>> directory = Path(tempfile.mkdtemp())
        >>> _ = (directory / "vocab.txt").write_text("[PAD]\\n[UNK]\\n[CLS]\\n[SEP]\\nPaul\\nthe\\n")
        >>> _ = (directory / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
        >>> read_tokenizer(directory, vocabulary_size=8).tokenize("Paul the").numpy()
        array([4, 5], dtype=int32)
    """
    files = TokenizerFiles.read(directory)
    if files.kind == "BPE":
        tokenizer = text.BytePairTokenizer.from_tokenizer_json(directory / "tokenizer.json")
    else:
        tokens = read_tokens(files)
        tokenizer = text.BertTokenizer(
            tokens.vocabulary,
            **read_pipeline(files, tokens.vocabulary),
            special_tokens=tokens.special_tokens,
            added_tokens=tokens.added_tokens,
            special_tokens_in_strings=not files.settings.get("split_special_tokens", False),
            rules="huggingface",
        )
    if vocabulary_size is not None and tokenizer.vocabulary_size > vocabulary_size:
        raise ValueError(
            f"The tokenizer in {directory} has {tokenizer.vocabulary_size} tokens, but the model has embeddings for "
            f"{vocabulary_size}: ids from {vocabulary_size} on would have none. Use the tokenizer that the model was "
            "trained with, or resize the model's embeddings where it was trained."
        )
    return tokenizer
