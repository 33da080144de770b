"""Chapter 07's pictures: the variance map with the path of a network on it, and a table of growth per layer."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from initlab import plots

LOW, HIGH = 1e-3, 1e3  # what the map shows
FLOOR, CEILING = 1e-16, 1e16  # the widest range of the layers' panel; what lies beyond leaves it
WIDEST = 1e6  # a band wider than this says nothing and is not drawn
QS = np.logspace(-3, 3, 61)  # the q at which a curve of the map is drawn


def cobweb(q):
    """Corner points (x, y) of a path through the map: q[0] on the diagonal, up to q[1], over to the diagonal, ..."""
    q = np.clip(np.nan_to_num(np.asarray(q, dtype=float), nan=HIGH * 10), LOW / 10, HIGH * 10)
    return np.repeat(q, 2)[:-1], np.concatenate([q[:1], np.repeat(q[1:], 2)])


def map_axes(ax, low=LOW, high=HIGH):
    """An axes for q' against q, both logarithmic, with the diagonal on which q' = q."""
    ax.plot([low, high], [low, high], color=plots.GREY, linestyle="--", linewidth=1.2, label="q′ = q")
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.set(xlabel="q of a layer", ylabel="q′ of the next layer")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())


def map_and_ratio(paths, maps):
    """Left the map of the first of `maps` with stairs on it, right what each map multiplies q by.

    paths: sequences of q, layer after layer.  maps: {name: q' at `QS`}.  Returns the figure.
    """
    fig, (left, right) = plots.panels(2, size=(7.2, 2.7), width_ratios=(1, 1.5))
    first = next(iter(maps))
    map_axes(left, 10**-1.5, 10**1.5)
    left.plot(QS, maps[first], color=plots.PURPLE, linewidth=2.4)
    for path, color, marker in zip(paths, (plots.SKY, plots.AMBER), "os", strict=True):
        left.plot(*cobweb(path), color=color, linewidth=2)
        left.plot(path[:1], path[:1], marker, color=color, markeredgecolor=plots.INK, markersize=7)
    left.text(8, 14, "q′ = q", color=plots.GREY, ha="right")
    left.set_title(f"{first}: the map")
    right.axhline(1, color=plots.GREY, linestyle="--", linewidth=1.2)
    for k, (name, curve) in enumerate(maps.items()):
        color, line = ((plots.PURPLE, "-"), (plots.INK, "--"), (plots.PINK, "-."))[k]
        right.plot(QS, curve / QS, color=color, linestyle=line, linewidth=2.2)
        at, above = np.searchsorted(QS, (0.05, 12.0, 0.05)[k]), k == 0
        look = dict(color=color, va="bottom" if above else "top")
        right.text(QS[at], curve[at] / QS[at] * (1.06 if above else 0.94), name, **look)
    right.set(xscale="log", yscale="log", xlim=(10**-1.5, 10**1.5), ylim=(0.3, 3), xlabel="q of a layer")
    right.set_title("q′/q: what the next layer multiplies q by")
    right.yaxis.set_major_locator(FixedLocator([0.3, 0.5, 1, 2, 3]))
    right.yaxis.set_major_formatter("{x:g}")
    for axis in (right.xaxis, right.yaxis):
        axis.set_minor_locator(NullLocator())
    return fig


def signal_panels(found, laws, low, high):
    """Forward E[z^2], backward and weight gradient of one network per activation, with theory and its band.

    found: {name: Signal}, its first network is drawn; laws: {name: Prediction}.  Marks of the activations take turns,
    so that equal values do not hide one another; what lies below `low` leaves the picture.  Returns the figure.
    """
    depth = len(next(iter(laws.values())).z2) - 1
    fig, axes = plots.three_panels(depth, size=(8.2, 2.8), fields=("z2", "delta2", "dw2"))
    layers = np.arange(depth + 1)
    for k, (name, marker) in enumerate(zip(found, "osD", strict=False)):
        for ax, field in zip(axes, ("z2", "delta2", "dw2"), strict=True):
            law, band = getattr(laws[name], field), laws[name].band(field)
            plots.theory(ax, law, band, label=None)
            turn = slice(1 + k, None, len(found))
            look = dict(marker=marker, linestyle="none", markersize=5.5, markeredgecolor=plots.INK, markeredgewidth=0.6)
            color = plots.QUANTITIES[field].color
            ax.plot(layers[turn], getattr(found[name], field)[0, turn], color=color, label=name, **look)
    for ax in axes:
        ax.set_ylim(low, high)
        ax.yaxis.set_major_locator(LogLocator(numticks=99))
        ax.yaxis.set_minor_locator(NullLocator())
    axes[0].legend(loc="lower left")
    return fig


class GainPanels:
    """Left the map with a network's path, right forward, backward and weight gradient per layer; artists that move.

    `move(curve, found, law)`: curve holds q' at `QS`, found and law are a `Signal` of one network and a `Prediction`.
    The path is the network's own E[z^2].  A band wider than `WIDEST` is not drawn.
    """

    FIELDS = ("z2", "delta2", "dw2")

    def __init__(self, depth):
        self.fig, (left, right) = plots.panels(2, size=(8.2, 3.4), width_ratios=(1, 1.25))
        map_axes(left)
        (self.curve,) = left.plot(QS, QS, color=plots.PURPLE, linewidth=2.4, label="the map")
        (self.path,) = left.plot([1], [1], color=plots.BLUE, linewidth=1.2, label="path of the network")
        (self.start,) = left.plot([1], [1], "o", color=plots.BLUE, markersize=8, label="its first layer")
        left.set_title("map  q → q′")
        left.legend(loc="lower right", fontsize=8.5, handlelength=1.2, borderaxespad=0.1)
        plots.one_panel(right, depth)
        self.right, start = right, np.ones(2)
        plots.log_range([right], FLOOR, CEILING)  # the widest labels come first: the layout is made for them
        self.law, self.marks = [], []
        for field in self.FIELDS:
            look = plots.QUANTITIES[field]
            self.law.append(plots.theory(right, start, (start, start), label=None))
            self.law[-1][1].set(facecolor=look.color, alpha=0.14)  # three bands in one panel: each its own colour
            self.law[-1][0].set_color(look.color)
            self.marks.append(plots.measured(right, start, field, label=f"{look.name}  {look.symbol}"))
        names = [mark.get_label() for mark in self.marks] + ["theory with its 95 % band"]
        self.fig.legend([*self.marks, self.law[0][0]], names, loc="outside lower center", ncols=4, fontsize=9)
        fills, lines = [fill for _, fill in self.law], [line for line, _ in self.law]
        self.artists = [*fills, self.curve, self.path, self.start, *self.marks, *lines]

    def move(self, curve, found, law):
        q = found.z2[0, 1:]
        self.curve.set_data(QS, np.clip(curve, LOW / 10, HIGH * 10))
        self.path.set_data(*cobweb(q))
        self.start.set_data(*(np.clip(q[:1], LOW, HIGH) for _ in "xy"))
        values = []
        layers = np.arange(1, len(law.z2))
        for field, mark, (line, fill) in zip(self.FIELDS, self.marks, self.law, strict=True):
            with np.errstate(over="ignore", invalid="ignore"):  # far from a repelling fixed point the band is endless
                edges = (np.ravel(getattr(found, field)), getattr(law, field), *law.band(field))
            seen, mean, low, high = (
                np.clip(np.nan_to_num(v[1:], nan=CEILING * 1e60), FLOOR / 1e60, CEILING * 1e60) for v in edges
            )
            wide = high > WIDEST * low
            mark.set_data(layers, seen)
            line.set_data(layers, mean)
            plots.move_band(fill, layers, np.where(wide, mean, low), np.where(wide, mean, high))
            values += [*seen, *mean]
        plots.log_range([self.right], max(min(values), FLOOR), min(max(values), CEILING))


def growth(found, last, first=1):
    """Growth per layer, (forward, backward), of a Prediction or the median of a Signal, between two layers."""
    z2, delta2 = (np.median(np.atleast_2d(v), axis=0) for v in (found.z2, found.delta2))
    steps = 1 / (last - first)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (z2[last] / z2[first]) ** steps, (delta2[first] / delta2[last]) ** steps


def heat_maps(tables, rows, columns, titles):
    """Tables of factors, side by side: purple below 1, orange above, white at 1; every cell says its number.

    The colours are full at 1/2 and at 2.  Returns the figure.
    """
    fig, axes = plots.panels(len(tables), size=(7.0, 2.7), sharey=True)
    for ax, table, title in zip(axes, tables, titles, strict=True):
        ax.imshow(table, norm=LogNorm(0.5, 2), cmap="PuOr_r", aspect="auto")
        for (i, k), value in np.ndenumerate(table):
            dark = not 0.7 < value < 1.6
            text = f"{value:.2f}" if value >= 0.095 else f"{value:.1g}"
            ax.text(k, i, text, ha="center", va="center", fontsize=7, color="white" if dark else plots.INK)
        ax.set_xticks(range(len(columns)), columns, fontsize=9)
        ax.set_yticks(range(len(rows)), rows)
        ax.tick_params(length=0)
        ax.grid(False)
        ax.set_title(title)
    return fig


def loss_curves(runs, beyond):
    """Losses of several trainings as means of ten steps, each with its name; values above `beyond` are arrows upwards.

    runs: {name: (losses, colour, marker)}.  Returns the figure.
    """
    fig, ax = plots.panels(size=(7.0, 2.3))
    ax.axhline(np.log(10), color="#dddddd", linewidth=7, zorder=0)
    ax.text(-3, np.log(10) + 0.25, "guessing: ln 10", color=plots.GREY)
    for name, (loss, color, marker) in runs.items():
        steps = np.arange(0, len(loss), 10)
        mean = np.array([np.mean(loss[k : k + 10]) for k in steps])
        seen = mean < beyond
        ax.plot(steps[seen], mean[seen], color=color, marker=marker, markersize=5)
        ax.plot(steps[~seen], np.full((~seen).sum(), beyond - 0.3), "^", color=color, markersize=9)
        at = (steps[-1] + 3, mean[-1]) if seen[-1] else (steps[-1] + 4, beyond - 0.3)
        ax.text(*at, name, va="center")
    ax.grid(False)
    ax.set(xlabel="step", ylabel="loss", xlim=(-5, 152), ylim=(0, beyond), xticks=range(0, 101, 50))
    return fig
