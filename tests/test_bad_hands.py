"""A learner's session abused, in a real JupyterLab: nothing of the learner's is lost, and the page says what to do.

One notebook in one page, used by the tests in the order in which they stand here.
"""

import os
import pathlib
import re
import urllib.error
import urllib.request

import lab
import nbformat
import pytest
from lab import KERNEL_MEMORY, WIDGETS, count, live_box, settles, step

pytestmark = pytest.mark.browser
if not os.environ.get("CI") and lab.missing():
    pytest.skip(lab.HOW_TO_GET, allow_module_level=True)

CHAPTER = pathlib.Path(__file__).resolve().parents[1] / "notebooks/00_start_here.ipynb"
STING = "<img src=x onerror='window.stung = 1'><script>window.stung = 1</script>"

SOURCES = {  # a chapter in small; its training goes on until there is a file called go
    "setup": """
import pathlib, time
import initlab, numpy as np
from initlab import claim, live, plots
plots.use_style()
""",
    "ask": """
question = live.ask("hands", "grow", "shrink")
""",
    "picture": """
fig, ax = plots.panels(size=(5, 2.4))
x = np.linspace(0, 10, 60)
(line,) = ax.plot(x, x)
ax.set(ylim=(-2, 2))

def wave(size=1.0, seed=0):
    line.set_ydata(size * np.sin(x + seed))
    return f"a wave of size {size:.2f}"

picture = live.show(fig, wave, [line], size=(0.1, 2.0, 0.05), seed=live.NewDraw())
""",
    "train": """
def slow(k):
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    return k

trained = [slow(k) for k in live.progress(range(3), "training")]
""",
    "judge": """
claim("the sum", sum(trained), 3, within=0)
question.judge(1)
""",
    "exercise": """
my_answer = ...
initlab.check("00.1", my_answer)
""",
}
NUMBER = {name: number for number, name in enumerate(SOURCES)}


@pytest.fixture(scope="module")
def page(notebook, tmp_path_factory):
    cells = [nbformat.v4.new_code_cell(source.strip(), id=name) for name, source in SOURCES.items()]
    path = tmp_path_factory.mktemp("hands") / "hands.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": lab.KERNEL}), path)
    yield notebook(path)


@pytest.fixture
def go(page):
    """The file that ends the training: there, until a test takes it away."""
    file = page.file.parent / "go"
    file.touch()
    yield file
    file.touch()


def run(page, *names):
    for name in names:
        page.run_cell(NUMBER[name])


def cell(page, name):
    """A cell as JupyterLab holds it."""
    return page.page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON().cells")[NUMBER[name]]


def said(page, name):
    """What stands under a cell: its text and its errors."""
    kinds = {"error": lambda o: f"{o['ename']}: {o['evalue']}\n", "stream": lambda o: o["text"]}
    outputs = cell(page, name)["outputs"]
    return "".join(kinds[o["output_type"]](o) for o in outputs if o["output_type"] in kinds)


def train(page):
    """Ask for the training, and return when its bar is on the page."""
    page.run_cell(NUMBER["train"], wait=False)
    page.page.wait_for_selector(".widget-hprogress")


def menu(page, bar, item):
    """Choose an item of JupyterLab's menus, called as our words call it."""
    page.page.locator(f".lm-MenuBar-itemLabel:text-is('{bar}')").click()
    page.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}…?$")).click()


def write(page, name, source):
    """Put a text into a cell, as a learner who types it."""
    page.page.locator(".jp-CodeCell").nth(NUMBER[name]).locator(".cm-content").fill(source)


def grab(page, label="size", box=0):
    """Take a slider's handle and move it a little to the right; the button stays down."""
    slider = page.slider(label, box)
    slider.scroll_into_view_if_needed()
    place, old = slider.locator(".noUi-handle").bounding_box(), page.picture(box)
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    for k in range(1, 6):
        page.page.mouse.move(x + 5 * k, y)
    page.wait_for_change(old, box)
    return x, y


