"""Maps of second moments: what `border` predicts of convolutions and `convolution` measures, in one shape."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Maps:
    """Second moments over layers 0 ... L: means over channels, examples and networks, measured or predicted.

    z2[l], a2[l] and delta2[l] are maps, one number per pixel; dw2[l] is (k, k), one number per tap, that of the
    per-example gradient.  z2[0], delta2[0] and dw2[0] are None.
    """

    z2: list
    a2: list
    delta2: list
    dw2: list

    def mean(self, field):
        """The mean over pixels (or taps) per layer, shape (L + 1,), nan where there is none."""
        return np.array([np.nan if v is None else v.mean() for v in getattr(self, field)])
