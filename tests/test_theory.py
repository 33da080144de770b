"""Theory against closed forms, a quadrature of our own, the series' table of gains, and simulated networks."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initlab
from initlab import theory
from initlab.activations import ACTIVATIONS, Activation

QUIET = settings(deadline=None, max_examples=25, derandomize=True)
NAMES = list(ACTIVATIONS)
FIELDS = ("z2", "a2", "delta2", "dw2")
QS = (1e-8, 1e-3, 0.1, 1.0, 3.0, 12.0, 20.0, 1e4)


def quadrature(f, q):
    """E[f(z)], z ~ N(0, q): three-point Gauss on panels of 2^-k, whose edges meet the kinks at -1, 0 and 1."""
    root = math.sqrt(q)
    step = min(2.0 ** math.floor(math.log2(root / 64)), 1 / 64)
    edges = np.arange(-math.ceil(12 * root / step), math.ceil(12 * root / step) + 1) * step
    offsets, weights = np.array([-math.sqrt(0.6), 0, math.sqrt(0.6)]), np.array([5, 8, 5]) / 18
    z = (edges[:-1] + edges[1:])[:, None] / 2 + offsets * step / 2
    density = np.exp(-z * z / (2 * q)) / math.sqrt(2 * math.pi * q)
    return float(((f(z) * density) @ weights).sum() * step)


def cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def gelu_parts(q):
    """E[Phi^2], E[z Phi pdf] and E[z^2 pdf^2] for z ~ N(0, q), by Stein's lemma and the arcsine law."""
    return (
        0.25 + math.asin(q / (1 + q)) / (2 * math.pi),
        q / ((1 + q) * 2 * math.pi * math.sqrt(1 + 2 * q)),
        q / (2 * math.pi * (1 + 2 * q) ** 1.5),
    )


def elu_exponentials(q):
    """E[exp(2 z); z < 0] and E[exp(z); z < 0]."""
    s = math.sqrt(q)
    return math.exp(2 * q) * cdf(-2 * s), math.exp(q / 2) * cdf(-s)


def hardtanh_second(q):
    inside = math.erf(1 / math.sqrt(2 * q))
    return q * (inside - math.sqrt(2 / (math.pi * q)) * math.exp(-1 / (2 * q))) + 1 - inside


SELU2, ALPHA2 = 1.0507009873554805**2, 1.6732632423543772**2
CLOSED = {  # name -> E[phi(z)^2], E[phi'(z)^2] for z ~ N(0, q)
    "linear": (lambda q: q, lambda q: 1.0),
    "relu": (lambda q: q / 2, lambda q: 0.5),
    "leaky_relu": (lambda q: 0.52 * q, lambda q: 0.52),
    "sin": (lambda q: -math.expm1(-2 * q) / 2, lambda q: (1 + math.exp(-2 * q)) / 2),
    "erf": (
        lambda q: 2 / math.pi * math.asin(2 * q / (1 + 2 * q)),
        lambda q: 4 / math.pi / math.sqrt(1 + 4 * q),
    ),
    "gelu": (
        lambda q: q * (gelu_parts(q)[0] + 2 * gelu_parts(q)[1]),
        lambda q: gelu_parts(q)[0] + 2 * gelu_parts(q)[1] + gelu_parts(q)[2],
    ),
    "elu": (
        lambda q: q / 2 + elu_exponentials(q)[0] - 2 * elu_exponentials(q)[1] + 0.5,
        lambda q: 0.5 + elu_exponentials(q)[0],
    ),
    "selu": (
        lambda q: SELU2 * (q / 2 + ALPHA2 * (elu_exponentials(q)[0] - 2 * elu_exponentials(q)[1] + 0.5)),
        lambda q: SELU2 * (0.5 + ALPHA2 * elu_exponentials(q)[0]),
    ),
    "hardtanh": (hardtanh_second, lambda q: math.erf(1 / math.sqrt(2 * q))),
}


