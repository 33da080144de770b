"""What theory says of a network at its start, from integrals alone: no weight is drawn here.

For wide layers a pre-activation is Gaussian, z ~ N(0, q), and everything follows from one-dimensional integrals
over it: the second moment of the next layer, the growth of the gradients, and, to first order in 1 / width, how
far single networks scatter around these means.  Nothing in this module imports the networks it predicts.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from itertools import pairwise

import numpy as np

from initlab._checks import check_widths, choice, finite, whole
from initlab.activations import activation as as_activation

# --- Gaussian integrals -------------------------------------------------------------------------------------
# Gauss-Legendre on panels that shrink towards z = 0, where phi(sqrt(q) z) bends when q is large; panels also end
# at the kinks of phi.  Beyond |z| = 10 the Gaussian weight is below 1e-22.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_GRADED = np.concatenate([2.0 ** np.arange(-16, 0), np.arange(1.0, 10.5, 0.5)])
_EDGES = np.concatenate([-_GRADED[::-1], [0.0], _GRADED])


def _panels(edges):
    centres, halves = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    z = (centres[:, None] + halves[:, None] * _NODES).ravel()
    weights = (halves[:, None] * _WEIGHTS).ravel()
    return z, weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


_STANDARD = _panels(_EDGES)
_SMOOTH = {steep: _panels(np.arange(-10.0, 10.1, 2 / steep)) for steep in (2, 4)}  # enough without kinks, up to root_q
_LARGE = 1e30  # stands in for q = inf


def _quadrature(kinks=(0.0,), root_q=1.0, swings=True):
    """Nodes and weights for integrals over z ~ N(0, 1) of a function of root_q * z with these kinks."""
    if not kinks and root_q <= 4:
        return _SMOOTH[2 if root_q <= 2 else 4]
    at = [k / root_q for k in kinks if k != 0.0 and root_q > 0 and abs(k) < 10 * root_q]
    fine = np.arange(-10, 10, 2 / root_q) if swings and 4 < root_q < 1000 else []
    return _panels(np.unique(np.concatenate([_EDGES, at, fine]))) if at or len(fine) else _STANDARD


def gaussian_mean(f, q=1.0, kinks=(0.0,)):
    """E[f(z)] for z ~ N(0, q), by quadrature; f takes and returns an array, `kinks` are where f or f' jumps."""
    return _mean(f, math.sqrt(finite("q", q, least=0.0)), kinks)


def _mean(f, root_q, kinks, swings=True):
    z, weights = _quadrature(kinks, root_q, swings)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(weights @ f(root_q * z))


def _mean_square(phi, slope, q):
    """E[phi(z)**2], or E[phi'(z)**2] for `slope`, z ~ N(0, q); at q = inf, for a signal that has overflowed, too."""
    if phi.homogeneous and q > 0:
        return _unit_square(phi, slope) * (1.0 if slope else q)
    second = _mean_square_at(phi, slope, _LARGE if q == math.inf else q)
    return math.inf if q == math.inf and second > math.sqrt(_LARGE) else second


def _mean_square_at(phi, slope, q):
    f = phi.dphi if slope else phi.phi
    return _mean(lambda z: np.square(f(z)), math.sqrt(q), phi.kinks, phi.swings)


@lru_cache(maxsize=256)
def _unit_square(phi, slope):
    return _mean_square_at(phi, slope, 1.0)


def _q(q):
    """q as a float >= 0; inf is allowed, for a signal that has overflowed."""
    return math.inf if q == math.inf else finite("q", q, least=0.0)


def variance_map(activation, q, gain=1.0, sigma_b=0.0):
    """The next layer's q' = gain**2 E[phi(sqrt(q) z)**2] + sigma_b**2, z ~ N(0, 1).

    q is the second moment of a pre-activation, gain**2 = fan_in Var[w], sigma_b the std of the biases.
    Source: Poole et al. 2016, equation 3.
    """
    phi = as_activation(activation)
    gain, sigma_b = finite("gain", gain, least=0.0), finite("sigma_b", sigma_b, least=0.0)
    second = _mean_square(phi, False, _q(q))
    return (gain * gain * second if gain else 0.0) + sigma_b * sigma_b


