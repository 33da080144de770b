"""The package's form: who imports whom, what an import costs, which names are public, where randomness comes from."""

import ast
import inspect
import os
import pathlib
import subprocess
import sys

import pytest

import initlab

ROOT = pathlib.Path(initlab.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))


def module_of(path):
    """initlab/data/__init__.py -> data, initlab/theory.py -> theory, initlab/__init__.py -> the empty name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_of(path): path for path in SOURCES}


def imports(path):
    """Names of initlab's modules that a file imports, anywhere in it; the package itself is the empty name."""
    found = set()
    package = ["initlab", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            inside = {f"{name}.{alias.name}" for alias in node.names}
            modules = {full for full in inside if full.removeprefix("initlab.") in MODULES}
            found |= modules or {name}
    return {name.removeprefix("initlab").removeprefix(".") for name in found if name.split(".")[0] == "initlab"}


NUMERIC = {"activations", "initializers", "theory", "network", "probe", "training", "data", "claims", "maps", "_checks"}
DRAWN = {"plots", "live", "_output", "_svg", "_frame", "_ticks"}
ARROWS = {  # module -> what it may import of initlab
    "_checks": set(),
    "_output": {"_ticks"},
    "_ticks": set(),
    "_svg": set(),
    "_frame": {"_svg"},
    "activations": {"_checks"},
    "initializers": {"_checks"},
    "theory": {"activations", "_checks"},
    "network": {"activations", "initializers", "_checks"},
    "probe": {"activations", "initializers", "network", "_checks"},
    "training": {"network", "_checks"},
    "data": {"_checks"},
    "maps": set(),
    "claims": set(),
    "plots": {"_output", "_svg", "_ticks"},
    "live": {"_output", "_svg", "_frame", "_ticks"},
    "symbolic": set(),
    "environment": {"_output"},
    "publish": set(),
    "": NUMERIC,
}


def allowed(name):
    """Exercises may import anything but pictures; a chapter's own module nothing of another chapter's."""
    if name.split(".")[0] == "exercises":
        return set(MODULES) - DRAWN
    return ARROWS.get(name, NUMERIC | {"plots", "_output"})


@pytest.mark.parametrize("name", MODULES)
def test_arrows(name):
    assert imports(MODULES[name]) <= allowed(name) | {name.split(".")[0]}


def test_the_arrows_are_read_from_the_source():
    """The reader of imports sees what is known to be there."""
    assert imports(MODULES["theory"]) == {"activations", "_checks"}
    assert imports(MODULES["probe"]) == {"activations", "initializers", "_checks"}
    assert imports(MODULES[""]) >= {"theory", "network", "probe", "claims"}
    assert set(ARROWS) - set(MODULES) <= {"symbolic", "environment", "publish"}


def test_prediction_and_measurement_share_nothing_but_the_activations():
    reached, todo = set(), ["theory"]
    while todo:
        name = todo.pop()
        reached.add(name)
        todo += imports(MODULES[name]) - reached
    assert reached == {"theory", "activations", "_checks"}


def test_sympy_is_asked_for_by_symbolic_alone():
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        tops = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                tops |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                tops.add(node.module.split(".")[0])
        assert "sympy" not in tops or name == "symbolic"
        assert not tops & {"scipy", "torch", "sklearn", "pandas", "random"}, name
        if name in NUMERIC | {""}:
            outside = tops - set(sys.stdlib_module_names)
            assert outside <= {"numpy", "initlab"}, name


# --- what an import does --------------------------------------------------------------------------------------------
def fresh(code, **environment):
    """Run code in a new interpreter, without the thread settings of this one."""
    clean = {key: value for key, value in os.environ.items() if not key.endswith("_THREADS")}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    )
    return run.stdout.split()


def test_import_is_light():
    loaded = fresh("import initlab, sys; print(*sys.modules)")
    assert "numpy" in loaded and "initlab.theory" in loaded
    tops = {name.split(".")[0] for name in loaded}
    assert not tops & {"sympy", "ipywidgets", "matplotlib", "IPython", "PIL", "traitlets", "scipy"}
    assert not {"initlab.plots", "initlab.live", "initlab.symbolic"} & set(loaded)


THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def test_import_asks_for_one_blas_thread_before_numpy_starts():
    """An import hook notes the setting at the moment numpy is first asked for."""
    code = """
import builtins, os
seen, ordinary = [], builtins.__import__
def spy(name, *rest, **more):
    if name == "numpy" and not seen:
        seen.append(os.environ.get("OPENBLAS_NUM_THREADS"))
    return ordinary(name, *rest, **more)
builtins.__import__ = spy
import initlab
print(seen[0], *(value for name, value in os.environ.items() if name.endswith("_THREADS")))
"""
    assert fresh(code) == ["1"] * 5


