"""A training loop that records what a chapter replays: losses, and at chosen steps weights, activations, gradients."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from initlab._checks import check_rng, choice, finite, whole


def _softmax(z):
    """(exp(z) / sum exp(z), log sum exp(z)) down each column of z, without overflow."""
    top = z.max(axis=0)
    e = np.exp(z - top)
    total = e.sum(axis=0)
    e /= total
    return e, top + np.log(total)


def softmax(z):
    """Class probabilities exp(z) / sum exp(z) down each column of z, shape (classes, batch)."""
    return _softmax(z)[0]


def cross_entropy(z, y):
    """(mean loss, dloss/dz) of logits z, shape (classes, batch), against labels y; or of one logit row against 0 / 1.

    The gradient is that of the mean over the batch: (softmax(z) - onehot(y)) / batch.
    """
    batch = z.shape[1]
    if z.shape[0] == 1:
        e = np.exp(-np.abs(z))
        loss = np.maximum(z[0], 0) - z[0] * y + np.log1p(e[0])
        return loss.mean(), (np.where(z >= 0, 1.0, e) / (1.0 + e) - y) / batch
    (dz, log_sum), each = _softmax(z), np.arange(batch)
    dz[y, each] -= 1.0
    dz /= batch
    return (log_sum - z[y, each]).mean(), dz


def squared_error(z, y):
    """(half the mean over examples of |z - y|^2, its gradient) for outputs z and targets y, both (n_L, batch)."""
    return 0.5 * ((z - y) ** 2).sum() / z.shape[1], (z - y) / z.shape[1]


LOSSES = {"cross_entropy": cross_entropy, "squared_error": squared_error}


@dataclass
class History:
    """`loss[k]` is the minibatch loss before step k; `records[i]` what `record` returned at step `recorded[i]`.

    `diverged` is the first step whose loss was no longer finite (training stops there), or None.
    """

    loss: list = field(default_factory=list)
    recorded: list = field(default_factory=list)
    records: list = field(default_factory=list)
    diverged: int | None = None


def _steps(optimizer, momentum):
    """update(parameter, gradient, memory, lr, t) in place, for one of the optimisers."""
    if optimizer == "sgd":

        def update(p, g, memory, lr, t):
            if momentum:
                g = memory["v"] = g if "v" not in memory else momentum * memory["v"] + g
            p -= lr * g

        return update

    def adam(p, g, memory, lr, t):  # Kingma and Ba 2015, algorithm 1
        memory["m"] = 0.9 * memory.get("m", 0.0) + 0.1 * g
        memory["v"] = 0.999 * memory.get("v", 0.0) + 0.001 * g * g
        p -= lr * (memory["m"] / (1 - 0.9**t)) / (np.sqrt(memory["v"] / (1 - 0.999**t)) + 1e-8)

    return adam


def _targets(y, examples, outputs, loss):
    """y as an array that fits the loss, or the error a learner needs."""
    y = np.asarray(y)
    if loss == "squared_error":
        if y.shape != (outputs, examples):
            raise ValueError(f"y must hold targets of shape ({outputs}, {examples}), got shape {y.shape}")
        return y
    if y.shape != (examples,):
        raise ValueError(f"y must hold one label for each of the {examples} examples, got shape {y.shape}")
    last = max(outputs, 2) - 1  # one output serves two classes
    if (wrong := y[~np.isin(y, np.arange(last + 1))]).size:
        raise ValueError(f"y must hold labels from 0 to {last} for {outputs} outputs, got {wrong[0]}")
    return y.astype(int)


def train(
    net,
    x,
    y,
    *,
    steps,
    lr,
    batch=64,
    rng,
    optimizer="sgd",
    momentum=0.0,
    loss="cross_entropy",
    record: Callable | None = None,
    every=1,
):
    """Train `net` in place on minibatches and return the `History`.

    x is (n_0, examples); y holds labels for cross_entropy, or targets (n_L, examples) for squared_error.
    optimizer: sgd (with momentum) or adam.  record(net, trace, grads, step) is called before step 0, `every`,
    2 `every`, ... and its results are kept: copy what you want to keep.  Stops where the loss is no longer finite.
    Raises ValueError or TypeError for bad arguments.
    """
    x = np.asarray(x)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"x must have shape (n_0, examples), got {x.shape}: examples are columns")
    y = _targets(y, x.shape[1], len(net.b[-1]), choice("loss", loss, LOSSES))
    steps, every, batch = whole("steps", steps, least=0), whole("every", every), whole("batch", batch)
    lr, momentum = finite("lr", lr, least=0.0), finite("momentum", momentum, least=0.0)
    check_rng(rng)
    cost, update = LOSSES[loss], _steps(choice("optimizer", optimizer, ("sgd", "adam")), momentum)
    history, memories = History(), [({}, {}) for _ in range(net.depth + 1)]
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            chosen = rng.integers(x.shape[1], size=min(batch, x.shape[1]))
            trace = net.forward(x[:, chosen])
            value, dz = cost(trace.output, y[..., chosen])
            history.loss.append(float(value))
            if not np.isfinite(value):
                history.diverged = step
                break
            grads = net.backward(trace, dz)
            if record is not None and step % every == 0:
                history.recorded.append(step)
                history.records.append(record(net, trace, grads, step))
            for n in range(1, net.depth + 1):
                update(net.W[n], grads.W[n], memories[n][0], lr, step + 1)
                update(net.b[n], grads.b[n], memories[n][1], lr, step + 1)
    return history


def accuracy(net, x, y):
    """The fraction of columns of x whose largest output is at label y (one output: whose sign fits a 0 / 1 label)."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = net.forward(x).output
    guess = z.argmax(axis=0) if z.shape[0] > 1 else (z[0] > 0).astype(int)
    return float(np.mean((guess == y) & np.isfinite(z).all(axis=0)))
