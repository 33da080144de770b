"""The network against loops, finite differences and per-example outer products."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initlab
from initlab import MLP
from initlab.activations import ACTIVATIONS, Activation

QUIET = settings(deadline=None, max_examples=40, derandomize=True)
NAMES = list(ACTIVATIONS)
WIDTHS = [3, 5, 4, 6, 2]


def network(name="tanh", seed=0, widths=WIDTHS):
    """Unequal widths and biases that are not zero."""
    generator = np.random.default_rng(seed)
    return MLP(widths, name, "he_normal", generator, bias_init=("normal", {"std": 0.5}))


def batch_for(net, columns=3, seed=1):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((net.widths[0], columns)), generator.standard_normal((net.widths[-1], columns))


@pytest.mark.parametrize("name", NAMES)
def test_forward_is_the_definition_written_as_loops(name):
    net = network(name)
    x, _ = batch_for(net)
    trace = net.forward(x)
    for example in range(x.shape[1]):
        a = [float(v) for v in x[:, example]]
        for n in range(1, net.depth + 1):
            z = [sum(w * v for w, v in zip(row, a, strict=True)) + b for row, b in zip(net.W[n], net.b[n], strict=True)]
            np.testing.assert_allclose(trace.z[n][:, example], z, rtol=1e-12, atol=1e-14)
            a = z if n == net.depth else [float(net.activation.phi(np.array([v]))[0]) for v in z]
            np.testing.assert_allclose(trace.a[n][:, example], a, rtol=1e-12, atol=1e-14)
    assert trace.z[0] is None and len(trace.z) == len(trace.a) == len(WIDTHS)
    np.testing.assert_array_equal(trace.a[0], x)
    np.testing.assert_array_equal(trace.output, trace.z[-1])


def numeric_gradient(f, array, h=1e-3):
    """Central differences at h and h / 2, extrapolated: truncation about h^4, rounding about 1e-16 / h."""
    gradient = np.empty_like(array)
    for at in np.ndindex(*array.shape):
        kept, values = array[at], {}
        for step in (h, -h, h / 2, -h / 2):
            array[at] = kept + step
            values[step] = f()
        array[at] = kept
        coarse, fine = (values[h] - values[-h]) / (2 * h), (values[h / 2] - values[-h / 2]) / h
        gradient[at] = (4 * fine - coarse) / 3
    return gradient


@pytest.mark.parametrize("name", NAMES)
def test_gradients_against_finite_differences(name):
    """Every weight and bias, for a cost that is not linear in the output; to 1e-6 of the largest entry."""
    net = network(name, seed=3)
    x, target = batch_for(net)

    def cost():
        return float(np.sum(np.sin(net.forward(x).output) * target))

    trace = net.forward(x)
    if name in ("relu", "leaky_relu", "elu", "selu", "hardtanh"):  # no difference may straddle a kink
        assert all(np.abs(z - kink).min() > 0.005 for z in trace.z[1:-1] for kink in net.activation.kinks)
    grads = net.backward(trace, np.cos(trace.output) * target)
    for n in range(1, net.depth + 1):
        for found, array in ((grads.W[n], net.W[n]), (grads.b[n], net.b[n])):
            expected = numeric_gradient(cost, array)
            assert found.shape == array.shape
            assert np.abs(found - expected).max() < 1e-7 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["tanh", "gelu", "leaky_relu"])
def test_deltas_and_sums_over_examples(name):
    """One example at a time: delta is its bias gradient, and the batch's gradient is the sum of outer products."""
    net = network(name, seed=3)
    x, dz = batch_for(net, columns=5)
    grads = net.backward(net.forward(x), dz)
    total = [0.0] * (net.depth + 1)
    for k in range(5):
        trace = net.forward(x[:, k : k + 1])
        one = net.backward(trace, dz[:, k : k + 1])
        for n in range(1, net.depth + 1):
            np.testing.assert_allclose(grads.delta[n][:, k], one.b[n], rtol=1e-11, atol=1e-14)
            np.testing.assert_allclose(one.W[n], np.outer(one.b[n], trace.a[n - 1][:, 0]), rtol=1e-12, atol=1e-14)
            total[n] = total[n] + one.W[n]
    for n in range(1, net.depth + 1):
        np.testing.assert_allclose(grads.W[n], total[n], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(grads.b[n], grads.delta[n].sum(axis=1), rtol=1e-12)
        assert grads.delta[n].shape == (net.widths[n], 5)
    assert grads.W[0] is grads.b[0] is grads.delta[0] is None


def test_delta_is_a_derivative_with_respect_to_z():
    """A nudge of one bias moves one row of z: the change of the cost is the sum of that row's deltas."""
    net = network("sigmoid", seed=4)
    x, dz = batch_for(net)
    grads, h = net.backward(net.forward(x), dz), 1e-5
    cost = []
    for sign in (1, -1):
        moved = net.copy()
        moved.b[2][1] += sign * h
        cost.append(np.sum(dz * moved.forward(x).output))
    assert (cost[0] - cost[1]) / (2 * h) == pytest.approx(grads.delta[2][1].sum(), rel=1e-7)


def test_shapes_and_order_of_the_weights():
    """W[l] is (n_l, n_{l-1}), drawn layer by layer; biases are 0 unless asked for."""
    net = MLP(WIDTHS, "relu", "he_normal", np.random.default_rng(5))
    assert [w.shape for w in net.W[1:]] == [(5, 3), (4, 5), (6, 4), (2, 6)]
    assert [b.shape for b in net.b[1:]] == [(5,), (4,), (6,), (2,)]
    assert net.W[0] is None and net.b[0] is None and net.depth == 4 and net.widths == WIDTHS
    assert not any(b.any() for b in net.b[1:])
    generator = np.random.default_rng(5)
    for w in net.W[1:]:
        np.testing.assert_array_equal(w, initlab.he_normal(w.shape, generator))
    assert net.activation is ACTIVATIONS["relu"]


def test_the_last_layer_and_the_biases_may_have_their_own_initialiser():
    zero = MLP(WIDTHS, "relu", "he_normal", np.random.default_rng(6), output_init="zeros")
    assert not zero.W[-1].any() and all(w.any() for w in zero.W[1:-1])
    seen = []

    def ones(shape, rng):
        seen.append(shape)
        return np.ones(shape)

    one = MLP(WIDTHS, "relu", ones, np.random.default_rng(6), bias_init=("constant", {"value": 0.5}))
    assert seen == [(5, 3), (4, 5), (6, 4), (2, 6)]
    MLP(WIDTHS, "relu", "zeros", np.random.default_rng(6), bias_init=ones)
    assert seen[4:] == [(5, 1), (4, 1), (6, 1), (2, 1)]
    assert all((b == 0.5).all() for b in one.b[1:])
    # 3 ones in: 3.5 each, then 5 * 3.5 + 0.5 = 18, 4 * 18 + 0.5, 6 * 72.5 + 0.5
    np.testing.assert_array_equal(one.forward(np.ones((3, 1))).output, np.full((2, 1), 435.5))


def test_repeated_scaled_identities():
    """Nine layers of 1.5 I: the signal grows, delta shrinks as it goes forward, the weight gradient stays the same."""
    net = MLP([2] * 10, "linear", lambda shape, rng: 1.5 * np.eye(2), np.random.default_rng(0))
    x, dz = np.array([[1.0], [-2.0]]), np.array([[0.3], [0.7]])
    trace = net.forward(x)
    grads = net.backward(trace, dz)
    for n in range(1, 10):
        np.testing.assert_allclose(trace.a[n], 1.5**n * x, rtol=1e-14)
        np.testing.assert_allclose(grads.delta[n], 1.5 ** (9 - n) * dz, rtol=1e-14)
        np.testing.assert_allclose(grads.W[n], 1.5**8 * np.outer(dz, x), rtol=1e-14)


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_zero_weights_give_a_gradient_to_the_output_bias_only(name):
    net = MLP(WIDTHS, name, "zeros", np.random.default_rng(0))
    x, dz = batch_for(net)
    grads = net.backward(net.forward(x), dz)
    assert not any(w.any() for w in grads.W[1:]) and not any(b.any() for b in grads.b[1:-1])
    np.testing.assert_allclose(grads.b[-1], dz.sum(axis=1), rtol=1e-14)


def test_constant_weights_keep_the_units_of_a_layer_twins():
    net = MLP(WIDTHS, "tanh", ("constant", {"value": 0.3}), np.random.default_rng(0))
    x, dz = batch_for(net)
    grads = net.backward(net.forward(x), dz)
    for n in (1, 2, 3):
        np.testing.assert_allclose(grads.W[n], np.broadcast_to(grads.W[n][0], grads.W[n].shape), rtol=1e-12)
    assert np.ptp(grads.W[1][0]) > 1e-3  # its columns differ, as the inputs do
    assert np.ptp(grads.W[-1], axis=1).max() < 1e-12 < np.ptp(grads.W[-1], axis=0).max()


def test_a_copy_is_independent():
    net = network(seed=7)
    twin = net.copy()
    x, _ = batch_for(net)
    np.testing.assert_array_equal(net.forward(x).output, twin.forward(x).output)
    assert twin.depth == net.depth and twin.activation is net.activation and twin.widths == net.widths
    before = net.forward(x).output.copy()
    for n in range(1, net.depth + 1):
        twin.W[n] += 1.0
        twin.b[n] += 1.0
    twin.widths[0] = 99
    np.testing.assert_array_equal(net.forward(x).output, before)
    assert net.widths == WIDTHS


@QUIET
@given(
    name=st.sampled_from(NAMES),
    widths=st.lists(st.integers(1, 8), min_size=2, max_size=6),
    columns=st.integers(1, 5),
    seed=st.integers(0, 2**32),
)
def test_any_shape(name, widths, columns, seed):
    """float64 throughout, nothing warns, the inputs are left alone, the same seed gives the same network."""
    net = MLP(widths, name, "xavier_uniform", np.random.default_rng(seed))
    again = MLP(widths, name, "xavier_uniform", np.random.default_rng(seed))
    x, dz = batch_for(net, columns, seed)
    kept = x.copy(), dz.copy(), [None] + [w.copy() for w in net.W[1:]]
    trace = net.forward(x)
    grads = net.backward(trace, dz)
    for n in range(1, net.depth + 1):
        assert trace.z[n].shape == trace.a[n].shape == grads.delta[n].shape == (widths[n], columns)
        assert trace.z[n].dtype == trace.a[n].dtype == grads.W[n].dtype == grads.delta[n].dtype == np.float64
        np.testing.assert_array_equal(net.W[n], again.W[n])
        np.testing.assert_array_equal(net.W[n], kept[2][n])
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(dz, kept[1])


def test_single_precision_throughout():
    """The same network to rounding, in float32 from the input to the gradients; a copy has it too."""
    made = {d: MLP([3, 5, 4, 2], "silu", "he_normal", np.random.default_rng(1), dtype=d) for d in (np.float32, float)}
    x, dz = batch_for(made[float], 6, 2)
    found = {}
    for dtype, net in made.items():
        trace = net.copy().forward(x)
        grads = net.backward(trace, dz)
        arrays = [*trace.z[1:], *trace.a, *net.W[1:], *net.b[1:], *grads.W[1:], *grads.b[1:], *grads.delta[1:]]
        assert {v.dtype for v in arrays} == {np.dtype(dtype)}
        found[dtype] = grads
    for n in (1, 2, 3):
        np.testing.assert_allclose(found[np.float32].W[n], found[float].W[n], rtol=1e-4, atol=1e-5)


def test_an_activation_of_your_own():
    net = network(Activation("square", lambda z: z * z, lambda z: 2 * z), widths=[2, 3, 1])
    x, dz = batch_for(net)
    trace = net.forward(x)
    np.testing.assert_array_equal(trace.a[1], trace.z[1] ** 2)
    delta = net.backward(trace, dz).delta[1]
    np.testing.assert_allclose(delta, np.outer(net.W[2], np.ones(3)) * dz * 2 * trace.z[1], rtol=1e-14)


@pytest.mark.parametrize("x", [np.ones(3), np.ones((4, 2)), np.ones((2, 3)), np.ones((3, 2, 2)), 1.0])
def test_inputs_of_another_shape(x):
    shape = str(np.shape(x)).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=rf"x must have shape \(3, batch\), got {shape}: examples are columns"):
        network().forward(x)


