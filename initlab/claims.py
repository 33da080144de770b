"""Claims that are asserted and printed, the ledger that collects them, and exercise checks that answer with a hint."""

import contextlib
import html
import importlib
import math
import sys
import traceback
from dataclasses import dataclass, replace

import numpy as np

_ledger = {}  # sentence -> Claim, in the order of first appearance; running a cell again replaces its row
_exercises = {}  # "02.1" -> function of an answer: None when right, else a hint


@dataclass(frozen=True)
class Claim:
    """One row of the ledger: a sentence, what was measured, what was predicted, and how far apart they may be."""

    sentence: str
    measured: str
    predicted: str
    allowed: str


def number(value, digits=3):
    """A number in at most `digits` significant digits, the same on every machine."""
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    text = f"{value:.{digits}g}"
    if abs(float(text)) >= 1e6:
        return f"{value:.{digits - 1}e}"
    return f"{float(text):g}" if 1 <= abs(float(text)) < 1000 else text  # 10 and not 1e+01


def _bound(value, digits):
    """A bound as it was written; one that was computed, in at most `digits` significant digits."""
    text = f"{float(value):.4g}"
    return number(text, 4) if float(text) == value else number(value, digits)


def _percent(fraction):
    return f"{number(100 * fraction, 2)} %"


def claim(sentence, measured, predicted=None, *, rel=None, within=None, at_least=None, at_most=None, digits=3):
    """Assert that a measurement is what the sentence says, print the two side by side, and enter them in the ledger.

    Give a prediction with `rel` (allowed fraction of it) or `within` (allowed absolute difference), or a bound
    `at_least` / `at_most`.  Numbers or arrays of one shape; of an array the pair that lies furthest apart is printed.
    `digits=0` asserts as usual and prints no measured number: for what training ends with, which rounding on another
    processor changes visibly; the figure beside it shows the number.
    Raises AssertionError with the sentence where it does not hold, TypeError without a prediction or bound.
    """
    got, printed = np.asarray(measured, dtype=float), digits or 3
    if got.size == 0:
        raise ValueError("measured must hold at least one number, got an empty array")
    if predicted is None:
        if (at_least is None) == (at_most is None):
            raise TypeError("claim needs predicted= with rel= or within=, or one of at_least= and at_most=")
        bound, word = (at_least, "at least") if at_most is None else (at_most, "at most")
        worst = float(np.min(got) if at_most is None else np.max(got))
        holds = worst >= bound if at_most is None else worst <= bound
        row = Claim(sentence, number(worst, printed), f"{word} {_bound(bound, printed)}", "bound")
        told, short = f"measured {row.measured}, {row.predicted}", f"measured and found {row.predicted}"
    else:
        if (rel is None) == (within is None):
            raise TypeError("claim needs one of rel= (a fraction) and within= (an absolute difference)")
        want = np.asarray(predicted, dtype=float)
        if want.shape not in ((), got.shape):
            raise ValueError(f"predicted must be one number or of measured's shape {got.shape}, got shape {want.shape}")
        want = np.broadcast_to(want, got.shape)
        room = np.full(got.shape, within, dtype=float) if rel is None else rel * np.abs(want)
        with np.errstate(over="ignore", invalid="ignore"):  # a claim about inf fails in words, not with a warning
            off = np.abs(got - want)
            share = np.round(np.where(np.isnan(off), np.inf, off / np.maximum(room, 1e-300)), 2)
        holds = bool(np.all(off <= room))  # a nan compares false
        at = np.unravel_index(np.argmax(share), got.shape)  # rounded: the last digits must not choose
        allowed = f"within {_percent(rel)}" if within is None else f"within {number(within, 2)}"
        if (rel if within is None else within) <= 1e-6:
            allowed = "equal to rounding"
        many = f" (worst of {got.size})" if got.size > 1 else ""
        row = Claim(sentence, number(got[at], printed) + many, number(want[at], printed), allowed)
        told = f"measured {row.measured}, predicted {row.predicted}, {row.allowed}"
        how = (
            f"{row.predicted}, but for rounding" if allowed == "equal to rounding" else f"{allowed} of {row.predicted}"
        )
        short = f"measured and found {how}"
    if not holds:
        raise AssertionError(f"{sentence}: {told}; this does not hold")
    if digits == 0:
        row, told = replace(row, measured="✓"), short
    _ledger[sentence] = row
    print(f"✓ {sentence}: {told}" if len(sentence) + len(told) < 95 else f"✓ {sentence}:\n      {told}")


