"""Second moments per layer of random networks, measured: forward, backward and weight gradient together.

`signal` draws networks and averages; `Probe` keeps one set of unit normals and rescales them, so that a slider
moves through the same networks instead of jumping between them.
"""

import math
import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from initlab._checks import check_rng, check_widths, finite, whole
from initlab.activations import activation as as_activation
from initlab.initializers import initializer

SINGLE = (1e-25, 1e25)  # second moments of which single precision holds every square and sum


@dataclass(frozen=True)
class Signal:
    """Second moments, shape (nets, L + 1): the mean over units and examples of one network's squares.

    Column l is layer l; a2[:, 0] is the input's, column 0 of the others is nan.  dw2 is that of the per-example
    weight gradient delta[l] a[l-1]^T.  Overflow shows as inf or nan, not as a warning.
    """

    z2: np.ndarray
    a2: np.ndarray
    delta2: np.ndarray
    dw2: np.ndarray

    def mean(self, field):
        """The mean over networks of one field, shape (L + 1,)."""
        return getattr(self, field).mean(axis=0)


BLOCK = 2**19  # numbers, weights and pre-activations, of the networks that go through the layers together


def _square_norms(v):
    """|v_b|^2 for each column b, shape (..., batch)."""
    return np.einsum("...ib,...ib->...b", v, v)


def _run_stack(weights, phi, x, dz, out, kept):
    """Many networks at once, forward and back: every array has one more axis, the networks', in front.

    out = (z2, a2, delta2, dw2), each (nets, L + 1), is filled; kept is space for every z, one flat array.  Weights and
    inputs may have one network for all.
    """
    z2, a2, delta2, dw2 = out
    nets, _, batch = dz.shape
    depth, seen, used = len(weights), [None], 0
    norms = [_square_norms(x)]  # |a_l|^2 per example; dW needs no outer product: |delta a^T|^2 = |delta|^2 |a|^2
    a, a2[:, 0] = x, norms[0].sum(axis=1) / x[0].size
    for n, w in enumerate(weights, start=1):
        shape = nets, w.shape[1], batch
        # every z is kept for the way back, in one block: an array a layer costs a quarter of the time in page faults
        z = np.matmul(w, a, out=kept[used : used + math.prod(shape)].reshape(shape))
        seen.append(z)
        used += z.size
        a = z if n == depth else phi.phi(z)
        norms.append(_square_norms(a))
        a2[:, n] = norms[n].sum(axis=1) / a[0].size
        z2[:, n] = a2[:, n] if n == depth else np.einsum("kib,kib->k", z, z) / z[0].size
    delta = dz
    for n in range(depth, 0, -1):
        if n < depth:
            delta = weights[n].transpose(0, 2, 1) @ delta
            delta *= phi.dphi(seen[n])
        size = _square_norms(delta)
        delta2[:, n] = size.sum(axis=1) / delta[0].size
        dw2[:, n] = (size * norms[n - 1]).sum(axis=1) / (batch * weights[n - 1][0].size)


def _run(weights, phi, x, dz, out, gain, kept):
    """One network of gain * weights in single precision; out = (z2, a2, delta2, dw2), each (L + 1,), is filled.

    kept: space for every z, shape (sum of the layers' units, batch).  Layers whose second moment single precision
    cannot hold are computed in double.
    """
    z2, a2, delta2, dw2 = out
    depth, batch = len(weights), x.shape[1]
    norms = [_square_norms(x)]
    a2[0] = norms[0].sum() / x.size
    rows = np.cumsum([0] + [len(w) for w in weights])
    a, seen = x, [None]

    def measure(v):
        if gain != 1.0:
            v *= gain
        return v, np.vdot(v, v) / v.size

    def back(w, above, slope):
        v = w.T @ above
        v *= slope
        if gain != 1.0:
            v *= gain
        size = _square_norms(v)
        return v, size, size.sum() / v.size

    def held(square):
        return SINGLE[0] < square < SINGLE[1]

    for n, w in enumerate(weights, start=1):
        if single := a.dtype == kept.dtype:
            z, z2[n] = measure(np.matmul(w, a, out=kept[rows[n - 1] : rows[n]]))
        if not single or not held(z2[n]):
            z, z2[n] = measure(w.astype(float) @ a.astype(float, copy=False))
        if n == depth:
            a2[n] = z2[n]
            break
        a = phi.phi(z)
        seen.append((z, a))
        norms.append(_square_norms(a))
        a2[n] = norms[n].sum() / a.size
    delta, size = dz, _square_norms(dz)
    delta2[depth] = size.sum() / dz.size
    for n in range(depth, 0, -1):
        if n < depth:
            above, slope = delta, phi.slope(*seen[n])
            if single := above.dtype == kept.dtype:
                delta, size, delta2[n] = back(weights[n], above, slope)
            if not single or not held(delta2[n]):
                delta, size, delta2[n] = back(weights[n].astype(float), above.astype(float, copy=False), slope)
        dw2[n] = (size.astype(float, copy=False) @ norms[n - 1]) / (batch * weights[n - 1].size)


def _empty(nets, depth):
    fields = tuple(np.full((nets, depth + 1), np.nan) for _ in range(4))
    return fields, Signal(*fields)


