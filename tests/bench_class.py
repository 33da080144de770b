"""A class on one JupyterLab server: `python tests/bench_class.py --learners 30` prints what each learner costs.

Every learner gets a kernel, runs a whole chapter in it, and then drags its gain slider: ten new values a second, each
sent as the browser sends it, the next one only when the kernel has answered the last.  Printed are the memory of a
kernel and of the server, how long the chapter took with all running at once, how long a picture took to follow, the
slowest of all, and whether anybody was cut off.  It speaks to the server through websockets, without a browser: what
is measured is what the server's machine has to do, painting is the learner's own machine's work.
"""

import argparse
import json
import pathlib
import secrets
import statistics
import tempfile
import threading
import time
import urllib.request
import uuid

import lab
import nbformat
import psutil
import websocket

CHAPTER = pathlib.Path(__file__).resolve().parents[1] / "notebooks" / "02_vanishing_and_exploding.ipynb"


class Learner:
    """One kernel of the server, with a websocket to it and the widgets that it has opened."""

    def __init__(self, server, folder):
        self.url, self.token = server
        self.folder, self.session = folder, uuid.uuid4().hex
        self.widgets, self.errors, self.pictures, self.waits, self.run_time = {}, [], 0, [], None
        self.kernel = self._post("/api/kernels", {"name": "python3", "path": folder})["id"]
        address = f"{self.url.replace('http', 'ws', 1)}/api/kernels/{self.kernel}/channels"
        header = [f"Authorization: token {self.token}"]
        self.socket = websocket.create_connection(address, header=header, timeout=300, http_no_proxy=["127.0.0.1"])

    def _post(self, path, body):
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return json.load(opener.open(request, timeout=300))

    def _send(self, kind, content, metadata=None):
        """Send a message on the shell channel; returns its id."""
        name = secrets.token_hex(16)
        header = dict(msg_id=name, msg_type=kind, session=self.session, username="learner", version="5.3", date="")
        message = dict(
            header=header, parent_header={}, metadata=metadata or {}, content=content, channel="shell", buffers=[]
        )
        self.socket.send(json.dumps(message))
        return name

    def _follow(self, name):
        """Read until the kernel is idle again after message `name`; note widgets, errors and pictures on the way."""
        moved = False
        while True:
            message = self.socket.recv()
            if isinstance(message, bytes):
                continue  # with binary buffers; no picture of ours has any
            message = json.loads(message)
            if message.get("parent_header", {}).get("msg_id") != name:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "comm_open":
                self.widgets[content["comm_id"]] = content["data"].get("state", {})
            elif kind == "comm_msg":
                state, widget = content["data"].get("state", {}), self.widgets.get(content["comm_id"], {})
                moved = moved or ("value" in state and "initlab-live-marks" in widget.get("_dom_classes", []))
                widget.update(state)
            elif kind == "error":
                self.errors.append(f"{content['ename']}: {content['evalue']}")
            elif kind == "status" and content["execution_state"] == "idle":
                return moved

    def run(self, cells):
        """Run the chapter from top to bottom."""
        start = time.perf_counter()
        for source in cells:
            self._follow(self._send("execute_request", dict(code=source, silent=False, store_history=True)))
        self.run_time = time.perf_counter() - start

    def drag(self, seconds, rate=10):
        """Move the gain slider; waits are from sending a value until the picture's message and idle are back."""
        slider = next(
            name
            for name, state in self.widgets.items()
            if state.get("description") == "gain" and state.get("_model_name") == "FloatSliderModel"
        )
        end, k = time.perf_counter() + seconds, 0
        while (start := time.perf_counter()) < end:
            k += 1
            value = round(0.5 + 0.05 * (k % 40), 2)
            data = dict(method="update", state={"value": value}, buffer_paths=[])
            moved = self._follow(self._send("comm_msg", dict(comm_id=slider, data=data), metadata={"version": "2.1.0"}))
            self.pictures += moved
            self.waits.append(time.perf_counter() - start)
            time.sleep(max(0.0, 1 / rate - self.waits[-1]))  # the hand's own rhythm


def together(learners, do):
    """Run `do(learner)` for all at once; what one raises is noted as being cut off."""

    def one(learner):
        try:
            do(learner)
        except Exception as problem:
            learner.errors.append(f"cut off: {type(problem).__name__}: {problem}")

    threads = [threading.Thread(target=one, args=(learner,)) for learner in learners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def megabytes(process):
    return process.memory_info().rss / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long everybody drags")
    options = parser.parse_args()
    cells = [cell.source for cell in nbformat.read(CHAPTER, 4).cells if cell.cell_type == "code"]
    with tempfile.TemporaryDirectory() as folder:
        home, root = pathlib.Path(folder) / "home", pathlib.Path(folder) / "root"
        home.mkdir(), root.mkdir()
        with lab.jupyterlab(home, root) as server:
            start = time.perf_counter()
            learners = [Learner(server, "") for _ in range(options.learners)]
            together(learners, lambda each: each.run(cells))
            print(f"{options.learners} learners, chapter {CHAPTER.stem}, {psutil.cpu_count()} cores")
            times = [each.run_time or float("nan") for each in learners]
            print(f"everybody through the chapter after {time.perf_counter() - start:.0f} s, each in {max(times):.0f}")
            together(learners[:1], lambda each: each.drag(options.seconds / 4))
            alone, learners[0].waits, learners[0].pictures = list(learners[0].waits), [], 0
            together(learners, lambda each: each.drag(options.seconds))
            this = psutil.Process()
            servers = [p for p in this.children(recursive=True) if "jupyterlab" in " ".join(p.cmdline())]
            kernels = [p for p in this.children(recursive=True) if "ipykernel" in " ".join(p.cmdline())]
            sizes = [megabytes(kernel) for kernel in kernels]
            waits = [1000 * wait for each in learners for wait in each.waits]
            print(f"memory of a kernel, MB: median {statistics.median(sizes):.0f}, largest {max(sizes):.0f}")
            print(f"memory of the server, MB: {sum(map(megabytes, servers)):.0f}; of all {sum(sizes) / 1e3:.1f} GB")
            print(f"a picture follows, ms, one hand moving: median {1000 * statistics.median(alone):.0f}")
            quantiles = statistics.quantiles(waits, n=20)
            print(
                f"a picture follows, ms, {options.learners} hands moving: median {statistics.median(waits):.0f}, "
                f"p95 {quantiles[-1]:.0f}, slowest {max(waits):.0f}"
            )
            rate = sum(each.pictures for each in learners) / options.seconds
            print(f"pictures a second, all together: {rate:.0f}; of one learner at least "
                  f"{min(each.pictures for each in learners) / options.seconds:.1f}")  # fmt: skip
            errors = [error for each in learners for error in each.errors]
            print(f"cut off or in error: {len(errors)}", *errors[:3], sep="\n  " if errors else "")


if __name__ == "__main__":
    main()
