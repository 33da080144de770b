"""Convolutions against loops, finite differences and a dense network; measured maps against counting."""

import numpy as np
import pytest

import initlab
from initlab import MLP, train
from initlab.border import _shifts, border_factor, bump, predict_maps, scatter, taps
from initlab.convolution import ConvNet, ConvProbe, conv2d, conv2d_backward, conv_maps, mean_maps
from initlab.map_panels import MapPanels, border_cost, map_rows, profile
from initlab.training import squared_error

SETTINGS = [(s, g, p, k) for s in (1, 2) for g in (1, 2, 4) for p in ("zero", "circular") for k in (1, 3, 5)]


def loops(x, w, stride, groups, padding):
    """z by its definition, one number at a time."""
    out, per_group, k, _ = w.shape
    _, height, width, batch = x.shape
    z = np.zeros((out, -(-height // stride), -(-width // stride), batch))
    for o, r, s in np.ndindex(*z.shape[:3]):
        first = o // (out // groups) * per_group
        for c, i, j in np.ndindex(per_group, k, k):
            y, v = stride * r + i - k // 2, stride * s + j - k // 2
            if padding == "circular":
                y, v = y % height, v % width
            if 0 <= y < height and 0 <= v < width:
                z[o, r, s] += w[o, c, i, j] * x[first + c, y, v]
    return z


@pytest.mark.parametrize(("stride", "groups", "padding", "k"), SETTINGS)
def test_forward_against_loops(stride, groups, padding, k):
    rng = np.random.default_rng(k)
    x, w = rng.standard_normal((4, 5, 6, 2)), rng.standard_normal((8, 4 // groups, k, k))
    z = conv2d(x, w, stride=stride, groups=groups, padding=padding)
    np.testing.assert_allclose(z, loops(x, w, stride, groups, padding), atol=1e-12)


@pytest.mark.parametrize(("stride", "groups", "padding", "k"), SETTINGS)
def test_backward_against_finite_differences(stride, groups, padding, k):
    """The convolution is linear in x and in w, so differences of any size are exact."""
    rng = np.random.default_rng(k)
    x, w = rng.standard_normal((4, 5, 6, 2)), rng.standard_normal((4, 4 // groups, k, k))
    options = dict(stride=stride, groups=groups, padding=padding)
    dz = rng.standard_normal(conv2d(x, w, **options).shape)
    dx, dw = conv2d_backward(dz, x, w, **options)
    for at in [(0, 0, 0, 0), (1, 4, 5, 1), (3, 2, 0, 0), (2, 1, 3, 1)]:
        step = np.zeros_like(x)
        step[at] = 1.0
        assert dx[at] == pytest.approx(np.sum(dz * conv2d(step, w, **options)), abs=1e-12)
    for at in [(0, 0, 0, 0), (3, -1, k - 1, k // 2), (2, 0, k // 2, 0)]:
        step = np.zeros_like(w)
        step[at] = 1.0
        assert dw[at] == pytest.approx(np.sum(dz * conv2d(x, step, **options)), abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(padding="same"), "padding"),
        (dict(stride=0), "stride"),
        (dict(groups=3), "groups"),
        (dict(x=np.zeros((3, 5, 5, 1))), "x must have shape"),
        (dict(w=np.zeros((4, 4, 2, 2))), "odd k"),
        (dict(w=np.zeros((4, 4, 3))), "odd k"),
        (dict(dz=np.zeros((4, 4, 5, 1))), "dz must have"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    good = dict(dz=np.zeros((4, 5, 5, 1)), x=np.zeros((4, 5, 5, 1)), w=np.zeros((4, 4, 3, 3)))
    with pytest.raises(ValueError, match=message):
        conv2d_backward(**{**good, **change})


# --- the network -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("padding", ["zero", "circular"])
@pytest.mark.parametrize("strides", [1, [1, 2, 1]])
def test_network_gradients_against_finite_differences(padding, strides):
    rng = np.random.default_rng(3)
    net = ConvNet([2, 3, 4, 3], 4, "tanh", "lecun_normal", rng, strides=strides, padding=padding, classes=3)
    for b in net.b[1:]:
        b += 0.1 * rng.standard_normal(b.shape)
    x, y = rng.standard_normal((32, 5)), rng.standard_normal((3, 5))

    def cost():
        return squared_error(net.forward(x).output, y)[0]

    trace = net.forward(x)
    grads = net.backward(trace, squared_error(trace.output, y)[1])
    for values, slopes in ((net.W, grads.W), (net.b, grads.b)):
        for n in range(1, net.depth + 1):
            for at in {tuple(0 for _ in values[n].shape), tuple(s - 1 for s in values[n].shape)}:
                kept, h = values[n][at], 1e-5
                values[n][at] = kept + h
                up = cost()
                values[n][at] = kept - h
                down = cost()
                values[n][at] = kept
                assert slopes[n][at] == pytest.approx((up - down) / (2 * h), abs=1e-8)


@pytest.mark.parametrize("padding", ["zero", "circular"])
def test_second_moments_are_means_of_squares_one_example_at_a_time(padding):
    """Strides and groups too: every map and every tap from `conv2d` and its way back, without an average inside."""
    rng = np.random.default_rng(21)
    kernels = [rng.standard_normal(shape) for shape in ((4, 3, 3, 3), (6, 2, 3, 3), (2, 6, 3, 3))]
    strides, groups, x = [1, 2, 1], [1, 2, 1], rng.standard_normal((3, 5, 4, 2))
    z, a = [None], [x]
    for w, stride, group in zip(kernels, strides, groups, strict=True):
        z.append(conv2d(a[-1], w, stride=stride, groups=group, padding=padding))
        a.append(np.maximum(z[-1], 0))
    a[-1] = z[-1]
    dz = rng.standard_normal(z[-1].shape)
    found = conv_maps(kernels, x, "relu", strides=strides, groups=groups, padding=padding, cotangent=dz)
    for n in range(3, 0, -1):
        options = dict(stride=strides[n - 1], groups=groups[n - 1], padding=padding)
        each = [
            conv2d_backward(dz[..., e : e + 1], a[n - 1][..., e : e + 1], kernels[n - 1], **options)[1] for e in (0, 1)
        ]
        np.testing.assert_allclose(found.dw2[n], np.mean(np.square(each), axis=(0, 1, 2)), rtol=1e-10)
        np.testing.assert_allclose(found.delta2[n], np.mean(dz**2, axis=(0, 3)), rtol=1e-10)
        np.testing.assert_allclose(found.z2[n], np.mean(z[n] ** 2, axis=(0, 3)), rtol=1e-10)
        np.testing.assert_allclose(found.a2[n], np.mean(a[n] ** 2, axis=(0, 3)), rtol=1e-10)
        if n > 1:
            dz = conv2d_backward(dz, a[n - 1], kernels[n - 1], **options)[0] * (z[n - 1] > 0)
    np.testing.assert_allclose(found.a2[0], np.mean(x**2, axis=(0, 3)), rtol=1e-10)
    ahead = conv_maps(kernels, x, "relu", strides=strides, groups=groups, padding=padding)
    assert ahead.delta2 == ahead.dw2 == found.dw2[:1] * 4
    both = mean_maps([found, found])
    assert both.z2[0] is None and len(both.z2) == 4
    np.testing.assert_allclose(both.dw2[2], found.dw2[2], rtol=1e-12)
    np.testing.assert_allclose(both.a2[0], found.a2[0], rtol=1e-12)


def test_kernels_are_square_and_groups_at_least_one():
    x = np.zeros((2, 5, 5, 1))
    for shape in ((2, 2, 3, 5), (2, 2, 5, 3), (2, 2, 2, 2), (2, 2, 3)):
        with pytest.raises(ValueError, match="odd k, got"):
            conv2d(x, np.zeros(shape))
    for name in ("groups", "stride"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got -1"):
            conv2d(x, np.zeros((2, 2, 3, 3)), **{name: -1})


def test_defaults_are_zeros_around_stride_1_and_ten_classes():
    rng = np.random.default_rng(24)
    x, w = rng.standard_normal((2, 5, 5, 3)), rng.standard_normal((4, 2, 3, 3))
    told, dz = dict(stride=1, groups=1, padding="zero"), rng.standard_normal((4, 5, 5, 3))
    np.testing.assert_array_equal(conv2d(x, w), conv2d(x, w, **told))
    for ours, theirs in zip(conv2d_backward(dz, x, w), conv2d_backward(dz, x, w, **told), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    net = ConvNet([2, 4], 5, "relu", "he_normal", rng)
    assert (net.padding, net.sizes, [v.shape for v in net.W[1:]]) == ("zero", [5, 5], [(4, 2, 3, 3), (10, 100)])
    trace = net.forward(rng.standard_normal((50, 3)))
    assert [v.shape[0] for v in trace.a] == [2, 4, 10] and len(trace.z) == 3
    with pytest.raises(TypeError, match="rng must be"):
        ConvNet([2, 4], 5, "relu", "he_normal", 0)


def test_a_generator_draws_the_cotangent_and_maps_have_means():
    rng = np.random.default_rng(25)
    x, w = rng.standard_normal((2, 5, 5, 3)), [rng.standard_normal((4, 2, 3, 3))]
    drawn = conv_maps(w, x, "relu", cotangent=np.random.default_rng(26))
    given = conv_maps(w, x, "relu", cotangent=np.random.default_rng(26).standard_normal((4, 5, 5, 3)), padding="zero")
    for field in ("z2", "a2", "delta2", "dw2"):
        np.testing.assert_array_equal(getattr(drawn, field)[1], getattr(given, field)[1])
    np.testing.assert_allclose(drawn.mean("z2"), [np.nan, drawn.z2[1].sum() / 25], rtol=1e-12)
    np.testing.assert_allclose(drawn.mean("dw2"), [np.nan, drawn.dw2[1].sum() / 9], rtol=1e-12)
    for wrong, message in (
        (dict(strides=[1, 1]), "strides and groups must be"),
        (dict(groups=[1, 1]), "strides and groups must be"),
        (dict(cotangent=np.ones((4, 5, 5, 2))), "cotangent must have"),
    ):
        with pytest.raises(ValueError, match=message):
            conv_maps(w, x, "relu", **wrong)


def test_a_probe_cuts_and_scales_what_it_has_drawn():
    found, same = ConvProbe(3, 2), ConvProbe(3, 2, 0)
    assert found.x.shape == (3, 8, 8, 2) and found.unit.shape == (2, 3, 3, 5, 5)
    np.testing.assert_array_equal(found.x, same.x)
    for k in (1, 3, 5):
        middle = found.unit[:, :, :, (5 - k) // 2 : (5 + k) // 2, (5 - k) // 2 : (5 + k) // 2]
        np.testing.assert_allclose(found._weights(k, False), middle / np.sqrt(3 * k * k), rtol=1e-6)
        delta = found._weights(k, True)
        assert delta.shape == (2, 3, 3, k, k) and np.count_nonzero(delta) == 18
        np.testing.assert_array_equal(delta[..., k // 2, k // 2], found.middle)
    for name, gain in (("relu", 2**0.5), ("linear", 1.0), ("leaky_relu", 0.52**-0.5)):
        assert found._at_own_gain(initlab.activation(name), 2, 8, 3, "zero", False)[0] == pytest.approx(gain, rel=1e-6)
    for wrong, message in (({"kernel": 2}, "unknown kernel"), ({"size": 9}, "depth and size must be")):
        with pytest.raises(ValueError, match=message):
            found("relu", 2, 1.0, **wrong)
    with pytest.raises(ValueError, match="gain must be at least 0"):
        found("relu", 2, -1.0)


def test_sizes_of_a_strided_network_round_up():
    net = ConvNet([2, 3, 3], 5, "relu", "he_normal", np.random.default_rng(22), strides=[2, 2], classes=4)
    assert net.sizes == [5, 3, 2] and net.W[-1].shape == (4, 12)
    x = np.random.default_rng(23).standard_normal((50, 3))
    assert net.forward(x).a[0].shape == (2, 5, 5, 3)


def test_on_one_pixel_it_is_a_dense_network():
    rng = np.random.default_rng(4)
    net = ConvNet([3, 5, 4], 1, "relu", "he_normal", rng, kernel=1, classes=2)
    dense = MLP([3, 5, 4, 2], "relu", "zeros", rng)
    dense.W[1:] = [w.reshape(len(w), -1) for w in net.W[1:]]
    x, dz = rng.standard_normal((3, 7)), rng.standard_normal((2, 7))
    ours, theirs = net.backward(net.forward(x), dz), dense.backward(dense.forward(x), dz)
    for n in (1, 2, 3):
        np.testing.assert_allclose(ours.W[n].ravel(), theirs.W[n].ravel(), atol=1e-12)
        np.testing.assert_allclose(ours.b[n], theirs.b[n], atol=1e-12)


def test_it_trains_and_keeps_its_precision():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((16, 300))
    y = (x[:8].sum(axis=0) > x[8:].sum(axis=0)).astype(int)  # the upper half brighter than the lower
    net = ConvNet([1, 6, 6], 4, "relu", "he_normal", rng, classes=2, dtype=np.float32)
    history = train(net, x, y, steps=150, lr=0.02, momentum=0.9, rng=rng)
    assert np.mean(history.loss[-10:]) < 0.35 < np.mean(history.loss[:5])
    assert all(w.dtype == np.float32 for w in net.W[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(channels=[3]), "channels"),
        (dict(strides=[1]), "strides"),
        (dict(padding="none"), "padding"),
        (dict(size=0), "size"),
    ],
)
def test_network_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        ConvNet(
            **{**dict(channels=[1, 2, 2], size=4, activation="relu", init="he_normal"), **change},
            rng=np.random.default_rng(0),
        )


def test_network_input_and_cotangent_shapes():
    net = ConvNet([1, 2], 4, "relu", "he_normal", np.random.default_rng(0))
    with pytest.raises(ValueError, match="x must have shape"):
        net.forward(np.zeros((15, 2)))
    with pytest.raises(ValueError, match="output's shape"):
        net.backward(net.forward(np.zeros((16, 2))), np.zeros((10, 3)))


# --- counting ---------------------------------------------------------------------------------------------------------
def test_taps_count_what_ones_add_up_to():
    for size, k, stride, padding in [(8, 3, 1, "zero"), (7, 5, 1, "zero"), (5, 3, 2, "zero"), (6, 3, 2, "circular")]:
        T = taps(size, k, stride=stride, padding=padding)
        x, w = np.ones((1, size, size, 1)), np.ones((1, 1, k, k))
        z = conv2d(x, w, stride=stride, padding=padding)
        np.testing.assert_allclose(T @ np.ones((size, size)) @ T.T, z[0, ..., 0])
        back = conv2d_backward(np.ones_like(z), x, w, stride=stride, padding=padding)[0]
        np.testing.assert_allclose(T.T @ np.ones((len(T), len(T))) @ T, back[0, ..., 0])


def test_first_layer_and_long_run():
    T = taps(8) / 3
    once = T @ np.ones((8, 8)) @ T.T
    assert (once[0, 0], once[0, 3], once[3, 3]) == pytest.approx((4 / 9, 6 / 9, 1))
    assert once.mean() == pytest.approx((22 / 24) ** 2)
    for size in (4, 8, 28):
        assert border_factor(size) == pytest.approx(((1 + 2 * np.cos(np.pi / (size + 1))) / 3) ** 2, rel=1e-12)
        assert border_factor(size) != pytest.approx(((1 + 2 * np.cos(np.pi / size)) / 3) ** 2, rel=1e-4)
    np.testing.assert_allclose(T @ bump(8) @ T.T, border_factor(8) * bump(8), atol=1e-12)
    with pytest.raises(ValueError, match="odd"):
        taps(8, 4)


@pytest.mark.parametrize(
    ("activation", "gain", "options"),
    [
        ("linear", 1.0, {}),
        ("relu", 2**0.5, {}),
        ("relu", 2**0.5, {"padding": "circular"}),
        ("linear", 1.0, {"strides": [1, 2, 1], "groups": [1, 2, 4]}),
        ("linear", 1.0, {"strides": 2, "padding": "circular", "kernel": 5}),
    ],
)
def test_measured_maps_are_the_predicted_ones(activation, gain, options):
    """240 networks of three layers, each pixel and tap to five standard errors and 2 %, seen over the networks."""
    rng, channels = np.random.default_rng(6), [8, 12, 16, 12]
    rest = {key: value for key, value in options.items() if key != "kernel"}
    groups, k = options.get("groups", [1, 1, 1]), options.get("kernel", 3)
    shapes = [(o, i // g, k, k) for i, o, g in zip(channels, channels[1:], groups, strict=False)]
    runs = []
    for _ in range(240):
        weights = [initlab.variance_scaling(shape, rng, gain=gain) for shape in shapes]
        runs.append(conv_maps(weights, rng.standard_normal((8, 8, 8, 2)), activation, cotangent=rng, **rest))
    variances = [gain**2 / np.prod(shape[1:]) for shape in shapes]
    law, found = predict_maps(channels, 8, activation, variances, **options), mean_maps(runs)
    for field in ("z2", "a2", "delta2", "dw2"):
        for n in range(1 if field != "a2" else 0, 4):
            each = np.array([getattr(run, field)[n] for run in runs])
            error = each.std(axis=0) / np.sqrt(len(runs))
            off = np.abs(getattr(found, field)[n] - getattr(law, field)[n])
            assert np.all(off < 5 * error + 0.02 * getattr(law, field)[n]), (field, n)
            total = np.array([v.mean() for v in each])
            assert abs(total.mean() - law.mean(field)[n]) < 5 * total.std() / np.sqrt(len(runs)) + 1e-9, (field, n)


def test_the_start_is_a_map():
    start = np.arange(16.0).reshape(4, 4)
    law = predict_maps([1, 3], 4, "linear", 1.0, start=start)
    np.testing.assert_allclose(law.z2[1], taps(4) @ start @ taps(4).T)


def test_only_homogeneous_activations_have_maps():
    with pytest.raises(ValueError, match="tanh"):
        predict_maps([1, 2], 4, "tanh", 1.0)
    with pytest.raises(ValueError, match="variances"):
        predict_maps([1, 2], 4, "relu", [1.0, 1.0])


# --- for the live picture -------------------------------------------------------------------------------------------
def test_probe_is_conv_maps_at_every_gain():
    probe = ConvProbe(6, 4, 1)
    for activation, gain, options in [
        ("relu", 0.5, {}),
        ("linear", 1.7, dict(size=5, kernel=5, padding="circular")),
        ("relu", 1.4, dict(size=7, delta_orthogonal=True)),
    ]:
        found = probe(activation, 3, gain, **options)
        size, k = options.get("size", 8), options.get("kernel", 3)
        weights = gain * probe._weights(k, options.get("delta_orthogonal", False))[:3].astype(float)
        x, cotangent = (v[:, :size, :size].astype(float) for v in (probe.x, probe.cotangent))
        padding = options.get("padding", "zero")
        wanted = conv_maps(weights, x, activation, padding=padding, cotangent=cotangent)
        for field in ("z2", "a2", "delta2", "dw2"):
            np.testing.assert_allclose(found.mean(field)[1:], wanted.mean(field)[1:], rtol=1e-4)
    assert np.std(probe.unit) == pytest.approx(1.0, rel=0.02)
    assert np.mean(probe._weights(3, False) ** 2) == pytest.approx(1 / 54, rel=0.05)
    with pytest.raises(ValueError, match="tanh"):
        probe("tanh", 2, 1.0)
    with pytest.raises(ValueError, match="at most"):
        probe("relu", 5, 1.0)


def test_delta_orthogonal_keeps_every_norm_in_every_padding():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((6, 5, 5, 2))
    for padding in ("zero", "circular"):
        z = conv2d(x, initlab.delta_orthogonal((6, 6, 3, 3), rng), padding=padding)
        np.testing.assert_allclose((z**2).sum(axis=0), (x**2).sum(axis=0))


def test_panels_follow_and_survive_nothing_and_everything():
    panels = MapPanels(4)
    probe = ConvProbe(4, 4, 1)
    for gain in (0.0, 1e-9, 1.0, 1e9):
        law = predict_maps([4] * 5, 8, "relu", gain**2 / 36)
        panels.move(probe("relu", 4, gain), law, scatter(4, 4, 8, "relu"))
        for artist in (*panels.marks, *panels.lines, panels.rows, panels.seen):
            assert np.isfinite(artist.get_xydata()).all()
        assert np.isfinite(panels.map.get_array()).all()


def test_profile_is_the_bump_seen_from_the_side():
    side = np.sin(np.pi * np.arange(1, 9) / 9)
    np.testing.assert_allclose(profile(bump(8)), side / side.mean())
    np.testing.assert_allclose(profile(np.array([[1.0, 1.0], [5.0, 5.0]])), [(1 + 3) / 6, (5 + 3) / 6])


def test_figures_of_maps():
    law = predict_maps([4] * 5, 8, "relu", 2 / 36)
    circular = predict_maps([4] * 5, 8, "relu", 2 / 36, padding="circular")
    fig = border_cost({"zero": [law, law], "circular": [circular, circular]}, {"zero": law, "circular": circular})
    assert [len(ax.lines) for ax in fig.axes] == [8, 3, 3, 3]
    for ax, field in zip(fig.axes[1:], ("a2", "delta2", "dw2"), strict=True):
        ratio = law.mean(field) / circular.mean(field)
        for line in ax.lines:
            np.testing.assert_allclose(line.get_ydata(), ratio[:-1] if field == "a2" else ratio)
    fig = map_rows({"theory": [bump(8)], "measured": [2 * bump(8)]}, ["layer 1"])
    np.testing.assert_allclose(fig.axes[0].images[0].get_array(), fig.axes[1].images[0].get_array())


@pytest.mark.parametrize("padding", ["zero", "circular"])
@pytest.mark.parametrize(("activation", "gain"), [("linear", 1.0), ("relu", 2**0.5)])
@pytest.mark.parametrize("orthogonal", [False, True])
def test_scatter_of_single_networks(padding, activation, gain, orthogonal):
    """Of 70 networks of 24 channels; a standard deviation is known to 8.5 %, the law to first order in 1 / 24."""
    rng, channels, depth = np.random.default_rng(9), 24, 8
    init = initlab.delta_orthogonal if orthogonal else initlab.variance_scaling
    logs = {field: [] for field in ("a2", "delta2", "dw2")}
    for _ in range(70):
        weights = [init((channels, channels, 3, 3), rng, gain=gain).astype(np.float32) for _ in range(depth)]
        x = rng.standard_normal((channels, 5, 5, 2)).astype(np.float32)
        found = conv_maps(weights, x, activation, padding=padding, cotangent=rng)
        for field, kept in logs.items():
            kept.append(np.log(found.mean(field)))
    law = scatter(channels, depth, 5, activation, padding=padding, batch=2, orthogonal=orthogonal)
    for field, layer in (("a2", 3), ("a2", 7), ("delta2", 1), ("delta2", 5), ("dw2", 1), ("dw2", 7)):
        seen, said = np.std(logs[field], axis=0)[layer], law[field][layer]
        assert 0.6 < said / seen < 1.45, (field, layer, seen, said)


def test_scatter_goes_with_the_width_and_knows_two_activations():
    wide, narrow = (scatter(c, 6, 5, "relu")["a2"][5] for c in (4000, 1000))
    assert narrow / wide == pytest.approx(2.0, rel=0.01)
    with pytest.raises(ValueError, match="tanh"):
        scatter(8, 4, 5, "tanh")


# --- the law of single networks against that of dense ones, and in closed form -----------------------------------
DENSE = [
    ("linear", "lecun_normal", False),
    ("relu", "he_normal", False),
    ("linear", "orthogonal", True),
    ("relu", ("orthogonal", {"gain": 2**0.5}), True),
]


@pytest.mark.parametrize(("activation", "init", "orthogonal"), DENSE)
@pytest.mark.parametrize("batch", [1, 10**6])
def test_kernels_of_one_pixel_scatter_as_dense_layers(activation, init, orthogonal, batch):
    """Every pixel is then an example.  Both laws are of first order in 1 / channels, in code of their own."""
    law = scatter(10**5, 8, 2, activation, kernel=1, batch=batch, orthogonal=orthogonal)
    dense = initlab.predict([10**5] * 9, activation, init, batch=4 * batch).log_std
    for field, kept in (("a2", slice(0, 8)), ("delta2", slice(1, 8)), ("dw2", slice(1, 8))):
        np.testing.assert_allclose(law[field][kept], dense[field][kept], rtol=5e-4)


@pytest.mark.parametrize("channels", [24, 64])
def test_what_orthogonal_kernels_add_by_chance_is_what_dense_layers_add(channels):
    """With 10^5 examples next to nothing else is left on the way back; the laws part at the next order."""
    law = scatter(channels, 8, 1, "relu", batch=10**5, orthogonal=True)
    dense = initlab.predict([channels] * 9, *DENSE[3][:2], batch=10**5).log_std
    np.testing.assert_allclose(law["delta2"][1:8], dense["delta2"][1:8], rtol=0.3 / channels)
    np.testing.assert_allclose(law["a2"][:8], dense["a2"][:8], rtol=0.6 / channels)


@pytest.mark.parametrize("size", [3, 5, 8])
def test_many_examples_scatter_by_the_walks_that_meet(size):
    """Linear, circular: pixels of two images agree as far as two walks of n steps of -1, 0, 1 meet, by Fourier."""
    channels, depth = 10**4, 7
    law = scatter(channels, depth, size, "linear", padding="circular", batch=10**10)
    wave = (1 + 2 * np.cos(2 * np.pi * np.arange(size) / size)) / 3
    meet = np.array([np.mean(wave ** (2 * n)) ** 2 for n in range(1, depth)])
    expected = np.cumsum(2 * np.cumsum(meet)) / channels**2
    np.testing.assert_allclose(law["a2"][1:depth] ** 2, expected, rtol=1e-3)
    np.testing.assert_allclose(law["delta2"][1:depth] ** 2, expected[::-1], rtol=1e-3)


@pytest.mark.parametrize("size", [3, 6])
def test_one_image_scatters_by_how_few_pixels_hold_the_signal(size):
    """Linear, zero padding: v = 2 sum w^2 / channels, w the map of the signal times what the border lets through."""
    channels, depth, p = 10**6, 5, np.arange(1, size + 1)
    sines = np.sqrt(2 / (size + 1)) * np.sin(np.pi * np.outer(p, p) / (size + 1))  # the eigenvectors of the taps
    kept = (1 + 2 * np.cos(np.pi * p / (size + 1))) / 3

    def share(n):
        row = sines @ (kept**n * sines.sum(axis=0)) * sines[:, 0]
        return np.sum((row / row.sum()) ** 2) ** 2  # of both directions

    law = scatter(channels, depth, size, "linear")
    grown = 2 * np.cumsum([1 / size**2] + [share(n) for n in range(1, depth)]) / channels
    np.testing.assert_allclose(law["a2"][:depth] ** 2, grown, rtol=1e-4)
    back = [
        2 * (1 / size**2 + sum(share(depth - n) for n in range(layer, depth))) / channels for layer in range(1, depth)
    ]
    np.testing.assert_allclose(law["delta2"][1:depth] ** 2, back, rtol=1e-4)
    np.testing.assert_allclose(law["dw2"][1:] ** 2, law["a2"][:-1] ** 2 + law["delta2"][1:] ** 2, rtol=1e-12)


@pytest.mark.parametrize("kernel", [1, 3])
def test_without_a_border_all_pixels_count_alike(kernel):
    """Linear, circular, b images of p x p pixels: a layer adds 2 / (channels b p^2); so did the input."""
    law = scatter(10**7, 4, 3, "linear", kernel=kernel, padding="circular", batch=2)
    for field, steps in (("a2", [1, 2, 3, 4]), ("delta2", [4, 3, 2, 1])):
        kept = slice(0, 4) if field == "a2" else slice(1, 5)
        np.testing.assert_allclose(law[field][kept] ** 2, np.array(steps) * 2 / (10**7 * 2 * 9), rtol=1e-4)


def test_errors_of_the_law_name_what_is_wrong():
    for wrong in ({"batch": 0}, {"size": 0}, {"depth": 0}, {"channels": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be at least 1"):
            scatter(**{"channels": 4, "depth": 3, "size": 2, "activation": "relu"} | wrong)
    with pytest.raises(ValueError, match="unknown padding 'same'"):
        taps(5, padding="same")
    with pytest.raises(ValueError, match=r"each of variances must be at least 0.0, got -1"):
        predict_maps([2, 2], 3, "relu", -1.0)
    with pytest.raises(ValueError, match="read-only"):
        _shifts(4, 3, 1, "zero")[0] = 1


def test_the_log_of_a_narrow_layer_is_that_of_a_gamma_law():
    """The variance of log chi2_k is trigamma(k / 2), and a relative variance of v belongs to k = 2 / v."""
    channels, depth = 6, 4
    law = scatter(channels, depth, 1, "linear", kernel=1)
    for n in range(1, depth):
        v = (2 + 2 * n / channels) / channels
        x = 1 / v + 40  # trigamma(x) = 1 / x^2 + trigamma(x + 1), and its series far out
        trigamma = sum(1 / (1 / v + k) ** 2 for k in range(40)) + 1 / x + 1 / (2 * x**2) + 1 / (6 * x**3)
        assert law["a2"][n] ** 2 - law["a2"][n - 1] ** 2 == pytest.approx(trigamma, rel=2e-3)
