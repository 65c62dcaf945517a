"""The timeline as an HTML table: a heat line a word over the seconds, and what words and frames add to the score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hbi.explanation.certainty import errors_of, plus_minus, reach, with_error
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.level_table import cell_look, frame_button, row_name
from hbi.explanation.html.markup import escape
from hbi.explanation.html.section_parts import bar_of
from hbi.explanation.interaction_matrix import InteractionMatrix, largest_of
from hbi.explanation.wording import decimals_for, signed


@dataclass(frozen=True, eq=False)
class Adds:
    """What words or frames add to the score, and the standard errors of that, 0 where it is exact."""

    values: Float[np.ndarray, " player"]
    errors: Float[np.ndarray, " player"]

    @property
    def decimals(self) -> int:
        """Of every number."""
        return decimals_for(largest_of(self.values))

    @property
    def reach(self) -> float:
        """What a full bar stands for."""
        return reach(self.values, self.errors)

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return zip(self.values.tolist(), self.errors.tolist(), strict=True)


LEAST_PIXELS = 16
"""Of a frame in the line: a finger still meets it."""


def timeline_table(
    rows: Sequence[tuple[str, int]],
    part: InteractionMatrix,
    times: FrameTimes,
    word_adds: Adds,
    frame_adds: Adds,
    anchor: str,
    summary: str,
) -> str:
    """Return the table; the widths of its frames come from `frame_rules`.

    Args:
        rows: Of every row of the interactions its name, and the first of the words that it stands for.
        part: The interactions.
        times: Of the frames.
        word_adds: What every word adds to the score.
        frame_adds: What every frame adds to the score.
        anchor: The id of the section.
        summary: What a screen reader says of the table.
    """
    limit = largest_of(part.interactions)
    num_frames = len(frame_adds.values)
    strip = "".join(frame_button(index, times, anchor) for index in range(num_frames))
    body = "\n".join(
        f'<tr>{row_name(name, word)}<td><div class="hbi-line">{_line(part, row, word, limit)}</div></td>'
        f"{_adds(*adds, word_adds)}</tr>"
        for row, ((name, word), adds) in enumerate(zip(rows, word_adds, strict=True))
    )
    total = signed(float(np.sum(frame_adds.values)), word_adds.decimals)
    drawn = " hbi-drawn" if errors_of(part).any() or word_adds.errors.any() or frame_adds.errors.any() else ""
    return (
        f'<table class="hbi-timeline{drawn}" style="--least:{LEAST_PIXELS * num_frames}px">'
        f"<caption>{escape(summary)}</caption>"
        f'<thead><tr><td class="hbi-corner">{times.unit}</td>'
        f'<td><div class="hbi-line">{strip}</div></td>'
        f'<th scope="col" class="hbi-adds">adds</th></tr></thead>\n<tbody>\n{body}\n'
        f'<tr class="hbi-sum"><th scope="row" class="hbi-name">adds</th>'
        f'<td><div class="hbi-line">{_frame_bars(frame_adds, times)}</div></td>'
        f'<td class="hbi-adds">{total}</td></tr>\n</tbody></table>'
    )


def summands(words: Adds, frames: Adds, unassigned: float, whole: float | None) -> str:
    """Return `words +0.175, frames +0.075`, and what tokens add that are neither, and the whole, where there are such.

    Args:
        words: What every word adds.
        frames: What every frame adds.
        unassigned: What tokens without a word or frame add.
        whole: What the text as a whole adds with the video as a whole; None: these are not compared.
    """
    parts = {"words": float(words.values.sum()), "frames": float(frames.values.sum())}
    if abs(unassigned) >= 5e-4:
        parts["other tokens"] = unassigned
    if whole is not None:
        parts["the whole"] = whole
    return ", ".join(f"{name} {signed(value, 3)}" for name, value in parts.items())


def _line(part: InteractionMatrix, row: int, word: int, limit: float) -> str:
    decimals = decimals_for(limit)
    pieces = []
    numbers = zip(part.interactions[row].tolist(), errors_of(part)[row].tolist(), strict=True)
    for frame, (value, error) in enumerate(numbers):
        strength, classes = cell_look(value, error, limit)
        pieces.append(
            f'<span class="{f"hbi-cell {classes}".strip()}" data-word="{word}" data-frame="{frame}" '
            f'style="--v:{strength:.3f}">{with_error(value, error, decimals)}</span>'
        )
    return "".join(pieces)


def _adds(value: float, error: float, everyone: Adds) -> str:
    classes, style = bar_of(value, everyone.reach, error)
    beside = f" <small>{plus_minus(error)}</small>" if error else ""
    return (
        f'<td class="hbi-adds">{signed(value, everyone.decimals)}{beside}'
        f'<i class="hbi-bar{classes}" style="{style}"></i></td>'
    )


def _frame_bars(adds: Adds, times: FrameTimes) -> str:
    bars = []
    for index, (value, error) in enumerate(adds):
        classes, style = bar_of(value, adds.reach, error)
        number = with_error(value, error, adds.decimals)
        bars.append(
            f'<span class="hbi-column{classes}" data-frame="{index}" style="{style}" '
            f'title="{escape(times.label(index))}: {number}">{number}</span>'
        )
    return "".join(bars)
