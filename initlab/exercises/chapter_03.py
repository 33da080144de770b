"""Exercises of chapter 03."""

import math

import numpy as np

from initlab.claims import exercise, one_number
from initlab.probe import signal


@exercise("03.1")
def alternating_widths(answer):
    """The change of E[a^2] over ten Xavier layers of widths 300, 100, 300, ...: (4 m n / (m + n)**2)**5."""
    got, pair = one_number(answer), 4 * 300 * 100 / 400**2
    if got <= 0:
        return "A second moment is positive, so the factor is too."
    if math.isclose(got, pair**5, rel_tol=0.02):
        return None
    if math.isclose(got, 1 - pair**5, rel_tol=0.005):
        return "That is the share lost over the ten layers. The factor is what is left: one minus this."
    if math.isclose(got, pair, rel_tol=0.02):
        return "That is one pair of layers, 300 to 100 and back. Ten layers are five pairs."
    if math.isclose(got, pair**10, rel_tol=0.02):
        return "You have counted ten pairs. 4mn/(m+n)² belongs to two layers, so ten layers have it five times."
    if math.isclose(got, 1 - pair, rel_tol=0.02):
        return "0.25 is the share that a pair of layers loses. The factor is what it keeps. Ten layers are five pairs."
    if math.isclose(got, (1 - pair) ** 5, rel_tol=0.02):
        return (
            "That is 0.25⁵, or 0.5¹⁰. If 0.25 is your pair: it is the share lost, not kept. "
            "If 0.5 is your layer: only the layers that read 100 units have it."
        )
    if any(math.isclose(got, one**10, rel_tol=0.02) for one in (2 * 300 / 400, 2 * 100 / 400)):
        return "Not all layers have the same fan_in: five of them read 300 units and five read 100."
    if any(math.isclose(got, one**k, rel_tol=0.02) for one in (1.5, 0.5) for k in (1, 5)):
        return "That is one kind of layer. The other kind, with fan_in and fan_out exchanged, takes part too."
    if math.isclose(got, 1.0, rel_tol=0.01):
        return (
            "1 is what fan_in alone would give. Xavier's fan_in Var[w] is 2 · 300 / 400 in one layer; and in the next?"
        )
    return "Multiply fan_in · 2 / (fan_in + fan_out) over the ten layers: it has one value from 300, another from 100."


def _drawn(answer, shape, rng):
    """(weights, None) of this shape, or (None, hint)."""
    draw = answer(shape, rng)
    if draw is ...:
        return None, ...
    draw = np.asarray(draw, dtype=float)
    if draw.shape != shape:
        return None, f"For the shape {shape} it returned an array of shape {draw.shape}."
    if not np.isfinite(draw).all():
        return None, f"For the shape {shape} some weights are not finite numbers."
    return draw, None


@exercise("03.2")
def triangular(answer):
    """Weights drawn from a triangle with Var[w] = r**2 / 6 = 2 / (fan_in + fan_out)."""
    if not callable(answer):
        return f"Give the function itself, my_triangular, not {answer!r}."
    rng = np.random.default_rng(0)
    for fan_out, fan_in in ((200, 200), (100, 500)):
        draw, hint = _drawn(answer, (fan_out, fan_in), rng)
        if hint is not None:
            return hint
        variance, want = float(np.mean(draw**2)), 2 / (fan_in + fan_out)
        ratio = variance / want
        if abs(ratio - 1) < 0.05:  # standard error of a mean of 40 000 squares of a triangular draw: 0.6 %
            # E[w^4] / E[w^2]^2 is 2.4 for a triangle, 1.8 for a uniform and 3 for a normal draw; standard error 0.03
            if abs(np.mean(draw**4) / variance**2 - 2.4) > 0.3:
                return "The variance is right, but the weights are not triangular: leave the line with rng.triangular."
            continue
        reach = float(np.abs(draw).max()) * (fan_in + fan_out)
        if any(abs(reach / r - 1) < 0.05 for r in (2, 6, 12)):  # the largest of 40 000 draws: 0.99 r or more
            return (
                f"Your r is {reach:.2g}/(fan_in + fan_out): that is a variance, or a square, used as the limit. "
                "The limit r is a length; take the square root of what r² has to be."
            )
        said = f"For {fan_in} to {fan_out} units Var[w] comes out {ratio:.2g} times what Xavier asks."
        if abs(ratio - 0.5) < 0.03 and fan_in == fan_out:
            return f"{said} Your r is that of a uniform distribution, of variance r²/3. A triangle of this r has less."
        if abs(ratio - 2) < 0.1 and fan_in == fan_out:
            return f"{said} Is fan_out in your formula, as well as fan_in?"
        if fan_in != fan_out:
            return f"{said} At equal widths it was right: both fan_in and fan_out belong into the formula."
        return f"{said} Integrate x² (r − |x|)/r² from −r to r, set it equal to 2/(fan_in + fan_out), solve for r."
    return None


@exercise("03.3")
def level_gradient(answer):
    """Weights with Var[w] = c / (fan_in fan_out), judged by the weight gradients of an uneven linear network."""
    if not callable(answer):
        return f"Give the function itself, my_level, not {answer!r}."
    rng, widths = np.random.default_rng(0), [100, 200, 50, 100, 160, 40, 120]
    for shape in zip(widths[1:], widths[:-1], strict=True):
        draw, hint = _drawn(answer, shape, rng)
        if hint is not None:
            return hint
        if not draw.any():
            return "All weights are 0: then nothing goes through."
        if abs(draw.mean()) > 0.1 * draw.std():
            return "The weights need mean 0: otherwise the cross terms come back."

    def start(shape, rng):
        return np.asarray(answer(shape, rng), dtype=float)

    found = signal(widths, "linear", start, nets=150, batch=16, rng=rng)
    level = found.mean("dw2")[1:]
    spread = float(level.max() / level.min())
    if spread < 1.3:  # the right rule gives 1.02, the next best 2.0
        return None
    said = f"The largest of six layers' gradients is {spread:.2g} times the smallest."
    n_in, n_out = np.array(widths[:-1]), np.array(widths[1:])
    rules = {
        "1/fan_in": (1 / n_in, "Forward is level, so what remains is the backward part, n_L/n_l. Make it cancel."),
        "1/fan_out": (1 / n_out, "Backward is level, so what remains is the forward part. Make it cancel."),
        "2/(fan_in + fan_out)": (2 / (n_in + n_out), "That is Xavier's rule, an average; try products."),
        "the geometric mean": (
            (n_in * n_out) ** -0.5,
            "It levels the gradient over Var[w]; here Var[w] must not divide.",
        ),
    }
    used = np.array([np.mean(start((n, m), rng) ** 2) for n, m in zip(n_out, n_in, strict=True)])
    for name, (variance, hint) in rules.items():
        shares = used / variance
        if shares.max() / shares.min() < 1.2:  # the same rule, up to a constant
            return f"{said} Your variance follows {name}. {hint}"
    return (
        f"{said} Of layers l and l+1 all factors are the same but two: layer l's gradient has the backward factor of "
        f"layer l+1, and layer l+1's gradient has the forward factor of layer l. Set these equal."
    )
