"""Convolutions and normalisation against PyTorch's, forward and backward, in double precision."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from initlab.convolution import ConvNet, conv2d, conv2d_backward
from initlab.residual import KINDS, ResidualNet, normalise, normalise_back

pytestmark = pytest.mark.oracle


def tensor(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def their_conv(x, w, stride, groups, padding):
    """The same in torch, whose images are (batch, channels, height, width)."""
    r = w.shape[-1] // 2
    x = x.permute(3, 0, 1, 2)
    x = F.pad(x, (r, r, r, r), mode="circular") if padding == "circular" and r else F.pad(x, (r, r, r, r))
    return F.conv2d(x, w, stride=stride, groups=groups).permute(1, 2, 3, 0)


@pytest.mark.parametrize("padding", ["zero", "circular"])
@pytest.mark.parametrize(("k", "stride", "groups"), [(1, 1, 1), (3, 1, 1), (5, 1, 2), (3, 2, 1), (3, 2, 4), (3, 1, 4)])
def test_convolution_both_ways(padding, k, stride, groups):
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((4, 7, 6, 3)), rng.standard_normal((8, 4 // groups, k, k))
    if padding == "circular" and stride == 2:
        x = x[:, :6]  # both sizes even, so that the wrapped outputs fit
    ours = conv2d(x, w, stride=stride, groups=groups, padding=padding)
    tx, tw = tensor(x), tensor(w)
    theirs = their_conv(tx, tw, stride, groups, padding)
    np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-10, atol=1e-12)
    dz = rng.standard_normal(ours.shape)
    (theirs * torch.from_numpy(dz)).sum().backward()
    dx, dw = conv2d_backward(dz, x, w, stride=stride, groups=groups, padding=padding)
    np.testing.assert_allclose(dx, tx.grad, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dw, tw.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("eps", [1e-12, 1e-5, 0.3])
def test_normalisation_both_ways(axis, eps):
    """axis 1 is their batch_norm in training, axis 0 their layer_norm, both without learnt scale and shift."""
    rng = np.random.default_rng(2)
    h, dy = rng.standard_normal((2, 9, 13))
    y, s = normalise(h, axis, eps)
    t = tensor(h)
    if axis == 1:
        theirs = F.batch_norm(t.T, None, None, training=True, eps=eps).T
    else:
        theirs = F.layer_norm(t.T, (9,), eps=eps).T
    np.testing.assert_allclose(y, theirs.detach(), rtol=1e-10, atol=1e-12)
    (theirs * torch.from_numpy(dy)).sum().backward()
    np.testing.assert_allclose(normalise_back(dy, y, s, axis), t.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("padding", ["zero", "circular"])
def test_a_whole_convolutional_net(padding):
    rng = np.random.default_rng(3)
    net = ConvNet([2, 5, 4, 3], 6, "tanh", "he_normal", rng, strides=[1, 2, 1], padding=padding, classes=4)
    net.b[1:] = [rng.standard_normal(b.shape) for b in net.b[1:]]
    x, dz = rng.standard_normal((2 * 36, 5)), rng.standard_normal((4, 5))
    weights, biases = [tensor(w) for w in net.W[1:]], [tensor(b) for b in net.b[1:]]
    a = torch.from_numpy(x).reshape(2, 6, 6, 5)
    for w, b, stride in zip(weights[:-1], biases[:-1], net.strides, strict=True):
        a = torch.tanh(their_conv(a, w, stride, 1, padding) + b[:, None, None, None])
    out = weights[-1] @ a.reshape(-1, 5) + biases[-1][:, None]
    (out * torch.from_numpy(dz)).sum().backward()
    trace = net.forward(x)
    grads = net.backward(trace, dz)
    np.testing.assert_allclose(trace.output, out.detach(), rtol=1e-10, atol=1e-12)
    for ours, theirs in zip(grads.W[1:] + grads.b[1:], weights + biases, strict=True):
        np.testing.assert_allclose(ours, theirs.grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_residual_net(kind):
    """Every kind of block with its stem and head; gates and last matrices that start at 0 are moved off it first."""
    rng, eps = np.random.default_rng(4), 1e-3
    net = ResidualNet(kind, 3, rng, width=7, inputs=5, outputs=4, eps=eps)
    for name, w in zip(net.names[1:], net.W[1:], strict=True):
        if name in ("gate", "W2"):
            w += 0.5 * rng.standard_normal(w.shape)
    x, dz = rng.standard_normal((5, 6)), rng.standard_normal((4, 6))
    weights = [tensor(w) for w in net.W[1:]]
    of = {}
    for name, w in zip(net.names[1:], weights, strict=True):
        of.setdefault(name, []).append(w)
    stream = of["stem"][0] @ torch.from_numpy(x)
    for k in range(3):
        h = of["W1"][k] @ stream
        if net.kind.norm == "batch":
            h = F.batch_norm(h.T, None, None, training=True, eps=eps).T
        elif net.kind.norm == "layer":
            h = F.layer_norm(h.T, (7,), eps=eps).T
        f = torch.relu(h)
        f = of["W2"][k] @ f if "W2" in of else f
        f = of["gate"][k] * f if "gate" in of else net.alpha * f if net.kind.skip else f
        stream = stream + f if net.kind.skip else f
    out = of["head"][0] @ stream
    (out * torch.from_numpy(dz)).sum().backward()
    trace = net.forward(x)
    np.testing.assert_allclose(trace.output, out.detach(), rtol=1e-9, atol=1e-11)
    for name, ours, theirs in zip(net.names[1:], net.backward(trace, dz).W[1:], weights, strict=True):
        np.testing.assert_allclose(ours, theirs.grad, rtol=1e-8, atol=1e-10, err_msg=name)