# --- one layer ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("q", QS)
def test_variance_map_and_chi_against_closed_forms(name, q):
    second, slope = CLOSED[name]
    if name in ("elu", "selu") and (q > 100 or q < 0.1):
        return  # exp(2 q) overflows, or the three terms cancel: the quadrature below covers these
    assert initlab.variance_map(name, q) == pytest.approx(second(q), rel=1e-10)
    assert initlab.chi(name, q) == pytest.approx(slope(q), rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("q", QS)
def test_variance_map_and_chi_against_another_quadrature(name, q):
    a = ACTIVATIONS[name]
    if name == "hardtanh" and q < 0.1:
        assert initlab.variance_map(name, q) == pytest.approx(q, rel=1e-10)  # never reaches its kinks
        return
    assert initlab.variance_map(name, q) == pytest.approx(quadrature(lambda z: a.phi(z) ** 2, q), rel=1e-10)
    assert initlab.chi(name, q) == pytest.approx(quadrature(lambda z: a.dphi(z) ** 2, q), rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_gain_and_bias_enter_as_squares(name):
    second, slope = initlab.variance_map(name, 0.7), initlab.chi(name, 0.7)
    assert initlab.variance_map(name, 0.7, 1.5, 0.2) == pytest.approx(2.25 * second + 0.04, rel=1e-14)
    assert initlab.variance_map(name, 0.7, sigma_b=0.2) == pytest.approx(second + 0.04, rel=1e-14)
    assert initlab.chi(name, 0.7, 1.5) == pytest.approx(2.25 * slope, rel=1e-14)
    assert initlab.variance_map(name, 0.7, 0.0, 0.2) == pytest.approx(0.04, rel=1e-14)
    assert initlab.chi(name, 0.7, 0.0) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_chi_is_the_sampled_mean_of_squared_slopes(name):
    """Brute force: 200 000 draws, five standard errors of their own scatter."""
    z = np.sqrt(2.0) * np.random.default_rng(0).standard_normal(200_000)
    for f, value in (
        (ACTIVATIONS[name].phi, initlab.variance_map(name, 2.0)),
        (ACTIVATIONS[name].dphi, initlab.chi(name, 2.0)),
    ):
        squares = f(z) ** 2
        assert abs(squares.mean() - value) <= 5 * squares.std() / math.sqrt(z.size) + 1e-12


def test_limits_of_q():
    """q = 0, and q = inf for a signal that has overflowed: bounded activations stay bounded."""
    assert initlab.variance_map("sigmoid", 0) == pytest.approx(0.25, rel=1e-14)
    assert initlab.variance_map("relu", 0) == 0.0
    assert initlab.chi("tanh", 0, 1.5) == pytest.approx(2.25, rel=1e-14)
    assert initlab.variance_map("relu", math.inf) == math.inf
    assert initlab.variance_map("relu", math.inf, 0.0, 0.3) == pytest.approx(0.09, rel=1e-14)
    assert initlab.variance_map("tanh", math.inf, 2.0) == pytest.approx(4.0, rel=1e-6)
    assert initlab.variance_map("sigmoid", math.inf) == pytest.approx(0.5, rel=1e-6)
    assert initlab.chi("leaky_relu", math.inf) == pytest.approx(0.52, rel=1e-10)
    assert initlab.chi("tanh", math.inf) == pytest.approx(0.0, abs=1e-12)
    assert initlab.variance_map("linear", 1.0, 1e200) == initlab.chi("linear", 1.0, 1e200) == math.inf


@QUIET
@given(name=st.sampled_from(NAMES), exponent=st.floats(-6, 6), q=st.floats(1e-6, 1e4))
def test_any_gain_over_twelve_decades(name, exponent, q):
    g = 10.0**exponent
    assert initlab.variance_map(name, q, g) == pytest.approx(g * g * initlab.variance_map(name, q), rel=1e-12)
    assert initlab.chi(name, q, g) == pytest.approx(g * g * initlab.chi(name, q), rel=1e-12)


@QUIET
@given(name=st.sampled_from(["linear", "relu", "leaky_relu"]), q=st.floats(1e-12, 1e12))
def test_homogeneous_activations_scale(name, q):
    assert initlab.variance_map(name, q) == pytest.approx(q * initlab.variance_map(name, 1.0), rel=1e-12)
    assert initlab.chi(name, q) == pytest.approx(initlab.variance_map(name, 1.0), rel=1e-12)


def test_gaussian_mean_of_what_is_known():
    """Moments 1, 0, q, 3 q^2, 15 q^3; exp(z) has mean exp(q / 2); |z - 1| a closed form when its kink is named."""
    q = 1.7
    for power, value in [(0, 1), (1, 0), (2, q), (3, 0), (4, 3 * q**2), (6, 15 * q**3)]:
        assert initlab.gaussian_mean(lambda z, p=power: z**p, q) == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert initlab.gaussian_mean(np.exp, q) == pytest.approx(math.exp(q / 2), rel=1e-12)
    s = math.sqrt(q)
    away = 2 * s * math.exp(-1 / (2 * q)) / math.sqrt(2 * math.pi) + 1 - 2 * cdf(-1 / s)
    assert initlab.gaussian_mean(lambda z: np.abs(z - 1), q, kinks=(1.0,)) == pytest.approx(away, rel=1e-12)
    assert initlab.gaussian_mean(np.cos) == pytest.approx(math.exp(-0.5), rel=1e-12)


def test_gaussian_mean_at_its_defaults():
    """The kink is at 0, f may swing, and q must be one."""
    for q in (1.0, 4.0, 400.0):
        assert initlab.gaussian_mean(np.abs, q) == pytest.approx(math.sqrt(2 * q / math.pi), rel=1e-13)
    for q in (64.0, 400.0, 9e4):
        assert initlab.gaussian_mean(np.cos, q) == pytest.approx(math.exp(-q / 2), abs=1e-13)
    with pytest.raises(ValueError, match=r"q must be at least 0.0, got -1"):
        initlab.gaussian_mean(np.square, -1)


@pytest.mark.parametrize("root_q", [0.5, 1.9, 2.1, 3.9, 4.1, 9.0, 30.0])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "silu", "softplus", "erf"])
def test_smooth_activations_are_integrated_to_rounding(name, root_q):
    """Against the trapezoidal rule, which for analytic functions converges faster than any power of its step."""
    z = np.arange(-12, 12, 1 / 400)
    weights = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) / 400
    phi, x = ACTIVATIONS[name], root_q * z
    assert initlab.variance_map(name, root_q**2) == pytest.approx(weights @ phi.phi(x) ** 2, rel=2e-13)
    assert initlab.chi(name, root_q**2) == pytest.approx(weights @ phi.dphi(x) ** 2, rel=2e-13)


def test_an_integrand_that_overflows_gives_inf_without_a_warning():
    assert initlab.gaussian_mean(np.exp, 1e6) == math.inf


# --- gains ----------------------------------------------------------------------------------------------------------
TABLE = {  # the series' table at q = 1: forward, backward, linearised rule, slope of the map
    "linear": (1.0, 1.0, 1.0, 1.0),
    "sigmoid": (1.8462285, 4.7226461, 3.577709, 0.106),
    "tanh": (1.5925374, 1.4674136, 1.0, 0.461),
    "relu": (1.4142136, 1.4142136, None, 1.0),
    "leaky_relu": (1.3867505, 1.3867505, None, 1.0),
    "elu": (1.2451983, 1.2234286, 1.0, 0.891),
    "selu": (1.0000000, 0.9660258, None, 0.783),
    "gelu": (1.5335304, 1.4811144, 2.0, 1.144),
    "silu": (1.6765325, 1.6233203, 2.0, 1.173),
    "softplus": (1.0418668, 1.8462285, 1.643738, 0.492),
}


