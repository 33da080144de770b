"""Every notebook in a real JupyterLab: it runs clean, its pictures move, and they are seen without a kernel too.

One page a notebook, used by all its tests in the order in which they stand here; the last ones save and reopen it.
"""

import base64
import io
import os
import pathlib
import subprocess
import sys
from itertools import pairwise

import lab
import nbformat
import numpy as np
import psutil
import pytest
from lab import KERNEL_MEMORY, WIDGETS, count, labels, live_box, settles, step
from PIL import Image

pytestmark = pytest.mark.browser
if not os.environ.get("CI") and lab.missing():
    pytest.skip(lab.HOW_TO_GET, allow_module_level=True)

NOTEBOOKS = sorted((pathlib.Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))

# A notebook with every kind of artist and control, pictures whose limits move, and one that fails on purpose.
OWN = [
    """
import matplotlib.collections as mc, numpy as np
from initlab import live, plots
plots.use_style()
""",
    """
fig, ax = plots.panels(size=(5, 2))
ax.plot([0, 1], [0, 1])
plots.show(fig, "An ordinary figure: a line that rises.")
""",
    """
fig, (left, right) = plots.panels(2, size=(9, 3.4))
x = np.linspace(0, 10, 60)
band = left.fill_between(x, -x, x, color="#767676", alpha=0.3, linewidth=0)
(line,) = left.plot(x, x, "--", color="#d55e00", label="wave")
(dots,) = left.plot(x, x, "o", color="#0072b2")
(open_,) = left.plot(x, x, "^", color="#009e73", fillstyle="none", markersize=9, markevery=4)
words = left.text(5, 1.7, "", ha="center", va="top", color="#222222")
(steps,) = right.plot(x, x, drawstyle="steps-mid", color="#cc79a7")
bars = right.bar([2, 4], [1, 1], width=1, color="#e69f00", edgecolor="#222222")
cloud = right.scatter(x[::6], x[::6], s=60, c=np.arange(10))
rays = right.add_collection(mc.LineCollection([[(0, 0), (1, 1)]], colors="#56b4e9", linewidths=3))
image = right.imshow(np.zeros((8, 8)), extent=(6, 9, -1.8, -0.8), vmin=-1, vmax=1, aspect="auto", interpolation="none")
left.set(xlim=(0, 10), ylim=(-2, 2))
right.set(xlim=(0, 10), ylim=(-2, 2))
right.grid(False)
left.legend(loc="lower left")

def wave(size=0.8, kind="sin", holes=False, seed=0):
    if size > 1.9:
        raise ValueError("a <wave> too high & wide")
    y = size * getattr(np, kind)(x) + np.random.default_rng(seed).normal(0, 0.05, len(x))
    y[30:33] = np.nan if holes else y[30:33]
    band.set_data(x, y - 0.3, y + 0.3)
    for artist in (line, dots, open_, steps):
        artist.set_ydata(y)
    bars[0].set_height(size)
    bars[1].set_height(-size)
    cloud.set_offsets(np.column_stack((x, -y))[::6])
    rays.set_segments([[(0, 0), (k, size * k / 2)] for k in range(1, 4)])
    image.set_data(np.outer(y[:8], y[:8]))
    words.set_text(f"$\\\\alpha$ = {size:.2f}")
    return f"{kind} of size {size:.2f}, draw {seed}" + (", with holes" if holes else "")

picture = live.show(fig, wave, [band, line, dots, open_, words, steps, *bars, cloud, rays, image],
                    size=(0.1, 2.0, 0.05), kind=["sin", "cos"], holes=False, seed=live.NewDraw())
""",
    """
fig2, ax2 = plots.panels(size=(6, 3))
(curve,) = ax2.plot([1, 2, 3], [1, 2, 3], "s-", color="#d55e00")

def power(top=3):
    ax2.set_ylim(0, 10.0**top)
    ax2.set_title(f"up to ten to the {top}")
    curve.set_ydata([0, 10.0**top / 2, 10.0**top])
    return f"the axis ends at {10**top}"

growing = live.show(fig2, power, [curve], top=(1, 60))
""",
    """
question = live.ask("in the browser", "grow", "shrink")
""",
    """
for item in live.progress(range(20), "counting"):
    pass
question.judge(0)
""",
]


