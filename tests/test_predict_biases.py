"""predict with biases: its means against the maps, and against networks that MLP draws."""

import numpy as np
import pytest

import initlab

WIDTHS = [80] * 11


def second_moments(activation, init, sigma_b, nets, rng):
    """(a2, delta2, dw2) of networks with random biases, one input each: shapes (nets, L + 1)."""
    rows = []
    for _ in range(nets):
        net = initlab.MLP(WIDTHS, activation, init, rng, bias_init=("normal", {"std": sigma_b}))
        trace = net.forward(rng.standard_normal((WIDTHS[0], 1)))
        delta = net.backward(trace, rng.standard_normal((WIDTHS[-1], 1))).delta
        a2 = [np.mean(a**2) for a in trace.a]
        d2 = [np.nan] + [np.mean(d**2) for d in delta[1:]]
        rows.append((a2, d2, [np.nan] + [a2[n - 1] * d2[n] for n in range(1, len(a2))]))
    return np.array(rows).transpose(1, 0, 2)


@pytest.mark.parametrize("activation, init, gain", [("relu", "he_normal", 2**0.5), ("tanh", "lecun_normal", 1.0)])
@pytest.mark.parametrize("sigma_b", [0.0, 0.1, 0.5, 2.0])
def test_means_follow_the_variance_map_and_chi(activation, init, gain, sigma_b):
    found = initlab.predict(WIDTHS, activation, init, output_init="lecun_normal", sigma_b=sigma_b)
    q = gain**2 + sigma_b**2
    for layer in range(1, 10):
        assert found.z2[layer] == pytest.approx(q, rel=1e-12)
        if layer < 9:
            back = initlab.chi(activation, q, gain)
            assert found.delta2[layer] == pytest.approx(back * found.delta2[layer + 1], rel=1e-12)
        q = initlab.variance_map(activation, q, gain, sigma_b)
    np.testing.assert_allclose(found.dw2[1:], found.a2[:-1] * found.delta2[1:], rtol=1e-12)


def test_no_biases_is_the_default():
    told, default = (initlab.predict(WIDTHS, "tanh", "orthogonal", **kw) for kw in ({"sigma_b": 0.0}, {}))
    for field in ("z2", "a2", "delta2", "dw2"):
        np.testing.assert_array_equal(getattr(told, field), getattr(default, field))
        np.testing.assert_array_equal(told.log_std[field], default.log_std[field])


@pytest.mark.parametrize("activation, init", [("relu", "he_normal"), ("tanh", "lecun_normal")])
def test_networks_with_biases_scatter_as_predicted(activation, init):
    nets = 400
    measured = second_moments(activation, init, 0.5, nets, np.random.default_rng(0))
    law = initlab.predict(WIDTHS, activation, init, batch=1, sigma_b=0.5)
    for values, field in zip(measured, ("a2", "delta2", "dw2"), strict=True):
        mean, low_high = getattr(law, field), law.band(field)
        for layer in (1, 4, 7, 9):
            error = values[:, layer].std() / nets**0.5
            # the band is first order in 1 / width: 4 % for the mean here, 12 % for the spread
            assert abs(values[:, layer].mean() - mean[layer]) < 5 * error + 0.04 * mean[layer], (field, layer)
            spread = np.log(values[:, layer]).std() / law.log_std[field][layer]
            assert abs(spread - 1) < 5 / (2 * nets) ** 0.5, (field, layer)
            inside = np.mean((low_high[0][layer] < values[:, layer]) & (values[:, layer] < low_high[1][layer]))
            assert abs(inside - 0.95) < 0.05, (field, layer)


def test_biases_that_carry_nothing_are_refused():
    for bad in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="sigma_b"):
            initlab.predict(WIDTHS, "relu", "he_normal", sigma_b=bad)