@pytest.mark.parametrize("name", TABLE)
def test_gains_of_the_table(name):
    forward, backward, linearised, slope = TABLE[name]
    assert initlab.gain(name) == pytest.approx(forward, abs=6e-8)
    assert initlab.gain(name, "backward") == pytest.approx(backward, abs=6e-8)
    if linearised is not None:
        assert initlab.kumar_gain(name) == pytest.approx(linearised, abs=6e-7)
    h = 1e-4
    rise = initlab.variance_map(name, 1 + h, forward) - initlab.variance_map(name, 1 - h, forward)
    assert rise / (2 * h) == pytest.approx(slope, abs=6e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("q", [0.3, 1.0, 4.0])
def test_gains_keep_what_they_promise(name, q):
    assert initlab.variance_map(name, q, initlab.gain(name, q=q)) == pytest.approx(q, rel=1e-12)
    assert initlab.chi(name, q, initlab.gain(name, "backward", q=q)) == pytest.approx(1.0, rel=1e-12)


def test_linearised_gains_in_closed_form():
    assert initlab.kumar_gain("sigmoid") == pytest.approx(4 / math.sqrt(1.25), rel=1e-12)
    assert initlab.kumar_gain("softplus") == pytest.approx(2 / math.sqrt(1 + math.log(2) ** 2), rel=1e-12)
    assert initlab.kumar_gain("erf") == pytest.approx(math.sqrt(math.pi) / 2, rel=1e-12)
    falling = Activation("falling", lambda z: 3 - 2 * z, lambda z: -2 * np.ones_like(z))
    assert initlab.kumar_gain(falling) == pytest.approx(1 / (2 * math.sqrt(10)), rel=1e-12)


# --- fixed points ---------------------------------------------------------------------------------------------------
def followed(second, gain, sigma_b, steps=4000):
    q = 1.0
    for _ in range(steps):
        q = gain**2 * second(q) + sigma_b**2
    return q


@pytest.mark.parametrize("name", ["erf", "sin", "hardtanh"])
@pytest.mark.parametrize(("gain", "sigma_b"), [(1.5, 0.0), (3.0, 0.0), (0.8, 0.5), (2.0, 0.3), (0.0, 0.7)])
def test_fixed_point_is_where_the_map_settles(name, gain, sigma_b):
    expected = followed(CLOSED[name][0], gain, sigma_b)
    assert initlab.fixed_point(name, gain, sigma_b) == pytest.approx(expected, rel=1e-9)


def test_fixed_points_in_closed_form():
    assert initlab.fixed_point("linear", 0.6, 0.4) == pytest.approx(0.16 / (1 - 0.36), rel=1e-10)
    assert initlab.fixed_point("relu", 1.0, 0.5) == pytest.approx(0.25 / (1 - 0.5), rel=1e-10)
    assert initlab.fixed_point("linear") == initlab.fixed_point("relu", math.sqrt(2)) == 1.0
    assert initlab.fixed_point("selu") == pytest.approx(1.0, rel=1e-9)
    assert initlab.fixed_point("relu", 1.5) == math.inf
    assert initlab.fixed_point("linear", 1.0, 0.1) == math.inf
    assert initlab.fixed_point("relu", math.sqrt(2), 0.01) == math.inf  # grows by 1e-4 a layer, without end
    assert initlab.fixed_point("relu", 1.4) == 0.0
    assert initlab.fixed_point("tanh", 1.0) == initlab.fixed_point("tanh", 0.5) == 0.0
    assert initlab.fixed_point("gelu", 1.6) == math.inf  # a repelling fixed point near 1
    assert initlab.fixed_point("gelu", 1.5) == 0.0


@pytest.mark.parametrize("sigma_b", [1e-5, 1e-3, 0.05, 30.0, 1e3, 1e6])
@pytest.mark.parametrize("gain", [0.3, 0.9])
def test_fixed_points_many_decades_away_in_closed_form(gain, sigma_b):
    """sigma_b^2 / (1 - g^2) for linear, / (1 - g^2 / 2) for ReLU, from 1e-10 to 1e13."""
    for name, kept in (("linear", 1.0), ("relu", 0.5)):
        expected = sigma_b**2 / (1 - kept * gain**2)
        assert initlab.fixed_point(name, gain, sigma_b) == pytest.approx(expected, rel=1e-9)


def test_numbers_of_the_series():
    """tanh at gain 5/3 and 4, sigmoid under Xavier, the critical line of tanh, the fall like 1 / (2 l) at gain 1."""
    q = initlab.fixed_point("tanh", 5 / 3)
    assert q == pytest.approx(1.178, abs=6e-4)
    assert initlab.chi("tanh", q, 5 / 3) == pytest.approx(1.21, abs=6e-3)
    assert initlab.chi("tanh", initlab.fixed_point("tanh", 4.0), 4.0) == pytest.approx(2.377, abs=6e-4)
    assert initlab.chi("sigmoid", initlab.fixed_point("sigmoid")) == pytest.approx(0.0557, abs=6e-5)
    critical = math.sqrt(1.761)
    assert initlab.chi("tanh", initlab.fixed_point("tanh", critical, math.sqrt(0.05)), critical) == pytest.approx(
        1.0, abs=1e-3
    )
    q = 1.0
    for _ in range(2000):
        q = initlab.variance_map("tanh", q)
    assert 2 * 2000 * q == pytest.approx(1.0, rel=0.02)


# --- a whole network: means -----------------------------------------------------------------------------------------
WIDTHS = [30, 60, 40, 80, 50, 20]
VARIANCES = [  # init, Var[w] as a function of (fan_out, fan_in)
    ("zeros", lambda o, i: 0.0),
    ("normal", lambda o, i: 1e-4),
    (("normal", {"std": 0.2}), lambda o, i: 0.04),
    ("uniform", lambda o, i: 0.0025 / 3),
    (("uniform", {"limit": 0.3}), lambda o, i: 0.03),
    ("truncated_normal", lambda o, i: 1e-4),
    (("truncated_normal", {"std": 0.2}), lambda o, i: 0.04),
    ("lecun_normal", lambda o, i: 1 / i),
    ("lecun_uniform", lambda o, i: 1 / i),
    ("xavier_normal", lambda o, i: 2 / (o + i)),
    (("xavier_uniform", {"gain": 3.0}), lambda o, i: 18 / (o + i)),
    (("xavier_normal", {"gain": 3.0}), lambda o, i: 18 / (o + i)),
    ("xavier_uniform", lambda o, i: 2 / (o + i)),
    ("he_normal", lambda o, i: 2 / i),
    ("he_uniform", lambda o, i: 2 / i),
    (("he_normal", {"slope": 0.5}), lambda o, i: 1.6 / i),
    (("he_uniform", {"slope": -0.5, "mode": "fan_out"}), lambda o, i: 1.6 / o),
    (("he_normal", {"mode": "fan_out"}), lambda o, i: 2 / o),
    ("torch_default", lambda o, i: 1 / (3 * i)),
    ("orthogonal", lambda o, i: 1 / max(o, i)),
    (("orthogonal", {"gain": 1.5}), lambda o, i: 2.25 / max(o, i)),
    ("variance_scaling", lambda o, i: 1 / i),
    (("variance_scaling", {"gain": 1.5, "mode": "fan_out"}), lambda o, i: 2.25 / o),
    (("variance_scaling", {"mode": "fan_avg", "distribution": "uniform"}), lambda o, i: 2 / (o + i)),
    (("variance_scaling", {"mode": "fan_geo"}), lambda o, i: 1 / math.sqrt(o * i)),
]


def recursion(widths, second, slope, variance, last, x2, sigma_b=0.0):
    """The four second moments, written out once more with closed forms; `variance(fan_out, fan_in)`."""
    depth = len(widths) - 1
    var = [math.nan] + [(last if n == depth else variance)(widths[n], widths[n - 1]) for n in range(1, depth + 1)]
    z2, a2 = [math.nan], [x2]
    for n in range(1, depth + 1):
        z2.append(widths[n - 1] * var[n] * a2[-1] + sigma_b**2)
        a2.append(z2[-1] if n == depth else second(z2[-1]))
    delta2 = [math.nan] * depth + [1.0]
    for n in reversed(range(1, depth)):
        delta2[n] = widths[n + 1] * var[n + 1] * delta2[n + 1] * slope(z2[n])
    dw2 = [math.nan] + [a2[n - 1] * delta2[n] for n in range(1, depth + 1)]
    return dict(zip(FIELDS, (z2, a2, delta2, dw2), strict=True))


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu", "erf", "sin", "gelu"])
@pytest.mark.parametrize(("init", "variance"), VARIANCES[1:])
@pytest.mark.parametrize("sigma_b", [0.0, 0.3])
def test_predicted_means_follow_the_recursion(name, init, variance, sigma_b):
    second, slope = CLOSED[name]
    found = initlab.predict(WIDTHS, name, init, output_init=("normal", {"std": 0.7}), x2=0.4, sigma_b=sigma_b)
    expected = recursion(WIDTHS, second, slope, variance, lambda o, i: 0.49, 0.4, sigma_b)
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), expected[field], rtol=1e-10, err_msg=field)


def test_the_last_layer_has_the_same_initialiser_unless_told():
    same = initlab.predict(WIDTHS, "relu", "he_normal")
    told = initlab.predict(WIDTHS, "relu", "he_normal", output_init="he_normal")
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(same, field), getattr(told, field))
    expected = recursion(WIDTHS, lambda q: q / 2, lambda q: 0.5, lambda o, i: 2 / i, lambda o, i: 2 / i, 1.0)
    np.testing.assert_allclose(same.z2, expected["z2"], rtol=1e-12)
    np.testing.assert_allclose(initlab.predict([5, 7], "relu", "he_normal").dw2, [math.nan, 1.0], rtol=1e-14)


