"""The measures of the figure: legible and of a sensible size from 1 word and 1 frame to 77 words and 64 frames."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill

import numpy as np

from hbi.explanation.certainty import exact_or_drawn, in_short
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import TimeFormat
from hbi.explanation.interaction_matrix import is_merged
from hbi.explanation.level import LevelExplanation
from hbi.figures.fonts import drawable

LONGEST_NAME = 18
"""A word of more letters than this is cut."""

MOST_LINES = 40
"""Of the caption, and of what stands below it."""

MARGIN = 0.12
HEADING, BRACKETS, OVER_NOTE = 0.34, 0.17, 0.26
SCALE, NARROWEST = 0.72, 5.6
TITLE_SIZE, ABOUT_SIZE, NOTE_SIZE = 11.0, 7.0, 6.5


@dataclass(frozen=True)
class Layout:
    """Where things stand, in inches: columns and rows shrink as words and frames grow in number, down to legible."""

    num_words: int
    num_frames: int
    names: float
    column: float
    row: float
    thumbnail_columns: int
    thumbnail_height: float
    width: float
    title: str
    about: str
    note: str
    merged: tuple[bool, ...]

    @classmethod
    def of(cls, explanation: Explanation) -> Layout:
        """Return the layout for one explanation."""
        num_words, num_frames = len(explanation.words), len(explanation.frames)
        _, pixels_high, pixels_wide = explanation.frames[0].thumbnail.shape
        row = float(np.clip(3.2 / num_words, 0.12, 0.24))
        column = float(np.clip(6.2 / num_frames, 0.15, 1.6))
        longest = max(len(drawable(word.text)) for word in explanation.words)
        names = 0.4 + min(longest, LONGEST_NAME) * cls.font_size_for(row) * 0.62 / 72
        span = max(1, round(0.52 / column))
        width = max(2 * MARGIN + names + column * num_frames + SCALE, NARROWEST)
        return cls(
            num_words=num_words,
            num_frames=num_frames,
            names=names,
            column=column,
            row=row,
            thumbnail_columns=span,
            thumbnail_height=min(span * column * 0.96 * pixels_high / pixels_wide, 1.3),
            width=width,
            title=wrapped(explanation.text, width, TITLE_SIZE),
            about=wrapped(_about(explanation), width, ABOUT_SIZE),
            note=wrapped(_note(explanation), width, NOTE_SIZE),
            merged=tuple(is_merged(part) for part in explanation.levels),
        )

    @staticmethod
    def font_size_for(row: float) -> float:
        """Return points of a word beside a row of this height."""
        return min(8.5, row * 72 * 0.62)

    @property
    def font_size(self) -> float:
        """Points of the words."""
        return self.font_size_for(self.row)

    @property
    def map_width(self) -> float:
        """Of the heat maps and the strip."""
        return self.num_frames * self.column

    @property
    def map_height(self) -> float:
        """Of one heat map."""
        return self.num_words * self.row

    @property
    def caption_height(self) -> float:
        """Of the caption."""
        return lines_height(self.title, TITLE_SIZE) + 0.05

    @property
    def title_height(self) -> float:
        """Of the caption and what stands below it."""
        return self.caption_height + lines_height(self.about, ABOUT_SIZE) + 0.16

    @property
    def note_height(self) -> float:
        """Of the note at the foot."""
        return lines_height(self.note, NOTE_SIZE)

    @property
    def strip_height(self) -> float:
        """Of the thumbnails and their times."""
        return self.thumbnail_height + 0.16

    @property
    def height(self) -> float:
        """Of the whole figure."""
        gaps = sum(HEADING + BRACKETS * merged for merged in self.merged)
        maps = len(self.merged) * self.map_height
        return 2 * MARGIN + self.title_height + self.strip_height + gaps + maps + OVER_NOTE + self.note_height

    def gap_over(self, part: LevelExplanation) -> float:
        """Return room for the heading of a level and its brackets."""
        return HEADING + BRACKETS * is_merged(part)

    def box(self, top: float, height: float) -> tuple[float, float, float, float]:
        """Return a place over the columns as matplotlib wants it: left, bottom, width, height as parts of all."""
        left = MARGIN + self.names
        return (
            left / self.width,
            (top - height) / self.height,
            self.map_width / self.width,
            height / self.height,
        )


def _about(explanation: Explanation) -> str:
    parts = [
        explanation.video,
        TimeFormat(explanation).time(explanation.duration_seconds),
        explanation.model,
        f"{explanation.score_name} {explanation.similarity:.3f}",
        exact_or_drawn(explanation),
        *([explanation.remark] if explanation.remark else []),
    ]
    return "  ·  ".join(parts)


def _note(explanation: Explanation) -> str:
    return (
        "Orange: worth more together than apart.  Blue, hatched: redundant.  Banzhaf interaction, in "
        f"{explanation.score}.  {in_short(explanation)}"
    )


def wrapped(text: str, width: float, points: float) -> str:
    """Return a text in lines that fit the figure, by a letter's usual width (0.6 of its size); a long one is cut.

    Args:
        text: Plain text.
        width: Of the figure, in inches.
        points: Size of the letters.
    """
    letters = int((width - 2 * MARGIN) / (0.6 * points / 72))
    return fill(drawable(text[: 2 * MOST_LINES * letters]), width=letters, max_lines=MOST_LINES, placeholder=" …")


def lines_height(text: str, points: float) -> float:
    """Return how high the lines of a text are, in inches, at a size in points."""
    return (text.count("\n") + 1) * 1.25 * points / 72
