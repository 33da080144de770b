"""Chapter 08's pictures: maps of second moments, two paddings compared, and the live one."""

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from initlab import plots

FLOOR, CEILING = 1e-40, 1e40  # values beyond are drawn at the edge of the layers' panel
BRIGHTEST = 2.5  # of a map divided by its mean


def image(ax, values, title=""):
    """Draw a map of second moments, dark where there is little, on one scale in the whole chapter; returns it."""
    drawn = ax.imshow(values, cmap="magma", vmin=0.0, vmax=BRIGHTEST, interpolation="nearest", extent=(0, 1, 0, 1))
    ax.set(title=title, xticks=[], yticks=[], aspect="equal")
    ax.grid(False)
    return drawn


def layers_axes(ax, depth):
    """An axes for second moments per layer, logarithmic."""
    ax.set(yscale="log", xlim=(-0.02 * depth, 1.02 * depth), xlabel="layer", title="second moments per layer")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.yaxis.set_minor_locator(NullLocator())


def compare_maps(found, laws):
    """A figure of several cases: found[name] is a list of `convolution.Maps`, one a network, laws[name] a `MapLaw`.

    Networks are thin lines in the colour of the quantity, theory is dark; cases differ by the style of the line.
    """
    depth = len(next(iter(laws.values())).a2) - 1
    fig, axes = plots.three_panels(depth, size=(9.0, 3.1))
    low, high = 1.0, 1.0
    for dashes, (name, law) in zip(("-", "--", ":"), laws.items(), strict=False):
        for ax, field in zip(axes, ("a2", "delta2", "dw2"), strict=True):
            kept = slice(0, -1) if field == "a2" else slice(None)
            color = plots.QUANTITIES[field].color
            each = np.array([maps.mean(field)[kept] for maps in found[name]])
            for k, values in enumerate(each):
                label = f"{name}: networks" if k == 0 else None
                ax.plot(values, color=color, linewidth=1.0, linestyle=dashes, alpha=0.75, label=label)
            ax.plot(law.mean(field)[kept], color=plots.INK, linewidth=2.2, linestyle=dashes, label=f"{name}: theory")
            low, high = min(low, np.nanmin(each)), max(high, np.nanmax(each))
    plots.log_range(axes, low, high)
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=4, fontsize=9, handlelength=3)
    return fig


def map_rows(rows, columns):
    """A figure of maps, each divided by its mean: rows is {name: list of maps}, columns the titles."""
    fig, axes = plots.panels(len(columns), len(rows), size=(1.75 * len(columns), 1.6 * len(rows) + 0.2), squeeze=False)
    for n, (name, maps) in enumerate(rows.items()):
        for ax, title, values in zip(axes[n], columns, maps, strict=True):
            drawn = image(ax, values / values.mean(), "" if n else title)
        axes[n, 0].set_ylabel(name)
    fig.colorbar(drawn, ax=axes, shrink=0.9, label="over the mean")
    return fig


def profile(values):
    """The mean of row p and column p of a square map, over the mean of the map: shape (size,)."""
    values = np.clip(values, FLOOR, CEILING)
    return (values.mean(axis=0) + values.mean(axis=1)) / (2 * values.mean())


class MapPanels:
    """The map of E[a^2] in the last hidden layer with its profile, and three signals per layer; all of it moves.

    `move(found, law, log_std)` takes `convolution.Maps`, a `MapLaw` of one network shape with at least two layers, and
    what `scatter` says of it: 95 % of networks lie in the bands.
    """

    FIELDS = ("a2", "delta2", "dw2")

    def __init__(self, depth, size=8):
        self.fig, (left, middle, right) = plots.panels(3, size=(9.0, 3.3), width_ratios=(1, 1.1, 1.9))
        self.map = image(left, np.ones((2, 2)), "map, theory")
        (self.rows,) = middle.plot([1], [1], color=plots.BLUE, linewidth=1.4)
        self.seen = plots.measured(middle, np.ones(2), "a2")
        middle.set(xlim=(0.5, size + 0.5), ylim=(0, 2.2), xlabel="row or column", title="its rows over the mean")
        middle.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        layers_axes(right, depth)
        self.right = right
        plots.log_range([right], FLOOR, CEILING)  # the widest labels come first: the layout is made for them
        self.marks, self.lines, self.bands = [], [], []
        for field in self.FIELDS:
            look = plots.QUANTITIES[field]
            self.bands.append(right.fill_between([1, 2], [1, 1], [1, 1], color=look.color, alpha=0.14, linewidth=0))
            self.lines.append(right.plot([1], [1], color=look.color, linewidth=1.4)[0])
            self.marks.append(plots.measured(right, np.ones(2), field, label=f"{look.name}  {look.symbol}"))
        names = [mark.get_label() for mark in self.marks] + ["theory, band for 95 % of nets"]
        (line,) = right.plot([], [], color=plots.INK, linewidth=1.4)
        self.fig.legend([*self.marks, line], names, loc="outside lower center", ncols=4, fontsize=9)
        self.artists = [self.map, self.rows, self.seen, *self.bands, *self.marks, *self.lines]

    def move(self, found, law, log_std):
        last = np.clip(law.a2[-2], FLOOR, CEILING)
        self.map.set_data(last / last.mean())
        for drawn, maps in ((self.rows, law), (self.seen, found)):
            drawn.set_data(np.arange(1, len(last) + 1), profile(maps.a2[-2]))
        values = []
        for field, mark, line, band in zip(self.FIELDS, self.marks, self.lines, self.bands, strict=True):
            kept = slice(0, -1) if field == "a2" else slice(1, None)
            layers, mean, std = np.arange(len(law.a2))[kept], law.mean(field)[kept], log_std[field][kept]
            for drawn, at in ((mark, found.mean(field)[kept]), (line, mean)):
                drawn.set_data(layers, np.clip(at, FLOOR, CEILING))
                values += [*np.clip(at, FLOOR, CEILING)]
            edges = (mean * np.exp(-(std**2) / 2 + side * 1.96 * std) for side in (-1, 1))
            band.set_data(layers, *(np.clip(edge, FLOOR, CEILING) for edge in edges))
        plots.log_range([self.right], min(values), max(values))
