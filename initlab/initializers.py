"""Weight initialisers: every one is `f(shape, rng, **options)` and returns a new float64 array.

`shape` is `(fan_out, fan_in)` for a dense layer and `(out, in / groups, *kernel)` for a convolution.  `gain`
multiplies the standard deviation, so `gain**2` multiplies the variance.  Nearly all of them are one call of
`variance_scaling`.
"""

import math
from functools import lru_cache, partial
from numbers import Integral

import numpy as np

from initlab._checks import check_rng, choice, finite

MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo")
DISTRIBUTIONS = ("normal", "uniform", "truncated_normal")
TRUNCATION = 2.0  # truncated_normal redraws what lies beyond this many of its own standard deviations
# the standard deviation of N(0, 1) cut at +-2: sqrt(1 - 2 c pdf(c) / (2 cdf(c) - 1)), c = 2
TRUNCATED_STD = math.sqrt(
    1 - 2 * TRUNCATION * math.exp(-(TRUNCATION**2) / 2) / math.sqrt(2 * math.pi) / math.erf(TRUNCATION / math.sqrt(2))
)


def _shape(shape):
    """`shape` as a tuple of at least two positive ints, or the error a learner needs."""
    try:
        sizes = tuple(shape)
    except TypeError:
        raise TypeError(f"shape must be a tuple like (fan_out, fan_in), got {shape!r}") from None
    if len(sizes) < 2:
        raise ValueError(f"shape must have at least two sizes, (fan_out, fan_in), got {sizes}")
    for size in sizes:
        if not isinstance(size, Integral) or isinstance(size, bool):
            raise TypeError(f"shape must hold whole numbers, got {sizes}")
        if size < 1:
            raise ValueError(f"shape must hold sizes of at least 1, got {sizes}: a layer without units has no weights")
    return tuple(int(size) for size in sizes)


def fans(shape, groups=1, stride=1):
    """(fan_in, fan_out): how many weights meet in one output, and how many outputs one input reaches.

    For `shape = (out, in / groups, *kernel)` with k kernel entries: fan_in = (in / groups) k and
    fan_out = out k / (groups * stride**dims).  `stride` is one number for every kernel axis or one for each.
    fan_out is a float where it is not whole.  Frameworks ignore groups and stride in fan_out.
    Raises ValueError or TypeError for sizes below 1, groups that do not divide `out`, a wrong number of strides.
    Source: Glorot and Bengio 2010, section 4.2.1; He et al. 2015, section 2.2.
    """
    shape = _shape(shape)
    kernel = shape[2:]
    each = isinstance(stride, (tuple, list))
    if any(not isinstance(s, Integral) or s < 1 for s in (stride if each else [stride])):
        raise ValueError(f"stride must hold whole numbers of at least 1, got {stride!r}")
    strides = tuple(stride) if each else (stride,) * len(kernel)
    if len(strides) != len(kernel):
        raise ValueError(f"stride must be one number or {len(kernel)} of them for shape {shape}, got {stride!r}")
    if not isinstance(groups, Integral) or groups < 1 or shape[0] % groups:
        raise ValueError(f"groups must be a whole number that divides the {shape[0]} outputs, got {groups!r}")
    area = math.prod(kernel)
    reached, shared = shape[0] * area, groups * math.prod(strides)
    return shape[1] * area, reached // shared if reached % shared == 0 else reached / shared


@lru_cache(maxsize=256)  # a network asks for the same few shapes over and over
def _fan(shape, mode):
    fan_in, fan_out = fans(shape)
    return {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo": math.sqrt(fan_in * fan_out),
    }[mode]


