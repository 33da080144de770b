"""Do the tests bite?  One wrong formula after another is put into the numeric modules, and pytest has to notice.

    python tests/mutants.py [module ...] [--sample N] [--seed S] [--jobs 2] [--all]

Prints, for each module, how many mutants there were, how many the tests caught, and every survivor with its line.  A
general tool runs the whole suite in a new process for each mutant, which takes hours here; this script knows which
tests execute which line and forks from a process that holds numpy and pytest already, which takes minutes.

A mutant differs from the module in one place of its syntax tree: another operator, comparison, number, default, index,
axis, fan or function, a factor 2, n - 1 for n, the variance for the second moment, a condition turned round, a
statement left out.  Texts, type hints, raised messages and the sizes of caches are left alone.  It is handed to the
import system of a child process and never written to a file.  Each mutant meets the tests that execute its line,
cheapest first, until one fails; one that is caught by nothing but endless running counts as caught.

`EQUIVALENT` lists the mutants that no test can tell apart, each with its reason; --all prints these too.
"""

import argparse
import ast
import copy
import fnmatch
import functools
import gc
import importlib
import importlib.machinery
import os
import pathlib
import pickle
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import tokenize
import types

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_name] = "1"
os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "MPLBACKEND": "agg"}

TESTS = pathlib.Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "initlab"
MODULES = {  # module -> the test files that are asked, and the functions and classes that only draw
    "theory": ("theory predict_biases", ""),
    "initializers": ("initializers", ""),
    "activations": ("activations", ""),
    "network": ("network", ""),
    "probe": ("probe", ""),
    "convolution": ("convolution", ""),
    "border": ("convolution", ""),
    "residual": ("residual", ""),
    "training": ("training", ""),
    "first_loss": ("first_loss", ""),
    "jacobian": ("jacobian", ""),
    "recurrent": ("recurrent", ""),
    "spectrum": ("spectrum", ""),
    "ridges": ("ridges", "Ridges TITLES TICKS"),
    "relu_walk": ("relu_walk", "WalkPanels"),
    "gain_map": (
        "gain_map",
        "LOW FLOOR WIDEST QS cobweb map_axes map_and_ratio signal_panels GainPanels heat_maps loss_curves",
    ),
    "playground": ("playground", "Board REACH CELLS SURFACE LOSS THIN LARGE SIGNS"),
    "symbolic": ("symbolic", ""),
    "claims": ("claims answers", ""),
    "data": ("data", ""),
    "_checks": ("initializers network probe theory training", ""),
}
NEVER = "differs only where a continuous variable hits one exact value"
FINE = "a finer, coarser or wider grid for the same integral, exact to rounding either way"
BOUND = "in a bound that networks are far from; the same change of what it bounds is caught"
DOUBLE = "double precision where single would do"
BLOCKS = "how many networks go through the layers together: the numbers are the same"
EVERYWHERE = [("*float(*", "float dropped", "numpy's double is a float")]
EQUIVALENT = {  # module -> (pattern of the source line, of what was changed, why no test can notice)
    "initializers": [
        ("1 - 2 * TRUNCATION * math.exp(*", "Pow -> Mult", "2**2 is 2 * 2"),
        ("while (outside := *", "Gt -> GtE", NEVER),
        ("return np.zeros(_shape(shape))", "return 2 [*]", "twice 0 is 0"),
        ("q [*]= np.where(np.diag(r) < 0, -1.0, 1.0)", "Lt -> LtE", NEVER),
        ("q [*]= np.where(np.diag(r) < 0, -1.0, 1.0)", "Mult -> Div", "a sign is its own inverse"),
    ],
    "theory": [
        ("_NODES, _WEIGHTS = *", "16 -> 17", FINE),
        ("_GRADED = *", "*", FINE),
        ("_EDGES = *", "1 -> 2", FINE),
        ("_SMOOTH = *", "10.0 -> 20.0", FINE),
        ("_SMOOTH = *", "2 -> 3", FINE),
        ("def _quadrature(*", "0.0 -> 1.0", "every caller says it"),
        ("z = (centres*", "Add -> Sub", "the nodes and their weights are symmetric"),
        ("def _quadrature(*", "True -> False", "every caller says it"),
        ("return _SMOOTH[[]2 if root_q <= 2 else 4]", "LtE -> Lt", "both rules serve at the limit"),
        ("at = [k / root_q *", "10 -> 11", "a kink ten standard deviations out"),
        ("fine = *", "10 -> 11", FINE),
        ("fine = *", "Lt -> LtE", NEVER),
        ("if phi.homogeneous and q > 0:", "*", "the shortcut gives what the integral gives"),
        ("at = np.array([[]-1e-7, 0.0, 1e-7])", "1e-07 -> *", "the step of a one-sided look"),
        ("if abs(right - left) > 1e-5:", "Gt -> GtE", NEVER),
        ("if abs(start := excess(1.0)) < 1e-13:", "Lt -> LtE", NEVER),
        ("step, low, high = *", "Gt -> GtE", NEVER),
        ("step, low, high = *", "1.0* -> 2*", "another bracket for the same bisection"),
        ("low, high = high, high [*] (step*", "*", "how fast the search goes outwards"),
        ("if not 1e-12 < high < 1e30:", "Lt -> LtE", NEVER),
        ("for _ in range(60):", "60 -> 61", "bisection beyond rounding"),
        ("low, high = (middle, high) if *", "Mult -> Div", "the sign of a product is that of the quotient"),
        ("return math.inf if start > 0 else 0.0", "return 2 [*]", "twice 0 and twice infinity"),
        ('"variance_scaling": lambda *', "normal -> uniform", "the variance does not depend on the distribution"),
        ("steps = 20 if q > 0.01 *", "Gt -> GtE", NEVER),
        ("with np.errstate(over=*", "invalid= dropped", "inf times 0 needs a thousand layers of one unit"),
        ("free = 1.0 - *", "0.0 -> 1.0", "the scatter of a signal that is 0"),
        ("seen = *", "1.0 -> 2.0", "the scatter of a signal that is 0 or infinite"),
        ("if not kinks and root_q <= 4:", "*", "the rule for kinks is exact to rounding without them"),
        ("return _SMOOTH[[]2 if root_q <= 2 else 4]", "2 -> [13]", "both rules serve near the limit"),
        ("at = [k / root_q *", "[LG]t -> *E", NEVER),
        ("fine = *", "4 -> 5", FINE),
        ("fine = *", "1000 -> 1001", FINE),
        ("for k in range(depth + 1):", "1 -> 0", "nothing asks for the output's covariances"),
        ("for k in range(depth + 1):", "Add -> Sub", "nothing asks for the output's covariances"),
        ("_SMOOTH = *", "10.1 -> 20.2", FINE),
        ("_SMOOTH = *", "2 -> 1", FINE),
        ("_LARGE = *", "1e+30 -> 1e+32", "any number as large stands in for infinity"),
        ("def _quadrature(*", "1.0 -> 2.0", "every caller says it"),
        ("return _SMOOTH[[]2 if root_q <= 2 else 4]", "2 -> 1", "the finer rule serves there too"),
        ("at = [k / root_q *", "abs dropped", "an edge far below the range of integration"),
        ("fine = *", "divisor n -> n - 1", FINE),
        ("fine = *", "2 -> [13]", FINE),
        ("def gaussian_mean(*", "0.0 -> 1.0", "an edge at 0 is always there"),
        ("return math.inf if q == math.inf and second > *", "Gt -> GtE", NEVER),
        ("if abs(right - left) > 1e-5:", "1e-05 -> 0.001", "how large a jump of the slope is one"),
        ("if abs(slope) < 1e-12:", "*", "how small a slope is none"),
        ("return variance_map(*) / q - 1.0", "return 2 [*]", "only its sign counts, and whether it is nearly 0"),
        ("if abs(start := excess(1.0)) < 1e-13:", "1e-13 -> *", "where rounding ends"),
        ("while excess(high) [*] start > 0:", "*", "the sign of a product is that of the quotient, and it is not 0"),
        ("if not 1e-12 < high < 1e30:", "1e+30 -> 1e+32", "any number as large stands in for infinity"),
        ("return math.inf if start > 0 else 0.0", "Gt -> GtE", "start is not 0 here"),
        ("low, high = (middle, high) if *", "Gt -> GtE", NEVER),
        ("if abs(excess(high [*] step)) < 1e-12:*", "*", "how far beyond the last point, and where rounding ends"),
        ("return math.inf if start > 0 else 0.0", "0.0 -> 1.0", "the second of two: no known map dies so slowly"),
        ("_ORDER = 24 *", "24 -> 25", FINE),
        ("_BASES = *", "0 -> 1", "a basis that is not found is computed"),
        ("squares[[]-1] += *", "1 -> 2", "what lies beyond is next to nothing"),
        ("return _moments(phi, 0.0 if phi.homogeneous *", "0.0 -> 1.0", "the same at every scale"),
        ("with np.errstate(over=*", "over= dropped", "the typical value is below the mean, which has not overflowed"),
        ("free = 1.0 - *", "Gt -> GtE", "the scatter of a signal that is 0"),
        ("seen = *", "Lt -> LtE", "`moments` puts 0 and infinity on its ends itself"),
        ("corr = min(*", "1.0 -> 2.0", "a guard against rounding"),
        ("spread = min(*", "Sub -> Add", BOUND),
        ("spread = min(*", "[12] -> [123]", BOUND),
        ("spread = min(*", "1.0 -> 2.0", BOUND),
        ("pull = np.append(1.0, *", "1.0 -> 2.0", "nothing reads it"),
        ("*np.zeros(depth + 1)*", "zeros -> ones", "column 0 is nan, or is set"),
        ("cov = np.zeros(*", "zeros -> ones", "all of it is set"),
    ],
    "activations": [
        ("tail*", "GtE -> Gt", "the two sides agree at 0"),
        ("return np.where(x >= 0, tail, 2 - tail)", "GtE -> Gt", "the two sides agree at 0"),
        ("ERFC_LARGEST = *", "10.0 -> 20.0", "erfc is 0 in single precision from 10 on"),
        ("_ER*_FIT = *", "*", "another polynomial, as close in single precision"),
        ("small = np.clip(x, -1, 1)", "1 -> 2", "only what lies within 1 is used"),
        ("return np.where(np.abs(x) < 1, *", "Lt -> LtE", "the two pieces agree at 1, to single precision"),
        ("return *np.minimum(z, 0)*", "0 -> 1", "a guard against overflow on the side that is not used"),
    ],
    "probe": [
        ("z, z2[[]n] = measure(np.matmul*", "out= dropped", "the same numbers in another place"),
        ("with self._lock*", "under= dropped", "numpy does not warn of underflow anyway"),
        ("if not phi.homogeneous or gain == 0.0:", "Eq -> NotEq", "the shortcut gives what the run gives"),
        ("SINGLE = *", "1e*", "where double takes over: both are exact enough between"),
        ("return SINGLE[[]0] < square < SINGLE[[]1]", "[01] -> [01]", DOUBLE),
        ("return SINGLE[[]0] < square < SINGLE[[]1]", "Lt -> LtE", NEVER),
        ("if single := *", "*", DOUBLE),
        ("if not single or not held(*", "Not dropped", DOUBLE),
        ("dw2[[]n] = *", "1 -> 2", "all matrices of a probe have one size"),
        ("BLOCK = *", "*", BLOCKS),
        ("numbers = sum(*", "Mult -> Div", BLOCKS),
        ("many = min(nets, *", "*", BLOCKS),
        ("dz, kept = np.empty(*", "1 -> 0", "more space than is used"),
        ("z = np.matmul(*", "out= dropped", "the same numbers in another place"),
        ("if not phi.homogeneous or gain == 0.0:", "0.0 -> 1.0", "the shortcut gives what the run gives"),
    ],
    "relu_walk": [
        ("means = [[]*", "0.0 -> 1.0", "no unit on: not counted"),
        ("variances = [[]*", "0.0 -> 1.0", "no unit on: not counted"),
        ("for k in range(3, width + 1):", "1 -> 2", "one more that nobody reads"),
        ("chance = np.array(*", "*", "the chances are scaled to sum to 1"),
        ("def __init__(self, widths, depth, nets=200, seed=0):", "*", "other random numbers, or one network more"),
        ("delta[[]n] = np.where(*", "1.0 -> 2.0", "stands in for a 0 whose quotient is not used"),
    ],
    "first_loss": [
        ("reach = *", "*", FINE),
        ("h = min(0.5, 0.3 / std)*", "0.3 -> 0.6", FINE),
        ("z = np.arange(-10.0, 10.0, h)", "10.0 -> 20.0", FINE),
        ("parts = np.array_split(*", "20 -> 21", "in how many parts a grid is worked through"),
        ("return np.concatenate(*", "Add -> Sub", "z is symmetric"),
        ("*700.0*", "700.0 -> 1400.0", "a guard against overflow, where exp(-exp(u)) is 0 already"),
        ("return gaussian_mean(*", "Add -> Sub", "z is symmetric"),
        ("if pi.ndim != 1 or not math.isclose(*", "1e-06 -> *", "how nearly priors must sum to 1"),
        ("m, v = [[]0.0] [*] 4*", "4 -> 5", "one more that nobody reads"),
        ("grads = net.backward(*", "GtE -> Gt", "the two sides agree at 0"),
    ],
    "jacobian": [
        ("return out", "return 2 [*]", "a list twice as long: its first half is read"),
        (
            "own = 1.0 if phi.name in HOMOGENEOUS else gain",
            "1.0 -> 2.0",
            "at any own gain the scaled layers are the same",
        ),
        ("axes, size, _ = np.linalg.svd(*", "*", "more directions than are read"),
        ("flat = flat [*] np.where(*", "*", "a sign is its own inverse, and no coordinate is 0"),
    ],
    "playground": [
        ("same = (np.abs(*", "LtE -> Lt", NEVER),
        ("return (np.abs(*", "LtE -> Lt", NEVER),
        ("return (np.abs(*", "1 -> 0", "being alike is mutual"),
        ("def best_line(*", "720 -> 721", FINE),
        ("for angle in np.arange(directions)*", "divisor n -> n - 1", FINE),
        ("ones = np.cumsum(*", "Add -> Sub", "the same directions, mirrored"),
        ("w, v = centre + half *", "Add -> Sub", "the two units exchanged"),
        ("losses.append(*", "USub dropped", "of two axes the last is the second"),
        ("return net.copy(), loss, *", "Gt -> GtE", NEVER),
        ("history = train(*", "1 -> 2", "one more step, which is not recorded"),
    ],
    "data": [
        ("np.load(*", "allow_pickle= dropped", "numpy's default"),
        ("return (x + noise [*] *", "Add -> Sub", "the noise is symmetric"),
        ("return n // 2, n - n // 2, mix", "*", "other random numbers: of more points than asked for n are kept"),
        ("np.stack([[]0.5 - np.cos(t)*", "Sub -> Add", "a cosine of evenly spread angles is symmetric"),
    ],
    "symbolic": [
        ("for k in range(2, highest + 1):", "1 -> 2", "one more that nobody reads"),
        ("return moments", "return 2 [*]", "a list twice as long: its first half is read"),
        ("c, rest = term.as_independent(*", "as_Add= dropped", "terms are products"),
        ("if base == z *", "Gt -> GtE", "sympy keeps no power of 0"),
    ],
    "border": [
        ("kept, slope = *", "1.0 -> 2.0", "slopes of homogeneous activations have one mean square at every scale"),
        ("c = np.clip(*", "*", "a guard against rounding"),
        ("at = np.clip(*", "*", "a guard against rounding"),
        (
            "return c, 2 [*] c [*] c, np.zeros_like(c)",
            "2 -> [13]",
            "scaled alike, read nowhere: a linear signal has c = 0",
        ),
        ("* = np.einsum(*", "*", "the order of the same sums"),
        ("*.T*", ".T dropped", "taps of stride 1 are symmetric"),
        ("cosines.append(*", "*", "read for kernels of one pixel, where the scale is 1, and a guard against rounding"),
        ("forward, backward = np.zeros(*", "1 -> 2", "one more that nobody reads"),
        ("if not relu:", "if left out", "the same zeros, computed"),
        ("means.append(*", "*", "only the correlation is read"),
        ("means, s, h = *", "0.001 -> 0.002", "any small step"),
        ("kappas, slopes, cosines = *", "*", "how many layers are computed ahead"),
        ("T = taps(*", "Div -> Mult", "only the shape is read"),
        ("row = np.abs(*", "*", "the first eigenvector has the last one's sizes, and a sign cancels"),
        ("return np.outer(row, row)", "return 2 [*]", "a shape, of any size"),
    ],
    "convolution": [
        ("if w.ndim != 4 or w.shape[[]2] != *", "2 -> 3", "a kernel that passes is square"),
        ("return w.shape[[]2]", "2 -> 3", "a kernel that passes is square"),
        ("k = patches.shape[[]1]", "1 -> 2", "a kernel that passes is square"),
        ("k = w.shape[[]2]", "2 -> 3", "a kernel that passes is square"),
        ("read.append(_patches(a[[]-1], self.W[[]n].shape[[]2]*", "2 -> 3", "a kernel that passes is square"),
        ("batch, k = delta.shape[[]-1], read.shape[[]1]", "1 -> 2", "a kernel that passes is square"),
        ("if n > 1:", "*", "the error of the images, which nobody reads"),
        ("grad = *", "ascontiguousarray dropped", "the same numbers in another place"),
        ("if stride == 1: *", "if left out", "the other way gives the same, slower"),
        ("if stride == 1: *", "1 -> 0", "the other way gives the same, slower"),
        ("out = np.zeros((channels, height + 2 [*] r, *", "2 -> 3", "more zeros at a far end that nobody reads"),
    ],
    "residual": [
        ("b = [[]None] + *", "zeros -> ones", "arrays without entries"),
        ("passed = np.full(depth + 1, 1.0)*", "1.0 -> 2.0", "every entry that is read is set below"),
        ("x2, v = np.ones(depth + 1), *", "1 -> 2", "an entry of v that nobody reads"),
        ("x2, passed[[]1:] = *", "1 -> [02]", "the loop above gives the same, or nobody reads it"),
        ("back = back [*] (y > 0)", "Gt -> GtE", NEVER),
    ],
    "spectrum": [
        ("_ANGLES = *", "602 -> 603", "one point more on a grid of 600"),
        ("_ANGLES = *", "[12] -> [0123]", "where the points of the grid lie, and whether the two at its ends count"),
        ("low, high = *", "25.0 -> 50.0", "bisection from a wider bracket"),
        ("for _ in range(48):", "48 -> 49", "bisection beyond rounding"),
        ("z = np.exp(middle) [*] turned", "exp *", "another name for the same unknown, r or r + 1 for exp(middle)"),
        ("positive = *", "Gt -> GtE", NEVER),
    ],
}

