"""Of a docstring the prose remains, and nothing but prose."""

import textwrap

import docstring_prose
import pytest

DOCSTRINGS = {
    "wrapped lines and paragraphs": (
        """
        Returns the sum of all
        the elements.

        The result is new.
        """,
        ["Returns the sum of all the elements.", "The result is new."],
    ),
    "fences, doctests and literal blocks": (
        """
        Adds two numbers.

        ```python
        this is the code of it, and a comment
        ```

        >>> this is in the doctest of it
        and this is its output

        Here is how to use it::

            you call it with a number

        .. code-block:: python

            then you call it again with the other

        That is all there is.
        """,
        ["Adds two numbers.", "Here is how to use it.", "That is all there is."],
    ),
    "numpy style": (
        """
        Compute the mean.

        Parameters
        ----------
        a : array_like
            The values to take the mean of.
        axis, keepdims
            Whether the axis is kept.

        .. versionadded:: 1.9
           It was added in this version.

        See Also
        --------
        var : the variance
        """,
        [
            "Compute the mean.",
            "The values to take the mean of.",
            "Whether the axis is kept.",
            "It was added in this version.",
        ],
    ),
    "google style, lists and fields": (
        """
        Trains a model.

        Args:
            x: The input of the model,
                or a list of them.
            batch_size (int): How many at a time.

        * the first of the items
        * the second of
          the items

        :param y: the target of the model
        """,
        [
            "Trains a model.",
            "The input of the model, or a list of them.",
            "How many at a time.",
            "the first of the items",
            "the second of the items",
            "the target of the model",
        ],
    ),
    "markup and links": (
        """
        The :func:`~os.path.join` of ``all`` the *parts*, see `the manual <http://a.b/c>`_ for [more](http://d.e) [1]_.
        """,
        ["The os.path.join of all the parts, see the manual for more."],
    ),
    "tables, licences, symbols and mere names": (
        """
        | the name | of the thing |

        === ===
        a   the
        === ===

        Licensed under the Apache License, as is.

        x = [a for a in the_list if a.b > 0]

        axis
        """,
        [],
    ),
}


@pytest.mark.parametrize(("docstring", "expected"), DOCSTRINGS.values(), ids=DOCSTRINGS)
def test_only_prose_remains(docstring, expected):
    assert docstring_prose.paragraphs_of_prose(textwrap.dedent(docstring).strip()) == expected


def test_docstrings_come_from_every_place_in_their_order():
    source = '''
"""The module."""
class A:
    """The class."""
    def f(self):
        """The method."""
        "no docstring"
if True:
    async def g():
        """The function."""
add_newdoc("numpy", "h", ("attribute",
    """
    The new documentation.
    """))
topics = {"if": "The statement " "of choice."}
text = """no docstring"""
'''
    found = [text.strip() for text in docstring_prose.docstrings(source.encode())]
    expected = ["The module.", "The class.", "The method.", "The function."]
    assert found == [*expected, "attribute", "The new documentation.", "The statement of choice."]


@pytest.mark.parametrize("source", [b"def f(:", b"print 1", b"\x00"])
def test_a_file_that_is_no_python_holds_no_docstring(source):
    assert list(docstring_prose.docstrings(source)) == []


def test_tests_and_other_installed_packages_are_no_source(tmp_path):
    for name in ["b.py", "a/c.py", "a/tests/d.py", "site-packages/e.py", "a/test_f.py", "a/g_test.py", "h.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [file.relative_to(tmp_path).as_posix() for file in docstring_prose.source_files(tmp_path)]
    assert found == ["b.py", "a/c.py"]
