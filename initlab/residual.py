"""Chapter 09: blocks with and without a skip path and normalisation, their growth laws, and a net to train.

A stream x[0] ... x[L] of `width` units runs through L blocks; examples are columns.

    with a skip path     x[l] = x[l-1] + alpha f(x[l-1])          f = W2 relu(norm(W1 x)),  or  relu(norm(W1 x))
    plain                x[l] = relu(norm(W1 x[l-1]))

`norm` is nothing, `batch_norm` (each unit over the batch) or `layer_norm` (each example over the units), without
learnt scale and shift.  W1 has n Var[w] = 2.  `law` predicts from these rules alone; it never looks at a network.
"""

import math
from dataclasses import dataclass

import numpy as np

from initlab._checks import check_rng, choice, finite, whole

AXES = {"batch": 1, "layer": 0}


@dataclass(frozen=True)
class Kind:
    """One kind of block: how many matrices, a skip path or not, which norm, n Var of W2, and the branch's alpha.

    alpha: `one`, `root` (1 / sqrt(L)), or `gate`: one learnt number per block that starts at 0.
    """

    matrices: int = 2
    skip: bool = True
    norm: str | None = None
    second: float = 1.0
    alpha: str = "one"

    def branch_scale(self, depth):
        """alpha at the start, for a net of `depth` blocks."""
        return {"one": 1.0, "root": 1 / math.sqrt(depth), "gate": 0.0}[self.alpha]


KINDS = {
    "plain": Kind(1, skip=False),
    "skip, W2 at 1/n": Kind(),
    "skip, He twice": Kind(second=2.0),
    "skip, one matrix": Kind(1),
    "skip, 1/√L": Kind(alpha="root"),
    "skip, gate 0": Kind(second=2.0, alpha="gate"),
    "skip, W2 = 0": Kind(second=0.0),
    "BatchNorm, plain": Kind(1, skip=False, norm="batch"),
    "BatchNorm, skip": Kind(second=2.0, norm="batch"),
    "LayerNorm, plain": Kind(1, skip=False, norm="layer"),
    "LayerNorm, skip": Kind(second=2.0, norm="layer"),
}


def _kind(kind):
    return kind if isinstance(kind, Kind) else KINDS[choice("kind", kind, KINDS)]


# --- normalisation --------------------------------------------------------------------------------------------------
def normalise(h, axis, eps=0.0):
    """(y, s): y = (h - mean) / s with s = sqrt(variance + eps), both along `axis` of h, shape (units, batch).

    axis 1 is batch normalisation, without learnt scale and shift: each unit over the batch.  axis 0 is layer
    normalisation: each example over the units.  Source: Ioffe and Szegedy 2015; Ba, Kiros and Hinton 2016.
    """
    y = h - h.mean(axis=axis, keepdims=True)
    s = np.sqrt((y * y).mean(axis=axis, keepdims=True) + eps)
    return y / s, s


def normalise_back(dy, y, s, axis):
    """dC/dh from dC/dy for (y, s) = normalise(h, axis): (dy - mean(dy) - y mean(dy y)) / s."""
    return (dy - dy.mean(axis=axis, keepdims=True) - y * (dy * y).mean(axis=axis, keepdims=True)) / s


# --- the network ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Trace:
    """What `forward` saw: the stream x[0 ... L], for each block (branch input norm y, divisor s, relu output a)."""

    inputs: np.ndarray
    x: list
    blocks: list
    output: np.ndarray


@dataclass(frozen=True)
class Grads:
    """Gradients in the order of `net.W` and `net.b`, and delta[l] = dC/dx[l] for l = 0 ... L."""

    W: list
    b: list
    delta: list


