"""The measures of figures: legible and of a sensible size from 1 word and 1 frame to 77 words and 64 frames."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np

from hbi.figures.fonts import drawable

LONGEST_NAME, LONGEST_NARROW = 18, 12
"""A word of more letters than this is cut; in a narrow figure sooner."""

MOST_LINES = 40
"""Of the caption, and of what stands below it."""

MARGIN = 0.12

COLUMN_WIDTH, TEXT_WIDTH = 3.25, 6.75
"""Inches of one column, and of the text, of a paper in two columns."""

NARROW = 4.5
"""A figure of fewer inches is set in smaller letters."""

SMALLEST = 6.0
"""Points of the smallest letters."""

LETTER = 0.62
"""Width of a usual letter, of its size."""

SECOND_HALF = "\ue000"
"""Stands behind a wide letter while letters are counted: a character of private use, without a picture."""

INK, QUIET, FAINT = "#1c2330", "#5b6575", "#8d96a5"


@dataclass(frozen=True)
class Sizes:
    """Points of the letters of one figure, and how many a name may have."""

    title: float = 11.0
    about: float = 7.0
    note: float = 6.5
    most: float = 8.5
    longest: int = LONGEST_NAME

    @classmethod
    def for_width(cls, inches: float | None) -> Sizes:
        """Return the sizes for a figure of this width; None: as wide as it needs."""
        is_narrow = inches is not None and inches < NARROW
        return cls(9.0, 6.5, SMALLEST, 7.0, LONGEST_NARROW) if is_narrow else cls()


@dataclass(frozen=True)
class Cells:
    """The cells of a panel: how many there are, and how large, in inches.

    Attributes:
        rows, columns: how many.
        width, height: of all together.
        left: what the panel has left of them, for the names of its rows.
        sizes: of the letters.
    """

    rows: int
    columns: int
    width: float
    height: float
    left: float
    sizes: Sizes

    @property
    def row(self) -> float:
        """Height of a row."""
        return self.height / self.rows

    @property
    def column(self) -> float:
        """Width of a column; the mean where they differ."""
        return self.width / self.columns

    @property
    def points(self) -> float:
        """Size of the names' letters."""
        return points_in(self.row, self.sizes)


def points_in(row: float, sizes: Sizes) -> float:
    """Return the size of letters beside a row of so many inches: legible, and lower than the row."""
    return max(SMALLEST, min(sizes.most, row * 72 * 0.62))


def row_height(count: int, least: float, most: float) -> float:
    """Return inches of a row, where so many share about three inches.

    Args:
        count: Rows.
        least: Inches of the lowest.
        most: Inches of the highest.
    """
    return float(np.clip(3.2 / count, least, most))


def text_width(text: str, points: float) -> float:
    """Return inches that a line takes, by a letter's usual width.

    Args:
        text: The line.
        points: Size of the letters.
    """
    return (len(text) + sum(map(_is_wide, text))) * points * LETTER / 72


def _is_wide(letter: str) -> bool:
    """Return whether a letter takes the place of two, as those of Chinese and Japanese."""
    return unicodedata.east_asian_width(letter) in "WF"


def names_width(names: Sequence[str], row: float, sizes: Sizes) -> float:
    """Return inches that the longest of the rows' names takes.

    Args:
        names: Whole.
        row: Inches of a row.
        sizes: Of the letters.
    """
    return max(text_width(shortened(name, sizes.longest), points_in(row, sizes)) for name in names)


def shortened(name: str, most: int = LONGEST_NAME) -> str:
    """Return a name as it is written: what can be drawn of it, cut to so many letters."""
    name = drawable(name)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def wrapped(text: str, width: float, points: float) -> str:
    """Return a text in lines that fit the figure, by a letter's usual width; a long one is cut.

    Args:
        text: Plain text.
        width: Of the figure, in inches.
        points: Size of the letters.
    """
    letters = int((width - 2 * MARGIN) / (LETTER * points / 72))
    cut = drawable(text[: 2 * MOST_LINES * letters])
    counted = "".join(letter + SECOND_HALF * _is_wide(letter) for letter in cut)
    return fill(counted, width=letters, max_lines=MOST_LINES, placeholder=" …").replace(SECOND_HALF, "")


def lines_height(text: str, points: float) -> float:
    """Return how high the lines of a text are, in inches, at a size in points."""
    return (text.count("\n") + 1) * 1.25 * points / 72
