"""Chapter 09's blocks against finite differences, loops and closed forms; its laws against drawn nets; its pictures."""

import math
import warnings

import numpy as np
import pytest

from initlab import train
from initlab.residual import (
    KINDS,
    RELU_VARIANCE,
    Kind,
    ResidualNet,
    law,
    normalise,
    normalise_back,
    one_matrix_steps,
    probe,
)
from initlab.residual_panels import StreamPanels, compare, loss_panels

every_kind = pytest.mark.parametrize("kind", KINDS)


def small(kind, seed=0, **options):
    return ResidualNet(kind, 3, np.random.default_rng(seed), width=6, inputs=4, outputs=3, **options)


# --- the network ----------------------------------------------------------------------------------------------------
@every_kind
def test_every_gradient_is_the_finite_difference(kind):
    """Every entry of every array that learns; gates are moved off 0, or W1 and W2 would have nothing to show."""
    rng, net = np.random.default_rng(1), small(kind)
    for gate in net.of("gate"):
        gate[:] = rng.standard_normal(1)
    x, dz = rng.standard_normal((4, 7)), rng.standard_normal((3, 7))
    grads = net.backward(net.forward(x), dz)
    arrays = [*zip(net.W[1:], grads.W[1:], strict=True), (net.b[-1], grads.b[-1])]
    for array, found in arrays:
        assert found.shape == array.shape
        for at in np.ndindex(array.shape):
            kept, sides = array[at], []
            for step in (1e-6, -1e-6):
                array[at] = kept + step
                sides.append(np.vdot(dz, net.forward(x).output))
            array[at] = kept
            assert found[at] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=2e-7)


@every_kind
def test_delta_is_the_derivative_by_the_stream(kind):
    rng = np.random.default_rng(2)
    net = ResidualNet(kind, 3, rng, width=5)
    x, dz, step = rng.standard_normal((5, 6)), rng.standard_normal((5, 6)), 1e-6
    delta = net.backward(net.forward(x), dz).delta
    assert len(delta) == 4 and delta[-1] is dz
    for at in np.ndindex(x.shape):
        moved = [x.copy() for _ in "+-"]
        moved[0][at] += step
        moved[1][at] -= step
        up, down = (np.vdot(dz, net.forward(v).output) for v in moved)
        assert delta[0][at] == pytest.approx((up - down) / (2 * step), abs=2e-7)


def test_forward_is_the_formula():
    """One block of each sort, written out."""
    x = np.random.default_rng(3).standard_normal((8, 5))

    def relu(v):
        return np.maximum(v, 0)

    net = ResidualNet("skip, W2 at 1/n", 1, np.random.default_rng(4), width=8, scale=0.5)
    w1, w2 = net.W[1:]
    np.testing.assert_allclose(net.forward(x).output, x + 0.5 * w2 @ relu(w1 @ x))
    net = ResidualNet("skip, 1/√L", 4, np.random.default_rng(4), width=8)
    assert net.alpha == 0.5
    net = ResidualNet("BatchNorm, plain", 1, np.random.default_rng(4), width=8)
    h = net.W[1] @ x
    np.testing.assert_allclose(
        net.forward(x).output, relu((h - h.mean(axis=1, keepdims=True)) / h.std(axis=1, keepdims=True))
    )
    net = ResidualNet("LayerNorm, plain", 1, np.random.default_rng(4), width=8, eps=0.1)
    h = net.W[1] @ x
    np.testing.assert_allclose(net.forward(x).output, relu((h - h.mean(axis=0)) / np.sqrt(h.var(axis=0) + 0.1)))
    net = ResidualNet("skip, gate 0", 2, np.random.default_rng(4), width=8)
    np.testing.assert_array_equal(net.forward(x).output, x)


def test_the_variances_of_the_weights():
    """W1 has n Var[w] = 2, W2 what the kind says; five standard errors of a variance."""
    for name, kind in KINDS.items():
        net = ResidualNet(kind, 4, np.random.default_rng(5), width=100)
        room = 5 * math.sqrt(2 / 40_000)
        assert 100 * np.var(net.of("W1")) == pytest.approx(2, rel=room), name
        if kind.matrices == 2:
            assert 100 * np.var(net.of("W2")) == pytest.approx(kind.second, rel=room), name


def test_same_draw_for_every_weight_scale():
    nets = [small("BatchNorm, plain", weight_scale=v) for v in (1.0, 3.0)]
    for name, ratio in (("stem", 1), ("W1", 3), ("head", 1)):
        for a, b in zip(*(net.of(name) for net in nets), strict=True):
            np.testing.assert_allclose(b, ratio * a)


