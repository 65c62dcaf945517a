"""One level of a figure: words down, frames across, merged tokens as joined blocks, the sign hatched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hbi.explanation.certainty import errors_of, is_uncertain, largest_error, plus_minus
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes, about_columns
from hbi.explanation.interaction_matrix import Run, is_merged, largest_of, names_of_split_groups, runs_of, tint
from hbi.explanation.level import LevelExplanation
from hbi.explanation.wording import decimals_for, signed
from hbi.figures.columns import Columns
from hbi.figures.fonts import drawable
from hbi.figures.heatmap import DARK_FROM, colormap, draw_blocks, draw_scale, scale_width
from hbi.figures.layout import INK, QUIET, SMALLEST, Cells, text_width
from hbi.figures.panel import prepare_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADING, BRACKETS = 0.34, 0.2
BESIDE_BRACKETS, BESIDE_NAMES = 0.34, 0.08


@dataclass(frozen=True)
class LevelPanel:
    """The interactions of one level.

    Attributes:
        explanation: whose level it is.
        whole: the level.
        rows: which words are shown.
    """

    explanation: Explanation
    whole: LevelExplanation
    rows: Sequence[int]
    row_limits = (0.125, 0.24)

    @cached_property
    def part(self) -> LevelExplanation:
        """The level with the chosen words only."""
        return replace(self.whole, word_groups=tuple(self.whole.word_groups[row] for row in self.rows))

    @property
    def columns(self) -> Columns:
        """Side by side: merged frames may stand apart in time."""
        return Columns(self.explanation, is_over_time=False)

    @property
    def names(self) -> Sequence[str]:
        """The words."""
        return [self.explanation.words[row].text for row in self.rows]

    @property
    def limit(self) -> float:
        """The number with the full color: of all words, chosen or not."""
        return largest_of(self.whole.on_players)

    @property
    def note(self) -> str:
        """How the colors are read."""
        return (
            "Orange: worth more together than apart.  Blue, hatched: redundant.  "
            f"{self.explanation.index}, in {self.explanation.score}."
        )

    def beside_names(self) -> float:
        """Return inches for the brackets of merged words, or a margin."""
        return BESIDE_BRACKETS if is_merged(self.whole) else BESIDE_NAMES

    def right(self) -> float:
        """Return inches for the scale."""
        return scale_width(self.limit)

    def above(self) -> float:
        """Return inches for the heading and the brackets of merged frames."""
        return HEADING + BRACKETS * is_merged(self.part)

    def draw(self, axes: Axes, cells: Cells, *, has_heading: bool) -> None:
        """Draw the level.

        Args:
            axes: Empty axes, as large as the cells together.
            cells: Sizes in inches.
            has_heading: Whether to name the level and its score.
        """
        prepare_axes(axes, self.columns, self.names, cells)
        self._draw_blocks(axes, cells)
        if has_heading:
            self._draw_heading(axes, cells)
        if is_merged(self.part):
            self._draw_frame_brackets(axes, cells)
            self._draw_word_brackets(axes, cells)
        draw_scale(axes, self.limit, cells)

    def _draw_blocks(self, axes: Axes, cells: Cells) -> None:
        part = self.part
        runs = [(words, frames) for words in runs_of(part.word_groups) for frames in runs_of(part.frame_groups)]
        corners = np.array([_corners(words, frames) for words, frames in runs])
        values = np.array([part.interactions[words.group, frames.group] for words, frames in runs])
        errors = np.array([errors_of(part)[words.group, frames.group] for words, frames in runs])
        unsure = is_uncertain(values, errors)
        tints = np.where(unsure, 0.0, tint(values, self.limit))
        draw_blocks(axes, corners, tints, unsure, edge="white")
        if is_merged(part):
            for (words, frames), value, error, strength in zip(runs, values, errors, tints, strict=True):
                texts = _number_texts(signed(value, decimals_for(self.limit)), plus_minus(error))
                _draw_number(axes, words, frames, texts, float(strength), cells)

    def _draw_heading(self, axes: Axes, cells: Cells) -> None:
        """Name the level on the left, its score on the right, with the largest error if there is room."""
        part, above = self.part, (0.06 + BRACKETS * is_merged(self.part)) / cells.row
        is_only = len(self.explanation.levels) == 1
        words = about_columns("Words with frames", self.explanation)
        name = words if is_only else f"{part.level.capitalize()} level"
        score = f"{drawable(self.explanation.score_name)} {part.similarity:.3f}"
        free = cells.width - text_width(name, 9)  # it is bold
        error = largest_error(part)
        weight = "" if is_only and self.explanation.whole is None else f"weight {part.weight:.2g}"
        ways = [score, weight, error], [score, error], [score, weight], [score]
        texts = [", ".join(filter(None, parts)) for parts in ways]
        told = next((text for text in texts if text_width(f"{text}  ", 7) <= free), "")
        style: dict[str, Any] = {"va": "bottom", "parse_math": False}
        axes.text(0, -above, name, color=INK, fontsize=8, family="DejaVu Sans", weight="bold", **style)
        axes.text(len(part.frame_groups), -above, told, color=QUIET, fontsize=7, ha="right", **style)

    def _draw_frame_brackets(self, axes: Axes, cells: Cells) -> None:
        """Draw over the columns what was merged, and the seconds it spans where there is room for them."""
        groups, times = self.part.frame_groups, FrameTimes(self.explanation)
        names = names_of_split_groups(groups, is_letters=False)
        high, low, inset = -0.17 / cells.row, -0.03 / cells.row, 0.02 / cells.column
        for run in runs_of(groups):
            start, stop = run.start + inset, run.stop - inset
            axes.plot([start, start, stop, stop], [low, high, high, low], color=QUIET, linewidth=0.7, clip_on=False)
            name, span = names.get(run.group, ""), drawable(times.bracket(run))
            texts = [f"{name} · {span}" if name else span, name]
            room = run.length * cells.column
            text = next((text for text in texts if text_width(f"{text} ", SMALLEST) < room), "")
            style: dict[str, Any] = {"ha": "center", "va": "center", "parse_math": False}
            axes.text((start + stop) / 2, (high + low) / 2, text, color=QUIET, fontsize=SMALLEST, **style)

    def _draw_word_brackets(self, axes: Axes, cells: Cells) -> None:
        names = names_of_split_groups(self.part.word_groups, is_letters=True)
        left = -(cells.left - 0.16) / cells.column
        right = left + 0.06 / cells.column
        for run in runs_of(self.part.word_groups):
            start, stop = run.start + 0.12, run.stop - 0.12
            axes.plot([right, left, left, right], [start, start, stop, stop], color=QUIET, linewidth=0.7, clip_on=False)
            name, place = names.get(run.group, ""), left - 0.03 / cells.column
            axes.text(place, (start + stop) / 2, name, color=QUIET, fontsize=SMALLEST, ha="right", va="center")


def _corners(words: Run, frames: Run) -> list[tuple[int, int]]:
    return [
        (frames.start, words.start),
        (frames.stop, words.start),
        (frames.stop, words.stop),
        (frames.start, words.stop),
    ]


def _number_texts(number: str, error: str) -> list[str]:
    """Return how a number may be written, the best first: with its error beside it, below it, alone."""
    return [f"{number} {error}", f"{number}\n{error}", number] if error else [number]


def _draw_number(axes: Axes, words: Run, frames: Run, texts: list[str], strength: float, cells: Cells) -> None:
    """Write a block's number in the first of these forms that it has room for."""
    width, height = frames.length * cells.column, words.length * cells.row

    def fits(text: str) -> bool:
        lines = text.split("\n")
        return width >= max(text_width(f"{line} ", SMALLEST) for line in lines) and height >= 0.12 * len(lines)

    text = next(filter(fits, texts), "")
    if not text:
        return
    axes.text(
        (frames.start + frames.stop) / 2,
        (words.start + words.stop) / 2,
        text,
        color="white" if strength <= -DARK_FROM else INK,
        fontsize=SMALLEST,
        ha="center",
        va="center",
        bbox={"facecolor": colormap()((strength + 1) / 2), "edgecolor": "none", "pad": 1.0},
    )