# --- mutants --------------------------------------------------------------------------------------------------------
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
WORDS = {
    "fan_in": "fan_out", "fan_out": "fan_in", "forward": "backward", "backward": "forward", "normal": "uniform",
    "uniform": "normal", "zero": "circular", "circular": "zero", "batch": "layer", "layer": "batch",
}  # fmt: skip
CALLS = {
    "mean": "sum", "sum": "mean", "min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum",
    "exp": "expm1", "expm1": "exp", "log": "log1p", "log1p": "log", "tanh": "sin", "sin": "cos", "cos": "sin",
    "argmax": "argmin", "argmin": "argmax", "any": "all", "all": "any", "zeros": "ones", "ones": "zeros",
    "zeros_like": "ones_like", "ones_like": "zeros_like", "std": "var", "var": "std", "cumsum": "cumprod",
    "cumprod": "cumsum", "standard_normal": "random", "greater": "greater_equal", "less": "less_equal",
}  # fmt: skip
DROPPED = {
    "sqrt", "abs", "square", "exp", "log", "log10", "log1p", "float", "tanh", "round", "clip", "ravel",
    "nan_to_num", "copy", "ascontiguousarray",
}  # fmt: skip
HEAVY = (
    "hypothesis.extra.numpy", "matplotlib.pyplot", "matplotlib.font_manager", "sympy", "contourpy", "IPython",
    "PIL.Image", "_pytest.main",
)  # fmt: skip
KEPT_KEYWORDS = {"strict", "maxsize", "dtype", "copy"}  # they decide about cost, or about nothing


