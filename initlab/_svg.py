"""matplotlib artists as SVG text: a renderer that writes down what they draw instead of painting it.

matplotlib itself resolves transforms, scales, steps, gaps, dashes, alignment and clip boxes before it calls a
renderer, so what arrives here is already in pixels.  The text has no ids: nothing in it can clash with another
picture on the page.  Text becomes outlines, formulas included.  Hatches and non-rectangular clip paths are not drawn.
"""

import base64
import io

import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.colors import to_hex
from matplotlib.path import Path
from matplotlib.transforms import Affine2D
from PIL import Image

FAR = 1e5  # pixels; what lies further out, infinity too, is moved here, because browsers refuse to draw inf
WORDS = 500  # outlines of words that are kept
MARGIN = 50  # pixels around the figure beyond which lines are cut
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
CAPS = {"projecting": ' stroke-linecap="square"', "round": ' stroke-linecap="round"', "butt": ""}
JOINS = {"round": ' stroke-linejoin="round"', "bevel": ' stroke-linejoin="bevel"', "miter": ""}


def _pixels(points, transform):
    """Points under a transform, y up; unlike `transform.transform` it keeps (x, inf) at its x."""
    a, b, c, d, e, f = transform.get_affine().to_values()
    x, y = np.asarray(transform.transform_non_affine(points), dtype=float).T
    out = np.empty((len(x), 2))
    with np.errstate(over="ignore", invalid="ignore"):
        out[:, 0] = (a * x if c == 0 else a * x + c * y) + e
        out[:, 1] = (d * y if b == 0 else b * x + d * y) + f
    return np.minimum(np.maximum(out, -FAR, out=out), FAR, out=out)


CIRCLE = Path.unit_circle()
SQUARE = 2 * Path.unit_rectangle().vertices - 1


def _radius(path, transform):
    """The radius in pixels where a path is a circle around its origin, as round markers are; else None."""
    a, b, c, d, _, _ = transform.get_affine().to_values()
    if path.vertices.shape != CIRCLE.vertices.shape or (a, b) != (d, c) or b != 0:
        return None
    r = path.vertices[:, 0].max()
    return a * r if abs(path.vertices - r * CIRCLE.vertices).max() <= 1e-5 * r else None


def _relative(path, transform):
    """The outline of a marker as relative commands, to follow a move to where the marker stands."""
    r = _radius(path, transform)
    if r is not None:
        return f"m{-r:.2f},0a{r:.2f},{r:.2f} 0 1 0 {2 * r:.2f},0a{r:.2f},{r:.2f} 0 1 0 {-2 * r:.2f},0z"
    out, at = [], np.zeros((1, 2))
    for corners in Path(_pixels(path.vertices, transform), path.codes).to_polygons(closed_only=False):
        closed = len(corners) > 1 and np.array_equal(corners[0], corners[-1])
        corners = np.round(corners[:-1] if closed else corners, 2) * (1, -1)  # rounded before: errors do not add up
        steps = np.diff(np.vstack((at, corners)), axis=0).tolist()
        out.append("m" + " ".join(f"{x:.2f},{y:.2f}" for x, y in steps) + ("z" if closed else ""))
        at = corners[:1] if closed else corners[-1:]
    return "".join(out)


def _cap(path, transform):
    """("round" or "square", half its width) where a line of no length with such ends looks like this marker."""
    r = _radius(path, transform)
    if r is not None:
        return "round", r
    corners = _pixels(path.vertices, transform)
    r = corners.max()
    square = len(corners) == 5 and abs(corners - r * SQUARE).max() <= 1e-5 * r
    return ("square", r) if square else None


