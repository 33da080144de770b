"""Initialisers, fans and gains against PyTorch's: the variance, the support and the shape of the law."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

import initlab
from initlab import INITIALIZERS, fans

pytestmark = pytest.mark.oracle
SHAPES = [(300, 200), (64, 900), (40, 30, 5, 5)]
init = torch.nn.init


def drawn(fill, shape, seed=0, **options):
    torch.manual_seed(seed)
    with torch.no_grad():
        return fill(torch.empty(shape, dtype=torch.float64), **options).numpy()


def framework_layer(shape, seed=0):
    torch.manual_seed(seed)
    make = torch.nn.Linear if len(shape) == 2 else torch.nn.Conv2d
    layer = make(shape[1], shape[0], *shape[2:3], dtype=torch.float64)
    return layer.weight.detach().numpy()


CUT = 0.8796256610342398  # the standard deviation of N(0, 1) cut at +-2, as scipy.stats.truncnorm(-2, 2).std() says
PAIRS = {  # ours -> theirs
    "xavier_normal": lambda s: drawn(init.xavier_normal_, s),
    "xavier_uniform": lambda s: drawn(init.xavier_uniform_, s),
    ("xavier_normal", 3.0): lambda s: drawn(init.xavier_normal_, s, gain=3.0),
    "he_normal": lambda s: drawn(init.kaiming_normal_, s),
    "he_uniform": lambda s: drawn(init.kaiming_uniform_, s),
    ("he_normal", "fan_out"): lambda s: drawn(init.kaiming_normal_, s, mode="fan_out"),
    ("he_uniform", 0.2): lambda s: drawn(init.kaiming_uniform_, s, a=0.2),
    "lecun_normal": lambda s: drawn(init.kaiming_normal_, s, nonlinearity="linear"),
    "lecun_uniform": lambda s: drawn(init.kaiming_uniform_, s, nonlinearity="linear"),
    "torch_default": framework_layer,
    "normal": lambda s: drawn(init.normal_, s, std=0.01),
    "uniform": lambda s: drawn(init.uniform_, s, a=-0.05, b=0.05),
    "truncated_normal": lambda s: drawn(init.trunc_normal_, s, std=0.01 / CUT, a=-0.02 / CUT, b=0.02 / CUT),
    "orthogonal": lambda s: drawn(init.orthogonal_, s),
}
OPTIONS = {3.0: {"gain": 3.0}, "fan_out": {"mode": "fan_out"}, 0.2: {"slope": 0.2}}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("which", PAIRS, ids=str)
def test_the_same_law(which, shape):
    """Two samples: variances to five standard errors, support to one part in N, Kolmogorov-Smirnov at 1e-7."""
    name, option = which if isinstance(which, tuple) else (which, None)
    ours = INITIALIZERS[name](shape, np.random.default_rng(1), **OPTIONS.get(option, {})).ravel()
    theirs = PAIRS[which](shape).ravel()
    variances = np.mean(ours**2), np.mean(theirs**2)
    kurtosis = np.mean(ours**4) / variances[0] ** 2
    error = math.sqrt(max(kurtosis - 1, 0.05) * 2 / ours.size)
    assert abs(math.log(variances[0] / variances[1])) < 5 * error
    assert abs(ours.mean() - theirs.mean()) < 5 * math.sqrt(2 * variances[0] / ours.size)
    if "uniform" in name or name in ("truncated_normal", "torch_default"):
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=40 / ours.size + 2e-3)
    assert ks_2samp(ours, theirs).statistic < math.sqrt(-math.log(1e-7 / 2) / ours.size)


def test_the_nearest_wrong_laws_fail():
    """The comparison above sees fan_out for fan_in, 1.9 for 2, and a uniform for a normal law."""
    theirs = drawn(init.kaiming_normal_, (300, 200)).ravel()
    for factor in (math.sqrt(200 / 300), math.sqrt(1.9 / 2)):
        ours = factor * initlab.he_normal((300, 200), np.random.default_rng(1)).ravel()
        assert abs(math.log(np.mean(ours**2) / np.mean(theirs**2))) > 5 * math.sqrt(4 / ours.size)
    flat = initlab.he_uniform((300, 200), np.random.default_rng(1)).ravel()
    assert ks_2samp(flat, theirs).statistic > math.sqrt(-math.log(1e-7 / 2) / flat.size)


@pytest.mark.parametrize("shape", [(8, 8), (8, 3), (3, 8), (4, 2, 3, 3)], ids=str)
def test_orthogonal_draws_are_spread_as_theirs(shape):
    """Trace and corner entry over 2000 draws: without the sign of R's diagonal the square's trace would be off."""
    rng = np.random.default_rng(2)
    torch.manual_seed(2)
    ours = np.array([initlab.orthogonal(shape, rng).reshape(shape[0], -1) for _ in range(2000)])
    empty = torch.empty(shape, dtype=torch.float64)
    theirs = np.array([init.orthogonal_(empty).numpy().copy().reshape(shape[0], -1) for _ in range(2000)])
    for q in (ours[0], theirs[0]):
        product = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
        np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)
    for pick in (lambda q: np.trace(q, axis1=1, axis2=2), lambda q: q[:, 0, 0], lambda q: q[:, -1, 0]):
        assert ks_2samp(pick(ours), pick(theirs)).statistic < math.sqrt(-math.log(1e-7 / 2) / 2000)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 3, 3), (2, 1, 3, 2, 5), (1, 1)], ids=str)
def test_fans(shape):
    assert fans(shape) == init._calculate_fan_in_and_fan_out(torch.empty(shape))


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_fans_of_grouped_weights(groups):
    """A framework reads fan_out off the weight's shape, groups times too large; fan_in comes out right by itself."""
    weight = torch.nn.Conv2d(6, 12, 3, groups=groups).weight
    theirs = init._calculate_fan_in_and_fan_out(weight)
    fan_in, fan_out = fans(tuple(weight.shape), groups=groups)
    assert (fan_in, fan_out * groups) == theirs


def test_delta_orthogonal_keeps_norms_through_their_convolution():
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.standard_normal((4, 16, 9, 9)))
    w = torch.from_numpy(initlab.delta_orthogonal((16, 16, 3, 3), rng))
    y = torch.nn.functional.conv2d(x, w, padding=1)
    np.testing.assert_allclose((y**2).sum(dim=1), (x**2).sum(dim=1), rtol=1e-12)


# --- gains ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "theirs"), [("linear", "linear"), ("relu", "relu")])
def test_gains_that_agree(name, theirs):
    for direction in ("forward", "backward"):
        assert initlab.gain(name, direction) == pytest.approx(init.calculate_gain(theirs), rel=1e-12)


def test_gain_of_leaky_relu():
    assert initlab.gain("leaky_relu") == pytest.approx(init.calculate_gain("leaky_relu", 0.2), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "theirs", "ours"), [("sigmoid", 1.0, 1.8462285), ("tanh", 5 / 3, 1.5925374), ("selu", 0.75, 1.0)]
)
def test_gains_that_differ(name, theirs, ours):
    """PyTorch's are rules of thumb there: 1 for sigmoid, 5/3 for tanh, 3/4 for SELU; ours keep E[z^2] = 1."""
    assert init.calculate_gain(name) == pytest.approx(theirs, rel=1e-12)
    assert initlab.gain(name) == pytest.approx(ours, abs=1e-6)
