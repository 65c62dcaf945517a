"""What the README and the docs show is true: examples run, or call what exists; commands, files and targets exist."""

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import hbi
from hbi.cli.app import app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_first_example_runs_as_printed(capsys):
    exec(compile(examples()[0], "README.md", "exec"), {})
    assert "tensor" in capsys.readouterr().out


def test_the_second_example_calls_what_there_is():
    """It needs a trained run and videos; here its names are looked up and its arguments fitted to the signatures."""
    (example,) = examples()[1:]
    assert len(example.splitlines()) <= 14
    owners = {"hbi": hbi, "matcher": hbi.Matcher, "index": hbi.VideoIndex}
    called = set()
    for call in ast.walk(ast.parse(example)):
        if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[0] in owners:
            owner, *names = ast.unparse(call.func).split(".")
            function = owners[owner]
            for name in names:
                function = getattr(function, name)
            is_bound = owner == "hbi" or inspect.ismethod(function)
            arguments = [*call.args] if is_bound else [None, *call.args]
            inspect.signature(function).bind(*arguments, **{each.arg: each.value for each in call.keywords})
            called.add(".".join(names))
    assert called >= {"load", "similarity", "explain", "search", "train", "evaluate"}


def test_the_public_names_are_there():
    assert all(hasattr(hbi, name) for name in hbi.__all__)


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


def commands(text: str) -> list[list[str]]:
    """Return the words of every line that runs hbi, in a block of code."""
    lines = re.findall(r"^(?: {4}|)(?:torchrun .*|HBI_TOKEN=\S+ )?(hbi (?:.*\\\n)*.*)$", text, re.MULTILINE)
    return [shlex.split(line.replace("\\\n", " "), comments=True) for line in lines]


@pytest.mark.parametrize(
    "document", [README, *sorted((ROOT / "docs" / "how-to").glob("*.md"))], ids=lambda path: path.name
)
def test_commands_have_the_options_that_are_shown(document):
    found = commands(document.read_text())
    assert found
    for _, *words in found:
        command = typer.main.get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in words:
            assert not word.startswith("--") or word.split("=")[0] in options, f"{document.name}: hbi {words}: {word}"


@pytest.mark.parametrize("target", ["demo", "test", "fuzz", "check", "help"])
def test_make_knows_the_targets(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
