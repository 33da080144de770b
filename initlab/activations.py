"""Activation functions and their derivatives, in one table.

Every entry is an `Activation(name, phi, dphi, kinks)`: two functions of an array, and the points where
`phi` or a derivative of it jumps (quadrature splits its intervals there).  Wherever the package asks for an
activation, a name from `ACTIVATIONS` and an `Activation` of your own serve equally well.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev

from initlab._checks import choice

LEAKY_SLOPE = 0.2  # the slope of `leaky_relu` on the negative side
SELU_SCALE = 1.0507009873554805  # Klambauer et al. 2017, section 2: solves q = 1 with mean 0
SELU_ALPHA = 1.6732632423543772
SQRT_2 = math.sqrt(2.0)
SQRT_2PI = math.sqrt(2.0 * math.pi)


@dataclass(frozen=True)
class Activation:
    """An activation and its derivative: `phi(z)` and `dphi(z)`, both elementwise on arrays of any shape.

    `kinks` lists the arguments where phi or one of its derivatives jumps; a wrong list costs accuracy in the
    integrals of `initlab.theory`, nothing else.  `swings` says that phi goes up and down without end, as sin does, so
    that integrals must follow it far out.  `homogeneous` says that phi(c z) = c phi(z) for every c > 0: then one
    integral serves for all scales.
    """

    name: str
    phi: Callable[[np.ndarray], np.ndarray]
    dphi: Callable[[np.ndarray], np.ndarray]
    kinks: tuple[float, ...] = (0.0,)
    swings: bool = False
    homogeneous: bool = False


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
# erfc(x) = t exp(-x^2 + P(t)) with t = 2 / (2 + x) and a smooth P (Numerical Recipes, 3rd edition, section 6.2.2).
# The polynomials are fitted here to Python's own math.erf and math.erfc.
ERFC_LARGEST = 26.0  # beyond it erfc is below 1e-295


def _log_erfc(t):
    x = 2.0 / t - 2.0
    return np.array([math.log(math.erfc(v)) + v * v for v in x]) - np.log(t)


def _erf_over_x(s):
    return np.array([math.erf(math.sqrt(v)) / math.sqrt(v) if v > 0 else 2 / math.sqrt(math.pi) for v in s])


_ERFC_FIT = Chebyshev.interpolate(_log_erfc, 34, domain=[2 / (2 + ERFC_LARGEST), 1.0])
_ERF_FIT = Chebyshev.interpolate(_erf_over_x, 14, domain=[0.0, 1.0])


def _floats(x):
    x = np.asarray(x)
    return x.astype(np.result_type(x.dtype, np.float32), copy=False)


def erfc(x):
    """1 - erf(x), elementwise, to about 1e-13 relative."""
    x = _floats(x)
    size = np.minimum(np.abs(x), ERFC_LARGEST)
    t = 2.0 / (2.0 + size)
    tail = t * np.exp(_ERFC_FIT(t) - size * size)
    return np.where(x >= 0, tail, 2.0 - tail).astype(x.dtype, copy=False)


def erf(x):
    """The error function 2/sqrt(pi) int_0^x exp(-t^2) dt, elementwise, to about 1e-14 relative."""
    x = _floats(x)
    small = np.clip(x, -1.0, 1.0)
    return np.where(np.abs(x) < 1.0, small * _ERF_FIT(small * small), 1.0 - erfc(x)).astype(x.dtype, copy=False)


# --- the functions, each above its derivative -------------------------------------------------------------------
def _linear(z):
    return z.copy() if isinstance(z, np.ndarray) else z


def _d_linear(z):
    return np.ones_like(z)


def _sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def _d_sigmoid(z):
    e = np.exp(-np.abs(z))
    return e / ((1.0 + e) * (1.0 + e))


def _d_tanh(z):
    t = np.tanh(z)
    return (1.0 - t) * (1.0 + t)


def _relu(z):
    return np.maximum(z, 0)


def _d_relu(z):
    return np.greater(z, 0).astype(_floats(z).dtype)


def _leaky_relu(z):
    return np.maximum(z, LEAKY_SLOPE * z)


def _d_leaky_relu(z):
    return np.where(z > 0, 1.0, LEAKY_SLOPE)


def _elu(z):
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _d_elu(z):
    return np.exp(np.minimum(z, 0))


def _selu(z):
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def _d_selu(z):
    return SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0)))


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
    return s + z * _d_sigmoid(z)


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
        Activation("linear", _linear, _d_linear, homogeneous=True),
        Activation("sigmoid", _sigmoid, _d_sigmoid),
        Activation("tanh", np.tanh, _d_tanh),
        Activation("relu", _relu, _d_relu, homogeneous=True),
        Activation("leaky_relu", _leaky_relu, _d_leaky_relu, homogeneous=True),
        Activation("elu", _elu, _d_elu),
        Activation("selu", _selu, _d_selu),
        Activation("gelu", _gelu, _d_gelu),
        Activation("silu", _silu, _d_silu),
        Activation("softplus", _softplus, _sigmoid),
        Activation("hardtanh", _hardtanh, _d_hardtanh, kinks=(-1.0, 1.0)),
        Activation("sin", np.sin, np.cos, swings=True),
        Activation("erf", erf, _d_erf),
    )
}
