"""Chapter 07's pictures: what is drawn is the network's, and what leaves the picture leaves it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from initlab import predict, signal
from initlab.gain_map import (
    FLOOR,
    QS,
    WIDEST,
    GainPanels,
    cobweb,
    growth,
    heat_maps,
    loss_curves,
    map_and_ratio,
    signal_panels,
)


def test_a_path_alternates_between_curve_and_diagonal():
    x, y = cobweb([1.0, 2.0, 4.0])
    assert list(zip(x, y, strict=True)) == [(1, 1), (1, 2), (2, 2), (2, 4), (4, 4)]
    x, y = cobweb([1.0, np.inf, np.nan, 0.0])
    assert np.isfinite(x).all() and (y > 0).all()


def test_growth_of_an_exact_law():
    law = predict([8] * 12, "linear", ("variance_scaling", {"gain": 2.0}))
    np.testing.assert_allclose(growth(law, 10), 4.0)
    found = type("S", (), {"z2": np.stack([law.z2, law.z2 * 9, law.z2]), "delta2": law.delta2[None]})
    np.testing.assert_allclose(growth(found, 10), 4.0)
    np.testing.assert_allclose(growth(found, 10, 4), 4.0)


def test_growth_between_two_layers_is_that_of_these_layers():
    found = type("S", (), {"z2": 2.0 ** np.array([0, 0, 1, 5, 9]), "delta2": 3.0 ** np.array([0, 9, 4, 2, 0])})
    np.testing.assert_allclose(growth(found, 4, 2), (16, 9))
    np.testing.assert_allclose(growth(found, 2), (2, 3**5))


def test_panels_follow_and_survive_nothing_and_everything():
    panels = GainPanels(10)
    for g in (0.0, 1e-30, 1.0, 1e30):
        init = ("variance_scaling", {"gain": g})
        found = signal([8] * 11, "relu", init, rng=np.random.default_rng(0))
        panels.move(QS * g**2 / 2, found, predict([8] * 11, "relu", init))
        for artist in (panels.curve, panels.path, panels.start, *panels.marks):
            assert np.isfinite(artist.get_xydata()).all()


def drawn(g, depth=10, activation="relu", x2=1.0):
    """(panels after a move, the network, its law)."""
    panels, init = GainPanels(depth), ("variance_scaling", {"gain": g})
    x = np.sqrt(x2) * np.random.default_rng(1).standard_normal((8, 64))
    found = signal([8] * (depth + 1), activation, init, x=x, rng=np.random.default_rng(0))
    law = predict([8] * (depth + 1), activation, init, x2=x2)
    panels.move(QS * g**2 / 2, found, law)
    return panels, found, law


def test_the_path_and_the_marks_are_the_networks_and_not_the_laws():
    panels, found, law = drawn(1.4)
    corners = panels.path.get_xydata()
    np.testing.assert_allclose(corners[::2, 0], found.z2[0, 1:])
    np.testing.assert_allclose(panels.start.get_xydata(), [[found.z2[0, 1]] * 2])
    np.testing.assert_allclose(panels.marks[0].get_ydata(), found.z2[0, 1:])
    assert np.abs(np.log(found.z2[0, 1:] / law.z2[1:])).max() > 0.1  # or the lines above could not tell


def test_a_band_that_says_nothing_is_not_drawn_and_what_is_too_small_leaves_the_picture():
    panels, _, law = drawn(1.4)
    low, high = law.band("z2")
    assert (high[1:] < WIDEST * low[1:]).all()
    box = panels.law[0][1].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([box.min(), box.max()], [low[1:].min(), high[1:].max()])
    panels, found, law = drawn(1.4)
    endless = replace(law, log_std={field: 4 * v for field, v in law.log_std.items()})
    panels.move(QS, found, endless)
    low, high = endless.band("z2")
    narrow = high[1:] <= WIDEST * low[1:]
    edge = panels.law[0][1].get_paths()[0].vertices[:, 1]
    assert narrow.any() and not narrow.all()
    np.testing.assert_allclose(edge.max(), max(high[1:][narrow].max(), law.z2[1:].max()))
    panels, found, _ = drawn(0.01)
    assert found.z2[0, -1] < FLOOR / 1e3
    assert panels.right.get_ylim()[0] >= FLOOR / 1e8 and panels.marks[0].get_ydata()[-1] < panels.right.get_ylim()[0]


def test_still_pictures_hold_what_they_are_given():
    fig = map_and_ratio([[0.3, 0.5, 1.0], [3.0, 1.0, 1.0]], {"a": QS**0.5, "b": QS, "c": QS**1.2})
    left, right = fig.axes
    np.testing.assert_allclose(left.lines[1].get_ydata(), QS**0.5)
    np.testing.assert_allclose(right.lines[3].get_ydata(), QS**0.2)
    init = ("variance_scaling", {"gain": 1.4})
    s, law = signal([8] * 11, "relu", init, rng=np.random.default_rng(0)), predict([8] * 11, "relu", init)
    fig = signal_panels({"relu": s, "two": s}, {"relu": law, "two": law}, 1e-3, 1e3)
    assert fig.axes[0].get_ylim() == (1e-3, 1e3)
    np.testing.assert_allclose(fig.axes[1].lines[3].get_ydata(), s.delta2[0, 2::2])
    fig = loss_curves({"a": ([1.0] * 40, "k", "o"), "b": ([9.0] * 15, "r", "s")}, 4)
    assert [t.get_text() for t in fig.axes[0].texts] == ["guessing: ln 10", "a", "b"]
    assert [len(line.get_xdata()) for line in fig.axes[0].lines[1:]] == [4, 0, 0, 2]


def test_heat_maps_say_every_number():
    fig = heat_maps([np.array([[0.01, 1.0], [5.0, 0.5]])] * 2, ["a", "b"], ["c", "d"], ["left", "right"])
    assert [t.get_text() for t in fig.axes[0].texts] == ["0.01", "1.00", "5.00", "0.50"]


def test_the_growth_of_nothing_is_no_number_and_no_warning():
    still = SimpleNamespace(z2=np.array([np.nan, 0.0, 0.0]), delta2=np.array([np.nan, 1.0, 0.0]))
    forward, backward = growth(still, 2)
    assert np.isnan(forward) and backward == np.inf
