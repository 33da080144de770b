"""Activations and their derivatives against Python's own math functions and against finite differences."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initlab
from initlab.activations import ACTIVATIONS, Activation, activation, erf, erfc

QUIET = settings(deadline=None, max_examples=60, derandomize=True)
NAMES = [
    *("linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu"),
    *("gelu", "silu", "softplus", "hardtanh", "sin", "erf"),
]
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772  # SELU's two constants, as published


def normal_cdf(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z))


SCALAR = {  # each definition once more, for one Python float
    "linear": lambda z: z,
    "sigmoid": sigmoid,
    "tanh": math.tanh,
    "relu": lambda z: z if z > 0 else 0.0,
    "leaky_relu": lambda z: z if z > 0 else 0.2 * z,
    "elu": lambda z: z if z > 0 else math.expm1(z),
    "selu": lambda z: SCALE * (z if z > 0 else ALPHA * math.expm1(z)),
    "gelu": lambda z: z * normal_cdf(z),
    "silu": lambda z: z * sigmoid(z),
    "softplus": lambda z: math.log1p(math.exp(z)) if z < 0 else z + math.log1p(math.exp(-z)),
    "hardtanh": lambda z: max(-1.0, min(1.0, z)),
    "sin": math.sin,
    "erf": math.erf,
}
# no point within 0.02 of a kink at -1, 0 or 1, so that differences never straddle one
POINTS = np.array([z for z in np.linspace(-9, 9, 601) if min(abs(z), abs(z - 1), abs(z + 1)) > 0.02])


def test_the_table_holds_the_names_of_the_series():
    assert list(ACTIVATIONS) == NAMES
    assert all(a.name == name for name, a in ACTIVATIONS.items())
    assert initlab.ACTIVATIONS is ACTIVATIONS


@pytest.mark.parametrize("name", NAMES)
def test_phi_is_its_definition(name):
    phi = ACTIVATIONS[name].phi
    expected = [SCALAR[name](z) for z in POINTS.tolist()]
    np.testing.assert_allclose(phi(POINTS), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_dphi_is_the_derivative_of_the_definition(name):
    """Central differences at h and h/2, extrapolated: truncation about h^4 = 1e-12, rounding about 1e-16 / h."""

    def central(z, h):
        return (SCALAR[name](z + h) - SCALAR[name](z - h)) / (2 * h)

    h = 1e-3
    expected = [(4 * central(z, h / 2) - central(z, h)) / 3 for z in POINTS.tolist()]
    np.testing.assert_allclose(ACTIVATIONS[name].dphi(POINTS), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_kinks_are_where_a_derivative_jumps(name):
    """Second differences across a point stay bounded by 2 unless phi or phi' jumps there."""
    a = ACTIVATIONS[name]
    h = 1e-4
    for z in np.linspace(-3, 3, 601):  # a grid that contains -1, 0 and 1
        jumps = abs(SCALAR[name](z + h) - 2 * SCALAR[name](z) + SCALAR[name](z - h)) > 20 * h * h
        assert not jumps or min(abs(z - k) for k in a.kinks) < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_values_at_zero(name):
    """At a kink the slope is a one-sided one; ReLU and hardtanh take the side that is off at 0 and at 1."""
    a = ACTIVATIONS[name]
    assert a.phi(np.zeros(1))[0] == pytest.approx(SCALAR[name](0.0), abs=1e-15)
    slope = {"relu": 0.0, "leaky_relu": 0.2, "sigmoid": 0.25, "gelu": 0.5, "silu": 0.5, "softplus": 0.5}
    slope |= {"selu": SCALE * ALPHA, "erf": 2 / math.sqrt(math.pi)}
    assert a.dphi(np.zeros(1))[0] == pytest.approx(slope.get(name, 1.0), rel=1e-14)
    assert name != "hardtanh" or a.dphi(np.array([-1.0, 1.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 1, 5)])
