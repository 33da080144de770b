"""Every live picture of every chapter over its controls: no exception, no warning, finite marks, and it moves."""

import ast
import dis
import pathlib
import re
import symtable

import ipywidgets
import nbformat
import pytest

from initlab import live

pytestmark = pytest.mark.usefixtures("frozen")

PATHS = sorted((pathlib.Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


def tables(table):
    """A symbol table and all within it."""
    yield table
    for inner in table.get_children():
        yield from tables(inner)


def names(source):
    """(read, bound, imported, changed): the notebook's names that a cell reads, binds, imports, changes in place.

    Read are those that it does not bind first; in a function's body, those that it does not bind at all.
    """
    top = symtable.symtable(source, "cell", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    read = {s.get_name() for t in tables(top) for s in t.get_symbols() if t is not top and s.is_global()} - bound
    stored = set()
    for step in dis.get_instructions(compile(source, "cell", "exec")):  # in the order in which Python runs them
        if step.opname == "STORE_NAME":
            stored.add(step.argval)
        elif step.opname == "LOAD_NAME" and step.argval not in stored:
            read.add(step.argval)
    imported, changed = {s.get_name() for s in top.get_symbols() if s.is_imported()}, set()
    for node in ast.walk(ast.parse(source)):
        part = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else node
        target = part is not node or isinstance(getattr(node, "ctx", None), ast.Store)  # x.f(...), or x[k] = ...
        while isinstance(part, (ast.Subscript, ast.Attribute)):
            part = part.value
            if target and isinstance(part, ast.Name):
                changed.add(part.id)
    return read, bound, imported, changed


def needed(cells):
    """The cells that show a live picture, and those before them on which their names depend."""
    known = [names(cell.source) for cell in cells]
    modules = set().union(*(imported for _, _, imported, _ in known))  # plots.show(...) changes nothing
    wanted, kept = set(), []
    for cell, (read, bound, _, changed) in zip(reversed(cells), reversed(known), strict=True):
        if "live.show(" in cell.source or bound & wanted or (changed & wanted) - modules:
            kept.append(cell)
            wanted = wanted - bound | read
    return kept[::-1]


@pytest.fixture(scope="module", params=PATHS, ids=lambda path: path.stem)
def pictures(request, tmp_path_factory):
    """The live pictures of one chapter, made by running in this process the cells that they need."""
    before, space = len(live.PICTURES), {"__name__": "__main__"}
    patch = pytest.MonkeyPatch()
    patch.chdir(request.param.parent)
    for module in ("initlab.live", "initlab._output"):
        patch.setattr(f"{module}.display", lambda *args, **options: None)
    patch.setattr("initlab.live.small_png", lambda fig: b"")  # chapters are run with theirs elsewhere
    cells = [cell for cell in nbformat.read(request.param, as_version=4).cells if cell.cell_type == "code"]
    for cell in needed(cells):
        exec(compile(cell.source, f"{request.param.name}:{cell.id}", "exec"), space)
    patch.undo()
    return live.PICTURES[before:]


def settings(control):
    """The ends of a control and a grid between."""
    if isinstance(control, (ipywidgets.IntSlider, ipywidgets.FloatSlider)):
        low, high, step = control.min, control.max, control.step
        grid = [low + step * round((high - low) * k / 6 / step) for k in range(7)]
        return sorted({type(control.value)(min(v, high)) for v in grid})
    if hasattr(control, "options"):
        return [value for _, value in control._options_full]
    if isinstance(control, live.NewDraw):
        return [0, 1, 2]
    if isinstance(control, ipywidgets.Checkbox):
        return [False, True]
    raise AssertionError(f"no grid known for {type(control).__name__}")


def check(picture, **values):
    """Move the controls, as the browser does, and look at what is sent: the marks and the frame, without words."""
    for name, value in values.items():
        if picture.controls[name].value != value:
            picture.controls[name].value = value
            assert picture.error is None, (values, picture.error)
    assert len(picture.caption) > 20
    marks, _, below = picture._marks.value.partition('<div class="initlab-live-caption"')
    assert below
    drawn = re.sub(r'aria-label="[^"]*"', "", marks)
    assert not re.search(r"\b(nan|inf)\b", drawn), values
    return drawn, *(layer.value for layer in picture._frames)


def test_every_control_moves_its_picture(pictures):
    for picture in pictures:
        start = {name: control.value for name, control in picture.controls.items()}
        for name, control in picture.controls.items():
            seen = {check(picture, **{**start, name: value}) for value in settings(control)}
            assert len(seen) > 1, f"{name} changes nothing"


def test_corners_of_all_sliders_together(pictures):
    for picture in pictures:
        sliders = {n: settings(c) for n, c in picture.controls.items() if hasattr(c, "min")}
        choices = {n: settings(c) for n, c in picture.controls.items() if hasattr(c, "options")}
        for bits in range(2 ** len(sliders)):
            values = {n: grid[-1 if bits >> k & 1 else 0] for k, (n, grid) in enumerate(sliders.items())}
            for name, options in choices.items() or {"": [None]}.items():
                for option in options:
                    check(picture, **values, **({name: option} if name else {}))


def test_same_settings_give_the_same_picture(pictures):
    for picture in pictures:
        start = {name: control.value for name, control in picture.controls.items()}
        first = check(picture, **start)
        for control, name in [(c, n) for n, c in picture.controls.items()]:
            check(picture, **{name: settings(control)[-1]})
        assert check(picture, **start) == first


def test_chapter_has_a_live_picture(pictures):
    assert pictures


def inner(source):
    """name -> the notebook's names that this function, defined in a cell, reads; "" for unnamed ones."""
    top, found = symtable.symtable(source, "cell", "exec"), {}
    for function in top.get_children():
        read = {s.get_name() for t in tables(function) for s in t.get_symbols() if s.is_global()}
        found.setdefault(function.get_name(), set()).update(read)
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_what_a_live_picture_uses_is_not_bound_anew_below_it(path):
    """Its function runs after Run All: a later cell that reuses a name would change the picture, or break it."""
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    functions = {}
    for k, source in enumerate(cells):
        functions |= (here := inner(source))
        if "live.show(" not in source:
            continue
        used, new = set(), set().union(*here.values())
        while new:
            used |= new
            new = set().union(*(functions.get(name, set()) for name in new)) - used
        later = {name: at for at, cell in enumerate(cells[k + 1 :], start=k + 1) for name in names(cell)[1]}
        assert not used & set(later), {name: cells[later[name]][:80] for name in used & set(later)}