class ResidualNet:
    """`depth` blocks of one kind; with `inputs` and `outputs` a linear layer before and after, to train it.

    kind: a name of KINDS or a `Kind`.  `scale` multiplies alpha, or W1 where there is no skip path; `weight_scale`
    multiplies every matrix of the blocks.  `W` is the list of all arrays that learn (W[0] is None), `names` says what
    each is: stem, W1, W2, gate, head.  `b` holds the output bias, and empty arrays for the rest, so that
    `initlab.train` can train it.  Raises ValueError or TypeError for bad arguments.
    """

    def __init__(
        self, kind, depth, rng, *, width=64, inputs=None, outputs=None, scale=1.0, weight_scale=1.0, eps=0.0, draws=None
    ):
        self.kind, self.blocks, self.width = _kind(kind), whole("depth", depth), whole("width", width)
        self.eps, scale = finite("eps", eps, least=0.0), finite("scale", scale, least=0.0)
        weight_scale = finite("weight_scale", weight_scale, least=0.0)
        if (inputs is None) != (outputs is None):
            raise ValueError(f"inputs and outputs must both be given or both left out, got {inputs} and {outputs}")
        normal = check_rng(rng).standard_normal if draws is None else None
        n, first, second = self.width, weight_scale * math.sqrt(2 / width), weight_scale * math.sqrt(self.kind.second)
        first *= 1.0 if self.kind.skip else scale
        self.alpha = scale * self.kind.branch_scale(depth)
        self.W, self.names = [None], [None]
        if inputs is not None:
            self._add("stem", normal((n, whole("inputs", inputs))) / math.sqrt(inputs))
        for k in range(self.blocks):
            pair = [normal((n, n)) for _ in range(self.kind.matrices)] if draws is None else draws[k]
            self._add("W1", first * pair[0])
            if self.kind.matrices == 2:
                self._add("W2", second / math.sqrt(n) * pair[1])
            if self.kind.alpha == "gate":
                self._add("gate", np.array([self.alpha]))
        if outputs is not None:
            self._add("head", normal((whole("outputs", outputs), n)) / math.sqrt(n))
        self.b = [None] + [np.zeros(outputs if name == "head" else 0) for name in self.names[1:]]

    def _add(self, name, array):
        self.W.append(array)
        self.names.append(name)

    @property
    def depth(self):
        """The number of arrays that learn: what `initlab.train` counts as layers."""
        return len(self.W) - 1

    def of(self, name, arrays=None):
        """The arrays with this name (stem, W1, W2, gate, head), of the net itself or of `Grads.W`."""
        return [w for w, known in zip(self.W if arrays is None else arrays, self.names, strict=True) if known == name]

    def _each(self):
        """(W1, W2 or None, alpha) of each block."""
        none = [None] * self.blocks
        for w1, w2, gate in zip(self.of("W1"), self.of("W2") or none, self.of("gate") or none, strict=True):
            yield w1, w2, self.alpha if gate is None else float(gate[0])

    def forward(self, x):
        """The `Trace` of inputs x, shape (inputs or width, batch)."""
        inputs = np.asarray(x)
        stream, kept = [self.of("stem")[0] @ inputs if self.of("stem") else inputs], []
        axis = AXES.get(self.kind.norm)
        for w1, w2, alpha in self._each():
            y, s = w1 @ stream[-1], None
            if axis is not None:
                y, s = normalise(y, axis, self.eps)
            a = np.maximum(y, 0.0)
            f = a if w2 is None else w2 @ a
            stream.append(stream[-1] + alpha * f if self.kind.skip else f)
            kept.append((y, s, a, f))
        head = self.of("head")
        return Trace(inputs, stream, kept, head[0] @ stream[-1] + self.b[-1][:, None] if head else stream[-1])

    def backward(self, trace, dz):
        """The `Grads` of a cost with dC/doutput = dz."""
        delta, found = dz, []
        if head := self.of("head"):
            found.append(dz @ trace.x[-1].T)
            delta = head[0].T @ dz
        deltas, axis = [delta], AXES.get(self.kind.norm)
        for k, (w1, w2, alpha) in reversed(list(enumerate(self._each()))):
            y, s, a, f = trace.blocks[k]
            if self.kind.alpha == "gate":
                found.append(np.array([np.vdot(delta, f)]))
            back = alpha * delta if self.kind.skip else delta
            if w2 is not None:
                found.append(back @ a.T)
                back = w2.T @ back
            back = back * (y > 0)
            if axis is not None:
                back = normalise_back(back, y, s, axis)
            found.append(back @ trace.x[k].T)
            delta = delta + w1.T @ back if self.kind.skip else w1.T @ back
            deltas.append(delta)
        if self.of("stem"):
            found.append(delta @ trace.inputs.T)
        b = [None] + [dz.sum(axis=1) if name == "head" else np.zeros(0) for name in self.names[1:]]
        return Grads([None, *found[::-1]], b, deltas[::-1])


# --- what theory says, and what one net does ------------------------------------------------------------------------
@dataclass(frozen=True)
class Stream:
    """Second moments along the stream, shape (L + 1,): column l is block l, and column 0 the input.

    x2 and delta2 belong to x[l]; dw1 and dw2 to the matrices of block l (nan in column 0, and where there is none):
    of the gradient summed over the batch, divided by the batch.
    """

    x2: np.ndarray
    delta2: np.ndarray
    dw1: np.ndarray
    dw2: np.ndarray


RELU_VARIANCE = 0.5 - 0.5 / math.pi  # of relu(z), z ~ N(0, 1); its second moment is 1/2