def chi(activation, q, gain=1.0):
    """chi = gain**2 E[phi'(sqrt(q) z)**2]: the factor by which E[delta**2] grows per layer on the way back.

    Below 1 gradients vanish, above 1 they explode.  Source: Poole et al. 2016, equation 6; Schoenholz et al. 2017.
    """
    phi, gain = as_activation(activation), finite("gain", gain, least=0.0)
    second = _mean_square(phi, True, _q(q))
    return gain * gain * second if gain else 0.0


def gain(activation, direction="forward", q=1.0):
    """The gain that keeps a second moment of q: what multiplies 1 / sqrt(fan) in the weights' std.

    forward: sqrt(q / E[phi(sqrt(q) z)**2]), so that E[z**2] stays q; backward: 1 / sqrt(E[phi'(sqrt(q) z)**2]), so
    that E[delta**2] stays.  The two agree for linear, ReLU and leaky ReLU, and for hardly any other.
    Raises ValueError for an unknown activation or direction, q <= 0, or an activation that lets nothing through.
    """
    phi, q = as_activation(activation), finite("q", q, above=0.0)
    forward = choice("direction", direction, ("forward", "backward")) == "forward"
    kept = _mean_square(phi, False, q) / q if forward else _mean_square(phi, True, q)
    if not 0 < kept < math.inf:
        raise ValueError(f"no {direction} gain for {phi.name} at q={q:g}: its mean square there is {kept:g}")
    return 1.0 / math.sqrt(kept)


def kumar_gain(activation):
    """The linearised gain 1 / (|phi'(0)| sqrt(1 + phi(0)**2)), for activations that are smooth at 0.

    Source: Kumar 2017, On weight initialization in deep neural networks, equation 14: Var[w] = gain**2 / fan_in.
    Raises ValueError where phi has no slope at 0, or a slope of 0.
    """
    phi = as_activation(activation)
    at = np.array([-1e-7, 0.0, 1e-7])
    left, slope, right = phi.dphi(at)
    if abs(right - left) > 1e-5:
        raise ValueError(f"{phi.name} has no derivative at 0 ({left:g} on the left, {right:g} on the right)")
    if abs(slope) < 1e-12:
        raise ValueError(f"{phi.name} has slope 0 at 0, so its linearisation passes nothing on")
    return 1.0 / (abs(float(slope)) * math.sqrt(1.0 + float(phi.phi(at)[1]) ** 2))


def fixed_point(activation, gain=1.0, sigma_b=0.0):
    """q*: where the variance map settles when it starts from q = 1.

    0 when the signal dies, inf when it grows without end, 1 where every q is kept (linear at gain 1, ReLU at
    sqrt(2)).  Found by following the map's direction from 1 to the first sign change of q' - q and bisecting.
    """

    def excess(q):
        return variance_map(activation, q, gain, sigma_b) / q - 1.0

    if abs(start := excess(1.0)) < 1e-13:
        return 1.0
    step, low, high = (1.05 if start > 0 else 1 / 1.05), 1.0, 1.0
    while excess(high) * start > 0:
        low, high = high, high * (step if 1e-4 < high < 1e4 else step**20)
        if not 1e-12 < high < 1e30:
            return math.inf if start > 0 else 0.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if excess(middle) * start > 0 else (low, middle)
    if abs(excess(high * step)) < 1e-12:  # no crossing: the excess has only sunk below rounding
        return math.inf if start > 0 else 0.0
    return math.sqrt(low * high)


