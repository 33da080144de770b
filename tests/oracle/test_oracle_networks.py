"""Activations, networks, probes and optimisers against PyTorch's autograd, in double precision."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import initlab
from initlab import ACTIVATIONS, MLP, train

pytestmark = pytest.mark.oracle
PHI = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, 0.2),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "hardtanh": F.hardtanh,
    "sin": torch.sin,
    "erf": torch.erf,
}
NAMES = list(ACTIVATIONS)


def tensor(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def test_every_activation_is_compared():
    assert list(PHI) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_activations_and_their_derivatives(name):
    z = np.concatenate([np.linspace(-12, 12, 2001) + 1e-4, [-300.0, -40.0, 40.0, 300.0]])
    t = tensor(z)
    PHI[name](t).sum().backward()
    np.testing.assert_allclose(ACTIVATIONS[name].phi(z), PHI[name](t).detach(), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(ACTIVATIONS[name].dphi(z), t.grad, rtol=1e-9, atol=1e-15)


def forward(net, weights, biases, x):
    """The same network in torch: (pre-activations, activations), each with None or x at 0."""
    z, a = [None], [x]
    for n in range(1, net.depth + 1):
        z.append(weights[n - 1] @ a[-1] + biases[n - 1][:, None])
        a.append(z[-1] if n == net.depth else PHI[net.activation.name](z[-1]))
    return z, a


def twin(net):
    return [tensor(w) for w in net.W[1:]], [tensor(b) for b in net.b[1:]]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_every_layer(name):
    rng = np.random.default_rng(4)
    net = MLP([7, 9, 5, 8, 6, 3], name, "he_normal", rng, bias_init=("normal", {"std": 0.3}))
    x, dz = rng.standard_normal((7, 11)), rng.standard_normal((3, 11))
    weights, biases = twin(net)
    z, _ = forward(net, weights, biases, torch.from_numpy(x))
    for each in z[1:]:
        each.retain_grad()
    (z[-1] * torch.from_numpy(dz)).sum().backward()
    trace = net.forward(x)
    grads = net.backward(trace, dz)
    for n in range(1, net.depth + 1):
        for ours, theirs in (
            (trace.z[n], z[n].detach()),
            (grads.delta[n], z[n].grad),
            (grads.W[n], weights[n - 1].grad),
            (grads.b[n], biases[n - 1].grad),
        ):
            theirs = theirs.numpy()
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10 * np.abs(theirs).max())


@pytest.mark.parametrize("name", NAMES)
def test_the_four_second_moments_example_by_example(name):
    widths, seed = [6, 9, 4, 7, 5], 5
    rng = np.random.default_rng(seed)
    weights = [1.3 / math.sqrt(n) * rng.standard_normal((m, n)) for n, m in itertools.pairwise(widths)]
    x = rng.standard_normal((6, 8))
    found = initlab.signal(widths, name, weights, x=x, rng=np.random.default_rng(seed))
    dz = torch.from_numpy(np.random.default_rng(seed).standard_normal((5, 8)))
    net = MLP(widths, name, "zeros", rng)
    theirs = {field: np.zeros(5) for field in ("z2", "a2", "delta2", "dw2")}
    for k in range(8):
        torch_weights = [tensor(w) for w in weights]
        column = torch.from_numpy(x[:, k : k + 1])
        z, a = forward(net, torch_weights, [torch.zeros(n, dtype=torch.float64) for n in widths[1:]], column)
        grads = torch.autograd.grad((z[-1][:, 0] * dz[:, k]).sum(), [*torch_weights, *z[1:]])
        theirs["a2"][0] += (a[0] ** 2).mean().item() / 8
        for n in range(1, 5):
            theirs["z2"][n] += (z[n] ** 2).mean().item() / 8
            theirs["a2"][n] += (a[n] ** 2).mean().item() / 8
            theirs["dw2"][n] += (grads[n - 1] ** 2).mean().item() / 8
            theirs["delta2"][n] += (grads[3 + n] ** 2).mean().item() / 8
    for field, values in theirs.items():
        first = 0 if field == "a2" else 1
        np.testing.assert_allclose(getattr(found, field)[0, first:], values[first:], rtol=1e-10, err_msg=field)


OPTIMIZERS = {
    "sgd": (dict(lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (dict(lr=0.05, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "adam": (dict(lr=0.01, optimizer="adam"), lambda p: torch.optim.Adam(p, lr=0.01)),
}


@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize("how", OPTIMIZERS)
def test_training_step_by_step(how, classes):
    """Twenty steps on one batch of everything, drawn in the same order: losses and weights to 1e-9."""
    options, make = OPTIMIZERS[how]
    rng = np.random.default_rng(6)
    net = MLP([5, 8, 6, classes], "tanh", "xavier_normal", rng)
    weights, biases = twin(net)
    x, y = rng.standard_normal((5, 30)), rng.integers(max(classes, 2), size=30)
    history = train(net, x, y, steps=20, batch=30, rng=np.random.default_rng(7), **options)
    optimizer, order = make(weights + biases), np.random.default_rng(7)
    for step in range(20):
        chosen = order.integers(30, size=30)
        out = forward(net, weights, biases, torch.from_numpy(x[:, chosen]))[0][-1]
        target = torch.from_numpy(y[chosen])
        if classes == 1:
            loss = F.binary_cross_entropy_with_logits(out[0], target.double())
        else:
            loss = F.cross_entropy(out.T, target)
        assert history.loss[step] == pytest.approx(loss.item(), rel=1e-9)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for ours, theirs in zip(net.W[1:] + net.b[1:], weights + biases, strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-6, atol=1e-8)
