"""Claims hold or raise, the ledger keeps one row a sentence, and checks of exercises answer in words."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab import check, claim, claims, ledger
from initlab.claims import Claim, exercise, number


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """Each test starts with an empty ledger and no exercises."""
    monkeypatch.setattr(claims, "_ledger", {})
    monkeypatch.setattr(claims, "_exercises", {})


# --- numbers --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.123456, 3, "0.123"),
        (-0.000123456, 3, "-0.000123"),
        (1234.5, 3, "1.23e+03"),
        (2.0, 3, "2"),
        (0.5, 2, "0.5"),
        (1 / 3, 2, "0.33"),
        (1234567, 3, "1.23e+06"),
        (1e-20, 3, "1e-20"),
        (0.0, 3, "0"),
        (math.inf, 3, "inf"),
        (-math.inf, 3, "-inf"),
        (math.nan, 3, "nan"),
        (np.float64(1.5), 3, "1.5"),
        (10, 1, "10"),
        (-10, 1, "-10"),
        (123.4, 1, "100"),
        (999.6, 3, "1e+03"),
        (1e6, 3, "1.00e+06"),
        (-1234567, 3, "-1.23e+06"),
        (np.array(1.5), 3, "1.5"),
    ],
)
def test_numbers_are_short(value, digits, text):
    assert number(value, digits) == text


@settings(deadline=None, max_examples=100, derandomize=True)
@given(value=st.floats(-1e300, 1e300), digits=st.integers(1, 6))
def test_numbers_keep_their_digits(value, digits):
    """Off by at most half a unit of the last digit, and no more digits than asked for."""
    text = number(value, digits)
    assert abs(float(text) - value) <= 0.5000001 * 10.0 ** (1 - digits) * abs(value)
    assert len(text.split("e")[0].lstrip("-").lstrip("0.").replace(".", "").rstrip("0")) <= digits


# --- claims ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "options", "line"),
    [
        ((1.02, 1.0), {"rel": 0.05}, "✓ s: measured 1.02, predicted 1, within 5 %"),
        ((1.02, 1.0), {"within": 0.025}, "✓ s: measured 1.02, predicted 1, within 0.025"),
        ((0.12345, 0.12346), {"rel": 0.001, "digits": 2}, "✓ s: measured 0.12, predicted 0.12, within 0.1 %"),
        ((3.0,), {"at_least": 2}, "✓ s: measured 3, at least 2"),
        ((3.0,), {"at_most": 3}, "✓ s: measured 3, at most 3"),
        (([3, 1, 2],), {"at_least": 1}, "✓ s: measured 1, at least 1"),
        (([3, 1, 2],), {"at_most": 4}, "✓ s: measured 3, at most 4"),
        (([1.0, 2.1, 3.0], [1, 2, 3]), {"rel": 0.1}, "✓ s: measured 2.1 (worst of 3), predicted 2, within 10 %"),
        (([1.0, 1.3], 1.2), {"within": 0.2}, "✓ s: measured 1 (worst of 2), predicted 1.2, within 0.2"),
        (
            ([[1, 2], [3, 4.1]], [[1, 2], [3, 4]]),
            {"rel": 0.1},
            "✓ s: measured 4.1 (worst of 4), predicted 4, within 10 %",
        ),
        ((-1.02, -1.0), {"rel": 0.05}, "✓ s: measured -1.02, predicted -1, within 5 %"),
    ],
)
def test_a_claim_that_holds_is_printed(arguments, options, line, capsys):
    assert claim("s", *arguments, **options) is None
    assert capsys.readouterr().out == line + "\n"
    assert len(ledger()) == 1


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        ((1.06, 1.0), {"rel": 0.05}, "measured 1.06, predicted 1, within 5 %"),
        ((0.94, 1.0), {"rel": 0.05}, "measured 0.94, predicted 1, within 5 %"),
        ((100.0, 106.0), {"rel": 0.05}, "measured 100, predicted 106, within 5 %"),
        ((1.03, 1.0), {"within": 0.025}, "measured 1.03, predicted 1, within 0.025"),
        ((1.0, -1.0), {"rel": 0.5}, "measured 1, predicted -1, within 50 %"),
        ((1.9,), {"at_least": 2}, "measured 1.9, at least 2"),
        ((2.1,), {"at_most": 2}, "measured 2.1, at most 2"),
        (([3, 1, 2],), {"at_least": 2}, "measured 1, at least 2"),
        (([3, 1, 2],), {"at_most": 2}, "measured 3, at most 2"),
        (([1, 2, 3], [1, 2, 4]), {"rel": 0.1}, "measured 3 (worst of 3), predicted 4, within 10 %"),
        ((math.nan, 1.0), {"rel": 0.5}, "measured nan, predicted 1"),
        ((1.0, math.nan), {"rel": 0.5}, "measured 1, predicted nan"),
        (([1, math.nan, 1], 1.0), {"within": 9}, "measured nan (worst of 3), predicted 1"),
        ((math.nan,), {"at_least": 0}, "measured nan, at least 0"),
        ((math.nan,), {"at_most": 0}, "measured nan, at most 0"),
        (([1, math.nan],), {"at_most": 2}, "measured nan, at most 2"),
        ((1.0,), {"at_least": math.nan}, "measured 1, at least nan"),
        ((math.inf, math.inf), {"rel": 0.5}, "measured inf, predicted inf"),
        ((math.inf, 1.0), {"rel": 0.5}, "measured inf, predicted 1"),
        ((1.0, 1.0), {"rel": math.nan}, "measured 1, predicted 1"),
        ((1e10, 0.0), {"rel": 0.5}, "measured 1.00e+10, predicted 0, within 50 %"),
        ((1e7, 0.0), {"within": 0.0}, "measured 1.00e+07, predicted 0, equal to rounding"),
    ],
)
def test_a_claim_that_does_not_hold_raises_with_its_sentence(arguments, options, told, capsys):
    """Neither a line nor a row is left behind, and no warning comes before the error."""
    with pytest.raises(AssertionError) as raised:
        claim("the sentence", *arguments, **options)
    said = str(raised.value)
    assert said.startswith(f"the sentence: {told}") and said.endswith("; this does not hold")
    assert capsys.readouterr().out == "" and ledger() == []


def test_a_long_claim_takes_two_lines(capsys):
    """Sentence and numbers together stay below 95 characters on one line."""
    told = "measured 1, predicted 1, within 10 %"
    for length, joint in ((94 - len(told), ": "), (95 - len(told), ":\n      ")):
        claim("s" * length, 1.0, 1.0, rel=0.1)
        assert capsys.readouterr().out == "✓ " + "s" * length + joint + told + "\n"


def test_an_allowance_of_a_millionth_is_called_rounding(capsys):
    claim("s", 1.0, 1.0, rel=1e-6)
    claim("s", 1.0, 1.0, within=0)
    claim("s", 1.0, 1.0, rel=2e-6)
    told = [line.split(", ")[-1] for line in capsys.readouterr().out.splitlines()]
    assert told == ["equal to rounding", "equal to rounding", "within 0.0002 %"]


def test_rounding_errors_do_not_choose_the_pair_that_is_shown(capsys):
    """Of pairs equally far apart, to a hundredth of the allowance, the first is shown."""
    claim("s", [1.1, 2.2, 3.3 + 1e-12], [1.0, 2.0, 3.0], rel=0.2)
    assert "measured 1.1 (worst of 3), predicted 1," in capsys.readouterr().out


def test_the_allowed_share_is_of_the_prediction():
    """2 is 100 % above 1, and 1 is 50 % below 2."""
    claim("s", 1.0, 2.0, rel=0.5)
    with pytest.raises(AssertionError):
        claim("s", 2.0, 1.0, rel=0.5)


def test_claims_that_ask_for_nothing_or_too_much():
    with pytest.raises(
        TypeError, match="claim needs predicted= with rel= or within=, or one of at_least= and at_most="
    ):
        claim("s", 1.0)
    with pytest.raises(TypeError, match="claim needs predicted= with rel= or within="):
        claim("s", 1.0, at_least=0, at_most=2)
    with pytest.raises(
        TypeError, match=r"claim needs one of rel= \(a fraction\) and within= \(an absolute difference\)"
    ):
        claim("s", 1.0, 1.0)
    with pytest.raises(TypeError, match="claim needs one of rel="):
        claim("s", 1.0, 1.0, rel=0.1, within=0.1)
    with pytest.raises(
        ValueError, match=r"predicted must be one number or of measured's shape \(2,\), got shape \(3,\)"
    ):
        claim("s", [1, 2], [1, 2, 3], rel=0.1)
    with pytest.raises(ValueError, match=r"predicted must be one number or of measured's shape \(\), got shape \(2,\)"):
        claim("s", 1.0, [1, 1], rel=0.1)
    for options in ({"predicted": 1.0, "rel": 0.1}, {"at_least": 1}):
        with pytest.raises(ValueError, match="measured must hold at least one number, got an empty array"):
            claim("s", [], **options)
    assert ledger() == []


# --- the ledger -----------------------------------------------------------------------------------------------------
def test_a_sentence_in_the_ledger_is_text():
    claim("<img src=x onerror=alert()> |ln growth|", 1, at_least=0)
    (row,) = ledger()._repr_markdown_().splitlines()[2:]
    assert row == "| &lt;img src=x onerror=alert()&gt; &#124;ln growth&#124; | 1 | at least 0 | bound |"


def test_the_ledger_keeps_one_row_a_sentence_in_order():
    claim("first", 1.0, 1.1, rel=0.2)
    claim("second", 5.0, at_least=2)
    claim("first", 1.05, 1.1, within=0.2)
    rows = ledger()
    assert [row.sentence for row in rows] == ["first", "second"]
    assert rows[0] == Claim("first", "1.05", "1.1", "within 0.2")
    assert rows[1] == Claim("second", "5", "at least 2", "bound")
    assert repr(rows) == "2 claims, all asserted"


def test_the_ledger_shows_itself_as_a_table():
    claim("He keeps E[a²]", [1.0, 1.02], 1.0, rel=0.05)
    assert ledger()._repr_markdown_().splitlines() == [
        "| claim | measured | predicted | allowed |",
        "|:--|:--|:--|:--|",
        "| He keeps E[a²] | 1.02 (worst of 2) | 1 | within 5 % |",
    ]


def test_a_failed_claim_leaves_the_earlier_row():
    claim("s", 1.0, 1.0, rel=0.1)
    with pytest.raises(AssertionError):
        claim("s", 2.0, 1.0, rel=0.1)
    assert ledger() == [Claim("s", "1", "1", "within 10 %")]


# --- exercises ------------------------------------------------------------------------------------------------------
@pytest.fixture
def two_plus_two():
    @exercise("99.1")
    def judge(answer):
        if callable(answer):
            answer = answer()
        return None if answer == 4 else f"You say {answer}; count again."

    return judge


def test_a_right_answer(two_plus_two, capsys):
    assert check("99.1", 4)
    assert capsys.readouterr().out == "Exercise 99.1: ✓ right.\n"
    assert two_plus_two(4) is None  # the decorator returns the function


def test_a_wrong_answer_gets_the_hint(two_plus_two, capsys):
    assert not check("99.1", 5)
    assert capsys.readouterr().out == "Exercise 99.1: not yet. You say 5; count again.\n"


@pytest.mark.parametrize("answer", [(), (...,)])
def test_no_answer_is_not_attempted(two_plus_two, answer, capsys):
    assert not check("99.1", *answer)
    told = "Exercise 99.1: not attempted yet. Put your answer in place of the dots and run the cell again.\n"
    assert capsys.readouterr().out == told


def test_an_answer_that_raises_is_told_and_does_not_raise(two_plus_two, capsys):
    def answer():
        raise KeyError("width")

    assert not check("99.1", answer)
    line = answer.__code__.co_firstlineno + 1
    told = f"Exercise 99.1: not yet. Your answer stopped in line {line} with KeyError: 'width'\n"
    assert capsys.readouterr().out == told


def test_an_answer_that_is_interrupted_is_told_and_does_not_raise(two_plus_two, capsys):
    def answer():
        raise KeyboardInterrupt  # what the kernel does in a loop that never ends

    assert not check("99.1", answer)
    told = f"It was stopped in line {answer.__code__.co_firstlineno + 1}: does that ever end?"
    assert capsys.readouterr().out == f"Exercise 99.1: not yet. {told}\n"


def test_a_judging_that_is_interrupted_is_told(capsys):
    @exercise("99.3")
    def judge(answer):
        raise KeyboardInterrupt

    assert not check("99.3", 4)
    assert capsys.readouterr().out == "Exercise 99.3: not yet. It was stopped: run it again.\n"


def test_an_answer_with_dots_left_in_it_is_not_attempted(two_plus_two, capsys):
    """Python's own words for arithmetic with dots are recognised, and so is a judge that returns dots."""
    assert not check("99.1", lambda: ... + 4)
    exercise("99.2")(lambda answer: ... if answer == [...] else None)
    assert not check("99.2", [...]) and check("99.2", [1])
    lines = capsys.readouterr().out.splitlines()
    assert ["not attempted yet" in line for line in lines] == [True, True, False]


