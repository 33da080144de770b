"""Random ReLU networks at one input: the exact law of their lengths, many networks drawn from it, and their picture.

With Gaussian weights, what a ReLU layer does to the length of one input depends on nothing but how many of its units
are on and on chi-square variables.  So log M, M the mean square of a layer, is a random walk, and hundreds of networks
of any width cost a few thousand random numbers: a slider can move through them.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from matplotlib.colors import to_rgb

from initlab import plots
from initlab._checks import choice, finite, whole
from initlab.activations import erfc

FIELDS = ("a2", "delta2", "dw2")
EULER = 0.5772156649015329


@lru_cache
def log_step(width):
    """(mean, variance, off): of one step of log M under He's rule, and the probability that all units are off.

    The step is log(2 chi2(K) / width) with K ~ Bin(width, 1/2) units on, given K > 0; off = 2**-width.  To first order
    mean = -5 / (2 width) and variance = 5 / width.  E[log chi2(k)] = digamma(k/2) + log 2 and its variance
    trigamma(k/2) follow from k - 2 by recurrence.  Raises ValueError or TypeError for a bad width.
    """
    width = whole("width", width)
    means = [0.0, -EULER - math.log(2), math.log(2) - EULER]
    variances = [0.0, math.pi**2 / 2, math.pi**2 / 6]
    for k in range(3, width + 1):
        means.append(means[k - 2] + 2 / (k - 2))
        variances.append(variances[k - 2] - 4 / (k - 2) ** 2)
    chance = np.array([math.comb(width, k) / 2**width for k in range(1, width + 1)])
    chance /= chance.sum()
    m, v = np.array(means[1 : width + 1]), np.array(variances[1 : width + 1])
    mean = float(chance @ m)
    return mean + math.log(2 / width), float(chance @ (v + (m - mean) ** 2)), 2.0**-width


class WalkLaw:
    """What the walks do: mean over networks, median and band per layer, and the chances to end below 1 or dead.

    `depth` layers of one width with N(0, gain**2 / width) weights, the last of them linear; every walk starts at 1.
    a2 of layer l has taken l steps, delta2 has taken depth - l, and dw2 of every layer depth - 1: all but its own.
    Raises ValueError or TypeError for bad arguments.  Source: Hanin and Nica 2020, theorem 1, for wide networks.
    """

    def __init__(self, width, depth, gain=2**0.5):
        self.step, self.variance, off = log_step(width)
        self.tilt = 2 * math.log(finite("gain", gain, above=0.0)) - math.log(2)
        layers = np.arange(whole("depth", depth) + 1.0)
        self.steps = {"a2": layers, "delta2": depth - layers, "dw2": np.full(depth + 1, depth - 1.0)}
        alive = (1 - off) ** (depth - 1)
        self.dead = 1 - alive
        spread = math.sqrt(2 * max(depth - 1, 1) * self.variance)
        self.below_one = self.dead + alive * float(erfc((depth - 1) * (self.step + self.tilt) / spread)) / 2

    def mean(self, field):
        """The mean over networks, shape (depth + 1,)."""
        return np.exp(self.steps[choice("field", field, FIELDS)] * self.tilt)

    def median(self, field):
        """The median network among those with a signal, shape (depth + 1,)."""
        return np.exp(self.steps[choice("field", field, FIELDS)] * (self.tilt + self.step))

    def band(self, field, deviations=2.0):
        """(low, high): about 95 % of the networks with a signal, at two standard deviations of the logarithm."""
        reach = np.exp(deviations * np.sqrt(self.steps[choice("field", field, FIELDS)] * self.variance))
        return self.median(field) / reach, self.median(field) * reach


@dataclass(frozen=True)
class Walks:
    """Mean squares per layer of each network, shape (nets, L + 1), for one input and one error at the output.

    a2[:, 0] is the input's; column L of a2 (that layer is linear) and column 0 of the others are nan.
    """

    a2: np.ndarray
    delta2: np.ndarray
    dw2: np.ndarray


class ReluWalks:
    """`nets` random ReLU networks for each of several widths, all from the same random numbers.

    The units of a narrow network are the first ones of a wider one.  `widths` lists the widths that can be asked
    for, `depth` is the largest number of layers.  Every layer has the same width, weights are N(0, gain**2 / width),
    biases 0, the last layer is linear; the input and the error at the output have mean square 1 and random directions.

        |a_l|^2 = v |a_{l-1}|^2 chi2(K_l)                      v = gain**2 / width,  K_l ~ Bin(width, 1/2)
        |delta_l|^2 = s^2 / |a_l|^2 + v |delta_{l+1}|^2 chi2(K_l - 1)        s = z_L . delta_L

    The second line splits W^T delta, on the units that are on, into its part along a_l and the rest: a_l . (W^T delta)
    is z . delta of the next layer, and the same number s in every layer because ReLU is homogeneous.
    Raises ValueError or TypeError for bad arguments.  Source: Burkholz and Dubatovka 2019, for the exact forward law.
    """

    def __init__(self, widths, depth, nets=200, seed=0):
        self.widths = tuple(whole("each of widths", n) for n in widths)
        if not self.widths or sorted(set(self.widths)) != list(self.widths):
            raise ValueError(f"widths must be rising whole numbers, got {list(self.widths)}")
        self.depth, self.nets = whole("depth", depth), whole("nets", nets)
        rng = np.random.default_rng(seed)
        blocks = np.diff(self.widths, prepend=0)[:, None, None]  # axes: block of units, layer, net
        on = rng.binomial(blocks, 0.5, size=(len(self.widths), self.depth, self.nets))
        first = (np.cumsum(on, axis=0) == on) & (on > 0)  # the block with the first unit that is on
        self.forward = np.cumsum(2 * rng.standard_gamma(on / 2), axis=0)
        self.backward = np.cumsum(2 * rng.standard_gamma((on - first) / 2), axis=0)
        self.along = rng.standard_normal(self.nets) ** 2

    def __call__(self, width, depth, gain=2**0.5):
        """The `Walks` of all networks with this width, depth and gain: no new random numbers."""
        if width not in self.widths:
            raise ValueError(f"width must be one of {', '.join(map(str, self.widths))}; got {width!r}")
        depth = whole("depth", depth)
        if depth > self.depth:
            raise ValueError(f"depth must be at most {self.depth}, the layers these networks have; got {depth}")
        k, v = self.widths.index(width), finite("gain", gain, least=0.0) ** 2 / width
        a, delta, dw = np.full((3, depth + 1, self.nets), np.nan)
        a[0], delta[depth] = 1.0, 1.0
        a[1:depth] = np.cumprod(v * self.forward[k, : depth - 1], axis=0)
        s2 = v * a[depth - 1] * self.along  # s^2 / width^2, because a and delta are mean squares
        alive = a[depth - 1] > 0
        for n in range(depth - 1, 0, -1):
            delta[n] = v * delta[n + 1] * self.backward[k, n - 1]
            delta[n] = np.where(alive, delta[n] + s2 / np.where(alive, a[n], 1.0), 0.0)
        dw[1:] = a[:-1] * delta[1:]
        return Walks(a.T, delta.T, dw.T)


class WalkPanels:
    """Many networks as thin lines against the layer: forward, backward and weight gradient, with law and band.

    `move(walks, law)` takes `Walks` (or anything with fields of shape (nets, L + 1)) and a `WalkLaw`.  The first `nets`
    of them are drawn, with at most `points` corners each, so that a slider can move them; dead ones fall off below.
    """

    def __init__(self, depth, nets=40, points=11):
        self.nets, self.points = whole("nets", nets), whole("points", points, least=2)
        self.fig, self.axes = plots.three_panels(depth)
        plots.log_range(self.axes, 1e-100, 1e100)  # the widest labels come first: the layout is made for them
        one, style = np.ones(2), dict(linewidth=0.8, antialiased=False, zorder=2)  # sharp lines make a small PNG
        tints = [tuple(0.4 + 0.6 * v for v in to_rgb(plots.QUANTITIES[field].color)) for field in FIELDS]
        self.lines = [ax.plot(one, one, color=tint, **style)[0] for ax, tint in zip(self.axes, tints, strict=True)]
        self.means, self.bands = zip(*(plots.theory(ax, one, (one, one)) for ax in self.axes), strict=True)
        dashed = dict(color=plots.INK, linewidth=1.4, linestyle="--", zorder=4)
        self.medians = [ax.plot(one, one, **dashed)[0] for ax in self.axes]
        self.fig.legend(
            [tuple(self.lines), self.means[0], self.medians[0], self.bands[0]],
            [f"{nets} networks", "theory: mean over networks", "theory: median", "theory: 95 % of networks"],
            loc="outside lower center", ncols=4, handler_map=plots.TUPLE,
        )  # fmt: skip
        self.artists = [*self.bands, *self.lines, *self.means, *self.medians]

    def move(self, walks, law):
        low, high = 1.0, 1.0
        for k, field in enumerate(FIELDS):
            layers = np.arange(len(law.mean(field)))
            layers = layers[:-1] if field == "a2" else layers[1:]  # the output is linear; the input has no gradient
            at = layers[np.unique(np.linspace(0, len(layers) - 1, self.points).astype(int))]
            drawn = np.pad(getattr(walks, field)[: self.nets, at], ((0, 0), (0, 1)), constant_values=np.nan)
            self.lines[k].set_data(np.tile(np.append(at, np.nan), len(drawn)), drawn.ravel())
            mean, median = law.mean(field)[layers], law.median(field)[layers]
            band, wider = (np.array(law.band(field, deviations))[:, layers] for deviations in (2.0, 2.7))
            self.means[k].set_data(layers, mean)
            self.medians[k].set_data(layers, median)
            self.bands[k].set_data(layers, *band)
            low, high = min(low, wider.min(), mean.min()), max(high, wider.max(), mean.max())
        plots.log_range(self.axes, low, high, plots.RANGES)
