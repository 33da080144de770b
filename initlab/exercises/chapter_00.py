"""The one exercise of chapter 00, which shows how exercises work."""

import math

from initlab.claims import exercise, one_number


@exercise("00.1")
def std_of_a_weight(answer):
    """The standard deviation of a weight with gain 2 and fan_in 24: 2 / sqrt(24)."""
    got, right = one_number(answer), 2 / math.sqrt(24)
    if math.isclose(got, right, rel_tol=0.01):
        return None
    if math.isclose(got, right, rel_tol=0.03):
        return f"Close, but {got:g} is rounded too much: give two digits or more."
    if math.isclose(got, right**2, rel_tol=0.01):
        return "That is the variance, gain² / fan_in. The standard deviation is its root."
    if math.isclose(got, 1 / math.sqrt(24), rel_tol=0.01):
        return "That is the weight before the gain multiplies it."
    if math.isclose(got, 2 / 24, rel_tol=0.01):
        return "You divided by fan_in. The variance has fan_in below the line, the standard deviation its root."
    if math.isclose(got, math.sqrt(2 / 24), rel_tol=0.01):
        return "That is He's 2 / fan_in, which has gain √2. Here the gain is 2, and the variance has its square."
    if math.isclose(got, 2 * math.sqrt(24), rel_tol=0.01):
        return "More inputs make each weight smaller: divide by the root of fan_in."
    if math.isclose(got, 2, rel_tol=0.01):
        return "That is the gain. A weight also knows how many inputs its unit adds up: fan_in = 24."
    return "Start from Var[w] = gain² / fan_in, here with 2 and 24. The standard deviation is the root of it."
