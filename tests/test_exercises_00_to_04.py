"""Exercises of chapters 00 to 04: right answers in any form pass, wrong and half-right ones get a hint that fits."""

import math

import numpy as np
import pytest

import initlab
from initlab import check

PAIR = 4 * 300 * 100 / 400**2
ORDERS, SIGNS = math.factorial(8), 2**8


def scaled(rule, draw=lambda rng, shape: rng.standard_normal(shape)):
    """An initialiser with Var[w] = rule(fan_in, fan_out), from draws of variance 1."""
    return lambda shape, rng: math.sqrt(rule(shape[1], shape[0])) * draw(rng, shape)


def triangle(limit):
    """Triangular draws up to limit(fan_in, fan_out)."""

    def draw(shape, rng):
        r = limit(shape[1], shape[0])
        return rng.triangular(-r, 0, r, shape)

    return draw


TINY = np.finfo(np.float32).tiny


def layers(least=TINY, factor=lambda gain: gain / math.sqrt(2)):
    """The depth at which a size of 1 falls to `least`."""
    return lambda gain: math.log(least) / math.log(factor(gain))


def of(*values):
    """A law: each of these values with equal chance."""
    return lambda rng, size: rng.choice(values, size)


RIGHT = [
    ("00.1", 2 / math.sqrt(24)),
    ("00.1", [0.408]),
    ("01.1", 75),
    ("01.2", (ORDERS * SIGNS) ** 2),
    ("01.2", float(ORDERS * SIGNS) ** 2),
    ("01.3", lambda n, rng: np.full(n, 0.1)),
    ("01.3", lambda n, rng: rng.uniform(0, 1, n)),
    ("02.1", 0.125**30),
    ("02.2", layers()),
    ("02.2", lambda gain: np.floor(np.log(TINY) / np.log(gain / np.sqrt(2)))),
    ("02.2", lambda gain: np.ceil(np.log(TINY) / np.log(gain / np.sqrt(2)))),
    ("02.3", scaled(lambda n, m: 2 / (1.04 * n))),
    ("02.3", lambda shape, rng: initlab.he_normal(shape, rng, slope=0.2)),
    ("02.3", lambda shape, rng: initlab.he_uniform(shape, rng, slope=0.2)),
    ("03.1", 0.75**5),
    ("03.1", 0.24),
    ("03.2", triangle(lambda n, m: math.sqrt(12 / (n + m)))),
    ("03.3", scaled(lambda n, m: 100 / (n * m))),
    ("03.3", scaled(lambda n, m: 1 / (n * m), lambda rng, shape: rng.uniform(-3, 3, shape))),
    ("04.1", lambda rng, size: rng.standard_normal(size) ** 3),
    ("04.1", of(-1.0, *[0.0] * 18, 1.0)),
    ("04.1", lambda rng, size: rng.standard_t(3, size) * (rng.integers(0, 4, size) == 0)),
    ("04.2", 1),
    ("04.3", lambda n: 2 * math.exp(2.5 / n)),
    ("04.3", lambda n: 2 + 5 / n),
]