# --- from one layer to the next, for a whole network -------------------------------------------------------
def _weight_variance(init, fan_out, fan_in):
    """Var[w] for an initialiser of this name, from its definition; and whether its rows are orthonormal."""
    name, options = init if isinstance(init, tuple) and len(init) == 2 else (init, {})
    if not isinstance(options, dict):
        raise TypeError(f"init must be a name or a (name, options) pair, got {init!r}")

    def fan(mode):
        mean, root = (fan_in + fan_out) / 2, math.sqrt(fan_in * fan_out)
        sizes = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": mean, "fan_geo": root}
        return sizes[choice("mode", mode, sizes)]

    def square(name, value):
        value = finite(name, value, least=0.0)
        return value * value  # inf where value**2 would raise OverflowError

    known = {
        "zeros": lambda: 0.0,
        "normal": lambda std=0.01: square("std", std),
        "truncated_normal": lambda std=0.01: square("std", std),
        "uniform": lambda limit=0.05: square("limit", limit) / 3,
        "variance_scaling": lambda gain=1.0, mode="fan_in", distribution="normal": square("gain", gain) / fan(mode),
        "lecun_normal": lambda: 1 / fan_in,
        "lecun_uniform": lambda: 1 / fan_in,
        "xavier_normal": lambda gain=1.0: square("gain", gain) / fan("fan_avg"),
        "xavier_uniform": lambda gain=1.0: square("gain", gain) / fan("fan_avg"),
        "he_normal": lambda slope=0.0, mode="fan_in": 2 / ((1 + finite("slope", slope) ** 2) * fan(mode)),
        "he_uniform": lambda slope=0.0, mode="fan_in": 2 / ((1 + finite("slope", slope) ** 2) * fan(mode)),
        "torch_default": lambda: 1 / (3 * fan_in),
        "orthogonal": lambda gain=1.0: square("gain", gain) / max(fan_in, fan_out),
    }
    variance = known[choice("initializer for a prediction", name, known)]
    if options and (unknown := set(options) - set(signature(variance).parameters)):
        raise TypeError(f"{name} has no option {', '.join(sorted(unknown))}")
    return variance(**options), name == "orthogonal"


@dataclass(frozen=True)
class Moments:
    """Integrals over z ~ N(0, q) that the finite-width law needs, each relative to the square of its mean.

    `forward[k]` and `backward[k]` are the Hermite weights of phi**2 and phi'**2: two examples with correlation c
    have E[phi_u**2 phi_v**2] / E[phi**2]**2 = sum_k forward[k] c**k.  `overlap` and `slopes` are the same for
    phi and phi' themselves.  `pull` and `tilt` are d log E[phi**2] / d log q and d log E[phi'**2] / d log q.
    `fourth` is E[phi**4] / E[phi**2]**2, `dfourth` the same for phi'.
    """

    forward: np.ndarray
    backward: np.ndarray
    overlap: np.ndarray
    slopes: np.ndarray
    pull: float
    tilt: float
    fourth: float
    dfourth: float


_ORDER = 24  # Hermite terms kept; what lies beyond is put on the last one
_POWERS = np.arange(_ORDER)
_FACTORS = np.stack([np.ones(_ORDER), _POWERS, _POWERS * (_POWERS - 1.0)])  # c**k and its two derivatives are
_EXPONENTS = np.maximum(_POWERS - np.arange(3)[:, None], 0)  # _FACTORS * c**_EXPONENTS


def _hermite_basis(z):
    """Orthonormal Hermite polynomials at z, shape (_ORDER, z.size)."""
    basis = [np.ones_like(z), z]
    for k in range(1, _ORDER - 1):
        basis.append((z * basis[-1] - math.sqrt(k) * basis[-2]) / math.sqrt(k + 1))
    return np.stack(basis)


_BASES = [(rule[0], _hermite_basis(rule[0])) for rule in (_STANDARD, *_SMOOTH.values())]


def _hermite(values, basis, weights, scale):
    """Squared coefficients of a function in orthonormal Hermite polynomials, divided by `scale`, shape (_ORDER,)."""
    squares = (basis @ (weights * values)) ** 2
    total = weights @ values**2
    squares[-1] += max(total - squares.sum(), 0.0)
    return squares / scale