def data_url(rgba):
    """An RGBA array, first row at the top, as a data URL; small effort in compression, because it moves."""
    picture, png = Image.fromarray(np.ascontiguousarray(rgba)), io.BytesIO()
    if rgba[..., 3].min() == 255:
        picture = picture.convert("RGB")
    picture.save(png, format="png", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


class Overlay(RendererBase):
    """Draw artists on it one after another, then `take()` the SVG elements.  Sizes are in pixels, y up.

    Images that matplotlib has to smooth are smoothed at `scale` times the dpi.
    """

    def __init__(self, width, height, dpi, scale=1):
        super().__init__()
        self.width, self.height, self.dpi, self.scale = width, height, dpi, scale
        self._parts, self._clip, self._words = [], None, {}

    def take(self):
        """The elements drawn so far, as text; the overlay is empty again afterwards."""
        self._enter(None)
        text, self._parts = "".join(self._parts), []
        return text

    # --- what matplotlib asks of a renderer ---------------------------------------------------------------------
    def flipy(self):
        return False

    def get_canvas_width_height(self):
        return self.width, self.height

    def points_to_pixels(self, points):
        return points * self.dpi / 72

    def option_scale_image(self):
        return True

    def get_image_magnification(self):
        return self.scale

    def draw_path(self, gc, path, transform, rgbFace=None):
        paint, _ = self._paint(gc, rgbFace)
        if _radius(path, transform) is None:
            data = self._data(path, transform, cut=rgbFace is None)
        else:  # a dot of a scatter: two arcs say it shorter than eight curves
            ((x, y),) = _pixels([(0.0, 0.0)], transform)
            data = f"M{x:.1f},{self.height - y:.1f}{_relative(path, transform)}"
        self._put(gc, f'<path {paint} d="{data}"/>')

    def draw_markers(self, gc, marker_path, marker_trans, path, trans, rgbFace=None):
        at = _pixels(path.vertices, trans)
        at = at[np.isfinite(at).all(axis=1)]
        if len(at) == 1:  # a collection of one path: it may be long, and rounded steps would add up
            self.draw_path(gc, marker_path, marker_trans.frozen().translate(*at[0]), rgbFace)
            return
        paint, flat = self._paint(gc, rgbFace)
        places = self._written(at)
        filled = flat and 'fill="none"' not in paint
        if filled and (cap := _cap(marker_path, marker_trans)):
            ends, half = cap
            width = 2 * half + (self.points_to_pixels(gc.get_linewidth()) if "stroke=" in paint else 0)
            line = f'stroke="{to_hex(rgbFace[:3])}" stroke-width="{width:.4g}" stroke-linecap="{ends}"'
            self._put(gc, f'<path {line} d="{"".join([f"M{place}h0" for place in places])}"/>')
            return
        shape = _relative(marker_path, marker_trans)
        ones = [f"M{place}{shape}" for place in places]
        # overlapping markers look the same drawn as one path only where they are of one opaque colour
        self._put(gc, "".join(f'<path {paint} d="{d}"/>' for d in (["".join(ones)] if flat else ones)))

    def draw_image(self, gc, x, y, im, transform=None):
        height, width = im.shape[:2]
        if not height or not width:
            return
        picture = f'<image href="{data_url(im[::-1])}" preserveAspectRatio="none"'
        if transform is None:
            w, h = width / self.scale, height / self.scale
            self._put(gc, f'{picture} x="{x:.1f}" y="{self.height - y - h:.1f}" width="{w:g}" height="{h:g}"/>')
            return
        place = Affine2D().scale(1 / width, -1 / height).translate(0, 1) + transform
        place = place + Affine2D().translate(x, y).scale(1, -1).translate(0, self.height)
        matrix = " ".join(f"{v:.6g}" for v in place.get_affine().to_values())
        seen = "" if gc.get_alpha() == 1 else f' opacity="{gc.get_alpha():.3g}"'
        size = f'width="{width}" height="{height}" transform="matrix({matrix})"'
        self._put(gc, f'{picture} {size}{seen} style="image-rendering:pixelated"/>')

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        key = s, hash(prop), angle, ismath, gc.get_rgb(), gc.get_alpha()
        if key not in self._words:  # outlines are slow to make: made once at the origin, moved ever after
            before = len(self._parts)
            super().draw_text(gc, 0, self.height, s, prop, angle, ismath, mtext)
            if len(self._words) >= WORDS:
                self._words.clear()
            self._words[key] = self._parts.pop() if len(self._parts) > before else ""
        if self._words[key]:
            self._put(gc, f'<g transform="translate({x:.1f},{self.height - y:.1f})">{self._words[key]}</g>')

    # --- writing ------------------------------------------------------------------------------------------------
    def _written(self, pixels):
        """Each point, y up, as "x,y" of the SVG with one decimal; all in one go, which is twice as fast."""
        points = pixels * (1, -1) + (0, self.height)
        return ("%.1f,%.1f;" * len(points) % tuple(points.ravel().tolist())).split(";")[:-1]

    def _data(self, path, transform, cut):
        """The `d` of a path; an open line (`cut`) is cut at the margin and thinned out where it is very long."""
        box = (-MARGIN, -MARGIN, self.width + MARGIN, self.height + MARGIN) if cut else None
        path = Path(_pixels(path.vertices, transform), path.codes)
        path = path.cleaned(remove_nans=True, clip=box, simplify=cut and path.should_simplify, curves=True)
        out, previous = [], None
        for code, word in zip(path.codes.tolist(), self._written(path.vertices), strict=True):
            if code == Path.STOP:
                break
            if code == Path.CLOSEPOLY:
                out.append("Z")
            else:  # a letter holds until the next one
                out += (" " if code == previous else LETTERS[code], word)
            previous = None if code == Path.MOVETO else code
        return "".join(out)

    def _paint(self, gc, fill):
        """(attributes of fill and stroke, whether all is of one opaque colour)."""
        out, seen, width = [], [], self.points_to_pixels(gc.get_linewidth())
        for kind, color in (("fill", fill), ("stroke", gc.get_rgb() if width > 0 else None)):
            opacity = 0.0 if color is None else color[3] if len(color) > 3 else gc.get_alpha()
            if opacity == 0:
                out += ['fill="none"'] if kind == "fill" else []  # an absent stroke is none, an absent fill black
                continue
            seen.append((to_hex(color[:3]), opacity))
            out.append(f'{kind}="{seen[-1][0]}"' + ("" if opacity == 1 else f' {kind}-opacity="{opacity:.3g}"'))
            if kind == "stroke":
                offset, dashes = gc.get_dashes()
                dashes = " ".join(f"{self.points_to_pixels(v):.4g}" for v in (() if dashes is None else dashes))
                start = f' stroke-dashoffset="{self.points_to_pixels(offset):.3g}"' if dashes and offset else ""
                pattern = f' stroke-dasharray="{dashes}"{start}' if dashes else ""
                out.append(f'stroke-width="{width:.4g}"{pattern}{CAPS[gc.get_capstyle()]}{JOINS[gc.get_joinstyle()]}')
        return " ".join(out), all(opacity == 1 for _, opacity in seen) and len(set(seen)) < 2

    def _enter(self, clip):
        """Open the nested <svg> that shows only this rectangle, and close the one before."""
        if clip == self._clip:
            return
        if self._clip is not None:
            self._parts.append("</svg>")
        if clip is not None:
            x, y, w, h = clip
            box = f"{x:.1f} {self.height - y - h:.1f} {w:.1f} {h:.1f}"
            place = 'x="{}" y="{}" width="{}" height="{}"'.format(*box.split())
            self._parts.append(f'<svg {place} viewBox="{box}">')
        self._clip = clip

    def _put(self, gc, element):
        clip = gc.get_clip_rectangle()
        self._enter(None if clip is None else tuple(float(v) for v in clip.bounds))
        self._parts.append(element)