def called(node):
    """The last name of what a call calls, or an empty text."""
    f = node.func
    return f.attr if isinstance(f, ast.Attribute) else f.id if isinstance(f, ast.Name) else ""


def number(value):
    """The numbers that stand in for one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return {0: [1], 1: [2, 0], 2: [1, 3]}.get(value, [value + 1])
    if isinstance(value, float):
        if value == 0:
            return [1.0]
        if not 1e-4 < value < 1e4:
            return [value * 100]
        return [value * (1 + 1e-4)] if len(f"{value:g}".replace(".", "")) > 4 else [2 * value]
    return []


def changes(node):
    """(what, function that changes a copy of this node and returns it or what stands in its place; None deletes it)."""

    def put(**fields):
        def change(node):
            for name, value in fields.items():
                setattr(node, name, value)
            return node

        return change

    def swapped(k, operator):
        def change(node):
            node.ops[k] = operator()
            return node

        return change

    def without_keyword(k):
        def change(node):
            del node.keywords[k]
            return node

        return change

    def times_two(node):
        node.value = ast.BinOp(ast.Constant(2), ast.Mult(), node.value)
        return node

    def centred(node):
        v = node.args[-1]
        node.args[-1] = ast.BinOp(v, ast.Sub(), ast.Call(ast.Attribute(v, "mean", ast.Load()), [], []))
        return node

    def one_more(node):
        node.right = ast.BinOp(node.right, ast.Sub(), ast.Constant(1))
        return node

    def turned(node):
        node.test = ast.UnaryOp(ast.Not(), node.test)
        return node

    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        other = OPERATORS[type(node.op)]
        yield f"{type(node.op).__name__} -> {other.__name__}", put(op=other())
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not isinstance(node.right, ast.Constant):
        yield "divisor n -> n - 1", one_more
    if isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            for other in COMPARISONS[type(op)]:
                yield f"{type(op).__name__} -> {other.__name__}", swapped(k, other)
    if isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{type(node.op).__name__} -> {other.__name__}", put(op=other())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        yield f"{type(node.op).__name__} dropped", lambda node: node.operand
    if isinstance(node, ast.Constant):
        for other in number(node.value):
            yield f"{node.value!r} -> {other!r}", put(value=other)
        if isinstance(node.value, str) and node.value in WORDS:
            yield f"{node.value} -> {WORDS[node.value]}", put(value=WORDS[node.value])
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in ("fan_in", "fan_out"):
        yield f"{node.id} -> {WORDS[node.id]}", put(id=WORDS[node.id])
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield ".T dropped", lambda node: node.value
    if isinstance(node, ast.Call):
        name = called(node)
        if name in CALLS:
            yield f"{name} -> {CALLS[name]}", put(func=_renamed(node.func, CALLS[name]))
        if name in DROPPED:
            method = isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name)
            method = method or (isinstance(node.func, ast.Attribute) and node.func.value.id not in ("np", "math"))
            if method or node.args:
                yield f"{name} dropped", (lambda node: node.func.value) if method else (lambda node: node.args[0])
        if name in ("vdot", "einsum") and len(node.args) >= 2 and ast.dump(node.args[-1]) == ast.dump(node.args[-2]):
            yield "second moment -> variance", centred
        if name == "std":
            more = ast.keyword("ddof", ast.Constant(1))
            yield "std with n - 1", put(keywords=[*node.keywords, more])
        for k, keyword in enumerate(node.keywords):
            if keyword.arg and keyword.arg not in KEPT_KEYWORDS:
                yield f"{keyword.arg}= dropped", without_keyword(k)
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        if not isinstance(node.test, (ast.Compare, ast.UnaryOp)) or isinstance(node, ast.IfExp):
            yield "condition turned round", turned
        if isinstance(node, ast.If) and not node.orelse and not isinstance(node.body[-1], ast.Raise):
            yield "if left out", lambda node: None
    if isinstance(node, ast.Return) and isinstance(node.value, (ast.BinOp, ast.Call, ast.Name, ast.IfExp)):
        yield "return 2 *", times_two
    if isinstance(node, (ast.Raise, ast.AugAssign, ast.Break, ast.Continue)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "statement left out", lambda node: None
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Subscript, ast.Attribute)):
        yield "statement left out", lambda node: None


def _renamed(func, name):
    func = copy.deepcopy(func)
    setattr(func, "attr" if isinstance(func, ast.Attribute) else "id", name)
    return func


class Site:
    """One mutant: node number `index` of the tree, change number `choice` of that node."""

    def __init__(self, index, choice, what, line, span, header):
        self.index, self.choice, self.what, self.line, self.span, self.header = index, choice, what, line, span, header


def sites(tree, left_out):
    """Every `Site` of a module."""
    number_of = {id(node): k for k, node in enumerate(ast.walk(tree))}
    found = []

    def visit(node, span, header, reshaped=False):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in left_out:
            return
        if isinstance(node, ast.Assign) and any(
            getattr(part, "id", None) in left_out for target in node.targets for part in ast.walk(target)
        ):
            return
        if isinstance(node, ast.Call) and called(node) == "lru_cache":
            return
        if isinstance(node, ast.keyword) and node.arg in KEPT_KEYWORDS:
            return
        if isinstance(node, ast.stmt):  # the lines whose execution shows that a test meets this statement
            block = getattr(node, "body", None)
            first = block[0].lineno if block else node.end_lineno + 1
            span, header = range(node.lineno, max(first, node.lineno + 1)), None
            if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert)):
                return
            if isinstance(node, ast.FunctionDef):
                header = range(node.body[0].lineno, node.end_lineno + 1)
        for k, (what, _) in enumerate(changes(node)):
            found.append(Site(number_of[id(node)], k, what, node.lineno, span, header))
        if isinstance(node, ast.UnaryOp) and isinstance(getattr(node.operand, "value", None), int) and reshaped:
            return  # any negative number is the size left over
        reshaped = isinstance(node, ast.Call) and called(node) == "reshape"
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list") or isinstance(node, ast.Raise):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    inside = isinstance(node, ast.FunctionDef) and name == "body"
                    visit(child, span, None if inside else header, reshaped)

    visit(tree, range(0), None)
    return found


def mutated(tree, site):
    """The tree with one change, in place: for a child that has no other use for it."""
    target = list(ast.walk(tree))[site.index]
    change = list(changes(target))[site.choice][1]

    class Replace(ast.NodeTransformer):
        def visit(self, node):
            if node is not target:
                return self.generic_visit(node)
            new = change(node)
            return ast.copy_location(ast.Pass(), node) if new is None else ast.copy_location(new, node)

    return ast.fix_missing_locations(Replace().visit(tree))


# --- running the tests in a child -----------------------------------------------------------------------------------
class Mutant(importlib.machinery.SourceFileLoader):
    code = None

    def get_code(self, fullname):
        return self.code


class Finder:
    """Gives one module of the package its mutated code."""

    def __init__(self, module, code):
        self.name, self.code = f"initlab.{module}", code

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        spec.loader = Mutant(name, spec.origin)
        spec.loader.code = self.code
        return spec


class Calm:
    """Hypothesis must not spend minutes on the simplest example of what is wrong anyway."""

    def pytest_configure(self):
        import hypothesis

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        calm = hypothesis.settings(hypothesis.settings.get_profile("calm"), phases=phases, database=None)
        hypothesis.settings.register_profile("mutants", calm)
        hypothesis.settings.load_profile("mutants")


class Chosen(Calm):
    """Runs these tests and no others, in this order."""

    def __init__(self, order):
        self.order = order

    def pytest_collection_modifyitems(self, items):
        items[:] = ordered(items, self.order)


def ordered(items, order):
    place = {name: k for k, name in enumerate(order)}
    return sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])


def run_pytest(files, plugin):
    import pytest

    options = ["-x", "-q", "--tb=no", "--no-header", "--no-summary", "-o", "addopts="]
    options += [
        word for name in ("cacheprovider", "unraisableexception", "faulthandler") for word in ("-p", f"no:{name}")
    ]
    return int(pytest.main([*options, *(str(TESTS / name) for name in files)], plugins=[plugin]))


BROKEN, NOTHING, UNFIT = 70, 71, 72  # exit codes: an error here; no test was run; the mutant has to be imported


def fork(work, seconds=None):
    """Run `work` in a child, whose exit code is what it returns; give it this many seconds of CPU time."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    code = BROKEN
    try:
        if not os.environ.get("MUTANTS_LOUD"):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
        if seconds:
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        code = work()
    finally:
        os._exit(code)


