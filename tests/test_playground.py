"""Chapter 01's playground: counting of twins, recordings that agree with the network, and a board that follows them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab import MLP, playground
from initlab.data import circles, moons
from initlab.training import accuracy, cross_entropy


def film(init="xavier_normal", steps=40, every=10, seed=0, points=circles, activation="tanh", **options):
    rng = np.random.default_rng(seed)
    x, y = points(40, np.random.default_rng(0))
    net = MLP([2, 5, 4, 1], activation, init, rng)
    return playground.record(net, x, y, steps=steps, every=every, rng=rng, **{"lr": 0.1, "batch": 20, **options})


# --- counting ---------------------------------------------------------------------------------------------------
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 12))
@settings(max_examples=50, deadline=None)
def test_distinct_counts_copies_once_in_any_order(seed, kinds, copies):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((kinds, 3))
    more = np.concatenate([rows, rows[rng.integers(kinds, size=copies)]])
    assert playground.distinct(rng.permutation(more)) == kinds


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_has_twin_marks_rows_that_occur_twice(seed):
    rng = np.random.default_rng(seed)
    kind = rng.integers(5, size=8)
    rows = rng.standard_normal((5, 2))[kind]
    np.testing.assert_array_equal(playground.has_twin(rows), np.bincount(kind, minlength=5)[kind] > 1)


def test_tolerance_separates_rounding_from_difference():
    rows = np.array([[1.0, 2.0], [1.0, 2.0 + 1e-9], [1.0, 2.0 + 1e-4]])
    assert playground.distinct(rows) == 2
    assert playground.distinct(rows, tolerance=1e-10) == 3
    assert playground.has_twin(rows).tolist() == [True, True, False]


# --- recordings -------------------------------------------------------------------------------------------------
def test_recording_holds_every_step_asked_for():
    assert film().steps.tolist() == [0, 10, 20, 30, 40]


def test_recording_says_what_its_networks_do():
    f = film()
    for net, loss, share, norms in zip(f.nets, f.loss, f.accuracy, f.gradient, strict=True):
        trace = net.forward(f.x)
        value, dz = cross_entropy(trace.output, f.y)
        assert loss == pytest.approx(value, rel=1e-12)
        assert share == pytest.approx(accuracy(net, f.x, f.y))
        np.testing.assert_allclose(norms, [np.linalg.norm(g) for g in net.backward(trace, dz).W[1:]], rtol=1e-12)


def test_frames_are_copies():
    f = film()
    assert not np.array_equal(f.nets[0].W[1], f.nets[-1].W[1])


@pytest.mark.parametrize(("step", "index"), [(0, 0), (9, 0), (10, 1), (39, 3), (40, 4), (1000, 4)])
def test_frame_is_the_last_one_not_after_the_step(step, index):
    assert film().frame(step) == index


def test_training_that_diverges_keeps_its_finite_frames():
    f = film("he_normal", activation="linear", points=moons, lr=1e80, every=1)
    assert 1 <= len(f.nets) < 40
    assert f.frame(40) == len(f.nets) - 1


def test_a_start_without_a_finite_loss_is_refused():
    with pytest.raises(ValueError, match="not finite before the first step"):
        film(("normal", {"std": 1e200}), activation="relu", points=moons)


def test_twins_stay_twins_and_zero_stays_zero():
    constant = film(("constant", {"value": 0.5}), momentum=0.9)
    assert all(playground.distinct(np.c_[net.W[n], net.b[n]]) == 1 for net in constant.nets for n in (1, 2))
    assert not film("zeros").gradient.any()


# --- the board --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("init", ["zeros", ("constant", {"value": 0.5}), "xavier_normal", ("normal", {"std": 5.0})])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_board_draws_any_start_at_any_step(init, activation):
    f, board = film(init, activation=activation), playground.Board([2, 5, 4, 1], 40)
    for step in (0, 20, 40):
        assert board.move(f, step) == f.frame(step)
    board.fig.canvas.draw()


def test_board_shows_the_network_of_that_step():
    f, board = film(("constant", {"value": 0.5})), playground.Board([2, 5, 4, 1], 40)
    board.move(f, 20)
    net = f.nets[2]
    assert [text.get_text() for text in board.counts] == ["1 of 5", "1 of 4"]
    assert len(board.twins.get_xdata()) == 5 + 4
    assert len(board.alone.get_xdata()) == 2 + 1
    z = net.forward(board.plane).output.reshape(playground.CELLS, playground.CELLS)
    np.testing.assert_allclose(board.image.get_array(), 1 / (1 + np.exp(-z)), rtol=1e-9)
    assert board.loss_mark.get_xdata() == [20]
    for label, line in enumerate(board.points):
        np.testing.assert_array_equal(np.array(line.get_data()), f.x[:, f.y == label])


def test_boundary_lies_where_the_output_changes_sign():
    f, board = film(steps=200, every=200), playground.Board([2, 5, 4, 1], 200)
    board.move(f, 200)
    on = np.concatenate(board.boundary.get_segments()).T
    z = f.nets[-1].forward(on).output
    assert np.abs(z).max() < 0.05 * np.abs(f.nets[-1].forward(board.plane).output).max()


def test_edges_show_sign_and_size():
    f, board = film(), playground.Board([2, 5, 4, 1], 40)
    net = f.nets[0]
    for w in net.W[1:]:
        w[:] = 0
    net.W[1][0, 0], net.W[1][1, 0] = 8.0, -0.4
    board.move(f, 0)
    drawn = list(zip(board.edges.get_linewidths(), board.edges.get_linestyles(), strict=True))
    assert [round(float(width), 2) for width, _ in drawn] == [0.5, 0.94, 4.0]  # 0, a tenth of LARGE, beyond LARGE
    assert [style[1] is not None for _, style in drawn] == [False, True, False]  # dashed where negative


# --- lines and pairs --------------------------------------------------------------------------------------------
def test_best_line_finds_a_separable_set_whole_and_exclusive_or_in_three_quarters():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 200))
    assert playground.best_line(x, (x[0] - 2 * x[1] > 0.3).astype(int)) > 0.99
    corners = np.array([[1, 1, -1, -1], [1, -1, 1, -1]]) + 0.01 * rng.standard_normal((2, 4))
    assert playground.best_line(corners, np.array([0, 1, 1, 0])) == 0.75


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_best_line_is_at_least_any_line(seed):
    rng = np.random.default_rng(seed)
    x, y = moons(50, rng)
    angle = np.pi * rng.integers(720) / 720
    side = np.cos(angle) * x[0] + np.sin(angle) * x[1] > rng.standard_normal()
    assert playground.best_line(x, y) >= np.mean(side == y) - 1e-12


def test_pairs_are_gradient_descent_on_their_loss():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 30))
    gaps, lr = 0.3 * rng.standard_normal((2, 3)), 0.1

    def loss(p):
        return np.mean((p[2] * np.tanh(p[0] * x) + p[3] * np.tanh(p[1] * x) - y) ** 2) / 2

    losses, distances = playground.pairs(gaps, x, y, steps=2, lr=lr)
    for k in range(3):
        d, e = gaps[:, k]
        p = 0.5 + np.array([d, -d, e, -e]) / 2
        slope = [(loss(p + h) - loss(p - h)) / 2e-6 for h in 1e-6 * np.eye(4)]
        after = p - lr * np.array(slope)
        assert losses[0, k] == pytest.approx(loss(p), rel=1e-12)
        assert losses[1, k] == pytest.approx(loss(after), rel=1e-7)
        assert distances[0, k] == pytest.approx(np.hypot(d, e), rel=1e-12)
        assert distances[1, k] == pytest.approx(np.hypot(after[0] - after[1], after[2] - after[3]), rel=1e-6)


def test_exact_twins_stay_twins_in_a_pair():
    x = np.linspace(-2, 2, 21)
    _, distances = playground.pairs(np.zeros((2, 1)), x, np.sin(2 * x), steps=200, lr=0.2)
    assert not distances.any()


def test_the_first_of_a_kind_comes_first_and_a_hundred_thousandth_is_a_difference():
    rows = np.array([[1.0, 2], [1, 2], [3, 2], [1, 2 + 1e-5], [3, 2 + 1e-7]])
    np.testing.assert_array_equal(playground.first_of_kind(rows), [True, False, True, True, False])
    np.testing.assert_array_equal(playground.has_twin(rows), [True, True, True, False, True])


def test_the_best_line_does_not_ask_which_label_is_which():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.standard_normal((2, 9)), rng.integers(2, size=9)
        assert playground.best_line(x, y) == playground.best_line(x, 1 - y)
