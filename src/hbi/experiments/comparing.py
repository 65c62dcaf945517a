"""Two evaluated models, query by query: whether they differ by more than chance."""

from dataclasses import dataclass, replace
from pathlib import Path

from hbi.evaluation.confidence import PairedDifference, paired_differences
from hbi.evaluation.rank_files import pair_ranks
from hbi.experiments.evaluating import Direction, rank_file

RANKING: tuple[Direction, ...] = ("text-to-video", "video-to-text")
ANSWERING: Direction = "question-to-answer"
_OF_ANSWERS = {"recall@1": "accuracy", "recall@5": "top-5 accuracy"}
"""What the measures of the ranks of right answers are called; a network that answers has no others."""


@dataclass(frozen=True)
class RankComparison:
    """How two models differ in one direction.

    Attributes:
        direction: What was searched with what.
        names: Of the two, as short as tells them apart.
        num_queries: Queries that both have ranked.
        differences: By measure, with a 95 % interval and the p-value of a paired test over videos.
    """

    direction: Direction
    names: tuple[str, str]
    num_queries: int
    differences: tuple[PairedDifference, ...]


def compare(first: Path | str, second: Path | str, *, split: str = "test") -> tuple[RankComparison, ...]:
    """Return how the ranks that two evaluations wrote differ: for each direction, or of the right answers.

    Args:
        first: A run folder, or the folder that `Evaluation.write` wrote to.
        second: Another one, evaluated on the same split.
        split: Which split's ranks.

    Raises:
        DataError: There are no ranks, or they are of other queries.
    """
    folders = (Path(first), Path(second))
    names = distinguishing_names(folders[0].resolve(), folders[1].resolve())
    compared = []
    answers = any(rank_file(folder, split, ANSWERING).is_file() for folder in folders)
    for direction in (ANSWERING,) if answers else RANKING:
        paired = pair_ranks(*(rank_file(folder, split, direction) for folder in folders))
        rows = paired_differences(paired.first, paired.second, paired.videos)
        if direction == ANSWERING:
            rows = [replace(row, measure=_OF_ANSWERS[row.measure]) for row in rows if row.measure in _OF_ANSWERS]
        compared.append(RankComparison(direction, names, len(paired.videos), tuple(rows)))
    return tuple(compared)


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
