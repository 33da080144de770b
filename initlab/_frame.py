"""What does not move in a figure, as SVG, in parts that are drawn anew only where they must be.

A slider that changes limits needs new ticks and grid lines at once, and matplotlib takes long over a whole figure.
"""

from itertools import combinations

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.legend import Legend
from matplotlib.spines import Spine
from matplotlib.text import Annotation, Text

from initlab._svg import Overlay, data_url

PARTS = 256  # parts that a frame keeps, for limits that come back
HEAVY = 200_000  # characters; a part that needs more becomes an image
SCALE = 2  # images have this multiple of the figure's dpi, for sharp screens


LAYERS = 3  # behind what follows the y limits, that, and before it: only what has changed is sent to the page
_LAYER = {"paper": 0, "below": 0, "x": 0, "y": 1, "above": 1, "words": 2, "figure": 2}


class Frame:
    """The SVG elements of a figure without its moving artists.

    A part is remembered by what decides about it: an axis by its limits, scale and label, titles by their words,
    whatever is drawn in data coordinates by the limits of both axes.  Other changes are not seen.
    """

    def __init__(self, fig, moving):
        self.fig, self._moving = fig, set(moving)
        self._paper = Overlay(fig.bbox.width, fig.bbox.height, fig.dpi, SCALE)
        self._parts = {}

    def layers(self):
        """The elements of each layer, for the present limits, scales and words.

        Where axes overlap, as an inset does, all is in one layer, because there one axes hides parts of another.
        """
        fig, out = self.fig, [[] for _ in range(LAYERS)]
        loose = [artist for artist in fig.get_children() if artist is not fig.patch and artist not in fig.axes]
        seen = _by_zorder(ax for parent in fig.axes for ax in (parent, *parent.child_axes))
        parts = [("paper", self._part("paper", [fig.patch]))]
        for k, ax in enumerate(seen):
            if ax.get_visible():
                parts += self._axes(k, ax)
        parts.append(("figure", self._part(("figure", fig.get_suptitle()), loose)))
        apart = not any(one.bbox.overlaps(other.bbox) for one, other in combinations(seen, 2))
        for kind, text in parts:
            out[_LAYER[kind] if apart else 1].append(text)
        return ["".join(texts) for texts in out]

    def _axes(self, k, ax):
        ax.apply_aspect()
        where = k, *ax.bbox.bounds
        x, y = (*ax.get_xlim(), ax.get_xscale()), (*ax.get_ylim(), ax.get_yscale())
        framed = ax.axison and ax.get_frame_on()
        apart = [ax.patch, ax.xaxis, ax.yaxis, *ax.child_axes, *(() if framed else ax.spines.values())]
        rest = [artist for artist in ax.get_children() if artist not in apart]
        words = [artist for artist in rest if _is_loose(artist, ax)]
        bound = [artist for artist in rest if artist not in words]
        deep = ax.xaxis.get_zorder()  # ticks and grid lines
        yield "paper", self._part((where, "paper"), [ax.patch] if framed else [])
        yield "below", self._part((where, "below", x, y), [a for a in bound if a.get_zorder() < deep])
        if ax.axison:
            yield "x", self._part((where, "x", x, ax.get_xlabel()), [ax.xaxis])
            yield "y", self._part((where, "y", y, ax.get_ylabel()), [ax.yaxis])
        yield "above", self._part((where, "above", x, y), [a for a in bound if a.get_zorder() >= deep])
        titles = (ax.get_title(side) for side in ("left", "center", "right"))
        yield "words", self._part((where, "words", *titles), words)

    def _part(self, key, artists):
        """The SVG of these artists, from memory where `key` has been seen before."""
        part = self._parts.pop(key, None)
        if part is None:
            still = [artist for artist in _by_zorder(artists) if artist not in self._moving]
            self._paper.take()  # left over where an artist has failed
            for artist in still:
                artist.draw(self._paper)
            part = self._paper.take()
            if len(part) > HEAVY:
                part = self._photograph(still)
        self._parts[key] = part  # the last used comes last
        if len(self._parts) > PARTS:
            del self._parts[next(iter(self._parts))]
        return part

    def _photograph(self, artists):
        """These artists as one transparent image."""
        fig, width, height = self.fig, self._paper.width, self._paper.height
        dpi = fig.dpi
        try:
            fig.dpi = dpi * SCALE
            canvas = RendererAgg(width * SCALE, height * SCALE, dpi * SCALE)
            for artist in artists:
                artist.draw(canvas)
        finally:
            fig.dpi = dpi
        return f'<image width="{width:g}" height="{height:g}" href="{data_url(np.asarray(canvas.buffer_rgba()))}"/>'


def _by_zorder(artists):
    return sorted(artists, key=lambda artist: artist.get_zorder())


def _is_loose(artist, ax):
    """Whether an artist of an axes stays where it is when the limits change: titles, legends, words, its border."""
    if isinstance(artist, Text) and not isinstance(artist, Annotation):
        return not any(artist.get_transform().contains_branch_seperately(ax.transData))
    if isinstance(artist, Spine):
        where = artist.get_position()
        return where == "center" or where[0] in ("outward", "axes")
    return isinstance(artist, Legend)
