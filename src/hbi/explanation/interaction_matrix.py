"""What tables and figures ask of interactions: the matrix, its blocks of merged players, the color of a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Protocol

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray


class InteractionMatrix(Protocol):
    """Interactions of merged words (rows) with merged frames (columns), and who was merged into which."""

    @property
    def word_groups(self) -> tuple[int, ...]:
        """For every word its row."""

    @property
    def frame_groups(self) -> tuple[int, ...]:
        """For every frame its column."""

    @property
    def interactions(self) -> Float[np.ndarray, "word_group frame_group"]:
        """The numbers."""

    @property
    def interaction_errors(self) -> Float[np.ndarray, "word_group frame_group"] | None:
        """The numbers' standard errors; None where they are exact."""

    @property
    def on_players(self) -> Float[np.ndarray, "word frame"]:
        """The numbers at each of the original words and frames."""


@dataclass(frozen=True, eq=False)
class UnmergedMatrix:
    """Interactions of single words with single frames: nothing is merged."""

    interactions: Float[np.ndarray, "word frame"]
    interaction_errors: Float[np.ndarray, "word frame"] | None = None

    @property
    def word_groups(self) -> tuple[int, ...]:
        """Every word is its own row."""
        return tuple(range(self.interactions.shape[0]))

    @property
    def frame_groups(self) -> tuple[int, ...]:
        """Every frame is its own column."""
        return tuple(range(self.interactions.shape[1]))

    @property
    def on_players(self) -> Float[np.ndarray, "word frame"]:
        """The same numbers."""
        return self.interactions


@dataclass(frozen=True, eq=False)
class GroupedMatrix:
    """Interactions of groups of words (rows) with groups of frames (columns)."""

    word_groups: tuple[int, ...]
    frame_groups: tuple[int, ...]
    interactions: Float[np.ndarray, "word_group frame_group"]
    interaction_errors: Float[np.ndarray, "word_group frame_group"] | None = None

    @property
    def on_players(self) -> Float[np.ndarray, "word frame"]:
        """The numbers at each of the original words and frames."""
        return self.interactions[np.ix_(self.word_groups, self.frame_groups)]


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
    """Return the players cut where the merged token changes; a token in several pieces gives several runs."""
    starts = [index for index in range(len(groups)) if index == 0 or groups[index] != groups[index - 1]]
    return tuple(
        Run(groups[start], start, stop) for start, stop in zip(starts, [*starts[1:], len(groups)], strict=True)
    )


def is_merged(part: InteractionMatrix) -> bool:
    """Return whether any two players share a token at this level."""
    return len(set(part.word_groups)) < len(part.word_groups) or len(set(part.frame_groups)) < len(part.frame_groups)


def names_of_split_groups(groups: tuple[int, ...], *, is_letters: bool) -> dict[int, str]:
    """Return a short name for every token whose members do not stand together, to be seen as one."""
    runs = [run.group for run in runs_of(groups)]
    split = [group for group in dict.fromkeys(runs) if runs.count(group) > 1]
    return {
        group: ascii_uppercase[index % 26] * (index // 26 + 1) if is_letters else str(index + 1)
        for index, group in enumerate(split)
    }


def tint(values: ArrayLike, limit: float) -> NDArray[np.float64]:
    """Return the strength of the color in [-1, 1]: the signed square root of a value's share of `limit`.

    The root is there because alike frames share what a word finds in them: where any of six shows it, none adds much to
    the other five, and all six interactions are small. Drawn linearly, such a word would seem to point nowhere.

    >>> tint([-0.04, 0.0, 0.01], limit=0.04).tolist()
    [-1.0, 0.0, 0.5]
    """
    shares = np.asarray(values, dtype=float) / (limit or 1.0)
    return np.sign(shares) * np.sqrt(np.abs(shares))


def largest_of(values: np.ndarray) -> float:
    """Return the largest number, of either sign: it gets the full color, or the longest bar."""
    return float(np.abs(values).max())