def write_own(folder):
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in OWN]
    cells.insert(2, nbformat.v4.new_markdown_cell("A paragraph above the pictures.\n\nIt must not move."))
    cells.append(nbformat.v4.new_markdown_cell("A paragraph below the pictures.\n\n" * 30))
    path = folder / "own.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": lab.KERNEL}), path)
    return path


def decoded(data):
    return Image.open(io.BytesIO(base64.b64decode(data)))


def still_of(output, following):
    """The PNG of a live picture among stored outputs, None where these two are something else."""
    if "".join(following.get("data", {}).get("text/plain", "")).startswith("Live picture"):
        return output["data"]["image/png"]
    return None


SHOW = """async ([box, png, marks]) => {
    const live = document.querySelectorAll('.initlab-live-picture')[box];
    const [frame, ...others] = live.querySelectorAll('.initlab-live-frame .widget-html-content');
    live.querySelector('.initlab-live-marks').style.visibility = marks ? 'visible' : 'hidden';
    live.frame ??= frame.innerHTML;
    frame.innerHTML = png ? `<img style="display:block;width:100%" src="data:image/png;base64,${png}">` : live.frame;
    others.forEach(layer => layer.style.visibility = png ? 'hidden' : 'visible');
    await frame.querySelector('img')?.decode();
}"""


EMPTY = """
import base64
from initlab import _output, live
picture = live.PICTURES[{box}]
with picture._lock:
    shown = [artist.get_visible() for artist in picture.moving]
    for artist in picture.moving:
        artist.set_visible(False)
    print(base64.b64encode(_output.small_png(picture.fig)).decode())
    for artist, visible in zip(picture.moving, shown):
        artist.set_visible(visible)
"""


def shots(page, box, still):
    """Pixels of a live picture's frame and of the whole, drawn by the browser; and the same two drawn by matplotlib."""
    picture = page.pictures().nth(box).locator(".initlab-live-frame").first  # the picture without its caption
    picture.scroll_into_view_if_needed()
    empty, seen = page.python(EMPTY.format(box=box)).strip(), []
    for png, marks in ((None, False), (empty, False), (still, False), (None, True)):
        page.page.evaluate(SHOW, [box, png, marks])
        seen.append(np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("RGB"), dtype=float))
    frame, exact_frame, exact, whole = seen
    return frame, whole, exact_frame, exact


@pytest.fixture(scope="module", params=["own", *NOTEBOOKS], ids=lambda given: getattr(given, "stem", given))
def page(request, notebook, tmp_path_factory):
    """A notebook after Run All, with how each live picture looked before anything was moved."""
    own = request.param == "own"
    opened = notebook(write_own(tmp_path_factory.mktemp("own")) if own else request.param)
    opened.stored = opened.run_all()
    stills = [still for pair in pairwise(opened.stored) if (still := still_of(*pair))]
    opened.first = [shots(opened, box, still) for box, still in enumerate(stills)]
    yield opened
    opened.close()


# --- run --------------------------------------------------------------------------------------------------------
def test_run_all_is_clean(page):
    assert page.errors() == []
    assert page.problems == []
    assert page.foreign == []
    failed = page.page.locator("text=/Error displaying widget|Error creating widget|model not found/i")
    assert failed.count() == 0


def test_every_picture_of_the_kernel_is_on_the_page(page):
    kernel = int(page.python("from initlab import live; print(len(live.PICTURES))"))
    assert count(page) == kernel > 0


def test_the_still_picture_is_hidden_while_the_live_one_lives(page):
    """And only that one: other figures stay."""
    stills = sum("image/png" in output.get("data", {}) for output in page.stored)
    images = page.page.locator(".jp-RenderedImage img")
    assert images.count() == stills > count(page) - 1
    assert sum(image.is_visible() for image in images.all()) == stills - count(page)
    for box in range(count(page)):
        assert page.pictures().nth(box).is_visible()


