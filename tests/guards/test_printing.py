"""Nothing that the command line prints is taken for markup: style stands in templates, one home puts the names in.

The tests of `tests/cli/test_names.py` run the commands; this one reads what they do not reach.
"""

import ast
from pathlib import Path

import hbi.cli.terminal

CLI = Path(hbi.cli.terminal.__file__).parent
HOME = CLI / "terminal.py"


def modules() -> list[Path]:
    return [path for path in CLI.rglob("*.py") if path != HOME]


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call of a file, with the last part of its name."""
    found = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [(ast.unparse(node.func).rpartition(".")[2], node) for node in found]


def test_one_home_prints_and_reads_markup():
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {"rich", "rich.console", "rich.markup"}, f"{path.name}: use terminal.say"
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("rich") for alias in node.names), f"{path.name}: use terminal.say"
        for name, call in calls(path):
            reads = name == "from_markup" or any(each.arg == "markup" for each in call.keywords)
            assert not reads or name == "TextColumn", f"{path.name}:{call.lineno}: use terminal.say or styled"


def test_templates_stand_in_the_code():
    for path in modules():
        for name, call in calls(path):
            if name in {"say", "say_error", "styled"}:
                (template,) = call.args
                is_literal = isinstance(template, ast.Constant) and isinstance(template.value, str)
                assert is_literal, f"{path.name}:{call.lineno}: a template is a string, values go in by name"


def test_bars_show_data_as_it_is():
    for path in modules():
        for name, call in calls(path):
            if name == "TextColumn" and "{" in call.args[0].value:
                markup = [ast.unparse(each.value) for each in call.keywords if each.arg == "markup"]
                assert markup == ["False"], f"{path.name}:{call.lineno}: markup=False"


def test_markup_is_not_printed_where_none_is_read():
    for path in modules():
        for name, call in calls(path):
            if name == "print":
                assert "[/" not in ast.unparse(call), f"{path.name}:{call.lineno}: use terminal.say"
