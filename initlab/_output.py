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
from matplotlib.cm import ScalarMappable
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


def small_png(fig, scale=2):
    """A figure as PNG bytes at `scale` times its dpi, with a palette, so that notebooks stay small."""
    canvas, dpi = fig.canvas, fig.dpi
    with DRAWING:
        plain_powers(fig)
        try:
            fig.dpi = dpi * scale
            paper = FigureCanvasAgg(fig)
            paper.draw()
            rgba = np.array(paper.buffer_rgba())
        finally:
            fig.dpi = dpi
            if isinstance(canvas, FigureCanvasAgg):
                FigureCanvasAgg(fig)  # an empty one: the old one and ours hold 5 MB of pixels ...
            else:
                fig.set_canvas(canvas)
    for text in fig.findobj(Text):
        text._renderer = None  # ... and every text of the figure holds its renderer
    shades = fig.findobj(lambda artist: isinstance(artist, ScalarMappable) and artist.get_array() is not None)
    painted = any(np.ndim(artist.get_array()) == 3 for artist in shades)
    palette = dict(colours=256, kmeans=10_000) if painted else dict(colours=128 if shades else 64)
    reduced = _reduce(rgba, **palette)
    small = io.BytesIO()
    reduced.save(small, format="png", compress_level=8)  # 9 takes twice the time for a twentieth of the size
    del paper, rgba
    gc.collect()  # figures before this one go too
    return small.getvalue()


def _reduce(rgba, colours, **options):
    """An image with a palette, in which what has one colour over four pixels keeps it, however small it is.

    The paper comes first, which packs best; shades of these, and edges, where ink meets paper, share the others.
    """
    code, width = rgba.view(np.uint32)[..., 0], 1000
    paper, corner = code[0, 0], code[1:, 1:]
    flat = (corner != paper) & (code[:-1, :-1] == corner) & (code[:-1, 1:] == corner) & (code[1:, :-1] == corner)
    found, counts = np.unique(corner[flat], return_counts=True)
    candidates = np.append(paper, found[np.argsort(-counts)])
    levels, own = candidates.view(np.uint8).reshape(-1, 4)[:, :3].astype(int), []
    for k, level in enumerate(levels[:1000]):
        if len(own) < colours // 4 and all(np.abs(level - levels[o]).max() > 24 for o in own):
            own.append(k)
    index = np.full(code.shape, len(own), np.uint8)
    for place, k in enumerate(own):
        index[code == candidates[k]] = place
    palette = levels[own].ravel().tolist()
    rest = index == len(own)
    edges = rgba[rest, :3]
    if len(edges):
        rows = np.concatenate([edges, np.repeat(edges[:1], -len(edges) % width, axis=0)]).reshape(-1, width, 3)
        few = Image.fromarray(rows).quantize(colours - len(own), dither=Image.Dither.NONE, **options)
        index[rest] += np.asarray(few).ravel()[: len(edges)]
        palette += few.getpalette()[: 3 * (colours - len(own))]
    reduced = Image.fromarray(index)
    reduced.putpalette(palette)
    return reduced


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
