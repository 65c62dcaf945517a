"""What an explanation or a comparison says: which words go with which seconds, as matches, sentences and numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.interaction_matrix import InteractionMatrix, runs_of
from hbi.explanation.wording import listing, quoted, signed

SHARE_OF_BEST = 0.5
"""A frame belongs to a word (and a word to a frame) when their interaction is at least this share of the best one."""

LONGEST_PHRASE = 200


@dataclass(frozen=True)
class Match:
    """A merged word, the merged frames that belong to it, and the strongest interaction among them."""

    word_group: int
    frame_groups: tuple[int, ...]
    interaction: float


class Matches:
    """The merged words and frames of a matrix that belong together: those that are worth more so.

    Args:
        part: The interactions.
        phrases: The words of every row that has members, in quotes.
        times: Of the frames.
    """

    def __init__(self, part: InteractionMatrix, phrases: Mapping[int, str], times: FrameTimes) -> None:
        self.part, self.phrases, self._times = part, phrases, times

    def frames_of_word(self, row: int) -> tuple[int, ...]:
        """Return the columns that belong to a row, in order of time."""
        return self._partners(self.part.interactions[row], self.part.frame_groups)

    def words_of_frame(self, column: int) -> tuple[int, ...]:
        """Return the rows that belong to a column, in reading order."""
        return self._partners(self.part.interactions[:, column], self.part.word_groups)

    def strongest(self, count: int) -> tuple[Match, ...]:
        """Return up to `count` words that found frames, with these frames, strongest first."""
        matches = [
            Match(row, columns, self._best(self.part.interactions[row], columns))
            for row in dict.fromkeys(self.part.word_groups)
            if (columns := self.frames_of_word(row))
        ]
        return tuple(sorted(matches, key=lambda match: -match.interaction)[:count])

    def spans(self, columns: Iterable[int]) -> str:
        """Return the seconds that some columns stand for."""
        groups = set(columns)
        return self._times.spans(index for index, group in enumerate(self.part.frame_groups) if group in groups)

    def word_sentence(self, row: int) -> str:
        """Return what a row found: `“red”: 2.5 s to 4.2 s (strongest +0.031)`."""
        columns, best = self.frames_of_word(row), self._best(self.part.interactions[row], self.part.frame_groups)
        found = f"{self.spans(columns)} ({self._told(best)})" if columns else self._nothing("part of the video", best)
        return f"{self.phrases[row]}: {found}"

    def frame_sentence(self, column: int) -> str:
        """Return what a column found: `2.5 s to 4.2 s: “red” and “square” (strongest +0.031)`."""
        rows, best = self.words_of_frame(column), self._best(self.part.interactions[:, column], self.part.word_groups)
        phrases = listing(self.phrases[row] for row in rows) if rows else ""
        found = f"{phrases} ({self._told(best)})" if rows else self._nothing("word", best)
        return f"{self.spans([column])}: {found}"

    def script_data(self) -> dict[str, object]:
        """Return what the page's script shows, keyed by row or column; those without members are left out."""
        part = self.part
        rows, columns = sorted(set(part.word_groups)), sorted(set(part.frame_groups))
        return {
            "word_groups": part.word_groups,
            "frame_groups": part.frame_groups,
            "interactions": [[float(f"{value:.6g}") for value in row] for row in part.interactions],
            "frames_of_word": {row: self.frames_of_word(row) for row in rows},
            "words_of_frame": {column: self.words_of_frame(column) for column in columns},
            "phrases": {row: self.phrases[row] for row in rows},
            "spans": {column: self.spans([column]) for column in columns},
            "word_sentences": {row: self.word_sentence(row) for row in rows},
            "frame_sentences": {column: self.frame_sentence(column) for column in columns},
        }

    def _partners(self, values: np.ndarray, groups: Sequence[int]) -> tuple[int, ...]:
        least = SHARE_OF_BEST * self._size(self._best(values, groups))
        return tuple(group for group in dict.fromkeys(groups) if self._size(values[group]) >= least > 0)

    def _best(self, values: np.ndarray, groups: Sequence[int]) -> float:
        return float(max((values[group] for group in dict.fromkeys(groups)), key=self._size))

    def _size(self, value: float) -> float:
        """Return what makes a number count; none below 0 does."""
        return value

    def _told(self, best: float) -> str:
        return f"strongest {signed(best)}"

    def _nothing(self, what: str, best: float) -> str:
        return f"no {what} is worth more with it than without (best {signed(best)})"


class Differences(Matches):
    """The words and frames where two explanations differ most, of either sign."""

    def _size(self, value: float) -> float:
        return abs(value)

    def _told(self, best: float) -> str:
        return f"largest {signed(best)}: for the {'first' if best > 0 else 'second'}"

    def _nothing(self, what: str, best: float) -> str:
        return "no difference"


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