def test_shape_and_float64_are_kept_and_the_input_is_not_touched(name, shape):
    z = np.asarray(np.random.default_rng(0).standard_normal(shape))
    before = z.copy()
    for f in (ACTIVATIONS[name].phi, ACTIVATIONS[name].dphi):
        out = np.asarray(f(z))
        assert out.shape == shape and out.dtype == np.float64
        assert not np.shares_memory(out, z)
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("name", NAMES)
def test_slope_is_the_derivative_by_either_way(name):
    """To rounding: a value near its limit has forgotten z, so small slopes there are right only absolutely."""
    a, z = ACTIVATIONS[name], np.linspace(-30, 30, 1001)
    np.testing.assert_allclose(a.slope(z, a.phi(z)), a.dphi(z), rtol=1e-15, atol=5e-16)
    assert (a.from_value is not None) == (name in ("tanh", "sigmoid", "elu", "selu"))


@pytest.mark.parametrize("name", NAMES)
def test_phi_keeps_float32(name):
    z = np.linspace(-3, 3, 7, dtype=np.float32)
    out = ACTIVATIONS[name].phi(z)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, ACTIVATIONS[name].phi(z.astype(float)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_python_number_serves_at_full_precision(name):
    for z in (0.3, -1.7, 2):
        one = np.array([float(z)])
        assert ACTIVATIONS[name].phi(z) == pytest.approx(ACTIVATIONS[name].phi(one)[0], rel=1e-14)
        assert ACTIVATIONS[name].dphi(z) == pytest.approx(ACTIVATIONS[name].dphi(one)[0], rel=1e-14)


@pytest.mark.parametrize("name", NAMES)
@QUIET
@given(z=st.floats(-700, 700))
def test_no_warning_and_finite_far_out(name, z):
    """Where a naive exp would overflow; pytest turns warnings into errors."""
    a = ACTIVATIONS[name]
    assert np.isfinite(a.phi(np.array([z]))).all() and np.isfinite(a.dphi(np.array([z]))).all()


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "silu", "gelu", "elu", "selu", "erf"])
def test_limits_far_out(name):
    """At +-1e100: bounded ones at their bounds, the others like z or like a constant."""
    z = np.array([-1e100, 1e100])
    phi = {
        "sigmoid": (0, 1),
        "tanh": (-1, 1),
        "erf": (-1, 1),
        "elu": (-1, 1e100),
        "selu": (-SCALE * ALPHA, SCALE * 1e100),
    }
    dphi = {"sigmoid": (0, 0), "tanh": (0, 0), "erf": (0, 0), "selu": (0, SCALE)}
    np.testing.assert_allclose(ACTIVATIONS[name].phi(z), phi.get(name, (0, 1e100)), rtol=1e-15, atol=1e-99)
    np.testing.assert_allclose(ACTIVATIONS[name].dphi(z), dphi.get(name, (0, 1)), rtol=1e-15, atol=1e-99)


def test_small_values_keep_their_relative_accuracy():
    """The left tail of sigmoid and GELU and the start of tanh, erf and ELU: no 1 - 1 cancellation."""
    z = np.array([-30.0, -1e-9, 1e-9])
    np.testing.assert_allclose(ACTIVATIONS["sigmoid"].phi(z[:1]), math.exp(-30), rtol=1e-12)
    np.testing.assert_allclose(ACTIVATIONS["softplus"].phi(z[:1]), math.exp(-30), rtol=1e-12)
    np.testing.assert_allclose(ACTIVATIONS["gelu"].phi(z[:1]), -30 * normal_cdf(-30), rtol=1e-11)
    np.testing.assert_allclose(ACTIVATIONS["elu"].phi(z[1:2]), math.expm1(-1e-9), rtol=1e-14)
    np.testing.assert_allclose(ACTIVATIONS["erf"].phi(z[1:]), 2e-9 / math.sqrt(math.pi) * np.array([-1, 1]), rtol=1e-14)


