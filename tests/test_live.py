"""Live pictures without a browser: marks against matplotlib's own transforms, controls, errors, messages, outputs."""

import base64
import collections
import gc
import html
import io
import re
import sys
import threading
import types
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import pytest
from ipywidgets import fixed
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.spines import Spine
from matplotlib.text import Text
from matplotlib.ticker import NullLocator
from PIL import Image

from initlab import _frame, _output, live
from initlab._svg import FAR, MARGIN

pytestmark = pytest.mark.usefixtures("frozen")

HALF = 0.06  # coordinates are printed to one decimal
POINT = 100 / 72  # pixels in a point at the figures' 100 dpi


# --- helpers ----------------------------------------------------------------------------------------------------
def axes(*, size=(4, 3), dpi=100, xlim=(0, 10), ylim=(0, 10), ticks=False, **options):
    """A figure with one axes; without ticks, whose drawing takes longer than all else, where a test needs none."""
    fig = Figure(figsize=size, dpi=dpi)
    ax = fig.add_subplot(xlim=xlim, ylim=ylim, **options)
    for axis in () if ticks else (ax.xaxis, ax.yaxis):
        axis.set_major_locator(NullLocator())
        axis.set_minor_locator(NullLocator())
    return fig, ax


def picture_of(fig, *moving, update=lambda: ""):
    picture = live.Picture(fig, moving, update)
    picture.set()
    return picture


def svg(picture):
    """The overlay as parsed XML: it must be well formed, and print no number that is none."""
    text = picture.svg()
    assert not re.search(r"nan|inf|None", re.sub(r'(href|aria-label)="[^"]*"', "", text))
    return ET.fromstring(text)


def paths(picture):
    return list(svg(picture).iter("path"))


NUMBERS = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def numbers(text):
    return [float(v) for v in NUMBERS.findall(text)]


def pieces(element):
    """The runs of points of a path made of absolute M and L."""
    d = element.get("d")
    assert set(re.sub(r"[-\d., ]", "", d)) <= set("MLZ"), d
    return [np.array(numbers(piece)).reshape(-1, 2) for piece in d.split("M")[1:]]


def points(element):
    (piece,) = pieces(element)
    return piece


def written(root, color):
    """The points of each word's outlines in a colour: a path, moved to where its group stands."""
    for group in root.iter("g"):
        for path in drawn_with(group, color, "fill"):
            yield np.array(numbers(path.get("d"))).reshape(-1, 2) + numbers(group.get("transform"))


def on_page(ax, x, y):
    """Where data points must be in the SVG: matplotlib's transform, y down."""
    out = ax.transData.transform(np.column_stack((x, y)))
    return np.column_stack((out[:, 0], ax.figure.bbox.height - out[:, 1]))


def close(a, b, within=HALF):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape, (a, b)
    np.testing.assert_allclose(a, b, rtol=0, atol=within)


# --- lines ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scale", ["linear", "log", "symlog"])
@pytest.mark.parametrize("dpi", [72, 100, 150])
def test_line_points_are_where_matplotlib_puts_them(scale, dpi):
    fig, ax = axes(dpi=dpi, xlim=(1, 40), ylim=(1e-3, 1e4), yscale=scale)
    x = np.arange(1, 40)
    y = 10 ** np.random.default_rng(0).uniform(-3, 4, len(x))
    (line,) = ax.plot(x, y)
    close(points(paths(picture_of(fig, line))[0]), on_page(ax, x, y))


@pytest.mark.parametrize(
    "style, corners",
    [
        ("steps-pre", [(1, 2), (1, 5), (2, 5), (2, 3), (4, 3)]),
        ("steps-post", [(1, 2), (2, 2), (2, 5), (4, 5), (4, 3)]),
        ("steps-mid", [(1, 2), (1.5, 2), (1.5, 5), (3, 5), (3, 3), (4, 3)]),
    ],
)
def test_steps(style, corners):
    fig, ax = axes()
    (line,) = ax.plot([1, 2, 4], [2, 5, 3], drawstyle=style)
    close(points(paths(picture_of(fig, line))[0]), on_page(ax, *np.array(corners, dtype=float).T))


@pytest.mark.parametrize("hole", [np.nan, np.ma.masked])
def test_a_gap_stays_a_gap(hole):
    fig, ax = axes()
    y = np.ma.array([1.0, 2, 3, 4, 5])
    y[2] = hole
    (line,) = ax.plot(range(5), y, marker="s")
    drawn, markers = paths(picture_of(fig, line))
    left, right = pieces(drawn)
    close(left, on_page(ax, [0, 1], [1, 2]))
    close(right, on_page(ax, [3, 4], [4, 5]))
    assert markers.get("d").count("M") == 4


def test_a_line_of_nothing_but_gaps_draws_nothing():
    fig, ax = axes()
    (line,) = ax.plot([0, 1], [np.nan, np.nan], marker="o")
    assert "".join(path.get("d") for path in paths(picture_of(fig, line))) == ""
    line.set_data([], [])
    assert "".join(path.get("d") for path in paths(picture_of(fig, line))) == ""


def crossing(start, end, y):
    """The x at which the straight line from start to end has this y."""
    return start[0] + (end[0] - start[0]) * (start[1] - y) / (start[1] - end[1])


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("far, edge", [(np.inf, 1), (-np.inf, -1), (1e300, 1)])
def test_a_line_to_infinity_leaves_the_picture(scale, far, edge):
    fig, ax = axes(ylim=(1e-3, 1e3), yscale=scale)
    (line,) = ax.plot([1, 4, 7], [1, far, 1])
    left, right = pieces(paths(picture_of(fig, line))[0])  # up, and down again
    beyond = -MARGIN if edge > 0 else fig.bbox.height + MARGIN
    start, middle, end = on_page(ax, [1, 4, 7], [1, min(max(far, 1e-300), 1e300), 1])
    close(left[0], start)
    close(right[-1], end)
    for cut, finite in ((left[-1], start), (right[0], end)):
        close(cut[1], beyond, within=1.1)  # far enough outside for round ends not to be seen
        close(cut[0], finite[0] if np.isinf(far) else crossing(finite, middle, cut[1]), within=0.5)


def test_zero_on_a_log_axis_goes_down_and_out():
    fig, ax = axes(ylim=(1e-3, 1e3), yscale="log")
    (line,) = ax.plot([1, 4], [1, 0])
    start, end = points(paths(picture_of(fig, line))[0])
    close(start, on_page(ax, [1], [1])[0])
    close(end, (start[0], fig.bbox.height + MARGIN), within=1.1)


def test_infinity_in_a_marker_or_a_band_is_not_printed():
    fig, ax = axes(ylim=(1e-3, 1e3), yscale="log")
    (line,) = ax.plot([1, 2, 3], [1, np.inf, 0], marker="o", linestyle="none")
    band = ax.fill_between([1, 2, 3], [0, 1, 1e-300], [1, 1e300, 1e308])
    text = "".join(path.get("d") for path in paths(picture_of(fig, line, band)))
    assert np.abs(numbers(text)).max() <= FAR + fig.bbox.height


def test_a_far_point_does_not_bend_what_is_seen():
    """A finite point far outside: the line still crosses the edge where the straight line does."""
    fig, ax = axes(ylim=(0, 10))
    (line,) = ax.plot([0, 10], [0, 5000])
    start, cut = points(paths(picture_of(fig, line))[0])
    near, far = on_page(ax, [0, 10], [0, 5000])
    close(start, near)
    close(cut, (crossing(near, far, cut[1]), -MARGIN), within=1.1)
    assert abs(cut[0] - crossing(near, far, cut[1])) < 0.15


def test_a_long_line_is_thinned_but_not_moved():
    fig, ax = axes(xlim=(0, 1), ylim=(-1, 1))
    x = np.linspace(0, 1, 20_000)
    (line,) = ax.plot(x, np.sin(40 * x))
    drawn = points(paths(picture_of(fig, line))[0])
    assert 100 < len(drawn) < 5000
    exact = on_page(ax, x, np.sin(40 * x))
    nearest = np.abs(np.interp(drawn[:, 0], exact[:, 0], exact[:, 1]) - drawn[:, 1])
    assert nearest.max() < 1.0


