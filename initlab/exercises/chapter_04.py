"""Exercises of chapter 04."""

import math

import numpy as np

from initlab.claims import exercise, one_number


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
    for t in (0, *np.quantile(np.abs(z), [0.5, 0.9, 0.99])):
        above, below = (np.mean(v >= t if t else v > 0) for v in (z, -z))
        if abs(above - below) > 0.01:  # each known to 0.0008
            told = f"{above:.1%} of its values are at {t:.3g} or above, {below:.1%} at {-t:.3g} or below."
            return f"It keeps half of its mean square, and is not symmetric: {told}"
    if kept > 0.45:
        return None
    near = f"Symmetric it is, and ReLU keeps {kept:.3f} of its variance. "
    if abs(kept - 0.25) < 0.005:
        return near + "That is the least there can be: E[a] is as large as E[a²] allows. Go the other way."
    return near + "The rest is E[a]². Make E[a] small against the root of E[z²]: most values near 0, a few far out."


@exercise("04.2")
def absolute_value(answer):
    """n Var[w] = 1 for |z|, which is a leaky ReLU of slope -1."""
    got = one_number(answer)
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
        if math.isclose(got, 2 + 2.5 / n, rel_tol=0.1 / n):
            return f"For n = {n} you get {got:.4g}: 5/(2n) is the drift of a logarithm. It has to be log(n Var[w] / 2)."
        if math.isclose(got, math.exp(2.5 / n), rel_tol=0.1 / n):
            return f"For n = {n} you get {got:.4g}, near 1. That factor makes up for the drift: what does it multiply?"
        return f"For n = {n} you get {got:.4g}; log M would still drift by {drift:+.2g} per layer. It should not drift."
    return None
