"""How fast a slider moves a picture in a real JupyterLab: `python tests/bench_live.py` prints one table.

Ways to follow one slider, in one notebook, measured in turns within one run: a bare Label without any computing (the
floor), our live picture, for ReLU, whose gains are all one run, and for tanh, which computes 50 layers anew, and
`interact` with `plt.plot` of the tanh picture from the same computing.  A Label that waits for the same computing says
how much of the rest is computing.  Paint is the time from
the key event to the frame after the one in which the change was drawn.  A drag moves the handle 30 times a second for
three seconds, and the pictures that were really painted are counted; in the first one, limits and predictions are new.
Then memory: what the browser, the kernel and the saved notebook gain in many updates.  Needs what the browser tests
need, and a machine that does nothing else.
"""

import argparse
import math
import pathlib
import statistics
import tempfile
import time

import lab
import nbformat
import psutil

SETUP = """
from functools import lru_cache
from initlab import Probe, live, plots, predict  # before numpy: it asks for one BLAS thread
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
plots.use_style()

@lru_cache(maxsize=4)
def probe(width, seed):
    return Probe(width, depth=50, seed=seed)

def compute(gain, depth=50, activation="tanh", width=256, seed=0):
    found = probe(width, seed)(activation, depth, gain)
    law = predict([width] * (depth + 1), activation, ("variance_scaling", {"gain": gain}), batch=32)
    return found, law

def slider():
    return widgets.FloatSlider(1.0, min=0.1, max=3.0, step=0.05, description="gain")
"""
LABEL = """
label, gain = widgets.Label().add_class("bench-label"), slider()
gain.observe(lambda change: label.set_trait("value", f"gain {change['new']:.2f}"), names="value")
display(widgets.VBox([gain, label]))
"""
BUSY = """
busy, gain = widgets.Label().add_class("bench-busy"), slider()
def wait(change):
    found, law = compute(change["new"])
    busy.value = f"gain {change['new']:.2f}: {found.a2[0, -1]:.1e}"
gain.observe(wait, names="value")
display(widgets.VBox([gain, busy]))
"""
LIVE = """
panels = plots.SignalPanels(50)
def explore(gain):
    found, law = compute(gain, activation=ACTIVATION)
    panels.move(found, law)
    return f"gain {gain:.2f}: E[a^2] ends at {found.a2[0, -1]:.1e}"
picture = live.show(panels.fig, explore, panels.artists, gain=slider())
"""
INTERACT = """
def draw(gain):
    found, law = compute(gain)
    fig, axes = plt.subplots(1, 3, figsize=(9, 3.3), sharey=True)
    for ax, field in zip(axes, ("a2", "delta2", "dw2")):
        ax.fill_between(np.arange(51), *law.band(field), alpha=0.28)
        ax.plot(getattr(found, field)[0], "o")
        ax.plot(getattr(law, field))
        ax.set(yscale="log", title=field, xlabel="layer")
    plt.show()
both = widgets.interactive(draw, gain=slider())
both.out.add_class("bench-interact")
display(both)
"""
LIVES = [LIVE.replace("ACTIVATION", repr(name)) for name in ("relu", "tanh")]
SELECTORS = {
    "Label": ".bench-label",
    "Label, same computing": ".bench-busy",
    "live picture, relu": ".initlab-live-marks",
    "live picture, tanh": ".initlab-live-marks",
    "interact": ".bench-interact .jp-OutputArea",
}
CELLS = {name: k for k, name in enumerate(SELECTORS, start=1)}

# Notes every distinct state of a box and when the frame with it had been painted; images count once decoded.
WATCH = """([cell, selector]) => {
    const area = document.querySelectorAll('.jp-CodeCell')[cell], box = area.querySelector(selector);
    const around = box.closest('.initlab-live-picture') ?? box;
    const w = window.bench = {keys: [], moves: [], paints: []};
    const look = () => box.querySelector('img') ? box.querySelector('img').src : box.innerHTML;
    let last = look();
    const changed = async () => {
        const now = look();
        if (now === last || !now) return;
        last = now;
        const images = [...around.querySelectorAll('img')].filter(image => !image.complete);
        if (images.length) await Promise.all(images.map(image => image.decode().catch(() => {})));
        requestAnimationFrame(() => requestAnimationFrame(frame => w.paints.push([performance.now(), frame])));
    };
    w.observer?.disconnect();
    w.observer = new MutationObserver(changed);
    w.observer.observe(box, {childList: true, subtree: true, characterData: true, attributes: true});
    if (window.benchKeys) return;
    window.benchKeys = true;
    addEventListener('keydown', event => window.bench.keys.push(event.timeStamp), true);
    addEventListener('pointermove', event => window.bench.moves.push(event.timeStamp), true);
    addEventListener('mousemove', event => window.bench.moves.push(event.timeStamp), true);
}"""
PAINTED = "count => window.bench.paints.length >= count"
QUIET = """async milliseconds => {
    let seen;
    do { seen = window.bench.paints.length; await new Promise(go => setTimeout(go, milliseconds)); }
    while (seen !== window.bench.paints.length);
}"""