# --- markers ----------------------------------------------------------------------------------------------------
def outline(d):
    """Corner points of a marker's relative commands, the first as an offset from the place where it stands."""
    steps = np.array(numbers(d.replace("m", " "))).reshape(-1, 2)
    return np.cumsum(steps, axis=0)


@pytest.mark.parametrize("size", [3, 4.5, 9])
@pytest.mark.parametrize("marker, ends", [("o", "round"), ("s", "square")])
def test_dots_of_one_colour_are_the_ends_of_lines_of_no_length(marker, ends, size):
    """Their width is the marker's and half its edge's on either side."""
    fig, ax = axes()
    x, y = [1, 2, 3], [4, 9, 2]
    edged = ax.plot(x, y, marker, color="#112233", markersize=size, markeredgewidth=1.5)
    bare = ax.plot(x, y, marker, color="#112233", markersize=size, markeredgecolor="none")
    for (line,), edge in ((edged, 1.5), (bare, 0)):
        (element,) = paths(picture_of(fig, line))
        assert (element.get("stroke"), element.get("stroke-linecap")) == ("#112233", ends)
        assert float(element.get("stroke-width")) == pytest.approx((size + edge) * POINT, rel=1e-3)
        marks = element.get("d").split("M")[1:]
        assert all(mark.endswith("h0") for mark in marks)
        close([numbers(mark)[:2] for mark in marks], on_page(ax, x, y))


@pytest.mark.parametrize("size", [3, 4.5, 9])
def test_round_markers_with_an_edge_are_two_arcs(size):
    fig, ax = axes()
    x, y = [1, 2, 3], [4, 9, 2]
    (line,) = ax.plot(x, y, "o", markersize=size, markeredgecolor="white")
    marks = [element.get("d").removeprefix("M") for element in paths(picture_of(fig, line))]
    close([numbers(mark)[:2] for mark in marks], on_page(ax, x, y))
    radius = size / 2 * POINT
    for mark in marks:
        left, *arcs = mark.split("m")[1].split("a")
        close(numbers(left), (-radius, 0))
        assert len(arcs) == 2
        assert mark.count("m") == 1 and mark.endswith("z")
        for arc, there in zip(arcs, (2 * radius, -2 * radius), strict=True):
            close(numbers(arc), [radius, radius, 0, 1, 0, there, 0])


@pytest.mark.parametrize(
    "marker, corners",
    [
        ("s", [(-1, -1), (1, -1), (1, 1), (-1, 1)]),
        ("D", [(0, -(2**0.5)), (2**0.5, 0), (0, 2**0.5), (-(2**0.5), 0)]),
        ("^", [(0, 1), (-1, -1), (1, -1)]),
        ("v", [(0, -1), (1, 1), (-1, 1)]),
    ],
)
def test_marker_corners(marker, corners):
    """Against the shapes that matplotlib documents, in half marker sizes, y up."""
    fig, ax = axes()
    (line,) = ax.plot([5], [5], marker=marker, linestyle="none", markersize=12, markeredgecolor="white")
    line.set_data([2, 5], [3, 5])
    mark, other = (element.get("d").removeprefix("M") for element in paths(picture_of(fig, line)))
    place, shape = mark.split("m", 1)
    assert shape == other.split("m", 1)[1]
    close(numbers(place), on_page(ax, [2], [3])[0])
    found = outline(shape)
    expected = np.array(corners, dtype=float) * 6 * POINT * (1, -1)
    assert len(found) == len(expected)
    for corner in expected:
        assert np.hypot(*(found - corner).T).min() < HALF


def test_open_and_translucent_markers_are_drawn_one_by_one():
    fig, ax = axes()
    (plain,) = ax.plot([1, 2, 3], [1, 2, 3], "s")
    (edged,) = ax.plot([1, 2, 3], [3, 2, 1], "s", markeredgecolor="white", markerfacecolor="#112233")
    (pale,) = ax.plot([1, 2, 3], [5, 6, 7], "s", alpha=0.5)
    (empty,) = ax.plot([1, 2, 3], [8, 8, 8], "s", fillstyle="none", color="#445566")
    assert [len(paths(picture_of(fig, line))) for line in (plain, edged, pale, empty)] == [1, 3, 3, 1]
    first = paths(picture_of(fig, edged))[0]
    assert (first.get("fill"), first.get("stroke")) == ("#112233", "#ffffff")
    first = paths(picture_of(fig, pale))[0]
    assert first.get("fill-opacity") == first.get("stroke-opacity") == "0.5"
    first = paths(picture_of(fig, empty))[0]
    assert (first.get("fill"), first.get("stroke")) == ("none", "#445566")


def test_markevery():
    fig, ax = axes()
    (line,) = ax.plot(range(9), range(9), "s", markevery=(1, 3))
    marks = paths(picture_of(fig, line))[0].get("d").split("M")[1:]
    close([numbers(mark)[:2] for mark in marks], on_page(ax, [1, 4, 7], [1, 4, 7]))


# --- areas, collections, images, text ---------------------------------------------------------------------------
def test_a_band_goes_along_its_lower_edge_and_back_along_its_upper():
    fig, ax = axes(ylim=(1e-2, 1e2), yscale="log")
    x, low, high = np.arange(6), np.full(6, 0.1), 10.0 ** np.linspace(0, 1.5, 6)
    band = ax.fill_between(x, low, high, color="#123456", alpha=0.25, linewidth=0)
    (element,) = paths(picture_of(fig, band))
    drawn = points(element)
    for corner in np.vstack((on_page(ax, x, low), on_page(ax, x, high))):
        assert np.abs(drawn - corner).max(axis=1).min() < HALF
    assert element.get("d").endswith("Z")
    assert (element.get("fill"), element.get("fill-opacity"), element.get("stroke")) == ("#123456", "0.25", None)
    band.set_data(x, low, high / 2)
    close(points(paths(picture_of(fig, band))[0])[:, 1].min(), on_page(ax, [5], high[-1:] / 2)[0, 1])


def test_a_band_without_a_face_and_an_empty_band():
    fig, ax = axes()
    band = ax.fill_between([1, 2], [1, 1], [2, 2], facecolor="none", edgecolor="#ff0000")
    empty = ax.fill_between([1, 2], [1, 1], [2, 2], where=[False, False])
    (element,) = paths(picture_of(fig, band, empty))
    assert (element.get("fill"), element.get("stroke")) == ("none", "#ff0000")


def test_patches():
    fig, ax = axes()
    box = ax.add_patch(Rectangle((2, 3), 4, 5, facecolor="#00ff00", edgecolor="#0000ff", linewidth=2, alpha=0.5))
    disc = ax.add_patch(Circle((5, 5), 2, fill=False))
    rectangle, circle = paths(picture_of(fig, box, disc))
    close(points(rectangle)[:4], on_page(ax, [2, 6, 6, 2], [3, 3, 8, 8]))
    assert (rectangle.get("fill"), rectangle.get("fill-opacity")) == ("#00ff00", "0.5")
    assert (rectangle.get("stroke"), rectangle.get("stroke-opacity")) == ("#0000ff", "0.5")
    close(float(rectangle.get("stroke-width")), 2 * POINT)
    assert circle.get("fill") == "none" and "C" in circle.get("d")
    ends = np.array(numbers(circle.get("d"))).reshape(-1, 2)[::3]  # on the ellipse; between them, control points
    a, b = (on_page(ax, [7], [5]) - on_page(ax, [5], [5]))[0, 0], (on_page(ax, [5], [5]) - on_page(ax, [5], [7]))[0, 1]
    radii = np.hypot(*((ends - on_page(ax, [5], [5])) / (a, b)).T)
    close(radii, np.ones(len(radii)), within=0.003)