def in_children(work, chosen, jobs):
    """Yield (site, exit status) of `work(site)`, which is (function, seconds of CPU time), in so many children."""
    running, waiting = {}, list(chosen)[::-1]
    while waiting or running:
        while waiting and len(running) < jobs:
            site = waiting.pop()
            task, seconds = work(site)
            running[fork(task, 10 + 4 * seconds)] = site, time.monotonic() + 120 + 20 * seconds
        child, status = os.waitpid(-1, os.WNOHANG)
        if child in running:
            yield running.pop(child)[0], status
            continue
        time.sleep(0.005)
        for child, (_, end) in running.items():
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)


class Session(Calm):
    """A pytest session that notes which test executes which line, and then forks for every mutant of a function.

    Such a mutant needs no import: its code is put into the functions that are there.  Where it cannot be, or where an
    import or a collection has executed the line already, its verdict is left open.
    """

    def __init__(self, module, path, tree, chosen, options, answer):
        self.module, self.path, self.tree, self.chosen = module, str(path), tree, chosen
        self.options, self.within = options, options.within
        self.answer, self.now, self.shared, self.tests, self.caches = answer, set(), {}, {}, []

    def trace(self, frame, event, arg):
        return self.line if frame.f_code.co_filename == self.path else None

    def line(self, frame, event, arg):
        self.now.add(frame.f_lineno)
        return self.line

    def start(self, files):
        sys.settrace(self.trace)
        threading.settrace(self.trace)
        importlib.import_module(f"initlab.{self.module}")
        self.imported = self.now
        return run_pytest(files, self)

    def share(self, nodeid):
        self.now = self.shared.setdefault(nodeid.split("::")[0], set())

    def pytest_collectstart(self, collector):
        self.share(collector.nodeid)

    def pytest_runtest_setup(self, item):
        self.share(item.nodeid)

    def pytest_runtest_call(self, item):
        for cache in self.caches:
            cache.cache_clear()
        self.now, self.started = set(), time.process_time()

    def pytest_runtest_teardown(self, item):
        self.tests[item.nodeid] = time.process_time() - self.started, self.now
        self.share(item.nodeid)

    def pytest_runtestloop(self, session):
        sys.settrace(None)
        threading.settrace(None)
        folder, early = self.answer.parent, self.imported.union(*self.shared.values())

        def note():
            sys.settrace(self.trace)
            threading.settrace(self.trace)
            modules = [m for name, m in sys.modules.items() if name.split(".")[0] == "initlab" or name[:5] == "test_"]
            values = [value for module in modules for value in vars(module).values()]
            self.caches = [value for value in values if isinstance(value, functools._lru_cache_wrapper)]
            code = run_items(session, session.items)
            sys.settrace(None)
            (folder / "seen").write_bytes(pickle.dumps((self.tests, self.shared)))
            return code

        _, status = os.waitpid(fork(note), 0)
        if status:
            session.testsfailed = 1
            return True
        self.tests, self.shared = pickle.loads((folder / "seen").read_bytes())
        plans = {site: plan(site, self.tests, self.shared, self.imported, self.within) for site in self.chosen}
        gc.collect()
        functions = [f for f in gc.get_objects() if isinstance(f, types.FunctionType)]
        functions = [f for f in functions if f.__code__.co_filename == self.path]
        gc.freeze()

        def work(site):
            order, seconds = plans[site]

            def task():
                if site is not None and not patch(functions, compiled(self.tree, site, self.path)):
                    return UNFIT
                return run_items(session, ordered(session.items, order))

            return task, seconds

        most, seconds = max(plans.values(), key=lambda found: found[1], default=([], 0))
        plans[None] = most[:30], seconds
        if any(status for _, status in in_children(work, [None], 1)):  # the control: nothing is changed
            session.testsfailed = 1
            return True
        del plans[None]
        quick = [site for site in self.chosen if plans[site][0] and not early & {*site.span}]
        open_still = (UNFIT << 8, BROKEN << 8)
        verdict = {}
        for site, status in in_children(work, quick, self.options.jobs):
            if status not in open_still:
                verdict[site] = status
                note_down(self.options, self.module, site, status)
        self.answer.write_bytes(pickle.dumps((plans, verdict)))
        return True


