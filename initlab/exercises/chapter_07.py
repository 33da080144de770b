"""Exercises of chapter 07."""

import math

import numpy as np

from initlab.activations import ACTIVATIONS
from initlab.claims import exercise, one_number
from initlab.theory import chi, gain, gaussian_mean

# name -> (phi, phi'): functions that are in no table, with a mean, without one, and with a hump
OWN = {
    "z / (1 + |z|)": (lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
    "z tanh(z)": (lambda z: z * np.tanh(z), lambda z: np.tanh(z) + z / np.cosh(z) ** 2),
    "exp(-z²)": (lambda z: np.exp(-z * z), lambda z: -2 * z * np.exp(-z * z)),
    "softplus": (ACTIVATIONS["softplus"].phi, ACTIVATIONS["softplus"].dphi),
}
CALLS, MISSES = 20, 1  # a measurement right to 2 % misses that in one call of twenty


def _returned(name, got):
    """The number that a learner's function has returned for this phi."""
    return one_number(got, f"For φ(z) = {name} it returns {got!r}: it should return one number.")


@exercise("07.1")
def softplus_gradients(answer):
    """The change of E[delta^2] over ten softplus layers at their forward gain: chi**10, about 1.1e-5."""
    got, one = one_number(answer), chi("softplus", 1.0, gain("softplus"))
    if got < 0:
        return "A second moment is positive, so the factor is too: give the factor itself, not its logarithm."
    if got == 0:
        return "Small, but not 0: no layer multiplies by 0."
    if math.isclose(got, one**10, rel_tol=0.05):
        return None
    if math.isclose(got, one**10, rel_tol=0.1):
        return f"Close. {got:.3g} is rounded too much: give three digits, or compute it in the cell."
    named = {
        one: "That is χ, the factor of one layer. Ten layers multiply it ten times.",
        one**-10: "Upside down: the weights have the forward gain, which is the smaller one, so the gradient shrinks.",
        one**5: "That is the factor of the typical size, √E[δ²]. The question is about E[δ²]: χ is a ratio of squares.",
        one**9: "You have counted 9 layers; ten are asked for.",
        one**11: "You have counted 11 layers; ten are asked for.",
    }
    for other in ("sigmoid", "tanh", "relu", "gelu", "silu", "elu", "selu"):
        named[chi(other, 1.0, gain(other)) ** 10] = f"That is {other}'s factor. The question is about softplus."
    for value, hint in named.items():
        if math.isclose(got, value, rel_tol=0.04):
            return hint
    return "Begin with one layer: by what does it multiply E[δ²] when its gain is the forward one? The table has that."


def _hint(name, phi, got, slope=None):
    """What is wrong with this forward gain of phi, or None; with `slope`, phi', the backward gain.  2 % are allowed."""
    f, square = slope or phi, "φ′(z)²" if slope else "φ(z)²"
    second, mean = gaussian_mean(lambda z: f(z) ** 2), gaussian_mean(f)
    right = 1 / math.sqrt(second)

    def near(value):
        return abs(got - value) < 0.02 * abs(value)

    told = f"For φ(z) = {name} you get {got:.3g}{' on the way back' if slope else ''}."
    if near(right):
        return None
    if slope and near(1 / math.sqrt(gaussian_mean(lambda z: phi(z) ** 2))):
        return f"{told} That is the forward gain again. An error on its way back is multiplied by φ′(z), not by φ(z)."
    if not slope and name in OWN and near(1 / math.sqrt(gaussian_mean(lambda z: OWN[name][1](z) ** 2))):
        return f"{told} That is the backward gain, 1 / √E[φ′(z)²]. On the way forward the signal is φ(z) itself."
    if near(second):
        return f"{told} That is E[{square}]. The gain multiplies the weights so that this becomes 1: one more step."
    if near(1 / second):
        return f"{told} That is the square of the gain: it multiplies the variance of the weights. Take its root."
    if near(math.sqrt(second)):
        return f"{told} That is √E[{square}], what the layer does. The gain has to undo it."
    if second - mean**2 > 0 and near(1 / math.sqrt(second - mean**2)):
        return f"{told} You have used the variance of φ(z). The next layer sees its mean too: use the mean of squares."
    if near(right * (2 * math.pi) ** -0.25):
        return f"{told} You have weighted by exp(−z²/2). These weights do not add up to 1: divide by their sum."
    flat = np.linspace(-10, 10, 20001)
    if any(near(1 / math.sqrt(np.mean(f(flat[np.abs(flat) <= r]) ** 2))) for r in (1, 3, 5, 10)):
        return f"{told} That averages over z evenly. z is normal: weight it by its density, or draw it normal."
    if near(math.sqrt(2)):
        return f"{told} √2 is ReLU's gain, and this is another function."
    tangent = OWN[name][1](np.zeros(1))[0] if name in OWN else 0
    if tangent and near(1 / (abs(tangent) * math.sqrt(1 + phi(np.zeros(1))[0] ** 2))):
        return f"{told} That is Kumar's rule, which replaces φ by its tangent at 0. Use φ over the whole bell."
    return f"{told} It should be 1 / √E[{square}] for a normal z of variance 1."


@exercise("07.2")
def gains_by_integral(answer):
    """A function of phi that returns the forward and the backward gain at q = 1, exact to 0.1 %."""
    if not callable(answer):
        return f"Give the function itself, both_gains, not {answer!r}."
    if answer(np.tanh) is ...:
        return ...
    for name, (phi, dphi) in OWN.items():
        got = answer(phi)
        if not isinstance(got, (tuple, list, np.ndarray)) or len(got) != 2:
            return f"For φ(z) = {name} it returns {got!r}: it should return two numbers, forward and backward."
        for slope, value in ((None, got[0]), (dphi, got[1])):
            value = _returned(name, value)
            if hint := _hint(name, phi, value, slope):
                return hint
            f = slope or phi
            right = 1 / math.sqrt(gaussian_mean(lambda z, f=f: f(z) ** 2))
            if abs(value - right) > 1e-3 * right:
                return f"For φ(z) = {name} you get {value:.4g}, close to {right:.4g}. A finer grid, or a smaller step?"
    return None


@exercise("07.3")
def gain_by_measurement(answer):
    """A function of phi and rng that draws a layer and returns the forward gain, right to 2 % in 19 calls of 20."""
    if not callable(answer):
        return f"Give the function itself, measured_gain, not {answer!r}."
    if answer(np.tanh, np.random.default_rng(0)) is ...:
        return ...
    rng = np.random.default_rng(1)
    for name, (phi, _) in OWN.items():
        tries = [_returned(name, answer(phi, rng)) for _ in range(CALLS)]
        if len(set(tries)) == 1:
            return f"{CALLS} calls give the same number: a measurement draws from rng, so it scatters a little."
        right = 1 / math.sqrt(gaussian_mean(lambda z, phi=phi: phi(z) ** 2))
        off = np.array(tries) / right - 1
        wide = np.sum(np.abs(off) > 0.02) > MISSES
        if wide and abs(off.mean()) < 0.01 + off.std():
            more = "more units or more examples, and more than a few inputs"
            return (
                f"For φ(z) = {name} {CALLS} calls lie between {min(tries):.3g} and {max(tries):.3g}, and "
                f"{np.sum(np.abs(off) > 0.02)} of them are off by more than 2 %: draw {more}."
            )
        if hint := _hint(name, phi, float(np.mean(tries))):
            return (
                f"{hint} Have the inputs second moment 1, and the weights variance 1/n?" if "should" in hint else hint
            )
        if wide:
            return (
                f"For φ(z) = {name} the mean of {CALLS} calls is off by {100 * off.mean():.1f} %. Is an input too long?"
            )
    return None
