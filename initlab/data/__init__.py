"""Data that ships with the package: 8 x 8 handwritten digits and 2-D toy sets.  Examples are columns."""

from dataclasses import dataclass
from importlib import resources

import numpy as np

from initlab._checks import check_rng, choice, finite, whole

SCALES = ("standard", "unit", "raw")


@dataclass(frozen=True)
class Digits:
    """x is (64, examples), y the labels 0 to 9; the first 1437 images train, the last 360 test."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits(scale="standard"):
    """The 1797 handwritten digits as `Digits`.

    scale: `standard` subtracts the mean of all training pixels and divides by their standard deviation, so that the
    second moment is 1; `unit` divides by 16, so that pixels lie in [0, 1]; `raw` leaves 0 to 16.
    Raises ValueError for another scale.  Source: Alpaydin and Kaynak 1998; see SOURCE.md beside the file.
    """
    choice("scale", scale, SCALES)
    with (
        resources.files(__name__).joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        x, y = stored["images"].T.astype(float), stored["labels"].astype(int)
    train = slice(0, 1437)
    if scale == "unit":
        x = x / 16.0
    elif scale == "standard":
        x = (x - x[:, train].mean()) / x[:, train].std()
    return Digits(x[:, train], y[train], x[:, 1437:], y[1437:])


def _halves(n, rng, noise):
    """Class sizes, and a function that adds noise and shuffles two point sets (2, n0) and (2, n1)."""
    n, noise = whole("n", n, least=2), finite("noise", noise, least=0.0)
    check_rng(rng)

    def mix(first, second):
        x = np.concatenate([first, second], axis=1)
        y = np.r_[np.zeros(first.shape[1], dtype=int), np.ones(second.shape[1], dtype=int)]
        order = rng.permutation(n)
        return (x + noise * rng.standard_normal(x.shape))[:, order], y[order]

    return n // 2, n - n // 2, mix


def circles(n, rng, noise=0.1):
    """Two rings of radius 0.5 (label 0) and 1.2 (label 1): x of shape (2, n), labels of shape (n,)."""
    inner, outer, mix = _halves(n, rng, noise)
    s, t = 2 * np.pi * rng.random(inner), 2 * np.pi * rng.random(outer)
    return mix(0.5 * np.stack([np.cos(s), np.sin(s)]), 1.2 * np.stack([np.cos(t), np.sin(t)]))


def moons(n, rng, noise=0.1):
    """Two half circles that reach into each other: x of shape (2, n), labels of shape (n,)."""
    upper, lower, mix = _halves(n, rng, noise)
    s, t = np.pi * rng.random(upper), np.pi * rng.random(lower)
    return mix(
        np.stack([np.cos(s) - 0.5, np.sin(s) - 0.25]),
        np.stack([0.5 - np.cos(t), 0.25 - np.sin(t)]),
    )


def spirals(n, rng, noise=0.05, turns=1.0):
    """Two spiral arms of `turns` turns, one the other's point reflection: x of shape (2, n), labels of shape (n,)."""
    first, second, mix = _halves(n, rng, noise)
    turns = finite("turns", turns, above=0.0)

    def arm(count, sign):
        t = np.sqrt(rng.random(count))
        angle = 2 * np.pi * turns * t
        return sign * 1.5 * t * np.stack([np.cos(angle), np.sin(angle)])

    return mix(arm(first, 1.0), arm(second, -1.0))
