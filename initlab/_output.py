"""The outputs that notebooks store: a figure as a small PNG with alternative text, and a widget."""

import base64
import io

from IPython.display import display
from PIL import Image


def show_png(png, alt, width, height):
    """One PNG output with its alternative text and its size in CSS pixels."""
    display(
        {"image/png": base64.b64encode(png).decode(), "text/plain": alt},
        metadata={"image/png": {"alt": alt, "width": round(width), "height": round(height)}},
        raw=True,
    )


def show_widget(widget, plain):
    """One widget output whose text/plain is constant, so that stored outputs compare."""
    bundle = widget._repr_mimebundle_()
    data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
    display({**data, "text/plain": plain}, raw=True)


def small_png(fig, scale=2, colours=128):
    """A figure as PNG bytes at `scale` times its dpi, with a palette, so that notebooks stay small."""
    raw, small = io.BytesIO(), io.BytesIO()
    fig.savefig(raw, format="png", dpi=fig.dpi * scale)
    raw.seek(0)
    Image.open(raw).convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()
