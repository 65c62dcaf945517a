"""A map of interactions as an HTML table: words down, the film strip across, merged tokens as joined cells."""

from collections.abc import Sequence
from typing import Protocol

from hbi.explanation.groups import Run, is_merged, names_of_split_groups, runs_of
from hbi.explanation.interaction_map import InteractionMap
from hbi.explanation.markup import escape
from hbi.explanation.tint import tint
from hbi.explanation.wording import decimals_for, signed

STRONG = 0.55
"""From this tint on, digits take the color that is set off from a full cell."""

MANY = 24
"""With more columns than this the digits and times are set smaller."""

SIDE_PIXELS = 24


class Times(Protocol):
    """How the frames of a table are told: `Clock` for one video, `PairClock` for two."""

    @property
    def unit(self) -> str:
        """What a reader has to know beside the digits."""

    def short(self, index: int) -> str:
        """When a frame is, without the unit."""

    def label(self, index: int) -> str:
        """When a frame is and what it stands for."""

    def spans(self, frames: Sequence[int]) -> str:
        """The stretches that some frames stand for."""

    def bracket(self, run: Run) -> str:
        """The stretch of neighbors, short."""


def bracket_note(part: InteractionMap) -> str:
    """How to read the brackets of a level, if it has any."""
    if not is_merged(part):
        return ""
    is_split = any(len(runs_of(groups)) > len(set(groups)) for groups in (part.word_groups, part.frame_groups))
    return f"Brackets join what was merged{'; pieces with the same letter or number are one' if is_split else ''}."


def matrix_classes(part: InteractionMap) -> str:
    """The classes of the table."""
    merged = " hbi-merged" if is_merged(part) else ""
    return f"hbi-matrix{merged}{' hbi-many' if len(part.frame_groups) > MANY else ''}"


def matrix_size(names: Sequence[str], num_frames: int) -> str:
    """Row height and width limits: columns stay wide enough to see and narrow enough for a strip, at 1 and at 64."""
    side = SIDE_PIXELS + name_pixels(names)
    column_pixels = 34 if num_frames > MANY else 42
    row_pixels = 24 if len(names) <= 32 else 18
    return f"--row:{row_pixels}px;min-width:{side + num_frames * column_pixels}px;max-width:{side + num_frames * 200}px"


def matrix_columns(names: Sequence[str], num_frames: int) -> str:
    """The columns: the bracket, the word, the frames."""
    return f'<col style="width:{SIDE_PIXELS}px"><col style="width:{name_pixels(names)}px">{"<col>" * num_frames}'


def matrix_head(part: InteractionMap, times: Times, anchor: str) -> str:
    """The film strip, and below it a bracket with its seconds over every run of merged frames."""
    strip = strip_row(len(part.frame_groups), times, anchor)
    if not is_merged(part):
        return strip
    names = names_of_split_groups(part.frame_groups, is_letters=False)
    brackets = "".join(_bracket(run, times, names) for run in runs_of(part.frame_groups))
    return f'{strip}\n<tr><td class="hbi-corner" colspan="2"></td>{brackets}</tr>'


def strip_row(num_frames: int, times: Times, anchor: str) -> str:
    """The film strip: a button a frame."""
    frames = "".join(f'<th scope="col">{frame_button(index, times, anchor)}</th>' for index in range(num_frames))
    return f'<tr><td class="hbi-corner" colspan="2">{times.unit}</td>{frames}</tr>'


def frame_button(index: int, times: Times, anchor: str) -> str:
    """A frame with its time, to point at."""
    return (
        f'<button type="button" class="hbi-frame" data-frame="{index}" aria-pressed="false" '
        f'aria-label="{escape(times.label(index))}"><span class="hbi-thumb {anchor}-t{index}"></span>'
        f'<span class="hbi-time">{times.short(index)}</span></button>'
    )


def matrix_body(names: Sequence[str], part: InteractionMap, limit: float) -> str:
    """One row a word; where neighbors were merged, one cell spans them all."""
    letters = names_of_split_groups(part.word_groups, is_letters=True)
    frame_runs = runs_of(part.frame_groups)
    rows = []
    for run in runs_of(part.word_groups):
        cells = "".join(cell(part, run, frame_run, limit) for frame_run in frame_runs)
        for index in range(run.start, run.stop):
            is_first = index == run.start
            side = _side(run, letters, is_merged=is_merged(part)) if is_first else ""
            rows.append(f"<tr>{side}{row_name(names[index], index)}{cells if is_first else ''}</tr>")
    return "\n".join(rows)


def row_name(name: str, index: int) -> str:
    """The head of a row."""
    text = escape(name)
    return f'<th class="hbi-name" scope="row" data-word="{index}" title="{text}"><bdi>{text}</bdi></th>'


def cell(part: InteractionMap, words: Run, frames: Run, limit: float) -> str:
    """One number, over all the words and frames that it belongs to."""
    value = float(part.interactions[words.group, frames.group])
    strength = abs(float(tint(value, limit)))
    classes = " ".join(name for name, applies in (("n", value < 0), ("s", strength >= STRONG)) if applies)
    attributes = {
        "class": classes,
        "rowspan": words.length if words.length > 1 else "",
        "colspan": frames.length if frames.length > 1 else "",
        "data-word": words.start,
        "data-frame": frames.start,
        "style": f"--v:{strength:.3f}",
    }
    written = " ".join(f'{name}="{setting}"' for name, setting in attributes.items() if setting != "")
    return f"<td {written}>{signed(value, decimals_for(limit))}</td>"


def name_pixels(names: Sequence[str]) -> int:
    """Room for the longest word, within reason; a longer one is cut and its tooltip has it whole."""
    return min(130, max(44, 16 + 8 * max(map(len, names))))


def _bracket(run: Run, times: Times, names: dict[int, str]) -> str:
    span = times.bracket(run)
    name = f"{names[run.group]} · " if run.group in names else ""
    return (
        f'<th class="hbi-bracket" scope="colgroup" colspan="{run.length}" data-frame="{run.start}" '
        f'title="{escape(times.spans(range(run.start, run.stop)))}"><span>{name}{span}</span></th>'
    )


def _side(run: Run, names: dict[int, str], *, is_merged: bool) -> str:
    bracket = f"<span>{names.get(run.group, '')}</span>" if is_merged else ""
    return f'<th class="hbi-side" scope="rowgroup" rowspan="{run.length}" data-word="{run.start}">{bracket}</th>'
