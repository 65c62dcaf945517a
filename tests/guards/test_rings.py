"""No ring of files: whoever is imported does not import back, not lazily and not for types only."""

import ast
from collections.abc import Mapping
from pathlib import Path

import hbi

ROOT = Path(hbi.__file__).parent


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, known: set[str]) -> set[str]:
    """Return the modules of the package that a file names in any import: at its top, in a function, under a condition.

    `from package import module` names the module, `from package import name` the package's own file. A package whose
    file runs only because something inside it is imported is not named.
    """
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= submodules & known
            if submodules - known:
                found.add(node.module or "")
    return found & known


def import_graph(root: Path) -> dict[str, set[str]]:
    """Return for every module of a package the modules of the package that it imports."""
    paths = {module_name(path, root): path for path in root.rglob("*.py")}
    return {name: imported(ast.parse(path.read_text()), set(paths)) - {name} for name, path in paths.items()}


def find_ring(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of a ring in the order of their imports, the first again at the end; [] where there is none.

    Modules that nothing (left) imports, or that import nothing (left), are in no ring: they are taken away until none
    is left, or only modules from which a walk along the imports never ends.
    """
    left = {name: set(targets) for name, targets in graph.items()}
    while leaves := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in leaves:
            del left[name]
    if not left:
        return []
    walk = [min(left)]
    while walk.count(walk[-1]) == 1:
        walk.append(min(left[walk[-1]] & left.keys()))
    return walk[walk.index(walk[-1]) :]


def test_no_file_imports_one_that_imports_it():
    ring = find_ring(import_graph(ROOT))
    assert not ring, "a ring of imports: " + " -> ".join(ring)


def test_a_ring_is_found_however_it_is_hidden(tmp_path):
    package = tmp_path / "made_up"
    (package / "room").mkdir(parents=True)
    files = {
        "__init__.py": "from made_up.start import begin\n",
        "start.py": "from made_up.room import lazy\n",
        "room/__init__.py": "",
        "room/lazy.py": "def later():\n    import made_up.typed\n",
        "room/leaf.py": "import os\n",
        "typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made_up.room.back import thing\n",
        "room/back.py": "from made_up.room import leaf, lazy\n",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    ring = find_ring(import_graph(package))
    assert ring == ["made_up.room.lazy", "made_up.typed", "made_up.room.back", "made_up.room.lazy"]
    (package / "room/back.py").write_text("from made_up.room import leaf\n")
    assert find_ring(import_graph(package)) == []


def test_importing_a_name_from_the_own_package_is_a_ring_with_its_file(tmp_path):
    package = tmp_path / "made_up"
    package.mkdir()
    (package / "__init__.py").write_text("from made_up.inside import thing\n")
    (package / "inside.py").write_text("from made_up import thing\n")
    assert find_ring(import_graph(package)) == ["made_up", "made_up.inside", "made_up"]
