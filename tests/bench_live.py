"""How fast a slider moves a picture in a real JupyterLab: `python tests/bench_live.py` prints one table.

Ways to follow one slider, in one notebook, measured in turns within one run: a bare Label without any computing (the
floor), our live picture, for ReLU, whose gains are all one run, and for tanh, which computes 50 layers anew,
`interact` with `plt.plot` of the tanh picture from the same computing, and, where it is installed, ipympl's canvas with
the very figure of our live picture.  A Label that waits for the same computing says how much of the rest is computing.
Paint is the time from the key event to the frame after the one in which the change was drawn.  A drag moves the handle
30 times a second for three seconds, and the pictures that were really painted are counted; in the first one, limits and
predictions are new.  Then memory: what the browser, the kernel and the saved notebook gain in many updates.  Needs what
the browser tests need, and a machine that does nothing else.
"""

import argparse
import importlib.util
import math
import pathlib
import statistics
import tempfile
import time

import lab
import nbformat
import psutil
from budget import HEAD, Budget, text

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
IPYMPL = """
from ipympl.backend_nbagg import _Backend_ipympl  # what `%matplotlib widget` does, for this one figure
theirs, gain = plots.SignalPanels(50), slider()
theirs.fig.draw_without_rendering()
theirs.fig.set_layout_engine("none")  # as ours: laying out again for every picture takes three times as long
_Backend_ipympl.new_figure_manager_given_figure(1, theirs.fig)
def follow(change):
    theirs.move(*compute(change["new"]))
    theirs.fig.canvas.draw_idle()
follow({"new": 1.0})
gain.observe(follow, names="value")
display(widgets.VBox([gain, theirs.fig.canvas.add_class("bench-ipympl")]))
"""
WAYS = {  # name -> (where its picture is, the cell that shows it)
    "Label": (".bench-label", LABEL),
    "Label, same computing": (".bench-busy", BUSY),
    "live picture, relu": (".initlab-live-marks", LIVE.replace("ACTIVATION", "'relu'")),
    "live picture, tanh": (".initlab-live-marks", LIVE.replace("ACTIVATION", "'tanh'")),
    "interact": (".bench-interact .jp-OutputArea", INTERACT),
}
if importlib.util.find_spec("ipympl"):
    WAYS["ipympl"] = (".bench-ipympl", IPYMPL)
KEYS = 6  # pressed for one way, before it is the next one's turn
CELLS = {name: k for k, name in enumerate(WAYS, start=1)}

# Tells a box when something is drawn on a canvas in it: no mutation says so.  (ipympl decodes an image, draws it on a
# canvas that is not on the page, and copies that.)
DRAWINGS = """() => {
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (...all) {
        draw.apply(this, all);
        const box = this.canvas.closest('.bench-ipympl');
        if (!box) return;
        box.drawings = (box.drawings ?? 0) + 1;
        box.dispatchEvent(new Event('drawn'));
    };
    window.benchLook = box => {
        if (box.matches('.bench-ipympl')) return String(box.drawings ?? 0);
        return box.querySelector('img') ? box.querySelector('img').src : box.innerHTML;
    };
}"""

# Notes every distinct state of a box and when the frame with it had been painted; images count once decoded.
WATCH = """([cell, selector]) => {
    const area = document.querySelectorAll('.jp-CodeCell')[cell], box = area.querySelector(selector);
    const around = box.closest('.initlab-live-picture') ?? box;
    const w = window.bench = {keys: [], moves: [], paints: []};
    let last = benchLook(box);
    const changed = async () => {
        const now = benchLook(box);
        if (now === last || !now) return;
        last = now;
        const images = [...around.querySelectorAll('img')].filter(image => !image.complete);
        if (images.length) await Promise.all(images.map(image => image.decode().catch(() => {})));
        requestAnimationFrame(() => requestAnimationFrame(frame => w.paints.push([performance.now(), frame])));
    };
    window.benchStop?.();
    const observer = new MutationObserver(changed);
    observer.observe(box, {childList: true, subtree: true, characterData: true, attributes: true});
    box.addEventListener('drawn', changed);
    window.benchStop = () => { observer.disconnect(); box.removeEventListener('drawn', changed); };
    if (window.benchKeys) return;
    window.benchKeys = true;
    addEventListener('keydown', event => window.bench.keys.push(event.timeStamp), true);
    addEventListener('pointermove', event => window.bench.moves.push(event.timeStamp), true);
    addEventListener('mousemove', event => window.bench.moves.push(event.timeStamp), true);
}"""
PAINTED = """count => {
    const {keys, paints} = window.bench;
    return keys.length >= count && paints.some(([paint]) => paint > keys[keys.length - 1]);
}"""
QUIET = """async milliseconds => {
    let seen;
    do { seen = window.bench.paints.length; await new Promise(go => setTimeout(go, milliseconds)); }
    while (seen !== window.bench.paints.length);
}"""


