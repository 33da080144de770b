"""The shipped digits against what is published of them, and the geometry of the toy sets."""

import json
import math
import pathlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initlab
from initlab import data
from initlab.data import Digits, circles, digits, moons, spirals

QUIET = settings(deadline=None, max_examples=40, derandomize=True)
TOYS = {"circles": circles, "moons": moons, "spirals": spirals}


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_digits_are_the_published_ones():
    """1797 images, this many of each digit, and the first image's first rows, as in the repository's file."""
    data = digits("raw")
    assert isinstance(data, Digits)
    assert data.x.shape == (64, 1437) and data.x_test.shape == (64, 360)
    assert data.y.shape == (1437,) and data.y_test.shape == (360,)
    labels = np.concatenate([data.y, data.y_test])
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.y[:10].tolist() == list(range(10))
    assert data.x[:16, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]
    pixels = np.concatenate([data.x, data.x_test], axis=1)
    assert set(np.unique(pixels)) == set(range(17))
    assert pixels.mean() == pytest.approx(4.8842, abs=5e-5)


@pytest.mark.parametrize("scale", ["standard", "unit", "raw"])
def test_types_of_the_digits(scale):
    data = digits(scale)
    assert data.x.dtype == data.x_test.dtype == np.float64
    assert np.issubdtype(data.y.dtype, np.integer) and np.issubdtype(data.y_test.dtype, np.integer)


def test_scales_of_the_digits():
    """Standard: mean 0 and second moment 1 over the training pixels, and the same affine map for the test images."""
    raw, unit, standard = digits("raw"), digits("unit"), digits()
    np.testing.assert_array_equal(unit.x, raw.x / 16)
    np.testing.assert_array_equal(unit.x_test, raw.x_test / 16)
    assert standard.x.mean() == pytest.approx(0, abs=1e-13)
    assert np.mean(standard.x**2) == pytest.approx(1, rel=1e-12)
    expected = (raw.x_test - np.mean(raw.x)) / math.sqrt(np.mean((raw.x - np.mean(raw.x)) ** 2))
    np.testing.assert_allclose(standard.x_test, expected, rtol=1e-12)


class Runs:
    """A pickle of it runs code when it is read."""

    def __reduce__(self):
        return exec, ("import initlab; initlab.was_run = True",)


def test_a_data_file_with_code_in_it_is_refused(tmp_path, monkeypatch):
    sound, bad = dict(images=np.zeros((1797, 64)), labels=np.zeros(1797)), tmp_path / "digits.npz"
    monkeypatch.setattr(data.resources, "files", lambda package: tmp_path)
    np.savez(bad, **sound)
    assert data.digits("raw").x.shape == (64, 1437)
    np.savez(bad, **(sound | {"labels": np.array([Runs()], dtype=object)}))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        data.digits()
    assert not hasattr(initlab, "was_run")
    with np.load(bad, allow_pickle=True) as opened:
        opened["labels"]  # the file is as dangerous as it should be
    assert initlab.was_run
    del initlab.was_run


def test_nothing_else_reads_files_and_nothing_opens_a_connection():
    """Of all that could: pickle, eval and exec, shells, sockets."""
    names = re.compile(
        r"\b(pickle|marshal|shelve|joblib|eval|exec|allow_pickle=True|os\.system|socket|urllib|http|requests|ssl|"
        r"webbrowser|ctypes)\b(?!\.svg)"
    )
    root = pathlib.Path(initlab.__file__).parent
    found = {}
    for path in [*root.rglob("*.py"), *(root.parent / "notebooks").glob("*.ipynb")]:
        if path.suffix == ".py":
            codes = [path.read_text(encoding="utf-8")]
        else:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        if hits := [hit[0] for code in codes for hit in names.finditer(code)]:
            found[path.name] = hits
    assert found == {}


def test_each_call_returns_arrays_of_its_own():
    digits().x[:] = 0
    assert digits().x.any()


def test_circles_without_noise():
    x, y = circles(200, rng(1), noise=0)
    radius = np.hypot(*x)
    np.testing.assert_allclose(radius[y == 0], 0.5, rtol=1e-12)
    np.testing.assert_allclose(radius[y == 1], 1.2, rtol=1e-12)
    for label in (0, 1):  # all the way round: every eighth is met by 100 points
        angles = np.arctan2(x[1, y == label], x[0, y == label])
        assert (np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0] > 0).all()


def test_moons_without_noise():
    """Two half circles of radius 1, about (-1/2, -1/4) and (1/2, 1/4), the first open below, the second above."""
    x, y = moons(200, rng(2), noise=0)
    for label, centre, side in ((0, (-0.5, -0.25), 1), (1, (0.5, 0.25), -1)):
        off = x[:, y == label] - np.array(centre)[:, None]
        np.testing.assert_allclose(np.hypot(*off), 1.0, rtol=1e-12)
        assert (side * off[1] >= 0).all()
        assert off[0].min() < -0.9 and off[0].max() > 0.9
    upper, lower = x[:, y == 0], x[:, y == 1]
    assert upper[0].max() > lower[0].min() + 0.5 and lower[1].min() < upper[1].max() - 0.5  # they reach into each other