WRONG = [
    ("00.1", 0.4, "rounded too much"),
    ("00.1", 4 / 24, "its root"),
    ("00.1", 1 / math.sqrt(24), "before the gain"),
    ("00.1", 2 / 24, "divided by fan_in"),
    ("00.1", math.sqrt(2 / 24), "He's"),
    ("00.1", 2 * math.sqrt(24), "smaller"),
    ("00.1", 2, "That is the gain"),
    ("00.1", 0.3, "Start from"),
    ("00.1", "0.408", "one number"),
    ("01.1", 17400, "number of weights"),
    ("01.1", 1, "what it starts with"),
    ("01.1", 3, "pixels differ"),
    ("01.1", 74, "number of its own"),
    ("01.1", 65, "follow the classes"),
    ("01.1", 11, "follow the pixels"),
    ("01.1", 174, "middle matrix"),
    ("01.1", 165, "count its rows"),
    ("01.1", 201, "other way round"),
    ("01.1", 111, "count its columns"),
    ("01.1", 87, "biases"),
    ("01.1", 76, "matrix by matrix"),
    ("01.2", ORDERS, "one layer"),
    ("01.2", ORDERS**2, "sign of all"),
    ("01.2", ORDERS * SIGNS, "second one"),
    ("01.2", ORDERS**2 * SIGNS, "both layers"),
    ("01.2", SIGNS**2, "any order"),
    ("01.2", math.factorial(16) * 2**16, "within their layer"),
    ("01.2", 4 * ORDERS**2, "each unit separately"),
    ("01.2", 64 * 2**16, "how many orders"),
    ("01.3", lambda n, rng: np.zeros(n), "No bias is above 0"),
    ("01.3", lambda n, rng: np.arange(n) / n, "Of the 32 biases 1 are 0 or below"),
    ("01.3", lambda n, rng: rng.standard_normal(n), "are 0 or below"),
    ("01.3", lambda n, rng: np.full((n, 1), 0.1), "shape (32,)"),
    ("01.3", lambda n, rng: np.full(n, 10.0), "too large"),
    ("01.3", np.full(32, 0.1), "without calling"),
    ("02.1", 0.125, "one layer"),
    ("02.1", 0.125**29, "29 layers"),
    ("02.1", 0.25**30, "linear network"),
    ("02.1", 2.5**30, "square of their standard deviation"),
    ("02.1", 0.125**15, "typical size"),
    ("02.1", -27.1, "not its logarithm"),
    ("02.2", layers(np.finfo(np.float32).smallest_subnormal), "everything is 0"),
    ("02.2", layers(factor=lambda gain: gain + 1e-9), "linear network"),
    ("02.2", layers(factor=lambda gain: gain**2 / 2), "half of what is asked"),
    ("02.2", lambda gain: -layers()(gain), "its sign is not"),
    ("02.3", initlab.he_normal, "4 %"),
    ("02.3", initlab.xavier_normal, "only fan_in counts"),
    ("02.3", initlab.lecun_normal, "Which share"),
    ("02.3", initlab.zeros, "All weights are 0"),
    ("02.3", lambda shape, rng: np.abs(initlab.he_normal(shape, rng)), "mean of the weights"),
    ("03.1", PAIR, "one pair"),
    ("03.1", PAIR**10, "ten pairs"),
    ("03.1", 1 - PAIR**5, "share lost"),
    ("03.1", 1 - PAIR, "what it keeps"),
    ("03.1", 0.25**5, "share lost, not kept"),
    ("03.1", 1.5**10, "five of them"),
    ("03.1", 0.5, "one kind of layer"),
    ("03.1", 1.0, "fan_in alone"),
    ("03.1", PAIR**2.5, "Multiply"),
    ("03.2", triangle(lambda n, m: math.sqrt(6 / (n + m))), "uniform distribution"),
    ("03.2", triangle(lambda n, m: 12 / (n + m)), "square root"),
    ("03.2", triangle(lambda n, m: math.sqrt(12 / n)), "Is fan_out"),
    ("03.2", triangle(lambda n, m: math.sqrt(6 / n)), "At equal widths"),
    ("03.2", initlab.xavier_normal, "not triangular"),
    ("03.2", initlab.xavier_uniform, "not triangular"),
    ("03.3", initlab.lecun_normal, "follows 1/fan_in"),
    ("03.3", scaled(lambda n, m: 1 / m), "follows 1/fan_out"),
    ("03.3", initlab.xavier_normal, "2/(fan_in + fan_out)"),
    ("03.3", scaled(lambda n, m: (n * m) ** -0.5), "geometric mean"),
    ("03.3", initlab.normal, "Set these equal"),
    ("03.3", initlab.zeros, "nothing goes through"),
    ("04.1", lambda rng, size: rng.standard_normal(size), "keeps 0.34"),
    ("04.1", of(-1.0, 1.0), "least there can be"),
    ("04.1", of(-1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0), "keeps 0.4"),
    ("04.1", lambda rng, size: rng.choice([-1.0, 0.0, 2.0], size, p=[0.04, 0.95, 0.01]), "not symmetric: 1.0%"),
    ("04.1", lambda rng, size: rng.exponential(size=size), "symmetric law keeps 0.5"),
    ("04.1", lambda rng, size: rng.standard_normal(7), "shape (7,)"),
    ("04.2", 2, "ReLU's"),
    ("04.2", 0.5, "halve"),
    ("04.2", -1, "positive"),
    ("04.2", math.sqrt(2), "factor of 1.41"),
    ("04.3", lambda n: 2, "drifts down"),
    ("04.3", lambda n: 2 * math.exp(-2.5 / n), "below 2"),
    ("04.3", lambda n: math.sqrt(2 * math.exp(2.5 / n)), "its square"),
    ("04.3", lambda n: 2 * math.exp(5 / n), "half of it"),
    ("04.3", lambda n: 2 + 2.5 / n, "drift of a logarithm"),
    ("04.3", lambda n: math.exp(2.5 / n), "what does it multiply"),
    ("04.3", lambda n: 3, "still drift"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_pass(name, answer):
    assert check(name, answer)


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_other_answers_get_a_hint_about_their_mistake(name, answer, words, capsys):
    assert not check(name, answer)
    assert words in capsys.readouterr().out
