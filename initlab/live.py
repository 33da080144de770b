"""Live pictures: a matplotlib figure whose marks follow the sliders like a film.

matplotlib draws everything, and a renderer writes it down as SVG: once the frame (axes, ticks, labels, legend), and at
each slider event what moves over it, a few paths.  So an event costs one short text message, and nothing is decoded.
Use it as `interact` is used: name the controls, and write a function of them that changes artists the usual way.
"""

import html
import inspect
import math
import sys
import threading

import ipywidgets as widgets
import traitlets
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from initlab._frame import LAYERS, Frame
from initlab._output import (
    DRAWING,
    close_after_cell,
    close_widget,
    close_with_cell,
    running_cell,
    show_png,
    show_widget,
    small_png,
    widget_data,
)
from initlab._svg import Overlay
from initlab._ticks import plain_powers

PICTURES = []  # every picture on the page, in the order shown; the tests move all of them
MOVABLE = (Line2D, Collection, Patch, Text, AxesImage)

# hide the PNG that stands directly before a live picture, for as long as the picture lives; say that its kernel is gone
RULES = (
    "<style>.jp-OutputArea-child:has(> .jp-RenderedImage):has(+ .jp-OutputArea-child .initlab-live) {display: none}"
    ".initlab-live .jupyter-widgets-disconnected::before {display: none}"
    ".initlab-live.jupyter-widgets-disconnected::before {font: inherit; content: 'This picture has lost its kernel and "
    "stands still. Choose Run → Run All Cells.'}</style>"
)


# every widget knows the cell that made it: it can be closed with that cell's picture
widgets.Widget.on_widget_constructed(lambda widget: setattr(widget, "made_in", running_cell()))


class NewDraw(widgets.Button):
    """A button whose `value` is a seed: each click adds one.  Give it where a picture takes a seed."""

    value = traitlets.Int(0)

    def __init__(self, description="new draw", **options):
        super().__init__(description=description, tooltip="draw other random weights", **options)
        self.on_click(lambda _: self.set_trait("value", self.value + 1))


def _control(name, abbreviation, default=inspect.Parameter.empty):
    """A widget from what `interact` accepts: a widget, (min, max), (min, max, step), a list of options, a bool."""
    if isinstance(abbreviation, widgets.Widget):
        if not abbreviation.description:
            abbreviation.description = name.replace("_", " ")
        return abbreviation
    control = widgets.interactive.widget_from_abbrev(abbreviation, default)
    if control is None:
        raise ValueError(
            f"{name} must be a widget, (min, max), (min, max, step), a list of options or a bool, got {abbreviation!r}"
        )
    control.description = name.replace("_", " ")
    if isinstance(control, widgets.FloatSlider) and control.step < 0.01:
        control.readout_format = f".{math.ceil(-math.log10(control.step) - 1e-9)}f"  # interact's own shows 0.00
    if len(control.description) > 11:
        control.style.description_width = "initial"  # or it would be cut off
    return control


class Picture:
    """A figure, the artists in it that move, and the function that moves them.

    `update(**values)` changes the artists as matplotlib code does and returns a sentence with the current numbers:
    the caption, which is also what a screen reader says.  Limits, scales, titles and labels that it changes redraw
    the frame (and are remembered); anything else in the frame stays as it was.  Artists that move are drawn over
    the frame, by `zorder`.  Nothing here touches pyplot; a lock keeps slider events and cells apart.
    """

    def __init__(self, fig, moving, update):
        self.fig, self.moving, self.update = fig, list(moving), update
        self.error, self.values, self.caption, self.controls = None, {}, "", {}
        for artist in self.moving:
            if not isinstance(artist, MOVABLE):
                known = ", ".join(kind.__name__ for kind in MOVABLE)
                raise TypeError(f"a live picture can move {known}; got {type(artist).__name__}")
        self._lock = threading.RLock()
        with DRAWING:
            FigureCanvasAgg(fig)
            plain_powers(fig)
            if (layout := fig.get_layout_engine()) is not None:
                layout.execute(fig)  # all that is needed of a drawing, in half of its time
            fig.set_layout_engine("none")  # it stays as it is: limits are all that still changes the transforms
        self.width, self.height = fig.bbox.width, fig.bbox.height
        self._axes = list(dict.fromkeys([*fig.axes, *(a.axes for a in self.moving if a.axes is not None)]))
        self._overlay, self._still = Overlay(self.width, self.height, fig.dpi), Frame(fig, self.moving)
        place = dict(width="100%", height="auto", margin="0", grid_area="1 / 1 / 2 / 2", align_self="flex-start")
        self._frames, self._marks = [widgets.HTML(layout=place) for _ in range(LAYERS)], widgets.HTML(layout=place)
        for layer in self._frames:
            layer.add_class("initlab-live-frame")
        self._marks.add_class("initlab-live-marks")
        self.box = widgets.GridBox(
            [*self._frames, self._marks],
            layout=dict(width="100%", max_width=f"{self.width:g}px", grid_template_columns="100%", overflow="hidden"),
        )
        self.box.add_class("initlab-live-picture")
        self._widgets, self._handlers = [self.box, *self._frames, self._marks], []

    def _order(self, artist):
        """Artists of one axes together, by zorder; those of the figure last."""
        return self._axes.index(artist.axes) if artist.axes is not None else len(self._axes), artist.get_zorder()

    def svg(self):
        """The moving artists as one SVG text over the frame."""
        with DRAWING:
            self._overlay.take()  # left over where an artist has failed
            for artist in sorted(self.moving, key=self._order):
                if artist.axes is None or artist.axes.get_visible():
                    artist.draw(self._overlay)
            return self._canvas(
                self._overlay.take(),
                f'role="img" aria-label="{html.escape(self.caption)}"',
                "will-change:transform",  # a layer of its own: the page behind it is not painted again
            )

    def _canvas(self, inside, attributes="", style=""):
        """An SVG of the frame's size around these elements."""
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" {attributes} '
            f'style="display:block;width:100%;height:auto;{style}">{inside}</svg>'
        )

    def set(self, **values):
        """Move to these values and redraw; whatever `update` raises comes out here."""
        with self._lock:
            self.values = {**self.values, **values}
            self.caption = str(self.update(**self.values) or "")
            with DRAWING:
                for layer, elements in zip(self._frames, self._still.layers(), strict=True):
                    layer.value = self._canvas(elements, 'aria-hidden="true"')  # sent if it has changed
                marks = self.svg()
            self._marks.value = marks + _below(self.caption)  # one trait, so one message
            self.error = None

    def follow(self, **values):
        """Like `set`, for slider events: an exception is shown in the picture's place, in words."""
        with self._lock:
            try:
                self.set(**values)
            except Exception as problem:
                self.error = problem
                said = ", ".join(f"{name} = {value}" for name, value in self.values.items())
                words = f"This picture could not be drawn for {said}. {type(problem).__name__}: {problem}"
                box = (
                    '<foreignObject width="100%" height="100%"><div role="alert" style="background:#fffd;color:#a00;'
                    f'height:100%;overflow:auto;padding:2em;box-sizing:border-box;font-size:16px">{html.escape(words)}'
                    "</div></foreignObject>"
                )
                self._marks.value = self._canvas(box) + _below("")

    def _follow_control(self, name, control, ours):
        def moved(change):
            self.follow(**{name: change["new"]})

        control.observe(moved, names="value")
        self._handlers.append((control, moved))
        if ours:
            self._widgets.append(control)

    def close(self):
        """Close the widgets and forget the picture: nobody can see it any more."""
        if self in PICTURES:
            PICTURES.remove(self)
        for control, moved in self._handlers:
            control.unobserve(moved, names="value")
        shared = {id(control) for picture in PICTURES for control in picture.controls.values()}
        for widget in self._widgets:
            if id(widget) not in shared:
                close_widget(widget)
        self._handlers, self._widgets = [], []


