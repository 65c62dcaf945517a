"""What a recipe says before it is checked: the YAML of a name or a file, with values set anew.

Light on purpose: a command may look here for what cannot work before it loads what checks a recipe.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from hbi.errors import HBIError
from hbi.hub import is_only_here


class RecipeError(HBIError):
    """A recipe is missing, is no YAML, or has a wrong key or value."""


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    return sorted(
        file.name.removesuffix(".yaml") for file in files("hbi.recipes").iterdir() if file.name.endswith(".yaml")
    )


def read_content(name_or_path: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a recipe holds, unchecked, with `section.key=value` overrides applied.

    Raises:
        RecipeError: No such recipe, no YAML with sections, or an override of another form.
    """
    text = _read(name_or_path)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RecipeError(f"{name_or_path} is not valid YAML{place}: {getattr(error, 'problem', error)}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{name_or_path} must hold sections (data, model, …), not a {type(content).__name__}")
    for override in overrides:
        _override(content, override)
    return content


def require_start(content: Mapping[str, Any]) -> None:
    """Raise HubError where the CLIP that a recipe starts from cannot be had: known before any video is decoded."""
    model = content.get("model")
    clip = model.get("clip") if isinstance(model, Mapping) else None
    if isinstance(clip, str):
        is_only_here(clip)


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Return a question that names the nearest of some names; nothing where none is near."""
    close = get_close_matches(name, names, n=1, cutoff=0.4)
    return f": did you mean {close[0]!r}?" if close else ""


def _read(name_or_path: str) -> str:
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        try:
            return path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"cannot read the recipe {name_or_path}: {error}") from error
    names = recipe_names()
    if name_or_path not in names:
        raise RecipeError(
            f"no recipe {name_or_path!r}{did_you_mean(name_or_path, names)}; there are: {', '.join(names)} "
            "(or give a .yaml file)"
        )
    return (files("hbi.recipes") / f"{name_or_path}.yaml").read_text()


def _override(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {override}: write it as section.key=value, for example training.num_steps=100")
    *sections, last = key.strip().split(".")
    place = content
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise RecipeError(f"--set {override}: {section!r} is a value, not a section")
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {override}: its value is not valid YAML: put quotes around it") from error
