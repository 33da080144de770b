"""Activation functions and their derivatives, in one table.

Every entry is an `Activation(name, phi, dphi, kinks)`: two functions of an array, and the points where
`phi` or a derivative of it jumps (quadrature splits its intervals there).  Wherever the package asks for an
activation, a name from `ACTIVATIONS` and an `Activation` of your own serve equally well.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from initlab._checks import choice

LEAKY_SLOPE = 0.2  # the slope of `leaky_relu` on the negative side
SELU_SCALE = 1.0507009873554805  # Klambauer et al. 2017, section 2: solves q = 1 with mean 0
SELU_ALPHA = 1.6732632423543772
SQRT_2 = math.sqrt(2.0)
SQRT_2PI = math.sqrt(2.0 * math.pi)


@dataclass(frozen=True)
class Activation:
    """An activation and its derivative: `phi(z)` and `dphi(z)`, both elementwise on arrays of any shape.

    `kinks` lists the arguments where phi or one of its derivatives jumps, () where it is as smooth as tanh(z); a
    wrong list costs accuracy in the integrals of `initlab.theory`, nothing else.  `swings` says that phi goes up and
    down without end, as sin does, so that integrals must follow it far out.  `homogeneous` says that
    phi(c z) = c phi(z) for every c > 0: then one integral serves for all scales.  `from_value`, if given, is the
    derivative as a function of a = phi(z), for backward passes that have a at hand.
    """

    name: str
    phi: Callable[[np.ndarray], np.ndarray]
    dphi: Callable[[np.ndarray], np.ndarray]
    kinks: tuple[float, ...] = (0.0,)
    swings: bool = False
    homogeneous: bool = False
    from_value: Callable[[np.ndarray], np.ndarray] | None = None

    def slope(self, z, a):
        """phi'(z) where a = phi(z) is known already: from a, where the activation can, else dphi(z)."""
        return self.dphi(z) if self.from_value is None else self.from_value(a)


def activation(which) -> Activation:
    """The `Activation` with this name, or the one that was passed in.

    Raises ValueError for an unknown name (and lists the known ones), TypeError for anything else.
    """
    if isinstance(which, Activation):
        return which
    if not isinstance(which, str):
        raise TypeError(f"activation must be a name or an Activation, got {which!r}")
    return ACTIVATIONS[choice("activation", which, ACTIVATIONS)]


# --- the error function, which numpy does not have -------------------------------------------------------------
# In double precision Python's own, number by number.  In single precision, where pictures that move need it, by
# erfc(x) = t exp(-x^2 + P(t)), t = 2 / (2 + x) (Numerical Recipes, 3rd edition, section 6.2.2), and x Q(x^2) near 0,
# with polynomials fitted here to Python's own.
ERFC_LARGEST = 10.0  # beyond it erfc is below single precision


def _fit(f, degree, low, high):
    """Coefficients of a polynomial close to f on [low, high], lowest power first."""
    return Chebyshev.interpolate(np.vectorize(f), degree, domain=[low, high]).convert(kind=Polynomial).coef


_ERFC_FIT = _fit(lambda t: math.log(math.erfc(2 / t - 2)) + (2 / t - 2) ** 2 - math.log(t), 10, 2 / 12, 1.0)
_ERF_FIT = _fit(lambda s: math.erf(math.sqrt(s)) / math.sqrt(s) if s > 0 else 2 / math.sqrt(math.pi), 8, 0.0, 1.0)


def _floats(x):
    x = np.asarray(x)
    return x.astype(np.result_type(x.dtype, np.float32), copy=False)


def _each(f, x):
    return np.fromiter(map(f, x.ravel().tolist()), float, x.size).reshape(x.shape)


def _polynomial(coefficients, x):
    """Horner's rule in place, in the precision of x."""
    out = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        out *= x
        out += c
    return out


def erfc(x):
    """1 - erf(x), elementwise: as exact as math.erfc, in single precision to about 2e-6 relative for |x| < 3."""
    x = _floats(x)
    if x.dtype != np.float32:
        return _each(math.erfc, x)
    size = np.minimum(np.abs(x), np.float32(ERFC_LARGEST))
    t = 2 / (2 + size)
    tail = t * np.exp(_polynomial(_ERFC_FIT, t) - size * size)
    return np.where(x >= 0, tail, 2 - tail)


