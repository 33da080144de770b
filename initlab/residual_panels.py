"""Chapter 09's pictures: the stream of a net of blocks, forward, backward and weight gradient, still and moving."""

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from initlab import plots

FIELDS = ("x2", "delta2", "dw1")
LOOKS = tuple(plots.QUANTITIES[name] for name in ("a2", "delta2", "dw2"))
TITLES = ("forward  $E[x^2]$", "backward  $E[\\delta^2]$", "weight gradient of $W_1$")
MARKERS = "osD^vP"
SIZES = (6.5, 4.5, 4.5, 4.5, 4.5, 4.5)  # circles are wider, so that what lies on them leaves a ring
FLOOR, CEILING = 1e-250, 1e250  # what lies beyond is drawn at the edge


def stream_axes(depth, size=(9.0, 3.2)):
    """(figure, three axes) for forward, backward and weight gradient against the block, on one logarithmic axis."""
    fig, axes = plots.panels(3, size=size, sharey=True)
    for ax, look, title in zip(axes, LOOKS, TITLES, strict=True):
        ax.set_title(title, color=look.color)
        ax.set(yscale="log", xlim=(-0.02 * depth, 1.02 * depth), xlabel="block")
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    axes[0].set_ylabel("second moment")
    return fig, axes


def _positive(values):
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values) & (values > 0)]


def _decades(axes, low, high):
    """A logarithmic axis that fits [low, high], with about six labels at whole powers of ten."""
    down, up = np.log10(low / 3), np.log10(high * 3)
    step = next((s for s in (1, 2, 4, 5, 10, 20, 50) if (up - down) / s <= 7), 100)
    powers = np.arange(np.ceil(down / step), up // step + 1) * step
    for ax in axes:
        ax.set_ylim(10.0**down, 10.0**up)
        ax.yaxis.set_major_locator(FixedLocator(10.0**powers))
        ax.yaxis.set_minor_locator(NullLocator())


def compare(found, laws):
    """A figure of several kinds: found[name] is a list of streams (one per net), laws[name] what theory says.

    The grey area reaches from the lowest net to the highest, the markers are the median net, the thin dark line is
    theory.  Kinds differ by marker.
    """
    depth = max(len(law.x2) for law in laws.values()) - 1
    fig, axes = stream_axes(depth, size=(6.6, 2.3))
    extremes, every = [1.0], max(1, depth // 10)
    for marker, size, (name, nets) in zip(MARKERS, SIZES, found.items(), strict=False):
        for ax, field, look in zip(axes, FIELDS, LOOKS, strict=True):
            values = np.array([getattr(net, field) for net in nets])
            law, layers = getattr(laws[name], field), np.arange(values.shape[1])
            if not _positive(values).size:
                continue
            ax.fill_between(layers, values.min(axis=0), values.max(axis=0), color=plots.GREY, alpha=0.25, linewidth=0)
            ax.plot(layers, law, color=plots.INK, linewidth=1.1, zorder=4)
            ax.plot(
                layers, np.median(values, axis=0), linestyle="none", marker=marker, markersize=size, fillstyle="none",
                markevery=every, color=look.color, clip_on=False, zorder=3,
            )  # fmt: skip
            extremes += [_positive(values).min(), _positive(values).max()]
    _decades(axes, min(extremes), max(extremes))
    style = dict(linestyle="none", color=plots.INK, fillstyle="none")
    marks = [
        axes[0].plot([], [], marker=marker, markersize=size, **style)[0]
        for marker, size, _ in zip(MARKERS, SIZES, found, strict=False)
    ]
    fig.legend(marks, list(found), loc="outside lower center", ncols=len(found), fontsize=9)
    return fig


def loss_panels(runs, top, size, ncols=1):
    """Losses of trainings as means of ten steps: runs[panel][name] is (losses, share of right answers at the end).

    Each point stands in the middle of its ten steps.  A run that leaves the picture at `top` is drawn at the top and
    ends there.  The names, with the mean loss of the last twenty steps and the share, stand below each panel.
    """
    fig, axes = plots.panels(len(runs), size=size, sharey=True, squeeze=False)
    axes[0, 0].set_ylabel("loss")
    for ax, (title, curves) in zip(axes[0], runs.items(), strict=True):
        ax.axhline(np.log(10), color="#dddddd", linewidth=7, zorder=0)
        for k, (name, (loss, right)) in enumerate(curves.items()):
            ends = np.isfinite(loss).all()
            shown = [np.mean(loss[j : j + 10]) for j in range(0, len(loss), 10)]
            shown = np.minimum(np.nan_to_num(shown, nan=top), top)
            told = f"{name}: {np.mean(loss[-20:]):.2f}, {right:.0%} right" if ends else f"{name}: no number"
            at = 4.5 + 10 * np.arange(len(shown))
            plots.series(ax, k, at, shown, told, marker=MARKERS[k], fillstyle="none", clip_on=False)
            if not ends:
                ax.text(at[-1] + 4, top, "then no number", va="center", fontsize=9)
        ax.set(title=title, xlabel="step", xlim=(0, None), ylim=(0, 1.02 * top), yticks=range(int(top) + 1))
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=ncols, fontsize=9)
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