def test_an_area_keeps_its_corners_outside_the_picture():
    """A line may be cut there; an area would change its shape."""
    fig, ax = axes()
    tall = ax.add_patch(Rectangle((2, -90), 4, 180))
    band = ax.fill_between([-50, 60], [1, 1], [2, 90])
    first, second = paths(picture_of(fig, tall, band))
    close(points(first)[:4], on_page(ax, [2, 6, 6, 2], [-90, -90, 90, 90]), within=0.2)
    for corner in on_page(ax, [-50, 60, 60, -50], [1, 1, 90, 2]):
        assert np.abs(points(second) - corner).max(axis=1).min() < 0.2


def test_bars_and_stairs_are_patches():
    fig, ax = axes()
    bars = ax.bar([1, 2], [3, 4], width=1)
    steps = ax.stairs([1, 3, 2], [0, 1, 2, 3], baseline=None)
    first, second, stairs = paths(picture_of(fig, *bars, steps))
    close(points(second)[:4], on_page(ax, [1.5, 2.5, 2.5, 1.5], [0, 0, 4, 4]))
    assert len(points(first))
    corners = points(stairs)
    corners = corners[np.append(True, np.abs(np.diff(corners, axis=0)).sum(axis=1) > 0)]  # each once
    close(corners, on_page(ax, [0, 1, 1, 2, 2, 3], [1, 1, 3, 3, 2, 2]))


def test_scatter_has_each_dot_in_its_colour_and_size():
    fig, ax = axes()
    dots = ax.scatter([1, 2, 3], [4, 5, 6], s=[16, 36, 64], c=["#ff0000", "#00ff00", "#0000ff"])
    drawn = paths(picture_of(fig, dots))
    assert [path.get("fill") for path in drawn] == ["#ff0000", "#00ff00", "#0000ff"]
    for path, place, side in zip(drawn, on_page(ax, [1, 2, 3], [4, 5, 6]), (4, 6, 8), strict=True):
        close(dot(path), (*place, side / 2 * POINT))
    dots.set_offsets([[1, 4], [2, 5], [9, 9]])
    close(dot(paths(picture_of(fig, dots))[2])[:2], on_page(ax, [9], [9])[0])
    squares = ax.scatter([1, 2], [4, 5], s=100, marker="s", c=["#ff0000", "#00ff00"])
    corners = points(paths(picture_of(fig, squares))[1])
    close((corners.min(axis=0) + corners.max(axis=0)) / 2, on_page(ax, [2], [5])[0])
    close(np.ptp(corners, axis=0), [10 * POINT] * 2, within=0.11)


def dot(path):
    """(x, y, radius) of a circle made of two arcs."""
    x, y, left, down, *arc = numbers(path.get("d"))
    assert [arc[k] for k in (2, 3, 4, 6, 9, 10, 11, 13)] == [0, 1, 0, 0, 0, 1, 0, 0] and down == 0
    close([arc[k] for k in (0, 1, 5, 7, 8, 12)], np.array([1, 1, 2, 1, 1, -2]) * -left)
    return x, y, -left


def test_segments_have_each_its_own_colour_and_width():
    fig, ax = axes()
    lines = LineCollection(
        [[(1, 1), (2, 3)], [(4, 4), (5, 9), (6, 4)]], colors=["#ff0000", "#0000ff"], linewidths=[1, 3]
    )
    ax.add_collection(lines)
    first, second = paths(picture_of(fig, lines))
    close(points(first), on_page(ax, [1, 2], [1, 3]))
    close(points(second), on_page(ax, [4, 5, 6], [4, 9, 4]))
    assert (first.get("stroke"), second.get("stroke")) == ("#ff0000", "#0000ff")
    close([float(p.get("stroke-width")) for p in (first, second)], [POINT, 3 * POINT])


def pixels_of(element):
    data = element.get("href").removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize("origin", ["upper", "lower"])
def test_an_image_unsmoothed_is_sent_as_it_is(origin):
    fig, ax = axes(xlim=(0, 10), ylim=(0, 10))
    colours = np.zeros((2, 3, 3), dtype=np.uint8)
    colours[0, 0], colours[1, 2] = (255, 0, 0), (0, 0, 255)
    image = ax.imshow(colours, extent=(2, 8, 1, 9), interpolation="none", origin=origin, aspect="auto")
    ax.set(xlim=(0, 10), ylim=(0, 10))
    (element,) = svg(picture_of(fig, image)).iter("image")
    sent = pixels_of(element)
    assert sent.shape == (2, 3, 3)
    a, b, c, d, e, f = numbers(element.get("transform"))
    where = {tuple(sent[row, column]): (column + 0.5, row + 0.5) for row in range(2) for column in range(3)}
    for colour, x, y in (
        ((255, 0, 0), 3, 7 if origin == "upper" else 3),
        ((0, 0, 255), 7, 3 if origin == "upper" else 7),
    ):
        u, v = where[colour]
        close((a * u + c * v + e, b * u + d * v + f), on_page(ax, [x], [y])[0], within=0.5)


def test_an_image_smoothed_covers_its_extent():
    fig, ax = axes()
    image = ax.imshow(np.arange(16.0).reshape(4, 4), extent=(2, 8, 1, 9), aspect="auto", cmap="gray")
    ax.set(xlim=(0, 10), ylim=(0, 10))
    (element,) = svg(picture_of(fig, image)).iter("image")
    x, y, w, h = (float(element.get(name)) for name in ("x", "y", "width", "height"))
    (left, top), (right, bottom) = on_page(ax, [2, 8], [9, 1])
    close((x, y, x + w, y + h), (left, top, right, bottom), within=1.01)
    sent = pixels_of(element)[..., 0].astype(float)
    assert sent[2, 2] < 10 and sent[-3, -3] > 245 and sent[2, -3] < sent[-3, 2]  # dark above, light below


@pytest.mark.parametrize("words", ["E[a] = 5", r"$\xi = \frac{1}{2}$", "two\nlines", "<b>&\"'"])
@pytest.mark.parametrize(
    "ha, va, rotation",
    [("left", "bottom", 0), ("right", "top", 30), ("center", "center", 90), ("left", "baseline", 30)],
)
def test_text_fills_the_box_that_matplotlib_gives_it(words, rotation, ha, va):
    fig, ax = axes()
    text = ax.text(5, 5, words, rotation=rotation, ha=ha, va=va, color="#0072b2", fontsize=14)
    drawn = paths(picture_of(fig, text))
    assert {path.get("fill") for path in drawn} == {"#0072b2"}
    ink = np.vstack(list(written(svg(picture_of(fig, text)), "#0072b2")))
    ink[:, 1] = fig.bbox.height - ink[:, 1]
    box = text.get_window_extent(FigureCanvasAgg(fig).get_renderer())
    assert (ink.min(axis=0) > box.min - 2).all() and (ink.max(axis=0) < box.max + 2).all()
    ink_size, box_size = np.ptp(ink, axis=0), box.max - box.min
    assert (ink_size > 0.55 * box_size).all()
    picture = picture_of(fig, text)
    text.set_text("")
    assert paths(picture) == []


def test_text_alpha_and_an_annotation_with_its_arrow():
    fig, ax = axes()
    pale = ax.text(1, 1, "x", alpha=0.4)
    note = ax.annotate("here", (8, 8), (2, 5), arrowprops={"arrowstyle": "->", "color": "#ff0000"})
    drawn = paths(picture_of(fig, pale, note))
    assert drawn[0].get("fill-opacity") == "0.4"
    assert any(path.get("stroke") == "#ff0000" for path in drawn)


def test_an_artist_of_the_figure_needs_no_axes():
    fig, ax = axes()
    label = fig.text(0.5, 0.5, "all")
    root = svg(picture_of(fig, label, ax.plot([1, 2], [1, 2])[0]))
    assert [child.tag for child in root] == ["svg", "g"]  # in its axes' clip box, and free


