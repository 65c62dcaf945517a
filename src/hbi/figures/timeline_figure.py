"""The timeline as a static figure: the film strip over one heat line a word, and what every word adds to the score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import TimeFormat
from hbi.explanation.interaction_matrix import tint
from hbi.explanation.wording import decimals_for, signed
from hbi.figures.heatmap import INK, NEGATIVE, POSITIVE, QUIET, colormap, hatch_negative, shortened
from hbi.figures.layout import MARGIN, Layout
from hbi.figures.levels_figure import draw_title, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

READING = (
    "Orange: worth more together than apart.  Blue, hatched: redundant.  Banzhaf interaction of all levels, by their "
    "weights.\nAdds: Shapley value; words and frames sum to the similarity."
)
MAP_WIDTH, ADDS_WIDTH, AXIS_HEIGHT, FOOT = 6.2, 1.0, 0.32, 0.34
LINE = 0.62
"""Of a row's height."""


def render_timeline(explanation: Explanation, path: Path) -> None:
    """Write the timeline; the ending of `path` chooses PNG, SVG or PDF. The same explanation gives the same bytes."""
    save_figure(draw_timeline, explanation, path)


def draw_timeline(explanation: Explanation) -> Figure:
    """Return the timeline as a matplotlib Figure, not yet written."""
    from matplotlib.figure import Figure

    layout = Layout.of(explanation)
    width = 2 * MARGIN + layout.names + MAP_WIDTH + ADDS_WIDTH
    strip = min(MAP_WIDTH / max(6, min(len(explanation.frames), 12)), 1.0)
    height = 2 * MARGIN + layout.title_height + strip + layout.map_height + AXIS_HEIGHT + FOOT
    figure = Figure(figsize=(width, height))
    draw_title(figure, layout, height - MARGIN, width, height)
    left, top = MARGIN + layout.names, height - MARGIN - layout.title_height

    def axes(x: float, y: float, wide: float, high: float) -> Axes:
        return figure.add_axes((x / width, (y - high) / height, wide / width, high / height))

    _draw_strip(axes(left, top, MAP_WIDTH, strip), explanation, strip)
    lines = axes(left, top - strip, MAP_WIDTH, layout.map_height)
    _draw_lines(lines, explanation, layout.font_size)
    _draw_adds(axes(left + MAP_WIDTH, top - strip, ADDS_WIDTH, layout.map_height), explanation, layout.font_size)
    figure.text(MARGIN / width, MARGIN / height, READING, color=QUIET, fontsize=6.5, va="bottom")
    return figure


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
    strengths = tint(values, float(np.abs(values).max()))
    edges = [(frame.start_seconds, frame.end_seconds) for frame in explanation.frames]
    heights = [(word + (1 - LINE) / 2, word + (1 + LINE) / 2) for word in range(len(explanation.words))]
    corners = np.array(
        [[(start, low), (end, low), (end, high), (start, high)] for low, high in heights for start, end in edges]
    )
    flat = strengths.ravel()
    axes.add_collection(PolyCollection(list(corners), facecolors=colormap()((flat + 1) / 2), linewidths=0))
    hatch_negative(axes, corners, flat)
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
    adds = explanation.word_contributions
    largest = float(np.abs(adds).max()) or 1.0
    rows = np.arange(len(adds)) + 0.5
    colors = [NEGATIVE if value < 0 else POSITIVE for value in adds]
    axes.barh(rows, np.abs(adds) / largest, height=LINE * 0.5, color=colors, left=1.35, alpha=0.75)
    for row, value in zip(rows, adds.tolist(), strict=True):
        number, size = signed(value, decimals_for(largest)), min(6.5, font_size)
        axes.text(1.2, row, number, fontsize=size, color=INK, ha="right", va="center")
    axes.set_xlim(0, 2.4)
    axes.set_ylim(len(adds), 0)
    axes.text(1.2, -0.05, "adds", fontsize=6.5, color=QUIET, ha="right", va="bottom")
    axes.set_axis_off()