@pytest.mark.parametrize(("init", "variance"), VARIANCES)
def test_the_variances_are_those_of_the_initialisers(init, variance):
    """The theory has its own table of Var[w]; here it meets the draws, 30 x 200, to five standard errors."""
    f = initlab.initializer(init)
    generator, draws = np.random.default_rng(1), 10
    squares = np.mean([np.mean(f((30, 200), generator) ** 2) for _ in range(draws)])
    predicted = initlab.predict([200, 30], "linear", init).z2[1] / 200
    assert predicted == pytest.approx(variance(30, 200), rel=1e-13)
    assert abs(squares - predicted) <= 5 * predicted * math.sqrt(2 / (draws * 6000))


SIMULATED = [  # activation, init, output_init: means of second moments are predicted to 1 / width
    ("relu", "he_normal", None),
    ("relu", ("he_uniform", {"mode": "fan_out"}), "lecun_normal"),
    ("tanh", "xavier_normal", None),
    ("tanh", ("lecun_uniform", {}), "xavier_uniform"),
    ("sigmoid", "xavier_uniform", "lecun_normal"),
    ("selu", "lecun_normal", None),
    ("gelu", "lecun_normal", "he_normal"),
    ("softplus", "torch_default", None),
    ("erf", ("orthogonal", {"gain": 1.2}), "lecun_normal"),
    ("hardtanh", ("truncated_normal", {"std": 0.08}), None),
    ("sin", ("variance_scaling", {"mode": "fan_geo"}), None),
]


@pytest.mark.parametrize(("name", "init", "output_init"), SIMULATED)
def test_predicted_means_agree_with_simulated_networks(name, init, output_init):
    """Five standard errors of the nets' own scatter, and 2 % for what the limit of wide layers leaves out.

    Widths are unequal, so that fan_in and fan_out are told apart, and above 100: first-order corrections are
    about one over the width, a layer.
    """
    widths, nets = [120, 200, 130, 220, 110], 60
    options = {"output_init": output_init}
    found = initlab.signal(widths, name, init, **options, batch=32, nets=nets, rng=np.random.default_rng(2))
    predicted = initlab.predict(widths, name, init, **options, batch=32)
    for field in FIELDS:
        got, want = getattr(found, field), getattr(predicted, field)
        for n in range(0 if field == "a2" else 1, len(widths)):
            room = 5 * got[:, n].std(ddof=1) / math.sqrt(nets) + 0.02 * want[n]
            assert abs(got[:, n].mean() - want[n]) < room, (field, n)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(
    ("name", "widths"), [("linear", [3, 5, 4, 6, 2]), ("leaky_relu", [3, 5, 4, 6, 2]), ("relu", [9, 15, 10, 18, 8])]
)
def test_piecewise_linear_means_are_exact_at_any_width(name, widths, mode):
    """Tiny layers and no allowance at all: five standard errors of the nets' own scatter.

    ReLU needs a few more units: a layer that is off as a whole, one in 2^n, passes no gradient.
    """
    nets, init = 1500, ("variance_scaling", {"gain": 1.2, "mode": mode})
    found = initlab.signal(widths, name, init, batch=4, nets=nets, rng=np.random.default_rng(3))
    predicted = initlab.predict(widths, name, init)
    for field in FIELDS:
        got = getattr(found, field)[:, 1:]
        error = got.std(axis=0, ddof=1) / math.sqrt(nets)
        np.testing.assert_array_less(np.abs(got.mean(axis=0) - getattr(predicted, field)[1:]), 5 * error)


# --- a whole network: scatter ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "init", "per_layer"),
    [("linear", "lecun_normal", 2.0), ("relu", "he_normal", 5.0), ("relu", "he_uniform", 5.0)],
)
def test_the_law_of_one_example_in_closed_form(name, init, per_layer):
    """Each layer of n units adds log(1 + k / n) to the variance of log a2: k = 2 linear, E[relu^4] / E^2 - 1 = 5."""
    widths = [20, 30, 50, 40, 10]
    found = initlab.predict(widths, name, init, batch=1).log_std
    hidden = [math.log1p(per_layer / n) for n in widths[1:-1]]
    last = math.log1p(2 / widths[-1])
    for n in range(5):
        start = 2 / widths[0]
        ahead, behind = sum(hidden[:n]), sum(hidden[max(n - 1, 0) :])
        own = 0.0 if n == 0 else math.log1p(2 / widths[n])
        assert found["a2"][n] ** 2 == pytest.approx(start + (ahead if n < 4 else sum(hidden) + last), rel=1e-9)
        if n:
            assert found["z2"][n] ** 2 == pytest.approx(start + sum(hidden[: n - 1]) + own, rel=1e-9)
            delta = 2 / widths[-1] + behind
            assert found["delta2"][n] ** 2 == pytest.approx(delta, rel=1e-9)
            assert found["dw2"][n] ** 2 == pytest.approx(delta + start + sum(hidden[: n - 1]), rel=1e-9)


@pytest.mark.parametrize("batch", [1, 4, 64, 1000])
def test_linear_networks_against_their_exact_law(batch):
    """With the Gram matrix G of a batch, one Gaussian layer of n units gives exactly

        E[(tr G)^2] -> E[(tr G)^2] + 2/n E[tr G^2]      E[tr G^2] -> (1 + 1/n) E[tr G^2] + 1/n E[(tr G)^2]

    and log(E[M^2] / E[M]^2) is the variance of log M, M = tr G / batch, to first order.  The same backwards.
    """

    def exact(widths):
        first = widths[0]
        square, gram = 1 + 2 / (batch * first), (1 + (batch + 1) / first) / batch
        found = [math.log(square)]
        for n in widths[1:]:
            square, gram = square + 2 * gram / n, (1 + 1 / n) * gram + square / n
            found.append(math.log(square))
        return np.sqrt(found)

    widths = [48, 96, 64, 32, 80, 64, 40]
    found = initlab.predict(widths, "linear", "lecun_normal", batch=batch).log_std
    np.testing.assert_allclose(found["a2"], exact(widths), rtol=0.04)
    np.testing.assert_allclose(found["z2"][1:], exact(widths)[1:], rtol=0.04)
    np.testing.assert_allclose(found["delta2"][1:], exact(widths[::-1])[::-1][1:], rtol=0.04)


CHAINS = [("relu", 1.414, 0.0), ("relu", 1.0, 0.8), ("linear", 0.8, 0.6), ("tanh", 1.0, 0.0), ("tanh", 2.0, 0.5)]
CHAINS += [("sigmoid", 3.0, 1.0), ("gelu", 1.5, 0.5), ("softplus", 1.0, 0.3), ("elu", 1.2, 0.3), ("selu", 1.0, 0.3)]


