"""What `plots` draws: the numbers that were given, where they were given, in looks that can be told apart."""

import base64
import gc
import io
import itertools
import math
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from initlab import _output, plots

pytestmark = pytest.mark.usefixtures("frozen")

FIELDS = ("a2", "delta2", "dw2")


# --- looks ------------------------------------------------------------------------------------------------------
# Okabe and Ito 2008, as listed in Wong, Points of view: Color blindness, Nature Methods 8 (2011), in 8-bit RGB
OKABE_ITO = {(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (230, 159, 0)}


def eight_bit(color):
    return tuple(round(255 * v) for v in to_rgb(color))


def luminance(color):
    """Relative luminance of WCAG 2.1."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(color)]
    return np.dot((0.2126, 0.7152, 0.0722), linear)


def test_palette_is_okabe_and_itos():
    palette = plots.BLUE, plots.ORANGE, plots.GREEN, plots.PINK, plots.SKY, plots.AMBER
    assert {eight_bit(color) for color in palette} == OKABE_ITO


def test_series_leave_the_quantities_their_colours():
    """Blue, orange and green mean forward, backward and weight gradient, and nothing else."""
    series = [color for color, _, _ in plots.SERIES]
    assert len(set(series)) == len(series)
    assert not set(series) & {quantity.color for quantity in plots.QUANTITIES.values()}


def test_series_differ_without_colour():
    """In a grey print no two series share both marker and line style, and neighbours differ in both."""
    assert len({marker for _, marker, _ in plots.SERIES}) == len(plots.SERIES)
    for (_, a, one), (_, b, two) in itertools.pairwise(plots.SERIES):
        assert a != b and one != two


def test_quantities_differ_in_colour_and_marker():
    forward, also_forward, backward, gradient = (plots.QUANTITIES[f] for f in ("z2", "a2", "delta2", "dw2"))
    assert (forward.color, forward.marker) == (also_forward.color, also_forward.marker)
    for looks in ("color", "marker", "name", "symbol"):
        assert len({getattr(q, looks) for q in (also_forward, backward, gradient)}) == 3


def test_words_and_lines_stand_out_from_white():
    """WCAG 2.1: at least 4.5 to 1 for words, 3 to 1 for lines that carry meaning."""
    for color, least in ((plots.INK, 4.5), (plots.GREY, 4.5), *((q.color, 3.0) for q in plots.QUANTITIES.values())):
        assert 1.05 / (luminance(color) + 0.05) >= least, color


def test_use_style_sets_the_defaults():
    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["axes.grid"] and not mpl.rcParams["axes.spines.top"]
        assert mpl.rcParams["figure.dpi"] == 100
        _, ax = plots.panels()
        (line,) = ax.plot([0, 1])
        assert line.get_color() == plots.SERIES[0][0]


# --- figures ----------------------------------------------------------------------------------------------------
def test_panels_are_no_pyplot_figures_and_import_none():
    code = (
        "import sys; from initlab import plots; fig, axes = plots.panels(2, rows=3, size=(4, 2), sharex=True); "
        "assert 'matplotlib.pyplot' not in sys.modules; print(fig.get_size_inches(), axes.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[4. 2.] (3, 2)\n"
    fig, ax = plots.panels()
    assert ax.figure is fig


def test_show_stores_a_small_png_with_its_words(monkeypatch):
    shown = []
    monkeypatch.setattr(_output, "display", lambda data, metadata, raw: shown.append((data, metadata, raw)))
    fig, ax = plots.panels(size=(5.0, 2.0))
    fig.dpi = 100
    ax.plot([0, 1], [0, 1], color="#ff0000", linewidth=10)
    plots.show(fig, "A line that rises.")
    ((data, metadata, raw),) = shown
    assert raw and set(data) == {"image/png", "text/plain"} and data["text/plain"] == "A line that rises."
    assert metadata == {"image/png": {"alt": "A line that rises.", "width": 500, "height": 200}}
    png = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert png.size == (1000, 400) and png.mode == "P"
    pixels = np.asarray(png.convert("RGB"))
    assert (pixels[0, 0] == 255).all()
    red = (pixels == (255, 0, 0)).all(axis=2).mean()
    x, y = ax.transData.transform([(0, 0), (1, 1)]).T
    assert red == pytest.approx(math.hypot(np.ptp(x), np.ptp(y)) * 10 * 100 / 72 / (500 * 200), rel=0.1)
    assert len(data["image/png"]) < 12_000


@pytest.mark.parametrize(("paper", "ink"), [("white", "#0072b2"), ("#ffffe0", "black")])
def test_a_small_png_is_what_matplotlib_saves(paper, ink):
    """With few colours exactly, though only what is drawn shares the palette; with many, nearly."""
    fig, ax = plots.panels(size=(4.0, 2.5))
    fig.set_facecolor(paper)
    ax.set_axis_off()
    (line,) = ax.plot([0, 3, 1], color=ink, antialiased=False)

    def both():
        saved = io.BytesIO()
        fig.savefig(saved, format="png", dpi=2 * fig.dpi)
        files = (saved, io.BytesIO(_output.small_png(fig)))
        return [np.asarray(Image.open(file).convert("RGB"), dtype=int) for file in files]

    saved, small = both()
    np.testing.assert_array_equal(small, saved)
    line.remove()
    ax.set_axis_on()
    ax.set(title="a title", ylabel="a label")
    ax.imshow(np.linspace(0, 1, 25 * 40).reshape(25, 40), cmap="viridis", aspect="auto")
    saved, small = both()
    assert (saved != small).any() and np.abs(saved - small).mean() < 1


def test_a_small_mark_keeps_its_colour():
    """Among more shades than the palette has."""
    fig, ax = plots.panels(size=(4.0, 2.5))
    ax.imshow(np.linspace(0, 1, 25 * 40).reshape(25, 40), cmap="gray", aspect="auto")
    ax.plot([20], [12], "o", color=plots.AMBER, markersize=4, markeredgewidth=0)
    pixels = np.asarray(Image.open(io.BytesIO(_output.small_png(fig))).convert("RGB"))
    amber = np.frombuffer(bytes.fromhex(plots.AMBER[1:]), np.uint8)
    area = math.pi * (2 * 100 / 72 * 2) ** 2  # in pixels
    assert 0.6 * area < (pixels == amber).all(axis=2).sum() < area


def test_a_figure_with_nothing_on_it():
    png = Image.open(io.BytesIO(_output.small_png(Figure(figsize=(1.0, 1.0), dpi=50))))
    assert png.size == (100, 100) and png.convert("RGB").getcolors() == [(10_000, (255, 255, 255))]


@pytest.mark.parametrize("canvas", [FigureCanvasBase, FigureCanvasAgg])
def test_a_shown_figure_holds_no_pixels(canvas):
    """At twice the dpi they are 5 MB a figure, for as long as a chapter keeps it."""
    fig, ax = plots.panels(size=(5.0, 2.0))
    canvas(fig)
    ax.set_title("title")
    first = _output.small_png(fig)
    held = [one for one in gc.get_objects() if isinstance(one, RendererAgg) and one.dpi == 2 * fig.dpi]
    assert not held
    assert _output.small_png(fig) == first


def test_three_panels():
    _, axes = plots.three_panels(20)
    assert [ax.get_yscale() for ax in axes] == ["log"] * 3
    for ax, field in zip(axes, FIELDS, strict=True):
        look = plots.QUANTITIES[field]
        assert look.name in ax.get_title() and look.symbol in ax.get_title()
        assert ax.title.get_color() == look.color
        low, high = ax.get_xlim()
        assert low < 0 and 20 < high < 21
        assert ax.get_xlabel() == "layer"
        assert all(float(tick).is_integer() for tick in ax.get_xticks())
    axes[0].set_ylim(1e-3, 1e3)
    assert axes[2].get_ylim() == (1e-3, 1e3)  # one axis for all
    assert len(plots.three_panels(9, fields=("a2", "dw2"))[1]) == 2


@given(st.floats(-200, 0), st.floats(0, 200))
def test_log_range_holds_what_it_is_given_and_labels_powers_of_ten(low, high):
    _, axes = LOG_AXES
    plots.log_range(axes, 10.0**low, 10.0**high)
    for ax in axes:
        bottom, top = np.log10(ax.get_ylim())
        assert bottom <= low + 1e-9 and high <= top + 1e-9
        ticks = np.log10(ax.get_yticks())
        seen = ticks[(ticks >= bottom - 1e-9) & (ticks <= top + 1e-9)]
        assert 0 in np.round(ticks, 9)  # where nothing has changed
        assert np.abs(ticks - np.round(ticks)).max() < 1e-9
        assert 2 <= len(seen) <= 10
        assert len(set(np.round(np.diff(ticks), 9))) == 1


LOG_AXES = plots.three_panels(10)


def test_log_range_rarely_changes_as_a_slider_moves():
    _, axes = LOG_AXES
    seen = []
    for high in np.linspace(0, 60, 600):
        plots.log_range(axes, 1.0, 10.0**high)
        seen.append(axes[0].get_ylim())
    assert len(set(seen)) <= 8
    assert seen == sorted(seen)


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (1.0, np.inf), (0.0, np.inf), (1e-320, 1e305), (np.nan, np.nan)])
def test_log_range_survives_what_overflowed(low, high):
    fig, axes = LOG_AXES
    plots.log_range(axes, low, high)
    bottom, top = axes[0].get_ylim()
    assert 0 < bottom < 1 < top < np.inf
    fig.canvas.draw()


# --- curves -----------------------------------------------------------------------------------------------------
def test_theory_is_a_line_with_its_band_below_it():
    _, ax = plots.panels()
    y = np.array([1.0, 2, 4])
    line, fill = plots.theory(ax, y, (y / 2, y * 3))
    np.testing.assert_array_equal(line.get_xydata(), [(0, 1), (1, 2), (2, 4)])
    assert line.get_label() == "theory" and line.get_color() == plots.INK and line.get_linestyle() == "-"
    corners = {tuple(v) for v in fill.get_paths()[0].vertices.tolist()}
    assert {(0, 0.5), (1, 1), (2, 2), (0, 3), (1, 6), (2, 12)} <= corners
    assert fill.get_zorder() < line.get_zorder()
    line, fill = plots.theory(ax, y, label="law", color="#ff0000")
    assert fill is None and (line.get_label(), line.get_color()) == ("law", "#ff0000")


@pytest.mark.parametrize("field", plots.QUANTITIES)
def test_measured_has_the_look_of_its_quantity(field):
    _, ax = plots.panels()
    line = plots.measured(ax, [3.0, 4, 5], field)
    look = plots.QUANTITIES[field]
    assert (line.get_color(), line.get_marker(), line.get_linestyle()) == (look.color, look.marker, "None")
    np.testing.assert_array_equal(line.get_xydata(), [(0, 3), (1, 4), (2, 5)])
    assert line.get_label() == "measured"


def test_measured_draws_every_network_and_labels_one():
    _, ax = plots.panels()
    y = np.arange(12.0).reshape(3, 4)
    first = plots.measured(ax, y, "a2", label="He", marker="D", fillstyle="none")
    assert len(ax.lines) == 3 and first is ax.lines[0]
    for line, net in zip(ax.lines, y, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), net)
        assert (line.get_marker(), line.get_fillstyle()) == ("D", "none")
    assert ax.get_legend_handles_labels()[1] == ["He"]


@pytest.mark.parametrize("gap", [[], [3], [0, 1, 6]])
def test_a_band_moves_as_matplotlib_would_move_it(gap):
    """Also in pieces, where an edge is missing."""
    x, (low, high) = np.arange(9) + 1, np.random.default_rng(0).uniform(1, 2, (2, 9))
    high[gap] = np.inf
    _, (one, other) = plots.panels(2)
    fills = [plots.theory(ax, np.ones(3), (np.ones(3), np.ones(3)))[1] for ax in (one, other)]
    plots.move_band(fills[0], x, low, high)
    fills[1].set_data(x, low, high)

    def corners(fill):
        """Each piece's corners, without those that repeat the one before."""
        pieces = [path.vertices for path in fill.get_paths()]
        return [piece[np.append(True, np.any(np.diff(piece, axis=0) != 0, axis=1))] for piece in pieces]

    ours, theirs = map(corners, fills)
    assert len(ours) == len(theirs) == {0: 1, 1: 2, 3: 2}[len(gap)]
    for piece, reference in zip(ours, theirs, strict=True):
        assert {tuple(p) for p in piece} == {tuple(p) for p in reference}
        assert _area(piece) == pytest.approx(_area(reference), rel=1e-12)


def _area(corners):
    x, y = corners.T
    return abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def test_theory_lies_above_markers_and_markers_above_the_band():
    _, ax = plots.panels()
    line, fill = plots.theory(ax, np.ones(3), (np.ones(3), np.ones(3)))
    dots = plots.measured(ax, np.ones(3), "a2")
    assert fill.get_zorder() < dots.get_zorder() < line.get_zorder()


def test_series_take_turns():
    _, ax = plots.panels()
    looks = []
    for k in range(len(plots.SERIES)):
        line = plots.series(ax, k, [0, 1], [k, 2 * k], f"curve {k}")
        np.testing.assert_array_equal(line.get_xydata(), [(0, k), (1, 2 * k)])
        assert line.get_label() == f"curve {k}"
        looks.append((line.get_color(), line.get_linestyle()))
    assert len(set(looks)) == len(plots.SERIES)
    again = plots.series(ax, len(plots.SERIES), [0], [0], "next", linewidth=5, marker="s")
    assert (again.get_color(), again.get_linestyle()) == looks[0]
    assert (again.get_linewidth(), again.get_marker()) == (5, "s")


# --- signals ----------------------------------------------------------------------------------------------------
def made(depth, nets=1, seed=0):
    """Measured fields and a law with a band, of made-up numbers: any will do."""
    rng = np.random.default_rng(seed)
    found = SimpleNamespace(**{field: 10.0 ** rng.uniform(-2, 2, (nets, depth + 1)) for field in FIELDS})
    curves = {field: 10.0 ** rng.uniform(-2, 2, depth + 1) for field in FIELDS}
    for fields in (vars(found), curves):
        for field in FIELDS[1:]:
            fields[field][..., 0] = np.nan  # there is no layer 0
    law = SimpleNamespace(**curves, band=lambda field: (curves[field] / 3, curves[field] * 4))
    return found, law


DRAWN = {"a2": slice(0, -1), "delta2": slice(1, None), "dw2": slice(1, None)}


@pytest.mark.parametrize("depth", [2, 7])
def test_compare_draws_every_network_of_every_case(depth):
    found, laws = {}, {}
    for seed, name in enumerate(("one", "two", "three")):
        found[name], laws[name] = made(depth, nets=2, seed=seed)
    fig = plots.compare(found, laws, depth)
    markers = []
    for ax, field in zip(fig.axes, FIELDS, strict=True):
        drawn = {(line.get_marker(), *np.ma.filled(line.get_ydata(), np.nan).tolist()) for line in ax.lines}
        drawn = {tuple(v for v in line if v == v) for line in drawn}
        for name in found:
            law = getattr(laws[name], field)[DRAWN[field]]
            assert ("None", *law.tolist()) in drawn
            nets = getattr(found[name], field)[:, DRAWN[field]]
            (used,) = {line[0] for line in drawn for net in nets if line[1:] == tuple(net.tolist())}
            markers.append((name, used))
        low, high = ax.get_ylim()
        values = np.concatenate([getattr(s, field)[:, DRAWN[field]].ravel() for s in found.values()])
        assert low <= values.min() and values.max() <= high
        assert len(ax.collections) == len(found)  # the bands
    assert len(set(markers)) == len({marker for _, marker in markers}) == 3  # one marker a case, in every panel
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["one", "two", "three"]


@pytest.mark.parametrize("depth", [1, 5, 50])
def test_signal_panels_show_what_they_are_given(depth):
    panels = plots.SignalPanels(50)
    assert len(panels.artists) == len(set(panels.artists)) == 9
    for seed in (0, 1):
        found, law = made(depth, seed=seed)
        panels.move(found, law)
        for ax, field, dots, (line, fill) in zip(panels.axes, FIELDS, panels.measured, panels.theory, strict=True):
            layers, kept = np.arange(depth + 1)[DRAWN[field]], DRAWN[field]
            np.testing.assert_array_equal(dots.get_xdata(), layers)
            np.testing.assert_array_equal(dots.get_ydata(), getattr(found, field)[0, kept])
            np.testing.assert_array_equal(line.get_xdata(), layers)
            np.testing.assert_array_equal(line.get_ydata(), getattr(law, field)[kept])
            vertices = fill.get_paths()[0].vertices
            for edge in law.band(field):
                for corner in zip(layers, edge[kept], strict=True):
                    assert (vertices == corner).all(axis=1).any()
            low, high = ax.get_ylim()
            assert low <= np.nanmin(getattr(law, field)[kept]) and np.nanmax(getattr(law, field)[kept]) <= high


def test_signal_panels_take_one_network_as_a_row_or_plain():
    panels, (found, law) = plots.SignalPanels(50), made(4)
    panels.move(SimpleNamespace(**{field: getattr(found, field)[0] for field in FIELDS}), law)
    np.testing.assert_array_equal(panels.measured[1].get_ydata(), found.delta2[0, 1:])


def test_signal_panels_survive_overflow():
    panels, (found, law) = plots.SignalPanels(50), made(6)
    for fields in (found, law):
        fields.a2[..., 3:] = np.inf
        fields.delta2[..., 3:] = 0.0
        fields.dw2[..., 1:] = np.nan
    panels.move(found, law)
    panels.fig.canvas.draw()
    assert np.isfinite(panels.axes[0].get_ylim()).all()


def test_signal_panels_name_their_curves():
    panels = plots.SignalPanels(50)
    (legend,) = panels.fig.legends
    words = " ".join(text.get_text() for text in legend.get_texts())
    assert "measured" in words and "theory" in words and "95 %" in words


# --- spectra ----------------------------------------------------------------------------------------------------
def circle_of(radius, points=40):
    turn = np.linspace(0, 2 * np.pi, points)
    return radius * np.array([np.cos(turn), 0.5 * np.sin(turn)])


@pytest.mark.parametrize("seed", [0, 1])
def test_spectrum_bars_are_the_shares_of_the_singular_values(seed):
    """Counted one by one: a value belongs to the bin whose edges it lies between, in units of the root mean square."""
    panels = plots.SpectrumPanels()
    s = 10.0 ** np.random.default_rng(seed).uniform(-9, 0, 200)
    panels.move(s, None, circle_of(1.0))
    heights, edges, _ = panels.bars.get_data()
    unit = math.sqrt(sum(v * v for v in s) / len(s))
    decades = [math.log10(v / unit) for v in s]
    assert heights[0] == pytest.approx(sum(d <= edges[1] for d in decades) / len(s))  # all that is smaller, too
    for height, low, high in zip(heights[1:], edges[1:-1], edges[2:], strict=True):
        assert height == pytest.approx(sum(low < d <= high for d in decades) / len(s))
    assert sum(heights) == pytest.approx(1)
    panels.move(7.0 * s, None, circle_of(1.0))
    np.testing.assert_allclose(panels.bars.get_data()[0], heights)  # only ratios count


def test_spectrum_law_is_shown_where_there_is_one():
    panels = plots.SpectrumPanels()
    shares = np.linspace(0, 0.1, panels.EDGES.size)
    panels.move(np.ones(4), shares, circle_of(1.0))
    assert panels.law.get_visible()
    np.testing.assert_array_equal(panels.law.get_data()[0], shares)
    panels.move(np.ones(4), None, circle_of(1.0))
    assert not panels.law.get_visible()


@pytest.mark.parametrize(
    "radius, zoom, words",
    [(1.0, 0, ""), (2.9, 0, ""), (3e-5, 5, "drawn × 10⁵"), (2e12, -12, "drawn × 10⁻¹²"), (0, 0, "")],
)
def test_spectrum_circle_fits_and_says_how(radius, zoom, words):
    panels, circle = plots.SpectrumPanels(), circle_of(radius)
    panels.move(np.ones(4), None, circle)
    np.testing.assert_allclose(panels.ring.get_xydata().T, circle * 10.0**zoom, rtol=1e-12)
    np.testing.assert_allclose(panels.start.get_xydata()[0], circle[:, 0] * 10.0**zoom, rtol=1e-12)
    assert panels.note.get_text() == words
    right = panels.ring.axes
    for (low, high), values in zip((right.get_xlim(), right.get_ylim()), panels.ring.get_data(), strict=True):
        assert low <= min(values) and max(values) <= high
    assert right.get_aspect() == 1


def test_spectrum_artists_can_all_move():
    from initlab import live

    panels = plots.SpectrumPanels()
    picture = live.Picture(
        panels.fig, panels.artists, lambda size: panels.move(np.ones(4), None, circle_of(size)) or ""
    )
    picture.set(size=1.0)
    first = picture._marks.value
    picture.set(size=2.0)
    assert picture._marks.value != first