# --- looks ------------------------------------------------------------------------------------------------------
def test_marks_are_cut_at_their_axes():
    fig = Figure(figsize=(6, 3))
    left, right = fig.subplots(1, 2)
    inside, free = left.plot([0, 1], [0, 1])[0], left.plot([0, 1], [1, 0], clip_on=False)[0]
    other = right.plot([0, 1], [0, 1])[0]
    root = svg(picture_of(fig, inside, free, other))
    assert [child.tag for child in root] == ["svg", "path", "svg"]
    for box, ax in ((root[0], left), (root[2], right)):
        place = [float(box.get(name)) for name in ("x", "y", "width", "height")]
        close(place, (ax.bbox.x0, fig.bbox.height - ax.bbox.y1, ax.bbox.width, ax.bbox.height))
        assert box.get("viewBox").split() == [box.get(name) for name in ("x", "y", "width", "height")]
        assert box.get("overflow") is None  # nested pictures hide what leaves them
    assert numbers(root.get("viewBox")) == [0, 0, 600, 300]


@pytest.mark.parametrize("width", [1, 2.5])
@pytest.mark.parametrize(
    "style, setting", [("--", "lines.dashed_pattern"), ("-.", "lines.dashdot_pattern"), (":", "lines.dotted_pattern")]
)
def test_dashes_are_matplotlibs(style, setting, width):
    fig, ax = axes()
    (line,) = ax.plot([0, 1], [0, 1], linestyle=style, linewidth=width)
    (element,) = paths(picture_of(fig, line))
    close(numbers(element.get("stroke-dasharray")), np.array(mpl.rcParams[setting]) * width * POINT, within=0.02)


def test_dashes_of_ones_own_and_a_solid_line():
    fig, ax = axes()
    (line,) = ax.plot([0, 1], [0, 1], linestyle=(2, (5, 1)), linewidth=1)
    (solid,) = ax.plot([0, 1], [0, 1], linewidth=1)
    element, plain = paths(picture_of(fig, line, solid))
    close(numbers(element.get("stroke-dasharray")), np.array([5, 1]) * POINT, within=0.01)
    close(float(element.get("stroke-dashoffset")), 2 * POINT, within=0.01)
    assert plain.get("stroke-dasharray") is None


@pytest.mark.parametrize(
    "given, alpha, colour, opacity",
    [
        ("#d55e00", None, "#d55e00", None),
        ("#d55e00", 0.3, "#d55e00", "0.3"),
        ((0, 0.4470588, 0.6980392, 0.5), None, "#0072b2", "0.5"),
        ("white", 1.0, "#ffffff", None),
    ],
)
def test_colours(given, alpha, colour, opacity):
    fig, ax = axes()
    (line,) = ax.plot([0, 1], [0, 1], color=given, alpha=alpha, linewidth=3)
    (element,) = paths(picture_of(fig, line))
    assert (element.get("stroke"), element.get("stroke-opacity"), element.get("fill")) == (colour, opacity, "none")
    close(float(element.get("stroke-width")), 3 * POINT)


def test_higher_zorder_lies_above_and_hidden_artists_are_not_drawn():
    fig, ax = axes()
    (above,) = ax.plot([0, 1], [0, 1], color="#ff0000", zorder=4)
    (below,) = ax.plot([0, 1], [0, 1], color="#0000ff", zorder=3)
    picture = picture_of(fig, above, below)
    assert [path.get("stroke") for path in paths(picture)] == ["#0000ff", "#ff0000"]
    below.set_visible(False)
    assert [path.get("stroke") for path in paths(picture)] == ["#ff0000"]


def test_what_cannot_move_is_refused_with_what_can():
    fig, ax = axes()
    (line,) = ax.plot([0, 1], [0, 1], label="a")
    for wrong in (ax, ax.legend(), ax.xaxis, "line", [line]):
        with pytest.raises(TypeError) as caught:
            live.Picture(fig, [line, wrong], lambda: "")
        for name in ("Line2D", "Collection", "Patch", "Text", "AxesImage", type(wrong).__name__):
            assert name in str(caught.value)


# --- the frame --------------------------------------------------------------------------------------------------
def still(picture):
    """The text of the frame's layers, from the back to the front."""
    return "".join(layer.value for layer in picture._frames)


def frame(picture):
    """The frame's layers as parsed XML under one root; nobody needs to hear them."""
    roots = [ET.fromstring(layer.value) for layer in picture._frames]
    for root in roots:
        assert root.get("viewBox") == svg(picture).get("viewBox") and root.get("aria-hidden") == "true"
        assert svg(picture).get("style") == root.get("style") + "will-change:transform"
    for root in roots[1:]:
        roots[0].extend(list(root))
    return roots[0]


def drawn_with(root, color, kind="stroke"):
    return [path for path in root.iter("path") if path.get(kind) == color]


def test_the_frame_has_everything_but_what_moves():
    with mpl.rc_context({"axes.grid": True, "grid.color": "#00aa00", "axes.axisbelow": True}):
        fig, ax = axes(ticks=True)
    (line,) = ax.plot([0, 10], [0, 10], color="#ff0000", label="moves")
    ax.plot([0, 10], [4, 5], color="#0000ff")
    ax.legend(labelcolor="#aa00aa")
    ax.set_title("title", color="#00aaaa")
    fig.suptitle("above all", color="#aaaa00")
    root = frame(picture_of(fig, line))
    (swatch,) = drawn_with(root, "#ff0000")  # in the legend
    assert np.ptp(points(swatch)[:, 1]) == 0
    still = [path for path in drawn_with(root, "#0000ff") if np.ptp(points(path)[:, 1]) > 0]
    close(points(still[0]), on_page(ax, [0, 10], [4, 5]))
    grid = [points(path) for path in drawn_with(root, "#00aa00")]
    for tick in ax.get_xticks():
        assert any(np.abs(ends - on_page(ax, [tick, tick], [0, 10])).max() < HALF for ends in grid)
    for color, text in (("#00aaaa", ax.title), ("#aaaa00", fig.get_children()[-1])):
        assert len(drawn_with(root, color, "fill")) == 1, text
    order = list(root.iter("path"))
    assert order.index(drawn_with(root, "#00aa00")[-1]) < order.index(still[0])
    assert drawn_with(root, "#ffffff", "fill")[0] is order[0]  # the paper


def test_tick_labels_stand_where_matplotlib_puts_them():
    fig, ax = axes(ylim=(0, 60), ticks=True)
    ax.tick_params(labelcolor="#0000ff")
    (line,) = ax.plot([1], [1])
    picture = live.Picture(fig, [line], lambda top: ax.set_ylim(0, top) and "")
    for top in (60, 3, 60):
        picture.set(top=top)
        words = list(written(frame(picture), "#0000ff"))
        middles = [(w.min(axis=0) + w.max(axis=0)) / 2 for w in words]
        renderer = FigureCanvasAgg(fig).get_renderer()
        labels = [label for axis in (ax.xaxis, ax.yaxis) for label in axis.get_ticklabels() if label.get_text()]
        labels = [label for label in labels if fig.bbox.padded(0).contains(*label.get_window_extent(renderer).p0)]
        assert len(middles) == len(labels) > 8
        for label in labels:
            box = label.get_window_extent(renderer)
            middle = ((box.x0 + box.x1) / 2, fig.bbox.height - (box.y0 + box.y1) / 2)
            assert min(np.hypot(*(m - middle)) for m in middles) < 2.5, label.get_text()


@pytest.mark.parametrize("below", [True, "line", False])
def test_grid_lines_lie_below_or_above_as_asked(below):
    fig, ax = axes(ticks=True)
    ax.set_axisbelow(below)
    ax.grid(color="#00ff00")
    ax.plot([0, 10], [4, 5], color="#0000ff")
    ax.bar([5], [5], color="#ff00ff")
    order = list(frame(picture_of(fig, ax.plot([1], [1])[0])).iter("path"))
    grid, line, bar = (
        order.index(drawn_with(order_of, color, kind)[0])
        for order_of, color, kind in (
            (fake(order), "#00ff00", "stroke"),
            (fake(order), "#0000ff", "stroke"),
            (fake(order), "#ff00ff", "fill"),
        )
    )
    assert (grid < bar < line) if below is True else (bar < grid < line) if below == "line" else (bar < line < grid)


