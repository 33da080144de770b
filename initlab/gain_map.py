"""Chapter 07's pictures: the variance map with the path of a network on it, and a table of growth per layer."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator, NullLocator

from initlab import plots

LOW, HIGH = 1e-3, 1e3  # what the map shows
FLOOR, CEILING = 1e-40, 1e40  # values beyond are drawn at the edge of the layers' panel
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


class GainPanels:
    """Left the map with a network's path, right forward, backward and weight gradient per layer; artists that move.

    `move(curve, found, law)`: curve holds q' at `QS`, found and law are a `Signal` of one network and a `Prediction`.
    """

    FIELDS = ("a2", "delta2", "dw2")

    def __init__(self, depth):
        self.fig, (left, right) = plots.panels(2, size=(8.6, 3.7), width_ratios=(1, 1.25))
        map_axes(left)
        (self.curve,) = left.plot(QS, QS, color=plots.PURPLE, linewidth=2.4, label="the map")
        (self.path,) = left.plot([1], [1], color=plots.BLUE, linewidth=1.2, label="path of the network")
        (self.start,) = left.plot([1], [1], "o", color=plots.BLUE, markersize=8, label="its first layer")
        left.set_title("map  q → q′")
        left.legend(loc="lower right", fontsize=9)
        right.set(yscale="log", xlim=(-0.02 * depth, 1.02 * depth), xlabel="layer", title="second moments per layer")
        right.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        self.right, start = right, np.ones(2)
        plots.log_range([right], FLOOR, CEILING)  # the widest labels come first: the layout is made for them
        self.law, self.marks = [], []
        for field in self.FIELDS:
            look = plots.QUANTITIES[field]
            self.law.append(plots.theory(right, start, (start, start), label=None))
            self.law[-1][1].set(facecolor=look.color, alpha=0.14)  # three bands in one panel: each its own colour
            self.law[-1][0].set_color(look.color)
            self.marks.append(plots.measured(right, start, field, label=f"{look.name}  {look.symbol}"))
        names = [mark.get_label() for mark in self.marks] + ["theory, band for 95 % of nets"]
        self.fig.legend([*self.marks, self.law[0][0]], names, loc="outside lower center", ncols=4, fontsize=9)
        fills, lines = [fill for _, fill in self.law], [line for line, _ in self.law]
        self.artists = [*fills, self.curve, self.path, self.start, *self.marks, *lines]

    def move(self, curve, found, law):
        q = law.z2[1:-1]
        self.curve.set_data(QS, np.clip(curve, LOW / 10, HIGH * 10))
        self.path.set_data(*cobweb(q))
        self.start.set_data(*(np.clip(q[:1], LOW, HIGH) for _ in "xy"))
        values = []
        for field, mark, (line, fill) in zip(self.FIELDS, self.marks, self.law, strict=True):
            kept = slice(0, -1) if field == "a2" else slice(1, None)
            layers = np.arange(len(law.z2))[kept]
            with np.errstate(over="ignore", invalid="ignore"):  # far from a repelling fixed point the band is endless
                edges = (np.ravel(getattr(found, field)), getattr(law, field), *law.band(field))
            seen, mean, low, high = (
                np.clip(np.nan_to_num(v[kept], nan=CEILING, posinf=CEILING), FLOOR, CEILING) for v in edges
            )
            mark.set_data(layers, seen)
            line.set_data(layers, mean)
            fill.set_data(layers, low, high)
            values += [*seen, *mean]
        plots.log_range([self.right], min(values), max(values))


def growth(found, depth):
    """Growth per layer, (forward, backward), of a Prediction or the median of a Signal, between layers 1 and depth."""
    z2, delta2 = (np.median(np.atleast_2d(v), axis=0) for v in (found.z2, found.delta2))
    steps = 1 / (depth - 1)
    return (z2[depth] / z2[1]) ** steps, (delta2[1] / delta2[depth]) ** steps


def heat_maps(tables, rows, columns, titles):
    """Tables of factors, side by side: purple below 1, orange above, white at 1; every cell says its number."""
    fig, axes = plots.panels(len(tables), size=(8.0, 3.2), sharey=True)
    for ax, table, title in zip(axes, tables, titles, strict=True):
        ax.imshow(table, norm=LogNorm(0.1, 10), cmap="PuOr_r", aspect="auto")
        for (i, k), value in np.ndenumerate(table):
            dark = abs(np.log10(value)) > 0.55
            text = f"{value:.2f}" if value >= 0.095 else f"{value:.1g}"
            ax.text(k, i, text, ha="center", va="center", fontsize=7.5, color="white" if dark else plots.INK)
        ax.set_xticks(range(len(columns)), columns)
        ax.set_yticks(range(len(rows)), rows)
        ax.tick_params(length=0)
        ax.grid(False)
        ax.set_title(title)
    return fig
