"""Convolutions with their backward pass written out, networks of them, and their second moments pixel by pixel.

Arrays are (channels, height, width, batch): examples come last.  A kernel is (out, in / groups, k, k) with odd k, and
the image is padded by k // 2 on every side, with zeros or, `circular`, with its own other side:

z[o, p] = sum over c, t of W[o, c, t] x[c, stride p + t]          t runs over the k * k taps
dC/dx[c, q] = sum over o, t of W[o, c, t] delta[o, p] where stride p + t = q
dC/dW[o, c, t] = sum over p of delta[o, p] x[c, stride p + t]
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from initlab._checks import check_rng, choice, finite, whole
from initlab.activations import activation as as_activation
from initlab.initializers import initializer, lecun_normal, orthogonal
from initlab.maps import Maps
from initlab.network import Grads, Trace
from initlab.theory import chi

PADDINGS = ("zero", "circular")


def _check(x, w, stride, groups, padding):
    """The arguments of a convolution, or the error a learner needs; returns the kernel size."""
    choice("padding", padding, PADDINGS)
    whole("stride", stride)
    whole("groups", groups)
    if w.ndim != 4 or w.shape[2] != w.shape[3] or w.shape[2] % 2 == 0:
        raise ValueError(f"w must have shape (out, in / groups, k, k) with odd k, got {w.shape}")
    if w.shape[0] % groups:
        raise ValueError(f"groups must divide the {w.shape[0]} outputs of w, got {groups}")
    if x.ndim != 4 or x.shape[0] != w.shape[1] * groups:
        raise ValueError(f"x must have shape ({w.shape[1] * groups}, height, width, batch), got {x.shape}")
    return w.shape[2]


def _padded(x, r, padding):
    channels, height, width, batch = x.shape
    if padding == "circular":
        return np.pad(x, [(0, 0), (r, r), (r, r), (0, 0)], mode="wrap")
    out = np.zeros((channels, height + 2 * r, width + 2 * r, batch), x.dtype)
    out[:, r : r + height, r : r + width] = x
    return out


def _patches(x, k, stride, padding):
    """(in, k, k, height', width', batch): for every output pixel the k * k input values that it reads."""
    channels, height, width, batch = x.shape
    h, w, r = -(-height // stride), -(-width // stride), k // 2
    padded = _padded(x, r, padding)
    out = np.empty((channels, k, k, h, w, batch), x.dtype)
    for i in range(k):
        for j in range(k):
            out[:, i, j] = padded[:, i : i + height : stride, j : j + width : stride]
    return out


def _unpatch(patches, shape, stride, padding):
    """The transpose of `_patches`: every value is added to the input pixel that it was read from."""
    channels, height, width, batch = shape
    k = patches.shape[1]
    r = k // 2
    out = np.zeros((channels, height + 2 * r, width + 2 * r, batch), patches.dtype)
    for i in range(k):
        for j in range(k):
            out[:, i : i + height : stride, j : j + width : stride] += patches[:, i, j]
    if padding == "circular":
        return _folded(_folded(out, 1, r), 2, r)
    return out[:, r : r + height, r : r + width] if r else out


def _folded(padded, axis, r):
    """What was read beyond one side belongs to the other, as often as the image was continued there."""
    rows = np.moveaxis(padded, axis, 0)
    out = np.zeros((len(rows) - 2 * r, *rows.shape[1:]), padded.dtype)
    for p, row in enumerate(rows):
        out[(p - r) % len(out)] += row
    return np.moveaxis(out, 0, axis)


def _multiply(w, patches, groups):
    out, (h, width, batch) = w.shape[0], patches.shape[3:]
    z = w.reshape(groups, out // groups, -1) @ patches.reshape(groups, -1, h * width * batch)
    return z.reshape(out, h, width, batch)


def _pull_back(dz, w, groups, shape, stride, padding):
    """dC/dx of a convolution whose input had this shape."""
    out, h, width, batch = dz.shape
    k = w.shape[2]
    if stride == 1:  # a convolution too, with channels swapped and kernels turned round; faster than adding back
        turned = w.reshape(groups, out // groups, -1, k, k).swapaxes(1, 2)[..., ::-1, ::-1]
        return _multiply(turned.reshape(shape[0], -1, k, k), _patches(dz, k, 1, padding), groups)
    back = w.reshape(groups, out // groups, -1).swapaxes(1, 2) @ dz.reshape(groups, out // groups, -1)
    return _unpatch(back.reshape(shape[0], k, k, h, width, batch), shape, stride, padding)


def conv2d(x, w, *, stride=1, groups=1, padding="zero"):
    """z[o, p] = sum over c and taps t of w[o, c, t] x[c, stride p + t], shape (out, height', width', batch).

    x is (in, height, width, batch), w is (out, in / groups, k, k) with odd k; height' = ceil(height / stride).
    padding: `zero`, or `circular`, where the image continues on its other side.
    Raises ValueError for shapes that do not fit, and for an unknown padding.
    """
    x, w = np.asarray(x), np.asarray(w)
    k = _check(x, w, stride, groups, padding)
    return _multiply(w, _patches(x, k, stride, padding), groups)


def conv2d_backward(dz, x, w, *, stride=1, groups=1, padding="zero"):
    """(dC/dx, dC/dw) of `conv2d` for dz = dC/dz; dC/dw is the sum over examples.

    dC/dx[c, q] = sum over o, t of w[o, c, t] dz[o, p] where stride p + t = q.  Raises ValueError for a dz that is not
    of z's shape, and what `conv2d` raises.
    """
    dz, x, w = np.asarray(dz), np.asarray(x), np.asarray(w)
    k = _check(x, w, stride, groups, padding)
    patches = _patches(x, k, stride, padding)
    if dz.shape != (w.shape[0], *patches.shape[3:]):
        raise ValueError(f"dz must have z's shape {(w.shape[0], *patches.shape[3:])}, got {dz.shape}")
    read = patches.reshape(groups, -1, dz[0].size)
    dw = dz.reshape(groups, w.shape[0] // groups, -1) @ read.swapaxes(1, 2)
    return _pull_back(dz, w, groups, x.shape, stride, padding), dw.reshape(w.shape)


@dataclass(frozen=True)
class ConvTrace(Trace):
    """A `Trace` that keeps what every output read, so that the way back need not cut it out again."""

    read: list


class ConvNet:
    """Convolutions with an activation, then one dense linear layer of `classes` outputs; `MLP`'s interface.

    channels = [c_0, ..., c_L] on images of size x size pixels; `strides` is 1, or one for each convolution.  `init`
    draws the kernels (out, in, k, k), the last layer is lecun_normal.  W[l] is a kernel for l <= L and (classes, n)
    for L + 1, b[l] holds one number per channel.  Images are columns (c_0 size^2, batch).  Computes in `dtype`.
    Raises ValueError or TypeError for bad arguments.
    """

    def __init__(
        self, channels, size, activation, init, rng, *, kernel=3, strides=1, padding="zero", classes=10, dtype=float
    ):
        channels, size = [whole("each of channels", c) for c in channels], whole("size", size)
        if len(channels) < 2:
            raise ValueError(f"channels must be [c_0, ..., c_L] with at least two numbers, got {channels}")
        count = len(channels) - 1
        self.strides = [whole("each of strides", s) for s in ([strides] * count if np.isscalar(strides) else strides)]
        if len(self.strides) != count:
            raise ValueError(f"strides must be one number or {count} of them, got {strides!r}")
        self.channels, self.sizes, self.dtype = channels, [size], dtype
        self.activation, self.padding = as_activation(activation), choice("padding", padding, PADDINGS)
        draw = initializer(init)
        check_rng(rng)
        self.W = [None]
        for n, stride in enumerate(self.strides, start=1):
            self.W.append(draw((channels[n], channels[n - 1], kernel, kernel), rng).astype(dtype))
            self.sizes.append(-(-self.sizes[-1] // stride))
        self.W.append(lecun_normal((classes, channels[-1] * self.sizes[-1] ** 2), rng).astype(dtype))
        self.b = [None] + [np.zeros(len(w), dtype) for w in self.W[1:]]

    @property
    def depth(self):
        """The number of layers with weights, L + 1."""
        return len(self.W) - 1

    def forward(self, x):
        """The `ConvTrace` of images x, shape (c_0 size^2, batch).  Raises ValueError for another first size."""
        x, pixels = np.asarray(x), self.channels[0] * self.sizes[0] ** 2
        if x.ndim != 2 or x.shape[0] != pixels:
            raise ValueError(f"x must have shape ({pixels}, batch), got {x.shape}: examples are columns")
        z, a, read = [None], [x.astype(self.dtype).reshape(self.channels[0], self.sizes[0], self.sizes[0], -1)], [None]
        for n, stride in enumerate(self.strides, start=1):
            read.append(_patches(a[-1], self.W[n].shape[2], stride, self.padding))
            z.append(_multiply(self.W[n], read[n], 1) + self.b[n][:, None, None, None])
            a.append(self.activation.phi(z[-1]))
        z.append(self.W[-1] @ a[-1].reshape(-1, x.shape[1]) + self.b[-1][:, None])
        return ConvTrace(z, a + z[-1:], read)

    def backward(self, trace, dz):
        """The `Grads` of a cost with dC/dz of the last layer = dz, shape (classes, batch)."""
        dz, last = np.asarray(dz, self.dtype), self.depth
        if dz.shape != trace.output.shape:
            raise ValueError(f"dz must have the output's shape {trace.output.shape}, got {dz.shape}")
        W, b, delta = ([None] * (last + 1) for _ in range(3))
        delta[last], b[last] = dz, dz.sum(axis=1)
        W[last] = dz @ trace.a[last - 1].reshape(-1, dz.shape[1]).T
        below = (self.W[last].T @ dz).reshape(trace.a[last - 1].shape)
        for n in range(last - 1, 0, -1):
            delta[n] = below * self.activation.dphi(trace.z[n])
            b[n] = delta[n].sum(axis=(1, 2, 3))
            patches = trace.read[n]
            W[n] = (delta[n].reshape(len(b[n]), -1) @ patches.reshape(-1, delta[n][0].size).T).reshape(self.W[n].shape)
            if n > 1:
                shape = trace.a[n - 1].shape
                below = _pull_back(delta[n], self.W[n], 1, shape, self.strides[n - 1], self.padding)
        return Grads(W, b, delta)


def _square_map(v):
    return np.einsum("chwb,chwb->hw", v, v).astype(float) / (v.shape[0] * v.shape[3])


def conv_maps(weights, x, phi, *, strides=1, groups=1, padding="zero", cotangent=None):
    """The `Maps` of the network of these kernels: the last layer is linear, dC/dz of it is `cotangent`.

    weights: a list of L kernels; x: (c_0, height, width, batch); strides and groups: one number, or one per layer.
    cotangent: of the output's shape, or a Generator that draws it N(0, 1).  Without it only z2 and a2 are measured.
    Raises ValueError or TypeError for bad arguments.
    """
    phi, depth = as_activation(phi), len(weights)
    strides, groups = ([v] * depth if np.isscalar(v) else list(v) for v in (strides, groups))
    if len(strides) != depth or len(groups) != depth:
        raise ValueError(f"strides and groups must be one number or {depth} of them, got {strides} and {groups}")
    z, a, read = [None], [x], [None]
    for n, w in enumerate(weights, start=1):
        k = _check(a[-1], w, strides[n - 1], groups[n - 1], padding)
        read.append(_patches(a[-1], k, strides[n - 1], padding))
        z.append(_multiply(w, read[n], groups[n - 1]))
        a.append(z[n] if n == depth else phi.phi(z[n]))
    z2, a2 = [None] + [_square_map(v) for v in z[1:]], [_square_map(v) for v in a]
    if cotangent is None:
        return Maps(z2, a2, [None] * (depth + 1), [None] * (depth + 1))
    if isinstance(cotangent, np.random.Generator):
        cotangent = cotangent.standard_normal(z[-1].shape).astype(z[-1].dtype)
    if cotangent.shape != z[-1].shape:
        raise ValueError(f"cotangent must have the output's shape {z[-1].shape}, got {cotangent.shape}")
    delta, delta2, dw2 = cotangent, [None] * (depth + 1), [None] * (depth + 1)
    for n in range(depth, 0, -1):
        if n < depth:
            delta = _pull_back(delta, weights[n], groups[n], a[n].shape, strides[n], padding) * phi.dphi(z[n])
        delta2[n] = _square_map(delta)
        dw2[n] = _tap_squares(delta, read[n], groups[n - 1])
    return Maps(z2, a2, delta2, dw2)


def _tap_squares(delta, read, groups):
    """(k, k): the mean over kernels and examples of the squared per-example gradient, tap by tap."""
    batch, k = delta.shape[-1], read.shape[1]
    left = np.moveaxis(delta.reshape(groups, delta.shape[0] // groups, -1, batch), -1, 0)
    right = np.moveaxis(read.reshape(groups, -1, left.shape[-1], batch), -1, 0)
    grad = np.ascontiguousarray(left) @ np.ascontiguousarray(right).swapaxes(-1, -2)
    total = np.einsum("bgoi,bgoi->i", grad, grad).reshape(-1, k, k).sum(axis=0)
    return total.astype(float) * (k * k / grad.size)


def mean_maps(runs):
    """One `Maps`, the mean of several of the same network shape."""
    runs = list(runs)

    def mean(field):
        layers = zip(*(getattr(run, field) for run in runs), strict=True)
        return [None if group[0] is None else np.mean(group, axis=0) for group in layers]

    return Maps(*(mean(field) for field in ("z2", "a2", "delta2", "dw2")))


class ConvProbe:
    """Convolutions for a slider: unit normals drawn once and scaled, so that the picture glides.

    `ConvProbe(channels, depth, seed)` holds `depth` layers of 5 x 5 kernels, whose middle serves as 3 x 3, a batch of
    images of 8 x 8 and a cotangent.  probe(activation, depth, gain, ...) returns the `Maps` of the first layers on
    size x size images with Var[w] = gain**2 / fan_in, or of `delta_orthogonal` kernels.  It computes in single
    precision; activations must be homogeneous, so all gains are one run: layer l's activations at gain g are g**l
    times those at gain 1.  Raises ValueError for another activation, and for more layers or pixels than it holds.
    """

    LARGEST = 8

    def __init__(self, channels, depth, seed=0, batch=2):
        rng = np.random.default_rng(seed)
        self.depth, shape = whole("depth", depth), (whole("channels", channels), self.LARGEST, self.LARGEST, batch)
        self.x, self.cotangent = rng.standard_normal((2, *shape)).astype(np.float32)
        self.unit = rng.standard_normal((depth, channels, channels, 5, 5)).astype(np.float32)
        self.middle = [orthogonal((channels, channels), rng).astype(np.float32) for _ in range(depth)]
        self._run = lru_cache(maxsize=64)(self._at_own_gain)

    def _weights(self, kernel, delta_orthogonal):
        if delta_orthogonal:
            weights = np.zeros((self.depth, *self.unit.shape[1:3], kernel, kernel), np.float32)
            weights[..., kernel // 2, kernel // 2] = self.middle
            return weights
        cut = (5 - kernel) // 2
        weights = self.unit[..., cut : 5 - cut, cut : 5 - cut]
        return weights / np.float32(np.sqrt(kernel * kernel * weights.shape[1]))

    def _at_own_gain(self, phi, depth, size, kernel, padding, delta_orthogonal):
        """(gain, `Maps`) at the gain that keeps the signal: near 1 in every layer, single precision suffices."""
        x, cotangent = (np.ascontiguousarray(v[:, :size, :size]) for v in (self.x, self.cotangent))
        base = np.float32(1 / np.sqrt(chi(phi, 1.0)))
        weights = base * self._weights(kernel, delta_orthogonal)[:depth]
        return float(base), conv_maps(weights, x, phi, padding=padding, cotangent=cotangent)

    def __call__(self, activation, depth, gain, *, size=8, kernel=3, padding="zero", delta_orthogonal=False):
        phi = as_activation(activation)
        if not phi.homogeneous:
            raise ValueError(f"activation must be linear, relu or leaky_relu, got {phi.name}")
        if whole("depth", depth) > self.depth or whole("size", size) > self.LARGEST:
            raise ValueError(f"depth and size must be at most {self.depth} and {self.LARGEST}, got {depth}, {size}")
        choice("kernel", str(kernel), ("1", "3", "5"))
        base, found = self._run(phi, depth, size, kernel, padding, bool(delta_orthogonal))
        up = (finite("gain", gain, least=0.0) / base) ** 2

        def scaled(maps, powers):
            return [None if v is None else v * up ** float(k) for v, k in zip(maps, powers, strict=True)]

        layers = range(depth + 1)
        return Maps(
            scaled(found.z2, layers),
            scaled(found.a2, layers),
            scaled(found.delta2, [depth - n for n in layers]),
            scaled(found.dw2, [depth - 1] * (depth + 1)),
        )
