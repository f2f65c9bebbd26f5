"""BERT's text cleaning as a table from characters to strings, in the form tensorflow_text's normaliser op reads.

The op `FastBertNormalize` maps every character through a trie that travels as a constant. The trie that
tensorflow_text builds folds case by NFKC_Casefold, and so turns ß into ss, … into three dots and the full-width ， of
Chinese text into an ASCII comma, which is not what the published vocabularies were made with. This module builds the
trie of BERT's own rules instead: the op stays as fast, keeps its offsets, and gives the published tokenizers' tokens.

The matching op behind it splits words at the punctuation and ideographs of its own tables. Where the rules differ, the
trie helps: a character that must be split off gets spaces around it, and one that must not is replaced, in the text and
in the vocabulary alike, by a stand-in: a private-use character, of which such texts have none.
"""

import functools
import unicodedata

import flatbuffers
import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_layers.text.character_rules import GOOGLE, CharacterRules

# Layout of a mapped value in the trie: a flag, 24 bits of offset into the string pool, 6 bits of length in bytes.
_CHANGED, _LENGTH_BITS = 0x40000000, 6
# A double-array unit with the top bit set carries a value, or nothing: no byte label ever equals it.
_VALUE, _HAS_VALUE = 0x80000000, 0x100
# Where cased, accented, spacing or format characters live; the planes between hold only ideographs and private use.
CODE_POINTS = (*range(0x1, 0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20), *range(0xE0000, 0xE1000))
_PRIVATE_USE = (*range(0xE000, 0xF900), *range(0xF0000, 0xFFFFE), *range(0x100000, 0x10FFFE))


@functools.cache
def build_normalizer_model(
    lowercase: bool, strip_accents: bool, rules: CharacterRules = GOOGLE, split_on_cjk: bool = True
) -> np.ndarray:
    """The `fast_bert_normalizer_model` of BERT's rules.

    Args:
        lowercase: bool. Whether letters are lowercased as by `str.lower`.
        strip_accents: bool. Whether text is decomposed (NFD) and combining marks (Mn) are dropped.
        rules: whose rules. Defaults to Google's.
        split_on_cjk: bool. Whether CJK ideographs stand alone. Defaults to True; False needs rules that drop
            private-use characters.

    Returns:
        uint8 [bytes of the flatbuffer]. Built in a third of a second, then cached.
    """
    spelling, spaced = stand_ins(rules, split_on_cjk), _spaced(rules)
    pool, offsets, root = bytearray(), {}, {}

    def enter(sequence, value):
        if value not in offsets:
            offsets[value] = len(pool)
            pool.extend(value)
        node = root
        for byte in sequence[:-1]:
            node = node.setdefault(byte, {})
        node[sequence[-1]] = _CHANGED | offsets[value] << _LENGTH_BITS | len(value)

    for code_point in sorted({*CODE_POINTS, *spelling}):
        character = chr(code_point)
        normalized = rules.normalize(character, lowercase, strip_accents).translate(spelling)
        if normalized in spaced:
            normalized = f" {normalized} "
        if normalized != character:
            enter(character.encode(), normalized.encode())
    if "Co" in rules.dropped:
        _drop_private_planes(root)
    _drop_broken_sequences(root)
    builder = flatbuffers.Builder(0)
    trie = builder.CreateNumpyVector(_double_array(root))
    strings = builder.CreateNumpyVector(np.frombuffer(bytes(pool), "uint8"))
    builder.StartObject(4)
    builder.PrependBoolSlot(0, lowercase and strip_accents, False)
    builder.PrependUOffsetTRelativeSlot(1, trie, 0)
    builder.PrependInt32Slot(2, _CHANGED, 0)  # NUL, which no trie path can spell, maps to nothing
    builder.PrependUOffsetTRelativeSlot(3, strings, 0)
    builder.Finish(builder.EndObject())
    return np.frombuffer(bytes(builder.Output()), "uint8")


@functools.cache
def stand_ins(rules: CharacterRules = GOOGLE, split_on_cjk: bool = True) -> dict[int, str]:
    """Code points that the matching op would split at against `rules`, and what replaces them: for `str.translate`."""
    if "Co" not in rules.dropped:
        return {}  # every character may stand in a text
    candidates = [
        code_point
        for first, last in rules.newer
        for code_point in range(first, last + 1)
        if unicodedata.category(chr(code_point))[0] in "CP"  # unknown to this Python perhaps, but not to the op
    ]
    for first, last in GOOGLE.ideographs:  # the op's, too
        candidates += range(first, last + 1)
    joined = [
        code_point
        for code_point in _split_by_matcher(candidates)
        if not rules.is_punctuation(chr(code_point)) and not (split_on_cjk and rules.is_ideograph(chr(code_point)))
    ]
    return dict(zip(joined, map(chr, _PRIVATE_USE), strict=False))


def _spaced(rules):
    """Characters that stand alone by `rules`, but not for the matching op."""
    candidates = [code_point for code_point in rules.categories if rules.is_punctuation(chr(code_point))]
    return set(map(chr, candidates)) - set(map(chr, _split_by_matcher(candidates)))


