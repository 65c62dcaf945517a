"""The timeline as an HTML table: a heat line a word over the seconds, and what words and frames add to the score."""

from collections.abc import Sequence

import numpy as np

from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.level_table import frame_button, row_name
from hbi.explanation.html.markup import escape
from hbi.explanation.interaction_matrix import InteractionMatrix, largest_of, tint
from hbi.explanation.wording import decimals_for, signed

LEAST_PIXELS = 16
"""Of a frame in the line: a finger still meets it."""


def timeline_table(
    names: Sequence[str],
    part: InteractionMatrix,
    times: FrameTimes,
    word_adds: np.ndarray,
    frame_adds: np.ndarray,
    anchor: str,
    summary: str,
) -> str:
    """Return the table; the widths of its frames come from `frame_rules`.

    Args:
        names: Of the words.
        part: The interactions.
        times: Of the frames.
        word_adds: What every word adds to the score.
        frame_adds: What every frame adds to the score.
        anchor: The id of the section.
        summary: What a screen reader says of the table.
    """
    limit = largest_of(part.interactions)
    strip = "".join(frame_button(index, times, anchor) for index in range(len(frame_adds)))
    rows = "\n".join(
        f'<tr>{row_name(name, word)}<td><div class="hbi-line">{_line(part, word, limit)}</div></td>'
        f"{_adds(float(word_adds[word]), word_adds)}</tr>"
        for word, name in enumerate(names)
    )
    total = signed(float(np.sum(frame_adds)), decimals_for(largest_of(word_adds)))
    return (
        f'<table class="hbi-timeline" style="--least:{LEAST_PIXELS * len(frame_adds)}px">'
        f"<caption>{escape(summary)}</caption>"
        f'<thead><tr><td class="hbi-corner">{times.unit}</td>'
        f'<td><div class="hbi-line">{strip}</div></td>'
        f'<th scope="col" class="hbi-adds">adds</th></tr></thead>\n<tbody>\n{rows}\n'
        f'<tr class="hbi-sum"><th scope="row" class="hbi-name">adds</th>'
        f'<td><div class="hbi-line">{_frame_bars(frame_adds, times)}</div></td>'
        f'<td class="hbi-adds">{total}</td></tr>\n</tbody></table>'
    )


def _line(part: InteractionMatrix, word: int, limit: float) -> str:
    decimals = decimals_for(limit)
    pieces = []
    for frame, value in enumerate(part.interactions[word].tolist()):
        strength = abs(float(tint(value, limit)))
        classes = "hbi-cell" + " n" * (value < 0)
        pieces.append(
            f'<span class="{classes}" data-word="{word}" data-frame="{frame}" style="--v:{strength:.3f}">'
            f"{signed(value, decimals)}</span>"
        )
    return "".join(pieces)


def _adds(value: float, everyone: np.ndarray) -> str:
    share = abs(value) / (largest_of(everyone) or 1.0)
    return (
        f'<td class="hbi-adds">{signed(value, decimals_for(largest_of(everyone)))}'
        f'<i class="hbi-bar{" n" * (value < 0)}" style="--v:{share:.3f}"></i></td>'
    )


def _frame_bars(adds: np.ndarray, times: FrameTimes) -> str:
    largest = largest_of(adds) or 1.0
    decimals = decimals_for(largest_of(adds))
    bars = []
    for index, value in enumerate(adds.tolist()):
        number = signed(value, decimals)
        bars.append(
            f'<span class="hbi-column{" n" * (value < 0)}" data-frame="{index}" style="--v:{abs(value) / largest:.3f}" '
            f'title="{escape(times.label(index))}: {number}">{number}</span>'
        )
    return "".join(bars)
