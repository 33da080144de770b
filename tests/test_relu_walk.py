"""Random ReLU networks at one input: the law of their lengths and the networks drawn from it, against matrices."""

import math
from statistics import NormalDist

import numpy as np
import pytest

import initlab
from initlab.relu_walk import FIELDS, ReluWalks, WalkLaw, WalkPanels, log_step


@pytest.mark.parametrize("width", [1, 2, 3, 6, 25])
def test_log_step_is_the_mean_and_variance_of_what_it_says(width):
    rng = np.random.default_rng(width)
    on = rng.binomial(width, 0.5, 400_000)
    steps = np.log(2 * rng.chisquare(on[on > 0]) / width)
    mean, variance, off = log_step(width)
    assert mean == pytest.approx(steps.mean(), abs=5 * math.sqrt(variance / steps.size))
    fourth = np.mean((steps - steps.mean()) ** 4)
    assert variance == pytest.approx(steps.var(), abs=5 * math.sqrt((fourth - variance**2) / steps.size))
    assert off == pytest.approx(np.mean(on == 0), abs=5 * math.sqrt(off / on.size))


def test_log_step_of_wide_layers_is_the_first_order():
    mean, variance, off = log_step(800)
    assert mean == pytest.approx(-2.5 / 800, rel=0.02)
    assert variance == pytest.approx(5 / 800, rel=0.02)
    assert off < 1e-200


def real(width, depth, nets, seed):
    """The same fields from drawn matrices, each divided by where it starts."""
    s = initlab.signal([width] * (depth + 1), "relu", "he_normal", batch=1, nets=nets, rng=np.random.default_rng(seed))
    start, end = s.a2[:, :1], s.delta2[:, -1:]
    return s.a2 / start, s.delta2 / end, s.dw2 / (start * end)


@pytest.mark.parametrize("width", [6, 24])
def test_walks_are_distributed_as_networks_are(width):
    """Means, standard deviations and correlations of the logs, over layers and between forward and backward."""
    depth, nets = 6, 2000
    drawn = ReluWalks((4, 6, 24), depth, nets=4 * nets, seed=1)(width, depth)
    columns = {"a2": slice(1, depth), "delta2": slice(1, depth), "dw2": slice(1, depth + 1)}
    measured = np.hstack([field[:, c] for field, c in zip(real(width, depth, nets, 2), columns.values(), strict=True)])
    exact = np.hstack([getattr(drawn, f)[:, c] for f, c in columns.items()])
    dead = [np.mean((v == 0).any(axis=1)) for v in (measured, exact)]
    assert dead[0] == pytest.approx(dead[1], abs=5 * math.sqrt(max(dead[1], 1 / nets) / nets))
    measured, exact = (np.log(v[(v > 0).all(axis=1)]) for v in (measured, exact))
    error = np.sqrt(exact.var(axis=0) * (1 / len(measured) + 1 / len(exact)))
    assert np.all(np.abs(measured.mean(axis=0) - exact.mean(axis=0)) < 5 * error)
    assert measured.std(axis=0) == pytest.approx(exact.std(axis=0), rel=0.1)
    assert np.corrcoef(measured.T) == pytest.approx(np.corrcoef(exact.T), abs=0.1)


@pytest.mark.parametrize("gain", [2**0.5, 1.3])
def test_law_of_the_walks(gain):
    width, depth, nets = 12, 9, 20_000
    drawn, law = ReluWalks((12,), depth, nets=nets, seed=3)(width, depth, gain), WalkLaw(width, depth, gain)
    for field in FIELDS:
        kept = slice(0, depth) if field == "a2" else slice(1, depth + 1)
        values = getattr(drawn, field)[:, kept]
        spread = np.sqrt(np.exp(law.steps[field][kept] * math.log1p(5 / width)) - 1) / math.sqrt(nets)
        assert np.all(np.abs(values.mean(axis=0) / law.mean(field)[kept] - 1) <= 8 * spread + 1e-12)
        low, high = law.band(field)
        inside = np.mean((values >= low[kept]) & (values <= high[kept]), axis=0)
        assert np.all(inside > 0.93)
        assert np.all(low <= law.median(field)) and np.all(law.median(field) <= high)
    last = drawn.a2[:, depth - 1]
    assert law.below_one == pytest.approx(np.mean(last < 1), abs=0.03)
    assert law.dead == pytest.approx(np.mean(last == 0), abs=5 * math.sqrt(law.dead / nets))


