"""Why this and not that: the difference of two explanations that have the text or the video in common."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

import numpy as np
from jaxtyping import Float

from hbi.explanation.checks import require
from hbi.explanation.explanation import Explanation
from hbi.explanation.level import LevelExplanation
from hbi.explanation.notebook import notebook_html
from hbi.shapes import WHOLE

Pair = tuple[int | None, int | None]
"""A player of the first explanation and the one of the second that it stands beside; None: the other has no such."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What speaks for the first of two explanations (positive) and what for the second (negative).

    Words of two texts are put side by side: equal ones, and those that replace each other. Frames are side by side
    where both explain the same video; else those of the second follow those of the first. A player that only one
    explanation has counts as 0 in the other.

    Where numbers were drawn, the standard error of a difference is bounded by the sum of both: the two may have been
    drawn with the same coalitions, so that independence cannot be assumed.

    Raises ValueError when the two have neither the text nor the video in common, or not the same levels, score or
    index.
    """

    first: Explanation
    second: Explanation

    def __post_init__(self) -> None:
        require(
            self.is_same_text or self.is_same_video,
            "a comparison needs one text or one video in common: explain two texts on one video, or one text on two",
        )
        levels = [
            [*(part.level for part in side.levels), *([] if side.whole is None else [WHOLE])]
            for side in (self.first, self.second)
        ]
        require(levels[0] == levels[1], f"the explanations have different levels: {levels[0]} and {levels[1]}")
        scores = [side.score for side in (self.first, self.second)]
        require(scores[0] == scores[1], f"the explanations are of different scores: {scores[0]} and {scores[1]}")
        indices = [side.index for side in (self.first, self.second)]
        require(indices[0] == indices[1], f"the explanations are of different indices: {indices[0]} and {indices[1]}")
        require(
            self.first.words_at_input == self.second.words_at_input,
            "one explanation removes words from the text, the other one their tokens: these do not compare",
        )

    @property
    def is_same_text(self) -> bool:
        """Whether both have the same caption, cut into the same words."""
        return self.first.text == self.second.text and self.first.words == self.second.words

    @cached_property
    def is_same_video(self) -> bool:
        """Whether both have the same frames of the same video."""
        ours, theirs = (
            [(frame.timestamp_seconds, frame.thumbnail.tobytes()) for frame in side.frames]
            for side in (self.first, self.second)
        )
        return self.first.video == self.second.video and ours == theirs

    @property
    def is_exact(self) -> bool:
        """Whether no number of either is an estimate."""
        return self.first.is_exact and self.second.is_exact

    @property
    def words_at_input(self) -> bool:
        """What it means in both that a word is out, see `Explanation.words_at_input`."""
        return self.first.words_at_input

    @property
    def index(self) -> str:
        """What the interactions of both are, see `Explanation.index`."""
        return self.first.index

    @property
    def difference(self) -> float:
        """How much higher the first scores."""
        return self.first.similarity - self.second.similarity

    @cached_property
    def rows(self) -> tuple[Pair, ...]:
        """The words of both, side by side."""
        if self.is_same_text:
            return tuple((index, index) for index in range(len(self.first.words)))
        return _aligned(*([word.text.casefold() for word in side.words] for side in (self.first, self.second)))

    @cached_property
    def columns(self) -> tuple[Pair, ...]:
        """The frames of both."""
        if self.is_same_video:
            return tuple((index, index) for index in range(len(self.first.frames)))
        ours: tuple[Pair, ...] = tuple((index, None) for index in range(len(self.first.frames)))
        return ours + tuple((None, index) for index in range(len(self.second.frames)))

    @property
    def interactions(self) -> Float[np.ndarray, "row column"]:
        """The first's interactions of all levels less the second's."""
        return self._less(self.first.interactions, self.second.interactions)

    @property
    def interaction_errors(self) -> Float[np.ndarray, "row column"]:
        """Bounds of the standard errors of `interactions`; 0 where they are exact."""
        return self._both(self.first.interaction_errors, self.second.interaction_errors)

    def interactions_at(self, index: int) -> Float[np.ndarray, "row column"]:
        """Return the first's interactions of one level, on the original words and frames, less the second's."""
        return self._less(self.first.levels[index].on_players, self.second.levels[index].on_players)

    def interaction_errors_at(self, index: int) -> Float[np.ndarray, "row column"]:
        """Return bounds of the standard errors of `interactions_at`; 0 where they are exact."""
        return self._both(self.first.levels[index].errors_on_players, self.second.levels[index].errors_on_players)

    def levels(self) -> tuple[tuple[LevelExplanation, LevelExplanation], ...]:
        """Return the levels of both, side by side."""
        return tuple(zip(self.first.levels, self.second.levels, strict=True))

    @property
    def word_contributions(self) -> Float[np.ndarray, " row"]:
        """What the words add to the difference; with the frames, `unassigned` and the `whole` this sums to it."""
        return _spread(self.first.word_contributions, self.second.word_contributions, self.rows)

    @property
    def frame_contributions(self) -> Float[np.ndarray, " column"]:
        """What the frames add to the difference of the scores."""
        return _spread(self.first.frame_contributions, self.second.frame_contributions, self.columns)

    @property
    def word_contribution_errors(self) -> Float[np.ndarray, " row"]:
        """Bounds of the standard errors of `word_contributions`; 0 where they are exact."""
        sides = self.first.word_contribution_errors, self.second.word_contribution_errors
        return _spread(*sides, self.rows, sign=1.0)

    @property
    def frame_contribution_errors(self) -> Float[np.ndarray, " column"]:
        """Bounds of the standard errors of `frame_contributions`; 0 where they are exact."""
        sides = self.first.frame_contribution_errors, self.second.frame_contribution_errors
        return _spread(*sides, self.columns, sign=1.0)

    @property
    def unassigned(self) -> float:
        """What tokens without a word or frame add to the difference: prompts, special tokens or padding that count."""
        return self.first.unassigned - self.second.unassigned

    @property
    def whole(self) -> float | None:
        """What texts and videos as wholes add to the difference; None: these are not compared."""
        if self.first.whole is None or self.second.whole is None:
            return None
        return self.first.whole.contribution - self.second.whole.contribution

    def __repr__(self) -> str:
        return f"Comparison({self.first!r}, {self.second!r}, difference={self.difference:+.4f})"

    def _repr_html_(self) -> str:
        """Return the view of a notebook."""
        return notebook_html(self)

    def _less(self, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        return _placed(ours, self.rows, self.columns, 0) - _placed(theirs, self.rows, self.columns, 1)

    def _both(self, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        return _placed(ours, self.rows, self.columns, 0) + _placed(theirs, self.rows, self.columns, 1)


def _placed(values: np.ndarray, rows: tuple[Pair, ...], columns: tuple[Pair, ...], side: int) -> np.ndarray:
    placed = np.zeros((len(rows), len(columns)))
    at_rows, words = _places(rows, side)
    at_columns, frames = _places(columns, side)
    placed[np.ix_(at_rows, at_columns)] = values[np.ix_(words, frames)]
    return placed


def _spread(ours: np.ndarray, theirs: np.ndarray, pairs: tuple[Pair, ...], *, sign: float = -1.0) -> np.ndarray:
    """Return the first's values at its players, plus the second's, times the sign, at theirs."""
    spread = np.zeros(len(pairs))
    for values, side, factor in ((ours, 0, 1.0), (theirs, 1, sign)):
        at, players = _places(pairs, side)
        spread[at] += factor * values[players]
    return spread


def _places(pairs: tuple[Pair, ...], side: int) -> tuple[list[int], list[int]]:
    """Return where a side has players, and which."""
    found = [(at, player) for at, pair in enumerate(pairs) if (player := pair[side]) is not None]
    return [at for at, _ in found], [player for _, player in found]


def _aligned(ours: list[str], theirs: list[str]) -> tuple[Pair, ...]:
    """Return two texts' words side by side; where one piece replaces another, its words in order."""
    pairs: list[Pair] = []
    for _, start, stop, other_start, other_stop in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        for offset in range(max(stop - start, other_stop - other_start)):
            one, other = start + offset, other_start + offset
            pairs.append((one if one < stop else None, other if other < other_stop else None))
    return tuple(pairs)
