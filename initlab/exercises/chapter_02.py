"""Exercises of chapter 02."""

import math

import numpy as np

from initlab.claims import exercise, one_number

LEAKY = 1 + 0.2**2  # twice the share of E[z^2] that leaky_relu keeps


@exercise("02.1")
def relu_factor(answer):
    """The change of E[a^2] over 30 ReLU layers, 100 wide, std 0.05: (100 * 0.05**2 / 2)**30."""
    got, one = one_number(answer), 100 * 0.05**2 / 2
    if got <= 0:
        return "A second moment is positive, so the factor is too: give the factor itself, not its logarithm."
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
    if math.isclose(got, one**15, rel_tol=0.05):
        return "That is the factor of the typical size, √E[a²]. The question is about E[a²] itself."
    return "Start with one layer: n Var[w] / 2, with n = 100 and Var[w] = 0.05². Then raise it to the 30th power."


@exercise("02.2")
def float32_depth(answer):
    """The depth at which (gain / sqrt(2))**depth falls to float32's smallest normal number."""
    if not callable(answer):
        return f"Give the function itself, survives, not {answer!r}."
    if answer(0.5) is ...:
        return ...
    tiny, least = math.log(np.finfo(np.float32).tiny), math.log(np.finfo(np.float32).smallest_subnormal)
    for gain in (0.1, 0.5, 1.0, 1.3):
        got, right = answer(gain), tiny / math.log(gain / math.sqrt(2))
        if not isinstance(got, (int, float, np.number)):
            return f"For gain {gain} the function returns {got!r}: it should return a number of layers."
        if abs(got - right) < 1.01:  # at 0.5 it is a whole number, and rounding may go either way
            continue
        if abs(got + right) <= 1.0:
            return f"For gain {gain} you get {got:.4g}: the number is right, its sign is not."
        if abs(got - right * least / tiny) <= 1.0:
            return f"For gain {gain} you get {got:.4g}: that is where everything is 0. The limit asked for is 1.18e-38."
        if abs(got - right / 2) <= 1.0:
            return f"For gain {gain} you get {got:.4g}, half of what is asked: the typical size is the root of E[a²]."
        if gain != 1.0 and abs(got - tiny / math.log(gain)) <= 1.0:
            return f"For gain {gain} you get {got:.4g}: that is a linear network. ReLU divides the size by √2 as well."
        return f"For gain {gain} you get {got:.4g}. Each layer multiplies √E[a²] by gain / √2: take logarithms."
    return None


@exercise("02.3")
def leaky_start(answer):
    """An initialiser with mean 0 and Var[w] = 2 / ((1 + 0.2**2) fan_in), judged by 800 000 of its weights."""
    if not callable(answer):
        return f"Give the function itself, my_init, not {answer!r}."
    rng, kept = np.random.default_rng(0), []
    for shape in ((200, 2000), (2000, 200)):  # 400 000 weights each: their mean square is known to 0.2 %
        draw = np.asarray(answer(shape, rng), dtype=float)
        if draw.shape != shape:
            return f"For the shape {shape} it returned an array of shape {draw.shape}."
        second = float(np.mean(draw**2))
        if not math.isfinite(second) or second == 0:
            return "All weights are 0, or some are not finite: no signal gets through."
        if abs(draw.mean()) > 6 * math.sqrt(second / draw.size):
            return f"The mean of the weights is {draw.mean():.2g}. It should be 0, or the products do not average out."
        kept.append(shape[1] * second * LEAKY / 2)
    if all(abs(factor - 1) < 0.015 for factor in kept):
        return None
    if all(abs(factor - LEAKY) < 0.015 for factor in kept):
        return "That is He's rule for ReLU: E[a²] grows by 4 % per layer, for the negative side passes something too."
    if abs(kept[0] / kept[1] - 1) > 0.03:
        return f"With 2000 inputs E[a²] changes by {kept[0]:.3g}, with 200 by {kept[1]:.3g}: only fan_in counts."
    return f"E[a²] changes by a factor of {kept[0]:.3g} per layer. Which share of E[z²] does leaky_relu keep?"
