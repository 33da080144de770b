"""The recurrent network against finite differences and against the deep network it unrolls to."""

import numpy as np
import pytest

from initlab import MLP, train
from initlab.recurrent import Recurrent
from initlab.training import accuracy, squared_error


@pytest.mark.parametrize("activation", ["linear", "tanh", "relu"])
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_gradients_against_finite_differences(activation, steps):
    rng = np.random.default_rng(steps)
    net = Recurrent((3, 5, 2), steps, activation, "orthogonal", rng)
    x, y = rng.standard_normal((3, 4)), rng.standard_normal((2, 4))

    def cost():
        return squared_error(net.forward(x).output, y)[0]

    trace = net.forward(x)
    assert len(trace.z) == len(trace.a) == steps + 3
    grads = net.backward(trace, squared_error(trace.output, y)[1])
    assert [g.shape for g in grads.W[1:]] == [w.shape for w in net.W[1:]]
    for n in (1, 2, 3):
        for at in [(0, 0), (1, 2), (-1, -1)]:
            kept, h = net.W[n][at], 1e-6
            net.W[n][at] = kept + h
            up = cost()
            net.W[n][at] = kept - h
            down = cost()
            net.W[n][at] = kept
            assert abs(grads.W[n][at] - (up - down) / (2 * h)) < 1e-7


def test_it_is_a_deep_network_with_shared_weights():
    rng = np.random.default_rng(1)
    net = Recurrent((3, 5, 2), 4, "tanh", "orthogonal", rng)
    deep = MLP([3, 5, 5, 5, 5, 5, 2], "tanh", "zeros", rng)
    deep.W[1:] = [net.W[1]] + [net.W[2]] * 4 + [net.W[3]]
    x, dz = rng.standard_normal((3, 6)), rng.standard_normal((2, 6))
    trace, twin = net.forward(x), deep.forward(x)
    assert np.allclose(trace.output, twin.output, rtol=1e-12)
    grads, same = net.backward(trace, dz), deep.backward(twin, dz)
    for ours, theirs in zip(grads.delta[1:], same.delta[1:], strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12)
    assert np.allclose(grads.W[2], sum(same.W[2:6]), rtol=1e-12)


def test_it_trains_and_is_scored_like_any_network():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((3, 200))
    y = (x[0] > 0).astype(int)
    net = Recurrent((3, 8, 2), 5, "tanh", "orthogonal", rng)
    before = accuracy(net, x, y)
    history = train(net, x, y, steps=100, lr=0.01, rng=rng, optimizer="adam")
    assert history.diverged is None
    assert accuracy(net, x, y) > max(0.85, before)
    assert all(not b.any() for b in net.b[1:])


@pytest.mark.parametrize("wrong", [{"sizes": (3, 5)}, {"steps": -1}, {"activation": "step"}, {"init": "nothing"}])
def test_wrong_arguments(wrong):
    given = {"sizes": (3, 5, 2), "steps": 2, "activation": "tanh", "init": "orthogonal", **wrong}
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must|unknown"):
        Recurrent(**given, rng=np.random.default_rng(0))


def test_single_precision_throughout():
    """The same network to rounding, in float32 from the input to the gradients, and it trains."""
    made = {
        dtype: Recurrent((3, 5, 2), 4, "tanh", "orthogonal", np.random.default_rng(3), dtype=dtype)
        for dtype in (np.float32, np.float64)
    }
    x, dz = np.random.default_rng(4).standard_normal((2, 3, 6))
    found = {}
    for dtype, net in made.items():
        trace = net.forward(x)
        grads = net.backward(trace, dz[:2])
        arrays = [trace.output, *trace.a, *grads.W[1:], *grads.b[1:], *grads.delta[1:]]
        assert {v.dtype for v in arrays} == {np.dtype(dtype)}
        found[dtype] = grads.W[2]
    np.testing.assert_allclose(found[np.float32], found[np.float64], rtol=1e-4, atol=1e-6)
    net = made[np.float32]
    train(net, x, np.arange(6) % 2, steps=3, lr=0.01, rng=np.random.default_rng(5), optimizer="adam")
    assert {w.dtype for w in net.W[1:]} == {np.dtype(np.float32)}