def test_names_and_arrays_belong_together():
    net = small("skip, gate 0")
    assert net.names == [None, "stem", *["W1", "W2", "gate"] * 3, "head"]
    assert [w.shape for w in net.W[1:5]] == [(6, 4), (6, 6), (6, 6), (1,)]
    assert [len(b) for b in net.b[1:]] == [0] * 10 + [3]
    assert net.depth == 11 and len(net.of("gate")) == 3


def test_it_can_be_trained():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((4, 90))
    y = (x[0] > 0).astype(int) + (x[1] > 0)
    for kind in ("skip, 1/√L", "skip, gate 0", "BatchNorm, skip"):
        net = small(kind, eps=1e-5)
        loss = train(net, x, y, steps=200, lr=0.02, momentum=0.9, rng=rng).loss
        assert np.mean(loss[-20:]) < 0.6 * loss[0], kind
        assert all(gate[0] != 0 for gate in net.of("gate")), "they started at 0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(kind="resnet"), "unknown kind 'resnet'; known are plain, "),
        (dict(depth=0), "depth must be at least 1, got 0"),
        (dict(width=1.5), "width must be a whole number"),
        (dict(scale=-1.0), "scale must be at least 0"),
        (dict(weight_scale=math.inf), "weight_scale must be finite"),
        (dict(eps=-1e-3), "eps must be at least 0"),
        (dict(inputs=3), "inputs and outputs must both be given"),
        (dict(rng=7), "rng must be a numpy.random.Generator"),
    ],
)
def test_bad_arguments(options, words):
    given = {"kind": "plain", "depth": 2, "rng": np.random.default_rng(0), **options}
    with pytest.raises((ValueError, TypeError), match=words):
        ResidualNet(**given)


# --- normalisation --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("eps", [0.0, 0.3])
def test_normalise_and_its_gradient(axis, eps):
    rng = np.random.default_rng(7)
    h, dy = 3 + 2 * rng.standard_normal((2, 5, 6))
    y, s = normalise(h, axis, eps)
    np.testing.assert_allclose(y.mean(axis=axis), 0, atol=1e-14)
    np.testing.assert_allclose((y**2).mean(axis=axis), 1 - eps / s.squeeze() ** 2)
    back = normalise_back(dy, y, s, axis)
    for at in np.ndindex(h.shape):
        moved = [h.copy() for _ in "+-"]
        moved[0][at] += 1e-6
        moved[1][at] -= 1e-6
        up, down = (np.vdot(dy, normalise(v, axis, eps)[0]) for v in moved)
        assert back[at] == pytest.approx((up - down) / 2e-6, abs=1e-7)


def test_gradients_of_batch_norm_are_orthogonal_to_rows_and_sum_to_nothing():
    rng, net = np.random.default_rng(8), small("BatchNorm, plain")
    grads = net.backward(net.forward(rng.standard_normal((4, 7))), rng.standard_normal((3, 7)))
    for w, g in zip(net.of("W1"), net.of("W1", grads.W), strict=True):
        np.testing.assert_allclose((w * g).sum(axis=1), 0, atol=1e-13)
    plain = small("plain")
    grads = plain.backward(plain.forward(rng.standard_normal((4, 7))), rng.standard_normal((3, 7)))
    assert max(np.abs((w * g).sum(axis=1)).max() for w, g in zip(plain.W[2:3], grads.W[2:3], strict=True)) > 1e-3


# --- laws -----------------------------------------------------------------------------------------------------------
def spread_of(nets, field):
    """(mean over nets, its standard error) of one field, for each block."""
    values = np.array([getattr(net, field) for net in nets])
    return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(len(nets))


ADDING = ["skip, W2 at 1/n", "skip, He twice", "skip, 1/√L", "skip, W2 = 0", "BatchNorm, skip", "LayerNorm, skip"]


@pytest.mark.parametrize("kind", ADDING)
@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_laws_hold_for_drawn_nets(kind, scale):
    """Means over 40 nets of 6 blocks within five standard errors, and 5 % for what is exact only in wide nets."""
    rng = np.random.default_rng(9)
    nets, told = [probe(kind, 6, rng, width=48, batch=64, scale=scale) for _ in range(40)], law(kind, 6, scale)
    for field in ("x2", "delta2", "dw1", "dw2"):
        mean, error = spread_of(nets, field)
        expected = getattr(told, field)
        seen = ~np.isnan(expected)
        assert (np.isnan(mean) == np.isnan(expected)).all()
        room = 5 * error + (0.05 if "Norm" in kind else 0.02) * expected
        assert (np.abs(mean - expected) <= room)[seen].all(), (field, mean / expected)


