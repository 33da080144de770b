"""Initialisers: moments of large draws, exact supports and symmetries, fans by counting, and every refusal.

A mean square of N independent draws has standard error Var[w] sqrt((kurtosis - 1) / N), with kurtosis 3 for a
normal and 9/5 for a uniform; the tests allow five of them.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import initlab
from initlab.initializers import INITIALIZERS, initializer

QUIET = settings(deadline=None, max_examples=40, derandomize=True)
SHAPE = (300, 500)  # fan_in 500, fan_out 300: no two of the four fans agree
FAN = {"fan_in": 500, "fan_out": 300, "fan_avg": 400, "fan_geo": math.sqrt(150_000)}
KURTOSIS = {"normal": 3.0, "uniform": 1.8, "truncated_normal": 2.37}
RANDOM = [name for name in INITIALIZERS if name not in ("zeros", "constant")]


def rng(seed=0):
    return np.random.default_rng(seed)


def shape_for(name):
    return (6, 4, 3, 3) if name == "delta_orthogonal" else (6, 4)


def assert_law(w, variance, distribution):
    """Mean 0 and this second moment, to five standard errors, and the stated family by its fourth moment."""
    kurtosis = KURTOSIS[distribution]
    assert abs(w.mean()) < 5 * math.sqrt(variance / w.size)
    assert abs(np.mean(w**2) / variance - 1) < 5 * math.sqrt((kurtosis - 1) / w.size)
    # the sample kurtosis scatters by about sqrt(24 / N) for a normal, less for the flatter ones
    assert abs(np.mean(w**4) / np.mean(w**2) ** 2 - kurtosis) < 5 * math.sqrt(24 / w.size) + 0.005


LAWS = {  # name -> options, Var[w] for SHAPE, distribution
    "normal": ({"std": 0.3}, 0.09, "normal"),
    "uniform": ({"limit": 0.3}, 0.03, "uniform"),
    "truncated_normal": ({"std": 0.3}, 0.09, "truncated_normal"),
    "lecun_normal": ({}, 1 / 500, "normal"),
    "lecun_uniform": ({}, 1 / 500, "uniform"),
    "xavier_normal": ({}, 2 / 800, "normal"),
    "xavier_uniform": ({}, 2 / 800, "uniform"),
    "he_normal": ({}, 2 / 500, "normal"),
    "he_uniform": ({}, 2 / 500, "uniform"),
    "torch_default": ({}, 1 / 1500, "uniform"),
    "variance_scaling": ({}, 1 / 500, "normal"),
}
MORE_LAWS = [
    ("xavier_normal", {"gain": 5 / 3}, 25 / 9 * 2 / 800, "normal"),
    ("xavier_uniform", {"gain": 5 / 3}, 25 / 9 * 2 / 800, "uniform"),
    ("he_normal", {"slope": 0.5}, 2 / 1.25 / 500, "normal"),
    ("he_uniform", {"slope": -0.5}, 2 / 1.25 / 500, "uniform"),
    ("he_normal", {"mode": "fan_out"}, 2 / 300, "normal"),
    ("he_uniform", {"mode": "fan_out"}, 2 / 300, "uniform"),
]


@pytest.mark.parametrize("name", LAWS)
def test_law_of_each_named_initialiser(name):
    options, variance, distribution = LAWS[name]
    assert_law(getattr(initlab, name)(SHAPE, rng(1), **options), variance, distribution)


@pytest.mark.parametrize(("name", "options", "variance", "distribution"), MORE_LAWS)
def test_law_with_options(name, options, variance, distribution):
    assert_law(getattr(initlab, name)(SHAPE, rng(2), **options), variance, distribution)


@pytest.mark.parametrize("distribution", KURTOSIS)
@pytest.mark.parametrize("mode", FAN)
def test_variance_scaling_in_every_mode_and_distribution(mode, distribution):
    w = initlab.variance_scaling(SHAPE, rng(3), gain=1.7, mode=mode, distribution=distribution)
    assert_law(w, 1.7**2 / FAN[mode], distribution)


def test_default_scales_of_the_naive_ones():
    """normal 0.01, uniform 0.05, truncated_normal 0.01, constant 0.1."""
    assert_law(initlab.normal(SHAPE, rng(4)), 1e-4, "normal")
    assert_law(initlab.uniform(SHAPE, rng(4)), 0.05**2 / 3, "uniform")
    assert_law(initlab.truncated_normal(SHAPE, rng(4)), 1e-4, "truncated_normal")
    np.testing.assert_array_equal(initlab.constant((2, 3)), np.full((2, 3), 0.1))
    np.testing.assert_array_equal(initlab.constant((2, 3), value=-2), np.full((2, 3), -2.0))
    np.testing.assert_array_equal(initlab.zeros((2, 3)), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("lecun_uniform", math.sqrt(3 / 500)),
        ("xavier_uniform", math.sqrt(6 / 800)),
        ("he_uniform", math.sqrt(6 / 500)),
        ("torch_default", 1 / math.sqrt(500)),
        ("uniform", 0.05),
    ],
)
def test_uniform_draws_fill_their_interval_exactly(name, limit):
    """The largest of N draws lies within limit * 20 / N of the edge but for a chance of exp(-20)."""
    largest = np.abs(getattr(initlab, name)(SHAPE, rng(5))).max()
    assert limit * (1 - 20 / 150_000) < largest <= limit


def test_the_truncated_normal_is_cut_at_two_of_its_own_standard_deviations():
    """Its cut sits at 2 std / 0.8796; within one such unit lie erf(1/sqrt 2) / erf(2/sqrt 2) of the draws."""
    w = initlab.truncated_normal(SHAPE, rng(6), std=1.0)
    kept = 1 - 2 * 2 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))  # variance left by the cut
    unit = 1 / math.sqrt(kept)
    assert kept == pytest.approx(0.87962566**2, rel=1e-7)
    assert 2 * unit * (1 - 1e-3) < np.abs(w).max() <= 2 * unit
    share = math.erf(1 / math.sqrt(2)) / math.erf(math.sqrt(2))
    assert abs(np.mean(np.abs(w) < unit) - share) < 5 * math.sqrt(share * (1 - share) / w.size)


def test_entries_are_independent():
    """A row sum has variance fan_in Var[w], a column sum fan_out Var[w]; five standard errors, sqrt(2 / rows)."""
    for name in ("he_normal", "he_uniform", "truncated_normal"):
        w = getattr(initlab, name)(SHAPE, rng(7))
        for axis in (0, 1):
            sums = w.sum(axis=axis) ** 2
            assert abs(sums.mean() / (w.shape[axis] * np.mean(w**2)) - 1) < 5 * math.sqrt(2 / sums.size)


def test_gain_multiplies_the_standard_deviation():
    for name in ("variance_scaling", "xavier_normal", "xavier_uniform", "orthogonal"):
        f = INITIALIZERS[name]
        np.testing.assert_allclose(f((4, 7), rng(8), gain=3.0), 3 * f((4, 7), rng(8)), rtol=1e-14)
    kernel = initlab.delta_orthogonal((4, 4, 3), rng(8), gain=3.0)
    np.testing.assert_allclose(kernel, 3 * initlab.delta_orthogonal((4, 4, 3), rng(8)), rtol=1e-14)


def test_a_convolution_counts_its_kernel_in_the_fans():
    """The published example: 3 x 3 kernels over 64, 128, 256, 512 maps have std 0.059, 0.042, 0.029, 0.021."""
    for d, std in [(64, 0.059), (128, 0.042), (256, 0.029), (512, 0.021)]:
        assert math.sqrt(2 / initlab.fans((d, d, 3, 3))[0]) == pytest.approx(std, abs=5e-4)
    w = initlab.he_normal((64, 32, 3, 3), rng(9))
    assert_law(w, 2 / (32 * 9), "normal")


# --- fans -----------------------------------------------------------------------------------------------------------
def counted_fans(outs, ins, kernel, groups, stride):
    """Count the connections of a circular 1-D convolution: per output unit, and per input unit."""
    length = 12 * stride
    per_output, per_input = {}, dict.fromkeys(itertools.product(range(ins), range(length)), 0)
    for o, at in itertools.product(range(outs), range(0, length, stride)):
        group = o // (outs // groups)
        for i, k in itertools.product(range(ins // groups), range(kernel)):
            per_output[o, at] = per_output.get((o, at), 0) + 1
            per_input[group * (ins // groups) + i, (at + k) % length] += 1
    return np.mean(list(per_output.values())), np.mean(list(per_input.values()))


@pytest.mark.parametrize(
    ("outs", "ins", "kernel", "groups", "stride"),
    [(4, 6, 3, 1, 1), (4, 6, 3, 2, 1), (6, 4, 5, 1, 2), (6, 6, 3, 6, 1), (8, 4, 3, 2, 2), (5, 3, 4, 1, 3)],
)
def test_fans_are_the_numbers_of_connections(outs, ins, kernel, groups, stride):
    counted = counted_fans(outs, ins, kernel, groups, stride)
    assert initlab.fans((outs, ins // groups, kernel), groups, stride) == pytest.approx(counted, rel=1e-14)


def test_fans_of_dense_layers_and_of_images():
    assert initlab.fans((3, 5)) == (5, 3)
    assert initlab.fans((16, 8, 3, 5)) == (8 * 15, 16 * 15)
    assert initlab.fans((16, 8, 3, 3), stride=2) == (72, 36)
    assert initlab.fans((16, 8, 3, 3), stride=(1, 3)) == initlab.fans((16, 8, 3, 3), stride=[1, 3]) == (72, 48)
    assert initlab.fans(np.array([3, 5])) == (5, 3)
    assert all(isinstance(n, int) for n in initlab.fans((16, 8, 3, 3), groups=2, stride=2))


# --- orthogonal -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(8, 8), (9, 4), (4, 9), (1, 5), (5, 1), (1, 1), (4, 2, 3, 3), (30, 2, 3)])
def test_orthonormal_columns_or_rows(shape):
    w = initlab.orthogonal(shape, rng(10), gain=1.5).reshape(shape[0], -1) / 1.5
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-13)
    assert np.mean(w**2) == pytest.approx(1 / max(w.shape), rel=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (8, 5), (5, 8)])
def test_orthogonal_draws_are_uniform(shape):
    """Uniform: each entry has mean 0 and variance 1 / max(shape), so the trace has mean 0 and, squared, min / max.

    Without the signs of R the mean trace of an 8 x 8 draw is about -1.56.
    """
    draws, generator = 3000, rng(11)
    w = np.array([initlab.orthogonal(shape, generator) for _ in range(draws)])
    large, small = max(shape), min(shape)
    trace = np.trace(w, axis1=1, axis2=2)
    assert abs(trace.mean()) < 5 * math.sqrt(small / large / draws)
    assert abs(np.mean(trace**2) - small / large) < 5 * small / large * math.sqrt(2 / draws)
    assert np.abs(w.mean(axis=0)).max() < 5 * math.sqrt(1 / large / draws)
    # an entry of a uniform draw has E[w^4] = 3 / (n (n + 2)); the standard error uses the sample's own scatter
    fourth = w[:, 0, 0] ** 4
    assert abs(fourth.mean() - 3 / (large * (large + 2))) < 5 * fourth.std() / math.sqrt(draws)


@pytest.mark.parametrize("shape", [(6, 6), (7, 4), (4, 7)])
def test_orthogonal_is_the_one_factor_whose_r_has_a_positive_diagonal(shape):
    """Normal G = Q R, R upper triangular with a positive diagonal: there is exactly one such Q, and it is uniform."""
    for seed in range(16, 26):
        w = initlab.orthogonal(shape, rng(seed))
        assert w.flags.c_contiguous
        q = w if shape[0] >= shape[1] else w.T
        r = q.T @ rng(seed).standard_normal(q.shape)
        np.testing.assert_allclose(np.tril(r, -1), 0.0, atol=1e-13)
        assert (np.diag(r) > 0).all()


@pytest.mark.parametrize("shape", [(5, 5, 3), (6, 4, 3, 5), (4, 4, 1, 1)])
def test_a_delta_orthogonal_layer_keeps_every_norm(shape):
    """The convolution is carried out, tap by tap, with circular padding."""
    kernel = initlab.delta_orthogonal(shape, rng(12))
    assert kernel.shape == shape
    image = rng(13).standard_normal((shape[1], *(8 for _ in shape[2:])))
    out = 0.0
    for tap in itertools.product(*(range(k) for k in shape[2:])):
        shift = [k // 2 - t for k, t in zip(shape[2:], tap, strict=True)]
        rolled = np.roll(image, shift, axis=tuple(range(1, image.ndim)))
        out = out + np.tensordot(kernel[(slice(None), slice(None), *tap)], rolled, axes=1)
    assert np.sum(out**2) == pytest.approx(np.sum(image**2), rel=1e-12)
    centre = kernel[(slice(None), slice(None), *(k // 2 for k in shape[2:]))]
    np.testing.assert_array_equal(out, np.tensordot(centre, image, axes=1) + 0 * out)
    assert np.count_nonzero(kernel) == shape[0] * shape[1]


# --- all of them ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", INITIALIZERS)
def test_same_seed_same_float64_array_of_that_shape(name):
    shape = shape_for(name)
    first, again = INITIALIZERS[name](shape, rng(14)), INITIALIZERS[name](shape, rng(14))
    assert first.shape == shape and first.dtype == np.float64 and first.flags.writeable
    np.testing.assert_array_equal(first, again)
    if name in RANDOM:
        generator = rng(14)
        INITIALIZERS[name](shape, generator)
        assert not np.array_equal(first, INITIALIZERS[name](shape, generator))
        assert not np.array_equal(first, INITIALIZERS[name](shape, rng(15)))


@QUIET
@given(
    shape=st.lists(st.integers(1, 12), min_size=2, max_size=4).map(tuple),
    exponent=st.integers(-6, 6),
    mode=st.sampled_from(sorted(FAN)),
    distribution=st.sampled_from(sorted(KURTOSIS)),
    seed=st.integers(0, 2**32),
)
def test_variance_scaling_scales(shape, exponent, mode, distribution, seed):
    """The draw at any gain and fan is the draw at std 1 times gain / sqrt(fan)."""
    w = initlab.variance_scaling(shape, rng(seed), gain=10.0**exponent, mode=mode, distribution=distribution)
    area = math.prod(shape[2:])
    n_in, n_out = shape[1] * area, shape[0] * area
    fan = {"fan_in": n_in, "fan_out": n_out, "fan_avg": (n_in + n_out) / 2, "fan_geo": math.sqrt(n_in * n_out)}[mode]
    unit = initlab.variance_scaling(shape, rng(seed), gain=math.sqrt(n_in), distribution=distribution)
    np.testing.assert_allclose(w, unit * 10.0**exponent / math.sqrt(fan), rtol=1e-12)
    assert w.shape == shape and w.dtype == np.float64


def test_initializer_makes_a_function_of_what_it_is_given():
    assert initializer(initlab.he_normal) is initlab.he_normal
    pair = initializer(("normal", {"std": 0.5}))
    np.testing.assert_array_equal(pair((3, 2), rng()), initlab.normal((3, 2), rng(), std=0.5))
    np.testing.assert_array_equal(initializer("orthogonal")((3, 2), rng()), initlab.orthogonal((3, 2), rng()))
    assert set(INITIALIZERS) == set(LAWS) | {"zeros", "constant", "orthogonal", "delta_orthogonal"}
    assert all(getattr(initlab, name) is f for name, f in INITIALIZERS.items())


# --- the output bias ------------------------------------------------------------------------------------------------
def test_prior_bias_of_one_rate():
    """log(pi / (1 - pi)); at 0.01 it is -4.595, and the first loss is the entropy 0.0560 instead of 0.6931."""
    b = initlab.prior_bias(0.01)
    assert type(b) is float
    assert b == pytest.approx(-4.59511985, abs=1e-8)
    p = 1 / (1 + math.exp(-b))
    assert -(0.01 * math.log(p) + 0.99 * math.log(1 - p)) == pytest.approx(0.0560, abs=5e-5)


@QUIET
@given(pi=st.floats(1e-12, 1 - 1e-12))
def test_sigmoid_of_prior_bias_is_the_rate(pi):
    b = initlab.prior_bias(pi)
    assert 1 / (1 + math.exp(-b)) == pytest.approx(pi, rel=1e-12)
    assert math.exp(-b) == pytest.approx((1 - pi) / pi, rel=1e-12)


@QUIET
@given(counts=st.lists(st.integers(1, 1000), min_size=2, max_size=10))
def test_softmax_of_prior_bias_is_the_priors(counts):
    pi = np.array(counts) / sum(counts)
    b = initlab.prior_bias(pi.tolist())
    np.testing.assert_allclose(np.exp(b) / np.exp(b).sum(), pi, rtol=1e-12)
    np.testing.assert_allclose(b, [math.log(v) for v in pi], rtol=1e-14)


def test_priors_may_be_rounded_to_seven_digits():
    np.testing.assert_allclose(initlab.prior_bias([0.3333333, 0.3333333, 0.3333333]), math.log(0.3333333), rtol=1e-14)


@pytest.mark.parametrize("pi", [0, 1, -0.1, 1.5, math.nan, [0.5, 0.0, 0.5], [0.5, 1.0]])
def test_prior_bias_refuses_what_is_no_rate(pi):
    with pytest.raises(ValueError, match="pi must lie strictly between 0 and 1, got "):
        initlab.prior_bias(pi)


@pytest.mark.parametrize(("pi", "total"), [([0.5, 0.4], "0.9"), ([0.5, 0.50001], "1.00001"), ([[0.5, 0.5]], "1")])
def test_prior_bias_refuses_priors_that_do_not_sum_to_one(pi, total):
    with pytest.raises(ValueError, match=f"class priors that sum to 1, got a sum of {total}"):
        initlab.prior_bias(pi)


# --- refusals -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ((0, 5), ValueError, r"shape must hold sizes of at least 1, got \(0, 5\): a layer without units"),
        ((3, -2), ValueError, r"shape must hold sizes of at least 1, got \(3, -2\)"),
        ((5,), ValueError, r"shape must have at least two sizes, \(fan_out, fan_in\), got \(5,\)"),
        ((), ValueError, r"shape must have at least two sizes"),
        ((2.0, 3), TypeError, r"shape must hold whole numbers, got \(2.0, 3\)"),
        ((True, 3), TypeError, r"shape must hold whole numbers, got \(True, 3\)"),
        (7, TypeError, r"shape must be a tuple like \(fan_out, fan_in\), got 7"),
    ],
)
def test_bad_shapes(name, shape, error, message):
    with pytest.raises(error, match=message):
        INITIALIZERS[name](shape, rng())


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("wrong", [0, None, np.random])
def test_rng_must_be_a_generator(name, wrong):
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, as from numpy.random.default_rng\(0\)"):
        INITIALIZERS[name](shape_for(name), wrong)


NUMBERS = [  # every option that is a number, and whether it may be negative
    *((name, "gain", False) for name in ("variance_scaling", "xavier_normal", "xavier_uniform", "orthogonal")),
    ("delta_orthogonal", "gain", False),
    ("normal", "std", False),
    ("truncated_normal", "std", False),
    ("uniform", "limit", False),
    ("constant", "value", True),
    ("he_normal", "slope", True),
    ("he_uniform", "slope", True),
]


@pytest.mark.parametrize(("name", "option", "signed"), NUMBERS)
def test_bad_numbers_name_the_option_and_show_the_value(name, option, signed):
    f, shape = INITIALIZERS[name], shape_for(name)
    with pytest.raises(ValueError, match=f"{option} must be finite, got nan"):
        f(shape, rng(), **{option: math.nan})
    with pytest.raises(ValueError, match=f"{option} must be finite, got inf"):
        f(shape, rng(), **{option: math.inf})
    for wrong in ("1", None, True):
        with pytest.raises(TypeError, match=f"{option} must be a number, got {wrong!r}"):
            f(shape, rng(), **{option: wrong})
    if signed:
        assert f(shape, rng(), **{option: -0.5}).shape == shape
    else:
        with pytest.raises(ValueError, match=f"{option} must be at least 0.0, got -0.5"):
            f(shape, rng(), **{option: -0.5})
        assert not f(shape, rng(), **{option: 0}).any()


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match="unknown mode 'in'; known are fan_in, fan_out, fan_avg, fan_geo"):
        initlab.variance_scaling((2, 3), rng(), mode="in")
    with pytest.raises(ValueError, match="unknown mode 3; known are fan_in"):
        initlab.he_normal((2, 3), rng(), mode=3)
    with pytest.raises(ValueError, match="unknown distribution 'cauchy'; known are normal, uniform, truncated_normal"):
        initlab.variance_scaling((2, 3), rng(), distribution="cauchy")
    with pytest.raises(ValueError, match=r"unknown initializer 'kaiming'; known are zeros, constant, .*torch_default"):
        initializer("kaiming")


@pytest.mark.parametrize("wrong", [None, 3, ("normal", 0.01), ("normal", {}, {}), ["he_normal"], (3, {})])
def test_what_makes_no_initialiser(wrong):
    with pytest.raises(TypeError, match=r"init must be a name, a \(name, options\) pair or a function f\(shape, rng\)"):
        initializer(wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 3}, "groups must be a whole number that divides the 8 outputs, got 3"),
        ({"groups": 0}, "groups must be a whole number that divides the 8 outputs, got 0"),
        ({"groups": 2.0}, "groups must be a whole number that divides the 8 outputs, got 2.0"),
        ({"stride": 0}, "stride must hold whole numbers of at least 1, got 0"),
        ({"stride": 1.5}, "stride must hold whole numbers of at least 1, got 1.5"),
        ({"stride": (2, 0)}, r"stride must hold whole numbers of at least 1, got \(2, 0\)"),
        ({"stride": [2, 0.5]}, r"stride must hold whole numbers of at least 1, got \[2, 0.5\]"),
        ({"stride": (2, 2, 2)}, r"stride must be one number or 2 of them for shape \(8, 4, 3, 3\), got \(2, 2, 2\)"),
    ],
)
def test_fans_refuses_bad_groups_and_strides(options, message):
    with pytest.raises(ValueError, match=message):
        initlab.fans((8, 4, 3, 3), **options)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (4, 4, 3, 2)])
def test_delta_orthogonal_needs_a_centre(shape):
    with pytest.raises(ValueError, match=r"shape must be \(out, in, \*kernel\) with odd kernel sizes, got "):
        initlab.delta_orthogonal(shape, rng())