def fake(elements):
    """A list of paths that can be searched like an element."""
    return types.SimpleNamespace(iter=lambda _: elements)


@pytest.fixture
def drawn(monkeypatch):
    """Counts what matplotlib draws of a frame: axes' axis by name, titles."""
    count = collections.Counter()

    def counted(kind, name):
        draw = kind.draw

        def wrapped(self, renderer):
            count[name(self)] += 1
            return draw(self, renderer)

        monkeypatch.setattr(kind, "draw", wrapped)

    counted(Axis, lambda axis: axis.axis_name)
    counted(Spine, lambda spine: "spine")
    counted(Text, lambda text: "title" if "title" in text.get_text() else "text")
    return count


@pytest.mark.parametrize("where, number, share", [(("data", 2), 2, None), ("zero", 0, None), ("center", None, 0.5)])
def test_a_spine_that_stands_at_a_number_follows_the_limits(where, number, share):
    fig, ax = axes(xlim=(-1, 5))
    ax.spines.left.set_position(where)
    ax.spines.left.set_color("#123456")
    picture = live.Picture(fig, [], lambda right=5: ax.set_xlim(-1, right) and "")
    for right in (5, 10):
        picture.set(right=right)
        (spine,) = drawn_with(frame(picture), "#123456")
        at = share if number is None else (number + 1) / (right + 1)
        close(points(spine)[:, 0], [ax.bbox.x0 + at * ax.bbox.width] * 2, within=0.51)  # lines snap to pixels


def test_only_what_limits_scale_and_words_decide_is_drawn_anew(drawn):
    fig, ax = axes(ylim=(0.1, 10), ticks=True)
    (line,) = ax.plot([1, 2], [1, 2])

    def update(top=10, right=10, scale="linear", title="title", label="", value=0):
        ax.set(ylim=(0.1, top), xlim=(0, right), title=title, ylabel=label)
        ax.set_yscale(scale)
        line.set_ydata([1 + value, 2])
        return "moved"

    picture, seen = live.Picture(fig, [line], update), []
    picture.set()
    for setting, anew in (
        ({}, ""),
        ({"value": 1}, ""),
        ({"top": 20}, "y"),
        ({"top": 20}, ""),
        ({"top": 10}, ""),  # seen before
        ({"right": 5}, "x"),
        ({"right": 10, "scale": "log"}, "y"),
        ({"scale": "linear", "title": "new title"}, "title spine"),
        ({"label": "unit"}, "y"),
        ({"title": "title", "label": ""}, ""),
    ):
        drawn.clear()
        picture.set(**setting)
        assert {name for name in drawn if name != "text"} == set(anew.split()), setting
        seen.append(still(picture))
    assert seen[0] == seen[1] == seen[4] == seen[-1]
    assert len(set(seen)) == 6


def test_parts_of_frames_do_not_pile_up(drawn):
    fig, ax = axes(size=(1, 1))
    (line,) = ax.plot([1, 2], [1, 2])
    picture = live.Picture(fig, [line], lambda top: ax.set_ylim(0, top) and "")
    picture.set(top=5)
    drawn.clear()
    for k in range(_frame.PARTS):
        picture.set(top=10 + k)
        picture.set(top=5)  # what is in use is never what is dropped
    assert len(picture._still._parts) == _frame.PARTS
    assert drawn["y"] == _frame.PARTS and drawn["x"] == 0


def test_a_heavy_part_becomes_an_image():
    fig, ax = axes(xlim=(0, 60), ylim=(0, 60))
    values = np.zeros((60, 60))
    values[40:, 20:] = 1  # row 40 and up: y from 40
    ax.pcolormesh(values, cmap="gray")
    picture = picture_of(fig, ax.plot([1], [1])[0])
    (element,) = frame(picture).iter("image")
    pixels = pixels_of(element)
    assert (float(element.get("width")), float(element.get("height"))) == (400, 300)
    assert pixels.shape[:2] == (600, 800) and fig.dpi == 100
    for x, y, level in ((10, 10, 0), (30, 50, 255), (10, 50, 0), (50, 10, 0)):
        u, v = (2 * on_page(ax, [x], [y])[0]).astype(int)
        assert pixels[v, u].tolist() == [level] * 3 + [255]
    assert pixels[0, 0, 3] == 0  # glass outside
    assert len(still(picture)) < _frame.HEAVY


def test_other_axes_have_their_frames_too():
    fig, ax = axes(ticks=True)
    inset, twin = ax.inset_axes([0.5, 0.5, 0.4, 0.4]), ax.twinx()
    for each, color in ((inset, "#ff0000"), (twin, "#00ff00")):
        each.tick_params(color=color)
    hidden, bare = fig.add_axes([0, 0, 0.1, 0.1], visible=False), fig.add_axes([0, 0.9, 0.1, 0.1])
    hidden.plot([0, 1], color="#111111")
    bare.plot([0, 1], color="#0000ff")
    bare.set_axis_off()
    (line,), (small,) = ax.plot([1], [1]), inset.plot([1, 2], [1, 2])
    picture = live.Picture(fig, [line, small], lambda top=1: inset.set_ylim(0, top) and "")
    picture.set()
    root = frame(picture)
    before = still(picture)
    for color, count in (("#ff0000", 2), ("#00ff00", 2), ("#0000ff", 1), ("#111111", 0)):
        assert bool(drawn_with(root, color)) == bool(count), color
    picture.set(top=7)
    assert still(picture) != before


def test_axes_of_fixed_aspect_keep_it():
    fig, ax = axes(ticks=True)
    ax.set_aspect("equal")
    (line,) = ax.plot([0, 4], [0, 4])
    picture = live.Picture(fig, [line], lambda top: ax.set(xlim=(0, 10), ylim=(0, top)) and "")
    for top in (10, 5):
        picture.set(top=top)
        start, end = points(paths(picture)[0])
        close(end[0] - start[0], start[1] - end[1], within=0.2)
        (box,) = {tuple(svg_box.get("viewBox").split()) for svg_box in svg(picture).iter("svg") if svg_box.get("x")}
        assert float(box[2]) / float(box[3]) == pytest.approx(10 / top, rel=0.01)
        spines = np.vstack(
            [points(path)[:2] for path in drawn_with(frame(picture), "#000000") if path.get("d").count("L") == 1]
        )
        assert np.ptp(spines[:, 0]) >= float(box[2]) - 1


def test_marks_follow_limits():
    fig, ax = axes()
    (line,) = ax.plot([1, 2], [1, 2])
    picture = live.Picture(fig, [line], lambda top: ax.set_ylim(0, top) and "")
    for top in (10, 2, 100):
        picture.set(top=top)
        close(points(paths(picture)[0]), on_page(ax, [1, 2], [1, 2]))


# --- pictures ---------------------------------------------------------------------------------------------------
def wave(raises_above=np.inf):
    """A picture with a slider, a list and a seed."""
    fig, ax = axes(ylim=(-3, 3), ticks=True)
    x = np.linspace(0, 10, 50)
    (line,) = ax.plot(x, x, marker="o")

    def update(size=1.0, kind="sin", seed=0):
        if size > raises_above:
            raise ValueError(f"size <{size}> & more")
        noise = np.random.default_rng(seed).normal(0, 0.1, len(x))
        line.set_ydata(size * getattr(np, kind)(x) + noise)
        return f"{kind} of size {size} < 3"

    return fig, update, [line]


def test_same_values_same_picture_and_another_seed_another():
    picture = live.Picture(*(wave()[k] for k in (0, 2)), lambda: "")
    fig, update, moving = wave()
    picture = live.Picture(fig, moving, update)
    seen = []
    for seed in (0, 1, 0):
        picture.set(size=2.0, seed=seed)
        seen.append((picture._marks.value, still(picture)))
    assert seen[0] == seen[2] != seen[1]
    fig, update, moving = wave()
    again = live.Picture(fig, moving, update)
    again.set(size=2.0, seed=0)
    assert again._marks.value == seen[0][0]


