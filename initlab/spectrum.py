"""Singular values of the end-to-end Jacobian of a wide random network, by free probability: no matrix is drawn here.

J = D_L W_L ... D_1 W_1 with square matrices W_l, Gaussian or orthogonal, and D_l the slopes phi'(z_l): the identity
for a linear network, a mask for ReLU.  A gain only scales J, so values are counted in their root mean square.
"""

import math
from functools import lru_cache

import numpy as np

from initlab._checks import whole

_ANGLES = math.pi * (1 - np.linspace(0.0, 1.0, 602)[1:-1] ** 2)  # denser towards pi, where s is small


@lru_cache(maxsize=256)
def _curve(gaussians, masks):
    """(log s^2, share of singular values above it), both along the curve on which s^2 is real.

    z = r exp(i angle) solves z / (1 + z) S(z) = 1 / s^2, where each Gaussian matrix brings S a factor 1 / (1 + z),
    each mask (1 + z) / (1 + 2 z), and an orthogonal matrix none.  The density of log s^2 is Im z / pi.
    """
    power, turned = gaussians + 1 - masks, np.exp(1j * _ANGLES)
    low, high = np.full(_ANGLES.shape, -25.0), np.full(_ANGLES.shape, 25.0)  # log r
    for _ in range(48):
        middle = (low + high) / 2
        z = np.exp(middle) * turned
        positive = _ANGLES - power * np.angle(1 + z) - masks * np.angle(1 + 2 * z) > 0  # the argument of 1 / s^2
        low, high = np.where(positive, middle, low), np.where(positive, high, middle)
    log_x = power * np.log(np.abs(1 + z)) + masks * np.log(np.abs(1 + 2 * z)) - np.log(np.abs(z))
    order = np.argsort(-log_x)
    log_x, density = log_x[order], z.imag[order] / math.pi
    above = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * -np.diff(log_x))])
    return log_x[::-1], above[::-1]


def spectrum(edges, depth, *, gaussian, relu):
    """Shares of the singular values of J below edges[0] and between neighbouring edges, shape (len(edges),).

    edges: increasing values of log10(s / rms).  gaussian: independent Gaussian entries, else orthogonal matrices.
    relu: ReLU's masks, else a linear network.  Gaussian and linear is the Fuss-Catalan law.  What lies above the
    last edge is left out.  Raises ValueError or TypeError for a depth below 1 or edges that do not increase.
    Source: Pennington, Schoenholz, Ganguli 2017, Resurrecting the sigmoid, sections 2.3 to 2.5.
    """
    depth, edges = whole("depth", depth), np.asarray(edges, dtype=float)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError(f"edges must be two or more increasing numbers, got {edges.tolist()}")
    if gaussian:
        log_x, above = _curve(depth, depth if relu else 0)
        below = 1 - np.interp(edges * 2 * math.log(10), log_x, above)
    elif not relu:
        below = np.where(edges >= 0, 1.0, 0.0)  # an orthogonal matrix stretches nothing
    elif depth == 1:
        below = np.where(edges >= math.log10(2) / 2, 1.0, 0.5)  # one mask: half is lost, half has s^2 = 2
    elif depth == 2:
        below = 0.5 + np.arcsin(np.minimum(10.0**edges / 2, 1.0)) / math.pi  # two masks: the arcsine law
    else:
        log_x, above = _curve(0, depth)
        below = 1 - np.interp(edges * 2 * math.log(10), log_x, above)
    return np.maximum(np.diff(below, prepend=0.0), 0.0)
