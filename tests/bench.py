"""Every benchmark in one command: `python tests/bench.py` prints the tables and rewrites tests/BENCHMARKS.md.

It runs tests/bench_signal.py, bench_torch.py, bench_chapters.py and bench_live.py one after another, about ten
minutes on two cores that do nothing else.  It needs what no learner needs, the extra `bench`, and Chromium; where
something is missing it says so and stops.  The exit status is 1 where a budget is broken.
"""

import importlib.util
import pathlib
import platform
import sys
from importlib.metadata import version

import bench_live
import bench_signal  # before numpy: it asks for one BLAS thread
import lab
import psutil
from budget import HEAD, markdown, text

PAGE = pathlib.Path(__file__).resolve().parent / "BENCHMARKS.md"
NEEDED = ("torch", "ipympl", "playwright")
NAMED = ("numpy", "matplotlib", "jupyterlab", "ipywidgets", "ipykernel", "torch", "ipympl")
INTRODUCTION = """# Benchmarks

Written by `python tests/bench.py`, see the README's *For maintainers*. Everything was measured on one machine in one
run, the ways that are compared in turns: the seconds are that machine's, the ratios carry over.
"""
SIGNAL = """
{width} units wide, {depth} ReLU layers, {batch} examples, float64, one BLAS thread. The matrix products are two a
layer, which no probe can do without. An import is that of a new interpreter. Medians of {rounds}.
"""
TORCH = """
The same probe, with the same weights and numbers, agreeing to nine digits: the second moments of z, a, delta and the
per-example weight gradients of every layer. By hand: the same two products a layer. With autograd: the norms
multiplied, as `signal` does. With the gradients of single examples (`torch.func`): of a few, times what all would take.
Medians of {rounds}.
"""
CHAPTERS = """
Each in a new kernel, a bare one before it. "Computing" is the kernel's own processor time, in seconds.
"""
LIVE = """
In JupyterLab and headless Chromium, one slider. Paint: from the key event to the frame in which the picture is on the
screen, {keys} keys each. Drag: 30 events a second for three seconds, {drags} times each. The floor is a bare Label that
shows the slider's number. *Same computing* is a Label that waits for the live tanh picture's 50 layers; `interact`
draws the same with `plt.plot`; ipympl shows the live picture's own figure with `draw_idle`, its layout frozen as ours.
"""


def missing():
    """What is to be installed, in one line, or nothing."""
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        return f"missing: {', '.join(absent)}; run: {sys.executable} -m pip install -r requirements.txt -e '.[bench]'"
    return lab.HOW_TO_GET if lab.missing() else ""


def machine():
    """What it was measured on, in one line."""
    with lab.browser() as chromium:
        browser = chromium.version
    versions = ", ".join(f"{name} {version(name)}" for name in NAMED)
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"On: {psutil.cpu_count()} cores ({platform.machine()}), {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}, Chromium {browser}."
    )


def parts(rounds, drags, updates):
    """[(title, words, tables)], and all budgets.  What starts threads and browsers comes last."""
    signal, budgets = bench_signal.measure()
    size = dict(width=bench_signal.WIDTH, depth=bench_signal.DEPTH, batch=bench_signal.BATCH)
    found = [("The probe and the import", SIGNAL.format(**size, rounds=bench_signal.ROUNDS), [signal])]

    import bench_torch

    torch, more = bench_torch.measure()
    found.append(("The probe against PyTorch", TORCH.format(rounds=bench_torch.ROUNDS), [torch]))
    budgets += more

    import bench_chapters

    chapters, more = bench_chapters.measure()
    found.append(("The chapters", CHAPTERS, [chapters]))
    budgets += more

    speeds, more, _, memories = bench_live.measure(rounds, drags, updates)
    words = LIVE.format(keys=bench_live.KEYS * rounds, drags=drags)
    found.append(("The live picture", words, [speeds, memories]))
    return found, budgets + more


def page(found, budgets, on):
    """BENCHMARKS.md: the budgets first, then each part with its tables."""
    sections = [f"## Budgets\n\n{markdown(HEAD, [each.row() for each in budgets])}"]
    for title, words, tables in found:
        sections.append("\n".join([f"## {title}\n{words}", "\n".join(markdown(*table) for table in tables)]))
    return "\n".join([INTRODUCTION, on + "\n", *sections])


def main():
    options = bench_live.command_line(__doc__, updates=300)
    if problem := missing():
        print(problem, file=sys.stderr)
        return 2
    on = machine()
    found, budgets = parts(options.rounds, options.drags, options.updates)
    for title, _, tables in found:
        print(f"\n{title}\n", *(text(*table) for table in tables), sep="\n")
    print("\nBudgets\n", text(HEAD, [each.row() for each in budgets]), sep="\n")
    PAGE.write_text(page(found, budgets, on), encoding="utf-8")
    return int(not all(each.kept for each in budgets))


if __name__ == "__main__":
    sys.exit(main())