def _draw(shape, rng, std, distribution):
    """Independent entries with mean 0 and this standard deviation."""
    check_rng(rng)
    choice("distribution", distribution, DISTRIBUTIONS)
    if distribution == "uniform":
        draw = rng.uniform(-1.0, 1.0, shape)
        draw *= std * math.sqrt(3.0)
        return draw
    draw = rng.standard_normal(shape)
    if distribution == "truncated_normal":
        std /= TRUNCATED_STD
        while (outside := np.abs(draw) > TRUNCATION).any():
            draw[outside] = rng.standard_normal(outside.sum())
    draw *= std
    return draw


def variance_scaling(shape, rng, *, gain=1.0, mode="fan_in", distribution="normal"):
    """Independent zero-mean weights with Var[w] = gain**2 / fan.

    mode: `fan_in`, `fan_out`, `fan_avg` (their mean) or `fan_geo` (their geometric mean).
    distribution: `normal`, `uniform` on +-sqrt(3 Var[w]), or `truncated_normal`, a normal cut at two of its own
    standard deviations and widened so that the variance is the stated one.
    Raises ValueError or TypeError for a bad shape, gain, mode, distribution or rng.
    """
    shape = _shape(shape)
    std = finite("gain", gain, least=0.0) / math.sqrt(_fan(shape, choice("mode", mode, MODES)))
    return _draw(shape, rng, std, distribution)


def zeros(shape, rng=None):
    """All weights 0: chapter 01 shows what then learns, and what does not."""
    return np.zeros(_shape(shape))


def constant(shape, rng=None, *, value=0.1):
    """All weights the same `value`: every unit of a layer stays the twin of its neighbours."""
    return np.full(_shape(shape), finite("value", value))


def normal(shape, rng, *, std=0.01):
    """w ~ N(0, std**2), whatever the width: the naive start of chapter 02."""
    return _draw(_shape(shape), rng, finite("std", std, least=0.0), "normal")


def uniform(shape, rng, *, limit=0.05):
    """w ~ U(-limit, limit), so Var[w] = limit**2 / 3, whatever the width."""
    return _draw(_shape(shape), rng, finite("limit", limit, least=0.0) / math.sqrt(3.0), "uniform")


def truncated_normal(shape, rng, *, std=0.01):
    """w ~ N(0, .) cut at two of its own standard deviations; `std` is what is left after the cut."""
    return _draw(_shape(shape), rng, finite("std", std, least=0.0), "truncated_normal")


def lecun_normal(shape, rng):
    """w ~ N(0, 1 / fan_in).  Source: LeCun et al. 1998, Efficient BackProp, section 4.6."""
    return variance_scaling(shape, rng)


def lecun_uniform(shape, rng):
    """w ~ U(+-sqrt(3 / fan_in)), so Var[w] = 1 / fan_in.  Source: LeCun et al. 1998, section 4.6."""
    return variance_scaling(shape, rng, distribution="uniform")


def xavier_normal(shape, rng, *, gain=1.0):
    """w ~ N(0, gain**2 * 2 / (fan_in + fan_out)).  Source: Glorot and Bengio 2010, equation 12."""
    return variance_scaling(shape, rng, gain=gain, mode="fan_avg")


def xavier_uniform(shape, rng, *, gain=1.0):
    """w ~ U(+-gain sqrt(6 / (fan_in + fan_out))).  Source: Glorot and Bengio 2010, equation 16."""
    return variance_scaling(shape, rng, gain=gain, mode="fan_avg", distribution="uniform")


def _he_gain(slope):
    return math.sqrt(2.0 / (1.0 + finite("slope", slope) ** 2))


def he_normal(shape, rng, *, slope=0.0, mode="fan_in"):
    """w ~ N(0, 2 / ((1 + slope**2) fan)); `slope` is the leaky ReLU's.  Source: He et al. 2015, eqs 10, 14, 15."""
    return variance_scaling(shape, rng, gain=_he_gain(slope), mode=mode)


def he_uniform(shape, rng, *, slope=0.0, mode="fan_in"):
    """w ~ U(+-sqrt(6 / ((1 + slope**2) fan))).  Source: He et al. 2015, equations 10, 14 and 15."""
    return variance_scaling(shape, rng, gain=_he_gain(slope), mode=mode, distribution="uniform")