@pytest.mark.parametrize(("kind", "rate"), [("BatchNorm, plain", math.pi / (math.pi - 1)), ("LayerNorm, plain", 1.0)])
@pytest.mark.parametrize("scale", [0.2, 1.0])
def test_plain_norms(kind, rate, scale):
    rng, depth = np.random.default_rng(10), 30
    nets = [probe(kind, depth, rng, width=96, batch=128, scale=scale) for _ in range(8)]
    told = law(kind, depth, scale)
    for field in ("delta2", "dw1"):
        logs = np.array([np.log(getattr(net, field)[3] / getattr(net, field)[27]) / 24 for net in nets])
        assert logs.mean() == pytest.approx(math.log(rate), abs=0.03 + 5 * logs.std() / math.sqrt(8))
        exact = getattr(told, field)
        assert exact[3] / exact[27] == pytest.approx(rate**24)
    assert np.mean([net.x2[-1] for net in nets]) == pytest.approx(0.5, rel=0.1)
    assert np.mean([net.dw1[-1] for net in nets]) == pytest.approx(told.dw1[-1], rel=0.12)


def test_one_matrix_steps_are_2_then_2_45_then_2_904():
    steps = one_matrix_steps(40)
    grown = steps[1:] / steps[:-1]
    assert grown[0] == pytest.approx(2)
    assert grown[1] == pytest.approx(2 + 2 / math.sqrt(2) / math.pi)
    s = max(np.roots([1, -1, -2, 2 - 2 / math.pi]).real)  # (s^2 - 2)(s - 1) = 2 / pi
    assert grown[-1] == pytest.approx(s * s, rel=1e-6) == pytest.approx(2.904, abs=1e-3)
    rng = np.random.default_rng(11)
    mean, error = spread_of([probe("skip, one matrix", 6, rng, width=128) for _ in range(60)], "x2")
    assert (np.abs(mean - steps[:7]) <= 5 * error + 0.02 * steps[:7]).all()
    assert one_matrix_steps(5, 0.0).tolist() == [1.0] * 6


def test_the_plain_law_is_the_gain_squared():
    told = law("plain", 4, 0.5)
    np.testing.assert_allclose(told.x2, 0.25 ** np.arange(5))
    np.testing.assert_allclose(told.delta2, 0.25 ** np.arange(4, -1, -1))
    rng = np.random.default_rng(12)
    for field in ("x2", "delta2", "dw1"):
        mean, error = spread_of([probe("plain", 4, rng, scale=0.5) for _ in range(80)], field)
        expected = getattr(told, field)
        assert (np.abs(mean - expected) <= 5 * error + 0.02 * expected)[1:].all(), field


def test_closed_forms_of_the_laws():
    assert law("skip, W2 at 1/n", 10).x2[-1] == pytest.approx(2**10)
    assert law("skip, He twice", 10).delta2[0] == pytest.approx(3**10)
    assert law("skip, 1/√L", 1000).x2[-1] == pytest.approx(math.e, rel=1e-3)
    assert law("BatchNorm, skip", 7).x2.tolist() == pytest.approx(range(1, 9))
    assert law("LayerNorm, skip", 7).delta2[0] == pytest.approx(8)
    assert abs(RELU_VARIANCE - 0.3408) < 1e-4
    for kind in ("skip, gate 0", "skip, W2 = 0"):
        told = law(kind, 5)
        assert told.x2.tolist() == told.delta2.tolist() == [1.0] * 6
        assert told.dw1[1:].tolist() == [0.0] * 5
    assert law("skip, gate 0", 5).dw2[1:].tolist() == [0.0] * 5
    assert law("skip, W2 = 0", 5).dw2[1:].tolist() == [1.0] * 5
    assert law(Kind(second=3.0), 2).x2[-1] == pytest.approx(16)
    with pytest.raises(ValueError, match="unknown kind"):
        law("skip", 3)
    with pytest.raises(ValueError, match="depth must be at least 1"):
        law("plain", 0)


