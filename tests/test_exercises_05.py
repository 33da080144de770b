"""The check of exercise 05.2: uniform draws pass, each kind of draw that is orthogonal and not uniform does not."""

import numpy as np
import pytest

import initlab
from initlab import check


def qr(A):
    """(Q, R) with Q as the library gives it, for a tall A."""
    return np.linalg.qr(A)


def tall(shape):
    return max(shape), min(shape)


def turned(Q, shape):
    return Q if shape[0] >= shape[1] else Q.T


def fixed(A):
    Q, R = qr(A)
    return Q * np.sign(np.diag(R))


def right(shape, rng):
    return turned(fixed(rng.standard_normal(tall(shape))), shape)


def raw(shape, rng):
    return turned(qr(rng.standard_normal(tall(shape)))[0], shape)


def global_sign(shape, rng):
    return rng.choice([-1.0, 1.0]) * raw(shape, rng)


def global_sign_and_one_column(shape, rng):
    Q = rng.choice([-1.0, 1.0]) * qr(rng.standard_normal(tall(shape)))[0]
    Q[:, 0] *= rng.choice([-1.0, 1.0])
    return turned(Q, shape)


def signed_permutation(shape, rng):
    m, n = tall(shape)
    return turned(np.eye(m)[rng.permutation(m)][:, :n] * rng.choice([-1.0, 1.0], n), shape)


def uniform_entries(shape, rng):
    return turned(fixed(rng.uniform(-1, 1, tall(shape))), shape)


def rotations_only(shape, rng):
    Q = fixed(rng.standard_normal(tall(shape)))
    if shape[0] == shape[1] and np.linalg.det(Q) < 0:
        Q[:, 0] *= -1
    return turned(Q, shape)


def square_ones_fixed(shape, rng):
    return right(shape, rng) if shape[0] == shape[1] else raw(shape, rng)


@pytest.mark.parametrize("seed", range(2))
def test_uniform_draws_pass(seed):
    """The package's, and one written with qr, whatever numbers they meet."""
    own = np.random.default_rng(seed)
    assert check("05.2", initlab.orthogonal)
    assert check("05.2", lambda shape, rng: right(shape, own))


def test_random_signs_of_all_columns_are_uniform_too():
    def draw(shape, rng):
        Q = qr(rng.standard_normal(tall(shape)))[0]
        return turned(Q * rng.choice([-1.0, 1.0], Q.shape[1]), shape)

    assert check("05.2", draw)


@pytest.mark.parametrize(
    "draw, hint",
    [
        (raw, "mean trace"),
        (global_sign, "go together"),
        (global_sign_and_one_column, "go together"),
        (signed_permutation, "fourth powers"),
        (uniform_entries, "fourth powers"),
        (rotations_only, "reflections"),
        (square_ones_fixed, "R's diagonal"),
        (lambda shape, rng: None, "return"),
        (lambda shape, rng: turned(np.eye(*tall(shape)), shape), "same matrix"),
        (lambda shape, rng: np.eye(*tall(shape)), "transposed"),
        (lambda shape, rng: rng.standard_normal(shape), "not orthonormal"),
        (5, "function itself"),
    ],
)
def test_other_draws_get_a_hint(draw, hint, capsys):
    assert not check("05.2", draw)
    assert hint in capsys.readouterr().out


def test_dots_are_not_an_attempt(capsys):
    assert not check("05.2", lambda shape, rng: ...)
    assert "not attempted" in capsys.readouterr().out