def erf(x):
    """The error function 2/sqrt(pi) int_0^x exp(-t^2) dt, elementwise: as exact as math.erf, or as single precision."""
    x = _floats(x)
    if x.dtype != np.float32:
        return _each(math.erf, x)
    small = np.clip(x, -1, 1)
    return np.where(np.abs(x) < 1, small * _polynomial(_ERF_FIT, small * small), 1 - erfc(x))


# --- the functions, each above its derivative -------------------------------------------------------------------
def _linear(z):
    return z.copy() if isinstance(z, np.ndarray) else z


def _d_linear(z):
    return np.ones_like(z)


def _sigmoid(z):
    with np.errstate(over="ignore"):  # far to the left exp(-z) is inf, and 1 / inf the right answer
        return 1.0 / (1.0 + np.exp(np.negative(z)))


def _d_sigmoid(z):
    e = np.exp(-np.abs(z))
    return e / ((1.0 + e) * (1.0 + e))


def _sigmoid_slope(a):
    return a * (1.0 - a)


def _d_tanh(z):
    return _tanh_slope(np.tanh(z))


def _tanh_slope(a):
    return (1.0 - a) * (1.0 + a)


def _relu(z):
    return np.maximum(z, 0)


def _d_relu(z):
    return np.greater(z, 0).astype(_floats(z).dtype)


def _leaky_relu(z):
    return np.maximum(z, LEAKY_SLOPE * z)


def _d_leaky_relu(z):
    return np.where(z > 0, 1.0, LEAKY_SLOPE)


def _elu(z):
    return np.maximum(z, 0) + np.expm1(np.minimum(z, 0))


def _d_elu(z):
    return np.exp(np.minimum(z, 0))


def _selu(z):
    return SELU_SCALE * (np.maximum(z, 0) + SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def _d_selu(z):
    return SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0)))


def _elu_slope(a):
    return np.minimum(a, 0) + 1.0


def _selu_slope(a):
    return np.where(a > 0, SELU_SCALE, a + SELU_SCALE * SELU_ALPHA)


def _normal_cdf(z):
    return 0.5 * erfc(-z / SQRT_2)


def _gelu(z):
    return z * _normal_cdf(z)


def _d_gelu(z):
    return _normal_cdf(z) + z * np.exp(-0.5 * z * z) / SQRT_2PI


def _silu(z):
    return z * _sigmoid(z)


def _d_silu(z):
    s = _sigmoid(z)
    return s * (1.0 + z * (1.0 - s))


def _softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _hardtanh(z):
    return np.clip(z, -1.0, 1.0)


def _d_hardtanh(z):
    return np.less(np.abs(z), 1.0).astype(_floats(z).dtype)


def _d_erf(z):
    return 2.0 / math.sqrt(math.pi) * np.exp(-z * z)


ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("linear", _linear, _d_linear, kinks=(), homogeneous=True),
        Activation("sigmoid", _sigmoid, _d_sigmoid, kinks=(), from_value=_sigmoid_slope),
        Activation("tanh", np.tanh, _d_tanh, kinks=(), from_value=_tanh_slope),
        Activation("relu", _relu, _d_relu, homogeneous=True),
        Activation("leaky_relu", _leaky_relu, _d_leaky_relu, homogeneous=True),
        Activation("elu", _elu, _d_elu, from_value=_elu_slope),
        Activation("selu", _selu, _d_selu, from_value=_selu_slope),
        Activation("gelu", _gelu, _d_gelu, kinks=()),
        Activation("silu", _silu, _d_silu, kinks=()),
        Activation("softplus", _softplus, _sigmoid, kinks=()),
        Activation("hardtanh", _hardtanh, _d_hardtanh, kinks=(-1.0, 1.0)),
        Activation("sin", np.sin, np.cos, kinks=(), swings=True),
        Activation("erf", erf, _d_erf, kinks=()),
    )
}
