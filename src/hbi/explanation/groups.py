"""Merged words and frames as a picture has them: runs of neighbours, and names for tokens in several pieces."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from hbi.explanation.interaction_map import InteractionMap


@dataclass(frozen=True)
class Run:
    """Neighbours that were merged into one token: players `start` to `stop - 1`."""

    group: int
    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many players stand side by side."""
        return self.stop - self.start


def runs_of(groups: Sequence[int]) -> tuple[Run, ...]:
    """The players cut where the merged token changes; a token whose members are apart gives several runs."""
    starts = [index for index in range(len(groups)) if index == 0 or groups[index] != groups[index - 1]]
    return tuple(
        Run(groups[start], start, stop) for start, stop in zip(starts, [*starts[1:], len(groups)], strict=True)
    )


def is_merged(part: InteractionMap) -> bool:
    """Whether any two players share a token at this level."""
    return len(set(part.word_groups)) < len(part.word_groups) or len(set(part.frame_groups)) < len(part.frame_groups)


def names_of_split_groups(groups: tuple[int, ...], *, is_letters: bool) -> dict[int, str]:
    """A short name for every token whose members do not stand together, so that its pieces are seen to be one."""
    runs = [run.group for run in runs_of(groups)]
    split = [group for group in dict.fromkeys(runs) if runs.count(group) > 1]
    return {
        group: ascii_uppercase[index % 26] * (index // 26 + 1) if is_letters else str(index + 1)
        for index, group in enumerate(split)
    }
