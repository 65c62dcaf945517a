"""One level of an explanation: the game of its merged words with its merged frames, solved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from hbi.explanation.checks import (
    LARGEST_WEIGHT,
    MOST_FRAMES,
    MOST_WORDS,
    as_floats,
    frozen_array,
    require,
    require_sum,
    whole_number,
)
from hbi.explanation.plain_values import require_numbers, require_rows
from hbi.shapes import LEVELS, Level


@dataclass(frozen=True, eq=False)
class LevelExplanation:
    """The game of one level, in numbers of its merged words (rows) and merged frames (columns).

    Attributes:
        level: name of the level.
        weight: the share of this level in the score of the pair; the weights of all levels sum to 1.
        similarity: what the level gives to the pair (cosine similarity, before the temperature): the worth of the
            grand coalition.
        word_groups: for every word the row (the merged token) that it belongs to.
        frame_groups: for every frame the column that it belongs to.
        interactions: exact Banzhaf interactions: positive where a merged word and a merged frame are worth more
            together than apart, negative where one makes the other redundant. A row or column without members (only
            special tokens) is not drawn.
        token_similarity: similarity of every merged word with every merged frame: what the game is played on.
        word_weights, frame_weights: how much every token counts in the game.
        word_values, frame_values: exact Shapley values of the tokens: together they sum to `similarity`.

    Raises ValueError when the parts do not fit each other.
    """

    level: Level
    weight: float
    similarity: float
    word_groups: tuple[int, ...]
    frame_groups: tuple[int, ...]
    interactions: Float[np.ndarray, "word_group frame_group"]
    token_similarity: Float[np.ndarray, "word_group frame_group"]
    word_weights: Float[np.ndarray, " word_group"]
    frame_weights: Float[np.ndarray, " frame_group"]
    word_values: Float[np.ndarray, " word_group"]
    frame_values: Float[np.ndarray, " frame_group"]

    def __post_init__(self) -> None:
        require(self.level in LEVELS, f"the level is none of {', '.join(LEVELS)}")
        as_floats(self, "weight", of=f"level {self.level}", largest=LARGEST_WEIGHT)
        as_floats(self, "similarity", of=f"level {self.level}")
        shape = np.shape(self.interactions)
        require(len(shape) == 2, f"interactions of {self.level} must be [word_groups, frame_groups], not {list(shape)}")
        require(shape[0] <= MOST_WORDS and shape[1] <= MOST_FRAMES, f"{list(shape)} is too large a game to be drawn")
        self._freeze("interactions", shape)
        self._freeze("token_similarity", shape)
        for side, size in zip(("word", "frame"), shape, strict=True):
            self._freeze(f"{side}_weights", (size,))
            self._freeze(f"{side}_values", (size,))
            groups = tuple(whole_number(group, f"{side} group") for group in getattr(self, f"{side}_groups"))
            object.__setattr__(self, f"{side}_groups", groups)
            outside = [group for group in groups if not 0 <= group < size]
            require(not outside, f"{side} groups {outside[:5]} of level {self.level} are outside 0 to {size - 1}")
        values = np.concatenate([self.word_values, self.frame_values])
        require_sum(
            values,
            self.similarity,
            f"the values of level {self.level} sum to {values.sum():.6g}, but its similarity is {self.similarity:.6g}",
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "LevelExplanation":
        """Return the level of plain values, one for each field, as `plain_fields` gives them.

        Raises:
            ValueError: A list holds something else than numbers, or is too long to be drawn.
        """
        for name in ("interactions", "token_similarity"):
            require_rows(values[name], name, MOST_WORDS, MOST_FRAMES)
        for side, most in (("word", MOST_WORDS), ("frame", MOST_FRAMES)):
            for name in ("weights", "values", "groups"):
                require_numbers(values[f"{side}_{name}"], f"{side}_{name}", most)
        return cls(**values)

    @property
    def on_players(self) -> Float[np.ndarray, "word frame"]:
        """The interactions of the merged tokens, written at each of their original words and frames."""
        return self.interactions[np.ix_(self.word_groups, self.frame_groups)]

    @property
    def word_contributions(self) -> Float[np.ndarray, " word"]:
        """What every word adds to `similarity`: its token's Shapley value, in equal parts to the token's words."""
        return _shared_out(self.word_values, self.word_groups)

    @property
    def frame_contributions(self) -> Float[np.ndarray, " frame"]:
        """What every frame adds to `similarity`, as for the words."""
        return _shared_out(self.frame_values, self.frame_groups)

    @property
    def unassigned(self) -> float:
        """What tokens without members add to `similarity`: 0 unless a model counts padding as a token."""
        words = np.delete(self.word_values, list(set(self.word_groups)))
        frames = np.delete(self.frame_values, list(set(self.frame_groups)))
        return float(words.sum() + frames.sum())

    def __repr__(self) -> str:
        words, frames = self.interactions.shape
        return (
            f"LevelExplanation({self.level}, similarity={self.similarity:.4f}, interactions=[{words}, {frames}] "
            f"on [{len(self.word_groups)}, {len(self.frame_groups)}] players)"
        )

    def _freeze(self, name: str, shape: tuple[int, ...]) -> None:
        what = f"{name.replace('_', ' ')} of level {self.level}"
        object.__setattr__(self, name, frozen_array(getattr(self, name), shape, what))


def _shared_out(values: np.ndarray, groups: tuple[int, ...]) -> np.ndarray:
    members = np.asarray(groups)
    return values[members] / np.bincount(members, minlength=len(values))[members]