PRESSES = """async ([cell, selector, count]) => {
    const area = document.querySelectorAll('.jp-CodeCell')[cell], handle = area.querySelector('.noUi-handle');
    for (let k = 0; k < count; k++) {
        const moved = new Promise(go => {
            const box = area.querySelector(selector), old = benchLook(box);
            const look = () => {
                const now = benchLook(box);
                if (!now || now === old) return;
                watch.disconnect();
                box.removeEventListener('drawn', look);
                go();
            };
            const watch = new MutationObserver(look);
            watch.observe(box, {childList: true, subtree: true, characterData: true, attributes: true});
            box.addEventListener('drawn', look);
        });
        const key = k % 20 < 10 ? 'ArrowRight' : 'ArrowLeft';
        handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
        await moved;
    }
}"""


def notebook_file(folder):
    sources = [SETUP, *(source for _, source in WAYS.values())]
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
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
        self.cell.locator(WAYS[self.name][0]).first.scroll_into_view_if_needed()
        self.handle.scroll_into_view_if_needed()
        self.handle.focus()
        self.page.evaluate(WATCH, [CELLS[self.name], WAYS[self.name][0]])
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
    notebook.page.evaluate(DRAWINGS)
    notebook.run_all()
    assert not notebook.errors(), notebook.errors()
    return notebook


def percentile(values, p):
    return statistics.quantiles(values, n=100, method="inclusive")[p - 1]


def speed(notebook, rounds, drags):
    """Measure every way, in turns."""
    ways = [Way(notebook, name) for name in WAYS]
    for k in range(rounds):
        for way in ways:
            way.press(["ArrowRight" if k % 2 == 0 else "ArrowLeft"] * KEYS)
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

    page.evaluate(PRESSES, [cell, WAYS[name][0], 20])
    before = now()
    page.evaluate(PRESSES, [cell, WAYS[name][0], updates])
    return before, now()


def mean(values):
    return statistics.fmean(values)


def speed_table(ways):
    """(head, rows): one row for each way."""
    floor = ways["Label"]
    head = ["way", "paint ms, median", "p95", "× Label", "frames/s in a drag", "of Label", "last frame, ms"]
    rows = []
    for way in ways.values():
        median = percentile(way.paint, 50)
        cells = [median, percentile(way.paint, 95), median / percentile(floor.paint, 50), mean(way.frames)]
        cells += [mean(way.frames) / mean(floor.frames), mean(way.last)]
        formats = ("{:.0f}", "{:.0f}", "{:.2f}", "{:.1f}", "{:.2f}", "{:.0f}")
        rows.append([way.name, *(form.format(cell) for form, cell in zip(formats, cells, strict=True))])
    return head, rows


def budgets(ways):
    """What both live pictures may cost, as multiples of the other ways in the same run."""
    median, floor = {way.name: percentile(way.paint, 50) for way in ways.values()}, ways["Label"]
    found = []
    for ours in (way for way in ways.values() if way.name.startswith("live")):
        found += [
            Budget(f"{ours.name}: paint, × a Label's (aim 1.4)", median[ours.name] / median["Label"], 2.0),
            Budget(f"{ours.name}: paint, × `interact`'s", median[ours.name] / median["interact"], 0.25),
            Budget(
                f"{ours.name}: frames, share of a Label's", mean(ours.frames) / mean(floor.frames), 0.85, "at least"
            ),
            Budget(f"{ours.name}: last frame, ms after a Label's", mean(ours.last) - mean(floor.last), 100),
        ]
        if "ipympl" in ways:
            found.append(Budget(f"{ours.name}: paint, × ipympl's", median[ours.name] / median["ipympl"], 0.5))
    return found


def measure(rounds=8, drags=8, updates=500):
    """The table of speeds, its budgets, what the kernel spends its time on, and the table of memory."""
    with tempfile.TemporaryDirectory() as folder:
        home, root = pathlib.Path(folder) / "home", pathlib.Path(folder) / "root"
        home.mkdir(), root.mkdir()
        path = notebook_file(folder)
        with lab.jupyterlab(home, root) as server, lab.browser() as chromium:
            notebook = ready(chromium, server, root, path)
            ways = speed(notebook, rounds, drags)
            shares = notebook.python(SHARES)
            notebook.close()
            rows = []
            for name in (name for name in ("live picture, tanh", "interact", "ipympl") if name in WAYS):
                notebook = ready(chromium, server, root, path)
                before, after = memory(notebook, name, updates)
                rows.append([name, *(f"{x:.0f} → {y:.0f}" for x, y in zip(before, after, strict=True))])
                notebook.close()
    head = [f"way, over {updates} updates", "browser, MB", "kernel, MB", "notebook, kB"]
    return speed_table(ways), budgets(ways), shares, (head, rows)


def command_line(words, updates):
    """How often everything is done, from the command line."""
    parser = argparse.ArgumentParser(description=words.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="rounds of six key presses for each live way")
    parser.add_argument("--drags", type=int, default=8, help="drags of three seconds; they differ by 8 %%")
    parser.add_argument("--updates", type=int, default=updates, help="updates between two looks at the memory")
    return parser.parse_args()


def main():
    options = command_line(__doc__, updates=500)
    if "ipympl" not in WAYS:
        print("ipympl is not installed here: its row is left out")
    speeds, kept, shares, memories = measure(options.rounds, options.drags, options.updates)
    print(text(*speeds), text(HEAD, [each.row() for each in kept]), sep="\n\n")
    print("\nin the kernel, ms, median (largest):", shares, text(*memories), sep="\n")


if __name__ == "__main__":
    main()
