"""Exercises of chapter 01."""

import math

import numpy as np

from initlab.claims import exercise, one_number
from initlab.data import digits
from initlab.network import MLP
from initlab.training import accuracy, train


@exercise("01.1")
def different_weights(answer):
    """Different numbers in the matrices of [64, 100, 100, 10] from a constant start: 64 + 1 + 10."""
    got = one_number(answer)
    if got == 64 + 1 + 10:
        return None
    hints = {
        64 * 100 + 100 * 100 + 100 * 10: "That is the number of weights. From a constant start most of them are equal.",
        1: "One number is what it starts with. The inputs differ from each other, and so do the classes.",
        3: "One for each matrix would need equal inputs. Column j of W¹ follows pixel j, and pixels differ.",
        64 + 10: "Nearly: the middle matrix holds a number of its own.",
        65: "Nearly: the rows of the last matrix follow the classes, and classes differ.",
        11: "Nearly: the columns of the first matrix follow the pixels, and pixels differ.",
        64 + 100 + 10: "In the middle matrix both rows and columns are equal, so all of its entries are.",
        64 + 1 + 100: "In the last matrix it is the columns that are equal: count its rows.",
        100 + 1 + 100: "In W¹ the rows are equal, in W³ the columns: count what is left, the other way round.",
        100 + 1 + 10: "In W¹ it is the rows that are equal: count its columns.",
        64 + 1 + 10 + 1 + 1 + 10: "That counts the biases too. The question asks for the three matrices.",
    }
    return hints.get(got, "Go matrix by matrix: W¹ has equal rows, W² equal entries, W³ equal columns. What is left?")


@exercise("01.2")
def equal_networks(answer):
    """Parameter settings with the same function for tanh widths [2, 8, 8, 1]: (8! 2^8)^2, Bishop 2006, 5.1.1."""
    got, orders, signs = one_number(answer), math.factorial(8), 2**8

    def is_(value):
        return math.isclose(got, value, rel_tol=1e-9)

    if is_((orders * signs) ** 2):
        return None
    if is_(orders):
        return "That reorders one layer. There are two, and a sign to choose for each unit."
    if is_(orders**2):
        return "That is every order. A unit may also change the sign of all it receives and all it sends on."
    if is_(orders**2 * signs):
        return "The orders are right. Signs can be chosen in both layers too: each has 2⁸ choices."
    if is_(orders * signs):
        return "That is right for one hidden layer. The second one can be changed independently."
    if is_(signs**2) or is_(signs):
        return "Those are the signs. The units of a layer may also be put in any order."
    if is_(math.factorial(16) * 2**16) or is_(math.factorial(16)):
        return "Units can be exchanged within their layer only, not between the two layers."
    if is_(2 * orders**2) or is_(4 * orders**2):
        return "The sign is chosen for each unit separately, not once for a layer."
    return (
        "For one layer of 8: how many orders, and how many choices of sign for each of its units? Then two such layers."
    )


@exercise("01.3")
def wake_up(answer):
    """Biases for a ReLU network with W1 = 0, judged by training it on the digits."""
    if not callable(answer):
        return "Give the function itself, my_biases, without calling it."
    biases = answer(32, np.random.default_rng(0))
    if biases is ...:
        return ...
    biases = np.asarray(biases, dtype=float)
    if biases.shape != (32,):
        return f"For n = 32 it returned an array of shape {biases.shape}; 32 biases have shape (32,)."
    if not np.isfinite(biases).all():
        return "Some of the biases are not finite."
    off = int((biases <= 0).sum())
    if off == 32:
        return "No bias is above 0: every unit is off for every image, its slope is 0, and nothing can move it."
    if off:
        return f"Of the 32 biases {off} are 0 or below: units with these are off for every image, and stay off."
    rng, data = np.random.default_rng(1), digits()
    net = MLP([64, 32, 32, 10], "relu", "he_normal", rng)
    net.W[1][:], net.b[1][:] = 0.0, biases
    history = train(net, data.x, data.y, steps=300, lr=0.1, rng=rng)
    if history.diverged is not None:
        return (
            f"The units are awake, but the loss left the range of numbers at step {history.diverged}: smaller biases."
        )
    score = accuracy(net, data.x_test, data.y_test)
    if score < 0.8:
        size = biases.mean()
        return f"All units are awake, but a mean bias of {size:.2g} is too large: {score:.0%} of the test images right."
    return None
