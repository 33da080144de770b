"""One look for every figure: a style, a colour and a marker for each quantity, and a few ways to draw arrays.

Nothing here knows the rest of the package: functions take arrays and a matplotlib axes.  Colours are Okabe and
Ito's, which colour-blind readers can tell apart; marker and line style say the same thing once more.
"""

import gc
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from initlab._output import show_png, small_png
from initlab._ticks import power_of_ten

BLUE, ORANGE, GREEN, PINK, SKY, AMBER = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"
PURPLE, INK, GREY = "#6a51a3", "#222222", "#767676"
# blue, orange and green belong to forward, backward and weight gradient: other curves have other colours
SERIES = (
    (INK, "o", "-"),
    (PINK, "s", "--"),
    (AMBER, "^", "-."),
    (SKY, "D", ":"),
    (PURPLE, "v", "-"),
    (GREY, "P", "--"),
)


RANGES = (1, 2, 4, 8, 16, 25, 40, 64, 110, 300)  # decades above or below 1 that a logarithmic picture shows
FEW_RANGES = (1, 3, 6, 10, 16, 40, 120, 300)  # and one which moves: each change of limits makes the eye start anew
TUPLE = {tuple: HandlerTuple(ndivide=None)}


@dataclass(frozen=True)
class Quantity:
    """How one quantity looks in every chapter."""

    name: str
    symbol: str
    color: str
    marker: str


QUANTITIES = {
    "z2": Quantity("forward", r"$E[z^2]$", BLUE, "o"),
    "a2": Quantity("forward", r"$E[a^2]$", BLUE, "o"),
    "delta2": Quantity("backward", r"$E[\delta^2]$", ORANGE, "s"),
    "dw2": Quantity("weight gradient", r"$E[(\partial C/\partial W)^2]$", GREEN, "^"),
}

STYLE = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "axes.titley": 1.0,  # where it is anyway: matplotlib looks for it for a sixth of a figure's time
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=[s[0] for s in SERIES]),
    "grid.color": "#e2e2e2",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "xtick.color": INK,
    "ytick.color": INK,
}


def use_style():
    """Set matplotlib's defaults to the series' style, for this kernel."""
    mpl.rcParams.update(STYLE)
    if not gc.get_freeze_count():
        gc.freeze()  # what imports have made stays: to look for old figures and free their pixels is quick from now on


def panels(columns=1, rows=1, size=(9.0, 3.4), **options):
    """(figure, axes) without pyplot: one axes, or an array of them; `size` in inches, at 100 pixels an inch."""
    fig = Figure(figsize=size)
    FigureCanvasAgg(fig)
    return fig, fig.subplots(rows, columns, **options)


def show(fig, alt):
    """Show a figure in the notebook with its alternative text: what a reader who cannot see it should know."""
    show_png(small_png(fig), alt, fig.bbox.width, fig.bbox.height)


def three_panels(depth, size=(9.0, 3.3), fields=("a2", "delta2", "dw2")):
    """(figure, axes) for forward, backward and weight gradient against the layer, on one logarithmic axis."""
    fig, axes = panels(len(fields), size=size, sharey=True)
    if (layout := fig.get_layout_engine()) is not None:
        layout.set(wspace=0.06, w_pad=0.08)  # the last tick of one panel and the first of the next are two numbers
    for ax, field in zip(axes, fields, strict=True):
        look = QUANTITIES[field]
        ax.set_title(f"{look.name}  {look.symbol}", color=look.color)
        ax.set_yscale("log")
        ax.set_xlim(-0.02 * depth, 1.02 * depth)
        ax.set_xlabel("layer")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0].set_ylabel("second moment")
    return fig, axes


def one_panel(ax, depth):
    """Make an axes one for all three signals against the layer, logarithmic."""
    ax.set(yscale="log", xlim=(-0.02 * depth, 1.02 * depth), xlabel="layer", title="second moments per layer")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.yaxis.set_minor_locator(NullLocator())


