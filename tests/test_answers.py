"""Every exercise, given what nobody asked for: the answer is a hint, and the answer's own mistakes do no harm."""

import importlib
import math
import pathlib
import re

import numpy as np
import pytest

from initlab import check, claims, exercises
from initlab.convolution import conv2d

for _path in sorted(pathlib.Path(exercises.__file__).parent.glob("chapter_*.py")):
    importlib.import_module(f"initlab.exercises.{_path.stem}")
EXERCISES = sorted(claims._exercises)


@pytest.mark.parametrize("answer", [3, np.float32(3), np.array([3.0]), [3], True + 2])
def test_one_number_is_taken_in_any_form(answer):
    assert claims.one_number(answer) == 3.0


@pytest.mark.parametrize(
    "answer, shown",
    [
        (None, "None"),
        ("3", "'3'"),
        (True, "True"),
        (math.nan, "nan"),
        (2 + 1j, "(2+1j)"),
        ([3, 4], "[3, 4]"),
        (math.sqrt, "the function sqrt"),
        (10**400, "1" + 58 * "0" + "…"),
        pytest.param(10**5000, "something of type int", id="long"),  # Python refuses to write it down
        (list(range(100_000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, …"),
        (np.zeros((2, 2)), "array([[0., 0.], [0., 0.]])"),
    ],
)
def test_what_is_not_one_number_is_shown_on_one_short_line(answer, shown):
    with pytest.raises(claims.Hint) as hint:
        claims.one_number(answer)
    assert str(hint.value) == f"Give one number; you gave {shown}."


def shaped(value):
    """An initialiser, or anything else, that returns nothing but this value."""
    return lambda given, *_: np.full(given if isinstance(given, tuple) else 3, value)


def changes(*given):
    """Sets every array that it gets to 0, and returns zeros."""
    for each in given:
        if isinstance(each, np.ndarray):
            each[:] = 0
    return np.zeros_like(given[0]) if isinstance(given[0], np.ndarray) else None


def never_returns(*given):
    return never_returns(*given)


BAD_HANDS = {
    "None": None,
    "a text": "abc",
    "nan": math.nan,
    "infinity": math.inf,
    "too large": 10**400,
    "a complex number": 1 + 2j,
    "a list": list(range(10_000)),
    "nothing": [],
    "nans": np.full(3, math.nan),
    "a dictionary": {"head": None, "W2": "x", "W1": [1]},
    "an object": object(),
    "a class": int,
    "of no argument": lambda: 1.0,
    "returns None": lambda *given: None,
    "returns a text": lambda *given: "abc",
    "returns nan": lambda *given: math.nan,
    "returns a complex number": lambda *given: 1j,
    "returns nans": shaped(math.nan),
    "returns infinities": shaped(math.inf),
    "returns an object": lambda *given: object(),
    "returns a pair of something": lambda *given: (None, "x"),
    "raises": lambda *given: 1 / 0,
    "never returns": never_returns,
    "changes its arguments": changes,
}


@pytest.mark.parametrize("name", EXERCISES)
def test_whatever_an_exercise_gets_it_answers_with_a_hint(name, capsys):
    """On one line, and without a warning: that would be an error here."""
    for what, answer in BAD_HANDS.items():
        assert not check(name, answer), what
        told = capsys.readouterr().out
        assert re.fullmatch(rf"Exercise {name}: not yet\. \S.*\n", told), (what, told)
        assert len(told) < 500, what


NUMBERS = ["00.1", "01.1", "01.2", "02.1", "03.1", "04.2", "05.1", "05.3", "06.2", "06.4", "07.1", "08.2", "09.1"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("what", ["None", "a text", "a list", "an object", "returns nan"])
def test_an_exercise_that_asks_for_a_number_says_so(name, what, capsys):
    check(name, BAD_HANDS[what])
    assert re.search(r"Give one number|One number is asked for", capsys.readouterr().out)


def test_an_answer_that_changes_its_arguments_is_judged_by_what_it_was_given():
    """Zeros for zeros would be right: the error to pull back is not the answer's to change."""

    def pull_back(delta, W):
        W[:] = W[:, :, ::-1, ::-1].copy()
        return conv2d(delta, W.swapaxes(0, 1))

    def cheats(delta, W):
        delta[:] = 0
        return np.zeros((W.shape[1], *delta.shape[1:]))

    assert check("08.3", pull_back)
    assert not check("08.3", cheats)
