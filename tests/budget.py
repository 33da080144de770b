"""A budget of the benchmarks, and how tables are printed and written as Markdown."""

from typing import NamedTuple


class Budget(NamedTuple):
    """What was measured, its value, and what it may be at most (or at least)."""

    what: str
    value: float
    limit: float
    sense: str = "at most"

    @property
    def kept(self):
        return self.value <= self.limit if self.sense == "at most" else self.value >= self.limit

    def row(self):
        return [self.what, f"{self.value:.2f}", f"{self.sense} {self.limit:g}", "kept" if self.kept else "**broken**"]


HEAD = ["what", "measured", "budget", ""]


def markdown(head, rows):
    """A table: the first column to the left, the others to the right."""
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def text(head, rows):
    """The same table in columns, for a terminal."""
    lines = [[str(cell).replace("*", "") for cell in line] for line in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) if k else cell.ljust(width) for k, (cell, width) in enumerate(zip(line, widths)))  # noqa: B905
        for line in lines
    )
