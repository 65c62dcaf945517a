"""What an explanation or a comparison says: which words go with which seconds, as matches, sentences and numbers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hbi.explanation.certainty import errors_of, is_uncertain, with_error
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.interaction_matrix import InteractionMatrix, runs_of
from hbi.explanation.wording import listing, quoted

SHARE_OF_BEST = 0.5
"""A frame belongs to a word (and a word to a frame) when their interaction is at least this share of the best one."""

LONGEST_PHRASE = 200


@dataclass(frozen=True)
class Match:
    """A merged word, the merged frames that belong to it, the strongest interaction among them and its error."""

    word_group: int
    frame_groups: tuple[int, ...]
    interaction: float
    error: float


class Matches:
    """The merged words and frames of a matrix that belong together: those that are worth more so, and certainly.

    Args:
        part: The interactions.
        phrases: The words of every row that has members, in quotes.
        times: Of the frames.
    """

    def __init__(self, part: InteractionMatrix, phrases: Mapping[int, str], times: FrameTimes) -> None:
        self.part, self.phrases, self._times = part, phrases, times
        self._errors = errors_of(part)
        self._certain = np.where(is_uncertain(part.interactions, self._errors), 0.0, part.interactions)

    def frames_of_word(self, row: int) -> tuple[int, ...]:
        """Return the columns that belong to a row, in order of time."""
        return self._partners(self._certain[row], self.part.frame_groups)

    def words_of_frame(self, column: int) -> tuple[int, ...]:
        """Return the rows that belong to a column, in reading order."""
        return self._partners(self._certain[:, column], self.part.word_groups)

    def strongest(self, count: int, rows: Collection[int] | None = None) -> tuple[Match, ...]:
        """Return up to `count` of these rows (None: of all) that found frames, with these frames, strongest first."""
        matches = []
        for row in dict.fromkeys(self.part.word_groups if rows is None else sorted(rows)):
            if columns := self.frames_of_word(row):
                best = self._best(self._certain[row], columns)
                matches.append(Match(row, columns, float(self._certain[row, best]), float(self._errors[row, best])))
        return tuple(sorted(matches, key=lambda match: -match.interaction)[:count])

    def spans(self, columns: Iterable[int]) -> str:
        """Return the seconds that some columns stand for."""
        groups = set(columns)
        return self._times.spans(index for index, group in enumerate(self.part.frame_groups) if group in groups)

    def word_sentence(self, row: int) -> str:
        """Return what a row found: `“red”: 2.5 s to 4.2 s (strongest +0.031)`."""
        columns = self.frames_of_word(row)
        values = self._certain[row] if columns else self.part.interactions[row]
        best = self._best(values, columns or self.part.frame_groups)
        number, error = float(values[best]), float(self._errors[row, best])
        found = (
            f"{self.spans(columns)} ({self._told(number, error)})"
            if columns
            else self._nothing("part of the video", number, error)
        )
        return f"{self.phrases[row]}: {found}"

    def frame_sentence(self, column: int) -> str:
        """Return what a column found: `2.5 s to 4.2 s: “red” and “square” (strongest +0.031)`."""
        rows = self.words_of_frame(column)
        values = self._certain[:, column] if rows else self.part.interactions[:, column]
        best = self._best(values, rows or self.part.word_groups)
        number, error = float(values[best]), float(self._errors[best, column])
        phrases = listing(self.phrases[row] for row in rows) if rows else ""
        found = f"{phrases} ({self._told(number, error)})" if rows else self._nothing("word", number, error)
        return f"{self.spans([column])}: {found}"

    def script_data(self) -> dict[str, object]:
        """Return what the page's script shows, keyed by row or column; those without members are left out."""
        part = self.part
        rows, columns = sorted(set(part.word_groups)), sorted(set(part.frame_groups))
        return {
            "word_groups": part.word_groups,
            "frame_groups": part.frame_groups,
            "interactions": _six_digits(part.interactions),
            "errors": _six_digits(self._errors) if self._errors.any() else None,
            "frames_of_word": {row: self.frames_of_word(row) for row in rows},
            "words_of_frame": {column: self.words_of_frame(column) for column in columns},
            "phrases": {row: self.phrases[row] for row in rows},
            "spans": {column: self.spans([column]) for column in columns},
            "word_sentences": {row: self.word_sentence(row) for row in rows},
            "frame_sentences": {column: self.frame_sentence(column) for column in columns},
        }

    def _partners(self, values: np.ndarray, groups: Sequence[int]) -> tuple[int, ...]:
        least = SHARE_OF_BEST * self._size(float(values[self._best(values, groups)]))
        return tuple(group for group in dict.fromkeys(groups) if self._size(values[group]) >= least > 0)

    def _best(self, values: np.ndarray, groups: Sequence[int]) -> int:
        """Return the group whose number counts most."""
        return max(dict.fromkeys(groups), key=lambda group: self._size(float(values[group])))

    def _size(self, value: float) -> float:
        """Return what makes a number count; none below 0 does."""
        return value

    def _told(self, best: float, error: float) -> str:
        return f"strongest {_three_digits(best, error)}"

    def _nothing(self, what: str, best: float, error: float) -> str:
        certainly = "certainly " if best > 0 else ""
        return f"no {what} is {certainly}worth more with it than without (best {_three_digits(best, error)})"


class Differences(Matches):
    """The words and frames where two explanations differ most, of either sign."""

    def _size(self, value: float) -> float:
        return abs(value)

    def _told(self, best: float, error: float) -> str:
        return f"largest {_three_digits(best, error)}: for the {'first' if best > 0 else 'second'}"

    def _nothing(self, what: str, best: float, error: float) -> str:
        return f"no certain difference (largest {_three_digits(best, error)})" if error else "no difference"


def phrase_of(explanation: Explanation, part: InteractionMatrix, word_group: int) -> str:
    """Return the words of a merged token as the caption has them, in quotes, with ellipses for gaps: `a red … square`.

    A phrase of more than 200 characters is cut: every part of the video names it again.

    Args:
        explanation: Holds the caption and its words.
        part: Says which words were merged.
        word_group: Row of the merged token.
    """
    pieces = []
    for run in runs_of(part.word_groups):
        if run.group == word_group:
            first, last = explanation.words[run.start], explanation.words[run.stop - 1]
            pieces.append(explanation.text[first.start : last.end] if run.length > 1 else first.text)
    phrase = " … ".join(pieces)
    return quoted(phrase if len(phrase) <= LONGEST_PHRASE else f"{phrase[: LONGEST_PHRASE - 2]} …")


def _three_digits(value: float, error: float) -> str:
    """Return a number with its error, which sets its digits; an exact one with three."""
    return with_error(value if error else float(f"{value:.3g}"), error)


def _six_digits(values: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.6g}") for value in row] for row in values]
