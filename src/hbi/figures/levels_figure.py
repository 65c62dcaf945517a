"""Explanations as a static figure for papers: a film strip over one heat map a level, read in grey as well."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes, TimeFormat
from hbi.figures.fonts import drawable, families_for
from hbi.figures.heatmap import INK, QUIET, draw_level
from hbi.figures.layout import ABOUT_SIZE, MARGIN, NOTE_SIZE, TITLE_SIZE, Layout

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def render_figure(explanation: Explanation, path: Path) -> None:
    """Write the figure; the ending of `path` chooses PNG, SVG or PDF. The same explanation gives the same bytes."""
    save_figure(draw_figure, explanation, path)


def save_figure(draw: Callable[[Explanation], Figure], explanation: Explanation, path: Path) -> None:
    """Write what `draw` makes of an explanation, with fonts for its letters and without a date.

    Args:
        draw: Makes the figure.
        explanation: What it is made of.
        path: The file; its ending chooses the format. It is overwritten.
    """
    import matplotlib

    texts = (explanation.text, explanation.video, explanation.model, explanation.remark or "")
    settings = {
        "font.family": families_for(drawable("".join(set("".join(texts))))),
        "svg.hashsalt": "hbi",
        "pdf.fonttype": 42,
        "hatch.linewidth": 0.7,
    }
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # drawn as a box, see families_for
        draw(explanation).savefig(path, dpi=200, metadata=undated, facecolor="white")


def draw_figure(explanation: Explanation) -> Figure:
    """Return the figure, not yet written (a plain matplotlib Figure: no pyplot, no window, no global state)."""
    from matplotlib.figure import Figure

    layout = Layout.of(explanation)
    figure = Figure(figsize=(layout.width, layout.height))
    top = layout.height - MARGIN
    draw_title(figure, layout, top, layout.width, layout.height)
    top -= layout.title_height
    _draw_strip(figure, layout, explanation, top)
    top -= layout.strip_height
    for part in explanation.levels:
        top -= layout.gap_over(part)
        axes = figure.add_axes(layout.box(top, layout.map_height))
        draw_level(axes, explanation, part, FrameTimes(explanation), layout)
        top -= layout.map_height
    draw_note(figure, layout.note, layout.width, layout.height)
    return figure


def draw_title(figure: Figure, layout: Layout, top: float, width: float, height: float) -> None:
    """Write the caption, and below it where it comes from.

    Args:
        figure: Where to write.
        layout: Holds both texts and the height of the caption.
        top: Upper edge of the caption, in inches from the bottom of the figure.
        width: Of the figure, in inches.
        height: Of the figure, in inches.
    """
    left, below = MARGIN / width, top - layout.caption_height
    style: dict[str, Any] = {"va": "top", "linespacing": 1.2, "parse_math": False}
    figure.text(left, top / height, layout.title, color=INK, fontsize=TITLE_SIZE, **style)
    figure.text(left, below / height, layout.about, color=QUIET, fontsize=ABOUT_SIZE, **style)


def draw_note(figure: Figure, note: str, width: float, height: float) -> None:
    """Write how to read the numbers at the foot.

    Args:
        figure: Where to write.
        note: In lines.
        width: Of the figure, in inches.
        height: Of the figure, in inches.
    """
    style: dict[str, Any] = {"va": "bottom", "linespacing": 1.2, "parse_math": False}
    figure.text(MARGIN / width, MARGIN / height, note, color=QUIET, fontsize=NOTE_SIZE, **style)


def _draw_strip(figure: Figure, layout: Layout, explanation: Explanation, top: float) -> None:
    axes = figure.add_axes(layout.box(top, layout.thumbnail_height))
    axes.set_axis_off()
    times = TimeFormat(explanation)
    span = layout.thumbnail_columns
    for start in range(0, layout.num_frames, span):
        stop = min(start + span, layout.num_frames)
        index = (start + stop - 1) // 2
        frame = explanation.frames[index]
        middle = (start + stop) / 2
        _, pixels_high, pixels_wide = frame.thumbnail.shape
        half = min(span * 0.48, layout.thumbnail_height * pixels_wide / pixels_high / layout.column / 2)
        axes.imshow(
            frame.thumbnail.transpose(1, 2, 0),
            extent=(middle - half, middle + half, 0, 1),
            aspect="auto",
            interpolation="antialiased",
        )
        time = times.time(frame.timestamp_seconds) if start == 0 else times.digits(frame.timestamp_seconds)
        axes.text(middle, -0.02, time, color=QUIET, fontsize=6, ha="center", va="top")
    axes.set_xlim(0, layout.num_frames)
    axes.set_ylim(0, 1)