def note_down(options, module, site, status):
    """A line in the log: what is known if the run is interrupted."""
    if options.log:
        with open(options.log, "a", encoding="utf-8") as log:
            log.write(f"{'caught' if status else 'survives'} {module} {site.line} {site.what}\n")


def run_items(session, items):
    """Run these tests until one fails; 1 if one has, else 0."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0 if items else NOTHING


def compiled(tree, site, path):
    return compile(mutated(tree, site), str(path), "exec", dont_inherit=True)


def patch(functions, code):
    """Put changed code into the functions that a module has already; whether that is all there was to change."""
    found, todo = {}, [code]
    while todo:
        inside = [c for c in todo.pop().co_consts if isinstance(c, types.CodeType)]
        todo += inside
        for c in inside:
            found.setdefault((c.co_qualname, c.co_firstlineno), []).append(c)
    changed = False
    for f in functions:
        match found.get((f.__code__.co_qualname, f.__code__.co_firstlineno)):
            case [one] if one != f.__code__:
                try:
                    f.__code__ = one
                except ValueError:  # it closes over other names
                    return False
                changed = True
            case None | [_, _, *_]:
                return False
    return changed


def plan(site, tests, shared, imported, within):
    """The tests that execute a mutant's line, cheapest first, and their time; what is imported concerns all of them."""
    lines = set(site.header or site.span)
    order = [name for name, (_, seen) in tests.items() if seen & lines or shared[name.split("::")[0]] & lines]
    if not site.header and imported & lines:
        order += [name for name, (_, seen) in tests.items() if seen or shared[name.split("::")[0]]]
    order = [name for name in dict.fromkeys(order) if tests[name][0] < within]

    def cost(name):
        seconds = tests[name][0]
        return (seconds > 0.05) + (seconds > 0.5), name.split("::")[0], seconds

    return sorted(order, key=cost), sum(tests[name][0] for name in order)