@pytest.mark.parametrize(("name", "gain", "sigma_b"), CHAINS)
def test_the_scatter_of_one_example_as_a_chain_of_numbers(name, gain, sigma_b):
    """Given layer l - 1, the units of layer l are independent N(0, gain^2 a2 + sigma_b^2): no weight is needed.

    2500 chains: a standard deviation to 5 / sqrt(2 N) = 7 %, and 10 % for what first order in 1 / width leaves out.
    """
    widths, nets, generator = [24, 60, 40, 80, 60, 40, 60], 2500, np.random.default_rng(6)
    init = ("variance_scaling", {"gain": gain})
    predicted = initlab.predict(widths, name, init, batch=1, sigma_b=sigma_b).log_std
    a2 = np.mean(generator.standard_normal((nets, widths[0])) ** 2, axis=1)
    for n, width in enumerate(widths[1:], start=1):
        z = np.sqrt(gain**2 * a2 + sigma_b**2)[:, None] * generator.standard_normal((nets, width))
        a = z if n == len(widths) - 1 else ACTIVATIONS[name].phi(z)
        z2, a2 = np.mean(z**2, axis=1), np.mean(a**2, axis=1)
        for values, field in ((z2, "z2"), (a2, "a2")):
            ratio = np.log(values).std() / predicted[field][n]
            assert abs(math.log(ratio)) < math.log(1.1) + 5 / math.sqrt(2 * nets), (field, n)


def test_the_norm_of_the_input_pushes_every_slope():
    """Few inputs, wide layers: most of the scatter of delta2 and dw2 is that of one example's norm, through chi.

    1500 nets: 5 / sqrt(2 N) = 9 %, and 8 % for the model.  Without that term a quarter is missing.
    """
    widths, nets, init = [12, 128, 128, 128], 1500, ("variance_scaling", {"gain": 1.5})
    found = initlab.signal(widths, "hardtanh", init, batch=1, nets=nets, rng=np.random.default_rng(8))
    predicted = initlab.predict(widths, "hardtanh", init, batch=1)
    for field in ("delta2", "dw2"):
        ratio = np.log(getattr(found, field)[:, 1:]).std(axis=0) / predicted.log_std[field][1:]
        assert np.abs(np.log(ratio)).max() < math.log(1.08) + 5 / math.sqrt(2 * nets), field


@pytest.mark.parametrize("batch", [1, 16])
def test_square_orthogonal_layers_add_no_scatter_to_a_linear_network(batch):
    """Norms are kept exactly, both ways: all scatter is that of the inputs and of the cotangents, 2 / (n batch)."""
    found = initlab.predict([20] * 6, "linear", "orthogonal", batch=batch).log_std
    for field in ("z2", "a2", "delta2"):
        np.testing.assert_allclose(found[field][1:] ** 2, 2 / (20 * batch), rtol=1e-9)
    np.testing.assert_allclose(found["dw2"][1:] ** 2, 4 / (20 * batch), rtol=1e-9)
    tall = initlab.predict([20, 30, 40], "linear", "orthogonal", batch=batch).log_std
    np.testing.assert_allclose(tall["z2"][1:] ** 2, 2 / (20 * batch), rtol=1e-9)
    assert tall["delta2"][1] > tall["delta2"][2]  # on the way back the same layers are wide and lose some


def test_correlations_between_examples_scatter_too():
    """Steep hardtanh, many examples: what is left is the scatter of their correlations, to 3 % and 5 / sqrt(2 N)."""
    widths, nets, init = [32] * 8, 1200, ("variance_scaling", {"gain": 4.0})
    found = initlab.signal(widths, "hardtanh", init, batch=128, nets=nets, rng=np.random.default_rng(7))
    predicted = initlab.predict(widths, "hardtanh", init, batch=128)
    ratio = np.log(found.z2[:, 1:]).std(axis=0) / predicted.log_std["z2"][1:]
    assert np.abs(np.log(ratio)).max() < 0.03 + 5 / math.sqrt(2 * nets)


def test_depth_over_width_is_what_counts():
    """n = L = 100 under He: variance of log a2 about 5 L / n = 5, and a typical network near exp(-2.5) = 0.08."""
    found = initlab.predict([100] * 101, "relu", "he_normal", batch=1)
    assert found.log_std["a2"][99] ** 2 == pytest.approx(5.0, rel=0.04)
    assert found.typical("a2")[99] == pytest.approx(0.08, rel=0.15)
    twice = initlab.predict([200] * 101, "relu", "he_normal", batch=1)
    assert twice.log_std["a2"][99] ** 2 == pytest.approx(2.5, rel=0.04)


def test_typical_and_band_are_those_of_a_lognormal():
    found = initlab.predict(WIDTHS, "tanh", "xavier_normal")
    for field in FIELDS:
        s, mean = found.log_std[field][1:], getattr(found, field)[1:]
        assert (s > 0).all()
        np.testing.assert_allclose(found.typical(field)[1:], mean * np.exp(-(s**2) / 2), rtol=1e-14)
        for deviations in (2.0, 1.0):
            low, high = found.band(field) if deviations == 2 else found.band(field, 1.0)
            np.testing.assert_allclose(np.sqrt(low * high)[1:], found.typical(field)[1:], rtol=1e-12)
            np.testing.assert_allclose(np.log(high / low)[1:], 2 * deviations * s, rtol=1e-10)


SCATTERED = [  # activation, init, output_init, widths
    ("relu", "he_normal", None, [48] * 15),
    ("relu", "he_uniform", "lecun_normal", [48, 96, 64, 96, 32, 64, 10]),
    ("linear", "lecun_normal", None, [32] * 12),
    ("sigmoid", "xavier_normal", None, [48] * 8),
    ("tanh", "xavier_normal", None, [48] * 14),
    ("tanh", "xavier_normal", None, [96, 48, 96, 64, 32, 64]),
    ("selu", "lecun_normal", None, [48] * 9),
    ("relu", ("orthogonal", {"gain": math.sqrt(2)}), None, [48] * 9),
]


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize(("name", "init", "output_init", "widths"), SCATTERED)
def test_networks_scatter_as_predicted(name, init, output_init, widths, batch):
    """Standard deviation of the logarithm, share inside the band, and share below the typical value.

    The standard deviation of N nearly normal logs has relative error 1 / sqrt(2 N); a share p has sqrt(p (1 - p) / N).
    Five of them, and the model's own error: first order in 1 / width, within 12 % for one example and 25 % for many.
    """
    nets, model = 300, 0.12 if batch == 1 else 0.25
    options = {"output_init": output_init, "batch": batch}
    found = initlab.signal(widths, name, init, **options, nets=nets, rng=np.random.default_rng(4))
    predicted = initlab.predict(widths, name, init, **options)
    # the share inside 2 standard deviations if the true one is 1 + model times the predicted one
    least = math.erf(math.sqrt(2) / (1 + model)) - 5 * math.sqrt(0.05 * 0.95 / nets)
    for field in FIELDS:
        values = getattr(found, field)[:, 1:]
        ratio = np.log(values).std(axis=0, ddof=1) / predicted.log_std[field][1:]
        assert np.abs(np.log(ratio)).max() < math.log1p(model) + 5 / math.sqrt(2 * nets), field
        low, high = predicted.band(field)
        assert ((low[1:] <= values) & (values <= high[1:])).mean(axis=0).min() > least, field
        below = (values < predicted.typical(field)[1:]).mean(axis=0)
        assert np.abs(below - 0.5).max() < 5 * 0.5 / math.sqrt(nets) + 0.06, field


