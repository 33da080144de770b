"""The outputs that notebooks store: a figure as a small PNG with alternative text, and a widget; and when they end."""

import base64
import contextlib
import gc
import io
import threading

import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from initlab._ticks import plain_powers

DRAWING = threading.RLock()  # slider events run beside cells, and matplotlib's text engine is not made for two threads


def show_png(png, alt, width, height):
    """One PNG output with its alternative text and its size in CSS pixels."""
    display(
        {"image/png": base64.b64encode(png).decode(), "text/plain": alt},
        metadata={"image/png": {"alt": alt, "width": round(width), "height": round(height)}},
        raw=True,
    )


def widget_data(widget, plain):
    """The mime bundle of a widget, with a text/plain that is constant, so that stored outputs compare."""
    bundle = widget._repr_mimebundle_()
    return {**(bundle[0] if isinstance(bundle, tuple) else bundle), "text/plain": plain}


def show_widget(widget, plain):
    """One widget output."""
    display(widget_data(widget, plain), raw=True)


class _Pixels(io.RawIOBase):
    """A file for `savefig` that keeps the pixels as an image."""

    def write(self, rgba):
        self.image = Image.fromarray(np.asarray(rgba)).convert("RGB")


def small_png(fig, scale=2, colours=128):
    """A figure as PNG bytes at `scale` times its dpi, with a palette, so that notebooks stay small."""
    pixels, small = _Pixels(), io.BytesIO()
    with DRAWING:
        plain_powers(fig)
        fig.savefig(pixels, format="rgba", dpi=fig.dpi * scale)
    painted = any(np.ndim(image.get_array()) == 3 for ax in fig.axes for image in ax.images)
    palette = dict(colors=256, kmeans=10_000) if painted else dict(colors=colours)  # fewer bands in smooth images
    reduced = pixels.image.quantize(**palette, dither=Image.Dither.NONE)
    reduced.save(small, format="png", optimize=True)
    if isinstance(fig.canvas, FigureCanvasAgg):
        FigureCanvasAgg(fig)  # forget the old canvas with its 5 MB of pixels ...
    for text in fig.findobj(Text):
        text._renderer = None  # ... which every text of the figure remembers too
    gc.collect()  # and so do figures before this one
    return small.getvalue()


# --- the end of a widget --------------------------------------------------------------------------------------
# A front end that runs a cell again drops the cell's outputs first, and says which cell it runs.  The widgets in
# those outputs can never be seen again, so they are closed; a front end that says nothing keeps them.
_closers = {}  # id of a cell -> functions that close what it showed


def running_cell():
    """The id of the cell that is being run, None where the front end does not tell."""
    parent = getattr(get_ipython(), "get_parent", dict)()
    return (parent.get("metadata") or {}).get("cellId")


def close_with_cell(close):
    """Call `close` when the cell that is being run now is run again."""
    if (cell := running_cell()) is not None:
        _closers.setdefault(cell, []).append(close)


def close_cell(info):
    """Close what the last run of this cell showed; IPython calls it before it runs a cell."""
    for close in _closers.pop(info.cell_id, ()):
        close()


def close_widget(widget):
    """Close a widget with its layout and style, which are widgets too; not its children."""
    for part in (widget, getattr(widget, "layout", None), getattr(widget, "style", None)):
        if part is not None:
            with contextlib.suppress(AttributeError):  # a style may be a plain string
                part.close()


# --- a cell that has stopped -----------------------------------------------------------------------------------
_unfinished = []  # functions that take away what must not outlast its cell


def close_after_cell(close):
    """Call `close` when the cell that is being run now ends, however it ends, unless it has been called before.

    Returns a function to call it with: once only, however often that is used.
    """
    _unfinished.append(close)

    def early():
        if close in _unfinished:
            _unfinished.remove(close)
            close()

    return early


def advice(problem):
    """What a learner can do about what has stopped a cell, None where nothing has."""
    if type(problem) is NameError and problem.name:  # not its kind that speaks of local variables
        return (
            f"Nothing is called {problem.name} so far. If a cell above makes it, that cell has not run: choose "
            "Run → Run All Above Selected Cell, then run this cell again."
        )
    if isinstance(problem, KeyboardInterrupt):
        return "You have stopped this cell. Nothing is lost: run it again, or change it first. Cells below may need it."
    if isinstance(problem, Exception):
        return (
            "If you have not changed this cell, others have been changed or have run in another order: undo that, and "
            "choose Kernel → Restart Kernel and Run All Cells."
        )
    return None


def end_cell(result):
    """Take away what must not outlast the cell, and say what to do if it has failed; IPython calls it after a cell."""
    while _unfinished:
        _unfinished.pop()()
    if (words := advice(result.error_in_exec)) is not None:
        print(words)


if (_shell := get_ipython()) is not None:
    _shell.events.register("pre_run_cell", close_cell)
    _shell.events.register("post_run_cell", end_cell)
