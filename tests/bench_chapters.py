"""How long each chapter computes: `python tests/bench_chapters.py` runs every one in a kernel of its own.

Before each chapter a bare kernel starts and imports numpy and pyplot: what any notebook waits for.  The chapter's
set-up cell, its first, is counted apart from the rest.  Given are seconds as they pass, and seconds of the kernel's
own computing, which a busy machine does not lengthen.
"""

import pathlib
import statistics
import subprocess
import sys
import time

import nbformat
import psutil
from budget import HEAD, Budget, text
from jupyter_client.manager import start_new_kernel

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "notebooks"
BARE = ["import numpy, matplotlib.pyplot"]


def run(cells):
    """[(passed, computed)] seconds: the kernel's start with the first cell, and all the other cells."""
    times, start = [], time.perf_counter()
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(FOLDER), stderr=subprocess.DEVNULL)
    try:
        process = psutil.Process(manager.provisioner.pid)
        for part in (cells[:1], cells[1:]):
            for source in part:
                reply = client.execute_interactive(source, timeout=300, output_hook=lambda message: None)
                if reply["content"]["status"] != "ok":
                    raise RuntimeError(f"{reply['content']['ename']}: {reply['content']['evalue']}, in\n{source}")
            now, used = time.perf_counter(), process.cpu_times()
            times.append((now - start, used.user + used.system))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    (first, first_used), (end, end_used) = times
    return [(first, first_used), (end - first, end_used - first_used)]


def measure():
    """(head, rows) of a table with one row for each chapter, and the budgets."""
    bare, found = [], {}
    for path in sorted(FOLDER.glob("*.ipynb")):
        cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        bare.append(run(BARE)[0])
        found[path.stem] = run(cells)
    start, start_used = (statistics.median(column) for column in zip(*bare, strict=True))
    rows = [["a bare kernel with numpy and pyplot", f"{start:.1f}", "", f"{start_used:.1f}", "", "1"]]
    for name, ((first, first_used), (rest, rest_used)) in found.items():
        cells = (f"{x:.1f}" for x in (first, rest, first_used, rest_used, rest_used / start_used))
        rows.append([name, *cells])
    slowest = max(found, key=lambda name: found[name][1][1])
    middle = statistics.median(rest_used for _, (_, rest_used) in found.values())
    budgets = [
        Budget(f"the slowest chapter ({slowest}) after its set-up cell, s of computing", found[slowest][1][1], 10),
        Budget("the middle chapter after its set-up cell, × a bare kernel's start", middle / start_used, 6),
    ]
    head = ["chapter", "start and set-up, s", "the rest, s", "computing: start", "the rest", "× bare start"]
    return (head, rows), budgets


def main():
    """Print the times and the budgets; the exit status is 1 where one is broken."""
    table, budgets = measure()
    print(text(*table), text(HEAD, [each.row() for each in budgets]), sep="\n\n")
    return not all(each.kept for each in budgets)


if __name__ == "__main__":
    sys.exit(main())
