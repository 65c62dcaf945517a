"""Whoever follows an install line gets this package: what the shorter name stands for elsewhere is a stranger's."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = "hbi-video"


def written() -> list[Path]:
    """Every file that may tell somebody what to install."""
    found = [path for folder in ("src", "docs", "examples", "benchmarks") for path in (ROOT / folder).rglob("*")]
    found += ROOT.glob("*.md")
    return [path for path in found if path.suffix in {".py", ".md", ".html", ".yaml"}]


def test_no_line_installs_the_package_of_a_stranger():
    wrong = re.compile(r"pip3? install\b[^\n#]*?(?<![\w./-])hbi(?![\w-])")
    lines = {path: wrong.findall(path.read_text()) for path in written()}
    assert {path: found for path, found in lines.items() if found} == {}
    for line in ("pip install hbi", "pip install 'hbi[web]'", "python -m pip install -U hbi[search,web]"):
        assert wrong.search(line)
    for line in ("pip install 'hbi-video[web]'", "pip install -c constraints.txt '.[web]'", "pip install ./hbi"):
        assert not wrong.search(line)


def test_extras_that_are_named_exist():
    named = {
        extra
        for path in written()
        for extras in re.findall(rf"(?:{NAME}|pip install[^\n]*'\.)\[([\w,]+)\]", path.read_text())
        for extra in extras.split(",")
    }
    assert {"search", "web", "games"} <= named
    assert named <= PROJECT["optional-dependencies"].keys()


def test_the_distribution_has_its_own_name_and_the_command_keeps_its_name():
    assert PROJECT["name"] == NAME
    for requirements in PROJECT["optional-dependencies"].values():
        assert not any(re.match(r"hbi(?!-video)", requirement) for requirement in requirements)
    (command,) = (entry for entry in distribution(NAME).entry_points if entry.group == "console_scripts")
    assert (command.name, command.value) == ("hbi", "hbi.cli.app:main")


def test_the_readme_has_a_line_that_works_from_a_clone():
    assert "pip install -c constraints.txt '.[web]'" in (ROOT / "README.md").read_text()
    assert (ROOT / "constraints.txt").is_file()
