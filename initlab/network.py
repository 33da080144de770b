"""A plain network with its backward pass written out: examples are columns, index l is layer l.

z[l] = W[l] @ a[l-1] + b[l][:, None]        a[l] = phi(z[l]), the last layer linear, a[0] = x
delta[l] = dC/dz[l] = (W[l+1].T @ delta[l+1]) * phi'(z[l])
dC/dW[l] = delta[l] @ a[l-1].T              dC/db[l] = delta[l].sum(axis=1)
"""

from dataclasses import dataclass

import numpy as np

from initlab._checks import check_rng, check_widths
from initlab.activations import activation as as_activation
from initlab.initializers import initializer


@dataclass(frozen=True)
class Trace:
    """What `forward` saw: lists over layers 0 ... L of arrays (n_l, batch).  a[0] is the input; z[0] is None."""

    z: list
    a: list

    @property
    def output(self):
        """The last layer's values, shape (n_L, batch)."""
        return self.a[-1]


@dataclass(frozen=True)
class Grads:
    """What `backward` found, over layers 0 ... L with None at 0: W and b summed over examples, delta per example."""

    W: list
    b: list
    delta: list


class MLP:
    """Fully connected layers of sizes widths = [n_0, ..., n_L]; hidden ones have the activation, the last is linear.

    `init` is f(shape, rng) or anything `initlab.initializer` makes one of; `output_init` draws the last layer, else
    `init` does.  Biases are 0 unless `bias_init`, called as f((n_l, 1), rng), says otherwise.  `W[l]` has shape
    (n_l, n_{l-1}), `b[l]` shape (n_l,), and W[0] is None.  Computes in `dtype`.
    Raises ValueError or TypeError for bad arguments.
    """

    def __init__(self, widths, activation, init, rng, *, output_init=None, bias_init=None, dtype=float):
        self.widths, self.activation, self.dtype = check_widths(widths), as_activation(activation), dtype
        check_rng(rng)
        hidden = initializer(init)
        last = hidden if output_init is None else initializer(output_init)
        shapes = list(zip(self.widths[1:], self.widths[:-1], strict=True))
        draws = [(last if n == len(shapes) else hidden)(shape, rng) for n, shape in enumerate(shapes, 1)]
        self.W = [None] + [w.astype(dtype, copy=False) for w in draws]
        bias = (lambda shape, rng: np.zeros(shape)) if bias_init is None else initializer(bias_init)
        self.b = [None] + [bias((rows, 1), rng)[:, 0].astype(dtype, copy=False) for rows, _ in shapes]

    @property
    def depth(self):
        """The number of layers with weights, L."""
        return len(self.W) - 1

    def forward(self, x):
        """The `Trace` of inputs x, shape (n_0, batch).  Raises ValueError for another first size."""
        x = np.asarray(x, self.dtype)
        if x.ndim != 2 or x.shape[0] != self.widths[0]:
            raise ValueError(f"x must have shape ({self.widths[0]}, batch), got {x.shape}: examples are columns")
        z, a = [None], [x]
        for n in range(1, self.depth + 1):
            z.append(self.W[n] @ a[-1])
            z[n] += self.b[n][:, None]
            a.append(z[-1] if n == self.depth else self.activation.phi(z[-1]))
        return Trace(z, a)

    def backward(self, trace, dz):
        """The `Grads` of a cost with dC/dz[L] = dz, shape (n_L, batch).  Raises ValueError for another shape."""
        dz = np.asarray(dz, self.dtype)
        if dz.shape != trace.output.shape:
            raise ValueError(f"dz must have the output's shape {trace.output.shape}, got {dz.shape}")
        W, b, delta = ([None] * (self.depth + 1) for _ in range(3))
        for n in range(self.depth, 0, -1):
            if n == self.depth:
                delta[n] = dz
            else:
                delta[n] = self.W[n + 1].T @ delta[n + 1]
                delta[n] *= self.activation.slope(trace.z[n], trace.a[n])
            W[n] = delta[n] @ trace.a[n - 1].T
            b[n] = delta[n].sum(axis=1)
        return Grads(W, b, delta)

    def copy(self):
        """A network with the same layers and its own copies of the weights."""
        twin = object.__new__(MLP)
        twin.widths, twin.activation, twin.dtype = list(self.widths), self.activation, self.dtype
        twin.W = [None] + [w.copy() for w in self.W[1:]]
        twin.b = [None] + [b.copy() for b in self.b[1:]]
        return twin
