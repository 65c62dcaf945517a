"""The timeline of a figure: one heat line a word over the seconds, and what every word adds to the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbi.explanation.certainty import CERTAIN_FROM, is_uncertain, reach, with_error
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import about_columns
from hbi.explanation.interaction_matrix import largest_of, tint
from hbi.explanation.wording import decimals_for, signed
from hbi.figures.columns import Columns
from hbi.figures.heatmap import NEGATIVE, POSITIVE, draw_blocks
from hbi.figures.layout import INK, QUIET, Cells, text_width
from hbi.figures.panel import prepare_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 0.62
"""Of a row's height."""

NUMBER_POINTS, BAR_WIDTH = 6.5, 0.5


@dataclass(frozen=True)
class TimelinePanel:
    """The interactions of all levels by their weights, over the seconds.

    Attributes:
        explanation: what is shown.
        rows: which words are shown.
    """

    explanation: Explanation
    rows: Sequence[int]
    row_limits = (0.125, 0.24)

    @property
    def columns(self) -> Columns:
        """Over their seconds."""
        return Columns(self.explanation, is_over_time=not self.explanation.is_labelled)

    @property
    def names(self) -> Sequence[str]:
        """The words."""
        return [self.explanation.words[row].text for row in self.rows]

    @property
    def note(self) -> str:
        """How the colors and the numbers are read."""
        explanation = self.explanation
        levels = " of all levels, by their weights" if len(explanation.levels) > 1 else ""
        summands = "words and frames"
        if abs(explanation.unassigned) >= 5e-4:
            summands = f"words, frames and other tokens ({signed(explanation.unassigned, 3)})"
        if explanation.whole is not None:
            summands += f" and the whole ({signed(explanation.whole.contribution, 3)})"
        summands = about_columns(summands, explanation)
        return (
            "Orange: worth more together than apart.  Blue, hatched: redundant.  "
            f"{explanation.index}{levels}, in {explanation.score}.  Adds: Shapley value; {summands} sum to the score."
        )

    def beside_names(self) -> float:
        """Return inches of the margin."""
        return 0.08

    def right(self) -> float:
        """Return inches for what every word adds: a number and a bar."""
        return self._numbers_width() + BAR_WIDTH

    def above(self) -> float:
        """Return inches for the head of the numbers."""
        return 0.14

    def draw(self, axes: Axes, cells: Cells, *, has_heading: bool) -> None:
        """Draw the lines, and beside them what every word adds.

        Args:
            axes: Empty axes, as large as the cells together.
            cells: Sizes in inches.
            has_heading: Whether to name the column of the numbers.
        """
        prepare_axes(axes, self.columns, self.names, cells)
        values, errors = self.explanation.interactions, self.explanation.interaction_errors[self.rows]
        limit, values = largest_of(values), values[self.rows]
        unsure = is_uncertain(values, errors)
        strengths = np.where(unsure, 0.0, tint(values, limit))
        heights = [(row + (1 - LINE) / 2, row + (1 + LINE) / 2) for row in range(len(self.rows))]
        corners = np.array(
            [
                [(start, low), (end, low), (end, high), (start, high)]
                for low, high in heights
                for start, end in self.columns.edges
            ]
        )
        draw_blocks(axes, corners, strengths.ravel(), unsure.ravel())
        self._draw_adds(axes, cells, has_heading=has_heading)

    def _adds(self) -> list[tuple[float, float, str]]:
        """Return of every shown word what it adds, the error of that, and both as text."""
        adds, errors = self.explanation.word_contributions, self.explanation.word_contribution_errors
        decimals = decimals_for(reach(adds, errors) or 1.0)
        shown = zip(adds[self.rows].tolist(), errors[self.rows].tolist(), strict=True)
        return [(value, error, with_error(value, error, decimals)) for value, error in shown]

    def _numbers_width(self) -> float:
        return 0.1 + max(text_width(text, NUMBER_POINTS) for text in ("adds", *(text for _, _, text in self._adds())))

    def _draw_adds(self, axes: Axes, cells: Cells, *, has_heading: bool) -> None:
        largest = reach(self.explanation.word_contributions, self.explanation.word_contribution_errors) or 1.0
        right, numbers = self.right(), self._numbers_width()
        beside = axes.inset_axes((1, 0, right / cells.width, 1))
        beside.set_xlim(-numbers, BAR_WIDTH)  # in inches; the bars begin at 0.05
        beside.set_ylim(len(self.rows), 0)
        beside.set_axis_off()
        scale = (BAR_WIDTH - 0.08) / largest
        for row, (value, error, text) in enumerate(self._adds()):
            color = NEGATIVE if value < 0 else POSITIVE
            beside.barh(row + 0.5, abs(value) * scale, height=LINE * 0.5, color=color, left=0.05, alpha=0.75)
            points = min(NUMBER_POINTS, cells.points)
            beside.text(0, row + 0.5, text, fontsize=points, color=INK, ha="right", va="center")
            if error:
                ends = np.clip([abs(value) + side * CERTAIN_FROM * error for side in (-1, 1)], 0, None) * scale
                beside.plot(0.05 + ends, [row + 0.5] * 2, color=INK, linewidth=0.8, marker="|", markersize=3)
        if has_heading:
            beside.text(0, -0.03 / cells.row, "adds", fontsize=NUMBER_POINTS, color=QUIET, ha="right", va="bottom")
