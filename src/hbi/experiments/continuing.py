"""What a training is asked for: a recipe, a folder, and whether a run that is there goes on; what may change then."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbi.experiments.content import RecipeError, recipe_file, run_of, shortened
from hbi.experiments.reading import read_recipe
from hbi.experiments.schema import Recipe
from hbi.training.run_folder import RunError, RunFolder

MAY_GROW = ("training.num_steps", "training.epochs")
"""Keys, of those that say how long a run is trained, that may be larger when it goes on."""
OPEN_IS_FALSE = ("data.released_loader",)
"""Switches that are off where nothing is said; what a network starts from may say something, and then they are on."""
MOST_NAMED = 6
"""Keys that an error names."""


@dataclass(frozen=True)
class Request:
    """What somebody wants to be trained.

    Attributes:
        recipe: Checked, and with all that was set when the run began.
        out: The run folder.
        resume: Whether a run that is there goes on.
        source: What the recipe is called, where it has a name.
        overrides: What was set on top of that, now and before.
    """

    recipe: Recipe
    out: Path
    resume: bool
    source: str | None = None
    overrides: tuple[str, ...] = ()

    @property
    def words(self) -> dict[str, Any]:
        """What the run folder keeps of it: a later resume need not say it again."""
        return {} if self.source is None else {"recipe": self.source, "set": list(self.overrides)}


def request_of(
    recipe: str | Path | Recipe, out: str | Path | None, overrides: Sequence[str] = (), *, resume: bool = False
) -> Request:
    """Return what is to be trained, and where.

    A run folder in the place of a recipe goes on, unless `out` is another folder: there its recipe is trained anew.
    What was set when a run began need not be set again when it goes on.

    Args:
        recipe: The name of a recipe that ships with hbi, a YAML file, a run folder, or a recipe that was read.
        out: The run folder; None: the one that was named, or runs/ and the recipe's name.
        overrides: Values to change, "section.key=value"; only where the recipe is named.
        resume: Whether a run that is there goes on.

    Raises:
        RecipeError: There is no such recipe, a value of it is wrong, or nobody says where to train a recipe that was
            read.
    """
    if isinstance(recipe, Recipe):
        if out is None:
            raise RecipeError("a recipe that was read has no name to call its run by: give the run folder, out=…")
        return Request(recipe, Path(out), resume)
    source = str(recipe)
    run = run_of(source)
    place = Path(out) if out is not None else run or Path("runs") / Path(source).stem
    first_source, first_said = _first_words(RunFolder(place))
    all_said = _latest([*first_said, *overrides])
    if _is_same(recipe_file(source), RunFolder(place).recipe):  # it has all that was set in it
        goes_on = resume or run is not None
        return Request(read_recipe(source, overrides), place, goes_on, first_source or source, all_said)
    said = all_said if resume else tuple(overrides)
    return Request(read_recipe(source, said), place, resume, source, said)


def changed_keys(before: Recipe, after: Recipe) -> dict[str, tuple[Any, Any]]:
    """Return the values before and after of all keys that differ, by "section.key".

    Args:
        before: Of a run.
        after: What is wanted now.
    """
    old, new = (dict(_flat(recipe.model_dump(mode="json"))) for recipe in (before, after))
    values = {key: (old.get(key), new.get(key)) for key in new | old}
    return {
        key: (before, after)
        for key, (before, after) in values.items()
        if before != after and not (key in OPEN_IS_FALSE and not before and not after)
    }


def require_same_run(folder: RunFolder, recipe: Recipe) -> bool:
    """Return whether a run that goes on becomes longer by it; nothing else may change.

    Args:
        folder: Of a run that has begun.
        recipe: What is wanted now.

    Raises:
        RunError: Another key has another value, or the run would become shorter.
    """
    changes = changed_keys(read_recipe(str(folder.recipe)), recipe)
    wrong = [
        f"{key}={shortened(old)}, not {shortened(new)}"
        for key, (old, new) in changes.items()
        if not (key in MAY_GROW and old is not None and new is not None and new > old)
    ]
    if not wrong:
        return bool(changes)
    more = f" and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
    raise RunError(
        f"{folder.path} was started with another recipe: {'; '.join(wrong[:MOST_NAMED])}{more}. "
        f"hbi train {folder.path} goes on as it was started (only {MAY_GROW[0]} may become more); "
        "for another experiment choose another --out"
    )


def _first_words(folder: RunFolder) -> tuple[str | None, tuple[str, ...]]:
    """Return the recipe that a run was started with and what was set then; nothing of a run that has not begun."""
    words = folder.read_environment() if folder.has_begun else {}
    source, said = words.get("recipe"), words.get("set")
    if not isinstance(source, str) or not isinstance(said, list) or not all(isinstance(each, str) for each in said):
        return None, ()
    return source, tuple(said)


def _latest(overrides: Sequence[str]) -> tuple[str, ...]:
    """Return overrides with the last one of each key alone."""
    latest: dict[str, str] = {}
    for override in overrides:
        key = override.partition("=")[0].strip()
        latest.pop(key, None)
        latest[key] = override
    return tuple(latest.values())


def _is_same(folder: Path, other: Path) -> bool:
    try:
        return os.path.samefile(folder, other)
    except (OSError, ValueError):  # one of them is not there
        return False


def _flat(values: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{section}{name}.")
        else:
            yield f"{section}{name}", value
