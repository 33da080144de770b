"""Live pictures: a matplotlib figure whose marks follow the sliders like a film.

matplotlib draws the frame (axes, ticks, labels, legend) once.  What moves is turned into a few SVG paths through
the same transforms and laid over the frame, so a slider event costs one short text message and nothing is decoded.
Use it as `interact` is used: name the controls, and write a function of them that changes artists the usual way.
"""

import html
import inspect
import io
import math
import secrets
import threading

import ipywidgets as widgets
import numpy as np
import traitlets
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import STEP_LOOKUP_MAP
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.text import Text

from initlab._output import show_png, show_widget, small_png

PICTURES = []  # every picture shown in this kernel; the tests move all of them
SCALE = 2  # the frame is saved at this multiple of the figure's dpi, for sharp screens
FAR = 1e4  # pixels; marks further out than this are cut there, so that browsers never see inf
DASHES = {"--": (4, 2), "-.": (6, 2, 1, 2), ":": (1, 1.6)}  # in line widths

_HIDE_STATIC = (
    "<style>.jp-OutputArea:has(.initlab-live) > .jp-OutputArea-child:has(> .jp-RenderedImage) {display: none}</style>"
)


class NewDraw(widgets.Button):
    """A button whose `value` is a seed: each click adds one.  Give it where a picture takes a seed."""

    value = traitlets.Int(0)

    def __init__(self, description="new draw", **options):
        super().__init__(description=description, tooltip="draw other random weights", **options)
        self.on_click(lambda _: self.set_trait("value", self.value + 1))


def _control(name, abbreviation, default=inspect.Parameter.empty):
    """A widget from what `interact` accepts: a widget, (min, max), (min, max, step), a list of options, a bool."""
    if isinstance(abbreviation, widgets.Widget):
        return abbreviation
    control = widgets.interactive.widget_from_abbrev(abbreviation, default)
    if control is None:
        raise ValueError(
            f"{name} must be a widget, (min, max), (min, max, step), a list of options or a bool, got {abbreviation!r}"
        )
    control.description = name.replace("_", " ")
    return control


# --- artists to SVG ---------------------------------------------------------------------------------------------
def _pixels(points, artist, height):
    """Points of an artist in its own coordinates as SVG pixels, y down; far-off values are cut, nan stays."""
    with np.errstate(all="ignore"):
        xy = np.asarray(artist.get_transform().transform(points), dtype=float)
    xy = np.clip(xy, -FAR, FAR)
    xy[:, 1] = height - xy[:, 1]
    return xy


def _path_data(path, artist, height):
    """The `d` of an SVG path for a matplotlib Path."""
    codes = path.codes if path.codes is not None else np.r_[Path.MOVETO, np.full(len(path.vertices) - 1, Path.LINETO)]
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
    out, previous = [], None
    for code, (x, y) in zip(codes.tolist(), _pixels(path.vertices, artist, height).tolist(), strict=True):
        if code == Path.CLOSEPOLY:
            out.append("Z")
        elif code != Path.STOP and math.isfinite(x) and math.isfinite(y):
            letter = letters[code]
            out.append(f"{'' if letter == previous and letter in 'QC' else letter}{x:.1f},{y:.1f} ")
            previous = letter
    return "".join(out)


def _paint(color, alpha, kind):
    """The SVG attributes of a fill or a stroke, "none" where it is invisible."""
    red_green_blue_alpha = to_rgba(color) if alpha is None else to_rgba(color, alpha)
    if red_green_blue_alpha[3] == 0:
        return f'{kind}="none"'
    opacity = "" if red_green_blue_alpha[3] == 1 else f' {kind}-opacity="{red_green_blue_alpha[3]:.3g}"'
    return f'{kind}="{to_hex(red_green_blue_alpha)}"{opacity}'


def _stroke(color, alpha, width, linestyle, pixel):
    dashes = DASHES.get(linestyle)
    pattern = f' stroke-dasharray="{" ".join(f"{d * width * pixel:.3g}" for d in dashes)}"' if dashes else ""
    return f'{_paint(color, alpha, "stroke")} stroke-width="{width * pixel:.3g}"{pattern} stroke-linejoin="round"'