def test_a_verdict_shows_nothing_as_a_last_value(two_plus_two, capsys):
    verdict = check("99.1", 4)
    capsys.readouterr()
    assert verdict == 1 and isinstance(verdict, int)
    assert verdict._ipython_display_() is None and capsys.readouterr().out == ""


def test_an_answer_of_none_is_an_answer(two_plus_two, capsys):
    assert not check("99.1", None)
    assert "You say None" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["98.1", "", "two", 2.1, None])
def test_an_unknown_exercise_lists_the_known_ones(two_plus_two, name):
    with pytest.raises(ValueError, match=f"unknown exercise {name!r}; known are 99.1"):
        check(name, 1)


def test_an_unknown_exercise_when_there_is_none():
    with pytest.raises(ValueError, match=r"unknown exercise '98.1'; known are none yet"):
        check("98.1", 1)


def test_claims_without_digits_are_asserted_and_print_no_measured_number(capsys):
    claim("loss at the end of a run", 0.2471, at_most=0.4, digits=0)
    claim("accuracy of a run", [0.913, 0.9], 0.9, within=0.05, digits=0)
    claim("share of a run", 0.25, 0.25, within=1e-9, digits=0)
    said = capsys.readouterr().out
    assert "✓ loss at the end of a run: measured and found at most 0.4" in said
    assert "✓ accuracy of a run: measured and found within 0.05 of 0.9" in said
    assert "✓ share of a run: measured and found 0.25, but for rounding" in said
    assert [row.measured for row in ledger()[-3:]] == ["✓"] * 3
    with pytest.raises(AssertionError, match=r"loss at the end: measured 0\.471, at most 0\.4; this does not hold"):
        claim("loss at the end", 0.471, at_most=0.4, digits=0)


def test_bounds_are_printed_as_they_are_tested(capsys):
    claim("close above one", 1.03, at_least=1.005)
    claim("steps", 13, at_most=60, digits=1)
    claim("far above a computed bound", 80, at_least=10 * math.log(10), digits=2)
    said = capsys.readouterr().out
    for words in ("measured 1.03, at least 1.005", "measured 10, at most 60", "measured 80, at least 23\n"):
        assert words in said


def test_three_digits_unless_told(capsys):
    assert claims.number(2.71828) == "2.72"
    claims.claim("a bound as it is written", 5.0, at_least=1.234)
    claims.claim("and one that was computed", 5.0, at_least=math.pi)
    claims.claim("a prediction", 5.04321, 5.01234, rel=0.123)
    claims.claim("and another", 5.04321, 5.01234, within=0.0456)
    said = capsys.readouterr().out
    assert "at least 1.234\n" in said and "at least 3.14\n" in said
    assert "measured 5.04, predicted 5.01, within 12 %" in said and "within 0.046" in said
