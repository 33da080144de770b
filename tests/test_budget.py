"""The benchmarks' budgets: when one is kept, and that the page written last says of each what its numbers say."""

import pathlib
import re

import pytest
from budget import HEAD, Budget, markdown, text

PAGE = pathlib.Path(__file__).resolve().parent / "BENCHMARKS.md"


@pytest.mark.parametrize(
    "value, sense, kept",
    [(1.25, "at most", True), (1.26, "at most", False), (1.25, "at least", True), (1.24, "at least", False)],
)
def test_a_budget_is_kept_up_to_its_limit(value, sense, kept):
    assert Budget("x", value, 1.25, sense).kept is kept
    assert Budget("x", value, 1.25, sense).row() == [
        "x", f"{value:.2f}", f"{sense} 1.25", "kept" if kept else "**broken**"
    ]  # fmt: skip


@pytest.mark.parametrize("sense", ["at most", "at least"])
def test_what_could_not_be_measured_is_not_kept(sense):
    assert not Budget("x", float("nan"), 1.0, sense).kept


def test_tables():
    assert markdown(["a", "b"], [["c", 1]]) == "| a | b |\n| :-- | --: |\n| c | 1 |\n"
    assert text(["a", "b"], [["long", "**1**"]]).splitlines() == ["a     b", "long  1"]


def test_the_page_agrees_with_itself():
    table = PAGE.read_text(encoding="utf-8").split("## ")[1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    assert rows[0] == HEAD and len(rows) > 10
    for what, measured, budget, verdict in rows[2:]:
        sense, limit = re.fullmatch(r"(at most|at least) ([\d.]+)", budget).groups()
        gap = float(measured) - float(limit)
        if abs(gap) > 0.006:  # the page rounds to two digits
            assert verdict == ("kept" if (gap < 0) == (sense == "at most") else "**broken**"), what
