"""What drawings ask of interactions, whether of one level, of all, or of a difference."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float


class InteractionMap(Protocol):
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
    def on_players(self) -> Float[np.ndarray, "word frame"]:
        """The numbers at each of the original words and frames."""

    def words_of(self, group: int) -> tuple[int, ...]:
        """The words merged into a row."""

    def frames_of(self, group: int) -> tuple[int, ...]:
        """The frames merged into a column."""


@dataclass(frozen=True, eq=False)
class PlayerMap:
    """Interactions of single words with single frames: nothing is merged."""

    interactions: Float[np.ndarray, "word frame"]

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

    def words_of(self, group: int) -> tuple[int, ...]:
        """The word itself."""
        return (group,)

    def frames_of(self, group: int) -> tuple[int, ...]:
        """The frame itself."""
        return (group,)