def _line_svg(line, height, pixel):
    x, y = (np.ma.filled(np.ma.asarray(v, dtype=float), np.nan) for v in line.get_data(orig=False))
    points = np.column_stack((x, y))
    out = []
    if line.get_linestyle() not in ("None", "none", " ", ""):
        step = STEP_LOOKUP_MAP[line.get_drawstyle()]
        joined = np.column_stack(step(x, y)) if len(x) else points
        run, pieces = True, []
        for px, py in _pixels(joined, line, height).tolist() if len(joined) else ():
            whole = math.isfinite(px) and math.isfinite(py)
            if whole:
                pieces.append(f"{'M' if run else 'L'}{px:.1f},{py:.1f}")
            run = not whole
        style = _stroke(line.get_color(), line.get_alpha(), line.get_linewidth(), line.get_linestyle(), pixel)
        out.append(f'<path fill="none" {style} d="{"".join(pieces)}"/>')
    if line.get_marker() not in ("None", "none", " ", "", None):
        marker = line._marker if hasattr(line, "_marker") else None
        shape = marker.get_path().transformed(marker.get_transform())
        size = line.get_markersize() * pixel
        at = [p for p in _pixels(points, line, height).tolist() if all(map(math.isfinite, p))] if len(points) else []
        polygon = shape.to_polygons(closed_only=False)
        corners = [" L".join(f"{a * size:.1f},{-b * size:.1f}" for a, b in p.tolist()) for p in polygon]
        edge = _stroke(line.get_markeredgecolor(), line.get_alpha(), line.get_markeredgewidth(), "-", pixel)
        fill = _paint(line.get_markerfacecolor(), line.get_alpha(), "fill") if marker.is_filled() else 'fill="none"'
        one = "".join(f"M{c}" for c in corners)
        name = f"m{secrets.token_hex(4)}"
        uses = "".join(f'<use href="#{name}" x="{a:.1f}" y="{b:.1f}"/>' for a, b in at)
        out.append(f'<defs><path id="{name}" {fill} {edge} d="{one}"/></defs>{uses}')
    return "".join(out)


def _collection_svg(collection, height, pixel):
    (face,) = collection.get_facecolor()[:1]
    edges = collection.get_edgecolor()
    line = _stroke(edges[0], None, collection.get_linewidth()[0], "-", pixel) if len(edges) else ""
    data = "".join(_path_data(path, collection, height) for path in collection.get_paths())
    return f'<path {_paint(face, None, "fill")} {line} d="{data}"/>'


def _patch_svg(patch, height, pixel):
    fill = _paint(patch.get_facecolor(), None, "fill") if patch.get_fill() else 'fill="none"'
    line = _stroke(patch.get_edgecolor(), None, patch.get_linewidth(), patch.get_linestyle(), pixel)
    return f'<path {fill} {line} d="{_path_data(patch.get_path(), patch, height)}"/>'


def _text_svg(text, height, pixel):
    (x, y) = _pixels(np.array([text.get_position()], dtype=float), text, height)[0].tolist()
    anchor = {"left": "start", "center": "middle", "right": "end"}[text.get_ha()]
    lift = {"top": "hanging", "center": "central", "center_baseline": "central"}.get(text.get_va(), "alphabetic")
    size, color = text.get_fontsize() * pixel, to_hex(text.get_color())
    words = html.escape(text.get_text())
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.3g}" fill="{color}" text-anchor="{anchor}" '
        f'dominant-baseline="{lift}" font-family="DejaVu Sans, Verdana, sans-serif">{words}</text>'
    )


_DRAW = {Line2D: _line_svg, PolyCollection: _collection_svg, Patch: _patch_svg, Text: _text_svg}


def _draw(artist):
    for kind, draw in _DRAW.items():
        if isinstance(artist, kind):
            return draw
    raise TypeError(f"a live picture can move {', '.join(k.__name__ for k in _DRAW)}; got {type(artist).__name__}")


