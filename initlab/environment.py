"""Does this Python serve?  The versions found here against the lower bounds in the package's own metadata."""

import html
import platform
import re
from dataclasses import dataclass
from importlib import metadata

PACKAGE = "initlab"


@dataclass(frozen=True)
class Need:
    """One requirement: a name, its lower bound, the version found (None where it is missing), and whether it serves."""

    name: str
    bound: str
    found: str | None

    @property
    def serves(self):
        return self.found is not None and _numbers(self.found) >= _numbers(self.bound)


def _numbers(version):
    """The first four numbers of a version's release part: "2.4rc1" is (2, 4, 0, 0)."""
    parts = re.match(r"\d+(?:\.\d+)*", version)[0].split(".")
    return tuple(int(part) for part in (*parts, "0", "0", "0")[:4])


def _found(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def needs():
    """What the installed package's metadata asks for, extras left out, as a list of `Need`, Python first.

    Raises importlib.metadata.PackageNotFoundError where the package runs without being installed.
    """
    asked = [line for line in metadata.requires(PACKAGE) if ";" not in line]
    bounds = [re.fullmatch(r"([\w.-]+)>=([\d.]+)", line.replace(" ", "")).groups() for line in asked]
    python = metadata.metadata(PACKAGE)["Requires-Python"].removeprefix(">=")
    return [
        Need("Python", python, platform.python_version()),
        *(Need(name, bound, _found(name)) for name, bound in bounds),
    ]


def report():
    """Print whether everything serves, and show the versions in a widget, which no notebook stores.

    What does not serve is named with the line that brings it; nothing raises.
    """
    try:
        asked = needs()
    except metadata.PackageNotFoundError:
        print(f"{PACKAGE} is not installed for this Python. In the repository's folder: pip install -e .")
        return
    poor = [need for need in asked if not need.serves]
    for need in poor:
        print(f"✗ {need.name} is {'missing' if need.found is None else 'too old'}: {need.bound} or later is needed")
    if wanted := " ".join(f'"{need.name}>={need.bound}"' for need in poor if need.name != "Python"):
        print(f"Run  %pip install {wanted}  in a cell of its own, then restart the kernel.")
    if not poor:
        print("✓ Python and every package are new enough.")
    if not any(need.name in ("ipywidgets", "matplotlib") for need in poor):
        _show(asked)


def _show(asked):
    """The versions as one line in a widget, with a constant text/plain."""
    import ipywidgets as widgets

    from initlab._output import close_widget, close_with_cell, show_widget

    parts = [f"{need.name} {need.found or 'missing'} ({need.bound} or later)" for need in asked]
    line = f'<div style="line-height: 1.6">{html.escape(" · ".join(parts))}</div>'
    shown = widgets.HTML(line)
    show_widget(shown, "Run this cell to see the versions found.")
    close_with_cell(lambda: close_widget(shown))
