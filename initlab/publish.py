"""Execute and normalise the notebooks, and rewrite figures/: `python -m initlab.publish [notebook ...]`.

Without arguments all of notebooks/ are done.  A notebook that raises is left as it was.  Outputs are kept in one
form, so that running twice changes nothing but what really changed: counts 1 ... n, one stream per run of text, no
timings, no widget views (their models die with the kernel), and only the metadata that carries meaning.
"""

import base64
import pathlib
import sys

import nbformat

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
VIEW = "application/vnd.jupyter.widget-view+json"


def _output(output):
    """One output in normal form."""
    kind = output["output_type"]
    if kind == "stream":
        return nbformat.v4.new_output("stream", name=output["name"], text=output["text"])
    data = {mime: value for mime, value in sorted(output["data"].items()) if mime != VIEW}
    metadata = {mime: dict(sorted(kept.items())) for mime, kept in output["metadata"].items() if mime in data}
    more = {"execution_count": None} if kind == "execute_result" else {}
    return nbformat.v4.new_output(kind, data=data, metadata=metadata, **more)


def _outputs(outputs):
    """A cell's outputs in normal form: neighbouring pieces of one stream joined."""
    kept = []
    for output in outputs:
        if output["output_type"] == "stream" and kept and kept[-1].get("name") == output["name"]:
            kept[-1]["text"] += output["text"]
        else:
            kept.append(_output(output))
    return kept


def normalise(notebook):
    """A copy of a notebook in the one form that is committed."""
    cells = []
    for cell in notebook.cells:
        metadata = {}
        if tags := cell.metadata.get("tags"):
            metadata["tags"] = list(tags)
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "markdown":
            cells.append(nbformat.v4.new_markdown_cell(cell.source, id=cell.id, metadata=metadata))
            continue
        count = 1 + sum(done.cell_type == "code" for done in cells)
        outputs = _outputs(cell.outputs)
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        cells.append(
            nbformat.v4.new_code_cell(
                cell.source, id=cell.id, metadata=metadata, execution_count=count, outputs=outputs
            )
        )
    metadata = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)


def figure(notebook):
    """The PNG bytes of the cell tagged `figure`: the chapter's picture."""
    for cell in notebook.cells:
        if "figure" in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output["data"]["image/png"])
    raise ValueError("no cell tagged 'figure' has a PNG output")


def publish(path, figures):
    """Execute one notebook in its folder, write it back in normal form, and its picture beside the others."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    notebook = normalise(notebook)
    (figures / f"{path.stem}.png").write_bytes(figure(notebook))
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def main(names):
    root = pathlib.Path(__file__).resolve().parents[1]
    paths = [pathlib.Path(name).resolve() for name in names] or sorted((root / "notebooks").glob("*.ipynb"))
    for path in paths:
        publish(path, root / "figures")
        print(f"published {path.name}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
