"""What the tests share: one BLAS thread, a warm font cache, and a JupyterLab with a browser for those that ask."""

import gc
import os
from importlib.util import find_spec

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy: with several, small matrices are many times slower

import hypothesis  # noqa: E402
import lab  # noqa: E402
import matplotlib.font_manager  # noqa: E402  (builds its cache here, or the first figure of a notebook warns)
import pytest  # noqa: E402

# second opinions, where there is somebody to ask: .ci/run installs them in an environment of their own
collect_ignore = [] if all(map(find_spec, ("torch", "scipy", "sklearn"))) else ["oracle"]

hypothesis.settings.register_profile("calm", deadline=None, derandomize=True)  # nothing depends on time or luck
hypothesis.settings.load_profile("calm")


@pytest.fixture(scope="module", autouse=True)
def own_style():
    """Each file begins with matplotlib's defaults: which files share a process is chance."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


@pytest.fixture(scope="module")
def frozen():
    """What stands when a file begins stays: each figure shown looks for old figures, which is quick then."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory):
    """(server, root): a private JupyterLab as (url, token), and the folder that it serves."""
    root = tmp_path_factory.mktemp("served")
    with lab.jupyterlab(tmp_path_factory.mktemp("jupyter"), root) as server:
        yield server, root


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, driven by playwright."""
    if lab.missing():
        pytest.fail(lab.HOW_TO_GET)
    with lab.browser() as running:
        yield running


@pytest.fixture(scope="module")
def notebook(lab_server, chromium):
    """A function that opens a copy of a notebook in a page of its own; its kernel ends with the module."""
    opened = []

    def open_copy(path, **options):
        opened.append(lab.open_notebook(chromium, *lab_server, path, **options))
        return opened[-1]

    yield open_copy
    for each in opened:
        each.close()