PRESSES = """async ([cell, selector, count]) => {
    const area = document.querySelectorAll('.jp-CodeCell')[cell], handle = area.querySelector('.noUi-handle');
    for (let k = 0; k < count; k++) {
        const moved = new Promise(go => {
            const box = area.querySelector(selector), old = box.innerHTML;
            const watch = new MutationObserver(() => {
                if (box.innerHTML && box.innerHTML !== old) { watch.disconnect(); go(); }
            });
            watch.observe(box, {childList: true, subtree: true, characterData: true});
        });
        const key = k % 20 < 10 ? 'ArrowRight' : 'ArrowLeft';
        handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
        await moved;
    }
}"""


def notebook_file(folder):
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (SETUP, LABEL, BUSY, *LIVES, INTERACT)]
    path = pathlib.Path(folder) / "bench.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": lab.KERNEL}), path)
    return path


class Way:
    """One of the pictures on the page, with what was measured of it."""

    def __init__(self, notebook, name):
        self.page, self.name = notebook.page, name
        self.cell = self.page.locator(".jp-CodeCell").nth(CELLS[name])
        self.handle = self.cell.locator(".noUi-handle")
        self.paint, self.frames, self.last, self.events = [], [], [], []

    def watch(self):
        self.cell.locator(SELECTORS[self.name]).first.scroll_into_view_if_needed()
        self.handle.scroll_into_view_if_needed()
        self.handle.focus()
        self.page.evaluate(WATCH, [CELLS[self.name], SELECTORS[self.name]])
        self.page.evaluate(QUIET, 100)

    def press(self, keys):
        """Press keys one after another, each when the last one's picture has been painted."""
        self.watch()
        for count, key in enumerate(keys, start=1):
            self.page.keyboard.press(key)
            self.page.wait_for_function(PAINTED, arg=count, timeout=20_000)
            self.page.evaluate(QUIET, 60)  # nothing left in flight
        w = self.page.evaluate("({keys: bench.keys, paints: bench.paints})")
        for key in w["keys"]:
            self.paint.append(min(paint for paint, _ in w["paints"] if paint > key) - key)

    def drag(self, seconds=3.0, rate=30):
        """Drag from the left end to the right and back, every event a new value; count what was painted."""
        self.watch()
        track = self.cell.locator(".noUi-base").bounding_box()
        handle = self.handle.bounding_box()
        y, mouse = handle["y"] + handle["height"] / 2, self.page.mouse
        mouse.move(handle["x"] + handle["width"] / 2, y)
        mouse.down()
        mouse.move(track["x"], y)
        self.page.evaluate(QUIET, 300)
        self.page.evaluate("bench.paints.length = 0, bench.moves.length = 0")
        start, steps = time.perf_counter(), int(seconds * rate)
        for k in range(1, steps + 1):
            pause = start + k / rate - time.perf_counter()
            if pause > 0:
                time.sleep(pause)  # the hand's own rhythm, not a wait for anything
            mouse.move(track["x"] + track["width"] * (1 - abs(1 - 2 * k / (steps + 1))), y)
        self.page.evaluate(QUIET, 500)
        w = self.page.evaluate("({moves: bench.moves, paints: bench.paints})")
        mouse.up()
        end = w["moves"][-1]
        frames = {frame for paint, frame in w["paints"] if paint <= end}
        self.frames.append(len(frames) / ((end - w["moves"][0]) / 1000))
        self.events.append(len(set(w["moves"])) / ((end - w["moves"][0]) / 1000))
        self.last.append(max(w["paints"][-1][0] - end, 0.0) if w["paints"] else math.nan)


def ready(chromium, server, root, path):
    """The notebook in a fresh page and kernel, run."""
    notebook = lab.open_notebook(chromium, server, root, path)
    notebook.run_all()
    assert not notebook.errors(), notebook.errors()
    return notebook


def percentile(values, p):
    return statistics.quantiles(values, n=100, method="inclusive")[p - 1]