def test_the_laws_of_norms_written_out():
    """v is 1/2 - 1 / (2 pi) for batch norm and 1/2 for layer norm; the first norm of a plain stream divides by 1."""
    for name, v in (("BatchNorm", 0.5 - 0.5 / math.pi), ("LayerNorm", 0.5)):
        told, r = law(f"{name}, plain", 4, 0.7), 0.5 / v
        np.testing.assert_allclose(told.x2, [1, 0.5, 0.5, 0.5, 0.5], rtol=1e-12)
        np.testing.assert_allclose(told.delta2, [0.5 * r**3, r**3, r**2, r, 1], rtol=1e-12)
        np.testing.assert_allclose(told.dw1[1:], told.delta2[1:] / (4 * 0.49), rtol=1e-12)
        told, r = law(f"{name}, skip", 3, 0.6), 2 * 0.36
        d3, d2 = 1.0, 1 + r / (2 * (1 + 2 * r * v))
        d1 = d2 * (1 + r / (2 * (1 + r * v)))
        np.testing.assert_allclose(told.x2, [1, 1 + r / 2, 1 + r, 1 + 3 * r / 2], rtol=1e-12)
        np.testing.assert_allclose(told.delta2, [d1 * (1 + r / 2), d1, d2, d3], rtol=1e-12)
        np.testing.assert_allclose(told.dw1[1:], [r * d / 4 for d in (d1, d2, d3)], rtol=1e-12)
        passed = (
            0.5 / math.pi if name == "BatchNorm" else 0.0
        )  # the mean of relu, squared: batch norm lets none through
        np.testing.assert_allclose(told.dw2[1:], [0.36 * (d / 2 - (d - 1) * passed) for d in (d1, d2, d3)], rtol=1e-12)


def test_the_laws_of_skips_written_out():
    told, a = law("skip, one matrix", 3, 0.7), 0.7
    q1, m1 = 1 + a**2, a / math.sqrt(math.pi)
    q2 = (1 + a**2) * q1 + 2 * a * m1 * math.sqrt(q1 / math.pi)
    np.testing.assert_allclose(told.x2[:3], [1, q1, q2], rtol=1e-12)
    np.testing.assert_allclose(told.delta2, [q1**3, q1**2, q1, 1], rtol=1e-12)
    np.testing.assert_allclose(told.dw1[1:], a**2 * told.delta2[1:] * told.x2[:-1] / 2, rtol=1e-12)
    assert np.isnan(told.dw2).all()
    with pytest.raises(ValueError, match="scale must be at least 0"):
        law("plain", 3, -1.0)
    told, g = law("skip, He twice", 3, 0.7), 1 + 2 * 0.49
    np.testing.assert_allclose(told.x2, [1, g, g**2, g**3], rtol=1e-12)
    np.testing.assert_allclose(told.delta2, [g**3, g**2, g, 1], rtol=1e-12)
    np.testing.assert_allclose(told.dw1[1:], [0.49 * g**2] * 3, rtol=1e-12)
    np.testing.assert_allclose(told.dw2[1:], [0.49 * g**2] * 3, rtol=1e-12)
    told = law("plain", 3, 0.7)
    np.testing.assert_allclose(told.dw1[1:], [0.49**2 / 2] * 3, rtol=1e-12)
    assert np.isnan(told.dw1[0]) and np.isnan(told.dw2).all()


def test_every_matrix_is_its_draw_times_its_standard_deviation():
    """Stem 1 / inputs, W1 2 / n, W2 second / n, head 1 / n; weight_scale multiplies the blocks' alone."""
    net = ResidualNet("skip, He twice", 1, np.random.default_rng(18), width=6, inputs=3, outputs=2, weight_scale=1.5)
    rng = np.random.default_rng(18)
    for w, shape, std in zip(
        net.W[1:],
        ((6, 3), (6, 6), (6, 6), (2, 6)),
        (math.sqrt(1 / 3), 1.5 * math.sqrt(2 / 6), 1.5 * math.sqrt(2 / 6), math.sqrt(1 / 6)),
        strict=True,
    ):
        np.testing.assert_allclose(w, std * rng.standard_normal(shape), rtol=1e-12)
    for name in ("weight_scale", "scale", "eps"):
        assert ResidualNet("plain", 1, rng, width=2, **{name: 0.0}).width == 2
        with pytest.raises(ValueError, match=f"{name} must be at least 0"):
            ResidualNet("plain", 1, rng, width=2, **{name: -1.0})


def test_biases_of_a_net_with_a_head():
    rng = np.random.default_rng(17)
    net = ResidualNet("skip, He twice", 2, rng, width=4, inputs=3, outputs=2)
    assert [b.tolist() for b in net.b[1:]] == [[]] * 5 + [[0.0, 0.0]]
    dz = rng.standard_normal((2, 5))
    found = net.backward(net.forward(rng.standard_normal((3, 5))), dz).b[1:]
    assert [b.size for b in found] == [0] * 5 + [2]
    np.testing.assert_allclose(found[-1], dz.sum(axis=1), rtol=1e-12)
    assert ResidualNet("plain", 1, rng).W[1].shape == (64, 64)