def test_nothing_on_the_page_has_a_name():
    """No id, no reference: two pictures, or one picture shown twice, cannot get in each other's way."""
    fig, ax = axes(ticks=True)
    moving = [
        ax.plot([1, 2], [1, 2], "--", marker="o", alpha=0.5)[0],
        ax.fill_between([1, 2], [1, 1], [2, 2]),
        ax.text(1, 1, "$x$"),
        ax.scatter([1, 2], [3, 4]),
    ]
    picture = picture_of(fig, *moving)
    for value in (picture._marks.value, still(picture)):
        value = re.sub(r'href="data:[^"]*"', "", value)
        assert not re.search(r"\bid=|url\(|<use|href=\"#|<style|class=\"(?!initlab-)", value)


def test_the_caption_is_text_and_label_and_escaped():
    fig, update, moving = wave()
    picture = live.Picture(fig, moving, update)
    picture.set(size=2.0)
    label = ET.fromstring(picture.svg()).get("aria-label")
    assert label == picture.caption == "sin of size 2.0 < 3"
    assert ET.fromstring(picture.svg()).get("role") == "img"
    assert re.search(r"<div [^>]*>([^<]*)</div>$", picture._marks.value)[1] == html.escape(picture.caption)


def test_a_caption_may_hold_anything():
    fig, ax = axes()
    picture = live.Picture(fig, ax.plot([1], [1]), lambda: "\"quoted\" <b> & 'so' on")
    picture.set()
    assert ET.fromstring(picture.svg()).get("aria-label") == picture.caption
    assert "<b>" not in picture._marks.value


STING = "<img src=x onerror='sting()'><script>sting()</script>\"'&"


def tags(text):
    """Names of elements, and of attributes that run code, in a text that a browser reads."""
    found, reader = set(), HTMLParser()
    reader.handle_starttag = lambda tag, given: found.update([tag], (name for name, _ in given if name[:2] == "on"))
    reader.feed(text)
    return found


def test_the_reader_of_tags_sees_them():
    assert tags(STING) == {"img", "onerror", "script"} and tags(html.escape(STING)) == set()


def test_whatever_a_learner_names_is_text(page):
    """In the caption, an error, the figure's own words, labels of controls, options, questions and progress."""
    fig, ax = axes(title=STING, xlabel=STING)
    words = ax.text(1, 1, "")

    def update(kind, size):
        words.set_text(kind)
        if size > 1:
            raise ValueError(STING)
        return STING

    slider = widgets.FloatSlider(1.0, max=2.0, description=STING)
    picture = live.show(fig, update, [words, *ax.plot([1], [1], label=STING)], kind=[STING, "other"], size=slider)
    assert html.escape(STING) in picture._marks.value
    for size in (1.0, 2.0):
        slider.value = size
        assert tags(picture._marks.value + still(picture)) <= {"svg", "g", "path", "div", "foreignobject", "image"}
    assert html.escape(STING) in picture._marks.value and picture.error is not None
    controls = [*picture.controls.values(), live.ask(STING, STING, "other").radio, live.NewDraw(STING)]
    assert not any(getattr(control, "description_allow_html", False) for control in controls)
    assert not any(isinstance(w, widgets.HTML) for w in controls)


def test_values_are_kept_between_events():
    fig, update, moving = wave()
    picture = live.Picture(fig, moving, update)
    picture.set(size=2.0, kind="cos")
    picture.follow(seed=3)
    assert picture.values == {"size": 2.0, "kind": "cos", "seed": 3}
    assert picture.caption.startswith("cos of size 2.0")


def boxes(marks):
    """What decides about the height of the marks: the proportions of the picture, and the caption's box."""
    return (
        re.findall(r"^<svg viewBox=\"([^\"]*)\"", marks),
        re.findall(r"height:2.9em", marks),
        marks.count("<svg view"),
    )


def test_an_exception_is_shown_in_words_and_goes_away():
    fig, update, moving = wave(raises_above=2)
    picture = live.Picture(fig, moving, update)
    picture.set(size=1.0)
    good = picture._marks.value
    picture.follow(size=2.5)
    shown = picture._marks.value
    assert "This picture could not be drawn for size = 2.5. ValueError: size &lt;2.5&gt; &amp; more" in shown
    assert 'role="alert"' in shown and "<path" not in shown
    assert isinstance(picture.error, ValueError)
    assert boxes(shown) == boxes(good)
    picture.follow(seed=0)  # another control: still at 2.5
    assert picture._marks.value == shown.replace("size = 2.5", "size = 2.5, seed = 0")
    picture.follow(size=1.0)
    assert picture._marks.value == good and picture.error is None


def test_an_artist_that_cannot_be_drawn_leaves_nothing_behind():
    """matplotlib raises in the middle of drawing: the next good picture has no trace of it."""
    fig, ax = axes()
    (first,), text = ax.plot([1, 2], [1, 2]), ax.text(1, 1, "", zorder=9)
    picture = live.Picture(fig, [first, text], lambda words: text.set_text(words) or "said")
    picture.set(words="fine")
    good = picture._marks.value
    picture.follow(words=r"$\nosuchcommand$")
    assert "nosuchcommand" in picture._marks.value and picture.error is not None
    picture.follow(words="fine")
    assert picture._marks.value == good


def test_a_title_that_cannot_be_drawn_leaves_nothing_behind():
    fig, ax = axes(ticks=True)
    picture = live.Picture(fig, ax.plot([1], [1]), lambda words: ax.set_title(words) and "")
    picture.set(words="fine")
    good = still(picture)
    for _ in range(2):
        picture.follow(words=r"$\nosuchcommand$")
        assert picture.error is not None
    picture.follow(words="other")
    assert len(still(picture)) < 1.2 * len(good)
    picture.follow(words="fine")
    assert still(picture) == good


def test_marks_of_hidden_axes_are_hidden():
    fig = Figure()
    left, right = fig.subplots(1, 2)
    picture = picture_of(fig, left.plot([1], [1])[0], right.plot([1], [1])[0])
    assert len(paths(picture)) == 2
    right.set_visible(False)
    assert len(paths(picture)) == 1


def test_set_raises():
    fig, update, moving = wave(raises_above=2)
    picture = live.Picture(fig, moving, update)
    with pytest.raises(ValueError, match="size <3> & more"):
        picture.set(size=3)


def test_threads_take_turns():
    """Events run beside cells: `update` is never entered twice, and what is shown fits the last values."""
    fig, ax = axes(size=(1, 1))
    (line,) = ax.plot([0, 1], [0, 1])
    inside, clashes, failures = threading.Lock(), [], []

    def update(a=0, b=0):
        if not inside.acquire(blocking=False):
            clashes.append((a, b))
            return ""
        line.set_ydata([a / 100, b / 100])
        caption = f"a {a} b {b}"
        if a % 7 == 6:
            inside.release()
            raise ValueError("seven")
        inside.release()
        return caption

    picture, start = live.Picture(fig, [line], update), threading.Barrier(2)

    def work(name, go):
        start.wait()
        for k in range(100):
            try:
                go(**{name: k})
            except ValueError:
                pass
            except Exception as problem:
                failures.append(problem)

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=given) for given in (("a", picture.follow), ("b", picture.set))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(old)
    assert not clashes and not failures
    assert picture.values == {"a": 99, "b": 99}
    assert picture.caption == "a 99 b 99" and picture.caption in picture._marks.value


# --- controls ---------------------------------------------------------------------------------------------------
class Notebook:
    """Records what would be displayed, with IPython's own signature."""

    def __init__(self):
        self.outputs, self.handles = [], []

    def __call__(self, data, *, raw, metadata=None, display_id=None):
        assert raw
        self.outputs.append((data, metadata or {}))
        if display_id:
            self.handles.append(types.SimpleNamespace(update=lambda new, raw: self.outputs.append((new, {}))))
            return self.handles[-1]
        return None


