"""Integrals against SciPy's adaptive quadrature of its own special functions, and the digits against scikit-learn's."""

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, special, stats
from scipy.integrate import quad
from sklearn.datasets import load_digits

import initlab
from initlab.activations import ACTIVATIONS
from initlab.data import digits

pytestmark = pytest.mark.oracle
SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def elu(z, alpha=1.0, scale=1.0):
    return scale * (z if z > 0 else alpha * special.expm1(z))


def d_elu(z, alpha=1.0, scale=1.0):
    return scale * (1.0 if z > 0 else alpha * math.exp(z))


def d_silu(z):
    s = special.expit(z)
    return s + z * s * (1 - s)


PHI = {  # name -> (phi, phi')
    "linear": (lambda z: z, lambda z: 1.0),
    "sigmoid": (special.expit, lambda z: special.expit(z) * special.expit(-z)),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2 if abs(z) < 300 else 0.0),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "leaky_relu": (lambda z: z if z > 0 else 0.2 * z, lambda z: 1.0 if z > 0 else 0.2),
    "elu": (elu, d_elu),
    "selu": (lambda z: elu(z, ALPHA, SCALE), lambda z: d_elu(z, ALPHA, SCALE)),
    "gelu": (lambda z: z * special.ndtr(z), lambda z: special.ndtr(z) + z * stats.norm.pdf(z)),
    "silu": (lambda z: z * special.expit(z), d_silu),
    "softplus": (lambda z: np.logaddexp(0, z), special.expit),
    "hardtanh": (lambda z: min(max(z, -1.0), 1.0), lambda z: float(abs(z) < 1)),
    "sin": (math.sin, math.cos),
    "erf": (special.erf, lambda z: 2 / math.sqrt(math.pi) * math.exp(-z * z) if abs(z) < 26 else 0.0),
}
QS = [1e-6, 0.04, 1.0, 7.0, 90.0]


def mean_square(f, q):
    """E[f(sqrt(q) z)^2] with breaks where f may bend."""
    root = math.sqrt(q)
    bends = sorted({0.0, *(s * b / root for s in (-1, 1) for b in (1.0, 3.0) if b / root < 12)})
    edges = [-12.0, *bends, 12.0]

    def inside(z):
        return f(root * z) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    return sum(quad(inside, a, b, epsabs=0, epsrel=1e-11, limit=400)[0] for a, b in itertools.pairwise(edges))


def test_every_activation_is_compared():
    assert list(PHI) == list(ACTIVATIONS)


@pytest.mark.parametrize("q", QS)
@pytest.mark.parametrize("name", PHI)
def test_variance_map_and_chi(name, q):
    phi, dphi = PHI[name]
    assert initlab.variance_map(name, q, 1.3, 0.2) == pytest.approx(1.69 * mean_square(phi, q) + 0.04, rel=1e-9)
    assert initlab.chi(name, q, 1.3) == pytest.approx(1.69 * mean_square(dphi, q), rel=1e-9)


@pytest.mark.parametrize("name", PHI)
def test_gains(name):
    phi, dphi = PHI[name]
    assert initlab.gain(name) == pytest.approx(1 / math.sqrt(mean_square(phi, 1.0)), rel=1e-9)
    assert initlab.gain(name, "backward") == pytest.approx(1 / math.sqrt(mean_square(dphi, 1.0)), rel=1e-9)


@pytest.mark.parametrize(("name", "gain", "sigma_b"), [("tanh", 5 / 3, 0.0), ("tanh", 1.3, 0.2), ("sigmoid", 2.0, 0.1)])
def test_fixed_points(name, gain, sigma_b):
    def excess(q):
        return gain**2 * mean_square(PHI[name][0], q) + sigma_b**2 - q

    assert initlab.fixed_point(name, gain, sigma_b) == pytest.approx(optimize.brentq(excess, 0.05, 9), rel=1e-8)


def test_truncated_normal():
    """Its draws follow SciPy's truncated normal of the stated standard deviation."""
    w = initlab.truncated_normal((300, 400), np.random.default_rng(8), std=0.7).ravel()
    law = stats.truncnorm(-2, 2)
    law = stats.truncnorm(-2, 2, scale=0.7 / law.std())
    assert stats.kstest(w, law.cdf).statistic < math.sqrt(-math.log(1e-7 / 2) / (2 * w.size))


@pytest.mark.parametrize("shape", [(6, 6), (9, 4)], ids=str)
def test_orthogonal_is_uniform(shape):
    """The first entry of a uniform direction in n dimensions: its square is Beta(1/2, (n - 1) / 2)."""
    rng = np.random.default_rng(9)
    w = np.array([initlab.orthogonal(shape, rng)[0, 0] for _ in range(4000)])
    law = stats.beta(0.5, (shape[0] - 1) / 2)
    assert stats.kstest(w**2, law.cdf).statistic < math.sqrt(-math.log(1e-7 / 2) / (2 * w.size))
    assert abs(np.mean(w > 0) - 0.5) < 5 * 0.5 / math.sqrt(w.size)


def test_the_digits_are_scikit_learns():
    theirs, ours = load_digits(), digits("raw")
    np.testing.assert_array_equal(np.concatenate([ours.x, ours.x_test], axis=1).T, theirs.data)
    np.testing.assert_array_equal(np.concatenate([ours.y, ours.y_test]), theirs.target)
