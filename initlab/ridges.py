"""Histograms of every layer of a network, one above the other, as the artists of a live picture.

Activations are counted as they are, errors and weight gradients by the logarithm of their size.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

from initlab.plots import INK, QUANTITIES, panels, series

BINS = 40
FIELDS = ("a2", "delta2", "dw2")
TITLES = ("activations  $a$", r"errors  $\log_{10}|\delta|$", r"weight gradients  $\log_{10}|\partial C/\partial W|$")
RANGES = ((-1.0, 1.0), (-8.0, 2.0), (-8.0, 2.0))
TICKS = ((-1, -0.5, 0, 0.5, 1), (-8, -6, -4, -2, 0, 2), (-8, -6, -4, -2, 0, 2))


def heights(values, low, high, bins=BINS):
    """Counts of the values in equal bins from low to high, over the highest count: shape (bins,).

    What lies outside is counted in the end bins, nan in the last.  Raises ValueError without values or for
    low >= high.
    """
    values = np.ravel(np.asarray(values, dtype=float))
    if not values.size:
        raise ValueError("a histogram needs at least one value")
    if not low < high:
        raise ValueError(f"low must be below high, got {low} and {high}")
    place = (values - low) * (bins / (high - low))
    np.fmin(place, bins - 1, out=place)  # of a number and nan the number
    np.maximum(place, 0, out=place)
    counts = np.bincount(place.astype(np.intp), minlength=bins)
    return counts / counts.max()


@dataclass(frozen=True)
class Frame:
    """One moment of a network: `heights` of shape (3, layers, bins), `mean_square` of shape (3, layers)."""

    heights: np.ndarray
    mean_square: np.ndarray


def frame(a, delta, dw):
    """The `Frame` of three lists of arrays, one array for each layer: activations, errors, weight gradients.

    mean_square[k, l] = mean of the squares of array l of list k.  Raises ValueError for lists of different lengths.
    """
    if not len(a) == len(delta) == len(dw):
        raise ValueError(f"one array per layer in each list, got {len(a)}, {len(delta)} and {len(dw)}")
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        shown = [a, *([np.log10(np.abs(v)) for v in rows] for rows in (delta, dw))]
        bars = [[heights(v, *reach) for v in rows] for rows, reach in zip(shown, RANGES, strict=True)]
        return Frame(np.array(bars), np.array([[np.mean(np.square(v)) for v in rows] for rows in (a, delta, dw)]))


class Ridges:
    """Three panels of histograms, layer 1 at the bottom, each row over its own highest bar.

    A mark stands at each row's root mean square.  `below` is an empty axes under the panels, which `losses` fills.
    """

    def __init__(self, layers):
        self.fig, grid = panels(3, 2, size=(9.0, 5.4), height_ratios=[3, 1.1])
        self._bars, self._marks = [], []
        for ax, field, title, reach, ticks in zip(grid[0], FIELDS, TITLES, RANGES, TICKS, strict=True):
            look, edges = QUANTITIES[field], np.linspace(*reach, BINS + 1)
            ax.set_title(title, color=look.color, fontsize=11)
            ax.set(xlim=reach, ylim=(0.9, layers + 1.0), yticks=range(1, layers + 1), xticks=ticks)
            for layer in range(1, layers + 1):
                self._bars.append(ax.stairs(np.ones(BINS), edges, baseline=layer, fill=True, color=look.color))
            style = dict(color=INK, marker="|", markersize=11, markeredgewidth=2, linestyle="none")
            self._marks += ax.plot([], [], label="root mean square", **style)
        grid[0, 0].set_ylabel("layer")
        self.below = self.fig.add_subplot(grid[1, 0].get_gridspec()[1, :])
        for ax in grid[1]:
            ax.remove()
        self.artists = [*self._bars, *self._marks]

    def losses(self, steps, curves):
        """Draw loss curves by name under the histograms, shape (steps,) each; `move` then shows where it stands."""
        lines = [series(self.below, k, steps, loss, name) for k, (name, loss) in enumerate(curves.items())]
        first, last = min(steps), max(steps)
        self.below.set(xlabel="step", ylabel="loss", yscale="log", xlim=(first, first + 1.42 * (last - first)))
        self.below.xaxis.set_major_locator(FixedLocator(np.linspace(first, last, 4)))
        self.below.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        self.below.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        self.below.yaxis.set_minor_locator(NullLocator())
        self.below.margins(y=0.12)
        self.below.legend(handles=[*lines, self._marks[0]], loc="center right", fontsize=9)
        start = dict(marker="o", markersize=8, color=INK, linestyle="none", clip_on=False)
        (self._dot,) = self.below.plot([first], [lines[0].get_ydata()[0]], **start)
        self.artists.append(self._dot)

    def move(self, shown, step=None, loss=None):
        """Show a `Frame`, and the place of its step and loss on the curves."""
        layers = shown.mean_square.shape[1]
        for k, bar in enumerate(self._bars):
            panel, layer = divmod(k, layers)
            bar.set_data(values=layer + 1 + 0.85 * shown.heights[panel, layer], baseline=layer + 1)
        with np.errstate(divide="ignore"):
            roots = np.sqrt(shown.mean_square)
            places = [roots[0], *np.maximum(np.log10(roots[1:]), np.array(RANGES[1:])[:, :1])]
        for mark, place in zip(self._marks, places, strict=True):
            mark.set_data(place, np.arange(1, layers + 1) + 0.12)
        if step is not None:
            self._dot.set_data([step], [loss])
