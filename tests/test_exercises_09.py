"""Exercises of chapter 09: right answers in any form pass, wrong ones get a hint that names the mistake."""

import math

import numpy as np
import pytest

from initlab.claims import check

ALPHA = math.sqrt((2 ** (1 / 48) - 1) / 2)
Z = np.linspace(-10, 10, 40001)
BELL = np.exp(-(Z**2) / 2) / np.exp(-(Z**2) / 2).sum()


def mean(f):
    return BELL @ f(Z)


def variance(phi):
    return mean(lambda z: phi(z) ** 2) - mean(phi) ** 2


def slope(dphi):
    return mean(lambda z: dphi(z) ** 2)


def factor(phi, dphi):
    return slope(dphi) / variance(phi)


def drawn(phi, dphi):
    z = np.random.default_rng(0).standard_normal(2_000_000)
    return np.mean(dphi(z) ** 2) / np.var(phi(z))


def coarse(phi, dphi):
    """The right formula on a grid too coarse for 0.5 %."""
    z = np.linspace(-5, 5, 201)
    bell = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    return bell @ dphi(z) ** 2 / (bell @ phi(z) ** 2 - (bell @ phi(z)) ** 2)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("09.1", ALPHA),
        ("09.1", np.array([ALPHA])),
        ("09.1", -ALPHA),
        ("09.1", 0.085),
        ("09.1", math.sqrt(math.log(2) / 96)),
        ("09.2", {"head": 0, "W2": 1, "W1": 2}),
        ("09.2", {"W1": np.int64(2), "head": 0.0, "W2": 1}),
        ("09.3", factor),
        ("09.3", drawn),
    ],
)
def test_right_answers_pass(name, answer):
    assert check(name, answer)


def steps(head, w2, w1):
    return {"head": head, "W2": w2, "W1": w1}


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("09.1", "0.085", "one number"),
        ("09.1", [0.1, 0.2], "one number"),
        ("09.1", None, "one number"),
        ("09.1", math.nan, "one number"),
        ("09.1", 0.0, "adds nothing"),
        ("09.1", math.sqrt((4 ** (1 / 48) - 1) / 2), "not the size of x"),
        ("09.1", 0.08, "one branch"),
        ("09.1", ALPHA**2, "take the root"),
        ("09.1", math.sqrt((2 ** (1 / 24) - 1) / 2), "counted both twos"),
        ("09.1", math.sqrt(2 ** (1 / 48) - 1), "counted both twos"),
        ("09.1", math.sqrt(2 ** (1 / 24) - 1), "two branches"),
        ("09.1", 48**-0.5, "solve"),
        ("09.1", 0.5, "it should be 2"),
        ("09.1", 1e300, "it should be 2"),
        ("09.2", 2, "dictionary"),
        ("09.2", {"head": 0}, "keys"),
        ("09.2", steps(0, "one", 2), "whole number"),
        ("09.2", steps(1, 2, 3), "counted from 0"),
        ("09.2", steps(1, 1, 2), "Neither is 0"),
        ("09.2", steps(0, 0, 1), "through the head"),
        ("09.2", steps(0, 2, 3), "at step 1"),
        ("09.2", steps(0, 1, 1), "still 0 then"),
        ("09.2", steps(0, 1, 3), "between the error"),
        ("09.3", 1.467, "the function itself"),
        ("09.3", lambda phi, dphi: "1", "one number"),
        ("09.3", lambda phi, dphi: None, "returns nothing"),
        ("09.3", coarse, "finer grid"),
        ("09.3", lambda phi, dphi: mean(dphi) / variance(phi), "Square φ′ first"),
        ("09.3", lambda phi, dphi: slope(dphi) / mean(lambda z: phi(z) ** 2), "subtracts the mean"),
        ("09.3", lambda phi, dphi: slope(dphi), "divides as well"),
        ("09.3", lambda phi, dphi: variance(phi) / slope(dphi), "Upside down"),
        ("09.3", lambda phi, dphi: factor(phi, dphi) ** 0.5, "√E[δ²]"),
        ("09.3", lambda phi, dphi: np.mean(dphi(Z) ** 2) / np.var(phi(Z)), "evenly"),
        ("09.3", lambda phi, dphi: 3.0, "It should be"),
        ("09.3", lambda phi, dphi: math.pi / (math.pi - 1), "tanh"),
    ],
)
def test_wrong_answers_get_a_hint(name, answer, hint, capsys):
    assert not check(name, answer)
    told = capsys.readouterr().out
    assert "not yet" in told and hint in told


@pytest.mark.parametrize(
    ("name", "answer"), [("09.1", ...), ("09.2", ...), ("09.2", steps(0, ..., ...)), ("09.3", lambda phi, dphi: ...)]
)
def test_dots_are_not_attempted(name, answer, capsys):
    assert not check(name, answer)
    assert "not attempted" in capsys.readouterr().out
