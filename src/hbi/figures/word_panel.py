"""The first view of a figure: whole words, and bars over the seconds where each of them matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hbi.explanation.certainty import CERTAIN_FROM, is_uncertain
from hbi.explanation.explanation import Explanation
from hbi.explanation.html.first_view import LEAST_BAR
from hbi.explanation.word_lines import WordLine, fit_meaning
from hbi.explanation.wording import quoted
from hbi.figures.columns import Columns
from hbi.figures.heatmap import ZERO, dot_unsure
from hbi.figures.layout import FAINT, INK, Cells
from hbi.figures.panel import prepare_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MATCH = "#0b7a5b"
"""As on the page: not the orange of interactions, which say something else."""

FLAT, HIGHEST = 0.06, 0.82
"""Heights of a flat line and of the highest bar, of a row's."""

MOST_NAMED = 6
"""Of the words that are not shown."""


@dataclass(frozen=True)
class WordPanel:
    """How well each frame matches every whole word.

    Attributes:
        explanation: what is shown.
        lines: of the words that are shown.
        limit: the fit with the highest bar: of all words, shown or not.
        left_out: function words and punctuation that are not shown, as their texts.
    """

    explanation: Explanation
    lines: Sequence[WordLine]
    limit: float
    left_out: Sequence[str]
    row_limits = (0.16, 0.32)

    @property
    def columns(self) -> Columns:
        """Over their seconds."""
        return Columns(self.explanation, is_over_time=not self.explanation.is_labelled)

    @property
    def names(self) -> Sequence[str]:
        """The whole words."""
        return [line.text for line in self.lines]

    @property
    def note(self) -> str:
        """What the bars are."""
        different = list(dict.fromkeys(self.left_out))
        named = ", ".join(quoted(text) for text in different[:MOST_NAMED]) + " …" * (len(different) > MOST_NAMED)
        return (
            "Green: matches here, the higher the better.  Grey: does not match.  "
            f"{fit_meaning(self.explanation)}"
            f"{f'  Not shown: {named}.' if different else ''}"
        )

    def beside_names(self) -> float:
        """Return inches of the margin."""
        return 0.08

    def right(self) -> float:
        """Return inches right of the bars: none, but what the last second takes."""
        return 0.12

    def above(self) -> float:
        """Return inches above the bars."""
        return 0.04

    def draw(self, axes: Axes, cells: Cells, *, has_heading: bool) -> None:
        """Draw a row of bars for every word.

        Args:
            axes: Empty axes, as large as the cells together.
            cells: Sizes in inches.
            has_heading: Not used: nothing stands above the bars.
        """
        from matplotlib.collections import PolyCollection

        prepare_axes(axes, self.columns, self.names, cells)
        corners, colors, unsure = [], [], []
        for row, line in enumerate(self.lines):
            states = zip(line.fit.tolist(), is_uncertain(line.fit, line.errors).tolist(), strict=True)
            for (start, end), (fit, is_unsure) in zip(self.columns.edges, states, strict=True):
                top = row + 0.92 - self._height(fit, is_unsure)
                corners.append([(start, row + 0.92), (end, row + 0.92), (end, top), (start, top)])
                colors.append(ZERO if is_unsure else MATCH if fit > 0 else FAINT)
                unsure.append(is_unsure)
        places = np.array(corners)
        axes.add_collection(PolyCollection(corners, facecolors=colors, edgecolors="white", linewidths=0.4))
        dot_unsure(axes, places[np.array(unsure)])
        self._draw_errors(axes)

    def _height(self, fit: float, is_unsure: bool) -> float:
        """Return how high a bar is, of a row: at least LEAST_BAR of the highest, where it matches."""
        if fit <= 0 and not is_unsure:
            return FLAT
        share = min(1.0, max(0.0, fit / self.limit)) if self.limit > 0 else 0.0
        return HIGHEST * (LEAST_BAR + (1 - LEAST_BAR) * share)

    def _draw_errors(self, axes: Axes) -> None:
        """Draw error bars of two standard errors on the bars that match for certain."""
        for row, line in enumerate(self.lines):
            certain = (line.fit > 0) & (line.errors > 0) & ~is_uncertain(line.fit, line.errors)
            for place in np.flatnonzero(certain).tolist():
                reached = CERTAIN_FROM * float(line.errors[place])
                ends = [row + 0.92 - self._height(float(line.fit[place]) + side * reached, True) for side in (-1, 1)]
                middle = sum(self.columns.edges[place]) / 2
                axes.plot([middle, middle], ends, color=INK, linewidth=0.7, marker="_", markersize=2.5)
