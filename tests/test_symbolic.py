"""The symbolic steps against numbers: exact enumeration of small distributions, and quadrature."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp

import initlab
from initlab.symbolic import E, expect, gaussian_integral

w, a, b, c = sp.symbols("w a b c")
z, s = sp.Symbol("z", real=True), sp.Symbol("s", positive=True)


def enumerated(expression, *distributions):
    """E[expression] over independent distributions: each a list of (probability, {symbol: value})."""
    total = sp.Integer(0)
    for outcome in itertools.product(*distributions):
        values = {symbol: value for _, part in outcome for symbol, value in part.items()}
        total += sp.prod([p for p, _ in outcome]) * expression.subs(values)
    return sp.nsimplify(total)


THIRD = sp.Rational(1, 3)
W = [(THIRD, {w: -2}), (2 * THIRD, {w: 3})]
AB = [(THIRD, {a: 1, b: 2}), (THIRD, {a: -1, b: 5}), (THIRD, {a: 4, b: 0})]  # dependent on each other


@pytest.mark.parametrize("expression", [w * a, (w * a + b) ** 2, w**2 * a * b + 3 * w, (w + a + b) ** 3, sp.Integer(7)])
def test_expect_against_enumeration(expression):
    symbolic = expect(expression, w, (a, b))
    moments = symbolic.atoms(E)
    values = {m: enumerated(m.args[0], W, AB) for m in moments}
    assert symbolic.subs(values) == enumerated(expression, W, AB)


def test_expect_keeps_a_group_together_and_leaves_constants():
    assert expect(w**2 * a * b, w, (a, b)) == E(w**2) * E(a * b)
    assert expect(w**2 * a * b, w, a, b) == E(w**2) * E(a) * E(b)
    assert expect(c * w + 1, w) == c * E(w) + 1


def test_expect_says_what_is_wrong():
    with pytest.raises(ValueError, match="once"):
        expect(w * a, w, (a, w))
    with pytest.raises(ValueError, match="once"):
        expect(w * a)
    with pytest.raises(ValueError, match="polynomial"):
        expect(sp.exp(w), w)


def test_gaussian_integral_against_known_moments():
    assert [gaussian_integral(z**k, z, s) for k in range(5)] == [1, 0, s**2, 0, 3 * s**4]
    assert gaussian_integral(z, z, s, 0) == s / sp.sqrt(2 * sp.pi)
    assert gaussian_integral(z**2, z, s, 0) == s**2 / 2


def test_gaussian_integral_against_quadrature():
    exact = gaussian_integral(z**3 - 2 * z + 1, z, sp.Rational(3, 2), 0)
    numeric = initlab.gaussian_mean(lambda t: (t > 0) * (t**3 - 2 * t + 1), 2.25)
    assert math.isclose(float(exact), numeric, rel_tol=1e-10)


HALF = sp.Rational(1, 2)


@pytest.mark.parametrize(
    ("expression", "f"),
    [
        (sp.exp(z), np.exp),
        ((sp.exp(z) - 1) ** 2, lambda t: (np.exp(t) - 1) ** 2),
        (3 * z**2 * sp.exp(1 - z * HALF) + z, lambda t: 3 * t**2 * np.exp(1 - t / 2) + t),
        (sp.Integer(0), lambda t: 0 * t),
    ],
)
@pytest.mark.parametrize(("low", "high"), [(-sp.oo, sp.oo), (-sp.oo, 0), (-1, 1)])
def test_gaussian_integral_with_exponentials_against_quadrature(expression, f, low, high):
    def inside(t):
        return (t > float(low)) * (t < float(high)) * f(t)

    exact = gaussian_integral(expression, z, 3 * HALF, low, high)
    assert math.isclose(float(exact), initlab.gaussian_mean(inside, 2.25, kinks=(-1.0, 0.0, 1.0)), rel_tol=1e-9)


def test_gaussian_integral_of_anything_else():
    """E[cos z] = exp(-s^2 / 2), E[exp(-z^2)] = 1 / sqrt(1 + 2 s^2)."""
    assert gaussian_integral(sp.cos(z), z, 1) == sp.exp(-HALF)
    assert gaussian_integral(sp.cos(z), z, 2) == sp.exp(-2)
    assert sp.simplify(gaussian_integral(sp.exp(-(z**2)), z, 2) - sp.Rational(1, 3)) == 0


def test_gaussian_integral_needs_a_positive_scale():
    with pytest.raises(ValueError, match="positive"):
        gaussian_integral(z, z, sp.Symbol("t"))
    with pytest.raises(ValueError, match="positive"):
        gaussian_integral(z, z, -1)
