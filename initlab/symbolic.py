"""Steps of the derivations in sympy: moments of random symbols, and integrals over a Gaussian.

Nothing else in the package imports this module, so that `import initlab` stays free of sympy.
"""

import sympy as sp

E = sp.Function("E")  # E(w**2) is the expectation of w^2: a number that nobody has computed yet


def expect(expression, *independent):
    """The expectation of a polynomial in random symbols, written in moments E(...).

    expect(w**2 * a * b, w, (a, b)) = E(w**2) E(a b)

    Each further argument is a symbol or a tuple of symbols; different arguments are independent of each other, the
    symbols of one tuple need not be.  Symbols not named are constants.  Raises ValueError where a symbol is named
    twice or the expression is no polynomial in the random symbols.  Source: independence of X and Y means
    E[f(X) g(Y)] = E[f(X)] E[g(Y)].
    """
    groups = [group if isinstance(group, (tuple, list)) else (group,) for group in independent]
    symbols = [symbol for group in groups for symbol in group]
    if not symbols or len(set(symbols)) < len(symbols):
        raise ValueError(f"name each random symbol once, got {symbols}")
    try:
        terms = sp.Poly(expression, *symbols).terms()
    except sp.PolynomialError:
        raise ValueError(f"expect needs a polynomial in {symbols}, got {expression}") from None
    total = sp.Integer(0)
    for powers, coefficient in terms:
        power = dict(zip(symbols, powers, strict=True))
        parts = [sp.Mul(*(symbol ** power[symbol] for symbol in group)) for group in groups]
        total += coefficient * sp.Mul(*(E(part) for part in parts if part != 1))
    return total


def _truncated_moments(highest, s, low, high):
    """Integrals of z**k over the density of N(0, s**2) from low to high, for k = 0 ... highest: by parts."""

    def edge(at, k):  # z**k times the density
        return sp.Integer(0) if at.is_infinite else at**k * sp.exp(-(at**2) / (2 * s**2)) / sp.sqrt(2 * sp.pi * s**2)

    def below(at):
        return sp.sign(at) if at.is_infinite else sp.erf(at / (sp.sqrt(2) * s))

    moments = [(below(high) - below(low)) / 2, s**2 * (edge(low, 0) - edge(high, 0))]
    for k in range(2, highest + 1):
        moments.append(s**2 * ((k - 1) * moments[k - 2] + edge(low, k - 1) - edge(high, k - 1)))
    return moments


def _power_and_rate(term, z):
    """(c, k, b) of a term c z**k exp(b z), or None for any other."""
    c, rest = term.as_independent(z, as_Add=False)
    power, rate = 0, sp.Integer(0)
    for base, exponent in (factor.as_base_exp() for factor in sp.Mul.make_args(rest)):
        if base == z and exponent.is_Integer and exponent > 0:
            power += int(exponent)
        elif base == sp.E and not (exponent / z).has(z):
            rate += exponent / z
        elif base != 1:
            return None
    return c, power, rate


def gaussian_integral(expression, z, s, low=-sp.oo, high=sp.oo):
    """The integral of an expression in z over the density of N(0, s**2), from low to high.

    integral of expression(z) exp(-z^2 / (2 s^2)) / sqrt(2 pi s^2) dz

    Over all z this is the expectation; a half line serves an activation that is 0 on the other half.  s is a
    positive symbol or number.  Terms c z^k exp(b z) are done here, by completing the square:
    exp(b z) N(z; 0, s^2) = exp(b^2 s^2 / 2) N(z; b s^2, s^2).  Any other goes to sympy's own integration, which is
    slow.  Raises ValueError for any other s.
    """
    s, low, high = sp.sympify(s), sp.sympify(low), sp.sympify(high)
    if not s.is_positive:
        raise ValueError(f"s must be a positive number or a symbol declared positive, got {s}")
    terms = [_power_and_rate(term, z) for term in sp.Add.make_args(sp.expand(expression))]
    if None in terms:
        density = sp.exp(-(z**2) / (2 * s**2)) / sp.sqrt(2 * sp.pi * s**2)
        return sp.simplify(sp.integrate(sp.expand(expression * density), (z, low, high)))
    total = sp.Integer(0)
    for c, power, rate in terms:
        centre = rate * s**2
        moments = _truncated_moments(power, s, low - centre, high - centre)
        shifted = sum(sp.binomial(power, j) * centre ** (power - j) * moments[j] for j in range(power + 1))
        total += c * sp.exp(rate * centre / 2) * shifted
    return sp.expand(total)