def likeness(a, b):
    """How far the strong pixels of two pictures coincide, and the correlation of these pixels."""
    there, here = (np.abs(each).max(axis=2) > 40 for each in (a, b))
    strong = there | here
    assert strong.sum() > 200
    return (there & here).sum() / strong.sum(), np.corrcoef(a[strong].ravel(), b[strong].ravel())[0, 1]


def test_picture_agrees_with_matplotlib(page):
    """The first setting as the browser draws it against matplotlib's own PNG of it; a pixel aside would be too far."""
    assert len(page.first) == count(page)
    for frame, whole, exact_frame, exact in page.first:
        shared, correlation = likeness(whole - frame, exact - exact_frame)
        assert shared > 0.86 and correlation > 0.88
        if exact_frame.min() > 200:
            continue  # a picture without letters or lines around it
        far = [np.asarray(Image.fromarray(each.astype(np.uint8)).reduce(4)) for each in (frame, exact_frame)]
        assert np.corrcoef(far[0].ravel(), far[1].ravel())[0, 1] > 0.92  # letters' edges differ: from a distance


# --- move -------------------------------------------------------------------------------------------------------
def test_an_arrow_key_changes_the_picture(page):
    for box in range(count(page)):
        for label in labels(page, box):
            step(page, label, box)
        settles(page, box)


def test_choices_and_new_draws_change_the_picture(page):
    for box in range(count(page)):
        live = live_box(page, box)
        for select in live.locator("select").all():
            old, options = page.picture(box), select.locator("option").all()
            select.select_option(index=(len(options) - 1 if select.evaluate("s => s.selectedIndex") == 0 else 0))
            page.wait_for_change(old, box)
        for part in live.locator("button, input[type=checkbox]").all():
            old = page.picture(box)
            part.click()
            page.wait_for_change(old, box)
        settles(page, box)


PLACES = """box => {
    const live = document.querySelectorAll('.initlab-live')[box];
    const scroller = live.closest('.jp-WindowedPanel-outer') ?? live.closest('.jp-Notebook');
    const place = e => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; };
    const parts = [...document.querySelectorAll('.jp-Cell, .initlab-live .widget-label, .initlab-live-frame')];
    return [scroller.scrollTop, ...parts.map(place)];
}"""


