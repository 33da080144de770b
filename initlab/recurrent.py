"""A recurrent network that reads one input and then waits: the same matrix at every step.

h_0 = phi(U x)        h_t = phi(W h_{t-1}) for t = 1 ... T        output = V h_T

Unrolled it is a network of T + 2 layers, of which T share their weights.
"""

import numpy as np

from initlab._checks import check_rng, check_widths, whole
from initlab.activations import activation as as_activation
from initlab.initializers import initializer, lecun_normal
from initlab.network import Grads, Trace


class Recurrent:
    """sizes = (n_in, n, n_out): W = [None, U, W, V] with U of shape (n, n_in), W of (n, n), V of (n_out, n); no biases.

    `init` draws W: a name, a (name, options) pair or f(shape, rng); U and V are lecun_normal, U times `input_gain`.
    The interface is `MLP`'s, so that `train` and `accuracy` serve; `b` stays at 0.  Computes in `dtype`.
    Raises ValueError or TypeError for bad arguments.
    """

    def __init__(self, sizes, steps, activation, init, rng, *, input_gain=1.0, dtype=float):
        self.dtype, self.widths, self.steps = dtype, check_widths(sizes), whole("steps", steps, least=0)
        if len(self.widths) != 3:
            raise ValueError(f"sizes must be (n_in, n, n_out), got {self.widths}")
        self.activation, (n_in, n, n_out) = as_activation(activation), self.widths
        check_rng(rng)
        reads, recurs = input_gain * lecun_normal((n, n_in), rng), initializer(init)((n, n), rng)
        draws = reads, recurs, lecun_normal((n_out, n), rng)
        self.W = [None] + [w.astype(dtype, copy=False) for w in draws]
        self.b = [None] + [np.zeros(len(w), dtype) for w in draws]

    @property
    def depth(self):
        """The number of matrices, 3."""
        return len(self.W) - 1

    def forward(self, x):
        """The `Trace` of inputs x, shape (n_in, batch), over the layers of the unrolled network: a[t + 1] is h_t."""
        z, a = [None], [np.asarray(x, self.dtype)]
        for w in [self.W[1]] + [self.W[2]] * self.steps:
            z.append(w @ a[-1])
            a.append(self.activation.phi(z[-1]))
        z.append(self.W[3] @ a[-1])
        return Trace(z, a + z[-1:])

    def backward(self, trace, dz):
        """The `Grads` of a cost with d cost / d output = dz: W as in `W`, delta over the unrolled layers."""
        dz, last = np.asarray(dz, self.dtype), self.steps + 2
        delta = [None] * last + [dz]
        for n in range(last - 1, 0, -1):
            above = self.W[3] if n == last - 1 else self.W[2]
            delta[n] = (above.T @ delta[n + 1]) * self.activation.slope(trace.z[n], trace.a[n])
        W = [None, delta[1] @ trace.a[0].T, np.zeros_like(self.W[2]), dz @ trace.a[last - 1].T]
        if self.steps:  # the sum over the layers that share W, as one product
            W[2] = np.concatenate(delta[2:last], axis=1) @ np.concatenate(trace.a[1 : last - 1], axis=1).T
        return Grads(W, [None] + [np.zeros_like(b) for b in self.b[1:]], delta)
