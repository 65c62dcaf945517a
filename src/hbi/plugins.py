"""What other packages add to this one: data sets, encoders, networks, objectives, each named in its `pyproject.toml`.

[project.entry-points."hbi.benchmarks"]
cooking = "my_package.cooking:BENCHMARK"

[project.entry-points."hbi.encoders"]
chinese_clip = "my_package.chinese_clip:ChineseCLIPEncoder"

[project.entry-points."hbi.networks"]
adapted-hbi = "my_package.adapted:AdaptedHBI"

[project.entry-points."hbi.objectives"]
margin = "my_package.margin:with_margin"

What has no such name is found as MODULE:NAME, if Python can import the module.
"""

from collections import UserDict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeVar

from hbi.errors import HBIError

Group = Literal["hbi.benchmarks", "hbi.encoders", "hbi.networks", "hbi.objectives"]
Kind = TypeVar("Kind")


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


class WithPlugins(UserDict[str, type[Kind]]):
    """Classes by name: our own, and those of installed packages, which are imported when they are asked for.

    Args:
        group: What installed packages add.
        kind: What all of them are derived from.
        known: Our own.
    """

    def __init__(self, group: Group, kind: type, known: Mapping[str, type[Kind]]) -> None:
        self._group, self._kind = group, kind
        super().__init__(known)

    def __missing__(self, name: str) -> type[Kind]:
        """Return the class that an installed package adds."""
        if name not in plugin_names(self._group):
            raise KeyError(name)
        self[name] = load_plugin(self._group, name, self._kind)
        return self[name]

    def __contains__(self, name: object) -> bool:
        """Return whether a class is known, or can be had."""
        return name in self.data or name in plugin_names(self._group)

    def __iter__(self) -> Iterator[str]:
        """Yield the names, those of installed packages last."""
        yield from self.data
        yield from (name for name in plugin_names(self._group) if name not in self.data)

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(1 for _ in self)


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