def one_live_picture(page):
    """There is one, on the page and in the kernel; it follows, and shows what the kernel makes of its controls."""
    assert count(page) == 1
    assert page.python("print([picture.box.comm is not None for picture in live.PICTURES])") == "[True]\n"
    step(page, "size", 0)
    settles(page, 0)


def all_is_well(page):
    assert page.errors() == [] and page.problems == [] and page.foreign == []


# --- cells out of order, and again ------------------------------------------------------------------------------
def test_a_cell_that_runs_too_early_says_what_to_do_and_that_helps(page, go):
    run(page, "picture")
    assert said(page, "picture") == "NameError: name 'plots' is not defined\n"  # the README says what to do
    run(page, "setup", "judge")
    assert "NameError: name 'trained' is not defined" in said(page, "judge")
    assert "Nothing is called trained so far" in said(page, "judge")
    assert "choose Run → Run All Above Selected Cell" in said(page, "judge")
    menu(page, "Run", "Run All Above Selected Cell")
    page.until(lambda: "✓" not in said(page, "judge") and page.page.evaluate(lab.READY))
    run(page, "judge")
    assert said(page, "judge").startswith("✓ the sum")
    one_live_picture(page)
    all_is_well(page)


def test_a_claim_that_fails_says_what_to_do_and_that_helps(page, go):
    page.python("trained = [5]")
    run(page, "judge")
    assert "this does not hold" in said(page, "judge")
    assert "choose Kernel → Restart Kernel and Run All Cells" in said(page, "judge")
    menu(page, "Kernel", "Restart Kernel and Run All Cells")
    page.page.locator(".jp-Dialog button.jp-mod-accept").click()
    page.until(lambda: said(page, "judge").startswith("✓ the sum") and "not attempted" in said(page, "exercise"))
    one_live_picture(page)
    all_is_well(page)


def test_run_all_twice_and_one_cell_many_times_leave_one_live_picture(page, go):
    page.page.locator(".widget-radio-box input").nth(0).check()
    page.run_all()
    counts = []
    for _ in range(2):
        page.run_all()
        one_live_picture(page)
        counts.append(page.python(WIDGETS))
    for _ in range(3):
        run(page, "picture")
    one_live_picture(page)
    assert counts == [page.python(WIDGETS)] * 2
    assert page.page.locator(".widget-radio-box input").nth(0).is_checked()
    assert "You predicted: grow" in said(page, "judge")
    all_is_well(page)


def test_a_cell_run_again_keeps_nothing(page):
    """Four runs: a few blocks for what IPython remembers of each, but no picture of 5000 objects."""
    sizes = []
    for _ in range(2):
        for _ in range(4):
            run(page, "picture")
        sizes.append([int(size) for size in page.python(KERNEL_MEMORY).split()])
    _, blocks, objects = (new - old for old, new in zip(*sizes, strict=True))
    assert blocks < 1000 and objects < 200, (blocks, objects)


# --- while a cell runs ------------------------------------------------------------------------------------------
def test_training_interrupted_leaves_nothing_and_runs_again(page, go):
    before = page.python("del trained\n" + WIDGETS)
    go.unlink()
    train(page)
    menu(page, "Kernel", "Interrupt Kernel")
    page.until(lambda: "run it again" in said(page, "train"))
    assert "KeyboardInterrupt" in said(page, "train") and "Nothing is lost" in said(page, "train")
    page.page.wait_for_selector(".widget-hprogress", state="detached")
    assert page.python(WIDGETS) == before
    run(page, "judge")
    assert "that cell has not run" in said(page, "judge")
    go.touch()
    run(page, "train", "judge")
    page.page.wait_for_selector(".widget-hprogress", state="detached")
    one_live_picture(page)
    all_is_well(page)


def test_a_slider_dragged_while_a_cell_runs_has_its_last_value_in_the_end(page, go):
    go.unlink()
    train(page)
    old, label = page.picture(), page.readout("size")
    page.drag("size", 0.8, steps=8)
    page.drag("size", 0.2, steps=8)
    assert page.readout("size") != label and page.page.locator(".widget-hprogress").count() == 1
    go.touch()
    page.wait_for_change(old)
    settles(page, 0)
    assert f"of size {page.readout('size')}" in page.picture()
    all_is_well(page)


