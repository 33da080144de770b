"""Labels of logarithmic axes: the words matplotlib would set as a formula, in plain text, on every figure shown."""

import unicodedata

import pytest
from matplotlib.scale import LogScale
from matplotlib.ticker import FixedLocator, StrMethodFormatter

from initlab import _output, live, plots
from initlab._ticks import plain_powers, power_of_ten

pytestmark = pytest.mark.usefixtures("frozen")


def spelled(label):
    """The number a plain label says."""
    label = "".join(unicodedata.normalize("NFKC", c) if unicodedata.decomposition(c) else c for c in label)
    times, _, power = label.replace(" ", "").replace("−", "-").rpartition("×")
    assert power.startswith("10")
    return float(times or 1) * 10.0 ** int(power[2:])


def labels(axis):
    axis.figure.canvas.draw()
    both = [
        (axis.get_majorticklocs(), axis.get_major_formatter()),
        (axis.get_minorticklocs(), axis.get_minor_formatter()),
    ]
    found = [(at, word) for places, form in both for at, word in zip(places, form.format_ticks(places), strict=True)]
    return [(at, word) for at, word in found if word]


@pytest.mark.parametrize("limits", [(1e-17, 30.0), (0.2, 3.0), (0.03, 0.04), (1e-300, 1e-200), (1e-3, 1e12)])
def test_every_label_says_its_number_without_a_formula(limits):
    fig, ax = plots.panels()
    ax.set(yscale="log", ylim=limits)
    before = labels(ax.yaxis)
    plain_powers(fig)
    after = labels(ax.yaxis)
    assert [at for at, _ in after] == [at for at, _ in before] and len(after) > 1
    for (at, word), (_, formula) in zip(after, before, strict=True):
        assert spelled(word) == pytest.approx(at, rel=1e-9)
        assert "$" in formula and not set("$\\{}^") & set(word)


@pytest.mark.parametrize(("exponent", "text"), [(-13, "10⁻¹³"), (0, "10⁰"), (258, "10²⁵⁸"), (4679, "10⁴⁶⁷⁹")])
def test_powers(exponent, text):
    assert power_of_ten(exponent) == text


def test_labels_that_somebody_chose_stay():
    fig, (one, other) = plots.panels(2)
    chosen = StrMethodFormatter("{x:g}")
    one.set(yscale="log")
    one.yaxis.set_major_formatter(chosen)
    other.set_yscale(LogScale(other.yaxis, base=2))
    other.set_ylim(1, 8)
    other.yaxis.set_major_locator(FixedLocator([1, 2, 4]))
    linear = other.xaxis.get_major_formatter()
    plain_powers(fig)
    assert one.yaxis.get_major_formatter() is chosen and other.xaxis.get_major_formatter() is linear
    assert [word for _, word in labels(other.yaxis)][:3] == ["2⁰", "2¹", "2²"]


def test_every_figure_shown_has_them():
    """A still one and a live one."""
    fig, ax = plots.panels()
    ax.loglog([1, 1000], [1, 1e-9])
    _output.small_png(fig)
    assert {word for _, word in labels(ax.xaxis)} >= {"10⁰", "10³"}
    fig, ax = plots.panels()
    (line,) = ax.semilogy([1, 1000], [1, 1e-9])
    live.Picture(fig, [line], lambda: "")
    assert "10⁻⁸" in [word for _, word in labels(ax.yaxis)]
