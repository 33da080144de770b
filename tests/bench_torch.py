"""`signal()` against PyTorch on the CPU doing the same probe: `python tests/bench_torch.py`, with PyTorch.

Both take 50 ReLU layers of 256 units with the same weights, 256 examples and a random cotangent, in double precision
on one thread, and return four second moments per layer: of z, a, delta and the per-example weight gradient.  PyTorch
does it three ways: by hand with the same two products a layer, by autograd with the norms multiplied (the gradient of
one example is an outer product, so its square is |delta|^2 |a|^2), and by autograd's own per-example gradients
(`torch.func`), which hold every outer product.  Measured in turns; ratios of medians.
"""

import os
import statistics
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from budget import HEAD, Budget, text  # noqa: E402

import initlab  # noqa: E402

WIDTH, BATCH, DEPTH, ROUNDS, SMALL = 256, 256, 50, 9, 8


def problem(batch):
    rng = np.random.default_rng(0)
    weights = [initlab.he_normal((WIDTH, WIDTH), rng) for _ in range(DEPTH)]
    x = rng.standard_normal((WIDTH, batch))
    dz = np.random.default_rng(1).standard_normal((WIDTH, batch))  # what `signal` draws from that seed
    return weights, x, dz


def ours(weights, x):
    found = initlab.signal([WIDTH] * (DEPTH + 1), "relu", weights, x=x, rng=np.random.default_rng(1))
    return np.array([found.z2[0, 1:], found.a2[0, 1:], found.delta2[0, 1:], found.dw2[0, 1:]])


def moments(zs, activations, deltas):
    """The four fields from lists of tensors (units, batch)."""
    norms = [(v * v).sum(dim=0) for v in (*activations,)]
    back = [(v * v).sum(dim=0) for v in deltas]
    dw2 = [(d @ a).item() / (len(a) * WIDTH**2) for d, a in zip(back, norms, strict=False)]
    means = [[(v * v).mean().item() for v in part] for part in (zs, (*activations[1:], zs[-1]), deltas)]
    return np.array([*means, dw2])


def by_hand(weights, x, dz):
    zs, activations = [], [x]
    for n, w in enumerate(weights, start=1):
        zs.append(w @ activations[-1])
        if n < DEPTH:
            activations.append(torch.relu(zs[-1]))
    deltas = [dz]
    for n in range(DEPTH - 1, 0, -1):
        deltas.append((weights[n].T @ deltas[-1]) * (zs[n - 1] > 0))
    return moments(zs, activations, deltas[::-1])


def by_autograd(weights, x, dz):
    zs, activations = [], [x.requires_grad_()]
    for n, w in enumerate(weights, start=1):
        zs.append(w @ activations[-1])
        if n < DEPTH:
            activations.append(torch.relu(zs[-1]))
    deltas = torch.autograd.grad((zs[-1] * dz).sum(), zs)
    with torch.no_grad():
        return moments(zs, activations, deltas)


def by_example(weights, x, dz):
    """The weight gradients alone, one full matrix for each example and layer."""

    def cost(weights, x, dz):
        for w in weights[:-1]:
            x = torch.relu(w @ x)
        return (weights[-1] @ x) @ dz

    grads = torch.func.vmap(torch.func.grad(cost), in_dims=(None, 1, 1))(weights, x, dz)
    return np.array([(g * g).mean().item() for g in grads])


def seconds(f, *arguments):
    start = time.perf_counter()
    f(*arguments)
    return time.perf_counter() - start


def ways():
    """name -> the function that does the probe that way, each with the same weights, examples and cotangents."""
    weights, x, dz = problem(BATCH)
    theirs = [torch.from_numpy(w) for w in weights], torch.from_numpy(x), torch.from_numpy(dz)
    small = theirs[0], theirs[1][:, :SMALL].clone(), theirs[2][:, :SMALL].clone()
    for f in (by_hand, by_autograd):
        np.testing.assert_allclose(f(*theirs), ours(weights, x), rtol=1e-9)
    part, dz_small = x[:, :SMALL], dz[:, :SMALL]
    exact = by_autograd(theirs[0], torch.from_numpy(part.copy()), torch.from_numpy(dz_small.copy()))[3]
    np.testing.assert_allclose(by_example(*small), exact, rtol=1e-9)
    return {
        "`signal`": lambda: ours(weights, x),
        "PyTorch, by hand": lambda: by_hand(*theirs),
        "PyTorch, autograd and norms": lambda: by_autograd(*theirs),
        f"PyTorch, gradients of {SMALL} examples × {BATCH // SMALL}": lambda: by_example(*small),
    }


def measure():
    """(head, rows) of a table with every time, and the budgets."""
    torch.set_num_threads(1)
    runs = ways()
    times = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            times[name].append(seconds(run) * (BATCH // SMALL if "examples" in name else 1))
    median = {name: statistics.median(values) for name, values in times.items()}
    mine, hand, autograd, _ = median.values()
    rows = [[name, f"{1000 * value:.0f}", f"{value / mine:.2f}"] for name, value in median.items()]
    budgets = [
        Budget("`signal`, × PyTorch by hand", mine / hand, 1.0),
        Budget("`signal`, × PyTorch with autograd", mine / autograd, 1.0),
    ]
    return (["what", "ms", "× `signal`"], rows), budgets


def main():
    """Print the times and the budgets; the exit status is 1 where one is broken."""
    table, budgets = measure()
    print(f"{WIDTH} wide, {DEPTH} layers, batch {BATCH}, float64, one thread, torch {torch.__version__}")
    print(text(*table), text(HEAD, [each.row() for each in budgets]), sep="\n\n")
    return not all(each.kept for each in budgets)


if __name__ == "__main__":
    sys.exit(main())
