"""One level of the figure: words down, frames across, merged tokens as joined blocks, the sign hatched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbi.explanation.certainty import errors_of, is_uncertain, largest_error, plus_minus
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.interaction_matrix import Run, is_merged, names_of_split_groups, runs_of, tint
from hbi.explanation.level import LevelExplanation
from hbi.explanation.wording import decimals_for, signed
from hbi.figures.fonts import drawable
from hbi.figures.layout import BRACKETS, LONGEST_NAME, Layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

NEGATIVE, ZERO, POSITIVE = "#1d5fb8", "#f4f4f1", "#d45f00"
INK, QUIET, FAINT = "#1c2330", "#5b6575", "#8d96a5"

HATCHED_FROM = 0.2
"""From this tint on, a negative block is hatched; below, it is as good as zero."""

WIDE_HEADING = 4.5
"""Inches of a map from which the heading has room for the errors."""

DARK_FROM = 0.55
"""From this tint on, a blue block is dark enough for white digits and hatches."""


def draw_level(axes: Axes, explanation: Explanation, part: LevelExplanation, times: FrameTimes, layout: Layout) -> None:
    """Draw a level into axes that cover its cells; words, brackets and scale stand outside them.

    Args:
        axes: Empty axes, as large as the cells together.
        explanation: The explanation that the level belongs to; its words are the names of the rows.
        part: The level to draw.
        times: When each frame is, for the brackets over merged frames.
        layout: Sizes in inches, and the size of the letters.
    """
    num_words, num_frames = len(part.word_groups), len(part.frame_groups)
    axes.set_xlim(0, num_frames)
    axes.set_ylim(num_words, 0)
    axes.set_xticks([])
    names = [shortened(word.text) for word in explanation.words]
    axes.set_yticks(np.arange(num_words) + 0.5, names, parse_math=False)
    axes.tick_params(length=0, pad=2, labelcolor=INK, labelsize=layout.font_size)
    axes.spines[:].set_visible(False)
    limit = float(np.abs(part.on_players).max())
    _draw_blocks(axes, part, limit, layout)
    _draw_heading(axes, explanation, part, layout)
    if is_merged(part):
        _draw_frame_brackets(axes, part, times, layout)
        _draw_word_brackets(axes, part, layout)
    _draw_scale(axes, limit, layout)


def _draw_blocks(axes: Axes, part: LevelExplanation, limit: float, layout: Layout) -> None:
    from matplotlib.collections import PolyCollection

    runs = [(words, frames) for words in runs_of(part.word_groups) for frames in runs_of(part.frame_groups)]
    corners = np.array([_corners(words, frames) for words, frames in runs])
    values = np.array([part.interactions[words.group, frames.group] for words, frames in runs])
    errors = np.array([errors_of(part)[words.group, frames.group] for words, frames in runs])
    unsure = is_uncertain(values, errors)
    tints = np.where(unsure, 0.0, tint(values, limit))
    colors = colormap()((tints + 1) / 2)
    axes.add_collection(PolyCollection(list(corners), facecolors=colors, edgecolors="white", linewidths=0.8))
    hatch_negative(axes, corners, tints)
    dot_unsure(axes, corners[unsure])
    if is_merged(part):
        for (words, frames), value, error, strength, color in zip(runs, values, errors, tints, colors, strict=True):
            texts = _number_texts(signed(value, decimals_for(limit)), plus_minus(error))
            _draw_number(axes, words, frames, texts, strength, color, layout)


def hatch_negative(axes: Axes, corners: np.ndarray, tints: np.ndarray) -> None:
    """Hatch the blocks of negative tints, each ink as one path: every hatching takes long.

    Args:
        axes: Where the blocks are drawn already.
        corners: The four corners of every block [block, 4, 2], each as (column, row).
        tints: Strength of every block's color [block], from -1 to 1.
    """
    for is_dark, ink in ((False, NEGATIVE), (True, "white")):
        chosen = corners[(tints <= -HATCHED_FROM) & ((tints <= -DARK_FROM) == is_dark)]
        _hatch(axes, chosen, ink, "/////", 0.7)


def dot_unsure(axes: Axes, corners: np.ndarray) -> None:
    """Dot the blocks whose numbers are not certain.

    Args:
        axes: Where the blocks are drawn already.
        corners: The four corners of every such block [block, 4, 2], each as (column, row).
    """
    _hatch(axes, corners, FAINT, "....", 1.0)


def _hatch(axes: Axes, corners: np.ndarray, ink: str, hatch: str, alpha: float) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if len(corners):
        blocks = Path.make_compound_path(*(Path([*block, block[0]], closed=True) for block in corners))
        axes.add_artist(PathPatch(blocks, facecolor="none", edgecolor=ink, linewidth=0, hatch=hatch, alpha=alpha))


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


def _draw_number(
    axes: Axes, words: Run, frames: Run, texts: list[str], strength: float, color: np.ndarray, layout: Layout
) -> None:
    """Write a block's number in the first of these forms that it has room for."""
    size = 6.0
    width, height = frames.length * layout.column, words.length * layout.row

    def fits(text: str) -> bool:
        lines = text.split("\n")
        return width >= (max(map(len, lines)) + 1) * size * 0.62 / 72 and height >= 0.12 * len(lines)

    text = next(filter(fits, texts), "")
    if not text:
        return
    axes.text(
        (frames.start + frames.stop) / 2,
        (words.start + words.stop) / 2,
        text,
        color="white" if strength <= -DARK_FROM else INK,
        fontsize=size,
        ha="center",
        va="center",
        bbox={"facecolor": color, "edgecolor": "none", "pad": 1.0},
    )


