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


def gaussian_integral(expression, z, s, low=-sp.oo, high=sp.oo):
    """The integral of an expression in z over the density of N(0, s**2), from low to high.

    integral of expression(z) exp(-z^2 / (2 s^2)) / sqrt(2 pi s^2) dz

    Over all z this is the expectation; a half line serves an activation that is 0 on the other half.  s is a
    positive symbol or number.  Raises ValueError for any other s.
    """
    s = sp.sympify(s)
    if not s.is_positive:
        raise ValueError(f"s must be a positive number or a symbol declared positive, got {s}")
    density = sp.exp(-(z**2) / (2 * s**2)) / sp.sqrt(2 * sp.pi * s**2)
    return sp.simplify(sp.integrate(sp.expand(expression * density), (z, low, high)))
