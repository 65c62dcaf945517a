"""What many arguments mean is written down: readers of the documentation see the docstring, not the function."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "hbi"
MANY = 3
"""Parameters, `self` and `cls` not counted, from which on a function needs an `Args:` section."""
LEAST_PERCENT = 80


def public_functions(node: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The public functions of a module and the public methods of its public classes."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not each.name.startswith("_"):
            if isinstance(each, ast.ClassDef):
                yield from public_functions(each)
            else:
                yield each


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in {"self", "cls"}]


def described() -> dict[str, bool]:
    """For every function with many parameters outside `cli`, by its place, whether its docstring has `Args:`."""
    return {
        f"{path.relative_to(SOURCE)}:{function.lineno} {function.name}": "Args:" in (ast.get_docstring(function) or "")
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] != "cli"
        for function in public_functions(ast.parse(path.read_text()))
        if len(parameters(function)) >= MANY
    }


def test_functions_with_many_parameters_say_what_they_are():
    found = described()
    missing = [place for place, has_arguments in found.items() if not has_arguments]
    percent = 100 * (len(found) - len(missing)) / len(found)
    assert percent >= LEAST_PERCENT, "\n".join(
        [f"only {percent:.0f} % have an Args: section; these lack it:", *missing]
    )
