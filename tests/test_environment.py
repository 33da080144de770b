"""The environment check: bounds read from the metadata, verdicts, and nothing stored that depends on the machine."""

from importlib import metadata

import pytest

from initlab import environment
from initlab.environment import Need


@pytest.mark.parametrize(
    "bound, found, serves",
    [
        ("1.26", "1.26.0", True),
        ("1.26", "2.0", True),
        ("1.26", "1.9.9", False),
        ("3.10", "3.9.2", False),
        ("8.1", "8.1.0rc1", True),
        ("8.1", "8.1.post1", True),
        ("3.11", "3.11.2", True),
        ("2.0", "2", True),
        ("1.0", None, False),
    ],
)
def test_versions_compare_as_numbers(bound, found, serves):
    assert Need("some", bound, found).serves is serves


def test_every_requirement_of_the_package_is_read():
    plain = [line for line in metadata.requires("initlab") if "extra" not in line]
    found = environment.needs()
    assert found[0].name == "Python"
    assert [need.name for need in found[1:]] == [line.split(">=")[0] for line in plain]
    assert {"numpy", "matplotlib", "ipywidgets"} <= {need.name for need in found}
    assert all(need.serves for need in found)


def test_verdict_stores_no_version(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("initlab._output.display", lambda data, **options: shown.append(data))
    environment.report()
    assert capsys.readouterr().out == "✓ Python and every package are new enough.\n"
    assert shown[0]["text/plain"] == "Run this cell to see the versions found."
    assert "text/html" not in shown[0]


def test_what_does_not_serve_is_named_with_its_remedy(capsys, monkeypatch):
    poor = [Need("Python", "3.11", "3.12.1"), Need("numpy", "1.26", "1.20"), Need("matplotlib", "3.10", None)]
    monkeypatch.setattr(environment, "needs", lambda: poor)
    environment.report()
    said = capsys.readouterr().out
    assert "✗ numpy is too old: 1.26 or later is needed" in said
    assert "✗ matplotlib is missing: 3.10 or later is needed" in said
    assert '%pip install "numpy>=1.26" "matplotlib>=3.10"' in said
    assert "✗ Python" not in said


def test_a_package_that_is_not_installed_is_said(capsys, monkeypatch):
    monkeypatch.setattr(environment, "PACKAGE", "initlab-that-nobody-has")
    environment.report()
    assert "is not installed" in capsys.readouterr().out