def scatter_in_loops(widths, names, orthonormal, z2, batch, sigma_b):
    """The first-order law of the logs of z2, a2, delta2 and dw2 once more, for one layer and one pair at a time."""
    depth, one = len(widths) - 1, 1 / batch
    m = [None] + [theory.moments(name, q) for name, q in zip(names, z2[1:], strict=True)]
    free = [math.nan] + [1 - sigma_b**2 / q for q in z2[1:]]

    def series(k, c, s=0.0):  # E[sum_n k[n] C^n] for a correlation C of mean c and variance s
        return sum(v * (c**n + (n * (n - 1) * c ** (n - 2) * s / 2 if n > 1 else 0.0)) for n, v in enumerate(k))

    cs, corr, spread = [None], 0.0, 1 / widths[0]
    a, z, pull = [2 * one / widths[0]], [0.0], [math.nan]
    for n in range(1, depth + 1):
        corr, spread = 1 - free[n] * (1 - corr), free[n] ** 2 * spread
        cs.append((corr, spread))
        own = 2 * (one + (1 - one) * (corr**2 + spread)) / widths[n]
        noise = (one * m[n].fourth + (1 - one) * series(m[n].forward, corr, spread) - 1) / widths[n]
        pull.append(m[n].pull * free[n] if n < depth else free[n])
        if orthonormal[n - 1] and widths[n] >= widths[n - 1] and sigma_b == 0:
            own, noise = 0.0, max(noise - m[n].pull ** 2 * own, 0.0)
        z.append(free[n] ** 2 * a[-1] + math.log1p(own))
        a.append(pull[n] ** 2 * a[-1] + math.log1p(noise))
        value, slope = series(m[n].overlap, corr, spread), sum(k * v * corr ** max(k - 1, 0)
                                                               for k, v in enumerate(m[n].overlap))  # fmt: skip
        corr = min(value, 1.0)
        spread = min(slope**2 * spread + (1 - corr**2) ** 2 / widths[n], 1 - corr**2)

    def together(j, k):  # covariance of log a2 of two layers: what happens in the lower one reaches the upper one
        j, k = min(j, k), max(j, k)
        return a[j] * math.prod(pull[j + 1 : k + 1])

    delta, dw = [math.nan] * depth + [2 * one / widths[depth]], [math.nan] * (depth + 1)
    spread, own = 1 / widths[depth], delta[depth]
    for n in range(depth, 0, -1):
        if n < depth:
            joint = one * 3 * m[n].dfourth + (1 - one) * (1 + 2 * spread) * series(m[n].backward, *cs[n])
            kept = orthonormal[n] and widths[n] >= widths[n + 1]
            own += math.log1p(max((joint - 1 - (2 * (one + (1 - one) * spread) if kept else 0.0)) / widths[n], 0.0))
            spread = min(min(series(m[n].slopes, *cs[n]), 1.0) ** 2 * spread + 1 / widths[n], 1.0)
        tilts = {k - 1: m[k].tilt * free[k] for k in range(n, depth)}  # chi of layer k through log a2 of layer k - 1
        delta[n] = own + sum(u * v * together(j, k) for j, u in tilts.items() for k, v in tilts.items())
        dw[n] = delta[n] + a[n - 1] + 2 * sum(u * together(j, n - 1) for j, u in tilts.items())
    return {"z2": z, "a2": a, "delta2": delta, "dw2": dw}


@pytest.mark.parametrize("batch", [1, 3, 50])
@pytest.mark.parametrize(
    ("name", "init", "output_init", "sigma_b"),
    [
        ("linear", "lecun_normal", None, 0.0),
        ("linear", "orthogonal", None, 0.0),
        ("linear", "orthogonal", "lecun_normal", 0.7),
        ("relu", "he_normal", "orthogonal", 0.0),
        ("relu", ("he_normal", {"mode": "fan_out"}), None, 1.0),
        ("tanh", ("xavier_normal", {"gain": 1.5}), None, 0.4),
        ("tanh", ("orthogonal", {"gain": 2.5}), "lecun_normal", 0.0),
        ("hardtanh", ("lecun_normal", {}), None, 0.0),
        ("sigmoid", ("orthogonal", {"gain": 3.0}), None, 0.3),
        ("gelu", ("lecun_normal", {}), "orthogonal", 0.2),
    ],
)
def test_the_scatter_is_its_law_layer_by_layer(name, init, output_init, sigma_b, batch):
    widths = [7, 12, 12, 5, 9, 9, 4, 4]
    found = initlab.predict(widths, name, init, output_init=output_init, batch=batch, sigma_b=sigma_b, x2=1.3)
    exact = [(init[0] if isinstance(init, tuple) else init) == "orthogonal"] * 6
    exact.append((output_init or exact[0] * "orthogonal") == "orthogonal")
    scale = np.ones(8) if sigma_b == 0 and name in ("relu", "linear") else found.z2
    expected = scatter_in_loops(widths, [name] * 6 + ["linear"], exact, scale, batch, sigma_b)
    for field in FIELDS:
        first = 0 if field == "a2" else 1
        np.testing.assert_allclose(found.log_std[field][first:] ** 2, expected[field][first:], rtol=1e-9, err_msg=field)
        assert found.log_std[field][0] == (math.sqrt(2 / (7 * batch)) if field == "a2" else 0.0)


def test_more_examples_scatter_less_and_one_example_most():
    one, many, most = (initlab.predict([64] * 9, "tanh", "xavier_normal", batch=b).log_std for b in (1, 64, 4096))
    for field in FIELDS:
        assert (one[field][1:] > many[field][1:]).all() and (many[field][1:] >= most[field][1:]).all()
    default = initlab.predict([64] * 9, "tanh", "xavier_normal").log_std
    np.testing.assert_array_equal(default["dw2"], many["dw2"])


# --- the integrals behind the scatter -------------------------------------------------------------------------------
def power_series(coefficients, c):
    return sum(k * c**n for n, k in enumerate(coefficients))


