"""Labels of logarithmic axes in plain text.

matplotlib sets each as a formula, and reads a new one for about 2 ms: a slider that changes the limits waits for ten.
"""

import re

from matplotlib.ticker import LogFormatterSciNotation

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(exponent):
    """10 to this whole power, as "10⁻³"."""
    return "10" + str(exponent).translate(_RAISED)


class PlainPowers(LogFormatterSciNotation):
    """What matplotlib writes on a logarithmic axis, with raised figures in place of a formula."""

    def __call__(self, x, pos=None):
        label = re.sub(r"^\$\\mathdefault\{(.*)\}\$$", r"\1", super().__call__(x, pos))
        label = label.replace(r"\times", "\u2009×\u2009")
        return re.sub(r"\^\{([^}]*)\}", lambda found: found[1].translate(_RAISED), label)


def plain_powers(fig):
    """Give every axis of a figure that still has matplotlib's own logarithmic labels plain ones."""
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            for kind in ("major", "minor") if axis.get_scale() == "log" else ():
                old = getattr(axis, f"get_{kind}_formatter")()
                if type(old) is LogFormatterSciNotation:
                    new = PlainPowers(axis.get_transform().base, old.labelOnlyBase, old.minor_thresholds)
                    getattr(axis, f"set_{kind}_formatter")(new)
