"""The form of the notebooks: what a chapter must have, and that what is stored is what a run leaves behind."""

import ast
import html
import pathlib
import re
import statistics

import nbformat
import pytest

from initlab import publish

ROOT = pathlib.Path(__file__).resolve().parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [path for path in PATHS if not path.name.startswith("00")]


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    """Text cells as (cell, words), without code, formulas, tables and links' addresses."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"\]\([^)]*\)|`[^`]*`|\$[^$]*\$|^\|.*\|$|^#+ .*$", " x ", cell.source, flags=re.M)
            yield cell, len(re.findall(r"[^\W\d_]{2,}", text))


def lines_of(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def printed(notebook):
    return "".join(out["text"] for cell in code_cells(notebook) for out in cell.outputs if out.output_type == "stream")


def test_there_are_notebooks():
    assert any(path.name.startswith("02_") for path in PATHS)


every = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


@every
def test_stored_form_is_the_normal_form(path):
    stored = path.read_text(encoding="utf-8")
    assert stored == nbformat.writes(publish.normalise(read(path))) + "\n", "run python -m initlab.publish"
    assert len(stored) < 300_000
    assert len({cell.id for cell in read(path).cells}) == len(read(path).cells)


@every
def test_titles(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    heads = re.findall(r"^(#+) ", text, flags=re.M)
    assert heads.count("#") == 1
    assert read(path).cells[0].source.startswith("# ")
    assert 3 <= heads.count("##") <= 7


@chapters
def test_cells_are_short(path):
    lengths = [
        len(lines_of(cell)) for cell in code_cells(read(path)) if "solution" not in cell.metadata.get("tags", [])
    ]
    assert statistics.median(lengths) <= 6
    assert max(lengths) <= 20


@every
def test_prose_is_short(path):
    counts = {cell.id: words for cell, words in prose(read(path))}
    assert {name: words for name, words in counts.items() if words > 130} == {}
    assert 15 <= statistics.median(counts.values()) <= 80


@every
def test_prose_has_no_filler(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    plain = re.sub(r"`[^`]*`|\$[^$]*\$|!\[", " ", text)
    assert re.findall(r"\b(?:simply|obviously|of course|clearly|just)\b|!", plain, flags=re.I) == []


@every
def test_links_resolve(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    local = [a for a in re.findall(r"\]\(([^)\s]+)\)", text) if not a.startswith(("http", "#"))]
    assert [a for a in local if not (path.parent / a.split("#")[0]).exists()] == []


@every
def test_every_picture_says_what_it_shows(path):
    pictures = [out for cell in code_cells(read(path)) for out in cell.outputs if "image/png" in out.get("data", {})]
    assert pictures
    for out in pictures:
        alt = out.metadata["image/png"]["alt"]
        assert len(alt) > 40
        assert out.data["text/plain"] == alt


@every
def test_outputs_are_there(path):
    """A stripped notebook would pass a comparison: whatever prints, asks, claims or shows must have an output."""
    speaks = re.compile(r"\b(claim|print|show|ask|judge|check|ledger)\(")
    silent = [
        cell.id
        for cell in code_cells(read(path))
        if not cell.outputs and any(speaks.search(line) for line in lines_of(cell) if not line.startswith((" ", "@")))
    ]
    assert silent == []
    assert not any(out.output_type == "error" for cell in code_cells(read(path)) for out in cell.outputs)


def claims_made(notebook):
    return set(re.findall(r"^✓ (.*?):\s+measured ", printed(notebook), flags=re.M))


@chapters
def test_ledger_is_complete(path):
    notebook = read(path)
    table = [
        out.data["text/markdown"]
        for c in code_cells(notebook)
        for out in c.outputs
        if "text/markdown" in out.get("data", {})
    ]
    assert {row.count("|") for row in table[-1].splitlines()} == {5}
    rows = [html.unescape(row.split(" | ")[0].removeprefix("| ")) for row in table[-1].splitlines()[2:]]
    assert set(rows) == claims_made(notebook)
    assert len(rows) >= 10


@chapters
def test_no_claim_compares_a_number_with_itself(path):
    """measured and predicted of a claim must not be the same expression."""
    for cell in code_cells(read(path)):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "claim" and len(node.args) > 2:
                assert ast.dump(node.args[1]) != ast.dump(node.args[2]), cell.source


@chapters
def test_anatomy(path):
    """Prediction, live picture with things to find, half-truths, exercises with solutions, ledger, reading."""
    notebook = read(path)
    source = "\n".join(cell.source for cell in code_cells(notebook))
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for needed in ("live.ask(", ".judge(", "live.show(", "initlab.ledger()", "use_style()", "default_rng("):
        assert needed in source, needed
    for needed in ("## Predict", "## Half-truths", "## Your turn", "urther reading", "1. **", "3. **"):
        assert needed in text, needed
    solutions = [cell for cell in code_cells(notebook) if "solution" in cell.metadata.get("tags", [])]
    assert 2 <= len(solutions) <= 4
    for cell in solutions:
        assert cell.metadata["jupyter"]["source_hidden"]
        assert "✓ right" in cell.outputs[0]["text"]
    tried = re.findall(r"Exercise (\S+): not attempted yet", printed(notebook))
    assert len(tried) == len(solutions)


@every
def test_figure_of_the_chapter_is_its_picture(path):
    stored = (ROOT / "figures" / f"{path.stem}.png").read_bytes()
    assert stored == publish.figure(read(path)), "run python -m initlab.publish"


@every
def test_stored_outputs_are_small_numbers_of_digits(path):
    """No more than 3 significant digits in what claims print: more would depend on the machine."""
    long = re.findall(r"(?:measured|predicted) -?(\d*\.?\d+)", printed(read(path)))
    assert [n for n in long if len(n.replace(".", "").lstrip("0")) > 3 and "." in n] == []


def test_stripped_and_edited_notebooks_are_rejected(tmp_path):
    """The checks above bite: a stripped copy and one with an edited ledger fail them."""
    notebook = read(CHAPTERS[0])
    for cell in code_cells(notebook):
        cell.outputs = []
    stripped = tmp_path / CHAPTERS[0].name
    nbformat.write(notebook, stripped)
    with pytest.raises(AssertionError):
        test_outputs_are_there(stripped)
    with pytest.raises((AssertionError, IndexError)):
        test_ledger_is_complete(stripped)
