"""Checks of arguments: each returns the value, or raises an error that names it, shows it and says what is allowed."""

import math
from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np


def choice(what, value, known):
    """`value` if it is one of `known`; else a ValueError that lists them."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"unknown {what} {value!r}; known are {', '.join(known)}")
    return value


def finite(name, value, *, least=None, above=None):
    """`value` as a finite float, at least `least` or greater than `above` where these are given."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    if least is not None and value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    if above is not None and value <= above:
        raise ValueError(f"{name} must be greater than {above}, got {value}")
    return float(value)


def whole(name, value, *, least=1):
    """`value` as an int of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def check_widths(widths):
    """`widths` as a list of ints [n_0, ..., n_L] with at least one layer."""
    if not isinstance(widths, Iterable):
        raise TypeError(f"widths must be a list [n_0, ..., n_L], got {widths!r}")
    widths = [whole("each of widths", n) for n in widths]
    if len(widths) < 2:
        raise ValueError(f"widths must be [n_0, ..., n_L] with at least two sizes, got {widths}")
    return widths


def check_rng(rng):
    """`rng` if it is a numpy Generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, as from numpy.random.default_rng(0); got {rng!r}")
    return rng
