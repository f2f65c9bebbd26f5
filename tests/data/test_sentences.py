"""Prose is cut where a reader would cut it."""

import pytest

from keras_bert_layers.data import split_sentences

# `|` marks where one sentence ends and the next begins.
ENGLISH = [
    "It rains.| Take a coat!| Why not?| Because.",
    "Dr. Wu met Mr. and Mrs. Lee vs. Prof. Ada at St. James.",
    "Take fruit, e.g. apples, i.e. E. sylvestris, etc. and eat.",
    "Smith et al. (2019) and cf. Vaswani et al. 2017 agree.| Others do not.",
    "It costs $3.50 in version 2.21.1 of numpy.linalg.norm today.| Next year 4.",
    "See Fig. 3 and No. 5.| He said no.| Then he left.",
    "The U.S. Army is big.| He lives in the U.S.| It is large.",
    "J. R. R. Tolkien wrote it.| I am I.| You are you.",
    "At 4 A. M., with wet blankets.| At 5 p.m. the rain stopped.",
    "Wait... what?| Well…| Then go.",
    'He asked "Why?"| Then he left.| (It was late.)| She slept.',
    "“Help!” he said, and Yahoo! answered.| ‘No.’| He ran.",
    "Read `axis`.| `keepdims` says whether.| [Note] follows.",
    "The end of it all.| 3 remain.| Really?!| Yes.",
    "A matrix is n by n.| If not, it raises.",
    "The file a.txt in example.com/x.y is small.| Good.",
    "no stop at all",
]

CHINESE = [
    "今天下雨。|你带伞了吗？|没有！",
    "他说：“好。”|然后走了。",
    "（真的？）|“是的！”|走吧",
    "我……|我不知道。|真的……，好吧。",
    "圆周率是3.14。|他用Python 3.11写。",
    "他说Hello.| Good morning!|好",
]


def pieces(marked):
    return marked.replace("|", ""), [piece.strip() for piece in marked.split("|")]


@pytest.mark.parametrize("marked", ENGLISH)
def test_english_sentences_end_where_marked(marked):
    text, expected = pieces(marked)
    assert split_sentences(text, "en") == expected


@pytest.mark.parametrize("marked", CHINESE)
def test_chinese_sentences_end_where_marked(marked):
    text, expected = pieces(marked)
    assert split_sentences(text, "zh") == expected


@pytest.mark.parametrize("marked", [ENGLISH[0], ENGLISH[10], CHINESE[0], CHINESE[4]])
def test_the_language_is_recognised(marked):
    text, expected = pieces(marked)
    assert split_sentences(text) == expected


def test_each_paragraph_has_its_own_language():
    assert split_sentences("One. Two.\n\n一。二。") == ["One.", "Two.", "一。", "二。"]


def test_english_rules_leave_chinese_stops_alone():
    assert split_sentences("一。二。", "en") == ["一。二。"]


def test_a_line_end_is_a_space_and_a_blank_line_an_end():
    assert split_sentences("One\n  two.\tThree\n \t\nfour\n") == ["One two.", "Three", "four"]


def test_a_wrapped_chinese_line_gets_no_space():
    assert split_sentences("今天\n  下雨，\n很大。") == ["今天下雨，很大。"]


@pytest.mark.parametrize("text", ["", " \n\n\t", "\n"])
def test_blank_text_has_no_sentence(text):
    assert split_sentences(text) == []


@pytest.mark.parametrize("marked", ENGLISH + CHINESE)
def test_nothing_but_white_space_is_lost(marked):
    text, _ = pieces(marked)
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match=r'"en", "zh" or "auto".*\'fr\''):
        split_sentences("Bonjour.", "fr")