def _split_by_matcher(code_points) -> list[int]:
    """Which of them the matching op cuts out of a word."""
    if not code_points:
        return []
    with tf.init_scope():
        matcher = tf_text.FastWordpieceTokenizer(["[UNK]", "a"], token_out_type=tf.int32)
        pieces = matcher.tokenize([f"a{chr(code_point)}a" for code_point in code_points])
        counts = pieces.row_lengths().numpy()
    return [code_point for code_point, count in zip(code_points, counts, strict=True) if count > 1]


# In a trie of byte sequences a node is a dict, from bytes to nodes or, where a sequence ends, to values. A value that
# belongs to the node itself, because its sequence both ends and goes on, stands at None.


def _drop_private_planes(root):
    """Planes 15 and 16, less the last two code points of each, which are no characters. All share three nodes."""
    last, last_cut = (dict.fromkeys(range(0x80, end), _CHANGED) for end in (0xC0, 0xBE))
    whole = dict.fromkeys(range(0x80, 0xC0), last)
    cut = {**whole, 0xBF: last_cut}
    for lead, begin, end in ((0xF3, 0xB0, 0xBF), (0xF4, 0x80, 0x8F)):
        root.setdefault(lead, {}).update({**dict.fromkeys(range(begin, end), whole), end: cut})


def _drop_broken_sequences(root):
    """Bytes that begin or continue no character go, as by `bytes.decode(errors="ignore")`."""

    def drop(node, byte):
        if isinstance(node.get(byte), dict):
            node[byte][None] = _CHANGED
        else:
            node[byte] = _CHANGED

    for byte in range(0x80, 0x100):
        drop(root, byte)
    for lead in range(0xE0, 0xF5):
        first = {0xE0: 0xA0, 0xF0: 0x90}.get(lead, 0x80)
        last = {0xED: 0x9F, 0xF4: 0x8F}.get(lead, 0xBF)
        if not isinstance(root[lead], dict):
            root[lead] = {None: _CHANGED}
        node = root[lead]
        for second in range(first, last + 1):
            if lead >= 0xF0:
                for third in range(0x80, 0xC0):
                    drop(node.setdefault(second, {}), third)
            drop(node, second)


def _double_array(root: dict) -> np.ndarray:
    """The trie as a darts-clone double array: uint32 units, the child of node n for byte b at n ^ offset(n) ^ b.

    UTF-8 makes the layout simple: below the root, children are continuation bytes 0x80 to 0xBF. A page of 256 units
    serves two inner nodes, whose children fill its upper half; its lower half holds values. A node that several
    sequences share, and a value, are stored once.
    """
    inner, found = [root], {id(root)}
    for node in inner:
        for child in node.values():
            if isinstance(child, dict) and id(child) not in found:
                found.add(id(child))
                inner.append(child)
    # Unit 0 is the root, page 1 holds its children; the pages after it belong to the other inner nodes.
    base = {id(node): (2 + number // 2) * 256 + number % 2 * 64 for number, node in enumerate(inner[1:])}
    base[id(root)] = 256
    pages = 2 + (len(inner) + 1) // 2
    taken = set(base.values())
    spare = (unit for page in range(2, 1 << 13) for unit in range(page * 256, page * 256 + 128) if unit not in taken)
    units, value_units = {0: base[id(root)] << 10}, {}
    for node in inner:
        for byte, child in node.items():
            at = base[id(node)] ^ (byte or 0)
            if byte is None:
                units[at] = _VALUE | child
            elif isinstance(child, dict):
                units[at] = byte | (at ^ base[id(child)]) << 10 | (_HAS_VALUE if None in child else 0)
            else:
                if child not in value_units:
                    value_units[child] = next(spare)
                    units[value_units[child]] = _VALUE | child
                units[at] = byte | (at ^ value_units[child]) << 10 | _HAS_VALUE
    array = np.full(max(pages * 256, max(units) + 1), _VALUE, "uint32")
    array[list(units)] = list(units.values())
    return array


@functools.cache
def final_sigma_pattern() -> str:
    """RE2 pattern of a Σ that `str.lower` makes ς: after a cased letter and before none, passing over marks.

    The one rule of lowercasing that looks beyond a single character; replace by `FINAL_SIGMA_REWRITE`.
    """
    ignorable, cased = [], []
    for code_point in CODE_POINTS:
        character = chr(code_point)
        is_dropped = GOOGLE.normalize(character, True, False) == ""
        if is_dropped or f"{character}Σ".lower()[-1] != "ς":
            # Python itself tells: behind an "a", only a cased or an ignorable character leaves the Σ final.
            if is_dropped or f"a{character}Σ".lower()[-1] == "ς":
                ignorable.append(code_point)
        else:
            cased.append(code_point)
    cased, ignorable = character_class(cased), character_class(ignorable)
    return f"([{cased}][{ignorable}]*)Σ([{ignorable}]*(?:[^{cased}{ignorable}]|$))"


FINAL_SIGMA_REWRITE = r"\1ς\2"


def character_class(code_points: list[int]) -> str:
    """Ascending code points as the inside of an RE2 character class."""
    breaks = np.flatnonzero(np.diff(code_points) > 1) + 1
    runs = np.split(np.asarray(code_points), breaks)
    return "".join(rf"\x{{{run[0]:x}}}-\x{{{run[-1]:x}}}" for run in runs)
