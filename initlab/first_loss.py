"""The loss of a classifier before its first step, from integrals; and its first steps, as a function of its bias.

Before training the logits know nothing of the labels, so their mean cross-entropy is a number that can be computed.
"""

import math
from functools import lru_cache

import numpy as np

from initlab._checks import check_rng, choice, finite, whole
from initlab.network import MLP
from initlab.theory import gaussian_mean

_STEP = 0.25  # in u = ln t: the integrand is smooth on this scale whatever the logits, and the error below rounding


def _grid(std):
    """Points u = ln t, to where the integrand has vanished at both ends."""
    reach = 40.0 + 10.0 * std
    return np.arange(-reach, reach, _STEP)


@lru_cache(maxsize=256)
def _laplace(std, bias):
    """M(t) = E[exp(-t exp(bias + std z))] for z ~ N(0, 1) on the grid of t, by the trapezoidal rule."""
    h = min(0.5, 0.3 / std) if std else 0.5  # the rule's error falls like exp(-2 (pi / h)^2) and exp(-pi^2 / (h std))
    z = np.arange(-10.0, 10.0, h)
    weights = np.exp(-z * z / 2) * (h / math.sqrt(2 * math.pi))
    parts = np.array_split(_grid(std)[:, None], 20)  # a twentieth of the memory
    return np.concatenate([np.exp(-np.exp(np.minimum(u + bias + std * z, 700.0))) @ weights for u in parts])


def first_loss(std, pi, bias=0.0):
    """The mean cross-entropy of logits N(bias, std**2) that know nothing of the labels.

    pi is one base rate in (0, 1), for one logit and a sigmoid, or class priors that sum to 1, for a softmax over as
    many logits; bias is a number, or for a softmax one number a class.

        sigmoid:  E[ln(1 + exp(bias + std z))] - pi bias
        softmax:  integral of (exp(-t) - prod_k M_k(t)) dt / t - sum_k pi_k bias_k,  M_k(t) = E[exp(-t exp(z_k))]

    The second turns an integral over all classes into a product of single ones, by ln x = integral of
    (exp(-t) - exp(-t x)) dt / t.  Raises ValueError or TypeError for bad arguments.
    Source: Frullani's integral, as in Gradshteyn and Ryzhik 3.434.2.
    """
    std, pi = finite("std", std, least=0.0), np.asarray(pi, dtype=float)
    if not np.all((pi > 0) & (pi < 1)):
        raise ValueError(f"pi must lie strictly between 0 and 1, got {pi.tolist()}")
    if pi.ndim == 0:
        bias = finite("bias", bias)
        return gaussian_mean(lambda z: np.logaddexp(0.0, bias + z), std * std) - float(pi) * bias
    if pi.ndim != 1 or not math.isclose(pi.sum(), 1.0, rel_tol=1e-6):
        raise ValueError(f"pi must be one base rate or class priors that sum to 1, got a sum of {pi.sum():.6g}")
    biases = np.broadcast_to(np.asarray(bias, dtype=float), pi.shape)
    product = math.prod(_laplace(std, finite("bias", float(b))) for b in biases)
    one = np.exp(-np.exp(np.minimum(_grid(std), 700.0)))
    return float(_STEP * np.sum(one - product) - pi @ biases)


class FirstSteps:
    """The first steps of a small ReLU network on a yes/no question, at any base rate and any output bias.

    Some positives and negatives of `x`, shape (n_0, examples), are drawn once and weighted so that a share pi of
    the loss is the positives'; the gradient is that of the whole weighted mean.  So a slider of pi or of the bias
    moves through the same network on the same images.  `positive` holds booleans, one an example.
    Calling it as steps(pi, bias, optimizer) gives (loss, mean logit), each before every step: shape (steps + 1,).
    Raises ValueError where there are too few examples of either kind, or for bad arguments.
    """

    def __init__(self, x, positive, rng, *, positives=32, negatives=64, hidden=32, steps=40):
        check_rng(rng)
        positive, self.steps = np.asarray(positive, dtype=bool), whole("steps", steps)
        if positive.sum() < positives or (~positive).sum() < negatives:
            raise ValueError(f"{positives} positives and {negatives} negatives are needed, got {positive.sum()} and "
                             f"{(~positive).sum()}")  # fmt: skip
        kinds = ((positive, positives), (~positive, negatives))
        chosen = np.concatenate([rng.permutation(np.flatnonzero(kind))[:count] for kind, count in kinds])
        self.x, self.y = x[:, chosen], positive[chosen].astype(float)
        self.net = MLP([len(x), hidden, 1], "relu", "he_normal", rng, output_init="lecun_normal")

    def __call__(self, pi, bias, optimizer="SGD", lr=None):
        choice("optimizer", optimizer, ("SGD", "Adam"))
        lr = finite("lr", {"SGD": 0.1, "Adam": 0.001}[optimizer] if lr is None else lr, least=0.0)
        net, y = self.net.copy(), self.y
        net.b[2][:] = finite("bias", bias)
        weight = np.where(y == 1, pi / y.sum(), (1 - pi) / (1 - y).sum())
        p = [net.W[1], net.b[1], net.W[2], net.b[2]]
        m, v = [0.0] * 4, [0.0] * 4
        loss, mean = np.empty(self.steps + 1), np.empty(self.steps + 1)
        for t in range(self.steps + 1):
            trace = net.forward(self.x)
            z = trace.output[0]
            e = np.exp(-np.abs(z))
            loss[t], mean[t] = weight @ (np.maximum(z, 0) + np.log1p(e) - y * z), weight @ z
            grads = net.backward(trace, (weight * (np.where(z >= 0, 1.0, e) / (1.0 + e) - y))[None])
            for k, g in enumerate((grads.W[1], grads.b[1], grads.W[2], grads.b[2])):
                if optimizer == "SGD":
                    p[k] -= lr * g
                    continue
                m[k], v[k] = 0.9 * m[k] + 0.1 * g, 0.999 * v[k] + 0.001 * g * g
                p[k] -= lr * (m[k] / (1 - 0.9 ** (t + 1))) / (np.sqrt(v[k] / (1 - 0.999 ** (t + 1))) + 1e-8)
        return loss, mean
