"""A private JupyterLab and a headless Chromium, for the browser tests and the live benchmark."""

import contextlib
import importlib.util
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing else can be reached
]
HOW_TO_GET = "browser tests need playwright (pip install -e .[browser]) and Chromium (Debian: apt install chromium)"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

SETTINGS = {  # no news popup, no windowing, no saving behind the test's back
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}


@contextlib.contextmanager
def jupyterlab(home: pathlib.Path, root: pathlib.Path):
    """Serve `root` from a JupyterLab of its own: yields (url, token).  Its log is home/server.log."""
    for name, values in SETTINGS.items():
        file = home / "config/lab/user-settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    folders = dict(
        JUPYTER_CONFIG_DIR="config", JUPYTER_DATA_DIR="data", JUPYTER_RUNTIME_DIR="runtime", IPYTHONDIR="ipython"
    )
    env = {**os.environ, **{key: str(home / folder) for key, folder in folders.items()}}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token, url, log = secrets.token_hex(16), f"http://127.0.0.1:{port}", home / "server.log"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={root}", "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    with log.open("w") as out:
        server = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait_until_up(url, token, server, log)
        yield url, token
    finally:
        server.send_signal(signal.SIGTERM)  # stops the kernels too; SIGINT would ask
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_until_up(url, token, server, log, seconds=90):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url + "/api/status", headers={"Authorization": f"token {token}"})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            opener.open(request, timeout=2)
            return
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def missing():
    """Whether playwright, or any Chromium for it, is not installed."""
    if importlib.util.find_spec("playwright") is None:
        return True
    if CHROMIUM is not None:
        return False
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:  # the browser that playwright itself can install
        return not os.path.exists(play.chromium.executable_path)


@contextlib.contextmanager
def browser():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield chromium
        chromium.close()


READY = """async () => {
    const panel = window.jupyterapp?.shell.currentWidget;
    if (!panel?.sessionContext) return false;
    await panel.sessionContext.ready;
    const kernel = panel.sessionContext.session?.kernel;
    return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
RUN_ALL = """async seconds => {
    const late = new Promise((_, no) => setTimeout(() => no(new Error('Run All took too long')), seconds * 1000));
    await Promise.race([jupyterapp.commands.execute('notebook:run-all-cells'), late]);
}"""
RUN = """async ([number, wait]) => {
    const panel = jupyterapp.shell.currentWidget, cells = panel.content.widgets;
    panel.content.activeCellIndex = cells.indexOf(cells.filter(cell => cell.model.type === 'code')[number]);
    const done = jupyterapp.commands.execute('notebook:run-cell');
    if (wait) await done;
}"""
SAVE = """async () => { await jupyterapp.commands.execute('docmanager:save'); }"""
OUTPUTS = """() => jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap(c => c.outputs || [])"""
CHANGED = """([box, old]) => document.querySelectorAll('.initlab-live-picture')[box]?.innerHTML !== old"""


class Notebook:
    """One notebook, open in its own page of a JupyterLab."""

    def __init__(self, page, server, file):
        self.page, (self.url, self.token), self.file, self.name = page, server, file, file.name
        self.problems, self.foreign = [], []
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def open(self, kernel=True, timeout=90_000):
        """Open it in a workspace of its own and wait for its kernel (which looks idle before there is one)."""
        where = f"{self.url}/lab/workspaces/t{secrets.token_hex(4)}/tree/{self.name}?token={self.token}"
        self.page.goto(where, wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=timeout)
        if kernel:
            self.page.wait_for_function(READY, timeout=timeout)
        return self

    def run_all(self, seconds=120):
        """Run every cell; returns the stored outputs."""
        self.page.evaluate(RUN_ALL, seconds)
        return self.outputs()

    def run_cell(self, number, wait=True):
        """Run the code cell of this number, counted from 0; wait until it has ended, or only ask for it."""
        self.page.evaluate(RUN, [number, wait])

    def outputs(self):
        return self.page.evaluate(OUTPUTS)

    def errors(self):
        """The error outputs and what stands on standard error, as text."""
        kinds = {"error": lambda o: f"{o['ename']}: {o['evalue']}", "stream": lambda o: o["text"]}
        return [
            kinds[o["output_type"]](o)
            for o in self.outputs()
            if o["output_type"] == "error" or o.get("name") == "stderr"
        ]

    def save(self):
        """Save it, and return the file's bytes."""
        self.page.evaluate(SAVE)
        return self.file.read_bytes()

    def pictures(self):
        return self.page.locator(".initlab-live-picture")

    def slider(self, label, box=0):
        """The slider with this label in live picture number `box`."""
        live = self.page.locator(".initlab-live").nth(box)
        return live.locator(".widget-slider", has=self.page.locator(f".widget-label:text-is('{label}')")).first

    def press(self, label, key, times=1, box=0):
        handle = self.slider(label, box).locator(".noUi-handle")
        handle.scroll_into_view_if_needed()
        handle.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def drag(self, label, to, steps=30, milliseconds=33, box=0):
        """Drag a slider's handle to a fraction of its track, in `steps` moves."""
        slider = self.slider(label, box)
        slider.scroll_into_view_if_needed()
        track, handle = slider.locator(".noUi-base").bounding_box(), slider.locator(".noUi-handle").bounding_box()
        start, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        self.page.mouse.move(start, y)
        self.page.mouse.down()
        for k in range(1, steps + 1):
            self.page.mouse.move(start + (track["x"] + track["width"] * to - start) * k / steps, y)
            self.page.wait_for_timeout(milliseconds)
        self.page.mouse.up()

    def readout(self, label, box=0):
        """What stands beside the slider, with a plain minus sign."""
        return self.slider(label, box).locator(".widget-readout").inner_text().replace("\u2212", "-")

    def picture(self, box=0):
        """What live picture number `box` shows, as text: it has moved when this has changed."""
        return self.pictures().nth(box).inner_html()

    def wait_for_change(self, old, box=0, timeout=10_000):
        self.page.wait_for_function(CHANGED, arg=[box, old], timeout=timeout)

    def python(self, code):
        """Run code in the notebook's kernel, outside its cells, and return what it printed."""
        return self.page.evaluate(
            """async code => {
                const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                let text = '';
                const future = kernel.requestExecute({code, store_history: false});
                future.onIOPub = m => { if (m.header.msg_type === 'stream') text += m.content.text;
                                        if (m.header.msg_type === 'error') text += m.content.evalue; };
                await future.done;
                return text;
            }""",
            code,
        )

    def until(self, holds, seconds=20):
        """Wait until a function returns something true, and return that."""
        end = time.monotonic() + seconds
        while not (value := holds()):
            if time.monotonic() > end:
                raise TimeoutError(f"still not: {holds.__doc__ or holds.__name__}")
            self.page.wait_for_timeout(30)  # keeps the page's events coming
        return value

    def close(self):
        with contextlib.suppress(Exception):
            self.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
        self.page.context.close()


