"""Exercises of chapter 06: right answers in any form pass, wrong ones get a hint that names the mistake."""

import math

import numpy as np
import pytest

from initlab.claims import check
from initlab.theory import variance_map


def half(T):
    return -math.log(2 ** (1 / T) - 1)


@pytest.mark.parametrize(
    "name, answer",
    [
        ("06.1", np.log([0.7, 0.2, 0.1]) - np.log([0.7, 0.2, 0.1]).mean()),
        ("06.2", 13.4),
        ("06.2", np.array([13.4])),
        ("06.3", half),
        ("06.3", lambda T: np.array(half(T))),
        ("06.4", math.sqrt(1 - variance_map("tanh", 1.0))),
        ("06.4", np.array([math.sqrt(1 - variance_map("tanh", 1.0))])),
    ],
)
def test_right_answers_pass(name, answer):
    assert check(name, answer)


@pytest.mark.parametrize(
    "name, answer, hint",
    [
        ("06.2", [13.4, 1.0], "one number"),
        ("06.2", 27, "That is a loss"),
        ("06.2", 13.4**2, "variance"),
        ("06.3", lambda T: -half(T), "sign"),
        ("06.3", lambda T: math.log(T / math.log(2)), "comes close"),
        ("06.3", lambda T: 1.0, "same for every T"),
        ("06.3", lambda T: 0.0, "same for every T"),
        ("06.3", lambda T: math.log(T), "1/e"),
        ("06.3", lambda T: math.log(T - 1), "bias 0"),
        ("06.3", lambda T: math.log(0.5 ** (1 / T)), "log-odds"),
        ("06.4", [0.5, 0.5], "one number"),
        ("06.4", 1 - variance_map("tanh", 1.0), "its root"),
    ],
)
def test_wrong_answers_get_a_hint_about_their_mistake(name, answer, hint, capsys):
    assert not check(name, answer)
    assert hint in capsys.readouterr().out