def test_erf_and_erfc_in_single_precision():
    """About 2e-6 relative where single precision can say it; near 0, erf without 1 - 1; far out, its bounds."""
    x = np.concatenate([np.linspace(-3, 3, 601), [1e-20, 1e-6, 4.0, 9.0]]).astype(np.float32)
    exact = x.astype(float)
    np.testing.assert_allclose(erf(x), [math.erf(v) for v in exact], rtol=2e-6)
    np.testing.assert_allclose(erfc(x[:601]), [math.erfc(v) for v in exact[:601]], rtol=4e-6)
    np.testing.assert_allclose(erfc(x[601:]), [math.erfc(v) for v in exact[601:]], rtol=3e-5)
    far = np.array([-1e30, -np.inf, np.inf, 1e30], np.float32)
    np.testing.assert_allclose(erf(far), [-1, -1, 1, 1])
    np.testing.assert_allclose(erfc(far), [2, 2, 0, 0], atol=1e-40)
    assert erf(x).dtype == erfc(x).dtype == np.float32


@QUIET
@given(x=st.floats(-25, 25))
def test_erf_and_erfc_are_those_of_math(x):
    """The docstrings promise about 1e-14 and 1e-13; exp(-x^2) alone costs x^2 rounding errors."""
    assert erf(x) == pytest.approx(math.erf(x), rel=5e-14, abs=1e-300)
    assert erfc(x) == pytest.approx(math.erfc(x), rel=3e-13)


def test_erf_across_the_joints_of_its_pieces():
    x = np.concatenate([np.linspace(-1.001, 1.001, 2001), np.linspace(-7, 7, 1001)])
    np.testing.assert_allclose(erf(x), [math.erf(v) for v in x], rtol=2e-14, atol=0)
    np.testing.assert_allclose(erfc(x), [math.erfc(v) for v in x], rtol=2e-13, atol=0)
    np.testing.assert_array_equal(erf(np.array([-np.inf, np.inf])), [-1, 1])


def test_activation_takes_a_name_or_one_of_your_own():
    mine = Activation("square", np.square, lambda z: 2 * z)
    assert activation(mine) is mine
    assert activation("tanh") is ACTIVATIONS["tanh"]
    assert mine.kinks == (0.0,)
    assert initlab.variance_map(mine, 2.0) == pytest.approx(3 * 2.0**2, rel=1e-12)  # E[z^4] = 3 q^2


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown activation 'rleu'; known are linear, sigmoid, tanh, relu, .*erf"):
        activation("rleu")


@pytest.mark.parametrize("wrong", [None, 3, np.tanh, ["relu"]])
def test_anything_else_is_a_type_error_that_shows_it(wrong):
    with pytest.raises(TypeError, match="activation must be a name or an Activation, got "):
        activation(wrong)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_homogeneous_are_those_that_scale(name):
    """phi(c z) = c phi(z) for c > 0, for those that say so and for no other."""
    a, z = ACTIVATIONS[name], np.array([-3.0, -0.5, 0.25, 2.0])
    scales = all(np.allclose(a.phi(c * z), c * a.phi(z), rtol=1e-12, atol=0) for c in (0.1, 3.0))
    assert a.homogeneous == scales == (name in ("linear", "relu", "leaky_relu"))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_those_that_swing_say_so(name):
    """phi' changes its sign again and again far out, or not at all."""
    signs = np.sign(ACTIVATIONS[name].dphi(np.linspace(50.0, 150.0, 2001)))
    assert ACTIVATIONS[name].swings == (np.count_nonzero(np.diff(signs)) > 10)


@pytest.mark.parametrize("name", NAMES)
def test_every_listed_kink_is_one_and_only_sin_swings(name):
    """One-sided looks at the slope and at its own slope, from both sides of each of a few points."""
    a, h, found = ACTIVATIONS[name], 1e-4, set()
    for point in (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0):
        left2, left, right, right2 = a.dphi(point + h * np.array([-2.0, -1.0, 1.0, 2.0]))
        if abs(right - left) > 0.05 or abs((right2 - right) - (left - left2)) / h > 0.05:
            found.add(point)
    assert set(a.kinks) == found
    assert a.swings == (name == "sin")
