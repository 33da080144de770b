"""Exercises of chapter 07: right answers in any form pass, wrong ones get a hint that names the mistake."""

import numpy as np
import pytest

from initlab import check, chi, gain, lecun_normal

Z = np.linspace(-10, 10, 20001)
BELL = np.exp(-(Z**2) / 2) / np.exp(-(Z**2) / 2).sum()
CHI = chi("softplus", 1.0, gain("softplus"))


def mean_square(phi):
    return BELL @ phi(Z) ** 2


def slope(phi):
    return lambda z: (phi(z + 1e-4) - phi(z - 1e-4)) / 2e-4


def forward(phi):
    return 1 / np.sqrt(mean_square(phi))


def both(phi):
    return forward(phi), forward(slope(phi))


def changed(first=None, second=None):
    """The right pair with one number of it made by another function of phi."""
    return lambda phi: ((first or forward)(phi), (second or (lambda phi: forward(slope(phi))))(phi))


def layer(phi, rng, units=500, n=200, batch=100, norm=True, scale=1.0):
    x = rng.standard_normal((n, batch))
    if norm:
        x *= np.sqrt(n / (x**2).sum(axis=0))
    return phi(scale * lecun_normal((units, n), rng) @ x)


def measurement(phi, rng, **options):
    return 1 / np.sqrt(np.mean(layer(phi, rng, **options) ** 2))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("07.1", CHI**10),
        ("07.1", 1.06e-5),
        ("07.1", 0.32**10),
        ("07.1", np.array([1.05e-5])),
        ("07.2", both),
        ("07.2", lambda phi: list(both(phi))),
        ("07.2", lambda phi: np.array(both(phi))),
        ("07.3", measurement),
        ("07.3", lambda phi, rng: measurement(phi, rng, norm=False)),
        ("07.3", lambda phi, rng: 1 / np.sqrt(np.mean(phi(rng.standard_normal(100_000)) ** 2))),
    ],
)
def test_right_answers_pass(name, answer):
    assert check(name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("07.1", None, "one number"),
        ("07.1", [1e-5, 2.0], "one number"),
        ("07.1", -11.4, "not its logarithm"),
        ("07.1", 0, "not 0"),
        ("07.1", 1e-5, "three digits"),
        ("07.1", CHI, "one layer"),
        ("07.1", CHI**-10, "Upside down"),
        ("07.1", CHI**5, "typical size"),
        ("07.1", CHI**9, "counted 9"),
        ("07.1", CHI**11, "counted 11"),
        ("07.1", chi("sigmoid", 1.0, gain("sigmoid")) ** 10, "sigmoid's"),
        ("07.1", chi("tanh", 1.0, gain("tanh")) ** 10, "tanh's"),
        ("07.1", 0.9, "Begin with one layer"),
        ("07.2", 1.0, "the function itself"),
        ("07.2", forward, "two numbers"),
        ("07.2", lambda phi: None, "two numbers"),
        ("07.2", lambda phi: ("1", forward(slope(phi)), 2), "two numbers"),
        ("07.2", lambda phi: (forward(phi), None), "one number"),
        ("07.2", lambda phi: both(phi)[::-1], "That is the backward gain"),
        ("07.2", changed(second=forward), "forward gain again"),
        ("07.2", changed(mean_square), "one more step"),
        ("07.2", changed(lambda phi: 1 / mean_square(phi)), "Take its root"),
        ("07.2", changed(second=lambda phi: 1 / mean_square(slope(phi))), "Take its root"),
        ("07.2", changed(lambda phi: np.sqrt(mean_square(phi))), "undo"),
        ("07.2", changed(lambda phi: 1 / np.sqrt(mean_square(phi) - (BELL @ phi(Z)) ** 2)), "variance of φ"),
        ("07.2", changed(lambda phi: 1 / np.sqrt(np.mean(phi(Z) ** 2))), "evenly"),
        ("07.2", changed(lambda phi: 1 / np.sqrt(1e-3 * np.exp(-(Z**2) / 2) @ phi(Z) ** 2)), "do not add up to 1"),
        ("07.2", changed(lambda phi: 2**0.5), "ReLU's gain"),
        (
            "07.2",
            changed(lambda phi: 1 / abs(slope(phi)(0.0)) if abs(slope(phi)(0.0)) > 0.9 else forward(phi)),
            "Kumar's rule",
        ),
        ("07.2", lambda phi: (9.0, 9.0), "It should be"),
        ("07.2", changed(lambda phi: 1.01 * forward(phi)), "finer grid"),
        ("07.3", 1.0, "the function itself"),
        ("07.3", lambda phi, rng: None, "one number"),
        ("07.3", lambda phi, rng: forward(phi), "scatters"),
        ("07.3", lambda phi, rng: measurement(phi, rng) ** 2, "Take its root"),
        ("07.3", lambda phi, rng: 1 / layer(phi, rng).std(), "variance of φ"),
        ("07.3", lambda phi, rng: measurement(phi, rng, scale=np.sqrt(2)), "second moment 1"),
        ("07.3", lambda phi, rng: 1 / np.sqrt(np.mean(phi(rng.standard_normal(500)) ** 2)), "more than 2 %"),
        ("07.3", lambda phi, rng: measurement(phi, rng, units=1000, n=3), "more than 2 %"),
        ("07.3", lambda phi, rng: measurement(phi, rng, units=200, batch=1), "more than 2 %"),
    ],
)
def test_wrong_answers_get_a_hint_that_names_the_mistake(name, answer, hint, capsys):
    assert not check(name, answer)
    told = capsys.readouterr().out
    assert "not yet" in told and hint in told, told


@pytest.mark.parametrize(("name", "answer"), [("07.1", ...), ("07.2", lambda phi: ...), ("07.3", lambda phi, rng: ...)])
def test_dots_are_not_attempted(name, answer, capsys):
    assert not check(name, answer)
    assert "not attempted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("phi", "spread"),
    [(lambda z: z * np.tanh(z), 0.90), (lambda z: z / (1 + np.exp(-z)), 1.25)],
    ids=["z tanh z", "silu"],
)
def test_the_spread_that_the_third_solution_names(phi, spread):
    second, fourth = BELL @ phi(Z) ** 2, BELL @ phi(Z) ** 4
    assert np.sqrt(fourth / second**2 - 1) / 2 == pytest.approx(spread, abs=0.005)
    rng = np.random.default_rng(0)
    tries = [1 / np.sqrt(np.mean(phi(rng.standard_normal(8000)) ** 2)) for _ in range(400)]
    assert np.std(tries) / np.mean(tries) == pytest.approx(spread / np.sqrt(8000), rel=0.18)  # five standard errors
