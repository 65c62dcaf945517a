"""From a name or a file to a checked `Recipe`; every mistake is named with its place and its nearest valid key."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from hbi.experiments.content import RecipeError, read_content, shortened
from hbi.experiments.keys import nearest_key
from hbi.experiments.schema import Recipe


def read_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Return a recipe by the name it ships under, or from a YAML file, with `section.key=value` overrides applied.

    Raises:
        RecipeError: No such recipe, or a wrong key or value.
    """
    return _validate(read_content(name_or_path, overrides), name_or_path)


def recipe_yaml(recipe: Recipe) -> str:
    """Return the whole recipe, defaults included, as YAML that `read_recipe` reads back."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)


def content_yaml(name_or_path: str, overrides: Sequence[str] = ()) -> str:
    """Return what a recipe says, with what it extends and the overrides put in, as YAML; defaults are left out.

    Raises:
        RecipeError: As `read_content`.
    """
    return yaml.safe_dump(read_content(name_or_path, overrides), sort_keys=False, allow_unicode=True)


def _validate(content: Mapping[str, Any], source: str) -> Recipe:
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first, *others = error.errors()
        place = shortened(".".join(str(part) for part in first["loc"]))
        if first["type"] == "extra_forbidden":
            names = list(map(str, first["loc"]))
            message = f"unknown key {place!r}{nearest_key(names, _section(names[:-1]).model_fields)}"
        elif first["type"] == "missing":
            message = f"{place!r} is missing"
        elif first["type"] == "value_error":
            message = str(first["ctx"]["error"])
            if len(first["loc"]) > 1 and not message.startswith(place):
                message = f"{place!r}: {message}"
        else:
            message = f"{place!r}: {first['msg'].lower()}, not {_shown(first['input'])}"
        more = f" (and {len(others)} more)" if others else ""
        raise RecipeError(f"recipe {shortened(source)}: {message}{more}") from error


def _shown(value: object) -> str:
    return repr(shortened(value)) if isinstance(value, str) else shortened(value)


def _section(location: Sequence[int | str]) -> type[BaseModel]:
    section: type[BaseModel] = Recipe
    for name in location:
        annotation = section.model_fields[str(name)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        section = annotation
    return section
