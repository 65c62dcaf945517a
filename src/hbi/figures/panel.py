"""What every panel of a figure has: names of its rows, columns, and room around its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from hbi.figures.columns import Columns
from hbi.figures.layout import INK, Cells, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Panel(Protocol):
    """One of the pictures that a figure is made of: rows of words over columns of frames."""

    @property
    def columns(self) -> Columns:
        """Where the frames stand."""

    @property
    def names(self) -> Sequence[str]:
        """Of the rows, whole."""

    @property
    def row_limits(self) -> tuple[float, float]:
        """Inches of the lowest and of the highest row."""

    @property
    def note(self) -> str:
        """How it is read."""

    def beside_names(self) -> float:
        """Return inches left of the cells that the names do not take."""

    def right(self) -> float:
        """Return inches right of the cells."""

    def above(self) -> float:
        """Return inches above the cells."""

    def draw(self, axes: Axes, cells: Cells, *, has_heading: bool) -> None:
        """Draw into axes that cover the cells; what stands around them is drawn outside the axes."""


def prepare_axes(axes: Axes, columns: Columns, names: Sequence[str], cells: Cells) -> None:
    """Give axes the rows and columns of a panel, and the names of the rows.

    Args:
        axes: Empty axes, as large as the cells together.
        columns: Where the frames stand.
        names: Of the rows.
        cells: Sizes in inches.
    """
    axes.set_xlim(*columns.limits)
    axes.set_ylim(len(names), 0)
    axes.set_xticks([])
    written = [shortened(name, cells.sizes.longest) for name in names]
    axes.set_yticks(np.arange(len(names)) + 0.5, written, parse_math=False)
    axes.tick_params(axis="y", length=0, pad=3, labelcolor=INK, labelsize=cells.points)
    axes.spines[:].set_visible(False)
