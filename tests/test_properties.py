"""What must hold for anything a learner can ask for: one-wide layers, 200 layers, gains over twelve decades.

Nothing may warn (pytest makes a warning an error), and a number that left the range is inf or nan, never a wrong one.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import initlab
from initlab import ACTIVATIONS, INITIALIZERS, MLP, Probe, predict, signal, train
from initlab.border import PADDINGS, predict_maps, taps
from initlab.convolution import ConvNet, conv2d, conv2d_backward, conv_maps
from initlab.first_loss import first_loss
from initlab.jacobian import MATRICES, Jacobians
from initlab.recurrent import Recurrent
from initlab.residual import KINDS, ResidualNet, law, probe
from initlab.spectrum import spectrum

NAMES, HOMOGENEOUS = list(ACTIVATIONS), ["linear", "relu", "leaky_relu"]
FIELDS = ("z2", "a2", "delta2", "dw2")
ROOM = 290  # powers of ten within which the product of two second moments is sure to fit
MANY, FEW = settings(max_examples=60), settings(max_examples=25)

decades = st.floats(-6, 6)
seeds = st.integers(0, 2**32)
widths_of_deep_nets = st.lists(st.integers(1, 6), min_size=2, max_size=201)


def scaled(gain):
    return "variance_scaling", {"gain": gain}


def marked_or_a_size(values):
    """No second moment is negative; what is not a number is marked as such."""
    return not (values < 0).any()


def check_powers(one, many, powers, exponent):
    """many = one * 10**(2 exponent power), column by column: equal where it fits, not finite above, 0 below."""
    seen = np.isfinite(one) & (one > 1e-200)
    size = np.log10(one[seen]) + 2 * exponent * powers[seen]
    found = many[seen]
    fits = np.abs(size) < ROOM
    np.testing.assert_allclose(np.log10(found[fits]), size[fits], rtol=1e-9, atol=1e-9)
    assert not np.isfinite(found[size > 309]).any()
    assert (found[size < -324] == 0).all() or not np.isfinite(found[size < -324]).all()


# --- dense networks ---------------------------------------------------------------------------------------------
@MANY
@given(widths=widths_of_deep_nets, name=st.sampled_from(HOMOGENEOUS), exponent=decades, seed=seeds)
def test_a_gain_scales_two_hundred_layers_or_says_that_it_cannot(widths, name, exponent, seed):
    depth, layer = len(widths) - 1, np.arange(len(widths))
    powers = {"z2": layer, "a2": layer, "delta2": depth - layer, "dw2": np.full(depth + 1, depth - 1)}
    measured = [
        signal(widths, name, scaled(g), batch=1, rng=np.random.default_rng(seed)) for g in (1.0, 10.0**exponent)
    ]
    predicted = [predict(widths, name, scaled(g), batch=1) for g in (1.0, 10.0**exponent)]
    for field in ("z2", "a2"):
        check_powers(*(getattr(s, field)[0] for s in measured), powers[field], exponent)
    for field in FIELDS:
        check_powers(*(getattr(s, field) for s in predicted), powers[field], exponent)
    if np.isfinite(measured[1].z2[0, 1:]).all():  # the way back exists where the way there does
        check_powers(*(s.delta2[0] for s in measured), powers["delta2"], exponent)


@MANY
@given(
    widths=widths_of_deep_nets,
    name=st.sampled_from(NAMES),
    exponent=decades,
    batch=st.integers(1, 3),
    nets=st.integers(1, 2),
    seed=seeds,
)
def test_any_deep_network_answers(widths, name, exponent, batch, nets, seed):
    found = signal(widths, name, scaled(10.0**exponent), batch=batch, nets=nets, rng=np.random.default_rng(seed))
    expected = predict(widths, name, scaled(10.0**exponent), batch=batch)
    for field in FIELDS:
        assert getattr(found, field).shape == (nets, len(widths))
        assert marked_or_a_size(getattr(found, field)) and marked_or_a_size(getattr(expected, field))
        low, high = expected.band(field)
        known = np.isfinite(low) & np.isfinite(high)
        assert (low[known] <= high[known]).all()
    assert np.isfinite(found.a2[:, 0]).all()
    lost = ~np.isfinite(found.z2[:, 1:])
    if name in HOMOGENEOUS:  # nothing brings a signal back that has left the range
        assert (np.diff(lost.astype(int), axis=1) >= 0).all()


@FEW
@given(
    width=st.integers(1, 5),
    depth=st.integers(1, 200),
    name=st.sampled_from(NAMES),
    exponent=decades,
    seed=st.integers(0, 2**32),
)
def test_a_probe_says_what_the_network_says(width, depth, name, exponent, seed):
    gain = 10.0**exponent
    held = Probe(width, depth, seed=seed, batch=2)
    found = held(name, depth, gain)
    net = MLP([width] * (depth + 1), name, "zeros", np.random.default_rng(0))
    net.W[1:] = [gain * w for w in held.unit]
    with np.errstate(all="ignore"):
        trace = net.forward(held.x)
        z2 = np.array([np.mean(z * z) for z in trace.z[1:]])
    assert all(marked_or_a_size(getattr(found, field)) for field in FIELDS)
    first = z2[0]
    assert found.z2[0, 1] == pytest.approx(first, rel=1e-5)
    if name in HOMOGENEOUS:
        fits = (z2 > 1e-280) & (z2 < 1e280)
        np.testing.assert_allclose(found.z2[0, 1:][fits], z2[fits], rtol=2e-5 * depth)


@FEW
@given(widths=st.lists(st.integers(1, 6), min_size=2, max_size=20), name=st.sampled_from(HOMOGENEOUS), seed=seeds)
def test_the_sum_of_the_weight_gradient_is_the_same_from_both_sides(widths, name, seed):
    """Homogeneous layers: sum(W dC/dW) is the same for every layer, that of sum(z dC/dz) (Euler's theorem)."""
    rng = np.random.default_rng(seed)
    net = MLP(widths, name, "he_normal", rng)
    trace = net.forward(rng.standard_normal((widths[0], 2)))
    grads = net.backward(trace, rng.standard_normal((widths[-1], 2)))
    sums = [np.sum(w * g) for w, g in zip(net.W[1:], grads.W[1:], strict=True)]
    sizes = [np.sum(np.abs(w * g)) for w, g in zip(net.W[1:], grads.W[1:], strict=True)]
    np.testing.assert_allclose(sums, sums[-1], atol=1e-11 * max(sizes))


@FEW
@given(
    name=st.sampled_from(sorted(INITIALIZERS)),
    shape=st.lists(st.integers(1, 9), min_size=2, max_size=4).map(tuple),
    seed=seeds,
)
def test_an_initialiser_fills_any_shape_or_says_why_not(name, shape, seed):
    if name == "delta_orthogonal" and (len(shape) == 2 or not all(k % 2 for k in shape[2:])):
        with pytest.raises(ValueError, match="shape"):
            INITIALIZERS[name](shape, np.random.default_rng(seed))
        return
    w = INITIALIZERS[name](shape, np.random.default_rng(seed))
    assert w.shape == shape and w.dtype == np.float64 and np.isfinite(w).all()


# --- gains and fixed points -------------------------------------------------------------------------------------
@MANY
@given(
    name=st.sampled_from(NAMES), exponent=st.floats(-12, 12), gain=decades, sigma_b=st.sampled_from([0.0, 1e-6, 1e6])
)
def test_the_map_over_twenty_four_decades(name, exponent, gain, sigma_b):
    q, g = 10.0**exponent, 10.0**gain
    plain = initlab.variance_map(name, q)
    assert 0 < plain < math.inf or q < 1e-8
    assert initlab.variance_map(name, q, g, sigma_b) == pytest.approx(g * g * plain + sigma_b**2, rel=1e-12)
    assert initlab.chi(name, q, g) == pytest.approx(g * g * initlab.chi(name, q), rel=1e-12)
    for direction, factor in (("forward", plain / q), ("backward", initlab.chi(name, q))):
        if factor > 1e-200:
            assert initlab.gain(name, direction, q) == pytest.approx(1 / math.sqrt(factor), rel=1e-9)


@FEW
@given(name=st.sampled_from(NAMES), gain=decades, sigma_b=st.sampled_from([0.0, 0.1, 10.0]))
def test_a_fixed_point_is_fixed(name, gain, sigma_b):
    q = initlab.fixed_point(name, 10.0**gain, sigma_b)
    assert q >= 0
    if 0 < q < math.inf:
        assert initlab.variance_map(name, q, 10.0**gain, sigma_b) == pytest.approx(q, rel=1e-6)


# --- convolutions -----------------------------------------------------------------------------------------------
@MANY
@given(
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    groups=st.integers(1, 3),
    k=st.sampled_from([1, 3, 5, 7]),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.integers(1, 4),
    padding=st.sampled_from(PADDINGS),
    batch=st.integers(1, 3),
    seed=seeds,
)
def test_the_way_back_is_the_transpose_of_any_convolution(channels, groups, k, size, stride, padding, batch, seed):
    """<dz, conv(x, w)> = <dC/dx, x> = <dC/dw, w>: a convolution is linear in each."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((channels[0] * groups, *size, batch))
    w = rng.standard_normal((channels[1] * groups, channels[0], k, k))
    z = conv2d(x, w, stride=stride, groups=groups, padding=padding)
    assert z.shape == (len(w), -(-size[0] // stride), -(-size[1] // stride), batch)
    dz = rng.standard_normal(z.shape)
    dx, dw = conv2d_backward(dz, x, w, stride=stride, groups=groups, padding=padding)
    assert dx.shape == x.shape and dw.shape == w.shape
    both = np.vdot(dz, z)
    room = 1e-12 * np.linalg.norm(dz) * np.linalg.norm(z) + 1e-13
    assert np.vdot(dx, x) == pytest.approx(both, abs=room)
    assert np.vdot(dw, w) == pytest.approx(both, abs=room)


@FEW
@given(
    size=st.integers(1, 40),
    k=st.sampled_from([1, 3, 5, 7]),
    stride=st.integers(1, 4),
    padding=st.sampled_from(PADDINGS),
)
def test_every_tap_is_counted(size, k, stride, padding):
    counts = taps(size, k, stride=stride, padding=padding)
    assert counts.shape == (-(-size // stride), size) and (counts >= 0).all()
    read = counts.sum(axis=1)
    assert (read == k).all() if padding == "circular" else ((read <= k) & (read >= 1)).all()


@FEW
@given(
    channels=st.lists(st.integers(1, 4), min_size=2, max_size=12),
    size=st.integers(1, 6),
    name=st.sampled_from(HOMOGENEOUS),
    exponent=decades,
    padding=st.sampled_from(PADDINGS),
    seed=seeds,
)
def test_a_gain_scales_maps(channels, size, name, exponent, padding, seed):
    rng, g = np.random.default_rng(seed), 10.0**exponent
    depth, layer = len(channels) - 1, np.arange(len(channels))
    powers = {"z2": layer, "a2": layer, "delta2": depth - layer, "dw2": np.full(depth + 1, depth - 1)}
    x = rng.standard_normal((channels[0], size, size, 1))
    unit = [rng.standard_normal((b, a, 3, 3)) / math.sqrt(9 * a) for a, b in itertools.pairwise(channels)]
    dz = rng.standard_normal((channels[-1], size, size, 1))
    found = [conv_maps([s * w for w in unit], x, name, padding=padding, cotangent=dz) for s in (1.0, g)]
    expected = [
        predict_maps(channels, size, name, [s * s / (9 * n) for n in channels[:-1]], padding=padding) for s in (1.0, g)
    ]
    for field in FIELDS:
        for one, many in (found, expected):
            check_powers(one.mean(field), many.mean(field), powers[field], exponent)


# --- blocks, loops, Jacobians, losses ---------------------------------------------------------------------------
@MANY
@given(
    kind=st.sampled_from(list(KINDS)),
    depth=st.integers(1, 60),
    width=st.integers(1, 6),
    batch=st.integers(1, 4),
    exponent=decades,
    seed=seeds,
)
def test_blocks_of_any_kind_and_size(kind, depth, width, batch, exponent, seed):
    found = probe(kind, depth, np.random.default_rng(seed), width=width, batch=batch, scale=10.0**exponent)
    expected = law(kind, depth, 10.0**exponent)
    for stream in (found, expected):
        for field in ("x2", "delta2", "dw1", "dw2"):
            assert getattr(stream, field).shape == (depth + 1,) and marked_or_a_size(getattr(stream, field))
    assert np.isfinite(found.x2[0])


@FEW
@given(
    steps=st.integers(0, 60), name=st.sampled_from(NAMES), width=st.integers(1, 5), batch=st.integers(1, 3), seed=seeds
)
def test_the_loop_is_the_network_that_it_unrolls_to(steps, name, width, batch, seed):
    rng = np.random.default_rng(seed)
    loop = Recurrent((2, width, 3), steps, name, "orthogonal", rng)
    flat = MLP([2] + [width] * (steps + 1) + [3], name, "zeros", rng)
    flat.W[1:] = [loop.W[1], *[loop.W[2]] * steps, loop.W[3]]
    x, dz = rng.standard_normal((2, batch)), rng.standard_normal((3, batch))
    unrolled, trace = flat.forward(x), loop.forward(x)
    np.testing.assert_allclose(trace.output, unrolled.output, rtol=1e-10, atol=1e-300)
    one, all_ = loop.backward(trace, dz), flat.backward(unrolled, dz)
    shared = sum(all_.W[2:-1], np.zeros((width, width)))
    np.testing.assert_allclose(one.W[2], shared, rtol=1e-9, atol=1e-12 * np.abs(shared).max(initial=1e-200))


@FEW
@given(
    width=st.integers(2, 6),
    depth=st.integers(1, 60),
    matrix=st.sampled_from(sorted(MATRICES)),
    name=st.sampled_from(NAMES),
    exponent=st.floats(-2, 2),
    seed=seeds,
)
def test_a_jacobian_of_any_depth(width, depth, matrix, name, exponent, seed):
    found = Jacobians(width, depth, matrix, seed)(name, depth, 10.0**exponent)
    assert found.s.shape == (width,) and (np.diff(found.s) <= 0).all() and (found.s >= 0).all()
    assert found.rms == pytest.approx(math.sqrt(np.sum(found.s**2) / width))
    if name in HOMOGENEOUS:
        one = Jacobians(width, depth, matrix, seed)(name, depth)
        np.testing.assert_allclose(found.s, one.s * 10.0 ** (exponent * depth), rtol=1e-9)


@FEW
@given(
    edges=st.lists(st.floats(-8, 3), min_size=2, max_size=9, unique=True).map(sorted),
    depth=st.integers(1, 64),
    gaussian=st.booleans(),
    relu=st.booleans(),
)
def test_shares_of_a_spectrum(edges, depth, gaussian, relu):
    assume(min(np.diff(edges)) > 1e-6)
    shares = spectrum(edges, depth, gaussian=gaussian, relu=relu)
    assert shares.shape == (len(edges),) and (shares >= 0).all() and shares.sum() <= 1 + 1e-9


@FEW
@given(std=st.floats(0, 30), pi=st.floats(1e-6, 1 - 1e-6), bias=st.floats(-20, 20))
def test_no_first_loss_is_below_the_entropy(std, pi, bias):
    entropy = -pi * math.log(pi) - (1 - pi) * math.log1p(-pi)
    assert entropy - 1e-9 <= first_loss(std, pi, bias) < math.inf


@settings(max_examples=8)
@given(
    counts=st.lists(st.integers(1, 1000), min_size=2, max_size=10),
    std=st.floats(0, 10),
    bias=st.floats(-5, 5),
    seed=seeds,
)
def test_no_first_loss_of_a_softmax_is_below_the_entropy(counts, std, bias, seed):
    pi = np.array(counts) / sum(counts)
    biases = bias * np.random.default_rng(seed).standard_normal(len(pi))
    assert -(pi @ np.log(pi)) - 1e-8 <= first_loss(std, pi, biases) < math.inf


# --- training ---------------------------------------------------------------------------------------------------
@FEW
@given(
    net=st.sampled_from(["dense", "conv", "loop", "residual"]),
    optimizer=st.sampled_from(["sgd", "adam"]),
    exponent=decades,
    batch=st.integers(1, 5),
    seed=seeds,
)
def test_training_ends_or_says_where_it_left_the_range(net, optimizer, exponent, batch, seed):
    rng = np.random.default_rng(seed)
    made = {
        "dense": lambda: MLP([16, 3, 2], "relu", "he_normal", rng),
        "conv": lambda: ConvNet([1, 2, 2], 4, "relu", "he_normal", rng, classes=2),
        "loop": lambda: Recurrent((16, 3, 2), 4, "tanh", "orthogonal", rng),
        "residual": lambda: ResidualNet("skip, He twice", 3, rng, width=4, inputs=16, outputs=2),
    }[net]()
    x = rng.standard_normal((16, 7))
    y = rng.integers(2, size=7)
    history = train(made, x, y, steps=12, lr=10.0**exponent, batch=batch, rng=rng, optimizer=optimizer)
    assert len(history.loss) == 12 if history.diverged is None else len(history.loss) == history.diverged + 1
    assert np.isfinite(history.loss[:-1]).all()
    assert np.isfinite(history.loss[-1]) == (history.diverged is None)
