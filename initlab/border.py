"""What theory says of convolutions at their start: maps of second moments, from counting alone.

`taps` holds how often each output pixel of a row reads each input pixel.  The map of second moments of the next layer
is then linear in that of this one, and so is the way back, with the transpose.  No weight is drawn here.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from initlab import plots
from initlab._checks import choice, finite, whole
from initlab.activations import activation as as_activation
from initlab.theory import chi, variance_map

PADDINGS = ("zero", "circular")


def _shifts(size, k, stride, padding):
    """Array (k, outputs, size): the i-th matrix has a 1 where an output reads an input through tap i."""
    size, k, stride = whole("size", size), whole("k", k), whole("stride", stride)
    choice("padding", padding, PADDINGS)
    if k % 2 == 0:
        raise ValueError(f"k must be odd, got {k}: an even kernel has no middle")
    return _counted(size, k, stride, padding)


@lru_cache(maxsize=64)
def _counted(size, k, stride, padding):
    outputs = -(-size // stride)
    shifts = np.zeros((k, outputs, size))
    for i in range(k):
        for p in range(outputs):
            q = stride * p + i - k // 2
            if padding == "circular":
                shifts[i, p, q % size] += 1.0
            elif 0 <= q < size:
                shifts[i, p, q] = 1.0
    shifts.setflags(write=False)  # shared by all who ask
    return shifts


def taps(size, k=3, *, stride=1, padding="zero"):
    """T of shape (outputs, size): T[p, q] is the number of taps through which output p of a row reads input q.

    In two dimensions a map of second moments q becomes Var[w] (in / groups) T q T^T.  Raises ValueError for an even k.
    """
    return _shifts(size, k, stride, padding).sum(axis=0)


def border_factor(size, k=3):
    """What zero padding leaves of the second moment per layer in the long run, in two dimensions.

    The square of the largest eigenvalue of taps(size, k) / k; for k = 3 that is ((1 + 2 cos(pi / (size + 1))) / 3)^2.
    """
    return float(np.linalg.eigvalsh(taps(size, k) / k)[-1] ** 2)


@dataclass(frozen=True)
class MapLaw:
    """Predicted maps over layers 0 ... L, the fields of `convolution.Maps`; `mean(field)` averages each."""

    z2: list
    a2: list
    delta2: list
    dw2: list

    def mean(self, field):
        """The mean over pixels (or taps) per layer, shape (L + 1,), nan where there is none."""
        return np.array([np.nan if v is None else v.mean() for v in getattr(self, field)])


def predict_maps(channels, size, activation, variances, *, kernel=3, strides=1, groups=1, padding="zero", start=1.0):
    """The `MapLaw` of convolutions with Var[w] = variances[l - 1] in layer l and a white cotangent N(0, 1).

    z2[l] = Var[w] (in / groups) T a2[l-1] T^T,  a2[l] = E[phi^2] z2[l],
    delta2[l] = E[phi'^2] Var[w] (out / groups) T^T delta2[l+1] T,
    dw2[l] at a tap = sum over pixels of delta2[l] times the a2[l-1] that the tap reads.
    `activation` must be homogeneous (linear, relu, leaky_relu); `start` is the input's map, or one number.
    Raises ValueError for another activation or lists that do not fit.
    """
    phi, depth = as_activation(activation), len(channels) - 1
    if not phi.homogeneous:
        raise ValueError(f"activation must be linear, relu or leaky_relu for maps in closed form, got {phi.name}")
    variances, strides, groups = ([v] * depth if np.isscalar(v) else list(v) for v in (variances, strides, groups))
    if not len(variances) == len(strides) == len(groups) == depth:
        raise ValueError(f"variances, strides and groups must be one number or {depth} of them")
    variances = [finite("each of variances", v, least=0.0) for v in variances]
    kept, slope = variance_map(phi, 1.0), chi(phi, 1.0)
    z2, a2, shifts = [None], [np.broadcast_to(np.asarray(start, float), (size, size))], [None]
    for n in range(1, depth + 1):
        shifts.append(_shifts(len(a2[-1]), kernel, strides[n - 1], padding))
        T = shifts[n].sum(axis=0)
        z2.append(variances[n - 1] * channels[n - 1] / groups[n - 1] * (T @ a2[-1] @ T.T))
        a2.append(z2[n] if n == depth else kept * z2[n])
    delta2, dw2 = [None] * (depth + 1), [None] * (depth + 1)
    for n in range(depth, 0, -1):
        if n == depth:
            delta2[n] = np.ones_like(z2[n])
        else:
            T = shifts[n + 1].sum(axis=0)
            delta2[n] = slope * variances[n] * channels[n + 1] / groups[n] * (T.T @ delta2[n + 1] @ T)
        met = (shifts[n] @ a2[n - 1]).swapaxes(1, 2) @ delta2[n]  # [i]: what tap row i reads, times delta2
        dw2[n] = np.tensordot(met, shifts[n], axes=((1, 2), (2, 1)))
    return MapLaw(z2, a2, delta2, dw2)


def bump(size):
    """The map that zero padding with k = 3 leads to: sin(pi p / (size + 1)) in each direction, p = 1 ... size."""
    row = np.sin(math.pi * np.arange(1, whole("size", size) + 1) / (size + 1))
    return np.outer(row, row)


# --- pictures -------------------------------------------------------------------------------------------------------
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

    `move(found, law)` takes `convolution.Maps` and a `MapLaw` of one network shape with at least two layers.
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
        self.marks, self.lines = [], []
        for field in self.FIELDS:
            look = plots.QUANTITIES[field]
            self.lines.append(right.plot([1], [1], color=look.color, linewidth=1.4)[0])
            self.marks.append(plots.measured(right, np.ones(2), field, label=f"{look.name}  {look.symbol}"))
        names = [mark.get_label() for mark in self.marks] + ["theory"]
        (line,) = right.plot([], [], color=plots.INK, linewidth=1.4)
        self.fig.legend([*self.marks, line], names, loc="outside lower center", ncols=4, fontsize=9)
        self.artists = [self.map, self.rows, self.seen, *self.marks, *self.lines]

    def move(self, found, law):
        last = np.clip(law.a2[-2], FLOOR, CEILING)
        self.map.set_data(last / last.mean())
        for drawn, maps in ((self.rows, law), (self.seen, found)):
            drawn.set_data(np.arange(1, len(last) + 1), profile(maps.a2[-2]))
        values = []
        for field, mark, line in zip(self.FIELDS, self.marks, self.lines, strict=True):
            kept = slice(0, -1) if field == "a2" else slice(1, None)
            layers = np.arange(len(law.a2))[kept]
            for drawn, maps in ((mark, found), (line, law)):
                at = np.clip(maps.mean(field)[kept], FLOOR, CEILING)
                drawn.set_data(layers, at)
                values += [*at]
        plots.log_range([self.right], min(values), max(values))
