"""Explanations as static figures for papers: panels of words over frames, in one column or two, or in given axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args, overload

from hbi.explanation.explanation import Explanation
from hbi.explanation.word_lines import WordLine, word_lines
from hbi.explanation.wording import listing, quoted
from hbi.figures.captions import Captions
from hbi.figures.explanation_figure import drawing_with, new_figure, settings_for
from hbi.figures.layout import (
    COLUMN_WIDTH,
    MARGIN,
    TEXT_WIDTH,
    Cells,
    Sizes,
    names_width,
    row_height,
)
from hbi.figures.level_panel import LevelPanel
from hbi.figures.panel import Panel
from hbi.figures.timeline_panel import TimelinePanel
from hbi.figures.word_panel import WordPanel
from hbi.shapes import Level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

View: TypeAlias = Literal["words", "levels", "timeline"]
"""What a figure shows: where each whole word matches, a heat map a level, or heat lines of all levels together."""

Shown: TypeAlias = View | Level
Width: TypeAlias = float | Literal["column", "text"]

WIDTHS = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
NATURAL_MAP, NARROWEST_COLUMN, WIDEST_COLUMN, NARROWEST_FIGURE = 6.2, 0.15, 1.6, 5.6
LEAST_MAP = 0.7
"""Inches of all columns together, below which nothing can be told apart."""

OVER_NOTE, BETWEEN = 0.14, 0.12


@overload
def draw_figure(
    explanation: Explanation,
    *,
    levels: Shown | Sequence[Shown] = ...,
    words: Sequence[str | int] | None = ...,
    width: Width | None = ...,
    ax: None = ...,
) -> Figure: ...


@overload
def draw_figure(
    explanation: Explanation,
    *,
    levels: Shown | Sequence[Shown] = ...,
    words: Sequence[str | int] | None = ...,
    width: Width | None = ...,
    ax: Axes,
) -> Axes: ...


def draw_figure(
    explanation: Explanation,
    *,
    levels: Shown | Sequence[Shown] = "words",
    words: Sequence[str | int] | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure | Axes:
    """Return the figure of an explanation, which a notebook shows; or the given axes with one panel in them.

    Args:
        explanation: What is drawn.
        levels: Which panels: "words" (where each whole word matches), "levels" (a heat map for every level), "timeline"
            (all levels over the seconds), the name of a level, or several of these.
        words: Which whole words, by their text or their number from 0; None: all, but in the panel "words" no function
            words and punctuation.
        width: Of the figure, in inches, or "column" (3.25) or "text" (6.75); None: what it needs.
        ax: Axes of a figure of yours: one panel is drawn in them, with neither caption nor pictures.

    Raises:
        ValueError: There is no such level or word, the figure is too narrow, or `ax` is to hold several panels.
    """
    panels = _panels_of(explanation, levels, words)
    if ax is not None:
        if len(panels) != 1 or width is not None:
            raise ValueError(f"axes hold one panel, as wide as they are: not {len(panels)} panels, and no width")
        return _drawn_into(ax, panels[0])
    with drawing_with(settings_for(explanation)):
        return _composed(explanation, panels, WIDTHS[width] if isinstance(width, str) else width)


def render_figure(
    explanation: Explanation,
    path: Path,
    *,
    levels: Shown | Sequence[Shown] = "words",
    words: Sequence[str | int] | None = None,
    width: Width | None = None,
) -> None:
    """Write the figure; the ending of `path` chooses PNG, SVG or PDF. The same explanation gives the same bytes.

    Args:
        explanation: What is drawn.
        path: The file; it is overwritten.
        levels: As for `draw_figure`.
        words: As for `draw_figure`.
        width: As for `draw_figure`.

    Raises:
        ValueError: As for `draw_figure`.
    """
    figure = draw_figure(explanation, levels=levels, words=words, width=width)
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
    figure.savefig(path, dpi=200, metadata=undated, facecolor="white")


def _panels_of(
    explanation: Explanation, levels: Shown | Sequence[Shown], words: Sequence[str | int] | None
) -> list[Panel]:
    lines = word_lines(explanation)
    chosen = _chosen(lines, words)
    rows = [index for line in chosen for index in line.words]
    parts = {part.level: part for part in explanation.levels}
    panels: list[Panel] = []
    for shown in [levels] if isinstance(levels, str) else levels:
        if shown == "words":
            panels.append(_word_panel(explanation, lines, chosen, is_chosen=words is not None))
        elif shown == "levels":
            panels += [LevelPanel(explanation, part, rows) for part in explanation.levels]
        elif shown == "timeline":
            panels.append(TimelinePanel(explanation, rows))
        elif shown in parts:
            panels.append(LevelPanel(explanation, parts[shown], rows))
        else:
            known = listing(quoted(name) for name in (*get_args(View), *parts))
            raise ValueError(f"this explanation has no level {shown!r}: there are {known}")
    if not panels:
        raise ValueError("a figure needs a level")
    return panels


def _chosen(lines: Sequence[WordLine], words: Sequence[str | int] | None) -> list[WordLine]:
    """Return the lines of the chosen words, in reading order."""
    if words is None:
        return list(lines)
    numbers: set[int] = set()
    for word in [words] if isinstance(words, str) else words:
        found = [
            index
            for index, line in enumerate(lines)
            if (line.text.casefold() == word.casefold() if isinstance(word, str) else index == word)
        ]
        if not found:
            known = listing(f"{index} {quoted(line.text)}" for index, line in enumerate(lines))
            raise ValueError(f"the text has no word {word!r}: it has {known}")
        numbers.update(found)
    if not numbers:
        raise ValueError("a figure needs a word")
    return [lines[index] for index in sorted(numbers)]


def _word_panel(
    explanation: Explanation, lines: Sequence[WordLine], chosen: Sequence[WordLine], *, is_chosen: bool
) -> WordPanel:
    shown = chosen if is_chosen else [line for line in chosen if not line.stands_back] or chosen
    left_out = [] if is_chosen else [line.text for line in lines if line not in shown]
    return WordPanel(explanation, shown, max(float(line.fit.max()) for line in lines), left_out)


def _drawn_into(axes: Axes, panel: Panel) -> Axes:
    """Draw a panel into axes of another figure, with its seconds or labels below."""
    box, dots = axes.get_window_extent(), axes.figure.dpi
    width, height = box.width / dots, box.height / dots
    sizes, rows = Sizes.for_width(width), len(panel.names)
    left = panel.beside_names() + names_width(panel.names, height / rows, sizes)
    cells = Cells(rows, len(panel.columns.explanation.frames), width, height, left, sizes)
    panel.draw(axes, cells, has_heading=False)
    panel.columns.draw_ticks(axes, width)
    return axes


def _composed(explanation: Explanation, panels: Sequence[Panel], width: float | None) -> Figure:
    """Return the figure: caption, then panel below panel with their pictures, then how to read them."""
    width, map_width, cells = _measured(panels, width)
    captions = Captions.of(explanation, panels, width, Sizes.for_width(width))
    heads = [panel.columns.head_height(map_width) * _has_head(panels, at) for at, panel in enumerate(panels)]
    height = 2 * MARGIN + captions.top_height + BETWEEN * (len(panels) - 1) + OVER_NOTE + captions.note_height
    for panel, head, each in zip(panels, heads, cells, strict=True):
        height += head + panel.above() + each.height + panel.columns.foot_height
    figure = new_figure(explanation, (width, height))
    captions.draw(figure)

    def axes(top: float, high: float) -> Axes:
        """Return axes over all columns, from `top` (inches from the bottom of the figure) on, so high."""
        left = MARGIN + cells[0].left
        return figure.add_axes((left / width, (top - high) / height, map_width / width, high / height))

    top = height - MARGIN - captions.top_height
    for panel, head, each in zip(panels, heads, cells, strict=True):
        if head:
            panel.columns.draw_head(axes(top, head), map_width)
        top -= head + panel.above()
        inside = axes(top, each.height)
        panel.draw(inside, each, has_heading=True)
        if panel.columns.foot_height:
            panel.columns.draw_axis(inside)
        top -= each.height + panel.columns.foot_height + BETWEEN
    return figure


def _measured(panels: Sequence[Panel], width: float | None) -> tuple[float, float, list[Cells]]:
    """Return inches of the figure, of all columns together, and the cells of each panel."""
    sizes, count = Sizes.for_width(width), len(panels[0].columns.explanation.frames)
    rows = [row_height(len(panel.names), *panel.row_limits) for panel in panels]
    left = max(
        panel.beside_names() + names_width(panel.names, row, sizes) for panel, row in zip(panels, rows, strict=True)
    )
    around = 2 * MARGIN + left + max(panel.right() for panel in panels)
    if width is None:
        map_width = count * min(max(NATURAL_MAP / count, NARROWEST_COLUMN), WIDEST_COLUMN)
        width = max(around + map_width, NARROWEST_FIGURE)
    else:
        map_width = width - around
    if map_width < LEAST_MAP:
        raise ValueError(f"{width:g} inches are too narrow: this figure needs {around + LEAST_MAP:.2f}")
    return (
        width,
        map_width,
        [
            Cells(len(panel.names), count, map_width, row * len(panel.names), left, sizes)
            for panel, row in zip(panels, rows, strict=True)
        ],
    )


def _has_head(panels: Sequence[Panel], index: int) -> bool:
    """Return whether pictures and labels stand above a panel: not again where the panel above has the same columns."""
    return index == 0 or panels[index - 1].columns.is_over_time != panels[index].columns.is_over_time
