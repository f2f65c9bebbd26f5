"""The characters of a Chinese word, and the pieces of any word, are marked as belonging together."""

import builtins

import pytest

from keras_bert_layers.data.chinese_words import WordMarkingTokenizer, jieba_words
from keras_bert_layers.text import BertTokenizer

WORDS = [*"北京清华大学今天下雨我来到图书馆，。", "rain", "##s", "3", ".", "14", "é", "cafe"]
TOKENIZER = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS)])


def marked(texts, segment):
    """The tokens with + before those that go on with a word."""
    tokenizer = WordMarkingTokenizer(TOKENIZER, segment)
    ids = [row for text in texts for row in tokenizer.tokenize(text).to_list()]
    marks = iter(tokenizer.continues().tolist())
    return [" ".join("+" * next(marks) + TOKENIZER.id_to_token(token) for token in row) for row in ids]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("北京|清华大学", "北 +京 清 +华 +大 +学"),
        ("今天|下雨|。", "今 +天 下 +雨 。"),
        ("我| |rains|北京", "我 rain +##s 北 +京"),
        ("3.14| |café", "3 . 14 cafe"),
        ("我3|图书馆", "我 3 图 +书 +馆"),
        ("，。|北京", "， 。 北 +京"),
        ("猫狗", "[UNK] +[UNK]"),
    ],
)
def test_ideographs_of_a_word_and_pieces_of_a_word_go_on(words, expected):
    words = words.split("|")
    assert marked([["".join(words)]], lambda text: words) == [expected]


def test_marks_follow_the_tokens_over_texts_and_calls():
    def segment(text):
        return [text[i : i + 2] for i in range(0, len(text), 2)]

    texts = [["北京大学", "rains"], ["今天下"]]
    assert marked(texts, segment) == ["北 +京 大 +学", "rain +##s", "今 +天 下"]


def test_a_segmenter_that_loses_text_is_refused():
    with pytest.raises(ValueError, match=r"must be the text's 4 characters in order\. They have 2"):
        marked([["北京大学"]], lambda text: ["北京"])


def test_jieba_knows_words():
    pytest.importorskip("jieba")
    assert marked([["我来到北京清华大学"]], None) == ["我 来 +到 北 +京 清 +华 +大 +学"]


def test_without_jieba_the_extra_is_named(monkeypatch):
    installed = builtins.__import__

    def without_jieba(name, *arguments, **keywords):
        if name == "jieba":
            raise ImportError(name)
        return installed(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_jieba)
    with pytest.raises(ImportError, match=r"keras_bert_layers\[chinese\]"):
        jieba_words()