@pytest.mark.parametrize("c", [-0.5, 0.0, 0.3, 0.8])
def test_overlaps_are_the_arc_cosine_and_arcsine_kernels(c):
    """Two pre-activations with correlation c; what lies beyond the 24th Hermite term is below c^23."""
    relu, sign = theory.moments("relu", 1.0), math.acos(c)
    kernel = (math.sqrt(1 - c * c) + (math.pi - sign) * c) / math.pi
    assert power_series(relu.overlap, c) == pytest.approx(kernel, abs=2e-4)
    assert power_series(relu.slopes, c) == pytest.approx(1 - sign / math.pi, abs=3e-3)
    erf = theory.moments("erf", 1.0)
    assert power_series(erf.overlap, c) == pytest.approx(math.asin(2 * c / 3) / math.asin(2 / 3), abs=1e-6)
    linear = theory.moments("linear", 1.0)
    assert power_series(linear.overlap, c) == pytest.approx(c, abs=1e-9)
    assert power_series(linear.forward, c) == pytest.approx(1 + 2 * c * c, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("q", [0.05, 1.0, 6.0])
def test_moments_against_quadrature_and_differences(name, q):
    """`moments` rounds log q to 1/20, so q here is taken from that grid."""
    a, q = ACTIVATIONS[name], math.exp(round(20 * math.log(q)) / 20)
    m = theory.moments(name, q)
    step = 1e-4
    for f, tilt, fourth, series in ((a.phi, m.pull, m.fourth, m.forward), (a.dphi, m.tilt, m.dfourth, m.backward)):
        second = quadrature(lambda z, f=f: f(z) ** 2, q)
        up, down = (initlab.gaussian_mean(lambda z, f=f: f(z) ** 2, q * math.exp(d), a.kinks) for d in (step, -step))
        assert tilt == pytest.approx((math.log(up) - math.log(down)) / (2 * step), abs=1e-6)
        if name == "hardtanh":
            continue  # its kinks are off the panels of the quadrature above unless q is 1
        assert fourth == pytest.approx(quadrature(lambda z, f=f: f(z) ** 4, q) / second**2, rel=1e-8)
        assert power_series(series, 1.0) == pytest.approx(fourth, rel=1e-6)
        assert series[0] == pytest.approx(1.0, rel=1e-9)


def test_moments_are_shared_by_second_moments_close_together():
    """One for every 5 % of q, below 0.01 for every factor of 2, none beyond 1e-12 and 1e12; one in all for ReLU."""
    for q in (0.02, 1.0, 30.0):
        at = math.exp(round(20 * math.log(q)) / 20)
        assert theory.moments("tanh", at * 1.02) is theory.moments("tanh", at * 0.98)
        assert theory.moments("tanh", at * 1.03) is not theory.moments("tanh", at)
        assert theory.moments("tanh", at).pull == theory._moments_at(ACTIVATIONS["tanh"], at).pull
    assert theory.moments("tanh", 2**-9 * 1.4) is theory.moments("tanh", 2**-9 / 1.4)
    assert theory.moments("tanh", 2**-9 * 1.5) is not theory.moments("tanh", 2**-9)
    for end, beyond in ((1e-12, 1e-14), (1e12, 1e14)):
        assert theory.moments("tanh", beyond) is theory.moments("tanh", end)
        assert theory.moments("tanh", end * 4) is not theory.moments("tanh", end / 4)
    assert theory.moments("relu", 1e-3) is theory.moments("relu", 1.0)


def test_a_correlated_pair_by_brute_force():
    """E[phi_u^2 phi_v^2] / E[phi^2]^2 of 400 000 pairs with correlation 0.6, to five standard errors."""
    u, v = np.random.default_rng(5).standard_normal((2, 400_000))
    v = 0.6 * u + 0.8 * v
    for name in ("relu", "tanh", "gelu"):
        a, m = ACTIVATIONS[name], theory.moments(name, 1.0)
        for f, series, square in (
            (a.phi, m.forward, True),
            (a.dphi, m.backward, True),
            (a.phi, m.overlap, False),
            (a.dphi, m.slopes, False),
        ):
            pairs = f(u) * f(v)
            pairs = pairs**2 if square else pairs
            scale = quadrature(lambda z, f=f: f(z) ** 2, 1.0) ** (2 if square else 1)
            error = pairs.std() / math.sqrt(u.size) / scale
            assert abs(power_series(series, 0.6) - pairs.mean() / scale) < 5 * error + 1e-5, (name, square)


# --- extremes and refusals ------------------------------------------------------------------------------------------
@QUIET
@given(
    name=st.sampled_from(NAMES),
    widths=st.lists(st.integers(1, 60), min_size=2, max_size=9),
    exponent=st.floats(-6, 6),
    batch=st.integers(1, 100),
    sigma_b=st.sampled_from([0.0, 1e-6, 0.5, 1e6]),
)
def test_predict_takes_any_network_without_a_warning(name, widths, exponent, batch, sigma_b):
    init = ("variance_scaling", {"gain": 10.0**exponent})
    found = initlab.predict(widths, name, init, batch=batch, sigma_b=sigma_b)
    for field in FIELDS:
        value, spread = getattr(found, field), found.log_std[field]
        assert value.shape == spread.shape == (len(widths),) and value.dtype == np.float64
        assert np.isnan(value[0]) == (field != "a2")
        assert np.isfinite(value[1:]).all() and (value[1:] >= 0).all()
        assert (np.isfinite(spread) & (spread >= 0)).all()
        low, high = found.band(field)
        assert (low[1:] <= high[1:]).all()


@QUIET
@given(
    name=st.sampled_from(["linear", "relu", "leaky_relu"]),
    exponent=st.integers(-6, 6),
    widths=st.lists(st.integers(1, 50), min_size=2, max_size=9),
)
def test_gain_multiplies_layer_l_by_its_square_to_the_l(name, exponent, widths):
    one = initlab.predict(widths, name, "variance_scaling")
    g = 10.0**exponent
    many = initlab.predict(widths, name, ("variance_scaling", {"gain": g}))
    depth, n = len(widths) - 1, np.arange(1, len(widths))
    np.testing.assert_allclose(many.z2[1:], one.z2[1:] * g ** (2.0 * n), rtol=1e-10)
    np.testing.assert_allclose(many.a2[1:], one.a2[1:] * g ** (2.0 * n), rtol=1e-10)
    np.testing.assert_allclose(many.delta2[1:], one.delta2[1:] * g ** (2.0 * (depth - n)), rtol=1e-10)
    np.testing.assert_allclose(many.dw2[1:], one.dw2[1:] * g ** (2.0 * (depth - 1)), rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_overflow_and_nothing_at_all_are_results(name):
    """Gain 1e200 overflows where phi does not hold it; zero weights let nothing through.  No warning either way."""
    huge = initlab.predict([5] * 6, name, ("variance_scaling", {"gain": 1e200}))
    assert huge.z2[1] == math.inf
    bounded = name in ("sigmoid", "tanh", "hardtanh", "sin", "erf")
    assert (huge.a2[1] <= 1.0) if bounded else (huge.a2[1] == math.inf)
    dead = initlab.predict([5] * 6, name, "zeros")
    np.testing.assert_array_equal(dead.z2[1:], 0.0)
    np.testing.assert_array_equal(dead.delta2[1:], [0, 0, 0, 0, 1])
    for found in (huge, dead):
        for field in FIELDS:
            found.typical(field), found.band(field)


@pytest.mark.parametrize("name", ["relu", "elu", "linear"])
def test_a_signal_that_leaves_the_range_on_its_way(name):
    """E[z^2] of layer l is of order (g^2 / 2)^l or g^(2 l): finite in layer 1, inf in the last, and so is its band."""
    found = initlab.predict([64] * 41, name, ("variance_scaling", {"gain": 3e4}))
    assert found.z2[1] < 1e9 and found.z2[40] == found.delta2[1] == found.dw2[1] == math.inf
    edge = initlab.predict([64] * 51, "relu", ("variance_scaling", {"gain": math.sqrt(2) * 10 ** (307.9 / 100)}))
    low, high = edge.band("z2")
    assert math.isfinite(edge.z2[50]) and math.isfinite(low[50]) and high[50] == math.inf


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_what_is_written_into_one_prediction_is_not_in_the_next(name):
    """Predictions are remembered by their arguments; each is its caller's own."""
    first = initlab.predict([8] * 5, name, "he_normal")
    for field in FIELDS:
        getattr(first, field)[1] = first.log_std[field][1] = 100.0
    again = initlab.predict([8] * 5, name, "he_normal")
    for field in FIELDS:
        assert getattr(again, field)[1] < 10 and again.log_std[field][1] < 10


def test_an_activation_of_your_own():
    """z^3 / sqrt(15) with slope 3 z^2 / sqrt(15): E[phi^2] = q^3 and E[phi'^2] = 27 q^2 / 15."""
    cube = Activation("cube", lambda z: z**3 / math.sqrt(15), lambda z: 3 * z**2 / math.sqrt(15))
    assert initlab.variance_map(cube, 2.0) == pytest.approx(8.0, rel=1e-10)
    assert initlab.chi(cube, 2.0) == pytest.approx(27 * 4 / 15, rel=1e-10)
    assert initlab.gain(cube) == pytest.approx(1.0, rel=1e-10)
    found = initlab.predict([10, 10, 10], cube, "lecun_normal")
    np.testing.assert_allclose(found.delta2[1:], [1.8, 1.0], rtol=1e-10)


def test_numbers_that_are_none():
    for f in (initlab.variance_map, initlab.chi):
        with pytest.raises(ValueError, match=r"q must be at least 0.0, got -1"):
            f("relu", -1)
        with pytest.raises(ValueError, match="q must be finite, got nan"):
            f("relu", math.nan)
        with pytest.raises(TypeError, match="q must be a number, got '1'"):
            f("relu", "1")
        with pytest.raises(ValueError, match="gain must be finite, got nan"):
            f("relu", 1.0, math.nan)
        with pytest.raises(ValueError, match=r"gain must be at least 0.0, got -2"):
            f("relu", 1.0, -2)
        with pytest.raises(ValueError, match="unknown activation 'rleu'; known are linear, "):
            f("rleu", 1.0)
    with pytest.raises(ValueError, match=r"sigma_b must be at least 0.0, got -0.1"):
        initlab.variance_map("relu", 1.0, 1.0, -0.1)
    with pytest.raises(ValueError, match="q must be finite, got inf"):
        initlab.gaussian_mean(np.square, math.inf)
    with pytest.raises(ValueError, match=r"gain must be at least 0.0, got -1"):
        initlab.fixed_point("tanh", -1)


def test_gains_that_do_not_exist():
    with pytest.raises(ValueError, match="unknown direction 'sideways'; known are forward, backward"):
        initlab.gain("relu", "sideways")
    with pytest.raises(ValueError, match=r"q must be greater than 0.0, got 0"):
        initlab.gain("relu", q=0)
    nothing = Activation("nothing", lambda z: 0 * z, lambda z: 0 * z)
    for direction in ("forward", "backward"):
        with pytest.raises(ValueError, match=f"no {direction} gain for nothing at q=1: its mean square there is 0"):
            initlab.gain(nothing, direction)
    steep = Activation("steep", lambda z: np.exp(z * z), lambda z: 2 * z * np.exp(z * z))
    for direction in ("forward", "backward"):
        with pytest.raises(ValueError, match=f"no {direction} gain for steep at q=1000: its mean square there is inf"):
            initlab.gain(steep, direction, q=1000.0)
    with pytest.raises(ValueError, match=r"relu has no derivative at 0 \(0 on the left, 1 on the right\)"):
        initlab.kumar_gain("relu")
    with pytest.raises(ValueError, match=r"selu has no derivative at 0 \(1.758\d* on the left, 1.05"):
        initlab.kumar_gain("selu")
    with pytest.raises(ValueError, match="nothing has slope 0 at 0, so its linearisation passes nothing on"):
        initlab.kumar_gain(nothing)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([5], "relu", "he_normal"), {}, ValueError, r"widths must be \[n_0, ..., n_L\] with at least two sizes, got"),
        ((5, "relu", "he_normal"), {}, TypeError, r"widths must be a list \[n_0, ..., n_L\], got 5"),
        (([5, 0], "relu", "he_normal"), {}, ValueError, "each of widths must be at least 1, got 0"),
        (([5, 2.5], "relu", "he_normal"), {}, TypeError, "each of widths must be a whole number, got 2.5"),
        (([5, 5], "rleu", "he_normal"), {}, ValueError, "unknown activation 'rleu'"),
        (([5, 5], "relu", "he"), {}, ValueError, "unknown initializer for a prediction 'he'; known are zeros, normal,"),
        (([5, 5], "relu", "constant"), {}, ValueError, "unknown initializer for a prediction 'constant'"),
        (([5, 5], "relu", initlab.he_normal), {}, ValueError, "unknown initializer for a prediction <function"),
        (([5, 5], "relu", ("normal", 0.1)), {}, TypeError, r"init must be a name or a \(name, options\) pair, got"),
        (([5, 5], "relu", ("he_normal", {"gain": 2})), {}, TypeError, "he_normal has no option gain"),
        (([5, 5], "relu", ("he_normal", {"mode": "in"})), {}, ValueError, "unknown mode 'in'; known are fan_in,"),
        (([5, 5], "relu", ("normal", {"std": math.nan})), {}, ValueError, "std must be finite, got nan"),
        (([5, 5], "relu", ("uniform", {"limit": -1})), {}, ValueError, "limit must be at least 0.0, got -1"),
        (([5, 5], "relu", ("orthogonal", {"gain": "1"})), {}, TypeError, "gain must be a number, got '1'"),
        (([5, 5], "relu", "he_normal"), {"output_init": "x"}, ValueError, "unknown initializer for a prediction 'x'"),
        (([5, 5], "relu", "he_normal"), {"x2": -1}, ValueError, "x2 must be at least 0.0, got -1"),
        (([5, 5], "relu", "he_normal"), {"sigma_b": -1}, ValueError, "sigma_b must be at least 0.0, got -1"),
        (([5, 5], "relu", "he_normal"), {"batch": 0}, ValueError, "batch must be at least 1, got 0"),
        (([5, 5], "relu", "he_normal"), {"batch": 2.0}, TypeError, "batch must be a whole number, got 2.0"),
    ],
)
def test_predict_refuses_and_says_why(arguments, options, error, message):
    with pytest.raises(error, match=message):
        initlab.predict(*arguments, **options)


def test_telescoping_widths():
    """fan_in weights: the backward product is a ratio of widths, under He n_m / n_l."""
    found = initlab.predict(WIDTHS, "relu", "he_normal")
    for n, m in pairwise(range(1, len(WIDTHS))):
        assert found.delta2[n] / found.delta2[m] == pytest.approx(WIDTHS[m] / WIDTHS[n], rel=1e-12)