def open_notebook(chromium, server, root, path, *, kernel=True, width=1400, height=1000):
    """A copy of `path` in `root`, opened in a fresh context; what it asks of other machines is noted, and fails."""
    target = root / pathlib.Path(path).name
    if target != pathlib.Path(path):
        shutil.copy(path, target)
    context = chromium.new_context(viewport=dict(width=width, height=height))
    notebook = Notebook(context.new_page(), server, target)
    own = (notebook.url, notebook.url.replace("http", "ws", 1), "data:", "blob:", "about:")

    def note(address):
        if not address.startswith(own):
            notebook.foreign.append(address)

    context.on("request", lambda request: note(request.url))
    notebook.page.on("websocket", lambda socket: note(socket.url))
    return notebook.open(kernel=kernel)


# --- live pictures ----------------------------------------------------------------------------------------------
def count(page):
    return page.pictures().count()


SHOWN = """box => {
    const live = document.querySelectorAll('.initlab-live-picture')[box];
    const paths = [...live.querySelectorAll('path')].map(path => path.getAttribute('d'));
    return [live.querySelector('.initlab-live-caption').innerText, ...paths];
}"""
MADE = """
import html, json, re
from initlab import live
def made(picture):
    with picture._lock:
        values = {name: control.value for name, control in picture.controls.items()}
        assert picture.error is None, picture.error
        assert picture.values == values, (picture.values, values)
        before, still = picture._marks.value, "".join(layer.value for layer in picture._frames)
        picture.set(**values)
        assert picture._marks.value == before
        return [picture.caption, *re.findall(r' d="([^"]*)"', still + before)]
"""


def shown_is_made(page, box):
    """The page shows what the kernel makes of the controls' values."""
    made = page.python(f"{MADE}\nprint(json.dumps(made(live.PICTURES[{box}])))")
    try:
        made = json.loads(made)
    except json.JSONDecodeError:
        return False  # an event is on its way: the controls are ahead of the picture
    return page.page.evaluate(SHOWN, box) == made


def settles(page, box):
    page.until(lambda: shown_is_made(page, box))


def live_box(page, box):
    return page.page.locator(".initlab-live").nth(box)


def labels(page, box):
    """The labels of a live picture's sliders."""
    return live_box(page, box).locator(".widget-slider .widget-label").all_inner_texts()


def step(page, label, box):
    """Press an arrow key that moves this slider, and wait for the picture."""
    old, handle = page.picture(box), page.slider(label, box).locator(".noUi-handle")
    right = float(handle.get_attribute("aria-valuenow")) < float(handle.get_attribute("aria-valuemax"))
    page.press(label, "ArrowRight" if right else "ArrowLeft", box=box)
    page.wait_for_change(old, box)


WIDGETS = """
import gc, ipywidgets
gc.collect()
print(sum(isinstance(thing, ipywidgets.Widget) and thing.comm is not None for thing in gc.get_objects()))
"""
KERNEL_MEMORY = """
import gc, psutil, sys
gc.collect()
print(psutil.Process().memory_info().rss, sys.getallocatedblocks(), len(gc.get_objects()))
"""
