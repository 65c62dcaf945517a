"""From a name or a file to a checked `Recipe`; every mistake is named with its place and its nearest valid key."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from hbi.errors import HBIError
from hbi.recipes.schema import Recipe


class RecipeError(HBIError):
    """A recipe is missing, is no YAML, or has a wrong key or value."""


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package."""
    return sorted(
        file.name.removesuffix(".yaml") for file in files("hbi.recipes").iterdir() if file.name.endswith(".yaml")
    )


def read_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Return a recipe by the name it ships under, or from a YAML file, with `section.key=value` overrides applied.

    Raises:
        RecipeError: No such recipe, or a wrong key or value.
    """
    source, text = _read(name_or_path)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RecipeError(f"{source} is not valid YAML{place}: {getattr(error, 'problem', error)}") from error
    if not isinstance(content, dict):
        raise RecipeError(
            f"{source} must hold sections ({', '.join(Recipe.model_fields)}), not a {type(content).__name__}"
        )
    for override in overrides:
        _override(content, override)
    return _validate(content, source)


def recipe_yaml(recipe: Recipe) -> str:
    """Return the whole recipe, defaults included, as YAML that `read_recipe` reads back."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)


def _read(name_or_path: str) -> tuple[str, str]:
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        try:
            return name_or_path, path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"cannot read the recipe {name_or_path}: {error}") from error
    names = recipe_names()
    if name_or_path not in names:
        raise RecipeError(
            f"no recipe {name_or_path!r}{_did_you_mean(name_or_path, names)}; there are: {', '.join(names)} "
            "(or give a .yaml file)"
        )
    return name_or_path, (files("hbi.recipes") / f"{name_or_path}.yaml").read_text()


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
    place[last] = yaml.safe_load(value)


def _validate(content: Mapping[str, Any], source: str) -> Recipe:
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first, *others = error.errors()
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            section = _section(first["loc"][:-1])
            message = f"unknown key {place!r}{_did_you_mean(str(first['loc'][-1]), list(section.model_fields))}"
        elif first["type"] == "missing":
            message = f"{place!r} is missing"
        elif first["type"] == "value_error":
            message = str(first["ctx"]["error"])
        else:
            message = f"{place!r}: {first['msg'].lower()}, not {first['input']!r}"
        more = f" (and {len(others)} more)" if others else ""
        raise RecipeError(f"recipe {source}: {message}{more}") from error


def _section(location: Sequence[int | str]) -> type[BaseModel]:
    section: type[BaseModel] = Recipe
    for name in location:
        annotation = section.model_fields[str(name)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        section = annotation
    return section


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, n=1, cutoff=0.4)
    return f": did you mean {close[0]!r}?" if close else ""
