"""Parts of an explanation as plain values: numbers, texts and lists, each checked for its kind and size."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from hbi.explanation.checks import require
from hbi.files.json_values import is_number, shown


def plain_fields(part: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by their names; arrays of numbers as lists, a thumbnail as it is."""
    plain: dict[str, Any] = {}
    for field in fields(part):
        value = getattr(part, field.name)
        is_array = isinstance(value, np.ndarray) and field.name != "thumbnail"
        plain[field.name] = value.tolist() if is_array else list(value) if isinstance(value, tuple) else value
    return plain


def require_names(values: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise ValueError unless there is a value for each of these names."""
    missing = next((name for name in names if name not in values), None)
    require(missing is None, f"{missing!r} is missing")


def parts_of(values: Mapping[str, Any], name: str, kind: type, most: int) -> list[dict[str, Any]]:
    """Return the values of the words, frames or levels.

    Args:
        values: The fields of an explanation.
        name: "words", "frames" or "levels".
        kind: The dataclass that each part is made into.
        most: Parts that there may be.

    Raises:
        ValueError: There are none or too many, or one lacks a field of `kind` that has no default, or has another one.
    """
    parts, known = objects_of(values, name, most), {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    for part in parts:
        missing, foreign = sorted(needed - part.keys()), sorted(part.keys() - known)
        require(not missing, f"{missing[:1]} of one of the {name} is missing")
        require(not foreign, f"one of the {name} has {shown(foreign[:1])}, which none has")
    return parts


def objects_of(values: Mapping[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    """Return a list of JSON objects.

    Args:
        values: The fields of an object that was read.
        name: Of the field that holds the list.
        most: Objects that there may be.

    Raises:
        ValueError: It is missing, is no list of objects, or is empty or too long.
    """
    require_names(values, [name])
    parts = _list(values[name], name, most)
    require(bool(parts), f"it has no {name}")
    for part in parts:
        require(isinstance(part, dict), f"one of the {name} is {shown(part)}, not an object")
    return parts


def require_numbers(values: object, name: str, most: int) -> None:
    """Raise ValueError unless this is a list of numbers and not too long."""
    odd = [value for value in _list(values, name, most) if not is_number(value)]
    require(not odd, f"its {name} hold {shown(odd[:1])}, which is no number")


def require_rows(values: object, name: str, most_rows: int, most_columns: int) -> None:
    """Raise ValueError unless this is a list of lists of numbers and not too large."""
    for row in _list(values, name, most_rows):
        require_numbers(row, name, most_columns)


def _list(values: object, name: str, most: int) -> list[Any]:
    if not isinstance(values, list):
        raise ValueError(f"its {name} are {shown(values)}, not a list")
    require(len(values) <= most, f"{len(values)} {name} are too many to be drawn")
    return values