def test_homogeneous_nets_keep_delta_times_x():
    rng = np.random.default_rng(13)
    for kind in ("plain", "skip, W2 at 1/n", "skip, one matrix"):
        net = ResidualNet(kind, 5, rng, width=20)
        trace = net.forward(rng.standard_normal((20, 4)))
        delta = net.backward(trace, rng.standard_normal((20, 4))).delta
        along = np.array([(d * x).sum(axis=0) for d, x in zip(delta, trace.x, strict=True)])
        np.testing.assert_allclose(along, np.broadcast_to(along[-1], along.shape), rtol=1e-8)


# --- probes and pictures --------------------------------------------------------------------------------------------
def test_a_probe_of_given_draws_moves_smoothly_and_uses_no_random_numbers():
    rng = np.random.default_rng(14)
    draws, (x, dz) = [rng.standard_normal((2, 16, 16)) for _ in range(5)], rng.standard_normal((2, 16, 8))
    one, again = (probe("skip, He twice", 4, x=x, dz=dz, draws=draws) for _ in "ab")
    near = probe("skip, He twice", 4, x=x, dz=dz, draws=draws, scale=1.001)
    for field in ("x2", "delta2", "dw1", "dw2"):
        np.testing.assert_array_equal(getattr(one, field), getattr(again, field))
        np.testing.assert_allclose(getattr(near, field)[1:], getattr(one, field)[1:], rtol=0.03)
    net = ResidualNet("skip, He twice", 4, rng, width=16, draws=draws)
    grads = net.backward(net.forward(x), dz)
    assert one.dw1[2] == pytest.approx(np.mean(net.of("W1", grads.W)[1] ** 2) / 8)
    assert one.x2[0] == pytest.approx(np.mean(x * x))


@every_kind
def test_panels_follow_every_kind_from_end_to_end(kind):
    panels, rng = StreamPanels(12), np.random.default_rng(15)
    for depth, scale in ((1, 0.05), (12, 1.5), (12, 1e-40), (12, 1e40)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            panels.move(probe(kind, depth, rng, width=8, batch=6, scale=scale), law(kind, depth, scale))
        for artist in (*panels.marks, *panels.law):
            assert np.isfinite(artist.get_xydata()).all() and (artist.get_ydata() > 0).all()
    zeros = {"skip, gate 0": "W₁ and W₂: exactly 0", "skip, W2 = 0": "W₁: exactly 0"}
    panels.move(probe(kind, 5, rng, width=8), law(kind, 5))
    assert panels.note.get_text() == zeros.get(kind, "")


def test_compare_draws_each_kind_in_each_panel():
    kinds = ["skip, W2 at 1/n", "skip, gate 0"]
    rng = np.random.default_rng(16)
    fig = compare({k: [probe(k, 5, rng, width=8) for _ in range(3)] for k in kinds}, {k: law(k, 5) for k in kinds})
    assert [len(ax.collections) for ax in fig.axes] == [2, 2, 1]  # no weight gradient behind a gate at 0
    assert [text.get_text() for text in fig.legends[0].get_texts()] == kinds


def test_compare_labels_enough_powers_of_ten():
    rng, kinds = np.random.default_rng(17), ["BatchNorm, plain"]
    fig = compare({k: [probe(k, 50, rng) for _ in range(2)] for k in kinds}, {k: law(k, 50) for k in kinds})
    low, high = fig.axes[0].get_ylim()
    ticks = [t for t in fig.axes[0].get_yticks() if low <= t <= high]
    assert 4 <= len(ticks) <= 7
    np.testing.assert_allclose(np.log10(ticks), np.round(np.log10(ticks)), atol=1e-9)


def test_losses_are_means_of_ten_steps_and_a_lost_run_says_so():
    falling, lost = np.linspace(2, 1, 40), np.array([50.0, 1e6, math.inf])
    fig = loss_panels({"one": {"good": (falling, 0.8)}, "two": {"bad": (lost, 0.0)}}, 4, (6.0, 3.0))
    good, bad = (ax.lines[1] for ax in fig.axes)
    np.testing.assert_allclose(good.get_xdata(), [4.5, 14.5, 24.5, 34.5])
    np.testing.assert_allclose(good.get_ydata(), falling.reshape(4, 10).mean(axis=1))
    assert good.get_label() == f"good: {falling[-20:].mean():.2f}, 80% right"
    assert bad.get_ydata() == [4] and bad.get_label() == "bad: no number"
    assert [len(ax.texts) for ax in fig.axes] == [0, 1]
