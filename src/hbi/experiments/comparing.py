"""Two evaluated models, query by query, of one run or several seeds each: whether they differ by more than chance."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeAlias

from hbi.errors import HBIError, Note
from hbi.evaluation.confidence import PairedDifference, paired_differences
from hbi.evaluation.rank_files import pair_ranks
from hbi.experiments.content import RUN_RECIPE, RecipeError
from hbi.experiments.continuing import changed_keys
from hbi.experiments.evaluating import Direction, rank_file
from hbi.experiments.reading import read_recipe
from hbi.experiments.schema import Recipe

RANKING: tuple[Direction, ...] = ("text-to-video", "video-to-text")
ANSWERING: Direction = "question-to-answer"
_OF_ANSWERS = {"recall@1": "accuracy", "recall@5": "top-5 accuracy"}
"""What the measures of the ranks of right answers are called; a network that answers has no others."""
_MAY_DIFFER = {"training.seed", "data.root", "data.annotations", "data.videos", "data.frames", "data.features"}
"""Keys in which runs of one side may differ: the seed, and where the data lie."""

Folder: TypeAlias = Path | str


@dataclass(frozen=True)
class Side:
    """One of two models that are compared.

    Attributes:
        name: As short as tells it from the other.
        runs: The folders of its ranks, one for each seed.
        seeds: Of the runs, where they are run folders.
    """

    name: str
    runs: tuple[Path, ...]
    seeds: tuple[int | None, ...]


@dataclass(frozen=True)
class RankComparison:
    """How two models differ in one direction.

    Attributes:
        direction: What was searched with what.
        sides: The two.
        are_paired: Whether both have runs of the same seeds, which are compared seed by seed.
        num_queries: Queries that all runs have ranked.
        differences: By measure, with a 95 % interval and the p-values of paired tests over videos and runs.
    """

    direction: Direction
    sides: tuple[Side, Side]
    are_paired: bool
    num_queries: int
    differences: tuple[PairedDifference, ...]

    @property
    def names(self) -> tuple[str, str]:
        """Return what the two are called."""
        return self.sides[0].name, self.sides[1].name

    @property
    def has_several_runs(self) -> bool:
        """Whether one of the two has more than one run."""
        return any(len(side.runs) > 1 for side in self.sides)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        sides = [
            {"name": side.name, "runs": list(map(str, side.runs)), "seeds": list(side.seeds)} for side in self.sides
        ]
        measures = {
            row.measure: {
                **{
                    name: {"mean": mean, "deviation": deviation, "runs": list(runs)}
                    for name, mean, deviation, runs in zip(
                        ("first", "second"),
                        (row.first, row.second),
                        row.deviations,
                        (row.first_runs, row.second_runs),
                        strict=True,
                    )
                },
                "difference": row.difference,
                "low": row.low,
                "high": row.high,
                "p_value": row.p_value,
                "p_value_of_runs": row.p_value_of_runs,
            }
            for row in self.differences
        }
        return {
            "direction": self.direction,
            "sides": sides,
            "are_paired": self.are_paired,
            "num_queries": self.num_queries,
            "measures": measures,
        }


def compare(
    first: Folder | Sequence[Folder],
    second: Folder | Sequence[Folder],
    *,
    split: str = "test",
    names: tuple[str, str] | None = None,
) -> tuple[RankComparison, ...]:
    """Return how the ranks that two evaluations wrote differ, for each direction, or of the right answers.

    Where both models have runs of the same seeds, they are compared seed by seed. Runs of one model that differ in
    more than the seed are named in a `Note`.

    Args:
        first: A run folder, or the folder that `Evaluation.write` wrote to; several: one for each seed.
        second: Those of the other model, evaluated on the same split.
        split: Which split's ranks.
        names: What to call the two; None: as their folders are called.

    Raises:
        DataError: There are no ranks, or they are of other queries.
        HBIError: A model has no run, or one of them twice.
    """
    folders = _folders(first), _folders(second)
    seeds = [tuple(_seed_of_side(side)) for side in folders]
    are_paired = _have_pairs(*seeds)
    if are_paired:  # in the order of the first
        order = [seeds[1].index(each) for each in seeds[0]]
        folders = folders[0], tuple(folders[1][place] for place in order)
        seeds[1] = seeds[0]
    found = names or _names(*folders)
    sides = Side(found[0], folders[0], seeds[0]), Side(found[1], folders[1], seeds[1])
    compared = []
    answers = any(rank_file(folder, split, ANSWERING).is_file() for side in folders for folder in side)
    for direction in (ANSWERING,) if answers else RANKING:
        files = [[rank_file(folder, split, direction) for folder in side] for side in folders]
        paired = [[pair_ranks(files[0][0], file) for file in side] for side in files]
        ranks = [[each.second for each in side] for side in paired]
        videos = paired[0][0].videos
        rows = paired_differences(ranks[0], ranks[1], videos, are_paired=are_paired)
        if direction == ANSWERING:
            rows = [replace(row, measure=_OF_ANSWERS[row.measure]) for row in rows if row.measure in _OF_ANSWERS]
        compared.append(RankComparison(direction, sides, are_paired, len(videos), tuple(rows)))
    return tuple(compared)


def _folders(side: Folder | Sequence[Folder]) -> tuple[Path, ...]:
    folders = tuple(map(Path, [side] if isinstance(side, Path | str) else side))
    if not folders:
        raise HBIError("a side of the comparison names no run: give at least one folder")
    places = [os.path.realpath(folder) for folder in folders]
    if twice := next((folder for folder, place in zip(folders, places, strict=True) if places.count(place) > 1), None):
        raise HBIError(f"{twice} is named twice on one side: each run counts once")
    return folders


def _seed_of_side(folders: Sequence[Path]) -> list[int | None]:
    """Return the seeds of the runs of a side; what else they differ in is said."""
    recipes = [_recipe_of(folder) for folder in folders]
    known = [(folder, recipe) for folder, recipe in zip(folders, recipes, strict=True) if recipe is not None]
    for folder, recipe in known[1:]:
        first_folder, first_recipe = known[0]
        if others := sorted(changed_keys(first_recipe, recipe).keys() - _MAY_DIFFER):
            _say(f"{first_folder} and {folder} are compared as one model, and differ in {', '.join(others[:6])}")
    seeds = [None if recipe is None else recipe.training.seed for recipe in recipes]
    if any(seed is not None and seeds.count(seed) > 1 for seed in seeds):
        _say(f"several runs beside {folders[0]} have one seed: their spread is not that of seeds")
    return seeds


def _recipe_of(folder: Path) -> Recipe | None:
    """Return the recipe of a run folder; None of another folder, or where it cannot be read."""
    try:
        return read_recipe(str(folder / RUN_RECIPE))
    except RecipeError:
        return None


def _say(text: str) -> None:
    warnings.warn(text, Note, stacklevel=2)


def _have_pairs(first: Sequence[int | None], second: Sequence[int | None]) -> bool:
    is_known = None not in (*first, *second) and len(first) > 1
    return is_known and len(set(first)) == len(first) == len(second) and set(first) == set(second)


def _names(first: Sequence[Path], second: Sequence[Path]) -> tuple[str, str]:
    """Return the names of two sides: those of the folders, or what the folders of a side have in common."""
    if len(first) == len(second) == 1:
        return distinguishing_names(first[0].resolve(), second[0].resolve())
    parts = [[each.resolve().parts for each in side] for side in (first, second)]
    common = [{part for part in side[0] if all(part in other for other in side)} for side in parts]
    of_one = [[part for part in side[0] if part in own] for side, own in zip(parts, common, strict=True)]
    own = [
        [part for part in shared if part not in other] for shared, other in zip(of_one, reversed(common), strict=True)
    ]
    begins = [_common_begin([each.name for each in side]).rstrip("-_.= ") for side in (first, second)]
    names = ["/".join(own_parts) or begin for own_parts, begin in zip(own, begins, strict=True)]
    if not all(names) or names[0] == names[1]:
        return "first", "second"
    return names[0], names[1]


def _common_begin(names: Sequence[str]) -> str:
    """Return what all names begin with.

    >>> _common_begin(["base-1", "base-2"])
    'base-'
    """
    letters = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(first for first, *_ in letters)


def distinguishing_names(first: Path, second: Path) -> tuple[str, str]:
    """Return the names of two folders; of folders of one name, as much of the end of their paths as differs.

    >>> distinguishing_names(Path("/runs/a"), Path("/runs/b"))
    ('a', 'b')
    >>> distinguishing_names(Path("/seed-1/hbi/run"), Path("/seed-2/hbi/run"))
    ('seed-1/…/run', 'seed-2/…/run')
    """
    if first == second or first.name != second.name:
        return first.name, second.name
    pairs = zip(reversed(first.parts), reversed(second.parts), strict=False)
    depth = next((depth for depth, (one, other) in enumerate(pairs) if one != other), None)
    if depth is None:  # one of them is the end of the other
        return str(first), str(second)
    between = "/" if depth == 1 else "/…/"
    return f"{first.parts[-1 - depth]}{between}{first.name}", f"{second.parts[-1 - depth]}{between}{second.name}"