def judge(module, files, path, tree, chosen, options, folder):
    """{site: whether the tests caught it}."""
    answer = folder / "answer"
    _, status = os.waitpid(fork(lambda: Session(module, path, tree, chosen, options, answer).start(files)), 0)
    if status:
        raise SystemExit(f"the tests of {module} fail without any change: run pytest on {' '.join(files)}")
    plans, known = pickle.loads(answer.read_bytes())
    plans = {(site.index, site.choice): found for site, found in plans.items()}
    known = {(site.index, site.choice): status for site, status in known.items()}
    verdict = {site: known.get((site.index, site.choice), 0) != 0 for site in chosen}

    def work(site):
        order, seconds = plans[site.index, site.choice]

        def task():
            sys.meta_path.insert(0, Finder(module, compiled(tree, site, path)))
            return run_pytest(dict.fromkeys(pathlib.Path(name.split("::")[0]).name for name in order), Chosen(order))

        return task, seconds

    rest = [site for site in chosen if (site.index, site.choice) not in known and plans[site.index, site.choice][0]]
    for site, status in in_children(work, rest, options.jobs):
        if status in (BROKEN << 8, 5 << 8):
            raise SystemExit(f"{module}:{site.line} {site.what} could not be tried")
        verdict[site] = status != 0
        note_down(options, module, site, status)
    return verdict


