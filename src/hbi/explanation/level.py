"""One level of an explanation: the game of its merged words with its merged frames, solved."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
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

    The numbers are exact, or drawn: estimates from drawn coalitions, each with its standard error.

    Attributes:
        level: name of the level.
        weight: the share of this level in the score of the pair; the weights of all levels sum to 1.
        similarity: what the level gives to the pair, in the unit of `Explanation.score` and before any temperature:
            the worth of the grand coalition.
        word_groups: for every word the row (the merged token) that it belongs to.
        frame_groups: for every frame the column that it belongs to.
        interactions: Banzhaf interactions: positive where a merged word and a merged frame are worth more together
            than apart, negative where one makes the other redundant. A row or column without members (only special
            tokens) is not drawn.
        word_values, frame_values: Shapley values of the tokens: together they sum to `similarity`, drawn or not.
        token_similarity: similarity of every merged word with every merged frame, where the game is played on these;
            None: the score compares whole vectors.
        word_weights, frame_weights: how much every token counts in the game; None: there are no such weights.
        interaction_errors, word_errors, frame_errors: standard errors of the interactions and of the Shapley values;
            None: these numbers are exact.

    Raises ValueError when the parts do not fit each other.
    """

    level: Level
    weight: float
    similarity: float
    word_groups: tuple[int, ...]
    frame_groups: tuple[int, ...]
    interactions: Float[np.ndarray, "word_group frame_group"]
    word_values: Float[np.ndarray, " word_group"]
    frame_values: Float[np.ndarray, " frame_group"]
    _: KW_ONLY
    token_similarity: Float[np.ndarray, "word_group frame_group"] | None = None
    word_weights: Float[np.ndarray, " word_group"] | None = None
    frame_weights: Float[np.ndarray, " frame_group"] | None = None
    interaction_errors: Float[np.ndarray, "word_group frame_group"] | None = None
    word_errors: Float[np.ndarray, " word_group"] | None = None
    frame_errors: Float[np.ndarray, " frame_group"] | None = None

    def __post_init__(self) -> None:
        require(self.level in LEVELS, f"the level is none of {', '.join(LEVELS)}")
        as_floats(self, "weight", of=f"level {self.level}", largest=LARGEST_WEIGHT)
        as_floats(self, "similarity", of=f"level {self.level}")
        shape = np.shape(self.interactions)
        require(len(shape) == 2, f"interactions of {self.level} must be [word_groups, frame_groups], not {list(shape)}")
        require(shape[0] <= MOST_WORDS and shape[1] <= MOST_FRAMES, f"{list(shape)} is too large a game to be drawn")
        self._freeze(shape, "interactions", "token_similarity", "interaction_errors")
        for side, size in zip(("word", "frame"), shape, strict=True):
            self._freeze((size,), f"{side}_values", f"{side}_weights", f"{side}_errors")
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
        for name in ("interactions", "token_similarity", "interaction_errors"):
            if not _is_left_out(values, name):
                require_rows(values[name], name, MOST_WORDS, MOST_FRAMES)
        for side, most in (("word", MOST_WORDS), ("frame", MOST_FRAMES)):
            for name in (f"{side}_{what}" for what in ("values", "groups", "weights", "errors")):
                if not _is_left_out(values, name):
                    require_numbers(values[name], name, most)
        return cls(**values)

    @property
    def is_exact(self) -> bool:
        """Whether no number is an estimate: no standard error is given, or every one is 0."""
        return not any(errors is not None and errors.any() for errors in (getattr(self, name) for name in ERRORS))

    @property
    def on_players(self) -> Float[np.ndarray, "word frame"]:
        """The interactions of the merged tokens, written at each of their original words and frames."""
        return self.interactions[np.ix_(self.word_groups, self.frame_groups)]

    @property
    def errors_on_players(self) -> Float[np.ndarray, "word frame"]:
        """The standard errors of `on_players`; 0 where it is exact."""
        if self.interaction_errors is None:
            return np.zeros((len(self.word_groups), len(self.frame_groups)))
        return self.interaction_errors[np.ix_(self.word_groups, self.frame_groups)]

    @property
    def word_contributions(self) -> Float[np.ndarray, " word"]:
        """What every word adds to `similarity`: its token's Shapley value, in equal parts to the token's words."""
        return _shared_out(self.word_values, self.word_groups)

    @property
    def frame_contributions(self) -> Float[np.ndarray, " frame"]:
        """What every frame adds to `similarity`, as for the words."""
        return _shared_out(self.frame_values, self.frame_groups)

    @property
    def word_contribution_errors(self) -> Float[np.ndarray, " word"]:
        """The standard errors of `word_contributions`; 0 where they are exact."""
        return _shared_out(_or_zeros(self.word_errors, self.word_values), self.word_groups)

    @property
    def frame_contribution_errors(self) -> Float[np.ndarray, " frame"]:
        """The standard errors of `frame_contributions`; 0 where they are exact."""
        return _shared_out(_or_zeros(self.frame_errors, self.frame_values), self.frame_groups)

    @property
    def unassigned(self) -> float:
        """What tokens without members add to `similarity`, such as prompts, special tokens or padding that count."""
        words = np.delete(self.word_values, list(set(self.word_groups)))
        frames = np.delete(self.frame_values, list(set(self.frame_groups)))
        return float(words.sum() + frames.sum())

    def __repr__(self) -> str:
        words, frames = self.interactions.shape
        return (
            f"LevelExplanation({self.level}, similarity={self.similarity:.4f}, interactions=[{words}, {frames}] "
            f"on [{len(self.word_groups)}, {len(self.frame_groups)}] players, {'exact' if self.is_exact else 'drawn'})"
        )

    def _freeze(self, shape: tuple[int, ...], *names: str) -> None:
        """Replace arrays by checked read-only copies; one that may be left out stays None."""
        for name in names:
            values, what = getattr(self, name), f"{name.replace('_', ' ')} of level {self.level}"
            if values is None and name in OPTIONAL:
                continue
            array = frozen_array(values, shape, what)
            require(name not in ERRORS or not (array < 0).any(), f"{what} hold a value below 0")
            object.__setattr__(self, name, array)