class Picture:
    """A figure, the artists in it that move, and the function that moves them.

    `update(**values)` changes the artists as matplotlib code does and returns a sentence with the current numbers:
    the caption, which is also what a screen reader says.  Limits that it changes redraw the frame (and are
    remembered).  Nothing here touches pyplot; a lock keeps slider events and cells apart.
    """

    def __init__(self, fig, moving, update):
        self.fig, self.moving, self.update = fig, list(moving), update
        self.error, self.values, self.caption = None, {}, ""
        self._lock = threading.RLock()
        self._draws = [_draw(artist) for artist in self.moving]
        FigureCanvasAgg(fig)
        fig.canvas.draw()  # resolves the layout ...
        fig.set_layout_engine("none")  # ... which then stays: the transforms are constant from here on
        self.width, self.height, self._pixel = fig.bbox.width, fig.bbox.height, fig.dpi / 72
        self._name = f"initlab-{secrets.token_hex(4)}"
        self._axes = list(dict.fromkeys(a.axes for a in self.moving if a.axes is not None))
        boxes = [(ax.bbox.x0, self.height - ax.bbox.y1, ax.bbox.width, ax.bbox.height) for ax in self._axes]
        rects = [f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"/>' for x, y, w, h in boxes]
        self._clips = "".join(f'<clipPath id="{self._name}-{k}">{r}</clipPath>' for k, r in enumerate(rects))
        self._frames = {}
        place = dict(width="100%", height="auto", margin="0", grid_area="1 / 1 / 2 / 2", align_self="flex-start")
        self._frame = widgets.Image(format="png", layout=place)
        self._marks = widgets.HTML(layout=place)
        self._marks.add_class("initlab-live-marks")
        self.box = widgets.GridBox(
            [self._frame, self._marks],
            layout=dict(width="100%", max_width=f"{self.width:g}px", grid_template_columns="100%", overflow="hidden"),
        )
        self.box.add_class("initlab-live-picture")

    def _current_frame(self):
        """The PNG of everything that does not move, for the axes' present limits."""
        limits = tuple((*ax.get_xlim(), *ax.get_ylim()) for ax in self.fig.axes)
        if limits not in self._frames:
            shown = [artist.get_visible() for artist in self.moving]
            for artist in self.moving:
                artist.set_visible(False)
            frame = io.BytesIO()
            try:
                self.fig.savefig(frame, format="png", dpi=self.fig.dpi * SCALE, metadata={"Software": None})
            finally:
                for artist, visible in zip(self.moving, shown, strict=True):
                    artist.set_visible(visible)
            self._frames[limits] = frame.getvalue()
        return self._frames[limits]

    def svg(self):
        """The moving artists as one SVG text over the frame."""
        parts = []
        for artist, draw in zip(self.moving, self._draws, strict=True):
            if not artist.get_visible():
                continue
            mark = draw(artist, self.height, self._pixel)
            clipped = artist.axes is not None and artist.get_clip_on() and not isinstance(artist, Text)
            clip = f' clip-path="url(#{self._name}-{self._axes.index(artist.axes)})"' if clipped else ""
            parts.append(f"<g{clip}>{mark}</g>")
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{html.escape(self.caption)}" '
            f'style="display:block;width:100%;height:auto"><defs>{self._clips}</defs>{"".join(parts)}</svg>'
        )

    def set(self, **values):
        """Move to these values and redraw; whatever `update` raises comes out here."""
        with self._lock:
            self.values = {**self.values, **values}
            self.caption = str(self.update(**self.values) or "")
            frame = self._current_frame()
            if self._frame.value != frame:
                self._frame.value = frame
            self._marks.value = self.svg() + _below(html.escape(self.caption))  # one trait, so one message
            self.error = None

    def follow(self, **values):
        """Like `set`, for slider events: an exception is shown in the picture's place, in words."""
        try:
            self.set(**values)
        except Exception as problem:
            self.error = problem
            words = f"This picture could not be drawn for {_said(self.values)}. {type(problem).__name__}: {problem}"
            self._marks.value = (
                f'<div role="alert" style="position:absolute;inset:0;background:#fffd;color:#a00;padding:2em;'
                f'box-sizing:border-box;font-size:14px;line-height:1.5">{html.escape(words)}</div>'
            )


