"""The probe against a network with explicit outer products, against laws of scale, and in overflow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initlab
from initlab import MLP, Probe, Signal, signal
from initlab.activations import ACTIVATIONS

QUIET = settings(deadline=None, max_examples=40, derandomize=True)
NAMES = list(ACTIVATIONS)
FIELDS = ("z2", "a2", "delta2", "dw2")
WIDTHS = [3, 5, 4, 6, 2]
ROUNDING = 1e-5  # single precision: 6e-8 an operation, along a few layers
HOMOGENEOUS = ["linear", "relu", "leaky_relu"]


def rng(seed=0):
    return np.random.default_rng(seed)


def with_outer_products(net, x, dz):
    """The four second moments from MLP, one example at a time, with every weight gradient written out."""
    trace = net.forward(x)
    found = {field: [math.nan] for field in FIELDS}
    found["a2"] = [np.mean(x**2)]
    examples = [net.backward(net.forward(x[:, k : k + 1]), dz[:, k : k + 1]) for k in range(x.shape[1])]
    for n in range(1, net.depth + 1):
        found["z2"].append(np.mean(trace.z[n] ** 2))
        found["a2"].append(np.mean(trace.a[n] ** 2))
        found["delta2"].append(np.mean([np.mean(g.delta[n] ** 2) for g in examples]))
        outer = [np.outer(g.delta[n], trace.a[n - 1][:, k]) for k, g in enumerate(examples)]
        found["dw2"].append(np.mean(np.square(outer)))
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 7])
def test_signal_of_given_weights_against_outer_products(name, batch):
    net = MLP(WIDTHS, name, "he_normal", rng(1))
    x = rng(2).standard_normal((3, batch)) + 0.5
    found = signal(WIDTHS, name, net.W[1:], x=x, rng=rng(3))
    expected = with_outer_products(net, x, rng(3).standard_normal((2, batch)))
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), [expected[field]], rtol=1e-10, err_msg=field)


@pytest.mark.parametrize("output_init", [None, "zeros", ("normal", {"std": 3.0})])
def test_signal_draws_the_networks_it_is_asked_for(output_init):
    """An initialiser that keeps what it drew: the statistics are those of just these matrices, a net a row."""
    drawn = []

    def keep(shape, generator):
        drawn.append(initlab.he_uniform(shape, generator))
        return drawn[-1]

    found = signal(WIDTHS, "tanh", keep, output_init=output_init, x=np.ones((3, 2)), nets=3, rng=rng(4))
    hidden = 4 if output_init is None else 3
    assert [w.shape for w in drawn] == [(5, 3), (4, 5), (6, 4), (2, 6)][:hidden] * 3
    for k in range(3):
        a = np.ones((3, 2))
        for n, w in enumerate(drawn[k * hidden : (k + 1) * hidden], start=1):
            z = w @ a
            a = z if n == 4 else np.tanh(z)
            np.testing.assert_allclose(found.z2[k, n], np.mean(z**2), rtol=1e-12)
            np.testing.assert_allclose(found.a2[k, n], np.mean(a**2), rtol=1e-12)
    if output_init == "zeros":
        np.testing.assert_array_equal(found.z2[:, -1], 0.0)
        np.testing.assert_array_equal(found.delta2[:, 1:-1], 0.0)
        assert (found.dw2[:, -1] > 0).all()
    elif output_init is not None:
        assert found.z2[:, -1].mean() > 9 * 6 * found.a2[:, -2].mean() / 20  # std 3 and fan_in 6, not 2 / 6


def test_inputs_and_cotangents_are_standard_normal_and_new_for_each_net():
    """100 x 50 entries a net, 40 nets: a mean square has standard error sqrt(2 / N)."""
    found = signal([100, 80], "linear", "zeros", batch=50, nets=40, rng=rng(5))
    assert abs(found.a2[:, 0].mean() - 1) < 5 * math.sqrt(2 / (100 * 50 * 40))
    assert abs(found.delta2[:, 1].mean() - 1) < 5 * math.sqrt(2 / (80 * 50 * 40))
    assert len(set(found.a2[:, 0])) == len(set(found.delta2[:, 1])) == 40


def test_the_default_is_one_network_and_64_examples():
    shapes = []
    spy = initlab.Activation("spy", lambda z: shapes.append(z.shape) or z, np.ones_like)
    found = signal([3, 4, 2], spy, "he_normal", rng=rng(6))
    assert found.z2.shape == (1, 3)
    assert shapes == [(1, 4, 64)]


@pytest.mark.parametrize("numbers", [1, 4 * 120, 10**6])  # one network of `WIDTHS` and five inputs has about 150
def test_networks_go_through_in_blocks_of_any_size(numbers, monkeypatch):
    """Ten networks together, in part blocks or one by one: the same draws, each against its own outer products."""
    monkeypatch.setattr("initlab.probe.BLOCK", numbers)
    found, generator = signal(WIDTHS, "tanh", "he_normal", batch=5, nets=10, rng=rng(16)), rng(16)
    for k in range(10):
        x = generator.standard_normal((3, 5))
        net = MLP(WIDTHS, "tanh", "he_normal", generator)
        expected = with_outer_products(net, x, generator.standard_normal((2, 5)))
        for field in FIELDS:
            np.testing.assert_allclose(getattr(found, field)[k], expected[field], rtol=1e-10, err_msg=field)


def test_columns_and_means():
    found = signal(WIDTHS, "relu", "he_normal", nets=3, rng=rng(7))
    assert isinstance(found, Signal)
    for field in FIELDS:
        values = getattr(found, field)
        assert values.shape == (3, 5) and values.dtype == np.float64
        assert np.isnan(values[:, 0]).all() == (field != "a2")
        np.testing.assert_array_equal(found.mean(field), values.mean(axis=0))
    np.testing.assert_array_equal(found.a2[:, -1], found.z2[:, -1])  # the last layer is linear
    assert (found.a2[:, 1] < found.z2[:, 1]).all()


# --- laws -----------------------------------------------------------------------------------------------------------
@QUIET
@given(
    name=st.sampled_from(HOMOGENEOUS),
    exponent=st.floats(-6, 6),
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=8),
    batch=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_gain_multiplies_layer_l_by_its_square_to_the_l(name, exponent, widths, batch, seed):
    g, options = 10.0**exponent, {"batch": batch, "nets": 2}
    one = signal(widths, name, "variance_scaling", **options, rng=rng(seed))
    many = signal(widths, name, ("variance_scaling", {"gain": g}), **options, rng=rng(seed))
    depth, n = len(widths) - 1, np.arange(1, len(widths))
    np.testing.assert_allclose(many.z2[:, 1:], one.z2[:, 1:] * g ** (2.0 * n), rtol=1e-9)
    np.testing.assert_allclose(many.a2[:, 1:], one.a2[:, 1:] * g ** (2.0 * n), rtol=1e-9)
    np.testing.assert_allclose(many.delta2[:, 1:], one.delta2[:, 1:] * g ** (2.0 * (depth - n)), rtol=1e-9)
    np.testing.assert_allclose(many.dw2[:, 1:], one.dw2[:, 1:] * g ** (2.0 * (depth - 1)), rtol=1e-9)


@QUIET
@given(name=st.sampled_from(HOMOGENEOUS), exponent=st.integers(-6, 6), seed=st.integers(0, 2**32))
def test_a_scaled_input_scales_the_forward_pass_only(name, exponent, seed):
    x, s = rng(seed).standard_normal((3, 4)), 10.0**exponent
    kept = x.copy()
    one = signal(WIDTHS, name, "he_normal", x=x, rng=rng(seed))
    many = signal(WIDTHS, name, "he_normal", x=s * x, rng=rng(seed))
    for field, factor in (("z2", s * s), ("a2", s * s), ("delta2", 1.0), ("dw2", s * s)):
        np.testing.assert_allclose(getattr(many, field), factor * getattr(one, field), rtol=1e-10)
    np.testing.assert_array_equal(x, kept)


@QUIET
@given(
    name=st.sampled_from(NAMES),
    init=st.sampled_from(["zeros", "normal", "uniform", "xavier_uniform", "he_normal", "orthogonal", "torch_default"]),
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=7),
    batch=st.integers(1, 5),
    nets=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_any_network_and_the_same_seed_the_same_numbers(name, init, widths, batch, nets, seed):
    found = signal(widths, name, init, batch=batch, nets=nets, rng=rng(seed))
    again = signal(widths, name, init, batch=batch, nets=nets, rng=rng(seed))
    for field in FIELDS:
        values = getattr(found, field)
        assert values.shape == (nets, len(widths)) and values.dtype == np.float64
        assert np.isfinite(values[:, 1:]).all() and (values[:, 1:] >= 0).all()
        np.testing.assert_array_equal(values, getattr(again, field))


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_nothing_that_is_passed_in_is_changed(name):
    weights = [rng(8).standard_normal((5, 3)), rng(9).standard_normal((2, 5))]
    x = rng(10).standard_normal((3, 4))
    kept = [w.copy() for w in weights], x.copy()
    first = signal([3, 5, 2], name, weights, x=x, rng=rng(11))
    second = signal([3, 5, 2], name, tuple(weights), x=x.tolist(), rng=rng(11))
    for w, before in zip(weights, kept[0], strict=True):
        np.testing.assert_array_equal(w, before)
    np.testing.assert_array_equal(x, kept[1])
    np.testing.assert_array_equal(first.dw2, second.dw2)


def test_the_weight_gradient_is_the_product_in_the_mean():
    """E[(dC/dW)^2] = E[a^2] E[delta^2], exactly in the mean over networks: to five standard errors over 3000."""
    found = signal([6, 9, 7, 8, 5], "leaky_relu", "xavier_normal", batch=2, nets=3000, rng=rng(12))
    product = found.mean("a2")[:-1] * found.mean("delta2")[1:]
    error = found.dw2[:, 1:].std(axis=0) / math.sqrt(3000)
    np.testing.assert_array_less(np.abs(found.mean("dw2")[1:] - product), 6 * error)


# --- overflow and underflow -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_overflow_is_a_result_without_a_warning(name):
    """Pytest turns warnings into errors.  At gain 1e200 even one z^2 is too large; bounded a stay bounded."""
    huge = signal([8] * 31, name, ("variance_scaling", {"gain": 1e200}), nets=2, rng=rng(13))
    large = signal([8] * 31, name, ("variance_scaling", {"gain": 1e30}), nets=2, rng=rng(13))
    assert (huge.z2[:, 1] == np.inf).all()
    if name in ("sigmoid", "tanh", "hardtanh", "erf", "sin"):
        assert (huge.a2[:, 1:-1] <= 1).all() and (large.a2[:, 1:-1] <= 1).all()
        assert np.isfinite(large.z2[:, 1:]).all()
    else:
        assert not np.isfinite(huge.z2[:, -1]).any() and not np.isfinite(large.z2[:, -1]).any()


def test_the_layer_where_the_signal_leaves_the_range():
    """Gain 1e50 on a linear network: E[z^2] is about 1e100 to the l, so finite up to layer 3 and inf from layer 4."""
    found = signal([4] * 8, "linear", ("variance_scaling", {"gain": 1e50}), rng=rng(14))
    np.testing.assert_array_equal(np.isfinite(found.z2[0, 1:]), [True] * 3 + [False] * 4)
    np.testing.assert_array_equal(np.isfinite(found.delta2[0, 1:]), [False] * 3 + [True] * 4)


def test_underflow_is_zero():
    found = signal([4] * 8, "relu", ("variance_scaling", {"gain": 1e-60}), rng=rng(15))
    assert (found.z2[0, 1:3] > 0).all() and (found.z2[0, 4:] == 0).all()


# --- the probe behind a slider --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gain", [1.0, 0.3, 2.0, 2.5])
def test_probe_is_signal_with_scaled_weights(name, gain):
    probe = Probe(6, 5, seed=1, batch=4)
    net = MLP([6] * 5, name, "zeros", rng())
    net.W[1:] = [gain * w for w in probe.unit[:4]]
    expected = with_outer_products(net, probe.x, probe.dz)
    found = probe(name, 4, gain)
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), [expected[field]], rtol=ROUNDING, err_msg=field)


def test_probe_holds_unit_normals():
    """fan_in Var[w] = 1, inputs and cotangents N(0, 1): to five standard errors."""
    probe = Probe(80, 6, seed=2, batch=50)
    assert probe.unit.shape == (6, 80, 80) and probe.x.shape == probe.dz.shape == (80, 50)
    assert abs(80 * np.mean(probe.unit**2) - 1) < 5 * math.sqrt(2 / probe.unit.size)
    for drawn in (probe.x, probe.dz):
        assert abs(np.mean(drawn**2) - 1) < 5 * math.sqrt(2 / drawn.size)
    assert abs(np.mean(probe.x * probe.dz)) < 5 / math.sqrt(probe.x.size)
    assert Probe(3, 2).x.shape == (3, 32)


def test_probe_moves_through_the_same_networks():
    probe = Probe(6, 8, seed=3)
    first = probe("tanh", 8, 1.3)
    probe("relu", 3, 0.2)
    again, other = probe("tanh", 8, 1.3), Probe(6, 8, seed=4)("tanh", 8, 1.3)
    np.testing.assert_array_equal(first.dw2, again.dw2)
    np.testing.assert_array_equal(first.dw2, Probe(6, 8, seed=3)("tanh", 8, 1.3).dw2)
    assert not np.allclose(first.dw2[0, 1:], other.dw2[0, 1:])
    kept = again.dw2.copy()
    first.dw2[:] = 0.0  # what a caller does to an answer stays with the caller
    np.testing.assert_array_equal(probe("tanh", 8, 1.3).dw2, kept)
    shallow = probe("tanh", 5, 1.3)
    assert shallow.z2.shape == (1, 6)
    np.testing.assert_array_equal(shallow.z2[0, 1:5], first.z2[0, 1:5])


@QUIET
@given(name=st.sampled_from(HOMOGENEOUS), exponent=st.floats(-6, 6), depth=st.integers(1, 6))
def test_probe_scales(name, exponent, depth):
    probe, g = Probe(5, 6, seed=5, batch=3), 10.0**exponent
    one, many = probe(name, depth, 1.0), probe(name, depth, g)
    n = np.arange(1, depth + 1)
    np.testing.assert_allclose(many.z2[0, 1:], one.z2[0, 1:] * g ** (2.0 * n), rtol=ROUNDING)
    np.testing.assert_allclose(many.delta2[0, 1:], one.delta2[0, 1:] * g ** (2.0 * (depth - n)), rtol=ROUNDING)
    np.testing.assert_allclose(many.dw2[0, 1:], one.dw2[0, 1:] * g ** (2.0 * (depth - 1)), rtol=ROUNDING)


@pytest.mark.parametrize(
    ("name", "gain"), [("relu", 0.1), ("relu", 9.0), ("tanh", 0.1), ("sigmoid", 0.5), ("silu", 9.0), ("gelu", 0.5)]
)
def test_probe_far_outside_single_precision(name, gain):
    """Fifty layers reach 1e-100 and beyond: what single precision cannot hold is computed in double."""
    probe = Probe(8, 50, seed=7, batch=4)
    net = MLP([8] * 51, name, "zeros", rng())
    net.W[1:] = [gain * w for w in probe.unit]
    expected, found = with_outer_products(net, probe.x, probe.dz), probe(name, 50, gain)
    values = np.concatenate([expected[field][1:] for field in FIELDS])
    assert values.min() < 1e-40 or values.max() > 1e40  # squares there are beyond single precision
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), [expected[field]], rtol=10 * ROUNDING, err_msg=field)


@pytest.mark.parametrize("gain", [1e-23, 1e25])
def test_the_first_layer_may_leave_single_precision_already(gain):
    probe = Probe(6, 3, seed=9, batch=4)
    net = MLP([6] * 4, "sigmoid", "zeros", rng())
    net.W[1:] = [gain * w for w in probe.unit]
    expected, found = with_outer_products(net, probe.x, probe.dz), probe("sigmoid", 3, gain)
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), [expected[field]], rtol=ROUNDING, err_msg=field)


def test_a_dead_probe_stays_dead_at_every_gain():
    """One unit, one example: a negative weight ends the signal."""
    probe = Probe(1, 6, batch=1)
    np.testing.assert_array_equal(probe.x, Probe(1, 6, 0, batch=1).x)
    net = MLP([1] * 7, "relu", "zeros", rng())
    net.W[1:] = [2.0 * w for w in probe.unit]
    expected, found = with_outer_products(net, probe.x, probe.dz), probe("relu", 6, 2.0)
    assert expected["a2"][5] == expected["delta2"][1] == probe("relu", 6, 1e100).a2[0, 5] == 0.0
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), [expected[field]], rtol=ROUNDING, err_msg=field)


def test_probe_in_overflow_and_at_gain_zero():
    probe = Probe(4, 20, seed=6)
    assert not np.isfinite(probe("relu", 20, 1e100).z2[0, -1])
    assert (probe("tanh", 20, 0.0).z2[0, 1:] == 0).all()


# --- refusals -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"widths": [3]}, ValueError, r"widths must be \[n_0, ..., n_L\] with at least two sizes, got \[3\]"),
        ({"widths": 3}, TypeError, r"widths must be a list \[n_0, ..., n_L\], got 3"),
        ({"widths": [3, -1]}, ValueError, "each of widths must be at least 1, got -1"),
        ({"activation": "rleu"}, ValueError, "unknown activation 'rleu'; known are linear, "),
        ({"init": "he"}, ValueError, "unknown initializer 'he'; known are zeros, "),
        ({"init": 3}, TypeError, "init must be a name, .* got 3"),
        ({"init": lambda shape, rng: np.ones((1, 3))}, ValueError, r"return weights of shape \(4, 3\), got \(1, 3\)"),
        ({"init": ("normal", {"std": math.nan})}, ValueError, "std must be finite, got nan"),
        ({"output_init": "he"}, ValueError, "unknown initializer 'he'"),
        ({"nets": 0}, ValueError, "nets must be at least 1, got 0"),
        ({"nets": 1.0}, TypeError, "nets must be a whole number, got 1.0"),
        ({"batch": 0}, ValueError, "batch must be at least 1, got 0"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator, .* got 0"),
        ({"x": np.ones((4, 2))}, ValueError, r"x must have shape \(3, batch\), got \(4, 2\): examples are columns"),
        ({"x": np.ones(3)}, ValueError, r"x must have shape \(3, batch\), got \(3,\): examples are columns"),
        ({"x": np.ones((3, 0))}, ValueError, r"x must have shape \(3, batch\), got \(3, 0\): examples are columns"),
        ({"init": [np.ones((2, 3))]}, ValueError, r"init must hold weights of shapes \[\(4, 3\), \(2, 4\)\] for these"),
        ({"init": [np.ones((3, 4)), np.ones((4, 2))]}, ValueError, r"widths, got \[\(3, 4\), \(4, 2\)\]"),
    ],
)
def test_signal_refuses_and_says_why(change, error, message):
    arguments = {"widths": [3, 4, 2], "activation": "relu", "init": "he_normal", "rng": rng()} | change
    with pytest.raises(error, match=message):
        signal(arguments.pop("widths"), arguments.pop("activation"), arguments.pop("init"), **arguments)


@pytest.mark.parametrize(
    ("make", "call", "error", "message"),
    [
        ((0, 3), None, ValueError, "width must be at least 1, got 0"),
        ((3, 2.0), None, TypeError, "depth must be a whole number, got 2.0"),
        ((3, 3, 0, 0), None, ValueError, "batch must be at least 1, got 0"),
        ((3, 3), ("relu", 4, 1.0), ValueError, "depth must be at most 3, the layers this probe holds; got 4"),
        ((3, 3), ("relu", 0, 1.0), ValueError, "depth must be at least 1, got 0"),
        ((3, 3), ("relu", 2, -1.0), ValueError, "gain must be at least 0.0, got -1.0"),
        ((3, 3), ("relu", 2, math.nan), ValueError, "gain must be finite, got nan"),
        ((3, 3), ("rleu", 2, 1.0), ValueError, "unknown activation 'rleu'"),
    ],
)
def test_probe_refuses_and_says_why(make, call, error, message):
    with pytest.raises(error, match=message):
        Probe(*make)(*call)