# --- exercises --------------------------------------------------------------------------------------------------
LOOPS = """def survives(gain):
    pathlib.Path("started").touch()
    while True:
        gain = gain / 2

initlab.check("02.2", survives)"""
RAISES = """def survives(gain):
    return gain / 0

initlab.check("02.2", survives)"""


def test_an_answer_that_raises_is_a_hint(page):
    write(page, "exercise", RAISES)
    run(page, "exercise")
    hint = "Exercise 02.2: not yet. Your answer stopped in line 2 with ZeroDivisionError: float division by zero\n"
    assert said(page, "exercise") == hint
    all_is_well(page)


def test_an_answer_that_never_ends_can_be_stopped_and_is_kept(page):
    """The page says where it was stopped; the learner's text survives saving and loading."""
    started = page.file.parent / "started"
    write(page, "exercise", LOOPS)
    page.run_cell(NUMBER["exercise"], wait=False)
    page.until(started.exists)
    menu(page, "Kernel", "Interrupt Kernel")
    page.until(lambda: said(page, "exercise"))
    assert re.fullmatch(r"Exercise 02.2: not yet. It was stopped in line [34]: .*\n", said(page, "exercise"))
    page.save()
    page.open()
    assert cell(page, "exercise")["source"] == LOOPS
    write(page, "exercise", SOURCES["exercise"].strip())
    run(page, "exercise")
    assert "not attempted yet" in said(page, "exercise")


# --- closed, reopened, restarted --------------------------------------------------------------------------------
KERNEL = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"


def alike(saved, old):
    """Two saved forms of a notebook, but for the numbers of runs and the widgets' names."""
    cells, others = (nbformat.reads(text.decode(), as_version=4).cells for text in (saved, old))
    return [cell.source for cell in cells] == [cell.source for cell in others] and len(saved) < len(old) + 50


@pytest.mark.parametrize("what", ["browser", "notebook"])
def test_closed_in_the_middle_of_a_drag_and_reopened(page, go, what):
    """The same kernel; the picture that was saved is still live, and Run All makes a new one."""
    page.run_all()
    saved, kernel = page.save(), page.page.evaluate(KERNEL)
    grab(page)
    if what == "browser":
        old, page.page = page.page, page.page.context.new_page()
        page.page.on("pageerror", lambda error: page.problems.append(str(error)))
        old.close()
        page.open()
    else:
        page.page.evaluate("() => jupyterapp.shell.currentWidget.close()")
        page.page.wait_for_selector(".jp-Notebook", state="detached")
        page.page.mouse.up()
        page.page.evaluate("async path => { await jupyterapp.commands.execute('docmanager:open', {path}); }", page.name)
        page.page.wait_for_function(lab.READY)
    assert page.page.evaluate(KERNEL) == kernel
    page.page.wait_for_selector(".initlab-live-marks path")
    one_live_picture(page)
    page.run_all()
    one_live_picture(page)
    assert alike(page.save(), saved)
    all_is_well(page)


def test_a_picture_that_has_lost_its_kernel_says_so(page, go):
    x, y = grab(page)
    page.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }")
    page.page.mouse.move(x - 20, y)
    page.page.mouse.up()
    page.page.wait_for_selector(".initlab-live.jupyter-widgets-disconnected")
    words = live_box(page, 0).evaluate("box => getComputedStyle(box, '::before').content")
    assert words == '"This picture has lost its kernel and stands still. Choose Run → Run All Cells."'
    inside = live_box(page, 0).locator(".jupyter-widgets-disconnected").all()
    assert inside and {each.evaluate("e => getComputedStyle(e, '::before').display") for each in inside} == {"none"}
    page.page.wait_for_function(lab.READY)
    page.run_all()
    page.page.wait_for_selector(".jupyter-widgets-disconnected", state="detached")
    one_live_picture(page)
    all_is_well(page)