def one_matrix_steps(depth, alpha=1.0):
    """x2 over the blocks x + alpha relu(W x), for wide nets: q' = (1 + alpha^2) q + 2 alpha m r, m' = m + alpha r.

    m is the mean of x over the units and r = sqrt(q / pi) that of relu(W x), which has second moment q.
    """
    q, m, found = 1.0, 0.0, [1.0]
    for _ in range(depth):
        r = math.sqrt(q / math.pi)
        q, m = (1 + alpha**2) * q + 2 * alpha * m * r, m + alpha * r
        found.append(q)
    return np.array(found)


def law(kind, depth, scale=1.0):
    """The `Stream` that a wide net of this kind should show, from an input and an error that are N(0, 1).

    With r = alpha^2 n Var[w2] for a skip path of two matrices:

        no norm     q' = (1 + r) q        delta2 = (1 + r) delta2'
        norm        q' = q + r / 2        delta2 = (1 + r / (2 v)) delta2'     v' = v + r (1/2 - 1 / (2 pi)) for batch

    v is what the norm divides by: the variance over the batch, or q for layer norm.  Plain blocks: v is of relu(z),
    1/2 - 1 / (2 pi) or 1/2, and delta2 = delta2' / (2 v).  One matrix and a skip: `one_matrix_steps`; delta2 grows by
    1 + alpha^2, but never falls below x2[L] / (n x2[l]), which is not in here.
    Source: Yang et al. 2019 for plain batch norm; De and Smith 2020 for batch norm on a branch.
    """
    kind, depth, scale = _kind(kind), whole("depth", depth), finite("scale", scale, least=0.0)
    alpha = scale * kind.branch_scale(depth)
    x2, v = np.ones(depth + 1), np.ones(depth + 1)
    dw1, dw2 = np.full(depth + 1, np.nan), np.full(depth + 1, np.nan)
    passed = np.full(depth + 1, 1.0)  # delta2 of block l over that of block l + 1
    r, spread = alpha**2 * kind.second, RELU_VARIANCE if kind.norm == "batch" else 0.5
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(1, depth + 1):
            if not kind.skip:
                x2[k] = 0.5 if kind.norm else scale**2 * x2[k - 1]
                v[k] = spread if kind.norm else x2[k]
                passed[k] = 0.5 / v[k - 1] if kind.norm else scale**2
            elif kind.norm:
                x2[k], v[k] = x2[k - 1] + r / 2, v[k - 1] + r * spread
                passed[k] = 1 + r / (2 * v[k - 1])
            else:
                x2[k] = (1 + r) * x2[k - 1]
                passed[k] = 1 + r
        if kind.skip and kind.matrices == 1:
            x2, passed[1:] = one_matrix_steps(depth, alpha), 1 + alpha**2
        delta2 = np.append(np.cumprod(passed[:0:-1])[::-1], 1.0)
        if not kind.skip:
            dw1[1:] = delta2[1:] / (4 * scale**2 if scale else np.nan) if kind.norm else delta2[1:] * x2[:-1] / 2
        elif kind.matrices == 1:
            dw1[1:] = alpha**2 * delta2[1:] * x2[:-1] / 2
        else:
            dw1[1:] = r * delta2[1:] / 2 * (0.5 if kind.norm else x2[:-1])
            dw2[1:] = alpha**2 * delta2[1:] * (0.5 if kind.norm else x2[:-1])
            if kind.norm == "batch":  # all but the error's direct part has passed a norm: it sums to 0 over the batch
                dw2[1:] -= alpha**2 * (delta2[1:] - 1) * (0.5 - RELU_VARIANCE)
    return Stream(x2, delta2, dw1, dw2)


def probe(kind, depth, rng=None, *, width=64, batch=64, scale=1.0, x=None, dz=None, draws=None):
    """The `Stream` of one drawn net, from an input and an error that are N(0, 1) and independent of it.

    x, dz and draws (for each block a list of unit normal matrices) may be given, to move one net with a slider.
    Overflow is a result: inf or nan.
    """
    rng = np.random.default_rng(0) if rng is None else check_rng(rng)
    x = rng.standard_normal((width, batch)) if x is None else x
    dz = rng.standard_normal(x.shape) if dz is None else dz
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        net = ResidualNet(kind, depth, rng, width=len(x), scale=scale, draws=draws)
        trace = net.forward(x)
        grads = net.backward(trace, dz)
        squares = [[np.vdot(v, v) / v.size for v in part] for part in (trace.x, grads.delta)]
        for name in ("W1", "W2"):
            found = [np.vdot(g, g) / g.size / x.shape[1] for g in net.of(name, grads.W)] or [np.nan] * depth
            squares.append([np.nan, *found])
    return Stream(*map(np.array, squares))
