"""Files of questions: what is read, what is mended, and what is refused with its place in the file."""

import json

import pytest

from keras_bert_layers.data.tasks import read_squad, write_squad_predictions

CONTEXT = "The cat sat on the mat. The cat slept."


def asked(name="1", text="The cat", start=0, **changes):
    answers = [{"text": text, "answer_start": start}]
    return {"id": name, "question": "Who?", "answers": answers, **changes}


def document(*questions, context=CONTEXT, **article):
    return {"version": "1.1", "data": [{**article, "paragraphs": [{"context": context, "qas": list(questions)}]}]}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path):
    return tmp_path / "questions.json"


def test_all_columns_are_read(file):
    other = {"id": "b", "question": "Where?", "answers": [], "is_impossible": True, "plausible_answers": [{}]}
    answers = [{"text": "The cat", "answer_start": 24}, {"text": "cat", "answer_start": 4}]
    questions = read_squad(write(file, document(asked("a", answers=answers), other, title="Cats")))
    assert (questions.ids, questions.questions, questions.titles) == (["a", "b"], ["Who?", "Where?"], ["Cats", "Cats"])
    assert questions.contexts == [CONTEXT, CONTEXT]
    assert questions.answers == [["The cat", "cat"], []]
    assert questions.is_impossible == [False, True]
    assert questions.spans.tolist() == [[24, 31], [-1, -1]]
    assert (questions.moved, questions.lost, len(questions)) == (0, 0, 2)


@pytest.mark.parametrize(
    ("text", "start", "span", "moved", "lost"),
    [
        ("The cat", 0, (0, 7), 0, 0),
        ("The cat", 24, (24, 31), 0, 0),
        ("The cat", 3, (0, 7), 1, 0),
        ("The cat", 20, (24, 31), 1, 0),
        ("The cat", 12, (0, 7), 1, 0),  # equally near: the earlier one
        ("The cat", 999, (24, 31), 1, 0),
        ("The cat", -5, (0, 7), 1, 0),
        (" cat ", 3, (4, 7), 0, 0),
        ("a dog", 0, (-1, -1), 0, 1),
        ("  ", 3, (-1, -1), 0, 1),
        ("", 3, (-1, -1), 0, 1),
    ],
)
def test_an_answer_stands_where_its_text_is(text, start, span, moved, lost, file):
    questions = read_squad(write(file, document(asked(text=text, start=start))))
    assert questions.spans.tolist() == [list(span)]
    assert (questions.moved, questions.lost) == (moved, lost)
    assert questions.answers == [[text]]


def test_the_first_answer_that_is_found_is_the_one_to_train_on(file):
    answers = [{"text": "a dog", "answer_start": 0}, {"text": "cat", "answer_start": 4}]
    questions = read_squad(write(file, document(asked(answers=answers))))
    assert questions.spans.tolist() == [[4, 7]]
    assert questions.lost == 1


def test_questions_whose_answer_is_lost_are_not_trained_on(file):
    impossible = asked("c", answers=[], is_impossible=True)
    questions = read_squad(write(file, document(asked("a"), asked("b", "a dog"), impossible)))
    assert questions.for_training().ids == ["a", "c"]
    assert questions.lost == 1


def test_the_description_counts_what_was_mended(file):
    impossible = asked("c", answers=[], is_impossible=True)
    questions = read_squad(write(file, document(asked("a", start=5), asked("b", "a dog"), impossible)))
    assert str(questions) == (
        "3 questions on 1 text, 1 without an answer, 1 answer moved to where the text has it, "
        "1 answer that the text does not have"
    )


def test_offsets_count_characters_of_any_kind(file):
    questions = read_squad(write(file, document(asked(text="猫", start=3), context="🐈 是猫。")))
    assert questions.spans.tolist() == [[3, 4]]


def test_a_file_without_answers_is_read_if_that_is_said(file):
    path = write(file, document({"id": "1", "question": "Who?"}))
    assert read_squad(path, with_answers=False).answers == [[]]
    with pytest.raises(ValueError, match=r"data\[0\]\.paragraphs\[0\]\.qas\[0\]: expected the key 'answers'"):
        read_squad(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be a JSON file"),
        ([], "the file: expected the key 'data'.*of type list"),
        ({"data": {}}, "the file.data: expected a JSON array"),
        ({"data": []}, "no questions"),
        ({"data": [{"title": "x"}]}, r"data\[0\]: expected the key 'paragraphs'.*Its keys: title"),
        (document(asked(), context=3), r"paragraphs\[0\]\.context: expected a JSON string. Received: '3'"),
        (document(asked(), asked()), r"qas\[1\]: the id '1' is also that of data\[0\]\.paragraphs\[0\]\.qas\[0\]"),
        (document(asked(start="0")), r"answers\[0\]\.answer_start: expected a JSON whole number"),
        (document(asked(start=True)), r"answers\[0\]\.answer_start: expected a JSON whole number"),
        (document(asked(answers=[])), "expected answers, or `is_impossible`"),
        (document(asked(is_impossible=True)), "Received 1 answers and `is_impossible`: True"),
        (document(asked(is_impossible="no")), "is_impossible: expected a JSON true or false"),
        (document(asked(answers=["The cat"])), r"answers\[0\]: expected the key 'text'.*of type str"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(content, message, file):
    with pytest.raises(ValueError, match=message):
        read_squad(write(file, content))


def test_predictions_are_written_as_the_official_scripts_read_them(tmp_path):
    predictions = {"1": "das Café", "2": ""}
    write_squad_predictions(tmp_path / "predictions.json", predictions)
    assert json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8")) == predictions
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.json"]
