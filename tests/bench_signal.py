"""What `signal()` costs over the matrix products it cannot do without, and what `import initlab` adds to numpy's.

    python tests/bench_signal.py

Both are measured in one interleaved run and given as ratios or differences of medians, so that the machine's speed
and most of its noise cancel.  One BLAS thread; 256 wide, batch 256, depth 50, ReLU, float64.
"""

import os
import statistics
import subprocess
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
from budget import HEAD, Budget, text  # noqa: E402

import initlab  # noqa: E402

WIDTH, BATCH, DEPTH, ROUNDS = 256, 256, 50, 15


def seconds(f, *arguments):
    """The time one call takes."""
    start = time.perf_counter()
    f(*arguments)
    return time.perf_counter() - start


def products(weights, a, delta):
    """Two matrix products a layer and nothing else: W @ a on the way forward, W.T @ delta on the way back."""
    for w in weights:
        w @ a
    for w in reversed(weights):
        w.T @ delta


def signal_over_products():
    """Median times of `signal` and of the bare products, in turns."""
    rng = np.random.default_rng(0)
    widths = [WIDTH] * (DEPTH + 1)
    weights = [initlab.he_normal((WIDTH, WIDTH), rng) for _ in range(DEPTH)]
    x, delta = rng.standard_normal((2, WIDTH, BATCH))

    def signal():
        initlab.signal(widths, "relu", weights, x=x, rng=rng)

    signal(), products(weights, x, delta)  # warm
    pairs = [(seconds(signal), seconds(products, weights, x, delta)) for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*pairs, strict=True)]


def fresh_import(module):
    """Seconds an import takes in a new interpreter, as that interpreter measures it."""
    code = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def imports():
    """Median seconds of `import initlab` and of `import numpy`, in turns."""
    fresh_import("initlab")  # so that compiled files exist
    pairs = [(fresh_import("initlab"), fresh_import("numpy")) for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*pairs, strict=True)]


def measure():
    """(head, rows) of a table with every time, and the budgets."""
    (whole, floor), (ours, numpys) = signal_over_products(), imports()
    rows = [
        ["the matrix products alone", f"{1000 * floor:.1f}", "1"],
        ["`signal`", f"{1000 * whole:.1f}", f"{whole / floor:.2f}"],
        ["`import numpy`", f"{1000 * numpys:.0f}", "1"],
        ["`import initlab`", f"{1000 * ours:.0f}", f"{ours / numpys:.2f}"],
    ]
    budgets = [
        Budget("`signal`, × its matrix products", whole / floor, 1.25),
        Budget("`import initlab`, s more than `import numpy`", ours - numpys, 0.1),
    ]
    return (["what", "ms", "ratio"], rows), budgets


def main():
    """Print the times and the budgets; the exit status is 1 where one is broken."""
    table, budgets = measure()
    print(f"{WIDTH} wide, batch {BATCH}, depth {DEPTH}, one thread")
    print(text(*table), text(HEAD, [each.row() for each in budgets]), sep="\n\n")
    return not all(each.kept for each in budgets)


if __name__ == "__main__":
    sys.exit(main())
