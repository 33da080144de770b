"""What the README promises: its commands, links, code and pins."""

import pathlib
import re
import tomllib

import pytest

from initlab import _output, live

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && .venv/bin/"


def pins():
    """name -> exact versions in requirements.txt (some differ by Python or platform)."""
    found = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)==(\S+)", line):
            found.setdefault(match[1].lower(), []).append(match[2])
        else:
            assert line.startswith("#") or line == "-e .", line
    return found


def test_the_two_commands_stand_in_blocks_of_their_own():
    blocks = re.findall(r"^```\n(.*?)^```", README, flags=re.M | re.S)
    opens = SET_UP + "jupyter lab --allow-root --ServerApp.root_dir=. notebooks/00_start_here.ipynb\n"
    assert [b for b in blocks if b.startswith("python3")] == [opens, SET_UP + "pytest --nbval\n"]


def test_links_and_pictures_exist():
    local = [a for a in re.findall(r"\]\(([^)\s]+)\)", README) if not a.startswith("http")]
    assert len(local) >= 8
    assert [a for a in local if not (ROOT / a).exists()] == []
    for alt in re.findall(r"!\[(.*?)\]", README):
        assert len(alt) > 20


def test_every_chapter_is_in_the_table():
    listed = re.findall(r"\]\(notebooks/([^)]+)\)", README)
    assert listed == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_the_code_block_runs(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S)
    exec(code, {})
    measured, law, low, high = map(float, capsys.readouterr().out.split())
    # He: 28 ReLU layers each multiply by 2 / 2, and the input and the cotangent have second moment 1
    assert law == pytest.approx(1.0, rel=1e-9)
    assert low < measured < high


def test_requirements_are_exact_and_end_with_the_package():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "-e ."
    assert len(pins()) > 80
    assert not [line for line in lines if "://" in line or re.search(r"\(/|\(\w:", line)]  # addresses, machines' paths


def test_pins_satisfy_the_lower_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["test"]
    for name, bound in (a.split(">=") for a in asked):
        for version in pins()[name]:
            as_numbers = [[int(n) for n in re.findall(r"\d+", v)[:3]] for v in (version, bound)]
            assert as_numbers[0] >= as_numbers[1], name


MENU = r"(?:Run|Kernel) → [A-Z][A-Za-z ]*[a-z](?=[*.:,])"


def test_what_a_page_says_of_trouble_is_in_the_readme():
    trouble = re.search(r"^## When a picture does not move\n(.*?)^## ", README, flags=re.M | re.S)[1]
    said = [live.RULES, _output.advice(NameError(name="no")), _output.advice(ValueError())]
    menus = [re.findall(MENU, words) for words in said]
    assert [len(each) for each in menus] == [1, 1, 1]
    assert {menu for (menu,) in menus} <= set(re.findall(MENU, trouble))
    assert re.search(r"content: '(This picture has lost its kernel) ", live.RULES)[1] in trouble
    assert "`NameError: name 'plots' is not defined`" in trouble


OPEN_DOOR = r"token=(\s|''|\"\")|[.]token=|password|allow_unauth|disable_check_xsrf|allow_origin|\bip=|0[.]0[.]0[.]0"
WORKFLOWS = [str(path.relative_to(ROOT)) for path in (ROOT / ".github").rglob("*.yml")]


@pytest.mark.parametrize("name", ["README.md", ".ci/run", *WORKFLOWS])
def test_no_command_opens_the_server(name):
    """The token stays on, and the server on this machine."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(OPEN_DOOR, text) == []


@pytest.mark.parametrize("option", ["--IdentityProvider.token=''", "--ServerApp.token= ", "--ServerApp.ip=0.0.0.0"])
def test_an_opened_server_would_be_seen(option):
    assert re.search(OPEN_DOOR, f"jupyter lab {option} notebooks")
