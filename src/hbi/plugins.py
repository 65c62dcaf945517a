"""What other installed packages add to this one: data sets and encoders, each a name in their `pyproject.toml`.

[project.entry-points."hbi.benchmarks"]
cooking = "my_package.cooking:BENCHMARK"

[project.entry-points."hbi.encoders"]
chinese_clip = "my_package.chinese_clip:ChineseCLIPEncoder"
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from hbi.errors import HBIError

Group = Literal["hbi.benchmarks", "hbi.encoders"]


class PluginError(HBIError):
    """Another package names something for this one that cannot be had."""


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
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise PluginError(f"{origin} cannot be imported from {entry.value}: {said}; mend or remove it") from error
    if not (isinstance(loaded, kind) or (isinstance(loaded, type) and issubclass(loaded, kind))):
        raise PluginError(f"{origin}: {entry.value} is no {kind.__name__}; mend or remove it")
    return loaded


@cache
def _found(group: Group) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}