def test_the_law_in_numbers():
    """Width 2 dies with 1/4 a layer; the sum of many steps is normal; the band is two standard deviations of it."""
    assert WalkLaw(2, 9).dead == pytest.approx(1 - 0.75**8, rel=1e-12) and WalkLaw(2, 1).dead == 0
    np.testing.assert_allclose(WalkLaw(5, 3).mean("a2"), 1.0, rtol=1e-12)  # the gain is He's unless told
    for width, depth, gain in ((50, 41, 2**0.5), (4, 9, 1.5), (7, 1, 2.0)):
        law, taken = WalkLaw(width, depth, gain), depth - 1
        mean, variance, off = log_step(width)
        drift, alive = mean + math.log(gain**2 / 2), (1 - off) ** taken
        ends = NormalDist(drift * taken, math.sqrt(variance * max(taken, 1)))
        assert law.below_one == pytest.approx(1 - alive + alive * ends.cdf(0), rel=1e-6)
        for field, steps in (
            ("a2", range(depth + 1)),
            ("delta2", range(depth, -1, -1)),
            ("dw2", [taken] * (depth + 1)),
        ):
            steps = np.array(steps, dtype=float)
            np.testing.assert_allclose(np.log(law.median(field)), drift * steps, rtol=1e-9, atol=1e-12)
            for side, edge in zip((-1, 1), law.band(field, 3.0), strict=True):
                reach = side * 3.0 * np.sqrt(steps * variance)
                np.testing.assert_allclose(np.log(edge / law.median(field)), reach, rtol=1e-9, atol=1e-12)


def test_networks_without_weights_are_dead():
    walks = ReluWalks((4,), 5, nets=3)(4, 5, 0.0)
    assert np.all(walks.a2[:, 1:5] == 0) and np.all(walks.dw2[:, 1:] == 0)


def test_dead_networks_have_no_gradient():
    drawn = ReluWalks((3,), 12, nets=500, seed=4)(3, 12)
    dead = drawn.a2[:, 11] == 0
    assert dead.mean() == pytest.approx(1 - (1 - 2**-3) ** 11, abs=0.1)
    assert np.all(drawn.dw2[dead, 1:] == 0) and np.all(drawn.delta2[dead, 1:12] == 0)
    assert np.all(drawn.dw2[~dead, 1:] > 0)


def test_gain_scales_and_depth_cuts_the_same_networks():
    many = ReluWalks((5, 20), 30, nets=7, seed=5)
    small, large = many(20, 10, 1.0), many(20, 10, 1.5)
    assert large.a2[:, 4] == pytest.approx(small.a2[:, 4] * 1.5**8)
    assert large.dw2[:, 3] == pytest.approx(small.dw2[:, 3] * 1.5**18)
    assert many(20, 30).a2[:, :9] == pytest.approx(many(20, 9).a2[:, :9])
    assert many(5, 1).delta2[:, 1] == pytest.approx(1.0)


def test_panels_follow():
    panels, many = WalkPanels(20), ReluWalks((5, 50), 20, nets=30)
    panels.move(many(50, 20), WalkLaw(50, 20))
    first = panels.lines[1].get_xydata().copy()
    panels.move(many(5, 20, 1.2), WalkLaw(5, 20, 1.2))
    assert not np.array_equal(first, panels.lines[1].get_xydata(), equal_nan=True)
    assert panels.medians[0].get_ydata()[0] == 1.0
    assert panels.axes[0].get_ylim()[0] < WalkLaw(5, 20, 1.2).band("a2")[0][19]


def test_errors_say_what_is_allowed():
    with pytest.raises(ValueError, match="widths must be rising"):
        ReluWalks((5, 4), 3)
    with pytest.raises(ValueError, match="one of 5, 10"):
        ReluWalks((5, 10), 3)(7, 3)
    with pytest.raises(ValueError, match="depth must be at most 3"):
        ReluWalks((5,), 3)(5, 4)
    with pytest.raises(ValueError, match="width must be at least 1"):
        log_step(0)
    with pytest.raises(ValueError, match=r"gain must be greater than 0.0, got 0"):
        WalkLaw(5, 3, 0.0)
    with pytest.raises(ValueError, match=r"gain must be at least 0.0, got -1"):
        ReluWalks((5,), 3)(5, 3, -1)
    with pytest.raises(ValueError, match="unknown field"):
        WalkLaw(5, 3).mean("z2")
