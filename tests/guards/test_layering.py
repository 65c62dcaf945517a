"""Who may import whom: leftwards only, and rooms of one group do not know each other."""

import ast
import subprocess
import sys
from pathlib import Path

import hbi

ROOT = Path(hbi.__file__).parent
GROUPS = (
    ("errors", "shapes"),
    ("files", "hub", "plugins", "processes"),
    ("ops", "video"),
    ("games", "encoders"),
    ("models", "data"),
    ("shape_stories", "explanation"),
    ("matching", "figures"),
    ("training", "evaluation", "search"),
    ("web", "experiments"),
    ("cli",),
)
RANK = {room: rank for rank, group in enumerate(GROUPS) for room in group}
ONLY_TORCH = {"torch", "jaxtyping", "hbi"}
OWNERS = {
    "matplotlib": "figures",
    "lancedb": "search",
    "fastapi": "web",
    "sentence_transformers": "encoders",
    "mteb": "evaluation",
    "datasets": "evaluation",
    "typer": "cli",
    "rich": "cli",
}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[tuple[str, bool]]:
    """Every module that a file imports, and whether it does so when the file itself is imported."""
    tree = ast.parse(path.read_text())
    at_top = set(map(id, tree.body))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.name, id(node) in at_top) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module, id(node) in at_top))
    return found


def modules() -> list[Path]:
    return [path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"]


def test_every_room_has_its_place():
    assert {room(path) for path in modules()} <= set(RANK)


def test_imports_go_leftwards_only():
    for path in modules():
        for name, _ in imports(path):
            parts = name.split(".")
            if parts[0] == "hbi" and len(parts) > 1 and parts[1] != room(path):
                assert RANK[parts[1]] < RANK[room(path)], f"{path.relative_to(ROOT)} may not import {name}"


def test_ops_and_games_need_torch_only():
    for path in modules():
        if room(path) in {"ops", "games", "shapes"}:
            foreign = {
                name
                for name, is_at_top in imports(path)
                if is_at_top and name.split(".")[0] not in ONLY_TORCH | sys.stdlib_module_names
            }
            assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_heavy_libraries_live_in_the_room_that_owns_them():
    for path in modules():
        for name, is_at_top in imports(path):
            owner = OWNERS.get(name.split(".")[0])
            if owner:
                assert room(path) == owner, f"{path.relative_to(ROOT)} imports {name}, which belongs to {owner}"
                assert owner == "cli" or not is_at_top, f"{path.relative_to(ROOT)} must import {name} lazily"


def test_importing_hbi_loads_nothing_heavy():
    code = "import sys, hbi; print(*sorted(m for m in ('torch', 'numpy', 'transformers', 'av') if m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []


def test_help_needs_no_torch():
    code = (
        "import sys; sys.argv = ['hbi', '--help']\n"
        "from hbi.cli.app import app\n"
        "try: app()\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_no_room_is_named_for_nothing_and_no_file_outgrows_it():
    for path in modules():
        assert path.stem not in {"utils", "helpers", "helper", "common", "misc", "base", "manager", "v2"}, path
        assert len(path.read_text().splitlines()) <= 400, f"{path.relative_to(ROOT)} holds a second concept"