def log_range(axes, low, high, ranges=FEW_RANGES):
    """Set the powers of ten around [low, high], 1 included, in steps that rarely change while a slider moves.

    ranges: the decades above or below 1 to choose from; a picture that stands still can have `RANGES`, a closer fit.
    """
    with np.errstate(divide="ignore"):
        down, up = np.log10(low), np.log10(high)
    down, up = (next((s for s in ranges if reach <= s), ranges[-1]) for reach in (-down, up))
    step = next((s for s in (1, 2, 5, 10, 20, 50, 100) if (down + up) / s <= 5), 200)
    powers = np.arange(-(down // step), up // step + 1) * step
    limits = 10.0**-down, 10.0**up
    for ax in axes:
        if ax.get_ylim() == limits and isinstance(ax.yaxis.get_major_locator(), FixedLocator):
            continue  # as they are, or set through an axes that shares them
        ax.set_ylim(*limits)
        ax.yaxis.set_major_locator(FixedLocator([10.0 ** int(k) for k in powers]))
        ax.yaxis.set_minor_locator(NullLocator())


def theory(ax, y, band=None, label="theory", color=INK):
    """A prediction per layer as a thin dark line with the band in which single networks are expected.

    y has shape (L + 1,), band is (low, high).  Returns (line, polygon or None).
    """
    layers = np.arange(len(y))
    fill = None
    if band is not None:
        low, high = band
        fill = ax.fill_between(layers, low, high, color=GREY, alpha=0.28, linewidth=0, zorder=1.5)
    (line,) = ax.plot(layers, y, color=color, linewidth=1.2, linestyle="-", zorder=4, label=label)
    return line, fill


def move_band(fill, x, low, high):
    """What `fill.set_data(x, low, high)` does to a band of `theory`, in a quarter of the time where all is finite."""
    edges = np.array([low, high])
    if not np.isfinite(edges).all():
        fill.set_data(x, low, high)  # in pieces, around what is missing
        return
    fill.set_verts([np.column_stack([np.concatenate([x, x[::-1]]), np.concatenate([edges[0], edges[1, ::-1]])])])


def measured(ax, y, field, label="measured", **options):
    """A measurement per layer, shape (L + 1,) or (nets, L + 1), as markers in the colour of its quantity.

    Returns the line, or for several networks the first one, which carries the label.
    """
    look, y = QUANTITIES[field], np.atleast_2d(y)
    style = dict(color=look.color, marker=look.marker, linestyle="none", markersize=4.5, zorder=3)
    lines = ax.plot(np.arange(y.shape[1]), y.T, **{**style, **options})
    lines[0].set_label(label)
    return lines[0]


def series(ax, k, x, y, label, **options):
    """Curve number k of several, with its own colour and line style.  Returns the line."""
    color, _, linestyle = SERIES[k % len(SERIES)]
    (line,) = ax.plot(x, y, color=color, linestyle=linestyle, label=label, **options)
    return line


def compare(found, laws, depth):
    """A figure of several cases: found[name] has shape (nets, L + 1) fields, laws[name] the prediction with its band.

    Each panel has the colour of its quantity; cases differ by marker.  A single case has each quantity's own.  The
    output layer's a2 is not drawn.  Of many layers some are marked.
    """
    fig, axes = three_panels(depth)
    low, high, every = 1.0, 1.0, max(1, depth // 16)
    for case, (name, s) in zip("osDv^P", found.items(), strict=False):
        for ax, field in zip(axes, ("a2", "delta2", "dw2"), strict=True):
            kept = slice(0, -1) if field == "a2" else slice(None)
            law, band = getattr(laws[name], field)[kept], laws[name].band(field)
            theory(ax, law, tuple(edge[kept] for edge in band), label=None)
            marker = case if len(found) > 1 else QUANTITIES[field].marker
            marks = {"marker": marker, "fillstyle": "none", "markevery": every}
            measured(ax, getattr(s, field)[:, kept], field, label=name, **marks)
            low, high = min(low, np.nanmin(law)), max(high, np.nanmax(law))
    log_range(axes, low, high, RANGES)
    axes[0].legend(loc="lower left")
    return fig


class SignalPanels:
    """Forward, backward and weight gradient per layer as the artists of a live picture: measured, theory, band.

    `move(found, law)` takes objects with a field for each ("a2", "delta2", "dw2"): `found` of shape (1, L + 1) or
    (L + 1,), `law` of shape (L + 1,) and with `band(field)`.  The output layer's a2 is not drawn: that layer is linear,
    and no weight reads it.
    """

    FIELDS = ("a2", "delta2", "dw2")

    def __init__(self, depth):
        self.fig, self.axes = three_panels(depth)
        for ax in self.axes[1:]:
            ax.tick_params(left=False)  # the grid says it, and it is drawn anew with the limits
        log_range(self.axes, 1e-100, 1e100)  # the widest labels come first: the layout is made for them
        start = np.ones(2)
        self.theory = [theory(ax, start, (start, start)) for ax in self.axes]
        self.measured = [measured(ax, start, field) for ax, field in zip(self.axes, self.FIELDS, strict=True)]
        line, fill = self.theory[0]
        names = ["measured", "theory: mean over networks", "theory: 95 % of single networks"]
        self.fig.legend(
            [tuple(self.measured), line, fill], names, loc="outside lower center", ncols=3, handler_map=TUPLE
        )
        self.artists = [fill for _, fill in self.theory] + self.measured + [line for line, _ in self.theory]

    def move(self, found, law):
        drawn = {f: slice(0, -1) if f == "a2" else slice(1, None) for f in self.FIELDS}
        values = np.concatenate([getattr(law, f)[drawn[f]] for f in self.FIELDS])
        values = values[np.isfinite(values)]
        log_range(self.axes, values.min(initial=1.0), values.max(initial=1.0))
        for k, field in enumerate(self.FIELDS):
            kept = drawn[field]
            line, fill = self.theory[k]
            layers = np.arange(len(getattr(law, field)))[kept]
            self.measured[k].set_data(layers, np.ravel(getattr(found, field))[kept])
            line.set_data(layers, getattr(law, field)[kept])
            move_band(fill, layers, *(edge[kept] for edge in law.band(field)))


class SpectrumPanels:
    """Singular values as a histogram and a circle's image, as the artists of a live picture.

    `move(s, shares, circle)`: s of shape (n,), counted in units of their root mean square; `shares` the predicted
    share of each bin, below EDGES[0] and between neighbouring EDGES (log10), or None; circle of shape (2, points),
    enlarged or shrunk by a power of ten where it would not fit, and the picture says so.
    """

    EDGES = np.arange(-6, 1.6, 0.5) - 0.25

    def __init__(self):
        self.fig, (left, right) = panels(2, size=(9.0, 3.6), width_ratios=[1.4, 1])
        bins, empty, turn = (
            np.append(self.EDGES[0] - 0.5, self.EDGES),
            np.zeros(self.EDGES.size),
            np.linspace(0, 6.3, 99),
        )
        self.bars = left.stairs(empty, bins, fill=True, color=SKY, label="measured")
        self.law = left.stairs(empty, bins, color=INK, linewidth=1.4, label="theory for infinite width (not for tanh)")
        left.set(xlim=(bins[0], bins[-1]), ylim=(0, 1.05), xlabel="s / root mean square", ylabel="share")
        left.set_title("singular values")
        left.set_xticks([-6.5, *range(-5, 2)], ["less", *map(power_of_ten, range(-5, 2))])
        left.legend(loc="upper left")
        right.plot(np.cos(turn), np.sin(turn), color=GREY, linestyle="--", linewidth=1)
        (self.ring,) = right.plot([], [], color=PURPLE)
        (self.start,) = right.plot([], [], "o", color=AMBER, markeredgecolor=INK)
        self.note = right.text(3.3, -2.5, "", ha="right", va="bottom")
        right.set(xlim=(-3.4, 3.4), ylim=(-2.6, 2.6), aspect="equal", title="a circle of inputs, after all layers")
        self.artists = [self.bars, self.law, self.ring, self.start, self.note]

    def move(self, s, shares, circle):
        size = np.sqrt(np.mean(s**2))
        self.bars.set_data(np.diff([np.mean(s <= size * 10.0**edge) for edge in self.EDGES], prepend=0.0))
        self.law.set_visible(shares is not None)
        if shares is not None:
            self.law.set_data(shares)
        largest = float(np.abs(circle).max())
        zoom = -round(np.log10(largest)) if largest > 0 else 0
        self.ring.set_data(*(10.0**zoom * circle))
        self.start.set_data(*(10.0**zoom * circle[:, :1]))
        self.note.set_text(f"drawn × {power_of_ten(zoom)}" if zoom else "")