@pytest.mark.parametrize("name", THREADS)
def test_a_thread_setting_of_your_own_is_respected(name):
    code = f"import initlab, os; print(*(os.environ[name] for name in {THREADS}))"
    assert fresh(code, **{name: "3"}) == ["3" if other == name else "1" for other in THREADS]


# --- public names ---------------------------------------------------------------------------------------------------
AGREED = {
    "fans", "variance_scaling", "zeros", "constant", "normal", "uniform", "lecun_normal", "lecun_uniform",
    "xavier_normal", "xavier_uniform", "he_normal", "he_uniform", "orthogonal", "delta_orthogonal", "torch_default",
    "INITIALIZERS", "ACTIVATIONS", "gain", "variance_map", "chi", "fixed_point", "kumar_gain", "predict", "signal",
    "MLP", "prior_bias", "claim", "ledger", "check", "train", "Signal", "Activation",
}  # fmt: skip
SIGNATURES = {
    "fans": "(shape, groups=1, stride=1)",
    "variance_scaling": "(shape, rng, *, gain=1.0, mode='fan_in', distribution='normal')",
    "gain": "(activation, direction='forward', q=1.0)",
    "variance_map": "(activation, q, gain=1.0, sigma_b=0.0)",
    "chi": "(activation, q, gain=1.0)",
    "fixed_point": "(activation, gain=1.0, sigma_b=0.0)",
    "kumar_gain": "(activation)",
    "signal": "(widths, activation, init, *, output_init=None, x=None, batch=64, nets=1, rng)",
    "xavier_normal": "(shape, rng, *, gain=1.0)",
    "he_normal": "(shape, rng, *, slope=0.0, mode='fan_in')",
    "orthogonal": "(shape, rng, *, gain=1.0)",
    "prior_bias": "(pi)",
}


def test_agreed_names_exist_and_all_is_true():
    assert set(initlab.__all__) >= AGREED
    assert all(hasattr(initlab, name) for name in initlab.__all__)
    assert sorted(set(initlab.__all__)) == sorted(initlab.__all__)
    namespace = {}
    exec("from initlab import *", namespace)
    assert set(initlab.__all__) <= set(namespace)


@pytest.mark.parametrize("name", SIGNATURES)
def test_agreed_signatures(name):
    assert str(inspect.signature(getattr(initlab, name))) == SIGNATURES[name]


def test_predict_takes_what_signal_takes():
    names = list(inspect.signature(initlab.predict).parameters)
    assert names[:5] == ["widths", "activation", "init", "output_init", "x2"]
    for name, f in initlab.INITIALIZERS.items():
        parameters = list(inspect.signature(f).parameters.values())
        assert [p.name for p in parameters[:2]] == ["shape", "rng"], name
        assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters[2:]), name


def public_definitions(tree):
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node)


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_public_definitions_have_docstrings(name):
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module itself"
    if name in NUMERIC | {""}:
        assert [node.name for node in public_definitions(tree) if not ast.get_docstring(node)] == []


def test_every_public_name_says_what_it_is():
    """Functions and classes in words of their own, and dataclasses not only by their generated signature."""
    for name in initlab.__all__:
        thing = getattr(initlab, name)
        if callable(thing):
            assert thing.__doc__ and not thing.__doc__.startswith(f"{name}("), name


# --- randomness -----------------------------------------------------------------------------------------------------
FROM_NUMPY_RANDOM = {"Generator", "default_rng", "SeedSequence", "PCG64", "BitGenerator"}


def legacy_random(tree):
    """Uses of numpy.random other than its Generator: np.random.seed, np.random.randn, from numpy.random import rand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "random":
            base = node.value.value
            if isinstance(base, ast.Name) and base.id in ("np", "numpy") and node.attr not in FROM_NUMPY_RANDOM:
                yield f"np.random.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "numpy.random":
            yield from (alias.name for alias in node.names if alias.name not in FROM_NUMPY_RANDOM)


@pytest.mark.parametrize("name", MODULES)
def test_randomness_comes_from_generators(name):
    assert list(legacy_random(ast.parse(MODULES[name].read_text(encoding="utf-8")))) == []


def test_the_search_for_legacy_randomness_finds_it():
    source = (
        "import numpy as np\nnp.random.seed(0)\nx = np.random.randn(3)\nrng = np.random.default_rng(0)\nrng.normal()"
    )
    assert list(legacy_random(ast.parse(source))) == ["np.random.seed", "np.random.randn"]
    assert list(legacy_random(ast.parse("from numpy.random import rand, default_rng"))) == ["rand"]
