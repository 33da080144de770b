"""The infinite-width spectrum against its moments, closed forms and drawn matrices."""

import math

import numpy as np
import pytest

import initlab
from initlab.spectrum import _curve, spectrum

KINDS = [(True, False), (True, True), (False, True)]


def moment(depth, gaussian, relu, power):
    """E[(s^2)^power] from the curve, by integrating over what lies above."""
    log_x, above = _curve(depth * gaussian, depth * relu)
    x = np.exp(log_x) ** power
    return -np.sum((x[1:] + x[:-1]) / 2 * np.diff(above))


@pytest.mark.parametrize("gaussian, relu", KINDS)
@pytest.mark.parametrize("depth", [3, 7, 20, 50])
def test_mean_is_1_and_variance_adds_up(gaussian, relu, depth):
    """Each Gaussian matrix adds 1 to the variance of s^2, each mask adds 1."""
    assert moment(depth, gaussian, relu, 1) == pytest.approx(1, rel=1e-3)
    assert moment(depth, gaussian, relu, 2) - 1 == pytest.approx(depth * (gaussian + relu), rel=3e-3)


@pytest.mark.parametrize("depth", [1, 2, 5, 20])
def test_gaussian_products_follow_fuss_and_catalan(depth):
    """s^2 = sin((L+1)t)^(L+1) / (sin t sin(Lt)^L), density of log s^2 = sin((L+1)t) sin t / (pi sin(Lt))."""
    t = np.linspace(0, math.pi / (depth + 1), 20001)[1:-1]
    log_x = np.log(np.sin((depth + 1) * t) ** (depth + 1) / (np.sin(t) * np.sin(depth * t) ** depth))
    density = np.sin((depth + 1) * t) * np.sin(t) / (math.pi * np.sin(depth * t))
    above = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * -np.diff(log_x))])
    edges = np.linspace(-2, 1.2, 9)
    expected = 1 - np.interp(edges * 2 * math.log(10), log_x[::-1], above[::-1])
    assert np.cumsum(spectrum(edges, depth, gaussian=True, relu=False)) == pytest.approx(expected, abs=1e-3)


def test_orthogonal_shares():
    edges = [-0.5, -0.1, 0.1, 0.2, 0.5]
    assert spectrum(edges, 30, gaussian=False, relu=False) == pytest.approx([0, 0, 1, 0, 0])
    assert spectrum(edges, 1, gaussian=False, relu=True) == pytest.approx([0.5, 0, 0, 0.5, 0])  # sqrt 2 is 10^0.15
    assert spectrum(edges, 2, gaussian=False, relu=True).sum() == pytest.approx(1)


@pytest.mark.parametrize("depth", [1, 2, 3, 10])
@pytest.mark.parametrize("gaussian, relu", KINDS)
def test_against_drawn_matrices(gaussian, relu, depth):
    """Masks with exactly half of the units: at finite width a random mask keeps a few more or less."""
    rng, n, found = np.random.default_rng(depth), 100, []
    for _ in range(6):
        J = np.eye(n)
        for _ in range(depth):
            W = initlab.lecun_normal((n, n), rng) if gaussian else initlab.orthogonal((n, n), rng)
            J = W @ J * (rng.permutation(n) % 2 if relu else np.ones(n))[:, None]
        s = np.linalg.svd(J, compute_uv=False)
        found.append(np.maximum(s / np.sqrt(np.mean(s**2)), 1e-12))
    edges = np.array([-3, -1.9, -1.1, -0.7, -0.4, -0.2, 0.1, 0.25, 0.6, 1.5])
    measured = [np.mean(np.log10(found) < edge) for edge in edges]
    assert np.cumsum(spectrum(edges, depth, gaussian=gaussian, relu=relu)) == pytest.approx(measured, abs=0.02)


@pytest.mark.parametrize("gaussian, relu", KINDS)
@pytest.mark.parametrize("depth", [3, 6])
def test_shares_of_fine_bins_have_the_moments(gaussian, relu, depth):
    """E[s^2] = 1 and E[s^4] = 1 + L for Gaussian matrices, + L for masks, as sums over bins of log10 s."""
    edges = np.linspace(-4, 1.2, 8001)
    shares = spectrum(edges, depth, gaussian=gaussian, relu=relu)[1:]
    square = 100 ** ((edges[1:] + edges[:-1]) / 2)
    assert shares @ square == pytest.approx(1, rel=1e-3)
    assert shares @ square**2 == pytest.approx(1 + depth * (gaussian + relu), rel=3e-3)


def test_a_value_on_an_edge_lies_below_it():
    """Orthogonal: s = 1, or with one mask 0 and sqrt 2; two edges are enough, and may be whole numbers."""
    assert spectrum([-1, 0, 1], 4, gaussian=False, relu=False).tolist() == [0.0, 1.0, 0.0]
    assert spectrum([0.0, 0.12, math.log10(2) / 2], 1, gaussian=False, relu=True).tolist() == [0.5, 0.0, 0.5]
    assert spectrum([-1, 1], 4, gaussian=False, relu=False).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "edges, depth", [([0.0], 3), ([0.0, 0.0], 3), ([[0.0, 1.0]], 3), ([0.0, 1.0], 0), ([0.0, 2.0, 1.0], 3)]
)
def test_wrong_arguments(edges, depth):
    with pytest.raises(ValueError):
        spectrum(edges, depth, gaussian=True, relu=True)