def orthogonal(shape, rng, *, gain=1.0):
    """gain times a uniformly drawn matrix with orthonormal columns (tall or square) or rows (wide).

    A convolution's shape is read as `(out, in * kernel)`.  Each column of Q is multiplied by the sign of R's
    diagonal, without which the draw is not uniform.  E[w**2] = gain**2 / max(rows, columns).
    Source: Saxe et al. 2014, section 3; Mezzadri 2007, section 5, for the signs.
    """
    shape = _shape(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(check_rng(rng).standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return finite("gain", gain, least=0.0) * np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape)


def delta_orthogonal(shape, rng, *, gain=1.0):
    """A convolution kernel that is zero but for its centre, which is `orthogonal`: norms are kept where out >= in.

    `shape` is `(out, in, *kernel)` with odd kernel sizes.  Raises ValueError for an even one or none.
    Source: Xiao et al. 2018, section 2.4 and algorithm 1.
    """
    shape = _shape(shape)
    if len(shape) < 3 or any(k % 2 == 0 for k in shape[2:]):
        raise ValueError(f"shape must be (out, in, *kernel) with odd kernel sizes, got {shape}: no centre otherwise")
    kernel = np.zeros(shape)
    kernel[(slice(None), slice(None), *(k // 2 for k in shape[2:]))] = orthogonal(shape[:2], rng, gain=gain)
    return kernel


def torch_default(shape, rng):
    """w ~ U(+-1 / sqrt(fan_in)), so Var[w] = 1 / (3 fan_in): what PyTorch's Linear and Conv layers start with.

    The framework spells it kaiming_uniform with a = sqrt(5).  It also draws the bias from the same interval.
    Source: torch.nn.Linear, section Variables of its documentation.
    """
    return variance_scaling(shape, rng, gain=math.sqrt(1 / 3), distribution="uniform")


INITIALIZERS = {
    f.__name__: f
    for f in (
        zeros, constant, normal, uniform, truncated_normal, variance_scaling, lecun_normal, lecun_uniform,
        xavier_normal, xavier_uniform, he_normal, he_uniform, orthogonal, delta_orthogonal, torch_default,
    )
}  # fmt: skip


def initializer(init):
    """`f(shape, rng)` for a name, a `(name, options)` pair like `("normal", {"std": 0.01})`, or such an f itself.

    Raises ValueError for an unknown name (and lists the known ones), TypeError for anything else.
    """
    if callable(init):
        return init
    name, options = init if isinstance(init, tuple) and len(init) == 2 else (init, {})
    if not isinstance(name, str) or not isinstance(options, dict):
        raise TypeError(f"init must be a name, a (name, options) pair or a function f(shape, rng), got {init!r}")
    return partial(INITIALIZERS[choice("initializer", name, INITIALIZERS)], **options)


def prior_bias(pi):
    """The output bias whose prediction is the base rate, before anything is learnt.

    A scalar pi in (0, 1): log(pi / (1 - pi)), for a sigmoid.  A sequence of class priors that sums to 1:
    log(pi), one for each class, for a softmax.  Raises ValueError for anything else.
    Source: Lin et al. 2017, Focal Loss, section 4.1.
    """
    pi = np.asarray(pi, dtype=float)
    if not np.all((pi > 0) & (pi < 1)):
        raise ValueError(f"pi must lie strictly between 0 and 1, got {pi.tolist()}")
    if pi.ndim == 0:
        return float(np.log(pi) - np.log1p(-pi))
    if pi.ndim != 1 or not math.isclose(pi.sum(), 1.0, rel_tol=1e-6):
        raise ValueError(f"pi must be one base rate or class priors that sum to 1, got a sum of {pi.sum():.6g}")
    return np.log(pi)
