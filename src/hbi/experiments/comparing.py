"""Two evaluated models, query by query: whether they differ by more than chance."""

from dataclasses import dataclass
from pathlib import Path

from hbi.evaluation.confidence import PairedDifference, paired_differences
from hbi.evaluation.rank_files import pair_ranks
from hbi.experiments.evaluating import Direction, rank_file

DIRECTIONS: tuple[Direction, ...] = ("text-to-video", "video-to-text")


@dataclass(frozen=True)
class RankComparison:
    """How two models differ in one direction.

    Attributes:
        direction: What was searched with what.
        names: Of the two.
        num_queries: Queries that both have ranked.
        differences: By measure, with a 95 % interval and the p-value of a paired test over videos.
    """

    direction: Direction
    names: tuple[str, str]
    num_queries: int
    differences: tuple[PairedDifference, ...]


def compare(first: Path | str, second: Path | str, *, split: str = "test") -> tuple[RankComparison, ...]:
    """Return how the ranks that two evaluations wrote differ, for each direction.

    Args:
        first: A run folder, or the folder that `Evaluation.write` wrote to.
        second: Another one, evaluated on the same split.
        split: Which split's ranks.

    Raises:
        DataError: There are no ranks, or they are of other queries.
    """
    folders = (Path(first), Path(second))
    names = (folders[0].resolve().name, folders[1].resolve().name)
    compared = []
    for direction in DIRECTIONS:
        paired = pair_ranks(*(rank_file(folder, split, direction) for folder in folders))
        rows = paired_differences(paired.first, paired.second, paired.videos)
        compared.append(RankComparison(direction, names, len(paired.videos), tuple(rows)))
    return tuple(compared)
