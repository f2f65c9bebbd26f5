"""Byte strings that no client should send and every server gets: broken UTF-8, controls, endless marks, megabytes."""

import random
from collections.abc import Callable, Iterator

from benchmarks.hard_strings import SPECIAL_TOKENS, hard_strings

# Each of these is a way not to be UTF-8.
BROKEN = {
    "lone continuation": (b"\x80", b"\xbf"),
    "cut short": (b"\xc3", b"\xe6\x88", b"\xf0\x9f\x99"),
    "overlong": (b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf"),
    "surrogate": (b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb9\x82"),
    "beyond U+10FFFF": (b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"),
    "never a byte of it": (b"\xfe", b"\xff", b"\xfe\xff", b"\xff\xfe\x00\x00"),
}
BIDI = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
WHOLE = ["good", "film", "Straße", "我喜欢", "🙂", "é", "नमस्ते"]


def hostile_bytes(count: int, seed: int = 0) -> list[bytes]:
    """`count` strings of up to some hundred bytes, every kind as often as the others; the same for the same `seed`."""
    draw = random.Random(seed)
    hard = hard_strings(count, seed)
    kinds = list(_KINDS.values())
    return [kinds[number % len(kinds)](draw, hard) for number in range(count)]


def megabytes(seed: int = 0) -> dict[str, bytes]:
    """Strings of a million bytes by what they are made of."""
    draw = random.Random(seed)
    marks = ["\u0301", "\u0323", "\u0302", "\u0345", "\u05b8", "\u0f71"]  # of several combining classes: to be sorted
    parts = {
        "one word": b"a",
        "words": b"good film ",
        "spaces": b" ",
        "NUL": b"\0",
        "punctuation": b"!",
        "ideographs": "我".encode(),
        "special tokens": b"[MASK]",
        "brackets": b"[",
        "continuation bytes": b"\x80",
        "bidi marks": BIDI.encode(),
        "one letter and marks": "".join(draw.choices(marks, k=600)).encode(),
    }
    repeated = {name: (part * (1_000_000 // len(part) + 1))[:1_000_000] for name, part in parts.items()}
    return {**repeated, "random bytes": draw.randbytes(1_000_000)}


def _random_bytes(draw, hard):
    return draw.randbytes(draw.choice((1, 2, 7, 40, 300)))


def _controls(draw, hard):
    return bytes(draw.choices([*range(32), 127, *b"ab "], k=draw.randint(1, 40)))


def _special_tokens(draw, hard):
    return draw.choice(("", " ")).join(draw.choices(SPECIAL_TOKENS, k=draw.randint(1, 40))).encode()


def _bidi(draw, hard):
    return "".join(draw.choices([*BIDI, *WHOLE, " "], k=draw.randint(1, 30))).encode()


def _marks(draw, hard):
    marks = [chr(code) for code in (*range(0x300, 0x370), 0x5B8, 0xF71, 0x20DD)]
    return ("a" + "".join(draw.choices(marks, k=draw.choice((3, 30, 200))))).encode()


def _broken_among_whole(draw, hard):
    broken = [piece for pieces in BROKEN.values() for piece in pieces]
    whole = [word.encode() for word in WHOLE]
    return draw.choice((b"", b" ")).join(draw.choices([*broken, *whole], k=draw.randint(1, 20)))


def _cut_anywhere(draw, hard):
    text = next(hard).encode()
    start = draw.randint(0, len(text))
    return text[start : draw.randint(start, len(text))]


def _hard(draw, hard):
    return next(hard).encode()


_KINDS: dict[str, Callable[[random.Random, Iterator[str]], bytes]] = {
    "random bytes": _random_bytes,
    "controls": _controls,
    "special tokens": _special_tokens,
    "bidi": _bidi,
    "marks": _marks,
    "broken among whole": _broken_among_whole,
    "cut anywhere": _cut_anywhere,
    "hard": _hard,
}