# --- the table ------------------------------------------------------------------------------------------------------
def reason(module, text, what):
    for line, change, why in [*EVERYWHERE, *EQUIVALENT.get(module, ())]:
        if fnmatch.fnmatchcase(text, line) and fnmatch.fnmatchcase(what, change):
            return why
    return None


def examine(module, options, folder):
    """(mutants, caught, equivalent, survivors as texts) of one module."""
    path = PACKAGE / f"{module}.py" if (PACKAGE / f"{module}.py").exists() else PACKAGE / module / "__init__.py"
    names, left_out = MODULES[module]
    with tokenize.open(path) as file:
        source = file.read()
    lines = source.splitlines()
    for pattern, what, _ in EQUIVALENT.get(module, ()):
        if not any(fnmatch.fnmatchcase(line.strip(), pattern) for line in lines):
            raise ValueError(f"EQUIVALENT: no line of {module} fits {pattern!r} ({what})")
    tree = ast.parse(source)
    chosen = sites(tree, left_out.split())
    if options.sample and options.sample < len(chosen):
        chosen = sorted(random.Random(options.seed).sample(chosen, options.sample), key=lambda s: s.line)
    if options.line:
        chosen = [site for site in chosen if site.line in options.line]

    files = [f"test_{name}.py" for name in names.split()]
    verdict = judge(module, files, path, tree, chosen, options, folder)
    same, left = 0, []
    for site in chosen:
        if not verdict[site]:
            why = reason(module, lines[site.line - 1].strip(), site.what)
            same += why is not None
            if why is None or options.all:
                left.append((site.line, lines[site.line - 1].strip(), site.what, why))
    return len(chosen), sum(verdict.values()), same, left


