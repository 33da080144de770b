"""Exercises of chapter 05."""

import math

import numpy as np

from initlab.claims import exercise, one_number


@exercise("05.1")
def narrow_again(answer):
    """The change of E|x|^2 through orthogonal matrices 64 -> 256 -> 64: the wide one keeps 64/256."""
    got = one_number(answer)
    if math.isclose(got, 1 / 4, rel_tol=0.01):
        return None
    if math.isclose(got, 1, rel_tol=0.01):
        return "The tall matrix keeps every norm. The wide one has only 64 rows for vectors of 256 components."
    if math.isclose(got, 1 / 16, rel_tol=0.01):
        return "One factor of 64/256 too many: in the tall matrix E[a²] per unit falls, but |a|² does not."
    if math.isclose(got, 1 / 2, rel_tol=0.01):
        return "That is the factor of the norm. The question asks for its square."
    if math.isclose(got, 4, rel_tol=0.01):
        return "Upside down: an orthogonal matrix at gain 1 never lengthens a vector."
    return "Take the two matrices one after the other: what does a tall one keep of |x|², and what a wide one?"


def _orthonormal(W):
    tall = W if W.shape[0] >= W.shape[1] else W.T
    return float(np.abs(tall.T @ tall - np.eye(tall.shape[1])).max())


def _not_uniform(draws):
    """A hint where moments of the draws, (draws, m, n), are not a uniform one's; tolerances of 5 to 7 standard errors.

    With k = max(m, n): E[q] = 0, E[q q'] = 0 for two different entries, E[q^2] = 1/k, E[q^4] = 3 / (k (k + 2)).
    """
    count, m, n = draws.shape
    k, shape = max(m, n), f"{m} × {n}"
    mean = draws.mean(axis=0)
    at = np.unravel_index(np.argmax(np.abs(mean)), mean.shape)
    if abs(mean[at]) > 6 / math.sqrt(k * count):
        place = f"row {at[0] + 1}, column {at[1] + 1}"
        return f"The mean of the entry in {place} of {shape} draws is {mean[at]:.2f}, not 0. What about R's diagonal?"
    entries = draws.reshape(count, m * n)
    products = entries.T @ entries / count - np.eye(m * n) / k
    if np.abs(products).max() > 7 * math.sqrt(3) / (k * math.sqrt(count)):
        return f"Two entries of {shape} draws go together. Fix each column's sign by its own number on R's diagonal."
    fourth, spread = 3 / (k * (k + 2)), math.sqrt(105 / (k * (k + 2) * (k + 4) * (k + 6)))
    if np.abs((draws**4).mean(axis=(0, 1 if m >= n else 2)) - fourth).max() > 5 * spread / math.sqrt(k * count):
        return f"The mean of the entries' fourth powers of {shape} draws is off. Do you start from Gaussian numbers?"
    if m == n and abs((share := np.mean(np.linalg.det(draws) < 0)) - 0.5) > 2.5 / math.sqrt(count):
        return f"{share:.0%} of {shape} draws are reflections (determinant -1). In a uniform draw half of them are."
    return None


@exercise("05.2")
def uniform_orthogonal(answer):
    """An initialiser with orthonormal rows or columns for any shape, and with the moments of a uniform draw."""
    if not callable(answer):
        return f"Give the function itself, my_orthogonal, not {answer!r}."
    rng = np.random.default_rng(0)
    if (first := answer((8, 8), rng)) is ...:
        return ...
    if first is None:
        return "The function returned nothing. Does it end with a return?"
    for shape in ((8, 8), (12, 5), (5, 12)):
        W = np.asarray(answer(shape, rng), dtype=float)
        if W.shape != shape:
            return f"For the shape {shape} it returned one of shape {W.shape}. A wide matrix is a tall one, transposed."
        if not _orthonormal(W) <= 1e-8:  # a nan compares false
            side = "rows" if shape[0] < shape[1] else "columns"
            return f"For the shape {shape} the {side} are not orthonormal: they are off by {_orthonormal(W):.2g}."
    for shape, count in (((4, 4), 4000), ((4, 2), 2000), ((2, 4), 2000)):
        draws = np.array([answer(shape, rng) for _ in range(count)])
        if np.ptp(draws, axis=0).max() < 1e-6:
            return "It returns the same matrix each time. Use the generator rng that it is given."
        if shape == (4, 4) and abs(trace := np.trace(draws, axis1=1, axis2=2).mean()) > 5 / math.sqrt(4000):
            return f"The mean trace of 4 × 4 draws is {trace:.2f}, not 0. What about the signs of R's diagonal?"
        if (hint := _not_uniform(draws)) is not None:
            return hint
    return None


@exercise("05.3")
def leaky_spectrum(answer):
    """Variance of normalised s^2 after 30 orthogonal layers of leaky ReLU, slope 0.2: 30 (E[c^2] / E[c]^2 - 1)."""
    got, slopes = one_number(answer), np.array([1.0, 0.2**2])
    one = float(np.mean(slopes**2) / np.mean(slopes) ** 2 - 1)
    if math.isclose(got, 30 * one, rel_tol=0.02):
        return None
    if math.isclose(got, one, rel_tol=0.02):
        return "That is what one layer adds. The variances of thirty layers add up."
    if math.isclose(got, 30 * (1 + one), rel_tol=0.02):
        return "You have added 1 per layer for the matrix. That is a Gaussian one: an orthogonal one adds nothing."
    if math.isclose(got, 30, rel_tol=0.02):
        return "That is ReLU, whose squared slopes are 0 and 1. Here the smaller one is 0.2² = 0.04."
    slope = float(np.mean([1, 0.2**2]) / np.mean([1, 0.2]) ** 2 - 1)
    if math.isclose(got, 30 * slope, rel_tol=0.02):
        return "That is the variance of φ' over its squared mean. What counts is φ'², because s² is a square."
    if math.isclose(got, 30 * float(np.var(slopes)), rel_tol=0.02):
        return "Divide the variance of φ'² by the square of its mean: the gain brings that mean back to 1."
    return "v is the variance of φ'² over the square of its mean. Half of the units have φ'² = 1, the others 0.2²."
