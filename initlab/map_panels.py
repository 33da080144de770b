"""Chapter 08's pictures: maps of second moments, two paddings compared, and the live one."""

import numpy as np
from matplotlib.ticker import MaxNLocator, MultipleLocator, NullLocator

from initlab import plots

FLOOR, CEILING = 1e-40, 1e40  # values beyond are drawn at the edge of the layers' panel
DECADES = (1, 2, 4, 7, 10, 16, 25, 40)  # above or below 1 that the layers' panel shows
BRIGHTEST = 2.1  # of a map divided by its mean


def image(ax, values, title=""):
    """Draw a map of second moments, dark where there is little, on one scale in the whole chapter; returns it."""
    drawn = ax.imshow(values, cmap="magma", vmin=0.0, vmax=BRIGHTEST, interpolation="nearest", extent=(0, 1, 0, 1))
    ax.set(title=title, xticks=[], yticks=[], aspect="equal")
    ax.grid(False)
    return drawn


def border_cost(found, laws):
    """A figure of zero against circular padding: found[padding] and laws[padding] hold `Maps`.

    Left E[a^2] under both, then zero over circular, for the three signals of each network: found["zero"][i] and
    found["circular"][i] are one network.  Networks are thin lines, theory is dark.
    """
    depth = len(laws["zero"].a2) - 1
    fig, axes = plots.panels(4, size=(9.0, 2.9), sharey=True)
    looks = {"circular": (plots.GREY, "-"), "zero": (plots.QUANTITIES["a2"].color, "--")}
    for padding, (color, dashes) in looks.items():
        for maps in found[padding]:
            axes[0].plot(maps.mean("a2")[:-1], color=color, linestyle=dashes, linewidth=1.0)
        axes[0].plot(laws[padding].mean("a2")[:-1], color=plots.INK, linestyle=dashes, linewidth=2.0)
    handles = [axes[0].plot([], [], color=color, linestyle=dashes)[0] for color, dashes in looks.values()]
    for ax, field in zip(axes[1:], ("a2", "delta2", "dw2"), strict=True):
        look, kept = plots.QUANTITIES[field], slice(0, -1) if field == "a2" else slice(None)
        for zero, circular in zip(found["zero"], found["circular"], strict=True):
            ax.plot((zero.mean(field) / circular.mean(field))[kept], color=look.color, linewidth=1.0, alpha=0.8)
        handles[2:] = ax.plot((laws["zero"].mean(field) / laws["circular"].mean(field))[kept], color=plots.INK, lw=2.0)
        ax.set_title(look.name, color=look.color)
    axes[0].set(title="both paddings", yscale="log", ylim=(1e-3, 10), ylabel="$E[a^2]$")
    axes[1].set_ylabel("zero / circular")
    for ax in axes:
        ax.set(xlim=(-0.02 * depth, 1.02 * depth), xlabel="layer")
        ax.xaxis.set_major_locator(MultipleLocator(10))
        ax.yaxis.set_minor_locator(NullLocator())
    fig.legend(handles, ["circular", "zero", "theory"], loc="outside lower center", ncols=3, fontsize=9, handlelength=3)
    return fig


def map_rows(rows, columns):
    """A figure of maps, each divided by its mean: rows is {name: list of maps}, columns the titles.

    The numbers are those of a corner, of the middle of the upper edge and of the middle of the map.
    """
    fig, axes = plots.panels(len(columns), len(rows), size=(1.75 * len(columns), 1.6 * len(rows) + 0.2), squeeze=False)
    for n, (name, maps) in enumerate(rows.items()):
        for ax, title, values in zip(axes[n], columns, maps, strict=True):
            over, size = values / values.mean(), len(values)
            drawn = image(ax, over, "" if n else title)
            for row, column in ((0, 0), (0, size // 2), (size // 2, size // 2)):
                at, color = over[row, column], "black" if over[row, column] > 1.2 else "white"
                place = ((column + 0.5) / size, 1 - (row + 0.55) / size)
                ax.text(*place, f"{at:.1f}", color=color, fontsize=7.5, ha="center", va="center")
        axes[n, 0].set_ylabel(name)
    fig.colorbar(drawn, ax=axes, shrink=0.9, label="over the mean")
    return fig


def profile(values):
    """The mean of row p and column p of a square map, over the mean of the map: shape (size,)."""
    values = np.clip(values, FLOOR, CEILING)
    return (values.mean(axis=0) + values.mean(axis=1)) / (2 * values.mean())


class MapPanels:
    """The map of E[a^2] in the last hidden layer with its profile, and three signals per layer; all of it moves.

    `move(found, law, log_std)` takes two `Maps` of one network shape with at least two layers, and what `scatter` says
    of it: 95 % of networks lie in the bands.
    """

    FIELDS = ("a2", "delta2", "dw2")

    def __init__(self, depth, size=8):
        self.fig, (left, middle, right) = plots.panels(3, size=(9.0, 3.3), width_ratios=(1, 1.1, 1.9))
        self.map = image(left, np.ones((2, 2)), "map, theory")
        (self.rows,) = middle.plot([1], [1], color=plots.BLUE, linewidth=1.4)
        self.seen = plots.measured(middle, np.ones(2), "a2")
        middle.set(xlim=(0.5, size + 0.5), ylim=(0, 2.2), xlabel="row or column", title="row and column means")
        middle.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        plots.one_panel(right, depth)
        right.axhline(1.0, color=plots.GREY, linewidth=1.0, zorder=1)  # what keeps its size is level at 1
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
            plots.move_band(band, layers, *(np.clip(edge, FLOOR, CEILING) for edge in edges))
        plots.log_range([self.right], min(values), max(values), DECADES)
