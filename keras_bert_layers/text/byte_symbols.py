"""The printable characters in which byte-level vocabularies spell bytes (Radford et al. 2019, GPT-2)."""


def _symbols():
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(0x100, 0x200))
    return "".join(chr(byte if byte in printable else next(others)) for byte in range(256))


BYTE_SYMBOLS = _symbols()
"""The character of every byte: itself where that can be printed, else one of U+0100 and after. A space is `Ġ`."""

BYTE_OF_SYMBOL = {symbol: byte for byte, symbol in enumerate(BYTE_SYMBOLS)}


def symbols_to_bytes(token: str) -> bytes | None:
    """The bytes that `token` spells; None if it has a character that stands for no byte."""
    octets = [BYTE_OF_SYMBOL.get(symbol) for symbol in token]
    return None if None in octets else bytes(octets)