def _below(caption):
    """The caption under the picture, in a box of constant height, so that the page never jumps."""
    return (
        f'<div class="initlab-live-caption" style="height:2.9em;line-height:1.4;overflow:hidden;padding:2px 4px;'
        f'font-size:13px">{caption}</div>'
    )


def _said(values):
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def show(fig, update, moving, **controls):
    """Show a live picture with its controls, and return the `Picture`.

    fig: a matplotlib figure.  update: a function of the controls' values that moves artists and returns a caption.
    moving: those artists.  controls: by name, what `interact` accepts, or a widget with a `value`; as with `interact`,
    a default of `update`'s argument is where the control starts.
    The cell gets two outputs: a PNG of the first setting, for pages without a kernel, and the live widget, which
    hides that PNG while it lives.  Raises whatever `update` raises at the first setting.
    """
    defaults = {name: parameter.default for name, parameter in inspect.signature(update).parameters.items()}
    made = {name: _control(name, given, defaults.get(name, inspect.Parameter.empty)) for name, given in controls.items()}
    picture = Picture(fig, moving, update)
    picture.controls = made
    picture.set(**{name: control.value for name, control in made.items()})
    for name, control in made.items():
        control.observe(lambda change, name=name: picture.follow(**{name: change["new"]}), names="value")
        if isinstance(control, widgets.Widget) and hasattr(control, "style"):
            control.layout.margin = "2px 12px 2px 0"
    row = widgets.Box(list(made.values()), layout=dict(flex_flow="row wrap", max_width=f"{picture.width:g}px"))
    whole = widgets.VBox([row, picture.box, widgets.HTML(_HIDE_STATIC, layout=dict(display="none"))])
    whole.add_class("initlab-live")
    show_png(small_png(fig), picture.caption, picture.width, picture.height)
    show_widget(whole, "Live picture: run this cell in JupyterLab to move it.")
    PICTURES.append(picture)
    return picture


# --- questions and progress -----------------------------------------------------------------------------------
_answers = {}  # a learner's predictions by question, kept when a cell is run again


class Question:
    """A prediction asked for before the experiment; `judge` compares it with what the experiment says."""

    def __init__(self, name, options):
        self.name, self.options = name, list(options)
        chosen = _answers.get(name)
        self.radio = widgets.RadioButtons(
            options=self.options,
            value=chosen if chosen in self.options else None,
            layout=dict(width="auto"),
            description="",
        )
        self.radio.observe(self._remember, names="value")

    def _remember(self, change):
        _answers[self.name] = change["new"]

    def judge(self, truth):
        """Print the option that the experiment chose (its index, counted from 0) beside the learner's."""
        right, said = self.options[int(truth)], self.radio.value
        print(f"The experiment says: {right}")
        print("You made no prediction." if said is None else f"You predicted: {said}" + (" ✓" if said == right else ""))


def ask(name, *options):
    """Show a question's options as buttons and return the `Question`; the cell before it asks in words."""
    question = Question(name, options)
    show_widget(question.radio, "Choose one:\n" + "\n".join(f"( ) {option}" for option in options))
    return question


class progress:
    """`for item in progress(items, "training")`: a bar that fills and goes away; it leaves nothing in the output."""

    def __init__(self, items, label=""):
        self.items = list(items)
        self.label = label

    def __iter__(self):
        bar = widgets.IntProgress(max=len(self.items), description=self.label, layout=dict(width="400px"))
        handle = display({"text/plain": ""}, raw=True, display_id=True)
        if handle is not None:
            bundle = bar._repr_mimebundle_()
            handle.update({**(bundle[0] if isinstance(bundle, tuple) else bundle), "text/plain": ""}, raw=True)
        try:
            for item in self.items:
                yield item
                bar.value += 1
        finally:
            if handle is not None:
                handle.update({"text/plain": ""}, raw=True)
            bar.close()
