"""Exercises of chapter 09."""

import math

import numpy as np

from initlab.activations import ACTIVATIONS
from initlab.claims import exercise, one_number
from initlab.theory import gaussian_mean

WOKEN = {"head": 0, "W2": 1, "W1": 2}

# name -> (phi, phi'): functions in and out of the table
FUNCTIONS = {
    "relu(z)": (ACTIVATIONS["relu"].phi, ACTIVATIONS["relu"].dphi),
    "tanh(z)": (ACTIVATIONS["tanh"].phi, ACTIVATIONS["tanh"].dphi),
    "z": (lambda z: z, np.ones_like),
    "z tanh(z)": (lambda z: z * np.tanh(z), lambda z: np.tanh(z) + z * (1 - np.tanh(z) ** 2)),
}


@exercise("09.1")
def branch_scale(answer):
    """The alpha with (1 + 2 alpha^2)^48 = 2: about 0.0852, or minus that."""
    got = one_number(answer)
    if got == 0:
        return "A branch times 0 adds nothing, and the growth would be 1."
    got = abs(got)  # only the square counts

    def solution(branches, added):
        return math.sqrt((2 ** (1 / branches) - 1) / added)

    def near(value):
        return math.isclose(got, value, rel_tol=0.005)

    if near(solution(48, 2)) or near(math.sqrt(math.log(2) / 96)):
        return None
    if near(solution(48, 2) ** 2):
        return "That is α². The branch's second moment is multiplied by the square of α: take the root."
    if near(solution(48, 1)):
        return (
            "α² is twice too large. Two branches in each layer, and He in both matrices: have you counted both twos? "
            "And it is E[x²] that is to double, not the size of x."
        )
    if near(solution(24, 1)):
        return "Each of the 24 layers has two branches, and each branch has twice the stream's second moment."
    if near(1 / math.sqrt(48)) or near(1 / math.sqrt(96)) or near(1 / math.sqrt(24)):
        return f"α = {got:.3g} makes q grow by {(1 + 2 * got**2) ** 48:.3g}. For exactly 2, solve (1 + 2α²)^48 = 2."
    growth = f"{(1 + 2 * min(got, 1e3) ** 2) ** 48:.3g}"
    return (
        f"With this α E[x²] grows by a factor of {growth}; it should be 2. By which factor does one branch multiply it?"
    )


@exercise("09.2")
def first_gradients(answer):
    """Head 0 and W2 = 0: the head learns at step 0, W2 at step 1, W1 at step 2."""
    if not isinstance(answer, dict):
        return 'Give a dictionary such as {"head": 5, "W2": 5, "W1": 5}.'
    if any(value is ... for value in answer.values()):
        return ...
    if set(answer) != set(WOKEN):
        return f'The keys are "head", "W2" and "W1"; you gave {", ".join(map(repr, answer))}.'
    told = "Each of the three is one whole number, the step."
    got = {name: one_number(value, told) for name, value in answer.items()}
    if got == WOKEN:
        return None
    if got == {name: step + 1 for name, step in WOKEN.items()}:
        return "The order is right. Steps are counted from 0."
    if got["head"] != 0:
        return "The head's gradient is the error at the output times the stream. Neither is 0 at step 0."
    if got["W2"] == 0:
        return "At step 0 the error reaches the stream through the head, and the head is 0."
    if got["W2"] != 1:
        return "The head has moved after step 0. What does the error look like in the stream at step 1?"
    if got["W1"] in (0, 1):
        return f"At step {got['W1']:.0f} the error has to pass W2 on its way to W1, and W2 is still 0 then."
    return "W2 gets a gradient at step 1. What stands between the error and W1 after that?"


@exercise("09.3")
def batch_norm_factor(answer):
    """A function of phi and phi' that returns E[phi'^2] / Var[phi] for z ~ N(0, 1), to 0.5 %."""
    if not callable(answer):
        return f"Give the function itself, bn_factor, not {answer!r}."
    if answer(np.tanh, lambda z: 1 - np.tanh(z) ** 2) is ...:
        return ...
    for name, (phi, dphi) in FUNCTIONS.items():
        value = answer(phi, dphi)
        if value is None:
            return "Your function returns nothing: it ends without a `return` of the number."
        value = one_number(value, f"For φ(z) = {name} it should return one number.")
        mean, second = gaussian_mean(phi), gaussian_mean(lambda z, phi=phi: phi(z) ** 2)
        slope = gaussian_mean(lambda z, dphi=dphi: dphi(z) ** 2)
        right, told = slope / (second - mean**2), f"For φ(z) = {name} you get {value:.3g}."

        def near(other, value=value):
            return abs(value - other) <= 0.005 * abs(other)

        if near(right):
            continue
        if near(slope / second):
            return f"{told} The norm subtracts the mean over the batch: divide by the variance of φ(z)."
        if near(slope):
            return f"{told} That is E[φ′²]. The norm of the layer below divides as well: by the variance of φ(z)."
        if near(gaussian_mean(dphi) / (second - mean**2)):
            return f"{told} Square φ′ first, then average."
        if near(1 / right):
            return f"{told} Upside down: φ′ lets the error through, and the norm divides it."
        if near(math.sqrt(right)):
            return f"{told} That is the factor of √E[δ²]. The question is about E[δ²]."
        flat = np.linspace(-10, 10, 2001)
        if any(
            near(np.mean(dphi(t) ** 2) / np.var(phi(t)))
            for t in (flat[np.abs(flat) <= r] for r in (1, 3, 4, 5, 6, 8, 10))
        ):
            return f"{told} That averages over z evenly. z is normal: weight it by its density, or draw it normal."
        if abs(value - right) <= 0.1 * right:
            return f"{told} Close: is the formula right? Then use a finer grid, a wider one, or more samples."
        return f"{told} It should be E[φ′(z)²] / Var[φ(z)] for a normal z of variance 1."
    return None
