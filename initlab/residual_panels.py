"""Chapter 09's pictures: the stream of a net of blocks, forward, backward and weight gradient, still and moving."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from initlab import plots

FIELDS = ("x2", "delta2", "dw1")
LOOKS = tuple(plots.QUANTITIES[name] for name in ("a2", "delta2", "dw2"))
TITLES = ("forward  $E[x^2]$", "backward  $E[\\delta^2]$", "weight gradient of $W_1$")
MARKERS = "osD^vP"
FLOOR, CEILING = 1e-250, 1e250  # what lies beyond is drawn at the edge


def stream_axes(depth, size=(9.0, 3.2)):
    """(figure, three axes) for forward, backward and weight gradient against the block, on one logarithmic axis."""
    fig, axes = plots.panels(3, size=size, sharey=True)
    for ax, look, title in zip(axes, LOOKS, TITLES, strict=True):
        ax.set_title(title, color=look.color)
        ax.set(yscale="log", xlim=(-0.02 * depth, 1.02 * depth), xlabel="block")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0].set_ylabel("second moment")
    return fig, axes


def _positive(values):
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values) & (values > 0)]


def compare(found, laws):
    """A figure of several kinds: found[name] is a list of streams (one per net), laws[name] what theory says.

    The grey area reaches from the lowest net to the highest, the markers are the median net, the thin dark line is
    theory.  Kinds differ by marker.
    """
    depth = max(len(law.x2) for law in laws.values()) - 1
    fig, axes = stream_axes(depth, size=(7.2, 2.6))
    extremes, every = [1.0], max(1, depth // 10)
    for marker, (name, nets) in zip(MARKERS, found.items(), strict=False):
        for ax, field, look in zip(axes, FIELDS, LOOKS, strict=True):
            values = np.array([getattr(net, field) for net in nets])
            law, layers = getattr(laws[name], field), np.arange(values.shape[1])
            if not _positive(values).size:
                continue
            ax.fill_between(layers, values.min(axis=0), values.max(axis=0), color=plots.GREY, alpha=0.25, linewidth=0)
            ax.plot(layers, law, color=plots.INK, linewidth=1.1, zorder=4)
            ax.plot(
                layers, np.median(values, axis=0), linestyle="none", marker=marker, markersize=4.5, fillstyle="none",
                markevery=every, color=look.color,
            )  # fmt: skip
            extremes += [_positive(values).min(), _positive(values).max()]
    plots.log_range(axes, min(extremes), max(extremes))
    axes[0].set_ylim(min(extremes) / 3, max(extremes) * 3)
    style = dict(linestyle="none", color=plots.INK, markersize=4.5, fillstyle="none")
    marks = [axes[0].plot([], [], marker=marker, **style)[0] for marker, _ in zip(MARKERS, found, strict=False)]
    fig.legend(marks, list(found), loc="outside lower center", ncols=len(found), fontsize=9)
    return fig


class StreamPanels:
    """The three panels as the artists of a live picture: `move(found, law)` takes two streams.

    W2's gradient has hollow marks of its own.  A gradient that is exactly 0 has no place on a logarithmic axis: the
    picture says so in words.
    """

    def __init__(self, depth):
        self.fig, self.axes = stream_axes(depth, size=(8.2, 3.2))
        plots.log_range(self.axes, 1e-100, 1e100)  # the widest labels come first: the layout is made for them
        self.axes[2].set_title("weight gradient", color=LOOKS[2].color)
        self.law, self.marks = [], []
        for k, look in ((0, LOOKS[0]), (1, LOOKS[1]), (2, LOOKS[2]), (2, LOOKS[2])):
            hollow = len(self.marks) == 3
            style = dict(marker="v", fillstyle="none") if hollow else dict(marker=look.marker)
            line = self.axes[k].plot([0], [1], color=plots.INK, linewidth=1.2, zorder=4)[0]
            mark = self.axes[k].plot([0], [1], color=look.color, linestyle="none", markersize=4.5, **style)[0]
            self.law.append(line)
            self.marks.append(mark)
        self.note = self.axes[2].text(0.5, 0.04, "", transform=self.axes[2].transAxes, ha="center", va="bottom")
        names = ["forward", "backward", "$W_1$", "$W_2$ (where there is one)", "theory, wide nets"]
        self.fig.legend([*self.marks, self.law[0]], names, loc="outside lower center", ncols=5, fontsize=10)
        self.artists = [*self.marks, *self.law, self.note]

    def move(self, found, law):
        extremes, silent = [1.0], []
        for field, mark, line in zip((*FIELDS, "dw2"), self.marks, self.law, strict=True):
            for artist, values in ((mark, getattr(found, field)), (line, getattr(law, field))):
                shown = np.isfinite(values) & (np.nan_to_num(values) > 0)
                artist.set_data(np.flatnonzero(shown), np.clip(values[shown], FLOOR, CEILING))
                extremes += [np.clip(values[shown], FLOOR, CEILING)] if shown.any() else []
            if np.any(getattr(found, field)[1:] == 0):
                silent.append({"dw1": "W₁", "dw2": "W₂"}.get(field, field))
        self.note.set_text(f"{' and '.join(silent)}: exactly 0" if silent else "")
        values = np.concatenate([np.ravel(v) for v in extremes])
        plots.log_range(self.axes, values.min(), values.max())
