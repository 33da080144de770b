"""Chapter 07's pictures and the checks of its exercises."""

import numpy as np
import pytest

from initlab import check, chi, gain, predict, signal
from initlab.gain_map import QS, GainPanels, cobweb, growth, heat_maps

Z = np.linspace(-10, 10, 20001)
BELL = np.exp(-(Z**2) / 2) / np.exp(-(Z**2) / 2).sum()


def mean_square(phi):
    return BELL @ phi(Z) ** 2


def test_a_path_alternates_between_curve_and_diagonal():
    x, y = cobweb([1.0, 2.0, 4.0])
    assert list(zip(x, y, strict=True)) == [(1, 1), (1, 2), (2, 2), (2, 4), (4, 4)]
    x, y = cobweb([1.0, np.inf, np.nan, 0.0])
    assert np.isfinite(x).all() and (y > 0).all()


def test_growth_of_an_exact_law():
    law = predict([8] * 12, "linear", ("variance_scaling", {"gain": 2.0}))
    np.testing.assert_allclose(growth(law, 10), 4.0)
    found = type("S", (), {"z2": np.stack([law.z2, law.z2 * 9, law.z2]), "delta2": law.delta2[None]})
    np.testing.assert_allclose(growth(found, 10), 4.0)


def test_panels_follow_and_survive_nothing_and_everything():
    panels = GainPanels(10)
    for g in (0.0, 1e-30, 1.0, 1e30):
        init = ("variance_scaling", {"gain": g})
        found = signal([8] * 11, "relu", init, rng=np.random.default_rng(0))
        panels.move(QS * g**2 / 2, found, predict([8] * 11, "relu", init))
        for artist in (panels.curve, panels.path, panels.start, *panels.marks):
            assert np.isfinite(artist.get_xydata()).all()


def test_heat_maps_say_every_number():
    fig = heat_maps([np.array([[0.01, 1.0], [5.0, 0.5]])] * 2, ["a", "b"], ["c", "d"], ["left", "right"])
    assert [t.get_text() for t in fig.axes[0].texts] == ["0.01", "1.00", "5.00", "0.50"]


# --- exercises ------------------------------------------------------------------------------------------------------
CHI = chi("softplus", 1.0, gain("softplus"))


def integral(phi):
    return 1 / np.sqrt(mean_square(phi))


def measurement(phi, rng):
    return 1 / np.sqrt(np.mean(phi(rng.standard_normal(200_000)) ** 2))


@pytest.mark.parametrize(
    ("name", "answer"),
    [("07.1", CHI**10), ("07.1", 1.08e-5), ("07.2", integral), ("07.3", measurement)],
)
def test_right_answers(name, answer):
    assert check(name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("07.1", -11.4, "not its logarithm"),
        ("07.1", CHI, "one layer"),
        ("07.1", CHI**-10, "Upside down"),
        ("07.1", CHI**5, "typical size"),
        ("07.1", CHI**9, "counted 9"),
        ("07.1", 0.9, "Both gains are in the table"),
        ("07.2", 1.0, "the function itself"),
        ("07.2", lambda phi: "1", "one number"),
        ("07.2", mean_square, "one more step"),
        ("07.2", lambda phi: 1 / mean_square(phi), "Take its root"),
        ("07.2", lambda phi: np.sqrt(mean_square(phi)), "undo"),
        ("07.2", lambda phi: 1 / np.sqrt(mean_square(phi) - (BELL @ phi(Z)) ** 2), "variance of φ"),
        ("07.2", lambda phi: 1 / np.sqrt(np.mean(phi(Z) ** 2)), "evenly"),
        ("07.2", lambda phi: 9.0, "It should be"),
        ("07.2", lambda phi: 1.01 * integral(phi), "finer grid"),
        ("07.3", 1.0, "the function itself"),
        ("07.3", lambda phi, rng: None, "one number"),
        ("07.3", lambda phi, rng: integral(phi), "scatters"),
        ("07.3", lambda phi, rng: measurement(phi, rng) ** 2, "Take its root"),
        ("07.3", lambda phi, rng: 1 / phi(rng.standard_normal(200_000)).std(), "variance of φ"),
        ("07.3", lambda phi, rng: integral(phi) * (1 + 0.2 * np.sin(rng.integers(4))), ""),
    ],
)
def test_wrong_answers_get_a_hint(name, answer, hint, capsys):
    assert not check(name, answer)
    told = capsys.readouterr().out
    assert "not yet" in told and hint in told


@pytest.mark.parametrize(("name", "answer"), [("07.1", ...), ("07.2", lambda phi: ...), ("07.3", lambda phi, rng: ...)])
def test_dots_are_not_attempted(name, answer, capsys):
    assert not check(name, answer)
    assert "not attempted" in capsys.readouterr().out