def signal(widths, activation, init, *, output_init=None, x=None, batch=64, nets=1, rng):
    """The `Signal` of `nets` random networks: E[z^2], E[a^2], E[delta^2] and E[(dC/dW)^2] in every layer.

    widths = [n_0, ..., n_L]; hidden layers have the activation, the last layer is linear (output_init, else init,
    draws it); biases are 0.  init is a name, a (name, options) pair, f(shape, rng), or a list of L weight
    matrices.  x has shape (n_0, batch); without it, `batch` inputs N(0, 1) are drawn anew for each network.  The
    cotangent dC/dz_L is N(0, 1), independent of everything.
    Raises ValueError or TypeError for bad arguments; overflow is a result, marked by inf or nan.
    """
    widths, phi = check_widths(widths), as_activation(activation)
    nets, batch = whole("nets", nets), whole("batch", batch)
    check_rng(rng)
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    given = list(init) if isinstance(init, (list, tuple)) and len(init) and isinstance(init[0], np.ndarray) else None
    if given is not None and [w.shape for w in given] != shapes:
        raise ValueError(f"init must hold weights of shapes {shapes} for these widths, got {[w.shape for w in given]}")
    if x is not None:
        x = np.asarray(x, dtype=float)
        if x.ndim != 2 or x.shape[0] != widths[0] or x.size == 0:
            raise ValueError(f"x must have shape ({widths[0]}, batch), got {x.shape}: examples are columns")
        batch = x.shape[1]
    hidden = None if given is not None else initializer(init)
    last = hidden if output_init is None else initializer(output_init)
    fields, result = _empty(nets, len(shapes))
    numbers = sum(rows * (columns + batch) for rows, columns in shapes)
    many = min(nets, max(1, BLOCK // numbers))
    dz, kept = np.empty((many, widths[-1], batch)), np.empty(many * sum(widths[1:]) * batch)
    inputs = np.empty((many, widths[0], batch)) if x is None else x[None]
    weights = [np.empty((many, *s)) for s in shapes] if given is None else [w[None] for w in given]

    def draw(k):
        """Fill place k of the block: the order of draws is that of one network after the other."""
        if x is None:
            inputs[k] = rng.standard_normal((widths[0], batch))
        if given is None:
            for n, shape in enumerate(shapes, start=1):
                w = (last if n == len(shapes) else hidden)(shape, rng)
                if np.shape(w) != shape:
                    raise ValueError(f"init must return weights of shape {shape}, got {np.shape(w)}")
                weights[n - 1][k] = w
        dz[k] = rng.standard_normal((widths[-1], batch))

    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, nets, many):
            block = slice(0, min(many, nets - first))
            for k in range(block.stop):
                draw(k)
            out = [f[first : first + block.stop] for f in fields]
            _run_stack([w[block] for w in weights], phi, inputs[block], dz[block], out, kept)
    return result


class Probe:
    """Networks for a slider: unit normals drawn once, scaled by gain / sqrt(width), so that the picture glides.

    `Probe(width, depth, seed)` holds `depth` square matrices, an input and a cotangent batch.  Calling it as
    probe(activation, depth, gain) returns the `Signal` of the first `depth` layers with Var[w] = gain**2 / width
    and no new random numbers.  It computes in single precision, which is twice as fast, and in double where a second
    moment leaves 1e-25 ... 1e25.  With a homogeneous activation all gains are one run: layer l's activations at
    gain g are g**l times those at gain 1, exactly.  Raises ValueError where more layers are asked for than it holds.
    """

    def __init__(self, width, depth, seed=0, batch=32):
        rng = np.random.default_rng(seed)
        self.width, self.depth = whole("width", width), whole("depth", depth)
        self.x, self.dz = rng.standard_normal((2, self.width, whole("batch", batch))).astype(np.float32)
        self.unit = np.empty((self.depth, self.width, self.width), np.float32)
        for layer in self.unit:
            layer[:] = rng.standard_normal(layer.shape) / np.sqrt(self.width)
        self._kept = np.empty((self.depth * self.width, batch), np.float32)
        self._lock = threading.Lock()  # two pictures may share a probe, and events run beside cells
        self._known = lru_cache(maxsize=512)(self._measure)  # a hand goes back and forth over the same settings

    def __call__(self, activation, depth, gain):
        phi, depth = as_activation(activation), whole("depth", depth)
        if depth > self.depth:
            raise ValueError(f"depth must be at most {self.depth}, the layers this probe holds; got {depth}")
        gain = finite("gain", gain, least=0.0)
        with self._lock, np.errstate(over="ignore", under="ignore", invalid="ignore"):
            if not phi.homogeneous or gain == 0.0:
                return Signal(*(v.copy() for v in self._known(phi, depth, gain)))
            layer = np.arange(depth + 1)
            powers = (layer, layer, depth - layer, np.full(depth + 1, depth - 1))  # of z2, a2, delta2, dw2
            unit = self._known(phi, depth, 1.0)
            return Signal(*(np.where(v == 0, 0.0, v * gain ** (2.0 * k)) for v, k in zip(unit, powers, strict=True)))

    def _measure(self, phi, depth, gain):
        """The fields of a `Signal`, from a run at this gain."""
        fields, _ = _empty(1, depth)
        _run(self.unit[:depth], phi, self.x, self.dz, [f[0] for f in fields], gain, self._kept)
        return fields