@pytest.fixture
def page(monkeypatch):
    """The outputs of a notebook; pictures shown on it are gone afterwards."""
    page = Notebook()
    monkeypatch.setattr(live, "display", page)
    monkeypatch.setattr(_output, "display", page)
    before = list(live.PICTURES)
    yield page
    for picture in [p for p in live.PICTURES if p not in before]:
        picture.close()


@pytest.mark.parametrize(
    "given, kind, facts",
    [
        ((1, 50), widgets.IntSlider, {"min": 1, "max": 50, "step": 1}),
        ((1, 9, 2), widgets.IntSlider, {"min": 1, "max": 9, "step": 2}),
        ((0.1, 3.0, 0.05), widgets.FloatSlider, {"min": 0.1, "max": 3.0, "step": 0.05}),
        (["relu", "tanh"], widgets.Dropdown, {"options": ("relu", "tanh"), "value": "relu"}),
        ({"one": 1, "two": 2}, widgets.Dropdown, {"value": 1}),
        (True, widgets.Checkbox, {"value": True}),
    ],
)
def test_controls_from_interacts_abbreviations(page, given, kind, facts):
    fig, ax = axes()
    picture = live.show(fig, lambda some_name: f"at {some_name}", ax.plot([1], [1]), some_name=given)
    control = picture.controls["some_name"]
    assert type(control) is kind and control.description == "some name"
    assert {name: getattr(control, name) for name in facts} == facts
    if hasattr(control, "continuous_update"):
        assert control.continuous_update
    assert picture.values == {"some_name": control.value}


def test_a_default_of_update_is_where_the_control_starts(page):
    fig, update, moving = wave()
    picture = live.show(fig, update, moving, size=(0.5, 2.5, 0.25), kind=["cos", "sin"], seed=live.NewDraw())
    assert {name: control.value for name, control in picture.controls.items()} == {
        "size": 1.0,
        "kind": "sin",
        "seed": 0,
    }


def test_a_widget_is_taken_as_it_is_and_fixed_is_not_shown(page):
    fig, update, moving = wave()
    slider = widgets.FloatLogSlider(2.0, base=2, min=-2, max=2, description="mine")
    picture = live.show(fig, update, moving, size=slider, kind=fixed("cos"))
    assert picture.controls["size"] is slider and slider.description == "mine"
    assert picture.caption.startswith("cos of size 2.0")
    slider.value = 1.0
    assert picture.caption.startswith("cos of size 1.0")


def test_a_control_that_is_none_is_refused(page):
    fig, update, moving = wave()
    with pytest.raises(ValueError, match=r"size must be a widget, \(min, max\).* got <object"):
        live.show(fig, update, moving, size=object())
    assert page.outputs == []


def test_every_control_has_a_label(page):
    fig, update, moving = wave()
    picture = live.show(fig, update, moving, size=widgets.FloatSlider(1.0), kind=["sin"], seed=live.NewDraw())
    assert [control.description for control in picture.controls.values()] == ["size", "kind", "new draw"]


def test_small_steps_and_long_names_can_be_read(page):
    fig, ax = axes()
    controls = dict(rate=(0.001, 0.1, 0.0005), gain=(0.1, 3.0, 0.05), learning_rate_of_all=(1, 2), kind=["a"])
    picture = live.show(fig, lambda **values: str(values), ax.plot([1], [1]), **controls)
    rate, gain, long, kind = picture.controls.values()
    assert format(rate.min + rate.step, rate.readout_format) == "0.0015"
    assert format(gain.min + gain.step, gain.readout_format) == "0.15"
    assert long.style.description_width == "initial" and kind.style.description_width == ""


def test_new_draw_counts_clicks(page):
    fig, update, moving = wave()
    button = live.NewDraw()
    picture = live.show(fig, update, moving, seed=button)
    assert button.value == 0 and button.description == "new draw" and button.tooltip
    first = picture._marks.value
    button.click()
    button.click()
    assert button.value == 2 and picture.values["seed"] == 2
    assert picture._marks.value != first
    assert live.NewDraw("again", button_style="info").description == "again"


def test_an_event_that_fails_does_not_raise_and_the_next_recovers(page):
    fig, update, moving = wave(raises_above=2)
    picture = live.show(fig, update, moving, size=(0.5, 3.0))
    picture.controls["size"].value = 2.5
    assert "could not be drawn" in picture._marks.value
    picture.controls["size"].value = 1.5
    assert "could not be drawn" not in picture._marks.value and picture.error is None


def test_first_setting_that_raises_is_raised_and_shows_nothing(page):
    fig, update, moving = wave(raises_above=0.1)
    shown = len(live.PICTURES)
    with pytest.raises(ValueError, match="more"):
        live.show(fig, update, moving, size=(0.5, 3.0))
    assert page.outputs == [] and len(live.PICTURES) == shown


def test_one_event_is_one_message(page, monkeypatch):
    """Beside the echo of the slider itself; two when the limits change."""
    fig, ax = axes(ylim=(0, 10), ticks=True)
    (line,) = ax.plot([1, 2], [1, 2])

    def update(value, top=10):
        line.set_ydata([value, 2])
        ax.set_ylim(0, top)
        return f"value {value}"

    picture = live.show(fig, update, [line], value=(0, 9), top=(10, 20))
    names = {control.comm.comm_id: name for name, control in picture.controls.items()}
    names |= {picture._marks.comm.comm_id: "marks"}
    names |= {layer.comm.comm_id: f"frame {k}" for k, layer in enumerate(picture._frames)}
    sent = []

    def send(self, data=None, metadata=None, buffers=None):
        sent.append((names[self.comm_id], data["method"], sorted(data["state"])))

    monkeypatch.setattr(type(picture._marks.comm), "send", send)
    picture.controls["value"].set_state({"value": 7})  # what a message from the browser does
    assert sent == [("value", "echo_update", ["value"]), ("marks", "update", ["value"])]
    del sent[:]
    picture.controls["top"].set_state({"value": 20})
    assert [name for name, _, _ in sent] == ["top", "frame 1", "marks"]  # not the words, not the x axis
    del sent[:]
    picture.controls["value"].set_state({"value": 7})
    assert [name for name, _, _ in sent if name != "value"] == []  # nothing has changed


# --- outputs ----------------------------------------------------------------------------------------------------
VIEW = "application/vnd.jupyter.widget-view+json"


def test_two_outputs_a_png_and_the_widget(page):
    fig, update, moving = wave()
    picture = live.show(fig, update, moving, size=(0.5, 3.0))
    (still, about), (widget, nothing) = page.outputs
    assert set(still) == {"image/png", "text/plain"} and set(widget) == {VIEW, "text/plain"}
    assert still["text/plain"] == picture.caption == about["image/png"]["alt"]
    assert (about["image/png"]["width"], about["image/png"]["height"]) == (400, 300)
    assert widget["text/plain"] == "Live picture: run this cell in JupyterLab to move it." and nothing == {}
    png = Image.open(io.BytesIO(base64.b64decode(still["image/png"])))
    assert png.format == "PNG" and png.size == (800, 600)


def test_the_png_shows_what_moves_and_the_frame_does_not(page):
    fig, ax = axes()
    (line,) = ax.plot([5, 5], [2, 8], linewidth=20, color="#ff0000")
    picture = live.show(fig, lambda: "a bar", [line])
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(page.outputs[0][0]["image/png"]))).convert("RGB"))
    x, y = (2 * on_page(ax, [5], [5])[0]).round().astype(int)
    assert pixels[y, x].tolist() == [255, 0, 0]
    assert "#ff0000" in picture._marks.value and "#ff0000" not in still(picture)


def find(widget, name):
    """All widgets below this one with a CSS class."""
    below = [w for child in getattr(widget, "children", ()) for w in find(child, name)]
    return below + ([widget] if name in widget._dom_classes else [])


@pytest.fixture
def widget_shown(monkeypatch, page):
    shown = []
    show_widget = live.show_widget
    monkeypatch.setattr(live, "show_widget", lambda widget, plain: shown.append(widget) or show_widget(widget, plain))
    return shown


