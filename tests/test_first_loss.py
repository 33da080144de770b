"""first_loss against closed forms and sampling; FirstSteps against train, finite differences and its promises."""

import math

import numpy as np
import pytest

import initlab
from initlab.data import digits
from initlab.first_loss import FirstSteps, first_loss
from initlab.training import cross_entropy


def entropy(p):
    return float(-np.sum(np.asarray(p) * np.log(p)))


@pytest.mark.parametrize("pi", [0.01, 0.3, 0.5, 0.97])
def test_constant_logits_cost_the_entropy_at_the_prior_and_ln_2_at_zero(pi):
    assert first_loss(0.0, pi, initlab.prior_bias(pi)) == pytest.approx(entropy([pi, 1 - pi]), rel=1e-12)
    assert first_loss(0.0, pi) == pytest.approx(math.log(2), rel=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_constant_logits_of_a_softmax(classes):
    priors = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    assert first_loss(0.0, priors) == pytest.approx(math.log(classes), rel=1e-9)
    assert first_loss(0.0, priors, initlab.prior_bias(priors)) == pytest.approx(entropy(priors), rel=1e-9)


@pytest.mark.parametrize("std", [0.0, 0.1, 1.0, 5.0, 13.0, 30.0])
def test_two_classes_are_one_logit_of_twice_the_variance(std):
    two = first_loss(std, [0.3, 0.7], [0.4, -0.1])
    assert two == pytest.approx(first_loss(math.sqrt(2) * std, 0.3, 0.5), rel=1e-9)


@pytest.mark.parametrize("std", [0.3, 1.0, 4.0, 12.0])
def test_against_sampled_logits(std):
    rng = np.random.default_rng(0)
    priors, bias = np.array([0.5, 0.3, 0.1, 0.05, 0.05]), np.array([0.2, -1.0, 0.0, 2.0, 0.5])
    z = bias[:, None] + std * rng.standard_normal((5, 200_000))
    losses = (
        np.log(np.exp(z - z.max(axis=0)).sum(axis=0))
        + z.max(axis=0)
        - z[rng.choice(5, 200_000, p=priors), np.arange(200_000)]
    )
    assert first_loss(std, priors, bias) == pytest.approx(losses.mean(), abs=5 * losses.std() / 200_000**0.5)


def test_small_logits_cost_half_their_variance_times_what_is_not_certain():
    priors = np.array([0.6, 0.3, 0.1])
    cost = first_loss(0.01, priors, np.log(priors)) - entropy(priors)
    assert cost == pytest.approx(0.01**2 / 2 * (1 - np.sum(priors**2)), rel=1e-3)


@pytest.mark.parametrize(
    "pi, std, bias",
    [
        (0.0, 1, 0),
        (1.0, 1, 0),
        (1.2, 1, 0),
        ([0.0, 1.0], 1, 0),
        ([1.5, -0.5], 1, 0),
        ([0.5, 0.6], 1, 0),
        (0.5, -1, 0),
        (0.5, 1, math.nan),
    ],
)
def test_bad_arguments_are_named(pi, std, bias):
    with pytest.raises(ValueError, match=r"pi|std|bias"):
        first_loss(std, pi, bias)


@pytest.fixture(scope="module")
def steps():
    data = digits()
    return FirstSteps(data.x, data.y == 5, np.random.default_rng(0))


def test_the_first_loss_is_the_weighted_mean_over_both_kinds(steps):
    net = steps.net.copy()
    net.b[2][:] = -1.0
    z = net.forward(steps.x).output
    kinds = [cross_entropy(z[:, steps.y == k], np.full(int((steps.y == k).sum()), k))[0] for k in (0, 1)]
    assert steps(0.2, -1.0)[0][0] == pytest.approx(0.8 * kinds[0] + 0.2 * kinds[1], rel=1e-12)


def test_plain_steps_are_those_of_train(steps):
    """With the weights of the drawn images, pi = 1/3 is the plain mean: full batches of `train` do the same."""
    net = steps.net.copy()
    net.b[2][:] = 0.3
    loss, mean = steps(1 / 3, 0.3)
    for t in range(3):
        trace = net.forward(steps.x)
        value, dz = cross_entropy(trace.output, steps.y)
        assert loss[t] == pytest.approx(value, rel=1e-12)
        assert mean[t] == pytest.approx(trace.output.mean(), rel=1e-12)
        grads = net.backward(trace, dz)
        for n in (1, 2):
            net.W[n] -= 0.1 * grads.W[n]
            net.b[n] -= 0.1 * grads.b[n]


@pytest.mark.parametrize(("given", "rate"), [({}, 1e-3), ({"lr": 3e-3}, 3e-3)])
def test_adams_steps_are_those_of_the_paper(steps, given, rate):
    """Kingma and Ba 2015, algorithm 1, with its averages written out as sums over all gradients so far."""
    loss, mean = steps(1 / 3, 0.4, "Adam", **given)
    assert len(loss) == len(mean) == 41
    net, seen = steps.net.copy(), []
    net.b[2][:] = 0.4
    for t in range(8):
        trace = net.forward(steps.x)
        value, dz = cross_entropy(trace.output, steps.y)
        assert loss[t] == pytest.approx(value, rel=1e-9)
        grads = net.backward(trace, dz)
        seen.append([grads.W[1], grads.b[1], grads.W[2], grads.b[2]])
        for k, p in enumerate((net.W[1], net.b[1], net.W[2], net.b[2])):
            m = sum(0.1 * 0.9 ** (t - j) * g[k] for j, g in enumerate(seen)) / (1 - 0.9 ** (t + 1))
            v = sum(0.001 * 0.999 ** (t - j) * g[k] ** 2 for j, g in enumerate(seen)) / (1 - 0.999 ** (t + 1))
            p -= rate * m / (np.sqrt(v) + 1e-8)


def test_its_network_has_a_small_last_layer():
    rng = np.random.default_rng(2)
    net = FirstSteps(rng.standard_normal((3, 600)), np.arange(600) < 300, rng, hidden=400).net
    assert net.W[1].shape == (400, 3) and net.W[2].shape == (1, 400)
    assert np.mean(net.W[1] ** 2) == pytest.approx(2 / 3, rel=5 * np.sqrt(2 / 1200))
    assert np.mean(net.W[2] ** 2) == pytest.approx(1 / 400, rel=5 * np.sqrt(2 / 400))


def test_bad_arguments_of_the_steps_are_named(steps):
    with pytest.raises(ValueError, match="unknown optimizer 'adam'; known are SGD, Adam"):
        steps(0.1, 0.0, "adam")
    with pytest.raises(ValueError, match=r"lr must be at least 0.0, got -1"):
        steps(0.1, 0.0, lr=-1)
    with pytest.raises(TypeError, match="rng"):
        FirstSteps(np.zeros((3, 200)), np.arange(200) < 100, 0)


def test_it_leaves_its_network_alone_and_repeats(steps):
    before = steps.net.W[1].copy()
    first, second = steps(0.03, 0.0), steps(0.03, 0.0)
    np.testing.assert_array_equal(steps.net.W[1], before)
    np.testing.assert_array_equal(first, second)


def test_too_few_examples_are_refused():
    with pytest.raises(ValueError, match="positives"):
        FirstSteps(np.zeros((3, 50)), np.arange(50) < 10, np.random.default_rng(0))


def test_just_enough_examples_are_enough():
    """32 positives and 64 negatives by default; priors may be rounded to seven digits."""
    rng = np.random.default_rng(1)
    positive = np.arange(96) < 32
    assert FirstSteps(rng.standard_normal((3, 96)), positive, rng).x.shape == (3, 96)
    for short in (positive[1:], positive[:-1]):
        with pytest.raises(ValueError, match="32 positives and 64 negatives are needed"):
            FirstSteps(np.zeros((3, 95)), short, rng)
    assert first_loss(0.0, [0.3333333] * 3) == pytest.approx(np.log(3), rel=1e-6)
