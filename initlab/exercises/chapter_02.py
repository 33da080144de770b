"""Exercises of chapter 02."""

import math

import numpy as np

from initlab.claims import exercise
from initlab.probe import signal


@exercise("02.1")
def relu_factor(answer):
    """The change of E[a^2] over 30 ReLU layers, 100 wide, std 0.05: (100 * 0.05**2 / 2)**30."""
    got, one = float(answer), 100 * 0.05**2 / 2
    if got <= 0:
        return "A second moment is positive, so the factor is too."
    per_layer = got ** (1 / 30)
    if math.isclose(got, one**30, rel_tol=0.05):
        return None
    if math.isclose(got, one, rel_tol=1e-6):
        return "That is the factor of one layer. Thirty layers multiply it thirty times."
    if math.isclose(got, one**29, rel_tol=0.05):
        return "You have counted 29 layers: from the input, layer 0, to layer 30 there are 30 factors."
    if math.isclose(per_layer, 2 * one, rel_tol=0.01):
        return "That is a linear network. ReLU keeps half of the second moment at each layer."
    if math.isclose(per_layer, 100 * 0.05 / 2, rel_tol=0.01):
        return "The variance of the weights is the square of their standard deviation."
    return "Start with one layer: n Var[w] / 2, with n = 100 and Var[w] = 0.05². Then raise it to the 30th power."


@exercise("02.2")
def float32_depth(answer):
    """The depth at which (gain / sqrt(2))**depth falls to float32's smallest normal number."""
    if not callable(answer):
        return f"Give the function itself, survives, not {answer!r}."
    if answer(0.5) is ...:
        return ...
    tiny = math.log(np.finfo(np.float32).tiny)
    for gain in (0.1, 0.5, 1.0, 1.3):
        got, right = float(answer(gain)), tiny / math.log(gain / math.sqrt(2))
        if abs(got - right) <= 1.0:
            continue
        if abs(got - right / 2) <= 1.0:
            return f"For gain {gain} you get {got:.4g}, half of what is asked: the typical size is the root of E[a²]."
        if gain != 1.0 and abs(got - tiny / math.log(gain)) <= 1.0:
            return f"For gain {gain} you get {got:.4g}: that is a linear network. ReLU divides the size by √2 as well."
        return f"For gain {gain} you get {got:.4g}; each layer multiplies √E[a²] by gain / √2, and logarithms turn that round."
    return None


@exercise("02.3")
def leaky_start(answer):
    """An initialiser with Var[w] = 2 / ((1 + 0.2**2) fan_in), judged by its signal over fifty layers."""
    if not callable(answer):
        return f"Give the function itself, my_init, not {answer!r}."
    rng = np.random.default_rng(0)
    draw = np.asarray(answer((30, 60), rng), dtype=float)
    if draw.shape != (30, 60):
        return f"For the shape (30, 60) it returned an array of shape {draw.shape}."
    widths = [200] + [150, 250] * 25
    found = signal(widths, "leaky_relu", lambda shape, rng: np.asarray(answer(shape, rng), dtype=float), nets=8, rng=rng)
    end = float(np.exp(np.log(found.a2[:, -2]).mean()))
    if not math.isfinite(end) or end == 0:
        return "After fifty layers the signal has left the range of floating point."
    # the mean of log E[a^2] over 8 networks, 49 layers of about 200: drift -0.6, standard error 0.4
    if abs(math.log(end) + 0.6) < 2.0:
        large = np.asarray(answer((400, 100), rng), dtype=float).std() ** 2 * 100 * 1.04 / 2
        return None if abs(large - 1) < 0.05 else "The signal is level here, but not for the shape (400, 100): use fan_in."
    per_layer = end ** (1 / 49)
    if math.isclose(per_layer, 1.04, rel_tol=0.02):
        return "E[a²] grows by 4 % per layer: that is ReLU's gain. The negative side brings 0.2² of its share back."
    return f"E[a²] changes by a factor of {per_layer:.3g} per layer. It should be 1: (1 + 0.2²)/2 · fan_in · Var[w] = 1."