@pytest.mark.parametrize("dz", [np.ones(2), np.ones((2, 1)), np.ones((3, 2))])
def test_cotangents_of_another_shape(dz):
    net = network()
    with pytest.raises(ValueError, match=r"dz must have the output's shape \(2, 3\), got \("):
        net.backward(net.forward(np.ones((3, 3))), dz)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([3], "relu", "he_normal"), {}, ValueError, r"widths must be .* with at least two sizes, got \[3\]"),
        ((3, "relu", "he_normal"), {}, TypeError, r"widths must be a list \[n_0, ..., n_L\], got 3"),
        (([3, 0], "relu", "he_normal"), {}, ValueError, "each of widths must be at least 1, got 0"),
        (([3, 2.5], "relu", "he_normal"), {}, TypeError, "each of widths must be a whole number, got 2.5"),
        (([3, True], "relu", "he_normal"), {}, TypeError, "each of widths must be a whole number, got True"),
        (([3, 2], "rleu", "he_normal"), {}, ValueError, "unknown activation 'rleu'; known are linear, "),
        (([3, 2], "relu", "he"), {}, ValueError, "unknown initializer 'he'; known are zeros, "),
        (([3, 2], "relu", 5), {}, TypeError, "init must be a name, .* got 5"),
        (([3, 2], "relu", "zeros"), {"output_init": "he"}, ValueError, "unknown initializer 'he'"),
        (([3, 2], "relu", "zeros"), {"bias_init": "he"}, ValueError, "unknown initializer 'he'"),
    ],
)
def test_refusals(arguments, options, error, message):
    with pytest.raises(error, match=message):
        MLP(*arguments, np.random.default_rng(0), **options)


def test_rng_must_be_a_generator():
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, .* got 0"):
        MLP([3, 2], "relu", "zeros", 0)
