"""Chapter 01's playground: a small network on 2-D points, trained once, recorded, and drawn at any recorded step."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from contourpy import contour_generator
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap

from initlab import plots
from initlab.training import cross_entropy, train

REACH = 1.9  # the decision surface is drawn over [-REACH, REACH] in both directions
CELLS = 80  # and computed at CELLS x CELLS points
SURFACE = LinearSegmentedColormap.from_list("labels", ["#7fb8d8", "#f7f7f7", "#f0ac80"], N=13)  # in steps, like a map
LOSS, GRADIENT = (1e-3, 1e2), (1e-6, 1e2)  # the ranges drawn; what lies beyond is drawn at the end
THIN, THICK, SHADES = 0.5, 4.0, 8  # edges are drawn in so many widths, from THIN for 0 to THICK for |w| >= LARGE
LARGE = 4.0
SIGNS = ((plots.GREY, "-"), (plots.BLUE, "-"), (plots.ORANGE, "--"))  # of a weight: 0, positive, negative


def distinct(rows, tolerance=1e-6):
    """How many rows differ from every earlier row by more than `tolerance` in some entry.

    rows: (units, weights), one unit's incoming weights and bias in a row.  Rounding errors do not count.
    """
    return int(first_of_kind(rows, tolerance).sum())


def first_of_kind(rows, tolerance=1e-6):
    """Per row, whether no earlier row equals it within `tolerance` in every entry; shape (units,)."""
    rows = np.asarray(rows, dtype=float)
    same = (np.abs(rows[:, None] - rows[None]) <= tolerance).all(axis=2)
    return ~np.tril(same, -1).any(axis=1)


def has_twin(rows, tolerance=1e-6):
    """Per row, whether another row equals it within `tolerance` in every entry; shape (units,)."""
    rows = np.asarray(rows, dtype=float)
    return (np.abs(rows[:, None] - rows[None]) <= tolerance).all(axis=2).sum(axis=1) > 1


def best_line(x, y, directions=720):
    """The largest share of points x (2, n) with labels y (n,) in 0 / 1 that any straight line puts on the right side.

    Every threshold is tried in each of `directions` directions, with either label on either side.
    """
    best, count = 0.0, np.arange(1, y.size + 1)
    for angle in np.arange(directions) * np.pi / directions:
        ones = np.cumsum(y[np.argsort(np.cos(angle) * x[0] + np.sin(angle) * x[1])])  # below each threshold
        right = (count - ones + y.sum() - ones) / y.size
        best = max(best, right.max(), 1 - right.min())
    return float(best)


def pairs(gaps, x, y, *, steps, lr, centre=0.5):
    """Train many pairs of tanh units, v1 tanh(w1 x) + v2 tanh(w2 x), by full-batch gradient descent on half the
    mean squared error.

    w1, w2 = centre +- gaps[0] / 2 and v1, v2 = centre +- gaps[1] / 2 at the start; gaps has shape (2, pairs), x and
    y shape (n,).  Returns (losses, distances), each (steps, pairs), before every step; a distance is
    sqrt((w1 - w2)^2 + (v1 - v2)^2).
    """
    half = np.stack([gaps, -np.asarray(gaps)], axis=1)[..., None] / 2
    w, v = centre + half  # each (2, pairs, 1): the two units come first
    losses, distances = [], []
    for _ in range(steps):
        a = np.tanh(w * x)
        error = (v * a).sum(axis=0) - y
        losses.append((error * error).mean(axis=-1) / 2)
        distances.append(np.hypot(w[0] - w[1], v[0] - v[1])[:, 0])
        dw = (v * (1 - a * a) * x * error).mean(axis=-1, keepdims=True)
        dv = (a * error).mean(axis=-1, keepdims=True)
        w, v = w - lr * dw, v - lr * dv
    return np.array(losses), np.array(distances)


@dataclass(frozen=True)
class Recording:
    """One training: the points x (2, n) and labels y (n,), and per recorded step the network and what it does.

    loss and accuracy are those on all points, shape (frames,); gradient holds |dC/dW_l|, shape (frames, L).
    Where training ended early because the loss was no longer finite, the last frame stands for all later steps.
    """

    x: np.ndarray
    y: np.ndarray
    steps: np.ndarray
    nets: list
    loss: np.ndarray
    accuracy: np.ndarray
    gradient: np.ndarray

    def frame(self, step):
        """The index of the last recorded step that is not after `step`."""
        return int(np.searchsorted(self.steps, step, side="right")) - 1


def record(net, x, y, *, steps, every, rng, **options):
    """Train `net`, one output and labels 0 / 1, for `steps` steps; return the `Recording` of steps 0, every, ...

    Further options are those of `initlab.train` (lr, batch, momentum, optimizer).  Full-data loss and gradients.
    Raises ValueError where the loss is not finite before the first step.
    """

    def look(net, trace, grads, step):
        trace = net.forward(x)
        loss, dz = cross_entropy(trace.output, y)
        norms = [float(np.sqrt(np.vdot(g, g))) for g in net.backward(trace, dz).W[1:]]
        return net.copy(), loss, np.mean((trace.output[0] > 0) == y), norms

    history = train(net, x, y, steps=steps + 1, every=every, rng=rng, record=look, **options)
    if not history.records:
        raise ValueError("the loss is not finite before the first step: smaller weights leave something to record")
    nets, loss, accuracy, gradient = zip(*history.records, strict=True)
    return Recording(
        x, y, np.array(history.recorded), list(nets), np.array(loss), np.array(accuracy), np.array(gradient)
    )


class Board:
    """The artists of the playground: decision surface, network, loss and gradient norms.  `move(recording, step)`.

    widths are the network's, steps the last step on the time axes.  In the drawn network blue solid edges are
    positive weights, orange dashed ones negative, thickness is size; a grey unit has an identical twin.
    """

    def __init__(self, widths, steps):
        self.fig, axes = plots.panels(3, 2, size=(9.0, 4.0), gridspec_kw={"width_ratios": (1.15, 1.05, 1)})
        grid = axes[0, 0].get_gridspec()
        for ax in axes[:, :2].ravel():
            ax.remove()
        self._surface(self.fig.add_subplot(grid[:, 0]))
        self._network(self.fig.add_subplot(grid[:, 1]), list(widths))
        self._curves(axes[0, 2], axes[1, 2], len(widths) - 1, steps)
        self.artists = [
            self.image, self.boundary, *self.points, self.edges, self.alone, self.twins, *self.counts,
            self.loss, self.loss_mark, *self.gradient, self.gradient_mark,
        ]  # fmt: skip

    def _surface(self, ax):
        side = np.linspace(-REACH, REACH, CELLS)
        self.side, self.plane = side, np.stack(np.meshgrid(side, side)).reshape(2, -1)
        self.image = ax.imshow(
            np.full((CELLS, CELLS), 0.5), extent=(-REACH, REACH) * 2, origin="lower", vmin=0, vmax=1, cmap=SURFACE,
            interpolation="none",
        )  # fmt: skip
        self.boundary = ax.add_collection(LineCollection([], colors=plots.INK, linewidths=2.2))
        look = dict(linestyle="none", markersize=5, markeredgecolor="white", markeredgewidth=0.6)
        (blue,) = ax.plot([0], [0], marker="o", color=plots.BLUE, **look)
        (orange,) = ax.plot([0], [0], marker="s", color=plots.ORANGE, **look)
        self.points = blue, orange
        ax.set(title="decision surface", xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=[], yticks=[])
        ax.grid(False)

    def _network(self, ax, widths):
        at = [np.stack([np.full(n, k), 0.5 - (np.arange(n) + 0.5) / n], axis=1) for k, n in enumerate(widths)]
        gap = np.full(2, np.nan)  # edges of one look are one line with gaps
        self.ends = np.array([(a, b, gap) for left, right in pairwise(at) for b in right for a in left])
        self.edges = ax.add_collection(LineCollection([], zorder=2, antialiaseds=False))  # a smaller PNG
        self.spots, look = np.concatenate(at), dict(marker="o", markersize=11, color=plots.INK, linestyle="none")
        (self.alone,) = ax.plot([0], [0], markerfacecolor="white", zorder=3, **look)
        (self.twins,) = ax.plot([0], [0], markerfacecolor="#b0b0b0", zorder=3, **look)
        self.counts = [ax.text(k, -0.58, "", ha="center", va="center") for k in range(1, len(widths) - 1)]
        ax.set(title="the network", xlim=(-0.3, len(widths) - 0.7), ylim=(-0.66, 0.5))
        ax.text(0, -0.58, "different\nunits", ha="center", va="center", color=plots.GREY)
        ax.axis("off")

    def _curves(self, upper, lower, layers, steps):
        for ax, limits, title in ((upper, LOSS, "loss"), (lower, GRADIENT, r"gradient norm $|\partial C/\partial W|$")):
            ax.set(yscale="log", ylim=limits, xlim=(-0.03 * steps, 1.03 * steps), title=title)
        upper.axhline(np.log(2), color=plots.GREY, linewidth=1)
        upper.text(steps, np.log(2) * 1.4, "guessing: ln 2", ha="right", va="bottom", color=plots.GREY, fontsize=9)
        upper.set_yticks([1e-3, 1e-2, 1e-1, 1, 10, 100], ["0.001", "0.01", "0.1", "1", "10", "100"])
        lower.set_yticks([1e-6, 1e-4, 1e-2, 1, 1e2], ["≤ 1e-6", "0.0001", "0.01", "1", "100"])
        lower.set_xlabel("step")
        for ax in (upper, lower):
            ax.minorticks_off()
        (self.loss,) = upper.plot([0], [1], color=plots.INK)
        (self.loss_mark,) = upper.plot([0], [1], color=plots.INK, marker="o", markersize=8, linestyle="none")
        shades, styles = ("#004d39", plots.GREEN, "#5fcfaa"), ("-", "--", ":")
        self.gradient = [
            lower.plot([0], [1], color=shades[k % 3], linestyle=styles[k % 3], label=f"$W^{k + 1}$")[0]
            for k in range(layers)
        ]
        (self.gradient_mark,) = lower.plot([0], [1], color=plots.GREEN, marker="^", markersize=7, linestyle="none")
        lower.legend(ncols=layers, loc="upper right", fontsize=9, handlelength=1.8, columnspacing=1.0, borderpad=0)

    def move(self, recording, step):
        """Draw the recorded network at this step."""
        k = recording.frame(step)
        net = recording.nets[k]
        z = net.forward(self.plane).output.reshape(CELLS, CELLS)
        self.image.set_data(0.5 + 0.5 * np.tanh(0.5 * z))  # the sigmoid, without overflow
        self.boundary.set_segments(contour_generator(self.side, self.side, z).lines(0.0))
        for label, line in enumerate(self.points):
            line.set_data(*recording.x[:, recording.y == label])

        weights = np.concatenate([w.ravel() for w in net.W[1:]])
        sign = np.where(np.abs(weights) < 1e-9, 0, np.where(weights > 0, 1, 2))
        level = np.ceil(np.minimum(np.abs(weights) / LARGE, 1) * SHADES).astype(int)
        looks = sorted(set(zip(level.tolist(), sign.tolist(), strict=True)))
        self.edges.set_segments([self.ends[(level == k) & (sign == s)].reshape(-1, 2) for k, s in looks])
        self.edges.set_linewidths([THIN + (THICK - THIN) * k / SHADES for k, _ in looks])
        self.edges.set_linestyles([SIGNS[s][1] for _, s in looks])
        self.edges.set_colors([SIGNS[s][0] for _, s in looks])

        twin = np.zeros(len(self.spots), dtype=bool)
        for n, text in enumerate(self.counts, start=1):
            rows = np.column_stack([net.W[n], net.b[n]])
            text.set_text(f"{distinct(rows)} of {len(rows)}")
            first = sum(net.widths[:n])
            twin[first : first + len(rows)] = has_twin(rows)
        self.alone.set_data(*self.spots[~twin].T)
        self.twins.set_data(*self.spots[twin].T)

        loss, gradient = np.clip(recording.loss, *LOSS), np.clip(recording.gradient, *GRADIENT)
        self.loss.set_data(recording.steps, loss)
        self.loss_mark.set_data([recording.steps[k]], [loss[k]])
        for line, norms in zip(self.gradient, gradient.T, strict=True):
            line.set_data(recording.steps, norms)
        self.gradient_mark.set_data([recording.steps[k]] * gradient.shape[1], gradient[k])
        return k