@dataclass(frozen=True)
class WholeSimilarity:
    """The text as a whole against the video as a whole: one number, of no single words and frames.

    Attributes:
        weight: its share in the score of the pair.
        similarity: of the two summaries, in the unit of `Explanation.score`.
    """

    weight: float
    similarity: float

    def __post_init__(self) -> None:
        as_floats(self, "weight", of="the whole", largest=LARGEST_WEIGHT)
        as_floats(self, "similarity", of="the whole")

    @property
    def contribution(self) -> float:
        """What it adds to the score."""
        return self.weight * self.similarity

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"the text as a whole against the video as a whole: {self.similarity:.3f}, weight {self.weight:.2g}"

    @classmethod
    def from_dict(cls, values: object) -> "WholeSimilarity":
        """Return what `plain_fields` gave; ValueError where this is something else."""
        if not isinstance(values, dict) or values.keys() != {"weight", "similarity"}:
            raise ValueError("the whole is no object with a weight and a similarity")
        return cls(**values)


ERRORS = ("interaction_errors", "word_errors", "frame_errors")
OPTIONAL = ("token_similarity", "word_weights", "frame_weights", *ERRORS)
"""Arrays that a level may be without."""


def _is_left_out(values: Mapping[str, Any], name: str) -> bool:
    return name in OPTIONAL and values.get(name) is None


def _or_zeros(errors: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    return np.zeros_like(values) if errors is None else errors


def _shared_out(values: np.ndarray, groups: tuple[int, ...]) -> np.ndarray:
    members = np.asarray(groups)
    return values[members] / np.bincount(members, minlength=len(values))[members]