def _moments_at(phi, q):
    z, weights = _quadrature(phi.kinks, math.sqrt(q), phi.swings)
    value, slope = phi.phi(math.sqrt(q) * z), np.broadcast_to(phi.dphi(math.sqrt(q) * z), z.shape)
    basis = next((known for nodes, known in _BASES if nodes is z), None)
    basis = _hermite_basis(z) if basis is None else basis
    v, d = weights @ value**2, weights @ slope**2
    hermite2 = z * z - 1  # d E[f(sqrt(q) z)] / d log q = E[f (z^2 - 1)] / 2
    return Moments(
        forward=_hermite(value**2, basis, weights, v**2),
        backward=_hermite(slope**2, basis, weights, d**2),
        overlap=_hermite(value, basis, weights, v),
        slopes=_hermite(slope, basis, weights, d),
        pull=float(weights @ (value**2 * hermite2) / (2 * v)),
        tilt=float(weights @ (slope**2 * hermite2) / (2 * d)),
        fourth=float(weights @ value**4 / v**2),
        dfourth=float(weights @ slope**4 / d**2),
    )


@lru_cache(maxsize=4096)
def _moments(phi, log_q):
    return _moments_at(phi, math.exp(log_q))


def moments(activation, q):
    """The `Moments` of an activation at a second moment near q (rounded to 5 %: they vary slowly).

    Below 0.01, where any activation is close to its tangents at 0, they are the same for a factor of 2.
    """
    phi = as_activation(activation)
    log_q = math.log(min(max(q, 1e-12), 1e12))
    steps = 20 if q > 0.01 else 1 / math.log(2)
    return _moments(phi, 0.0 if phi.homogeneous else round(log_q * steps) / steps)


@dataclass(frozen=True)
class Prediction:
    """Predicted second moments, each of shape (L + 1,): column l is layer l, column 0 of all but a2 is nan.

    These are means over networks.  `log_std` holds, for each of z2, a2, delta2 and dw2, the standard deviation of
    the natural logarithm of one network's value; `band` turns it into an interval and `typical` into a median.
    """

    z2: np.ndarray
    a2: np.ndarray
    delta2: np.ndarray
    dw2: np.ndarray
    log_std: dict

    def typical(self, field):
        """The median network's value: mean * exp(-log_std**2 / 2), below the mean because the law is skewed."""
        with np.errstate(over="ignore", invalid="ignore"):
            return getattr(self, field) * np.exp(-(self.log_std[field] ** 2) / 2)

    def band(self, field, deviations=2.0):
        """(low, high): about 95 % of single networks lie between, at two standard deviations of the logarithm."""
        spread = np.exp(deviations * self.log_std[field])
        with np.errstate(over="ignore", invalid="ignore"):
            return self.typical(field) / spread, self.typical(field) * spread


def _series(coefficients, c):
    """sum_k coefficients[k] c**k with its first two derivatives."""
    return ((_FACTORS * c**_EXPONENTS) @ coefficients).tolist()


def _power_means(coefficients, c, spread):
    """E[sum_k coefficients[l, k] C**k] for correlations C of means c and variances `spread`, to second order, (L,)."""
    powers = np.power.outer(c, _POWERS)
    curve = (coefficients[:, 2:] * (_FACTORS[2, 2:] * powers[:, :-2])).sum(axis=1)
    return (coefficients * powers).sum(axis=1) + curve * spread / 2