def _as_text(words):
    """A sentence for a cell of a markdown table: no markup, and no border of the table."""
    return html.escape(words, quote=False).replace("|", "&#124;")


class Ledger(list):
    """The claims so far, shown as a table."""

    def _repr_markdown_(self):
        rows = [f"| {_as_text(c.sentence)} | {c.measured} | {c.predicted} | {c.allowed} |" for c in self]
        return "\n".join(["| claim | measured | predicted | allowed |", "|:--|:--|:--|:--|", *rows])

    def __repr__(self):
        return f"{len(self)} claims, all asserted"


def ledger():
    """Every claim made in this kernel so far, as a `Ledger`."""
    return Ledger(_ledger.values())


def exercise(name):
    """Decorator: registers `f(answer)`, which returns None for a right answer, a hint for a wrong one, ... for none."""

    def register(judge):
        _exercises[name] = judge
        return judge

    return register


class Hint(Exception):
    """Raised while an answer is judged: its text is the hint."""


def one_number(answer, otherwise=None):
    """The number in an answer, which may come in an array of its own, as a float; where there is none raises a Hint.

    otherwise: the words of that hint.
    """
    try:
        values = np.asarray(answer, dtype=float).ravel()
        if values.size == 1 and not np.isnan(values[0]) and not isinstance(answer, (str, bool)):
            return float(values[0])
    except (TypeError, ValueError, OverflowError) as problem:
        if "ellipsis" in str(problem):
            raise
    raise Hint(otherwise or f"Give one number; you gave {_shown(answer)}.")


def _shown(answer, most=60):
    """An answer as a few words on one line."""
    if callable(answer) and hasattr(answer, "__name__"):
        return f"the function {answer.__name__}"
    try:
        words = " ".join(repr(answer).split())
    except Exception:
        words = f"something of type {type(answer).__name__}"
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _stopped(problem, answer):
    """What to tell of an exception: where it left the learner's own code, or that the answer is of another kind."""
    words = f"{type(problem).__name__}: {problem}".removesuffix(": ")
    theirs = getattr(answer, "__globals__", vars(sys.modules["__main__"]))
    lines = [line for frame, line in traceback.walk_tb(problem.__traceback__) if frame.f_globals is theirs]
    if isinstance(problem, KeyboardInterrupt):
        return f"It was stopped in line {lines[-1]}: does that ever end?" if lines else "It was stopped: run it again."
    if lines:
        return f"Your answer stopped in line {lines[-1]} with {words}"
    return f"Your answer, {_shown(answer)}, does not fit the question. Python says: {words}"


class Verdict(int):
    """1 for a right answer, 0 for any other; as a cell's last value it shows nothing, for `check` has said it."""

    def _ipython_display_(self):
        pass


def check(name, answer=...):
    """Judge an answer to an exercise such as "02.1": prints a verdict with a hint, returns it as a true or false value.

    An answer of `...` counts as not attempted.  A wrong answer never raises, so that the page runs on; nor does one
    that is interrupted because it never ends.  Raises ValueError for an unknown exercise.
    """
    if name not in _exercises and isinstance(name, str):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(f"initlab.exercises.chapter_{name.split('.')[0]}")
    if name not in _exercises:
        raise ValueError(f"unknown exercise {name!r}; known are {', '.join(_exercises) or 'none yet'}")
    try:
        hint = ... if answer is ... else _exercises[name](answer)
    except Hint as given:
        hint = str(given)
    except (Exception, KeyboardInterrupt) as problem:  # the learner's own code ran in there
        hint = ... if "ellipsis" in str(problem) else _stopped(problem, answer)
    if isinstance(hint, str) and len(hint) > 450:  # an answer of a million numbers is in it
        hint = f"{hint[:300]} … {hint[-100:]}"
    if hint is ...:
        print(f"Exercise {name}: not attempted yet. Put your answer in place of the dots and run the cell again.")
    else:
        print(f"Exercise {name}: ✓ right." if hint is None else f"Exercise {name}: not yet. {hint}")
    return Verdict(hint is None)
