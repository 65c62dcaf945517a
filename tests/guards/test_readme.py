"""What the README shows is true: its example runs, its commands and files exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def test_the_example_runs_as_printed(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert "tensor" in capsys.readouterr().out


def test_linked_files_exist():
    for document in (README, *(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.relative_to(ROOT)} links to {target}"


def test_the_tree_names_every_room():
    text = README.read_text()
    for room in (ROOT / "src" / "hbi").iterdir():
        if room.is_dir() and room.name != "__pycache__":
            assert re.search(rf"^ +{room.name}/ ", text, re.MULTILINE), room.name


@pytest.mark.parametrize("target", ["demo", "test", "fuzz", "check", "help"])
def test_make_knows_the_targets(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
