"""What a deep network does to a small change of its input, in all directions, and to a circle of inputs.

J_l = D_l W_l J_{l-1},  J_0 = I,  D_l = diag(phi'(z_l))
"""

from dataclasses import dataclass

import numpy as np

from initlab._checks import choice, finite, whole
from initlab.activations import activation as as_activation
from initlab.initializers import lecun_normal, orthogonal

MATRICES = {"Gaussian": lecun_normal, "orthogonal": orthogonal}
HOMOGENEOUS = ("linear", "relu", "leaky_relu")  # phi(g z) = g phi(z): a gain scales J and bends nothing
TURN = np.linspace(0, 2 * np.pi, 97)


@dataclass(frozen=True)
class Stretch:
    """s: the singular values of J, (width,); circle: (2, points), the image of a unit circle where it is largest.

    `ratio` is the circle's length over its width: of an ellipse, the ratio of its axes.
    """

    s: np.ndarray
    circle: np.ndarray
    ratio: float

    @property
    def rms(self):
        """The root mean square of s."""
        return float(np.sqrt(np.mean(self.s**2)))


class Jacobians:
    """One network of square layers for a slider: the matrices are drawn once, at gain 1, and scaled.

    `Jacobians(width, depth, matrix, seed)` draws a plane of inputs and `depth` matrices, Gaussian or orthogonal.
    Calling it as net(activation, depth, gain) returns the `Stretch` after that many layers.  The circle runs through
    inputs of second moment 1; J is that of its first point.  Raises ValueError or TypeError for bad arguments.
    """

    def __init__(self, width, depth, matrix, seed=0):
        rng, width, self.depth = np.random.default_rng(seed), whole("width", width, least=2), whole("depth", depth)
        draw = MATRICES[choice("matrix", matrix, MATRICES)]
        self.plane = orthogonal((width, 2), rng) * np.sqrt(width)
        self.W = [draw((width, width), rng) for _ in range(self.depth)]
        self._layers = {}

    def _push(self, phi, gain):
        """(J, image of the circle) after each layer."""
        J, circle, out = np.eye(len(self.plane)), self.plane @ [np.cos(TURN), np.sin(TURN)], []
        for w in self.W:
            z = gain * (w @ circle)
            J, circle = gain * phi.dphi(z[:, :1]) * (w @ J), phi.phi(z)
            out.append((J, circle))
        return out

    def __call__(self, activation, depth, gain=1.0):
        phi, depth, gain = as_activation(activation), whole("depth", depth), finite("gain", gain, above=0.0)
        if depth > self.depth:
            raise ValueError(f"depth must be at most {self.depth}, the layers drawn here; got {depth}")
        own = 1.0 if phi.name in HOMOGENEOUS else gain
        if self._layers.get(phi.name, (None,))[0] != own:
            self._layers[phi.name] = own, self._push(phi, own)
        J, circle = self._layers[phi.name][1][depth - 1]
        axes, size, _ = np.linalg.svd(circle[:, 1:], full_matrices=False)  # the first point comes twice
        flat = axes[:, :2].T @ circle / np.sqrt(len(J))
        flat = flat * np.where(flat[:, :1] < 0, -1.0, 1.0)
        scale = (gain / own) ** depth
        ratio = float(size[0] / size[1]) if size[1] > 0 else np.inf
        return Stretch(scale * np.linalg.svd(J, compute_uv=False), scale * flat, ratio)