def test_the_widget_hides_the_png_by_a_rule_it_carries(widget_shown):
    fig, update, moving = wave()
    picture = live.show(fig, update, moving, size=(0.5, 3.0))
    (whole,) = widget_shown
    assert find(whole, "initlab-live") == [whole] and find(whole, "initlab-live-picture") == [picture.box]
    rule = whole.children[-1]
    assert ".initlab-live)" in rule.value and "display: none" in rule.value and rule.layout.display == "none"


def test_a_figure_of_pyplots_is_not_shown_a_second_time(page):
    from matplotlib import pyplot as plt

    with mpl.rc_context({"backend": "agg"}):
        fig, ax = plt.subplots()
        live.show(fig, lambda: "", ax.plot([1], [1]))
        assert not plt.fignum_exists(fig.number)


# --- the end of a picture ---------------------------------------------------------------------------------------
def open_widgets():
    gc.collect()
    return sum(isinstance(thing, widgets.Widget) and thing.comm is not None for thing in gc.get_objects())


def run(cell, monkeypatch):
    """As if the front end ran this cell: it says so before."""
    monkeypatch.setattr(_output, "running_cell", lambda: cell)
    monkeypatch.setattr(live, "running_cell", lambda: cell)
    _output.close_cell(types.SimpleNamespace(cell_id=cell))


def test_running_a_cell_again_closes_its_old_picture(page, monkeypatch):
    shared, counts = live.NewDraw(), []
    for _ in range(4):
        run("one", monkeypatch)
        fig, update, moving = wave()
        picture = live.show(fig, update, moving, size=(0.5, 3.0), kind=["sin", "cos"], seed=shared)
        live.ask("again?", "yes", "no")
        run("two", monkeypatch)  # another cell's picture stays
        fig, update, moving = wave()
        live.show(fig, update, moving, size=(0.5, 3.0), seed=live.NewDraw())
        counts.append(open_widgets())
    assert counts == counts[:1] * 4
    kept = [p for p in live.PICTURES if "seed" in p.controls]
    assert len(kept) == 2 and kept[0] is picture
    assert shared.comm is not None  # made elsewhere: not ours to close


def test_a_closed_picture_follows_nothing_and_is_freed(page, monkeypatch):
    shared, calls = widgets.FloatSlider(1.0), []
    run("one", monkeypatch)
    fig, ax = axes()
    live.show(fig, lambda size: calls.append(size) or "", ax.plot([1], [1]), size=shared)
    run("one", monkeypatch)
    del calls[:]
    shared.value = 0.5
    assert calls == []


def test_a_widget_made_in_the_cell_is_closed_with_it_unless_another_picture_follows_it(page, monkeypatch):
    made = []
    for other in (False, True):
        run("one", monkeypatch)
        fig, ax = axes()
        made.append(widgets.FloatSlider(1.0))
        live.show(fig, lambda size: "", ax.plot([1], [1]), size=made[-1])
        if other:
            run("two", monkeypatch)
            follows = live.show(fig, lambda size: f"{size}", ax.plot([1], [1]), size=made[-1])
    run("one", monkeypatch)
    assert [slider.comm is None for slider in made] == [True, False]
    made[1].value = 0.5
    assert follows.caption == "0.5"


def test_without_word_from_the_front_end_nothing_is_closed(page, monkeypatch):
    pictures = []
    for _ in range(2):
        run(None, monkeypatch)
        fig, update, moving = wave()
        pictures.append(live.show(fig, update, moving, size=(0.5, 3.0)))
    assert all(p.box.comm is not None for p in pictures)


@pytest.mark.parametrize(
    "parent, cell",
    [({"metadata": {"cellId": "abc"}}, "abc"), ({"metadata": {}}, None), ({}, None), ({"metadata": None}, None)],
)
def test_the_running_cell_is_what_the_message_says(monkeypatch, parent, cell):
    monkeypatch.setattr(_output, "get_ipython", lambda: types.SimpleNamespace(get_parent=lambda: parent))
    assert _output.running_cell() == cell


def test_outside_a_notebook_no_cell_is_running():
    assert _output.running_cell() is None


# --- questions and progress -------------------------------------------------------------------------------------
def test_a_question_shows_its_options_and_judges(page, capsys):
    question = live.ask("a test's own question", "grow", "shrink")
    ((data, _),) = page.outputs
    assert data["text/plain"] == "Choose one:\n( ) grow\n( ) shrink" and VIEW in data
    assert question.radio.value is None
    question.judge(1)
    assert capsys.readouterr().out == "The experiment says: shrink\nYou made no prediction.\n"
    question.radio.value = "grow"
    question.judge(1)
    assert capsys.readouterr().out == "The experiment says: shrink\nYou predicted: grow\n"
    question.radio.value = "shrink"
    question.judge(1)
    assert capsys.readouterr().out == "The experiment says: shrink\nYou predicted: shrink ✓\n"


def test_an_answer_is_kept_when_the_cell_is_run_again(page):
    live.ask("kept", "grow", "shrink").radio.value = "shrink"
    assert live.ask("kept", "grow", "shrink").radio.value == "shrink"
    assert live.ask("kept", "other", "options").radio.value is None
    assert live.ask("another", "grow", "shrink").radio.value is None


def test_progress_gives_the_items_and_leaves_an_empty_text(page):
    before = open_widgets()
    assert list(live.progress("abc", "training")) == ["a", "b", "c"]
    first, *middle, last = [data for data, _ in page.outputs]
    assert first == last == {"text/plain": ""}
    assert all(data["text/plain"] == "" and VIEW in data for data in middle) and len(middle) == 1
    assert open_widgets() == before


def test_progress_cleans_up_after_a_break_and_an_error(page):
    before = open_widgets()
    for item in live.progress(range(5)):
        if item == 2:
            break
    assert page.outputs[-1][0] == {"text/plain": ""}

    def fails():
        for item in live.progress(range(5)):
            raise KeyError(item)

    with pytest.raises(KeyError):
        fails()
    gc.collect()
    assert page.outputs[-1][0] == {"text/plain": ""}
    assert open_widgets() == before


def test_progress_ends_with_its_cell_though_a_traceback_keeps_its_loop(page):
    before, kept = open_widgets(), iter(live.progress(range(5)))
    next(kept)
    assert VIEW in page.outputs[-1][0] and open_widgets() > before
    _output.end_cell(types.SimpleNamespace(error_in_exec=None))
    assert page.outputs[-1][0] == {"text/plain": ""} and open_widgets() == before
    said = len(page.outputs)
    kept.close()
    assert len(page.outputs) == said


@pytest.mark.parametrize(
    "problem, words",
    [
        (NameError("no net", name="net"), "Nothing is called net so far. .*Run → Run All Above Selected Cell"),
        (UnboundLocalError("no net", name="net"), "If you have not changed this cell, "),
        (KeyboardInterrupt(), "You have stopped this cell. Nothing is lost: run it again"),
        (IndexError("too many"), "If you have not changed this cell, .* Kernel → Restart Kernel and Run All Cells"),
        (None, None),
    ],
)
def test_a_cell_that_has_stopped_says_what_to_do(capsys, problem, words):
    _output.end_cell(types.SimpleNamespace(error_in_exec=problem))
    said = capsys.readouterr().out
    assert said == "" if words is None else re.match(words, said)


def test_progress_says_how_far_and_not_too_often(page, monkeypatch):
    bars, make = [], widgets.IntProgress
    monkeypatch.setattr(widgets, "IntProgress", lambda **options: bars.append(make(**options)) or bars[-1])
    seen = [bars[0].value for _ in live.progress(range(4))]
    assert seen == [0, 1, 2, 3] and (bars[0].value, bars[0].max) == (4, 4)
    changes = []
    for k, _ in enumerate(live.progress(range(5000), "many")):
        if not k:
            bars[1].observe(changes.append, names="value")
    assert 100 <= len(changes) <= 201 and bars[1].value == 5000
    assert bars[1].description == "many"
