"""Exercises of chapter 08: right answers in any form pass, wrong ones get a hint that names the mistake."""

import math

import numpy as np
import pytest

from initlab.claims import check
from initlab.convolution import conv2d, conv2d_backward

LOST = ((1 + 2 * math.cos(math.pi / 5)) / 3) ** 2


def turned(W):
    return W.swapaxes(0, 1)[:, :, ::-1, ::-1]


def by_loops(delta, W):
    """dC/da by its definition, tap by tap."""
    r = W.shape[2] // 2
    out = np.zeros((W.shape[1], 6 + 2 * r, 6 + 2 * r, delta.shape[-1]))
    for i in range(W.shape[2]):
        for j in range(W.shape[2]):
            out[:, i : i + 6, j : j + 6] += np.einsum("oc,ohwb->chwb", W[:, :, i, j], delta)
    return out[:, r:-r, r:-r]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("08.1", (72, 36)),
        ("08.1", np.array([72.0, 36.0])),
        ("08.2", math.sqrt(2 / LOST)),
        ("08.2", 1.62),
        ("08.3", by_loops),
        ("08.3", lambda delta, W: conv2d(delta, turned(W))),
        ("08.3", lambda delta, W: conv2d_backward(delta, np.zeros((W.shape[1], *delta.shape[1:])), W)[0]),
    ],
)
def test_right_answers(name, answer):
    assert check(name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("08.1", 72, "a pair"),
        ("08.1", (36, 72), "other order"),
        ("08.1", (288, 576), "own group"),
        ("08.1", (8, 36), "9 taps"),
        ("08.1", (32, 36), "number of input channels"),
        ("08.1", (18, 36), "no stride in it"),
        ("08.1", (5, 36), "count the terms"),
        ("08.1", (72, 576), "Divide by the groups"),
        ("08.1", (72, ...), "Now fan_out"),
        ("08.1", (288, ...), "own group"),
        ("08.1", (72, 144), "a quarter"),
        ("08.1", (72, 72), "both directions"),
        ("08.1", (72, 288), "own group"),
        ("08.1", (72, 16), "9 taps"),
        ("08.1", (72, 5), "on average"),
        ("08.2", math.sqrt(2), "He's gain"),
        ("08.2", 2 / LOST, "Take its root"),
        ("08.2", LOST**-0.5, "ReLU halves"),
        ("08.2", math.sqrt(2 * LOST), "Upside down"),
        ("08.2", 1.4735, "8 × 8"),
        ("08.2", math.sqrt(2 / LOST**0.5), "two directions"),
        ("08.2", 1.697, "first layer"),
        ("08.2", math.sqrt(2) * 3 / (1 + 2**0.5), "not at pixel n"),
        ("08.2", 1.0, "The product must be 1"),
        ("08.2", [1.62], "one number"),
        ("08.2", None, "one number"),
        ("08.3", lambda delta, W: conv2d(delta, W.T), "W's axes"),
        ("08.3", 1.0, "the function itself"),
        ("08.3", lambda delta, W: delta[:2], "it should be a's"),
        ("08.3", lambda delta, W: conv2d(delta, W.swapaxes(0, 1)), "turned round too"),
        ("08.3", lambda delta, W: conv2d(delta, W[:, :, ::-1, ::-1]), "must be swapped too"),
        ("08.3", lambda delta, W: conv2d(delta, W), "the way forward"),
        ("08.3", lambda delta, W: conv2d(delta, turned(W), padding="circular"), "Right inside"),
        ("08.3", lambda delta, W: conv2d(delta, W.swapaxes(0, 1)[..., ::-1]), "in both"),
        ("08.3", lambda delta, W: 2 * by_loops(delta, W), "changes its sign"),
    ],
)
def test_wrong_answers_get_a_hint(name, answer, hint, capsys):
    assert not check(name, answer)
    told = capsys.readouterr().out
    assert "not yet" in told and hint in told


@pytest.mark.parametrize(
    ("name", "answer"),
    [("08.1", ...), ("08.1", (..., ...)), ("08.1", (..., 36)), ("08.2", ...), ("08.3", lambda d, W: ...)],
)
def test_dots_are_not_attempted(name, answer, capsys):
    assert not check(name, answer)
    assert "not attempted" in capsys.readouterr().out
