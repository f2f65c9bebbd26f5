"""Are the ids and offsets of BertTokenizer(rules="huggingface") those of Hugging Face's tokenizers?

    pip install tokenizers
    python examples/benchmarks/token_parity.py vocab.txt texts/*.txt
    python examples/benchmarks/token_parity.py vocab.txt --cased --generated 20000 --characters
    python examples/benchmarks/token_parity.py path/of/a/hugging/face/directory texts/*.txt

Compares every line of the texts (and of the members of .zip files), each text as a whole, and on demand generated hard
strings and every Unicode character in four surroundings. A vocabulary file is read by both sides as given here; of a
directory, this library reads the tokenizer with `read_tokenizer`, and `transformers.AutoTokenizer` is the other side.
Prints one line a source and the first differences, and exits with status 1 if there is any.

On one core, 20,000 generated strings take about 5 seconds and all characters two minutes.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import itertools
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from hard_strings import SPECIAL_TOKENS, hard_strings

TEXTS_AT_ONCE = 5000
CHARACTERS_AT_ONCE = 0x4000


def main() -> None:
    arguments = parse_arguments()
    path, lowercase = arguments.tokenizer, not arguments.cased
    if path.is_dir():
        ours, theirs = both_of_directory(path)
    else:
        ours, theirs = both_of_vocabulary(read_vocabulary(path), lowercase)
    differing = 0
    for source in arguments.texts:
        differing += report(str(source), texts_of(source), ours, theirs)
    if arguments.generated:
        words = [token.removeprefix("##") for token in ours.vocabulary]
        strings = hard_strings(arguments.generated, arguments.seed, words)
        differing += report(f"generated strings, seed {arguments.seed}", strings, ours, theirs)
    if arguments.characters:
        differing += report_characters(lowercase)
    sys.exit(1 if differing else 0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tokenizer", type=Path, help="a vocab.txt, or a directory of Hugging Face's files")
    parser.add_argument("texts", type=Path, nargs="*", help="text files, UTF-8, or .zip files of them")
    parser.add_argument("--cased", action="store_true", help="keep case and accents (with a vocab.txt)")
    parser.add_argument("--generated", type=int, default=0, help="how many hard strings to make up")
    parser.add_argument("--seed", type=int, default=0, help="of the generated strings")
    parser.add_argument("--characters", action="store_true", help="compare every Unicode character")
    return parser.parse_intermixed_args()


def read_vocabulary(path: Path) -> list[str]:
    from keras_bert_layers.text.vocab_file import read_vocabulary as read

    return read(path)


def both_of_vocabulary(vocabulary: list[str], lowercase: bool):
    """This library's tokenizer, and the pipeline that `transformers.BertTokenizerFast` builds."""
    import tokenizers

    from keras_bert_layers.text import BertTokenizer

    ids = {token: position for position, token in enumerate(vocabulary)}
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]"))
    theirs.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    specials = [token for token in SPECIAL_TOKENS if token in ids]
    theirs.add_special_tokens([tokenizers.AddedToken(token, special=True, normalized=False) for token in specials])
    return BertTokenizer(vocabulary, lowercase=lowercase, rules="huggingface"), theirs


def both_of_directory(directory: Path):
    """This library's tokenizer, and the one inside `transformers.AutoTokenizer`."""
    import transformers

    from keras_bert_layers.convert.huggingface_tokenizer import read_tokenizer

    theirs = transformers.AutoTokenizer.from_pretrained(directory).backend_tokenizer
    theirs.no_truncation()
    theirs.no_padding()
    return read_tokenizer(directory), theirs


def texts_of(path: Path) -> Iterator[str]:
    """Every line of a file, and the file as one text."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            contents = [archive.read(name) for name in archive.namelist()]
    else:
        contents = [path.read_bytes()]
    for content in contents:
        text = content.decode("utf-8", errors="replace")
        yield text
        yield from text.split("\n")


def report(source: str, texts: Iterable[str], ours, theirs) -> int:
    """Prints how many texts of a source differ; returns their number."""
    start, count, tokens, ids_differ, offsets_differ = time.time(), 0, 0, 0, 0
    texts = iter(texts)
    while batch := list(itertools.islice(texts, TEXTS_AT_ONCE)):
        columns = [rows.to_list() for rows in ours.tokenize_with_offsets(batch, unit="character")]
        encodings = theirs.encode_batch(batch, add_special_tokens=False)
        for text, encoding, ids, starts, ends in zip(batch, encodings, *columns, strict=True):
            offsets = list(zip(starts, ends, strict=True))
            count, tokens = count + 1, tokens + len(ids)
            if ids == encoding.ids and offsets == encoding.offsets:
                continue
            ids_differ += ids != encoding.ids
            offsets_differ += ids == encoding.ids
            if ids_differ + offsets_differ <= 3:
                print(f"  {text[:200]!a}\n    theirs {encoding.tokens[:40]} {encoding.offsets[:40]}")
                print(f"    ours   {[ours.id_to_token(token_id) for token_id in ids[:40]]} {offsets[:40]}")
    print(
        f"{source}: {count:,} texts, {tokens:,} tokens; ids differ in {ids_differ}, offsets only in {offsets_differ} "
        f"({time.time() - start:.0f} s)"
    )
    return ids_differ + offsets_differ


def report_characters(lowercase: bool) -> int:
    """Every character alone, inside a word, doubled and between words, with vocabularies that know every character."""
    differing = 0
    _, theirs = both_of_vocabulary(list(SPECIAL_TOKENS), lowercase)
    for first in range(0, 0x110000, CHARACTERS_AT_ONCE):
        block = range(max(first, 1), first + CHARACTERS_AT_ONCE)
        characters = [chr(code_point) for code_point in block if not 0xD800 <= code_point < 0xE000]
        if not characters:
            continue
        forms = {form for character in characters for form in character + theirs.normalizer.normalize_str(character)}
        forms = sorted(form for form in forms - set("ab") if not form.isspace())
        vocabulary = [*SPECIAL_TOKENS, "a", "b", "##a", "##b", *forms, *(f"##{form}" for form in forms)]
        patterns = ("{0}", "a{0}b", "{0}{0}", "{0}a {0} b{0}")
        texts = (pattern.format(character) for pattern in patterns for character in characters)
        source = f"characters from U+{block[0]:04X}"
        differing += report(source, texts, *both_of_vocabulary(vocabulary, lowercase))
    return differing


if __name__ == "__main__":
    main()
