"""Losses against sums in Python and finite differences; the optimisers against their recursions by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab import MLP, train
from initlab.data import digits
from initlab.training import LOSSES, accuracy, cross_entropy, softmax, squared_error

QUIET = settings(deadline=None, max_examples=40, derandomize=True)


def rng(seed=0):
    return np.random.default_rng(seed)


def one_weight(w=2.0):
    """y = w x + b with one input and one output: everything can be followed by hand."""
    return MLP([1, 1], "linear", ("constant", {"value": w}), rng())


# --- losses ---------------------------------------------------------------------------------------------------------
def test_softmax_and_cross_entropy_as_sums():
    z = rng(1).standard_normal((4, 3)) * 3
    y = np.array([2, 0, 3])
    p = [[math.exp(v) / sum(math.exp(w) for w in column) for v in column] for column in z.T.tolist()]
    np.testing.assert_allclose(softmax(z), np.transpose(p), rtol=1e-13)
    loss, dz = cross_entropy(z, y)
    assert loss == pytest.approx(-sum(math.log(p[k][y[k]]) for k in range(3)) / 3, rel=1e-13)
    for k in range(3):
        for c in range(4):
            assert dz[c, k] == pytest.approx((p[k][c] - (c == y[k])) / 3, rel=1e-12)


def test_cross_entropy_of_one_logit_is_that_of_two():
    """A logit z against the pair (0, z): the same loss, the same derivative."""
    z, y = rng(2).standard_normal((1, 6)) * 3, np.array([0, 1, 1, 0, 1, 0])
    two, dtwo = cross_entropy(np.concatenate([0 * z, z]), y)
    one, done = cross_entropy(z, y)
    assert one == pytest.approx(two, rel=1e-13)
    assert done.shape == (1, 6)
    np.testing.assert_allclose(done[0], dtwo[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("cost", "z", "y"),
    [
        (cross_entropy, rng(3).standard_normal((4, 5)), np.array([0, 1, 2, 3, 1])),
        (cross_entropy, rng(3).standard_normal((1, 5)), np.array([0, 1, 1, 0, 1])),
        (squared_error, rng(3).standard_normal((2, 5)), rng(4).standard_normal((2, 5))),
    ],
)
def test_loss_gradients_against_finite_differences(cost, z, y):
    """Central differences: truncation about h^2, far below 1e-8."""
    dz, h = cost(z, y)[1], 1e-5
    for at in np.ndindex(*z.shape):
        step = np.zeros_like(z)
        step[at] = h
        assert dz[at] == pytest.approx((cost(z + step, y)[0] - cost(z - step, y)[0]) / (2 * h), abs=1e-8)


def test_squared_error_is_half_the_mean_square_norm():
    loss, dz = squared_error(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [1.0, 1.0]]))
    assert loss == pytest.approx((1 + 4 + 9) / 2 / 2)
    np.testing.assert_allclose(dz, [[0.5, 0.0], [1.0, 1.5]])


def test_known_losses():
    """Equal logits cost log(classes); N(0, 1) logits 0.806 for two classes and 2.729 for ten."""
    assert cross_entropy(np.zeros((10, 4)), np.arange(4))[0] == pytest.approx(math.log(10), rel=1e-14)
    assert cross_entropy(np.zeros((1, 4)), np.array([0, 1, 0, 1]))[0] == pytest.approx(math.log(2), rel=1e-14)
    n = 200_000
    ten = rng(5).standard_normal((10, n))
    assert cross_entropy(ten, np.zeros(n, dtype=int))[0] == pytest.approx(2.729, abs=5 * 1.1 / math.sqrt(n))
    one = rng(6).standard_normal((1, n))
    assert cross_entropy(one, np.zeros(n, dtype=int))[0] == pytest.approx(0.806, abs=5 * 0.6 / math.sqrt(n))


@pytest.mark.parametrize("size", [1e3, 1e300])
def test_large_logits_do_not_overflow(size):
    """Sure and right costs nothing, sure and wrong costs the distance, in both forms."""
    z = np.array([[size, 0.0], [0.0, size]])
    assert cross_entropy(z, np.array([0, 1]))[0] == 0.0
    assert cross_entropy(z, np.array([1, 0]))[0] == size
    np.testing.assert_array_equal(softmax(z), np.eye(2))
    one = np.array([[-size, size]])
    assert cross_entropy(one, np.array([0, 1]))[0] == 0.0
    loss, dz = cross_entropy(one, np.array([1, 0]))
    assert loss == size
    np.testing.assert_array_equal(dz, [[-0.5, 0.5]])


@QUIET
@given(shift=st.floats(-1e6, 1e6), seed=st.integers(0, 2**32), classes=st.integers(2, 12))
def test_a_common_shift_of_the_logits_changes_nothing(shift, seed, classes):
    z, y = rng(seed).standard_normal((classes, 3)), rng(seed).integers(classes, size=3)
    kept = z.copy()
    first, second = cross_entropy(z, y), cross_entropy(z + shift, y)
    assert second[0] == pytest.approx(first[0], abs=1e-9)
    np.testing.assert_allclose(second[1], first[1], atol=1e-9)
    np.testing.assert_allclose(first[1].sum(axis=0), 0.0, atol=1e-15)
    np.testing.assert_array_equal(z, kept)


# --- optimisers -----------------------------------------------------------------------------------------------------
def followed_by_hand(step, w=2.0, b=0.0, steps=6):
    """Least squares y = 3 at x = 2, one example: gradient (w x + b - y) times x for w, times 1 for b."""
    losses = []
    memory = [{}, {}]
    for t in range(1, steps + 1):
        error = 2 * w + b - 3
        losses.append(error**2 / 2)
        w, b = w - step(2 * error, memory[0], t), b - step(error, memory[1], t)
    return w, b, losses


def sgd(lr, momentum):
    def step(g, memory, t):
        memory["v"] = momentum * memory.get("v", 0.0) + g
        return lr * memory["v"]

    return step


def adam(lr):
    def step(g, memory, t):
        memory["m"] = 0.9 * memory.get("m", 0.0) + 0.1 * g
        memory["v"] = 0.999 * memory.get("v", 0.0) + 0.001 * g * g
        return lr * (memory["m"] / (1 - 0.9**t)) / (math.sqrt(memory["v"] / (1 - 0.999**t)) + 1e-8)

    return step


@pytest.mark.parametrize(
    ("options", "step"),
    [
        ({"lr": 0.05}, sgd(0.05, 0.0)),
        ({"lr": 0.05, "momentum": 0.9}, sgd(0.05, 0.9)),
        ({"lr": 0.05, "optimizer": "adam"}, adam(0.05)),
    ],
)
def test_optimisers_against_their_recursions(options, step):
    """Every example is the same, so that whatever the batch, the gradient is that of one."""
    net = one_weight()
    history = train(
        net, np.full((1, 5), 2.0), np.full((1, 5), 3.0), steps=6, rng=rng(), loss="squared_error", **options
    )
    w, b, losses = followed_by_hand(step)
    assert net.W[1][0, 0] == pytest.approx(w, rel=1e-12)
    assert net.b[1][0] == pytest.approx(b, rel=1e-12)
    np.testing.assert_allclose(history.loss, losses, rtol=1e-10)
    assert history.diverged is None and history.records == [] and history.recorded == []


def test_the_first_step_of_adam_has_the_size_of_the_learning_rate():
    net = one_weight()
    train(
        net,
        np.full((1, 3), 2.0),
        np.full((1, 3), 300.0),
        steps=1,
        lr=0.01,
        rng=rng(),
        optimizer="adam",
        loss="squared_error",
    )
    assert net.W[1][0, 0] == pytest.approx(2.01, rel=1e-9)
    assert net.b[1][0] == pytest.approx(0.01, rel=1e-9)


def test_a_deep_network_takes_the_gradient_step():
    """One step of SGD on every layer, against backward called by hand on the batch the trace shows."""
    net = MLP([3, 5, 4], "tanh", "xavier_normal", rng(7))
    before, x, y = net.copy(), rng(8).standard_normal((3, 20)), rng(9).integers(4, size=20)
    seen = []
    train(net, x, y, steps=1, lr=0.3, batch=8, rng=rng(10), record=lambda n, trace, g, step: seen.append(trace.a[0]))
    (batch,) = seen
    assert batch.shape == (3, 8)
    chosen = [int(np.flatnonzero((x == column[:, None]).all(axis=0))[0]) for column in batch.T]
    trace = before.forward(x[:, chosen])
    grads = before.backward(trace, cross_entropy(trace.output, y[chosen])[1])
    for n in (1, 2):
        np.testing.assert_allclose(net.W[n], before.W[n] - 0.3 * grads.W[n], rtol=1e-12)
        np.testing.assert_allclose(net.b[n], before.b[n] - 0.3 * grads.b[n], rtol=1e-12)


def test_minibatches_reach_every_example_evenly():
    """4000 draws from 10 examples: each about 400 times, to five standard errors."""
    counts = np.zeros(10)

    def count(net, trace, grads, step):
        counts[:] += np.bincount(trace.a[0][0].astype(int), minlength=10)

    x = np.arange(10.0)[None]
    train(one_weight(), x, 0 * x, steps=1000, lr=0.0, batch=4, rng=rng(11), loss="squared_error", record=count)
    assert counts.sum() == 4000
    assert np.abs(counts - 400).max() < 5 * math.sqrt(4000 * 0.1 * 0.9)


def test_the_default_batch_is_64_and_never_more_than_there_is():
    sizes = []

    def see(net, trace, grads, step):
        sizes.append(trace.output.shape[1])

    for examples in (100, 30):
        x = np.ones((1, examples))
        train(one_weight(), x, x, steps=1, lr=0.1, rng=rng(), loss="squared_error", record=see)
    assert sizes == [64, 30]


# --- what is recorded -----------------------------------------------------------------------------------------------
def test_record_is_called_before_the_step_and_every_so_often():
    net, calls = one_weight(), []

    def record(network, trace, grads, step):
        assert network is net
        assert grads.W[1].shape == (1, 1) and trace.output.shape == (1, 4)
        calls.append(float(network.W[1][0, 0]))
        return step * 10

    x = np.full((1, 4), 2.0)
    history = train(net, x, x, steps=8, lr=0.05, rng=rng(), loss="squared_error", record=record, every=3)
    assert history.recorded == [0, 3, 6] and history.records == [0, 30, 60]
    assert len(history.loss) == 8
    assert calls[0] == 2.0 and calls[0] > calls[1] > calls[2] > net.W[1][0, 0]


def test_no_steps_leave_the_network_alone():
    net = one_weight()
    history = train(net, np.ones((1, 2)), np.ones((1, 2)), steps=0, lr=0.1, rng=rng(), loss="squared_error")
    assert history.loss == [] and history.diverged is None and net.W[1][0, 0] == 2.0


def test_losses_and_accuracies_are_python_floats():
    net = MLP([3, 4, 2], "relu", "he_normal", np.random.default_rng(0))
    x, y = np.random.default_rng(1).standard_normal((3, 8)), np.arange(8) % 2
    assert type(train(net, x, y, steps=1, lr=0.1, rng=np.random.default_rng(2)).loss[0]) is float
    assert type(accuracy(net, x, y)) is float


def test_divergence_stops_without_a_warning():
    """lr 1e3 multiplies the error by about 5000 a step: it leaves the range of float64 after some forty steps."""
    net = one_weight()
    x = np.full((1, 4), 2.0)
    history = train(net, x, x, steps=500, lr=1e3, rng=rng(), loss="squared_error")
    assert 30 < history.diverged < 60
    assert len(history.loss) == history.diverged + 1
    assert not math.isfinite(history.loss[-1]) and all(math.isfinite(v) for v in history.loss[:-1])


def test_inputs_and_labels_are_left_alone_and_seeds_repeat():
    x, y = rng(12).standard_normal((3, 30)), rng(13).integers(2, size=30)
    kept = x.copy(), y.copy()
    runs = []
    for seed in (1, 1, 2):
        net = MLP([3, 6, 2], "relu", "he_normal", rng(14))
        runs.append(train(net, x, y.tolist(), steps=20, lr=0.1, batch=5, rng=rng(seed)).loss)
    assert runs[0] == runs[1] != runs[2]
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])


@pytest.mark.parametrize("options", [{"lr": 0.1}, {"lr": 0.05, "momentum": 0.9}, {"lr": 0.01, "optimizer": "adam"}])
def test_twins_stay_twins_under_every_optimiser(options):
    """A constant start: rows of the first matrix and columns of the last remain equal, and something is learnt."""
    x, y = rng(15).standard_normal((2, 50)), rng(16).integers(3, size=50)
    net = MLP([2, 6, 3], "tanh", ("constant", {"value": 0.2}), rng())
    train(net, x, y, steps=30, batch=10, rng=rng(17), **options)
    assert np.ptp(net.W[1], axis=0).max() < 1e-12 and np.ptp(net.W[2], axis=1).max() < 1e-12
    assert np.abs(net.W[1] - 0.2).max() > 1e-3 and np.ptp(net.W[1][0]) > 1e-3


def test_the_digits_are_learnt():
    data = digits()
    net = MLP([64, 32, 10], "relu", "he_normal", rng(18))
    assert accuracy(net, data.x_test, data.y_test) < 0.35
    history = train(net, data.x, data.y, steps=300, lr=0.1, rng=rng(19))
    assert np.mean(history.loss[-20:]) < 0.3 < history.loss[0]
    assert accuracy(net, data.x_test, data.y_test) > 0.85


# --- accuracy -------------------------------------------------------------------------------------------------------
def test_accuracy_counts():
    """An identity network: the largest input is the guess; one output guesses by its sign."""
    three = MLP([3, 3], "linear", lambda shape, rng: np.eye(3), rng())
    x = np.array([[1.0, 0.0, 0.0, 5.0], [0.0, 2.0, 0.0, 4.0], [0.0, 0.0, 3.0, 6.0]])
    assert accuracy(three, x, np.array([0, 1, 2, 0])) == 0.75
    one = MLP([1, 1], "linear", lambda shape, rng: np.eye(1), rng())
    assert accuracy(one, np.array([[-1.0, 2.0, 3.0, -4.0, 0.5]]), np.array([0, 1, 0, 0, 1])) == 0.8
    assert isinstance(accuracy(one, np.array([[1.0]]), np.array([1])), float)


def test_an_output_that_is_no_number_is_never_right():
    net = MLP([2, 2], "linear", lambda shape, rng: np.eye(2), rng())
    x = np.array([[np.nan, np.inf, 1.0], [0.0, 0.0, 0.0]])
    assert accuracy(net, x, np.array([0, 0, 0])) == pytest.approx(1 / 3)


# --- refusals -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": np.ones(4)}, ValueError, r"x must have shape \(n_0, examples\), got \(4,\): examples are columns"),
        ({"x": np.ones((2, 0))}, ValueError, r"x must have shape \(n_0, examples\), got \(2, 0\)"),
        ({"x": np.ones((3, 4))}, ValueError, r"x must have shape \(2, batch\), got \(3, 4\): examples are columns"),
        ({"y": [0, 1, 2]}, ValueError, r"y must hold one label for each of the 4 examples, got shape \(3,\)"),
        ({"y": 1}, ValueError, r"y must hold one label for each of the 4 examples, got shape \(\)"),
        ({"y": [0, 1, 2, 3]}, ValueError, "y must hold labels from 0 to 2 for 3 outputs, got 3"),
        ({"y": [0, -1, 2, 1]}, ValueError, "y must hold labels from 0 to 2 for 3 outputs, got -1"),
        ({"y": [0, 0.5, 2, 1]}, ValueError, "y must hold labels from 0 to 2 for 3 outputs, got 0.5"),
        ({"loss": "squared_error"}, ValueError, r"y must hold targets of shape \(3, 4\), got shape \(4,\)"),
        (
            {"loss": "squared_error", "y": np.ones((1, 4))},
            ValueError,
            r"y must hold targets of shape \(3, 4\), got shape \(1, 4\)",
        ),
        ({"loss": "hinge"}, ValueError, "unknown loss 'hinge'; known are cross_entropy, squared_error"),
        ({"optimizer": "rmsprop"}, ValueError, "unknown optimizer 'rmsprop'; known are sgd, adam"),
        ({"steps": -1}, ValueError, "steps must be at least 0, got -1"),
        ({"steps": 2.5}, TypeError, "steps must be a whole number, got 2.5"),
        ({"every": 0}, ValueError, "every must be at least 1, got 0"),
        ({"batch": 0}, ValueError, "batch must be at least 1, got 0"),
        ({"lr": -0.1}, ValueError, "lr must be at least 0.0, got -0.1"),
        ({"lr": math.nan}, ValueError, "lr must be finite, got nan"),
        ({"momentum": -0.1}, ValueError, "momentum must be at least 0.0, got -0.1"),
        ({"rng": 0}, TypeError, r"rng must be a numpy.random.Generator, .* got 0"),
    ],
)
def test_train_refuses_and_says_why(change, error, message):
    net = MLP([2, 3], "relu", "he_normal", rng())
    arguments = {"x": np.ones((2, 4)), "y": [0, 1, 2, 0], "steps": 1, "lr": 0.1, "rng": rng()} | change
    with pytest.raises(error, match=message):
        train(net, arguments.pop("x"), arguments.pop("y"), **arguments)


def test_one_output_serves_two_classes():
    net = MLP([2, 1], "relu", "he_normal", rng())
    train(net, np.ones((2, 3)), [True, False, True], steps=2, lr=0.1, rng=rng())
    with pytest.raises(ValueError, match="y must hold labels from 0 to 1 for 1 outputs, got 2"):
        train(net, np.ones((2, 3)), [0, 1, 2], steps=1, lr=0.1, rng=rng())
    assert set(LOSSES) == {"cross_entropy", "squared_error"}
