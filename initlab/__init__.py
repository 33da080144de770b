"""initlab: why networks are initialised the way they are, measured against theory.

Import it before numpy: it asks for one BLAS thread, because small matrices on a busy machine are many times
faster with one than with several.  A setting of your own in the environment is respected.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")

from initlab.activations import ACTIVATIONS, Activation, activation
from initlab.claims import check, claim, ledger
from initlab.initializers import (
    INITIALIZERS,
    constant,
    delta_orthogonal,
    fans,
    he_normal,
    he_uniform,
    initializer,
    lecun_normal,
    lecun_uniform,
    normal,
    orthogonal,
    prior_bias,
    torch_default,
    truncated_normal,
    uniform,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from initlab.network import MLP, Grads, Trace
from initlab.probe import Probe, Signal, signal
from initlab.theory import (
    Prediction,
    chi,
    fixed_point,
    gain,
    gaussian_mean,
    kumar_gain,
    predict,
    variance_map,
)
from initlab.training import train

__version__ = "0.1.0"
__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "MLP",
    "Activation",
    "Grads",
    "Prediction",
    "Probe",
    "Signal",
    "Trace",
    "activation",
    "check",
    "chi",
    "claim",
    "constant",
    "delta_orthogonal",
    "fans",
    "fixed_point",
    "gain",
    "gaussian_mean",
    "he_normal",
    "he_uniform",
    "initializer",
    "kumar_gain",
    "lecun_normal",
    "lecun_uniform",
    "ledger",
    "normal",
    "orthogonal",
    "predict",
    "prior_bias",
    "signal",
    "torch_default",
    "train",
    "truncated_normal",
    "uniform",
    "variance_map",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
