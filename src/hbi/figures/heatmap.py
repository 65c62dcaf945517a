"""Colors of numbers in a figure: blue to orange, hatched below zero, dotted where not certain; and their scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbi.explanation.interaction_matrix import tint
from hbi.explanation.wording import decimals_for, signed
from hbi.figures.layout import FAINT, INK, QUIET, SMALLEST, Cells, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

NEGATIVE, ZERO, POSITIVE = "#1d5fb8", "#f4f4f1", "#d45f00"

HATCHED_FROM = 0.2
"""From this tint on, a negative block is hatched; below, it is as good as zero."""

DARK_FROM = 0.55
"""From this tint on, a blue block is dark enough for white digits and hatches."""

SCALE_TICKS = (-1.0, -0.25, 0.0, 0.25, 1.0)
"""Shares of the largest number, which are told beside the scale."""


def colormap() -> Colormap:
    """Return blue for redundant, orange for together; told apart by every kind of color vision."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("redundant to together", [NEGATIVE, ZERO, POSITIVE])


def draw_blocks(axes: Axes, corners: np.ndarray, tints: np.ndarray, unsure: np.ndarray, edge: str = "none") -> None:
    """Draw blocks in their colors, hatched below zero, dotted where not certain.

    Args:
        axes: Where to draw.
        corners: The four corners of every block [block, 4, 2], each as (column, row).
        tints: Strength of every block's color [block], from -1 to 1; 0 where not certain.
        unsure: Which blocks are not certain [block].
        edge: Color of the blocks' borders.
    """
    from matplotlib.collections import PolyCollection

    colors = colormap()((tints + 1) / 2)
    width = 0.0 if edge == "none" else 0.8
    axes.add_collection(PolyCollection(list(corners), facecolors=colors, edgecolors=edge, linewidths=width))
    for is_dark, ink in ((False, NEGATIVE), (True, "white")):
        _hatch(axes, corners[(tints <= -HATCHED_FROM) & ((tints <= -DARK_FROM) == is_dark)], ink, "/////", 0.7)
    dot_unsure(axes, corners[unsure])


def dot_unsure(axes: Axes, corners: np.ndarray) -> None:
    """Dot the blocks whose numbers are not certain.

    Args:
        axes: Where the blocks are drawn already.
        corners: The four corners of every such block [block, 4, 2], each as (column, row).
    """
    _hatch(axes, corners, FAINT, "....", 1.0)


def _hatch(axes: Axes, corners: np.ndarray, ink: str, hatch: str, alpha: float) -> None:
    """Hatch blocks as one path: every hatching takes long."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if len(corners):
        blocks = Path.make_compound_path(*(Path([*block, block[0]], closed=True) for block in corners))
        axes.add_artist(PathPatch(blocks, facecolor="none", edgecolor=ink, linewidth=0, hatch=hatch, alpha=alpha))


def scale_width(limit: float) -> float:
    """Return inches that the scale of a level takes beside its cells: the color and its numbers."""
    return 0.27 + text_width(signed(-limit, decimals_for(limit)) if limit else " all 0", SMALLEST)


def draw_scale(axes: Axes, limit: float, cells: Cells) -> None:
    """Draw the color scale beside a level: its own, because the levels differ in size.

    Args:
        axes: Those of the cells.
        limit: The number with the full color.
        cells: Sizes in inches.
    """
    if not limit:
        axes.text(1.0, 0.5, " all 0", transform=axes.transAxes, color=QUIET, fontsize=SMALLEST, va="center")
        return
    height = float(np.clip(cells.height, 0.34, 1.1))
    scale = axes.inset_axes(
        (1 + 0.12 / cells.width, 1 - height / cells.height, 0.09 / cells.width, height / cells.height)
    )
    scale.imshow(np.linspace(1, 0, 128)[:, None], cmap=colormap(), vmin=0, vmax=1, aspect="auto", extent=(0, 1, -1, 1))
    scale.fill_between([0, 1], -1, 0, facecolor="none", edgecolor="white", linewidth=0, hatch="/////")
    scale.set_xticks([])
    ticks = np.array([share for share in SCALE_TICKS if abs(share) != 0.25 or height > 5 * SMALLEST * 1.25 / 72])
    places = tint(ticks, 1.0)
    scale.set_yticks(places, [signed(share * limit, decimals_for(limit)) if share else "0" for share in ticks])
    scale.yaxis.tick_right()
    scale.tick_params(length=0, pad=2, labelcolor=INK, labelsize=SMALLEST)
    scale.spines[:].set_visible(False)
