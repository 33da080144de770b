"""Exercises of chapter 07."""

import math

import numpy as np

from initlab.activations import ACTIVATIONS
from initlab.claims import exercise
from initlab.theory import chi, gain, gaussian_mean

# name -> phi: functions that are in no table, with a mean, without one, and with a hump
OWN = {
    "z / (1 + |z|)": lambda z: z / (1 + np.abs(z)),
    "z tanh(z)": lambda z: z * np.tanh(z),
    "exp(-z²)": lambda z: np.exp(-z * z),
    "softplus": ACTIVATIONS["softplus"].phi,
}


@exercise("07.1")
def softplus_gradients(answer):
    """The change of E[delta^2] over ten softplus layers at their forward gain: chi**10, about 1.1e-5."""
    got, one = float(answer), chi("softplus", 1.0, gain("softplus"))
    if got <= 0:
        return "A second moment is positive, so the factor is too: give the factor itself, not its logarithm."
    if math.isclose(got, one**10, rel_tol=0.05):
        return None
    if math.isclose(got, one, rel_tol=0.02):
        return "That is χ, the factor of one layer. Ten layers multiply it ten times."
    if math.isclose(got, one**-10, rel_tol=0.05):
        return "Upside down: the weights have the forward gain, which is the smaller one, so the gradient shrinks."
    if math.isclose(got, one**5, rel_tol=0.05):
        return "That is the factor of the typical size, √E[δ²]. The question is about E[δ²]: χ is a ratio of squares."
    if math.isclose(got, one**9, rel_tol=0.05):
        return "You have counted 9 layers; ten are asked for."
    return "At gain g the factor of one layer is χ = g² E[φ′²] = (g / backward gain)². Both gains are in the table."


def _hint(name, phi, got):
    """What is wrong with this gain of phi, or None; `got` may be off by 2 %."""
    if not isinstance(got, (int, float, np.number)):
        return f"For φ(z) = {name} it returns {got!r}: it should return one number."
    got = float(got)
    second = gaussian_mean(lambda z: phi(z) ** 2)
    mean = gaussian_mean(phi)
    right = 1 / math.sqrt(second)

    def near(value):
        return abs(got - value) < 0.02 * abs(value)

    told = f"For φ(z) = {name} you get {got:.3g}."
    if near(right):
        return None
    if near(second):
        return f"{told} That is E[φ(z)²]. The gain multiplies the weights so that this becomes 1: one more step."
    if near(1 / second):
        return f"{told} That is the square of the gain: it multiplies the variance of the weights. Take its root."
    if near(math.sqrt(second)):
        return f"{told} That is √E[φ(z)²], what the layer does. The gain has to undo it."
    if second - mean**2 > 0 and near(1 / math.sqrt(second - mean**2)):
        return f"{told} You have used the variance of φ(z). The next layer sees its mean too: use the mean of squares."
    flat = np.linspace(-10, 10, 20001)
    if any(near(1 / math.sqrt(np.mean(phi(flat[np.abs(flat) <= r]) ** 2))) for r in (1, 3, 5, 10)):
        return f"{told} That averages over z evenly. z is normal: weight it by its density, or draw it normal."
    return f"{told} It should be 1 / √E[φ(z)²] for a normal z of variance 1."


@exercise("07.2")
def gain_by_integral(answer):
    """A function of phi that returns 1 / sqrt(E[phi(z)^2]), exact to 0.1 %, for functions it has never seen."""
    if not callable(answer):
        return f"Give the function itself, forward_gain, not {answer!r}."
    if answer(np.tanh) is ...:
        return ...
    for name, phi in OWN.items():
        got = answer(phi)
        if hint := _hint(name, phi, got):
            return hint
        right = 1 / math.sqrt(gaussian_mean(lambda z, phi=phi: phi(z) ** 2))
        if abs(got - right) > 1e-3 * right:
            return f"For φ(z) = {name} you get {got:.4g}, close to {right:.4g}. An integral is better: a finer grid?"
    return None


@exercise("07.3")
def gain_by_measurement(answer):
    """A function of phi and rng that draws a layer and returns the same gain to 2 %, a little different every time."""
    if not callable(answer):
        return f"Give the function itself, measured_gain, not {answer!r}."
    if answer(np.tanh, np.random.default_rng(0)) is ...:
        return ...
    rng = np.random.default_rng(1)
    for name, phi in OWN.items():
        tries = [answer(phi, rng) for _ in range(4)]
        if any(not isinstance(t, (int, float, np.number)) for t in tries):
            return _hint(name, phi, tries[0])
        if len(set(map(float, tries))) == 1:
            return "Four calls give the same number: a measurement draws from rng, so it scatters a little."
        if hint := _hint(name, phi, float(np.mean(tries))):
            return hint
        if np.ptp(tries) > 0.1 * np.mean(tries):
            return f"For φ(z) = {name} four calls lie between {min(tries):.3g} and {max(tries):.3g}: draw more units."
    return None
