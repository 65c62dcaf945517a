"""The timeline as a static figure: the film strip over one heat line a word, and what every word adds to the score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hbi.explanation.certainty import CERTAIN_FROM, in_short, is_uncertain, reach, with_error
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import TimeFormat
from hbi.explanation.interaction_matrix import tint
from hbi.explanation.wording import decimals_for, signed
from hbi.figures.heatmap import INK, NEGATIVE, POSITIVE, QUIET, colormap, dot_unsure, hatch_negative, shortened
from hbi.figures.layout import MARGIN, NOTE_SIZE, Layout, lines_height, wrapped
from hbi.figures.levels_figure import draw_note, draw_title, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAP_WIDTH, ADDS_WIDTH, AXIS_HEIGHT, OVER_NOTE = 6.2, 1.0, 0.32, 0.1
ERROR_WIDTH = 0.55
"""Inches that the error of a number takes beside it."""

LINE = 0.62
"""Of a row's height."""


def render_timeline(explanation: Explanation, path: Path) -> None:
    """Write the timeline; the ending of `path` chooses PNG, SVG or PDF. The same explanation gives the same bytes."""
    save_figure(draw_timeline, explanation, path)


def draw_timeline(explanation: Explanation) -> Figure:
    """Return the timeline as a matplotlib Figure, not yet written."""
    from matplotlib.figure import Figure

    layout = Layout.of(explanation)
    adds_width = ADDS_WIDTH + ERROR_WIDTH * (not explanation.is_exact)
    width = 2 * MARGIN + layout.names + MAP_WIDTH + adds_width
    note = wrapped(_note(explanation), width, NOTE_SIZE)
    strip = min(MAP_WIDTH / max(6, min(len(explanation.frames), 12)), 1.0)
    height = 2 * MARGIN + layout.title_height + strip + layout.map_height + AXIS_HEIGHT
    height += OVER_NOTE + lines_height(note, NOTE_SIZE)
    figure = Figure(figsize=(width, height))
    draw_title(figure, layout, height - MARGIN, width, height)
    left, top = MARGIN + layout.names, height - MARGIN - layout.title_height

    def axes(x: float, y: float, wide: float, high: float) -> Axes:
        return figure.add_axes((x / width, (y - high) / height, wide / width, high / height))

    _draw_strip(axes(left, top, MAP_WIDTH, strip), explanation, strip)
    lines = axes(left, top - strip, MAP_WIDTH, layout.map_height)
    _draw_lines(lines, explanation, layout.font_size)
    _draw_adds(axes(left + MAP_WIDTH, top - strip, adds_width, layout.map_height), explanation, layout.font_size)
    draw_note(figure, note, width, height)
    return figure


def _note(explanation: Explanation) -> str:
    levels = " of all levels, by their weights" if len(explanation.levels) > 1 else ""
    summands = "words and frames"
    if abs(explanation.unassigned) >= 5e-4:
        summands = f"words, frames and other tokens ({signed(explanation.unassigned, 3)})"
    return (
        "Orange: worth more together than apart.  Blue, hatched: redundant.  Banzhaf interaction"
        f"{levels}, in {explanation.score}.  Adds: Shapley value; {summands} sum to the score.  "
        f"{in_short(explanation)}"
    )


def _span(explanation: Explanation) -> tuple[float, float]:
    return explanation.frames[0].start_seconds, explanation.frames[-1].end_seconds


def _draw_strip(axes: Axes, explanation: Explanation, height: float) -> None:
    """Draw thumbnails at their seconds; where they would cover each other, the later one is left out."""
    axes.set_axis_off()
    start, end = _span(explanation)
    _, high, wide = explanation.frames[0].thumbnail.shape
    seconds = min(height * 0.92 * wide / high, 1.6) / MAP_WIDTH * (end - start) or 1.0
    free_from = start
    for frame in explanation.frames:
        middle = min(max(frame.timestamp_seconds, start + seconds / 2), max(end - seconds / 2, start + seconds / 2))
        if middle - seconds / 2 < free_from - 1e-9:
            continue
        axes.imshow(
            frame.thumbnail.transpose(1, 2, 0),
            extent=(middle - seconds / 2, middle + seconds / 2, 0.08, 1),
            aspect="auto",
            interpolation="antialiased",
        )
        free_from = middle + seconds / 2
    axes.set_xlim(start, end if end > start else start + 1)
    axes.set_ylim(0, 1)


def _draw_lines(axes: Axes, explanation: Explanation, font_size: float) -> None:
    from matplotlib.collections import PolyCollection

    times = TimeFormat(explanation)
    values = explanation.interactions
    unsure = is_uncertain(values, explanation.interaction_errors)
    strengths = np.where(unsure, 0.0, tint(values, float(np.abs(values).max())))
    edges = [(frame.start_seconds, frame.end_seconds) for frame in explanation.frames]
    heights = [(word + (1 - LINE) / 2, word + (1 + LINE) / 2) for word in range(len(explanation.words))]
    corners = np.array(
        [[(start, low), (end, low), (end, high), (start, high)] for low, high in heights for start, end in edges]
    )
    flat = strengths.ravel()
    axes.add_collection(PolyCollection(list(corners), facecolors=colormap()((flat + 1) / 2), linewidths=0))
    hatch_negative(axes, corners, flat)
    dot_unsure(axes, corners[unsure.ravel()])
    start, end = _span(explanation)
    axes.set_xlim(start, end if end > start else start + 1)
    axes.set_ylim(len(explanation.words), 0)
    axes.set_yticks(
        np.arange(len(explanation.words)) + 0.5, [shortened(word.text) for word in explanation.words], parse_math=False
    )
    axes.xaxis.set_major_formatter(lambda seconds, _: times.digits(float(seconds)))
    axes.tick_params(axis="y", length=0, pad=3, labelcolor=INK, labelsize=font_size)
    axes.tick_params(axis="x", length=2, pad=2, labelcolor=QUIET, labelsize=6.5, color=QUIET)
    axes.set_xlabel(times.unit, fontsize=6.5, color=QUIET, labelpad=1)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)


def _draw_adds(axes: Axes, explanation: Explanation, font_size: float) -> None:
    adds, errors = explanation.word_contributions, explanation.word_contribution_errors
    largest = reach(adds, errors) or 1.0
    right = 1.2 + 2.4 * ERROR_WIDTH / ADDS_WIDTH * (not explanation.is_exact)
    rows = np.arange(len(adds)) + 0.5
    colors = [NEGATIVE if value < 0 else POSITIVE for value in adds]
    axes.barh(rows, np.abs(adds) / largest, height=LINE * 0.5, color=colors, left=right + 0.15, alpha=0.75)
    for row, value, error in zip(rows, adds.tolist(), errors.tolist(), strict=True):
        number, size = with_error(value, error, decimals_for(largest)), min(6.5, font_size)
        axes.text(right, row, number, fontsize=size, color=INK, ha="right", va="center")
        if error:
            ends = np.clip([abs(value) - CERTAIN_FROM * error, abs(value) + CERTAIN_FROM * error], 0, None) / largest
            axes.plot(right + 0.15 + ends, [row, row], color=INK, linewidth=0.8, marker="|", markersize=3)
    axes.set_xlim(0, right + 1.2)
    axes.set_ylim(len(adds), 0)
    axes.text(right, -0.05, "adds", fontsize=6.5, color=QUIET, ha="right", va="bottom")
    axes.set_axis_off()