def _below(caption):
    """The caption under the picture, in a box of constant height, so that the page never jumps."""
    return (
        f'<div class="initlab-live-caption" style="height:2.9em;line-height:1.4;overflow:hidden;padding:2px 4px;'
        f'font-size:13px">{html.escape(caption)}</div>'
    )


def show(fig, update, moving, **controls):
    """Show a live picture with its controls, and return the `Picture`.

    fig: a matplotlib figure.  update: a function of the controls' values that moves artists and returns a caption.
    moving: those artists.  controls: by name, what `interact` accepts, or a widget with a `value`; as with `interact`,
    a default of `update`'s argument is where the control starts.
    The cell gets two outputs: a PNG of the first setting, for pages without a kernel, and the live widget, which
    hides that PNG while it lives.  Raises whatever `update` raises at the first setting.
    """
    defaults = {name: parameter.default for name, parameter in inspect.signature(update).parameters.items()}
    made = {
        name: _control(name, given, defaults.get(name, inspect.Parameter.empty)) for name, given in controls.items()
    }
    picture = Picture(fig, moving, update)
    picture.controls = made
    picture.set(**{name: control.value for name, control in made.items()})
    for name, control in made.items():
        here = running_cell() is not None and getattr(control, "made_in", None) == running_cell()
        picture._follow_control(name, control, ours=here or control is not controls[name])
        if isinstance(control, widgets.Widget) and hasattr(control, "style"):
            control.layout.margin = "2px 12px 2px 0"
    row = widgets.Box(
        [control for control in made.values() if isinstance(control, widgets.Widget)],  # interact's fixed() is none
        layout=dict(flex_flow="row wrap", max_width=f"{picture.width:g}px"),
    )
    rule = widgets.HTML(RULES, layout=dict(display="none"))
    whole = widgets.VBox([row, picture.box, rule])
    whole.add_class("initlab-live")
    picture._widgets += [whole, row, rule]
    if "matplotlib.pyplot" in sys.modules:  # a figure of pyplot's would be shown once more at the end of the cell
        sys.modules["matplotlib.pyplot"].close(fig)
    show_png(small_png(fig), picture.caption, picture.width, picture.height)
    show_widget(whole, "Live picture: run this cell in JupyterLab to move it.")
    PICTURES.append(picture)
    close_with_cell(picture.close)
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
    close_with_cell(lambda: close_widget(question.radio))
    return question


class progress:
    """`for item in progress(items, "training")`: a bar that fills and goes away; it leaves nothing in the output."""

    MESSAGES = 200  # at most about so many, however many items there are

    def __init__(self, items, label=""):
        self.items = list(items)
        self.label = label

    def __iter__(self):
        bar = widgets.IntProgress(max=len(self.items), description=self.label, layout=dict(width="400px"))
        handle = display({"text/plain": ""}, raw=True, display_id=True)
        if handle is not None:
            handle.update(widget_data(bar, ""), raw=True)
        every = max(1, len(self.items) // self.MESSAGES)

        def end():
            if handle is not None:
                handle.update({"text/plain": ""}, raw=True)
            close_widget(bar)

        finish = close_after_cell(end)  # where an error ends the loop, its traceback may keep this generator alive
        try:
            for k, item in enumerate(self.items, start=1):
                yield item
                if k % every == 0:
                    bar.value = k
        finally:
            finish()
