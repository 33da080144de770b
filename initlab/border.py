"""What theory says of convolutions at their start: maps of second moments, from counting alone.

`taps` holds how often each output pixel of a row reads each input pixel.  The map of second moments of the next layer
is then linear in that of this one, and so is the way back, with the transpose.  No weight is drawn here.
"""

import math
from functools import lru_cache

import numpy as np

from initlab._checks import choice, finite, whole
from initlab.activations import activation as as_activation
from initlab.maps import Maps
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


def predict_maps(channels, size, activation, variances, *, kernel=3, strides=1, groups=1, padding="zero", start=1.0):
    """The predicted `Maps` of convolutions with Var[w] = variances[l - 1] in layer l and a white cotangent N(0, 1).

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
    return Maps(z2, a2, delta2, dw2)


# --- how far single networks scatter --------------------------------------------------------------------------------
def _angle_means(relu, cosines):
    """(c', kappa, slopes) of two sites whose pre-activations have these correlations c.

    c' = E[phi phi*] / E[phi^2], kappa = E[phi^2 phi*^2] / E[phi^2]^2 - 1, slopes = E[phi'^2 phi'*^2] / E[phi'^2]^2 - 1.
    Source for ReLU: Cho and Saul 2009, the arc-cosine kernels of degree 1, 2 and 0.
    """
    c = np.clip(cosines, -1.0, 1.0)
    if not relu:
        return c, 2 * c * c, np.zeros_like(c)
    angle = np.arccos(c)
    sine, rest = np.sqrt(1 - c * c), math.pi - angle
    kappa = 2 / math.pi * (3 * sine * c + rest * (1 + 2 * c * c)) - 1
    return (sine + rest * c) / math.pi, kappa, 2 * rest / math.pi - 1


@lru_cache(maxsize=16)
def _site_means(depth, size, relu, k, padding):
    """Arrays over layers of kappa and slopes, (depth, sites, sites), and of their correlations, for a white input."""
    shifts = _shifts(size, k, 1, padding)
    # G[i, j, r, s]: mean product of a at pixel (i, j) of one image and (r, s) of another
    G, q = np.zeros((size,) * 4), np.ones((size, size))
    T = shifts.sum(axis=0)
    kappas, slopes, cosines = [], [], []
    for _ in range(depth):
        rows = np.einsum("tai,ijrs,tbr->ajbs", shifts, G, shifts, optimize=True)
        K = np.einsum("taj,ijrs,tbs->iarb", shifts, rows, shifts, optimize=True) / k**2
        q = T @ q @ T.T / k**2
        scale = np.sqrt(np.multiply.outer(q, q))
        c, kappa, slope = _angle_means(relu, K / scale)
        G = c * scale
        cosines.append(np.clip(K / scale, -1, 1).reshape(size**2, -1))
        kappas.append(kappa.reshape(size**2, -1))
        slopes.append(slope.reshape(size**2, -1))
    return kappas, slopes, cosines


def _chance(layers, size, k):
    """Sum over j = 1 ... n of the chance that two walks of j taps meet, (layers + 1,): what finite width correlates."""
    step = taps(size, k, padding="circular") / k
    row, met = np.eye(size)[0], [0.0]
    for _ in range(layers):
        row = step @ row
        met.append(met[-1] + np.sum(row * row) ** 2)
    return np.array(met)


def _orthogonal_chance(depth, channels, relu):
    """The same for 1 x 1 kernels that are orthogonal, (forward, backward): one correlation, which scatters by s."""
    forward, backward = np.zeros(depth + 1), np.zeros(depth + 1)
    if not relu:
        return forward, backward
    means, s, h = [(0.0, 1 / channels)], 1 / channels, 1e-3
    for n in range(1, depth + 1):
        c = means[-1][0]
        at = np.clip(np.array([c - h, c, c + h]), -1, 1)
        new, kappa, slopes = _angle_means(relu, at)
        curve = (np.diff(kappa, 2)[0] / h**2, np.diff(slopes, 2)[0] / h**2)
        forward[n], backward[n] = (curve[0] / 2 - 2) * s, curve[1] / 2 * s
        s = min(((1 + slopes[1]) / 2) ** 2 * s + (1 - new[1] ** 2) ** 2 / channels, 1 - new[1] ** 2)
        means.append((new[1], s))
    back = 1 / channels
    for n in range(depth - 1, 0, -1):
        slopes = _angle_means(relu, np.array(means[n - 1][0]))[2]
        backward[n] += 2 * back * slopes
        back = min(((1 + slopes) / 2) ** 2 * back + 1 / channels, 1.0)
    return forward, backward[::-1]


def scatter(channels, depth, size, activation, *, kernel=3, padding="zero", batch=1, orthogonal=False):
    """{field: standard deviations of its log over networks of `channels` channels, (depth + 1,)}, to first order.

    As in a dense network every layer adds (1 / channels) times a mean over pairs of sites (pixels of the batch's
    images), for the forward signal that of E[phi^2 phi*^2] / E[phi^2]^2 - 1, for the backward one the same of phi'.
    All sites share the weights, so they count together as far as they are correlated.  Input and cotangent are white.
    orthogonal: for delta-orthogonal kernels.  Raises ValueError for an activation other than linear and relu.
    """
    relu = choice("activation", activation, ("linear", "relu")) == "relu"
    given = (whole("channels", channels), whole("depth", depth), whole("size", size), whole("batch", batch))
    return dict(_scatter(*given, relu, 1 if orthogonal else kernel, padding, bool(orthogonal)))


@lru_cache(maxsize=256)
def _scatter(channels, depth, size, batch, relu, kernel, padding, orthogonal):
    kappas, slopes, cosines = _site_means(max(depth, 32), size, relu, kernel, padding)
    T = taps(size, kernel, padding=padding) / kernel
    row = np.abs(np.linalg.eigh(T)[1][:, -1]) if kernel > 1 else np.ones(size)
    maps, one = [np.ones((size, size))], (5.0 if relu else 2.0) - (2.0 if orthogonal else 0.0)
    for _ in range(depth):
        maps.append(T @ maps[-1] @ T.T)
    if orthogonal:
        by_chance = _orthogonal_chance(depth, channels, relu)
    else:
        by_chance = [2 * _chance(depth, size, kernel) / channels] * 2

    def step(pairs, around, more):
        w = (around * np.outer(row, row)).ravel()
        w = w / w.sum()
        same = w * w / batch  # a site with itself
        v = (w @ pairs @ w + same @ (one - np.diag(pairs)) + more) / channels
        return v + v**2 / 2 + v**3 / 6  # of the log of a sum of squares, a gamma law whose relative variance is v

    forward, backward = np.zeros(depth + 1), np.zeros(depth + 1)
    for n in range(1, depth):
        kept = 2 * np.square(cosines[n - 1]) if orthogonal else 0.0  # the norm that orthogonal matrices keep
        forward[n] = step(kappas[n - 1] - kept, maps[n], by_chance[0][n])
        backward[n] = step(slopes[n - 1], maps[depth - n], by_chance[1][-1 - n if orthogonal else depth - n])
    own = 2 / (channels * size**2 * batch)  # of the input and of the cotangent
    var_a, var_delta = own + np.cumsum(forward), own + np.cumsum(backward[::-1])[::-1]
    var_dw = np.append(np.nan, var_a[:-1] + var_delta[1:])
    return {"a2": np.sqrt(var_a), "delta2": np.sqrt(var_delta), "dw2": np.sqrt(var_dw)}


def bump(size):
    """The map that zero padding with k = 3 leads to: sin(pi p / (size + 1)) in each direction, p = 1 ... size."""
    row = np.sin(math.pi * np.arange(1, whole("size", size) + 1) / (size + 1))
    return np.outer(row, row)
