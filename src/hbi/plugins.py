"""What other packages add to this one: data sets, encoders, objectives, each a name in their `pyproject.toml`.

[project.entry-points."hbi.benchmarks"]
cooking = "my_package.cooking:BENCHMARK"

[project.entry-points."hbi.encoders"]
chinese_clip = "my_package.chinese_clip:ChineseCLIPEncoder"

[project.entry-points."hbi.objectives"]
margin = "my_package.margin:with_margin"

What has no such name is found as MODULE:NAME, if Python can import the module.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from hbi.errors import HBIError

Group = Literal["hbi.benchmarks", "hbi.encoders", "hbi.objectives"]


class PluginError(HBIError):
    """Something of another package cannot be had."""


def plugin_names(group: Group) -> tuple[str, ...]:
    """Return the names that installed packages give to what they add, in order."""
    return tuple(sorted(_found(group)))


def load_plugin(group: Group, name: str, kind: type) -> Any:
    """Return what an installed package adds under a name.

    Args:
        group: What it is.
        name: One of `plugin_names`.
        kind: The class that it is of; or, where it is a class, is derived from.

    Raises:
        PluginError: It cannot be imported, or is something else.
    """
    entry = _found(group)[name]
    origin = f"{group} {name!r}" + (f" of the package {entry.dist.name}" if entry.dist is not None else "")
    try:
        loaded = entry.load()
    except Exception as error:  # the code of another package: whatever it raises is a fault of that package
        raise PluginError(
            f"{origin} cannot be imported from {entry.value}: {_said(error)}; mend or remove it"
        ) from error
    if not (isinstance(loaded, kind) or (isinstance(loaded, type) and issubclass(loaded, kind))):
        raise PluginError(f"{origin}: {entry.value} is no {kind.__name__}; mend or remove it")
    return loaded


def load_object(name: str) -> Any:
    """Return what Python finds as MODULE:NAME.

    Raises:
        PluginError: It cannot be imported.
    """
    try:
        return EntryPoint(name=name, value=name, group="hbi").load()
    except Exception as error:  # somebody's code: whatever it raises is a fault of it
        raise PluginError(f"{name} cannot be imported: {_said(error)}") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


@cache
def _found(group: Group) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}
