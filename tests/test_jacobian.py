"""Jacobians and pushed circles against products of matrices and finite differences."""

import numpy as np
import pytest

import initlab
from initlab.jacobian import Jacobians


def outputs(net, activation, gain, x):
    """The network's function, written out."""
    for w in net.W:
        x = initlab.ACTIVATIONS[activation].phi(gain * (w @ x))
    return x


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
@pytest.mark.parametrize("matrix", ["Gaussian", "orthogonal"])
def test_singular_values_against_finite_differences(activation, matrix):
    net, h, gain = Jacobians(8, 4, matrix, seed=3), 1e-6, 1.3
    x = net.plane[:, :1]
    J = (outputs(net, activation, gain, x + h * np.eye(8)) - outputs(net, activation, gain, x - h * np.eye(8))) / (
        2 * h
    )
    found = net(activation, 4, gain)
    assert found.s == pytest.approx(np.linalg.svd(J, compute_uv=False), abs=1e-6)
    assert found.rms == pytest.approx(np.linalg.norm(J) / np.sqrt(8), rel=1e-6)


def test_linear_circle_is_an_ellipse_with_the_axes_of_the_product():
    net = Jacobians(6, 5, "Gaussian", seed=1)
    product = np.linalg.multi_dot(net.W[::-1]) * 0.9**5 @ net.plane / np.sqrt(6)
    long, short = np.linalg.svd(product, compute_uv=False)
    found = net("linear", 5, 0.9)
    assert found.circle.shape == (2, 97)
    assert found.ratio == pytest.approx(long / short, rel=1e-9)
    assert np.linalg.norm(found.circle, axis=0).max() == pytest.approx(long, rel=1e-2)
    assert np.linalg.norm(found.circle, axis=0).min() == pytest.approx(short, rel=0.2)


def test_the_circle_begins_in_the_first_quadrant_of_its_own_axes():
    """Turned and mirrored, never bent: all distances between points stay, up to the gain."""
    starts = []
    for seed in range(6):
        net = Jacobians(5, 3, "Gaussian", seed=seed)
        found, image = net("linear", 3, 0.8), np.linalg.multi_dot(net.W[::-1]) @ net.plane
        starts.append(found.circle[:, 0])
        t = np.linspace(0, 2 * np.pi, 97)
        image = 0.8**3 * image @ [np.cos(t), np.sin(t)] / np.sqrt(5)
        np.testing.assert_allclose(found.circle.T @ found.circle, image.T @ image, atol=1e-12)
    assert (np.array(starts) > 0).all()


def test_defaults_and_a_very_small_circle():
    """Seed 0 and gain 1; at gain 1e-3 tanh is linear, to 1e-6, however small the image is."""
    net, same = Jacobians(5, 3, "Gaussian"), Jacobians(5, 3, "Gaussian", seed=0)
    np.testing.assert_array_equal(net("tanh", 3).s, same("tanh", 3, 1.0).s)
    assert net("tanh", 3, 1e-3).ratio == pytest.approx(net("linear", 3).ratio, rel=1e-4)


def test_orthogonal_linear_keeps_the_circle():
    found = Jacobians(16, 30, "orthogonal")("linear", 30, 1.1)
    assert found.s == pytest.approx(1.1**30, rel=1e-9)
    assert np.linalg.norm(found.circle, axis=0) == pytest.approx(1.1**30, rel=1e-9)
    assert found.ratio == pytest.approx(1, rel=1e-9)


def test_a_gain_only_scales_relu_and_reuses_its_layers():
    net = Jacobians(12, 6, "orthogonal")
    one, two = net("relu", 6, 1.0), net("relu", 6, 2.0)
    assert two.s == pytest.approx(64 * one.s, rel=1e-9, abs=1e-12)
    assert two.circle == pytest.approx(64 * one.circle, rel=1e-9)
    assert net("tanh", 6, 1.0).ratio != pytest.approx(net("tanh", 6, 3.0).ratio, rel=1e-3)
    assert net("tanh", 6, 1.0).s == pytest.approx(Jacobians(12, 6, "orthogonal")("tanh", 6, 1.0).s)


def test_a_circle_that_has_become_a_line_is_endlessly_long():
    net = Jacobians(4, 2, "Gaussian")
    net.W[1][1:] = 0.0
    assert net("linear", 2).ratio == np.inf and net("linear", 1).ratio < 100


def test_dead_networks_are_finite():
    net = Jacobians(2, 50, "Gaussian", seed=0)
    found = net("relu", 50, 1.0)
    assert np.isfinite(found.s).all()
    assert np.isfinite(found.circle).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Jacobians(1, 5, "Gaussian"),
        lambda: Jacobians(4, 5, "unitary"),
        lambda: Jacobians(4, 5, "Gaussian")("relu", 6),
        lambda: Jacobians(4, 5, "Gaussian")("relu", 5, 0.0),
        lambda: Jacobians(4, 5, "Gaussian")("step", 5),
    ],
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError):
        wrong()