# --- safe by default --------------------------------------------------------------------------------------------
def test_names_that_a_learner_gives_are_text(page):
    write(
        page,
        "exercise",
        f"""sting = {STING!r}
slider = live.widgets.FloatSlider(1.0, max=2.0, description=sting)
fig, ax = plots.panels(size=(5, 2.4))
ax.set_title(sting)

def fails(size, kind):
    if size > 1.5:
        raise ValueError(sting)
    return sting

stinging = live.show(fig, fails, ax.plot([1], [1], label=sting), size=slider, kind=[sting])
live.ask(sting, sting, "other")
for _ in live.progress([1], sting):
    time.sleep(0.1)
claim(sting, 1, at_least=0)
initlab.ledger()""",
    )
    run(page, "exercise")
    assert live_box(page, 1).locator(".initlab-live-caption").inner_text() == STING
    slider = page.page.locator(".initlab-live").nth(1).locator(".widget-slider")
    assert slider.locator(".widget-label").inner_text() == STING
    page.page.locator(".jp-RenderedMarkdown td").first.wait_for()  # a table is set after its cell has ended
    assert STING in page.page.locator(".jp-RenderedMarkdown td").all_inner_texts()
    handle = slider.locator(".noUi-handle")
    handle.focus()
    page.page.keyboard.press("End")
    alert = page.page.locator(".initlab-live-picture [role=alert]")
    alert.wait_for()
    assert f"ValueError: {STING}" in alert.inner_text()
    assert page.page.locator(".jp-Notebook img[src=x], .jp-Notebook script").count() == 0
    assert page.page.evaluate("() => window.stung") is None
    write(page, "exercise", SOURCES["exercise"].strip())
    run(page, "exercise")
    all_is_well(page)


BESIDE = """async path => {
    await jupyterapp.commands.execute('docmanager:open', {path, options: {mode: 'split-right'}});
}"""


def test_two_chapters_at_once_follow_each_its_own_sliders(page):
    needed = ["00-setup", "00-net", "00-paper", "00-measures", "00-live"]
    codes = [each.id for each in nbformat.read(CHAPTER, as_version=4).cells if each.cell_type == "code"]
    (page.file.parent / CHAPTER.name).write_bytes(CHAPTER.read_bytes())
    page.page.evaluate(BESIDE, CHAPTER.name)
    page.page.wait_for_function(lab.READY)
    for name in needed:
        page.run_cell(codes.index(name))
    assert page.errors() == []
    panels = [page.page.locator(".jp-NotebookPanel", has_text=words) for words in ("def wave", "def paint")]
    captions = [panel.locator(".initlab-live-caption") for panel in panels]

    def texts():
        return [caption.inner_text() for caption in captions]

    for mine in (0, 1, 0, 1):
        before = texts()
        handle = panels[mine].locator(".initlab-live .noUi-handle").first
        handle.scroll_into_view_if_needed()
        handle.focus()
        page.page.keyboard.press("ArrowRight")
        page.until(lambda mine=mine, before=before: texts()[mine] != before[mine])
        assert texts()[1 - mine] == before[1 - mine]
    all_is_well(page)
    page.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")


@pytest.fixture
def ask(page):
    """A function that asks the server for a path, as somebody outside the browser does: gives (status, where, text)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(path, **options):
        try:
            answer = opener.open(urllib.request.Request(f"{page.url}/{path}", **options))
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.url, answer.read().decode()

    return get


@pytest.mark.parametrize("path", ["api/contents", "api/kernels", "api/sessions", "api/terminals"])
def test_the_server_refuses_who_has_no_token(page, ask, path):
    assert ask(path)[0] == ask(f"{path}?token=0123456789abcdef")[0] == 403
    assert ask(path, method="POST", data=b"{}")[0] == 403
    assert ask(f"{path}?token={page.token}")[0] == 200


@pytest.mark.parametrize("path", ["lab", "lab/tree/hands.ipynb", "files/hands.ipynb"])
def test_pages_without_a_token_lead_to_the_login(page, ask, path):
    _, where, text = ask(path)
    assert where.startswith(f"{page.url}/login?") and "def wave" not in text and page.token not in text
    assert ask(f"{path}?token={page.token}")[:2] == (200, f"{page.url}/{path}?token={page.token}")