def speed(notebook, rounds, drags):
    """Measure every way, in turns."""
    ways = [Way(notebook, name) for name in SELECTORS]
    for k in range(rounds):
        for way in ways:
            way.press(["ArrowRight" if k % 2 == 0 else "ArrowLeft"] * 6)
    for _ in range(drags):
        for way in ways:
            way.drag()
    return {way.name: way for way in ways}


SHARES = """
import time
def clock(do, gains=np.linspace(0.1, 3.0, 59)):
    times = []
    for gain in gains:
        start = time.perf_counter()
        do(gain)
        times.append(1000 * (time.perf_counter() - start))
    return f"{np.median(times):6.1f} ({max(times):.0f})"
first, again = clock(compute), clock(compute)
print("computing, at new gains", first, " again", again)
found, law = compute(1.3)
print("panels.move            ", clock(lambda gain: panels.move(found, law)))
print("picture.svg            ", clock(lambda gain: picture.svg()))
def limits(gain):
    for ax in panels.axes:
        ax.set_ylim(1e-9, 10.0 ** (3 * gain))
    picture._still.layers()
print("a frame with new limits", clock(limits))
"""


def memory(notebook, name, updates):
    """What many updates of one way add: (before, after) of browser and kernel in MB, and of the file in kB."""
    page, cell = notebook.page, CELLS[name]

    def now():
        session = page.context.browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        browser = sum(psutil.Process(each["id"]).memory_info().rss for each in processes)
        kernel = int(notebook.python("import gc, psutil; gc.collect(); print(psutil.Process().memory_info().rss)"))
        return browser / 1e6, kernel / 1e6, len(notebook.save()) / 1e3

    page.evaluate(PRESSES, [cell, SELECTORS[name], 20])
    before = now()
    page.evaluate(PRESSES, [cell, SELECTORS[name], updates])
    return before, now()


def report_memory(name, before, after, updates):
    what = ("browser MB", "kernel MB", "notebook kB")
    pairs = (f"{kind} {old:.0f} -> {new:.0f}" for kind, old, new in zip(what, before, after, strict=True))
    print(f"{name:24}{updates} updates: " + ", ".join(pairs))


def report(ways):
    floor, theirs = ways["Label"], ways["interact"]
    print(f"\n{'':24}{'paint ms p50':>14}{'p95':>8}{'x Label':>9}{'frames/s':>10}{'of Label':>10}{'last ms':>9}")
    mean = statistics.mean
    for way in ways.values():
        print(
            f"{way.name:24}{percentile(way.paint, 50):14.0f}{percentile(way.paint, 95):8.0f}"
            f"{percentile(way.paint, 50) / percentile(floor.paint, 50):9.2f}{mean(way.frames):10.1f}"
            f"{mean(way.frames) / mean(floor.frames):10.2f}{mean(way.last):9.0f}"
        )
    median = {way.name: percentile(way.paint, 50) for way in ways.values()}
    print(f"\nmouse events a second: {mean(e for way in ways.values() for e in way.events):.1f}; budgets:")
    for ours in (way for way in ways.values() if way.name.startswith("live")):
        budgets(ours, floor, theirs, median)


def budgets(ours, floor, theirs, median):
    mean = statistics.mean
    print(ours.name)
    rows = [
        ("paint, x a Label's (aim 1.4)", median[ours.name] / median[floor.name], 2.0, "at most"),
        ("paint, x interact's", median[ours.name] / median[theirs.name], 0.25, "at most"),
        ("frames in a drag, share of a Label's", mean(ours.frames) / mean(floor.frames), 0.85, "at least"),
        ("last frame after a Label's, ms", mean(ours.last) - mean(floor.last), 100, "at most"),
    ]
    for what, value, limit, sense in rows:
        kept = value <= limit if sense == "at most" else value >= limit
        print(f"  {what:40}{value:8.2f}   {sense} {limit:g}: {'kept' if kept else 'BROKEN'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="rounds of six key presses for each way")
    parser.add_argument("--drags", type=int, default=2, help="drags of three seconds for each way")
    parser.add_argument("--updates", type=int, default=500, help="updates between two looks at the memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, root = pathlib.Path(folder) / "home", pathlib.Path(folder) / "root"
        home.mkdir(), root.mkdir()
        path = notebook_file(folder)
        with lab.jupyterlab(home, root) as server, lab.browser() as chromium:
            notebook = ready(chromium, server, root, path)
            report(speed(notebook, options.rounds, options.drags))
            print("\nin the kernel, ms, median (largest):\n" + notebook.python(SHARES))
            notebook.close()
            for name in ("live picture, tanh", "interact"):
                notebook = ready(chromium, server, root, path)
                report_memory(name, *memory(notebook, name, options.updates), options.updates)
                notebook.close()


if __name__ == "__main__":
    main()