def predict(widths, activation, init, *, output_init=None, x2=1.0, batch=64, sigma_b=0.0):
    """Second moments of z, a, delta and dW in every layer of a random network, and how far networks scatter.

    widths = [n_0, ..., n_L]; hidden layers have the activation, the last layer is linear.  init and output_init are
    a name or a (name, options) pair; the inputs have second moment x2, the biases of every layer the standard
    deviation sigma_b, and the cotangent is N(0, 1).

        E[z_l^2] = fan_in Var[w] E[a_{l-1}^2] + sigma_b^2
        E[delta_l^2] = n_{l+1} Var[w_{l+1}] E[delta_{l+1}^2] E[phi'^2]
        E[(dC/dW_l)^2] = E[a_{l-1}^2] E[delta_l^2]

    The scatter is that of a mean over `batch` examples of independent inputs, to first order in 1 / width: layer l
    adds (E[phi^4] / E[phi^2]^2 - 1) / n_l to the variance of log a2 where all examples agree, and less where
    they do not.  Returns a `Prediction`.  Raises ValueError or TypeError for bad arguments.
    Source: Poole et al. 2016, equation 3; Schoenholz et al. 2017, equation 9; Hanin and Nica 2020, theorem 1, for
    the scatter of ReLU networks.
    """
    widths, phi = tuple(check_widths(widths)), as_activation(activation)
    x2, batch, sigma_b = finite("x2", x2, least=0.0), whole("batch", batch), finite("sigma_b", sigma_b, least=0.0)
    shapes = list(pairwise(widths[:-1]))
    known = {shape: _weight_variance(init, shape[1], shape[0]) for shape in set(shapes)}  # most layers have one shape
    laws = [known[shape] for shape in shapes]
    laws.append(_weight_variance(init if output_init is None else output_init, widths[-1], widths[-2]))
    seconds, log_std = _predict(widths, phi, tuple(laws), x2, 1.0 / batch, sigma_b)
    return Prediction(*(v.copy() for v in seconds), {name: v.copy() for name, v in log_std.items()})


@lru_cache(maxsize=512)  # a hand goes back and forth over the same settings
def _predict(widths, phi, laws, x2, one, sigma_b):
    """(z2, a2, delta2, dw2) and their `log_std`; laws are (Var[w], orthonormal) of each layer, `one` is 1 / batch."""
    depth = len(widths) - 1
    z2, a2, delta2, dw2 = (np.full(depth + 1, math.nan) for _ in range(4))
    a2[0] = x2
    linear = as_activation("linear")
    with np.errstate(over="ignore", invalid="ignore"):
        for n, (variance, _) in enumerate(laws, start=1):
            z2[n] = (widths[n - 1] * variance * a2[n - 1] if variance else 0.0) + sigma_b * sigma_b
            a2[n] = z2[n] if n == depth else _mean_square(phi, False, z2[n])
        delta2[depth] = 1.0
        for n in range(depth - 1, 0, -1):
            delta2[n] = widths[n + 1] * laws[n][0] * delta2[n + 1] * chi(phi, z2[n])
        dw2[1:] = a2[:-1] * delta2[1:]
    with np.errstate(invalid="ignore"):
        free = 1.0 - np.where(z2 > 0, sigma_b * sigma_b / z2, 0.0)  # the weights' share of E[z^2]
    exact = tuple(bool(orthonormal) for _, orthonormal in laws)
    if phi.homogeneous and sigma_b == 0:  # the same at every scale
        log_std = _scatter_at_any_scale(widths, phi, exact, one)
    else:
        log_std = _scatter(widths, [phi] * (depth - 1) + [linear], exact, z2, one, free)
    return (z2, a2, delta2, dw2), log_std


@lru_cache(maxsize=256)
def _scatter_at_any_scale(widths, phi, exact, one):
    depth = len(widths) - 1
    phis, ones = [phi] * (depth - 1) + [as_activation("linear")], np.ones(depth + 1)
    return _scatter(widths, phis, exact, ones, one, ones)


