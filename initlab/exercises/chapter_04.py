"""Exercises of chapter 04."""

import math

import numpy as np

from initlab.claims import exercise


@exercise("04.1")
def symmetric_law(answer):
    """A symmetric law of which ReLU keeps more than 0.45 of the variance: E[|z|]^2 below 0.2 E[z^2]."""
    if not callable(answer):
        return f"Give the function itself, my_law, not {answer!r}."
    drawn = answer(np.random.default_rng(0), 400_000)
    if drawn is ...:
        return ...
    z = np.asarray(drawn, dtype=float)
    if z.shape != (400_000,):
        return f"For size 400 000 it returned an array of shape {z.shape}."
    if not np.isfinite(z).all() or not z.any():
        return "Some draws are not finite." if z.any() else "All draws are 0, so there is nothing to halve."
    a, total = np.maximum(z, 0), np.mean(z**2)
    share, kept = np.mean(a**2) / total, a.var() / z.var()
    if abs(share - 0.5) > 0.03:
        return f"ReLU keeps {share:.2g} of its mean square. A symmetric law keeps 0.5 (very long tails hide it)."
    if kept > 0.45:
        return None
    near = f"Symmetric it is, and ReLU keeps {kept:.2f} of its variance. "
    if abs(kept - 0.25) < 0.005:
        return near + "That is the least there can be: E[a] is as large as E[a²] allows. Go the other way."
    return near + "The rest is E[a]². Make E[a] small against the root of E[z²]: most values near 0, a few far out."


@exercise("04.2")
def absolute_value(answer):
    """n Var[w] = 1 for |z|, which is a leaky ReLU of slope -1."""
    got = float(answer)
    if math.isclose(got, 1.0, rel_tol=1e-3):
        return None
    if math.isclose(got, 2.0, rel_tol=1e-3):
        return "That is ReLU's. The absolute value throws nothing away: what is |z|²?"
    if math.isclose(got, 0.5, rel_tol=1e-3):
        return "E[a²] would halve at every layer. |z|² = z², so the activation changes nothing."
    if got <= 0:
        return "A variance is positive."
    return f"E[a²] would change by a factor of {got:.3g} per layer: E[a²] = E[z²] = n Var[w] E[a²] of the layer below."


@exercise("04.3")
def conv_gradient(answer):
    """The product of std * sqrt(9 d / 2) over layers with d filters."""
    if not callable(answer):
        return f"Give the function itself, gradient_factor, not {answer!r}."
    if answer([64], 0.01) is ...:
        return ...
    cases = (([64], 0.05), ([128, 256], 0.03), ([64, 128, 128, 256, 256, 512, 512, 512, 512], 0.01))
    for filters, std in cases:
        got, right = float(answer(filters, std)), math.prod(std * math.sqrt(9 * d / 2) for d in filters)
        if math.isclose(got, right, rel_tol=0.01):
            continue
        where, layers = f"For {filters} and std {std} you get {got:.3g}", len(filters)
        wrong = {
            right**2: "that is the factor of the square. The std changes by its root.",
            1 / right: "that is how much the gradient is divided by. Asked is the factor that multiplies it.",
            right * 2 ** (layers / 2): "that forgets ReLU, which lets half of the squares through.",
            right / 3**layers: "a 3×3 kernel has 9 entries, and each filter reaches 9 places: fan_out is 9 d.",
            right / math.sqrt(3) ** layers: "a 3×3 kernel has 9 entries, not 3: fan_out is 9 d.",
            right / std**layers * std: "every layer brings its own factor of std.",
        }
        for value, hint in wrong.items():
            if math.isclose(got, value, rel_tol=0.01):
                return f"{where}: {hint}"
        return f"{where}. A layer with d filters multiplies E[δ²] by 9 d · std² / 2; take all layers, then the root."
    return None


@exercise("04.4")
def median_level(answer):
    """n Var[w] = 2 exp(5 / (2 n)), at which log M has no drift to first order."""
    if not callable(answer):
        return f"Give the function itself, typical, not {answer!r}."
    if answer(100) is ...:
        return ...
    for n in (50, 100, 400):
        got = float(answer(n))
        if got <= 0:
            return f"For n = {n} you get {got:.4g}; a variance is positive."
        drift = math.log(got / 2) - 2.5 / n  # per layer, what remains; the second order is about 5 / n**2
        if abs(drift) < 0.2 / n:
            continue
        if math.isclose(got, 2, rel_tol=1e-6):
            return "At 2 the mean is level, and log M drifts down by 5/(2n) per layer. What makes up for that drift?"
        if math.isclose(got, 2 * math.exp(-2.5 / n), rel_tol=0.1 / n):
            return f"For n = {n} you get {got:.4g}, below 2: the walk drifts down by itself, so weights must be larger."
        if math.isclose(got, math.sqrt(2) * math.exp(1.25 / n), rel_tol=0.1 / n):
            return f"For n = {n} you get {got:.4g}: that is the gain. n Var[w] is its square."
        if math.isclose(got, 2 * math.exp(5 / n), rel_tol=0.1 / n):
            return f"For n = {n} you get {got:.4g}: 5/n is the variance of a step; the drift is half of it."
        return f"For n = {n} you get {got:.4g}; log M would still drift by {drift:+.2g} per layer. It should not drift."
    return None