def test_a_drag_moves_the_picture_and_nothing_else(page):
    """After it the page shows the picture of the slider's last value, and every other thing is where it was."""
    for box in range(count(page)):
        for label in labels(page, box):
            slider = page.slider(label, box)
            slider.scroll_into_view_if_needed()
            before, old = page.page.evaluate(PLACES, box), page.picture(box)
            handle = slider.locator(".noUi-handle")
            low, high, now = (float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max", "now"))
            left = (now - low) / (high - low) > 0.5
            page.drag(label, 0.3 if left else 0.7, steps=10, box=box)
            page.wait_for_change(old, box)
            settles(page, box)
            assert (float(handle.get_attribute("aria-valuenow")) < now) == left
            assert page.page.evaluate(PLACES, box) == before
            value = page.python(
                f"from initlab import live; controls = live.PICTURES[{box}].controls.values()\n"
                f"print(next(control.value for control in controls if control.description == {label!r}))"
            )
            assert float(page.readout(label, box)) == pytest.approx(float(value), abs=0.006)


def test_sliders_are_in_the_tab_order_and_say_their_values(page):
    for handle in page.page.locator(".initlab-live .noUi-handle").all():
        assert handle.get_attribute("tabindex") == "0" and handle.get_attribute("aria-valuenow")
    for box in range(count(page)):
        label = page.pictures().nth(box).locator("svg[role=img]").get_attribute("aria-label")
        assert label == page.pictures().nth(box).locator(".initlab-live-caption").inner_text() != ""


mechanism = pytest.mark.parametrize("page", ["own"], indirect=True)  # once is enough


@mechanism
def test_a_failing_callback_says_so_in_the_picture(page):
    page.press("size", "End", box=0)
    page.page.wait_for_selector(".initlab-live-picture [role=alert]")
    alert = page.page.locator(".initlab-live-picture [role=alert]")
    assert "could not be drawn for size = 2.0" in alert.inner_text()
    assert "ValueError: a <wave> too high & wide" in alert.inner_text()
    over, under = alert.bounding_box(), page.page.locator(".initlab-live-frame").first.bounding_box()
    assert over == pytest.approx(under, abs=1)  # in the picture's place
    where = page.page.evaluate(PLACES, 0)
    page.press("size", "ArrowLeft", times=3, box=0)
    page.page.wait_for_selector(".initlab-live-picture [role=alert]", state="detached")
    settles(page, 0)
    assert page.page.evaluate(PLACES, 0) == where
    assert page.problems == [] and page.errors() == []


@mechanism
def test_running_a_cell_again_replaces_its_picture_and_leaks_nothing(page):
    """Its controls start anew, and its old widgets are gone in the kernel and on the page."""
    step(page, "size", 0)
    counts = []
    for _ in range(3):
        for cell in (2, 3):
            page.run_cell(cell)
        for box in (0, 1):
            settles(page, box)
        counts.append(int(page.python(WIDGETS)))
        assert count(page) == 2 and page.readout("size") == "0.80"
    assert counts[0] == counts[1] == counts[2]
    assert page.python("print(live.PICTURES == [picture, growing])") == "True\n"
    assert not page.page.locator(".jp-CodeCell").nth(2).locator(".jp-RenderedImage img").is_visible()


PRESSES = """async ([box, count]) => {
    const live = document.querySelectorAll('.initlab-live')[box], marks = live.querySelector('.initlab-live-marks');
    const handle = live.querySelector('.noUi-handle');
    for (let k = 0; k < count; k++) {
        const moved = new Promise(go => {
            const watch = new MutationObserver(() => { watch.disconnect(); go(); });
            watch.observe(marks, {childList: true, subtree: true});
        });
        const key = k % 20 < 10 ? 'ArrowRight' : 'ArrowLeft';
        handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
        await moved;
    }
}"""


def browser_memory(page):
    """JavaScript's heap, the page's nodes and listeners, and the memory of the browser's processes that draw."""
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable")
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    whole = page.page.context.browser.new_browser_cdp_session()
    processes = whole.send("SystemInfo.getProcessInfo")["processInfo"]
    whole.detach()
    session.detach()
    sizes = [psutil.Process(each["id"]).memory_info().rss for each in processes if each["type"] == "renderer"]
    return {name: found[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")} | {"rss": sum(sizes)}


@mechanism
def test_nothing_grows_over_500_slider_events(page):
    page.page.evaluate(PRESSES, [0, 100])  # first use fills caches
    saved, kernel, browser = page.save(), page.python(KERNEL_MEMORY), browser_memory(page)
    page.page.evaluate(PRESSES, [0, 500])
    settles(page, 0)
    rss, blocks, objects = (
        int(new) - int(old) for new, old in zip(page.python(KERNEL_MEMORY).split(), kernel.split(), strict=True)
    )
    assert blocks < 750 and objects < 100, (blocks, objects)  # Jupyter's own list of messages seen takes 500 blocks
    assert rss < 4 * 2**20, f"{rss} bytes"
    after = browser_memory(page)
    assert after["Nodes"] <= browser["Nodes"] + 100 and after["JSEventListeners"] <= browser["JSEventListeners"] + 20
    for name in ("JSHeapUsedSize", "rss"):
        assert after[name] < 1.15 * browser[name], name
    assert page.save() == saved


# --- without a kernel -------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def saved(page):
    """The notebook as JupyterLab saves it after all the moving, widget views included."""
    page.save()
    return page.file


def stills_of(path):
    """(alternative text, PNG) of a stored notebook's pictures, and how many are a live picture's."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    stills = [
        (output.metadata["image/png"]["alt"], decoded(output.data["image/png"]))
        for output in outputs
        if "image/png" in output.get("data", {})
    ]
    return stills, sum(output.get("data", {}).get("text/plain", "").startswith("Live picture") for output in outputs)


ROUNDS = """
import gc, psutil
from initlab import live
sizes = []
for _ in range(4):
    for picture in live.PICTURES:
        for control in picture.controls.values():
            if hasattr(control, "min"):
                now = control.value
                control.value = control.min
                control.value = control.max
                control.value = now
    gc.collect()
    sizes.append(psutil.Process().memory_info().rss)
print((sizes[-1] - sizes[1]) / 2**20)
"""


def test_moving_on_takes_no_more_memory(page):
    """From the second round over all sliders' ends on: the first two fill what chapters remember on purpose."""
    assert float(page.python(ROUNDS)) < 4
    for box in range(count(page)):
        settles(page, box)
    assert page.problems == [] and page.errors() == [] and page.foreign == []


IMAGES = """() => [...document.querySelectorAll('.jp-OutputArea img')].map(image => {
    const box = image.getBoundingClientRect();
    return [image.alt, image.naturalWidth, image.naturalHeight, box.width, box.height, image.checkVisibility()];
})"""


def test_reopened_without_running_every_picture_is_there(page, saved, notebook, tmp_path):
    """A fresh page and a fresh kernel that has run nothing; then the same without any kernel."""
    stills, live = stills_of(saved)
    assert live == count(page)
    copy = tmp_path / f"reopened_{saved.name}"
    copy.write_bytes(saved.read_bytes())
    again = notebook(copy)
    again.page.wait_for_function(  # decoded, not only in the page
        "count => [...document.querySelectorAll('.jp-OutputArea img')].filter(i => i.naturalWidth).length >= count",
        arg=len(stills),
    )
    for shut in (False, True):
        if shut:
            again.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
        seen = again.page.evaluate(IMAGES)
        assert [(w, h) for _, w, h, _, _, _ in seen] == [png.size for _, png in stills]
        assert all(visible and width > 100 and height > 50 for *_, width, height, visible in seen)
        assert again.page.locator("text=/Error displaying widget|Error creating widget|model not found/i").count() == 0
        cut_off = "Canceled future for" if shut else None  # requests still open when this test ends the kernel
        assert [each for each in again.problems if cut_off is None or cut_off not in each] == []
        assert again.foreign == []


EXPORT = """
import pathlib, sys
from nbconvert import HTMLExporter
source, folder = map(pathlib.Path, sys.argv[1:])
for template in ("lab", "classic"):
    text, _ = HTMLExporter(template_name=template).from_filename(str(source))
    (folder / f"{template}.html").write_text(text, encoding="utf-8")
"""


def test_exported_html_shows_every_picture_offline(page, saved, chromium, tmp_path):
    """nbconvert's default template forgets every alternative text, its classic one keeps them."""
    subprocess.run([sys.executable, "-c", EXPORT, str(saved), str(tmp_path)], check=True, capture_output=True)
    stills, live = stills_of(saved)
    assert live == count(page)
    context = chromium.new_context(offline=True)
    for template, area in (("lab", ".jp-OutputArea"), ("classic", ".output_area")):
        sheet = context.new_page()
        sheet.goto((tmp_path / f"{template}.html").as_uri(), wait_until="load")
        images = sheet.locator(f"{area} img")
        assert images.count() == len(stills)
        for image, (alt, png) in zip(images.all(), stills, strict=True):
            assert image.is_visible()
            assert image.evaluate("e => [e.naturalWidth, e.naturalHeight]") == list(png.size)
            assert template == "lab" or image.get_attribute("alt") == alt != ""
        assert sheet.locator("text=/Error displaying widget|model not found/i").count() == 0
    context.close()