def _scatter(widths, phis, exact, z2, one, free):
    """Standard deviations of the logs of z2, a2, delta2, dw2; `one` is 1 / batch, `free` is 1 - sigma_b^2 / z2.

    exact[l - 1]: whether the weights of layer l are orthonormal, so that they add no scatter where they are not wide.
    """
    depth, n = len(widths) - 1, np.array(widths)
    seen = [moments(phi, q) if 0 < q < math.inf else moments(phi, 1.0) for phi, q in zip(phis, z2[1:], strict=True)]

    def each(name):
        return np.array([getattr(m, name) for m in seen])

    # the correlation of two examples' pre-activations in each layer, its mean c and its variance s
    c, s = np.empty(depth), np.empty(depth)
    corr, spread = 0.0, 1.0 / widths[0]
    for k, (m, width, part) in enumerate(zip(seen, widths[1:], free[1:].tolist(), strict=True)):
        corr, spread = 1 - part * (1 - corr), part**2 * spread  # a bias is the same for all examples
        c[k], s[k] = corr, spread
        value, slope, curve = _series(m.overlap, corr)
        corr = min(value + curve * spread / 2, 1.0)
        spread = min(slope**2 * spread + (1 - corr**2) ** 2 / width, 1 - corr**2)
    # forward: variances of log z2 and log a2; the rows of wide orthogonal weights add nothing of their own
    tall = np.array(exact) & (n[1:] >= n[:-1])
    kept = free[1:] == 1
    own = 2.0 * (one + (1 - one) * (c**2 + s)) / n[1:]
    joint = one * each("fourth") + (1 - one) * _power_means(each("forward"), c, s)
    noise = (joint - 1) / n[1:] - np.where(tall & kept, each("pull") ** 2 * own, 0.0)
    own, noise = np.log1p(np.where(tall & kept, 0.0, own)), np.log1p(np.maximum(noise, 0.0))
    pull = np.append(1.0, each("pull") * free[1:])
    var_z, var_a = np.zeros(depth + 1), np.zeros(depth + 1)
    var_a[0] = 2.0 * one / widths[0]
    for k in range(1, depth + 1):
        var_z[k] = free[k] ** 2 * var_a[k - 1] + own[k - 1]
        var_a[k] = pull[k] ** 2 * var_a[k - 1] + noise[k - 1]
    # covariance of log a2 between layers: a fluctuation of layer j reaches layer k through the pulls between
    cov = np.zeros((depth + 1, depth + 1))
    for k in range(depth + 1):
        cov[k, k] = var_a[k]
        cov[k, :k] = cov[:k, k] = pull[k] * cov[:k, k - 1]
    # backward: the cotangents of two examples are independent, so their correlation has mean 0
    pairs, slopes = (_power_means(each(name), c, s).tolist() for name in ("backward", "slopes"))
    fourth = each("dfourth").tolist()
    var_own, spread = np.zeros(depth + 1), 1.0 / widths[depth]
    var_own[depth] = 2.0 * one / widths[depth]
    for k in range(depth - 1, 0, -1):
        width, square = widths[k], exact[k] and widths[k] >= widths[k + 1]
        joint = one * 3 * fourth[k - 1] + (1 - one) * (1 + 2 * spread) * pairs[k - 1]
        same = 2 * (one + (1 - one) * spread) / width if square else 0.0
        var_own[k] = var_own[k + 1] + math.log1p(max((joint - 1) / width - same, 0.0))
        spread = min(min(slopes[k - 1], 1.0) ** 2 * spread + 1.0 / width, 1.0)
    # log q of layer k fluctuates with log a2 of layer k - 1, and all layers above have a say in delta
    tilt = np.append(each("tilt")[:-1] * free[1:-1], [0.0, 0.0])
    push = np.triu(np.tile(tilt, (depth, 1)))
    reach = push @ cov
    var_delta, var_dw = np.zeros(depth + 1), np.zeros(depth + 1)
    var_delta[1:] = var_own[1:] + (reach * push).sum(axis=1)
    var_dw[1:] = var_delta[1:] + var_a[:-1] + 2 * np.diagonal(reach)
    return {
        name: np.sqrt(np.maximum(v, 0.0)) for name, v in dict(z2=var_z, a2=var_a, delta2=var_delta, dw2=var_dw).items()
    }
