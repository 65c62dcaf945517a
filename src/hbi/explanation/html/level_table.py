"""A matrix of interactions as an HTML table: words down, the film strip across, merged tokens as joined cells."""

from collections.abc import Sequence

import numpy as np

from hbi.explanation.certainty import errors_of, is_uncertain, plus_minus
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.markup import escape
from hbi.explanation.interaction_matrix import (
    InteractionMatrix,
    Run,
    is_merged,
    largest_of,
    names_of_split_groups,
    runs_of,
    tint,
)
from hbi.explanation.wording import decimals_for, signed

STRONG = 0.55
"""From this tint on, digits take the color that is set off from a full cell."""

MANY = 24
"""With more columns than this the digits and times are set smaller."""

SIDE_PIXELS = 24


def level_table(names: Sequence[str], part: InteractionMatrix, times: FrameTimes, anchor: str, summary: str) -> str:
    """Return the table.

    Columns stay wide enough to see and narrow enough for a film strip, at 1 frame and at 64.

    Args:
        names: Of the words.
        part: The interactions.
        times: Of the frames.
        anchor: The id of the section.
        summary: What a screen reader says of the table.
    """
    num_frames, name_width = len(part.frame_groups), _name_pixels(names)
    classes = f"hbi-matrix{' hbi-merged' * is_merged(part)}{' hbi-many' * (num_frames > MANY)}"
    row, column = 24 if len(names) <= 32 else 18, 34 if num_frames > MANY else 42
    if errors_of(part).any():
        classes, row, column = f"{classes} hbi-drawn", row + 8, column + 16
    side = SIDE_PIXELS + name_width
    size = f"--row:{row}px;min-width:{side + num_frames * column}px;max-width:{side + num_frames * 200}px"
    columns = f'<col style="width:{SIDE_PIXELS}px"><col style="width:{name_width}px">{"<col>" * num_frames}'
    return (
        f'<table class="{classes}" style="{size}">\n<caption>{escape(summary)}</caption>\n'
        f"<colgroup>{columns}</colgroup>\n<thead>\n{_head(part, times, anchor)}\n</thead>\n"
        f"<tbody>\n{_body(names, part)}\n</tbody>\n</table>"
    )


def bracket_note(part: InteractionMatrix) -> str:
    """Return how to read the brackets of a level, if it has any."""
    if not is_merged(part):
        return ""
    is_split = any(len(runs_of(groups)) > len(set(groups)) for groups in (part.word_groups, part.frame_groups))
    return f"Brackets join what was merged{'; pieces with the same letter or number are one' if is_split else ''}."


def frame_button(index: int, times: FrameTimes, anchor: str) -> str:
    """Return a frame with its time, to point at.

    Args:
        index: Column of the frame, from 0.
        times: When each frame is.
        anchor: The id of the section.
    """
    return (
        f'<button type="button" class="hbi-frame" data-frame="{index}" aria-pressed="false" '
        f'aria-label="{escape(times.label(index))}"><span class="hbi-thumb {anchor}-t{index}"></span>'
        f'<span class="hbi-time">{escape(times.short(index))}</span></button>'
    )


def row_name(name: str, index: int) -> str:
    """Return the head of a row."""
    text = escape(name)
    return f'<th class="hbi-name" scope="row" data-word="{index}" title="{text}"><bdi>{text}</bdi></th>'


def cell_look(value: float, error: float, limit: float) -> tuple[float, str]:
    """Return the strength of a cell's color, and its classes: n below 0, s for a strong color, u where not certain.

    Args:
        value: The number.
        error: Its standard error, 0 where it is exact.
        limit: The number with the full color.
    """
    strength = abs(float(tint(value, limit)))
    is_unsure = bool(is_uncertain(np.asarray(value), np.asarray(error)))
    looks = (("n", value < 0), ("s", strength >= STRONG and not is_unsure), ("u", is_unsure))
    return strength, " ".join(name for name, applies in looks if applies)


def _head(part: InteractionMatrix, times: FrameTimes, anchor: str) -> str:
    """Return the film strip, and below it a bracket with its seconds over every run of merged frames."""
    frames = [f'<th scope="col">{frame_button(index, times, anchor)}</th>' for index in range(len(part.frame_groups))]
    strip = f'<tr><td class="hbi-corner" colspan="2">{times.unit}</td>{"".join(frames)}</tr>'
    if not is_merged(part):
        return strip
    names = names_of_split_groups(part.frame_groups, is_letters=False)
    brackets = "".join(_bracket(run, times, names) for run in runs_of(part.frame_groups))
    return f'{strip}\n<tr><td class="hbi-corner" colspan="2"></td>{brackets}</tr>'


def _body(names: Sequence[str], part: InteractionMatrix) -> str:
    """Return one row a word; where neighbors were merged, one cell spans them all."""
    limit, errors = largest_of(part.on_players), errors_of(part)
    letters = names_of_split_groups(part.word_groups, is_letters=True)
    frame_runs = runs_of(part.frame_groups)
    rows = []
    for run in runs_of(part.word_groups):
        cells = "".join(
            _cell(part, run, frame_run, limit, float(errors[run.group, frame_run.group])) for frame_run in frame_runs
        )
        for index in range(run.start, run.stop):
            is_first = index == run.start
            side = _side(run, letters, is_merged=is_merged(part)) if is_first else ""
            rows.append(f"<tr>{side}{row_name(names[index], index)}{cells if is_first else ''}</tr>")
    return "\n".join(rows)


def _cell(part: InteractionMatrix, words: Run, frames: Run, limit: float, error: float) -> str:
    """Return one number with its standard error, over all the words and frames that it belongs to."""
    value = float(part.interactions[words.group, frames.group])
    strength, classes = cell_look(value, error, limit)
    attributes = {
        "class": classes,
        "rowspan": words.length if words.length > 1 else "",
        "colspan": frames.length if frames.length > 1 else "",
        "data-word": words.start,
        "data-frame": frames.start,
        "style": f"--v:{strength:.3f}",
    }
    written = " ".join(f'{name}="{setting}"' for name, setting in attributes.items() if setting != "")
    below = f"<small>{plus_minus(error)}</small>" if error else ""
    return f"<td {written}>{signed(value, decimals_for(limit))}{below}</td>"


def _name_pixels(names: Sequence[str]) -> int:
    """Return room for the longest word, within reason; a longer one is cut and its tooltip has it whole."""
    return min(130, max(44, 16 + 8 * max(map(len, names))))


def _bracket(run: Run, times: FrameTimes, names: dict[int, str]) -> str:
    span = escape(times.bracket(run))
    name = f"{names[run.group]} · " if run.group in names else ""
    return (
        f'<th class="hbi-bracket" scope="colgroup" colspan="{run.length}" data-frame="{run.start}" '
        f'title="{escape(times.spans(range(run.start, run.stop)))}"><span>{name}{span}</span></th>'
    )


def _side(run: Run, names: dict[int, str], *, is_merged: bool) -> str:
    name = names.get(run.group, "")
    bracket = f"<span>{name}</span>" if is_merged else ""
    hidden = "" if name else ' aria-hidden="true"'  # the bracket alone says nothing that the joined cells do not
    return (
        f'<th class="hbi-side" scope="rowgroup" rowspan="{run.length}" data-word="{run.start}"{hidden}>{bracket}</th>'
    )