@pytest.mark.parametrize("turns", [0.5, 1.0, 1.75])
def test_spirals_without_noise(turns):
    """Angle 2 pi turns r / 1.5 at radius r; the second arm is the first one's point reflection."""
    x, y = spirals(400, rng(3), noise=0, turns=turns)
    x = np.where(y == 0, x, -x)
    radius = np.hypot(*x)
    assert 1.4 < radius.max() <= 1.5 and radius.min() < 0.3
    angle = 2 * np.pi * turns * radius / 1.5
    np.testing.assert_allclose(x, radius * np.stack([np.cos(angle), np.sin(angle)]), atol=1e-12)
    # r^2 is uniform, with mean 1.5^2 / 2 and standard deviation 1.5^2 / sqrt(12)
    assert abs(np.mean(radius**2) - 1.125) < 5 * 2.25 / math.sqrt(12 * 400)


@pytest.mark.parametrize(("name", "default"), [("circles", 0.1), ("moons", 0.1), ("spirals", 0.05)])
@pytest.mark.parametrize("noise", [None, 0.3])
def test_noise_has_the_stated_standard_deviation(name, default, noise):
    """The same draw with and without: the difference is N(0, noise^2), to five standard errors."""
    options = {} if noise is None else {"noise": noise}
    still, y = TOYS[name](4000, rng(4), noise=0)
    moved, again = TOYS[name](4000, rng(4), **options)
    np.testing.assert_array_equal(y, again)
    off = moved - still
    assert abs(np.mean(off**2) / (noise or default) ** 2 - 1) < 5 * math.sqrt(2 / off.size)
    assert abs(np.mean(off)) < 5 * (noise or default) / math.sqrt(off.size)


@pytest.mark.parametrize("name", TOYS)
@QUIET
@given(n=st.integers(2, 300), seed=st.integers(0, 2**32))
def test_toy_sets_of_any_size(name, n, seed):
    x, y = TOYS[name](n, rng(seed))
    assert x.shape == (2, n) and x.dtype == np.float64
    assert y.shape == (n,) and np.issubdtype(y.dtype, np.integer)
    assert np.bincount(y).tolist() == [n // 2, n - n // 2]
    again = TOYS[name](n, rng(seed))
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])


@pytest.mark.parametrize("name", TOYS)
def test_toy_sets_are_shuffled_and_differ_by_seed(name):
    x, y = TOYS[name](100, rng(5))
    assert 25 < np.count_nonzero(np.diff(y)) < 75  # 50 changes of label in a random order, 1 in a sorted one
    assert not np.array_equal(x, TOYS[name](100, rng(6))[0])


def test_an_unknown_scale_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown scale 'zscore'; known are standard, unit, raw"):
        digits("zscore")


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, rng()), ValueError, "n must be at least 2, got 1"),
        ((2.0, rng()), TypeError, "n must be a whole number, got 2.0"),
        ((10, 0), TypeError, r"rng must be a numpy.random.Generator, .* got 0"),
        ((10, rng(), -0.1), ValueError, "noise must be at least 0.0, got -0.1"),
        ((10, rng(), math.nan), ValueError, "noise must be finite, got nan"),
    ],
)
def test_toy_sets_refuse_and_say_why(name, arguments, error, message):
    with pytest.raises(error, match=message):
        TOYS[name](*arguments)


@pytest.mark.parametrize("turns", [0, -1])
def test_spirals_need_turns(turns):
    with pytest.raises(ValueError, match=f"turns must be greater than 0.0, got {turns}"):
        spirals(10, rng(), turns=turns)


def test_rings_are_filled_evenly_all_round():
    """Without noise: mean 0 in both directions and equal squares, to five standard errors."""
    x, y = circles(8000, np.random.default_rng(31), noise=0.0)
    for label, radius in ((0, 0.5), (1, 1.2)):
        ring = x[:, y == label] / radius
        np.testing.assert_allclose(np.hypot(*ring), 1.0, rtol=1e-12)
        assert np.abs(ring.mean(axis=1)).max() < 5 * np.sqrt(0.5 / ring.shape[1])
        assert np.abs(np.mean(ring**2, axis=1) - 0.5).max() < 5 * np.sqrt(0.125 / ring.shape[1])


def test_spirals_have_one_turn_unless_told():
    one, told = (spirals(40, np.random.default_rng(0), **options)[0] for options in ({}, {"turns": 1.0}))
    np.testing.assert_array_equal(one, told)