def _draw_heading(axes: Axes, explanation: Explanation, part: LevelExplanation, layout: Layout) -> None:
    above = (0.06 + BRACKETS * is_merged(part)) / layout.row
    is_only = len(explanation.levels) == 1
    score = f"{drawable(explanation.score_name)} {part.similarity:.3f}"
    errors = largest_error(part) if layout.map_width > WIDE_HEADING else ""
    axes.text(
        0,
        -above,
        "Words with frames" if is_only else f"{part.level.capitalize()} level",
        color=INK,
        fontsize=8,
        family="DejaVu Sans",
        weight="bold",
        va="bottom",
    )
    axes.text(
        len(part.frame_groups),
        -above,
        ", ".join(filter(None, [score, errors])),
        color=QUIET,
        fontsize=7,
        ha="right",
        va="bottom",
        parse_math=False,
    )


def _draw_frame_brackets(axes: Axes, part: LevelExplanation, times: FrameTimes, layout: Layout) -> None:
    """Draw over the columns what was merged, and the seconds it spans where there is room for them."""
    names = names_of_split_groups(part.frame_groups, is_letters=False)
    high, low = -0.13 / layout.row, -0.03 / layout.row
    inset = 0.02 / layout.column
    for run in runs_of(part.frame_groups):
        start, stop = run.start + inset, run.stop - inset
        axes.plot([start, start, stop, stop], [low, high, high, low], color=QUIET, linewidth=0.7, clip_on=False)
        name, span = names.get(run.group, ""), times.bracket(run)
        texts = [f"{name} · {span}" if name else span, name]
        room = run.length * layout.column
        text = next((text for text in texts if len(text) * 5.5 * 0.6 / 72 < room), "")
        axes.text(
            (start + stop) / 2,
            (high + low) / 2,
            text,
            color=QUIET,
            fontsize=5.5,
            ha="center",
            va="center",
        )


def _draw_word_brackets(axes: Axes, part: LevelExplanation, layout: Layout) -> None:
    names = names_of_split_groups(part.word_groups, is_letters=True)
    left = -(layout.names - 0.16) / layout.column
    right = left + 0.06 / layout.column
    for run in runs_of(part.word_groups):
        start, stop = run.start + 0.12, run.stop - 0.12
        axes.plot([right, left, left, right], [start, start, stop, stop], color=QUIET, linewidth=0.7, clip_on=False)
        axes.text(
            left - 0.03 / layout.column,
            (start + stop) / 2,
            names.get(run.group, ""),
            color=QUIET,
            fontsize=5.5,
            ha="right",
            va="center",
        )


def _draw_scale(axes: Axes, limit: float, layout: Layout) -> None:
    """Draw the color scale beside a level: its own, because the levels differ in size."""
    if not limit:
        axes.text(1.0, 0.5, " all 0", transform=axes.transAxes, color=QUIET, fontsize=6, va="center")
        return
    height = float(np.clip(layout.map_height, 0.34, 1.1)) / layout.map_height
    scale = axes.inset_axes((1 + 0.12 / layout.map_width, 1 - height, 0.09 / layout.map_width, height))
    scale.imshow(np.linspace(1, 0, 128)[:, None], cmap=colormap(), vmin=0, vmax=1, aspect="auto", extent=(0, 1, -1, 1))
    scale.fill_between([0, 1], -1, 0, facecolor="none", edgecolor="white", linewidth=0, hatch="/////")
    scale.set_xticks([])
    decimals = decimals_for(limit)
    ticks = np.array([-1.0, -0.25, 0.0, 0.25, 1.0])
    scale.set_yticks(tint(ticks, 1.0), [signed(share * limit, decimals) if share else "0" for share in ticks])
    scale.yaxis.tick_right()
    scale.tick_params(length=0, pad=2, labelcolor=INK, labelsize=6)
    scale.spines[:].set_visible(False)


def colormap() -> Colormap:
    """Return blue for redundant, orange for together; told apart by every kind of color vision."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("redundant to together", [NEGATIVE, ZERO, POSITIVE])


def shortened(name: str) -> str:
    """Return a word as it stands beside its row: what can be drawn of it, cut where it is too long."""
    name = drawable(name)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