def main():
    parser = argparse.ArgumentParser(description="Put wrong formulas into the numeric modules and run their tests.")
    parser.add_argument("modules", nargs="*", metavar="module", help=f"of {', '.join(MODULES)}")
    parser.add_argument("--sample", type=int, help="so many mutants of each module, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--within", type=float, default=1e9, help="only tests that take less: a first, quick look")
    parser.add_argument("--line", type=int, action="append", help="only the mutants of this line")
    parser.add_argument("--all", action="store_true", help="print the equivalent ones too, with their reasons")
    parser.add_argument("--log", help="a file to which every verdict is added as it comes")
    options = parser.parse_args()
    unknown = set(options.modules) - set(MODULES)
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; known are {', '.join(MODULES)}")
    for name in HEAVY:
        importlib.import_module(name)  # once, for all children
    os.chdir(TESTS.parent)
    sys.path.insert(0, str(TESTS.parent))
    total, started = [0, 0, 0], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = folder  # children leave their temporary files behind
        sys.dont_write_bytecode, sys.pycache_prefix = False, folder  # and share what they have compiled
        for module in options.modules or MODULES:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            mutants, caught, same, left = examine(module, options, pathlib.Path(folder))
            more = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = more.ru_utime + more.ru_stime - used.ru_utime - used.ru_stime
            print(
                f"{module:14} {mutants:4} mutants, {caught:4} caught, {same:2} equivalent: "
                f"{100 * caught / max(mutants - same, 1):5.1f} % of the others caught  ({seconds:.0f} s CPU)",
                flush=True,
            )
            for line, text, what, why in left:
                print(f"    {line:4}  {what:28} {text}" + (f"\n          equivalent: {why}" if why else ""))
            total = [a + b for a, b in zip(total, (mutants, caught, same), strict=True)]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{'together':14} {total[0]:4} mutants, {total[1]:4} caught, {total[2]:2} equivalent  "
        f"({used.ru_utime + used.ru_stime:.0f} s CPU, {time.monotonic() - started:.0f} s)"
    )


if __name__ == "__main__":
    main()
