"""The matrix of one level as an HTML table: words down, the film strip across, merged tokens as joined cells."""

from hbi.explanation.clock import Clock
from hbi.explanation.explanation import Explanation
from hbi.explanation.groups import Run, is_merged, names_of_split_groups, runs_of
from hbi.explanation.level import LevelExplanation
from hbi.explanation.markup import escape
from hbi.explanation.tint import tint
from hbi.explanation.wording import decimals_for, signed
from hbi.shapes import Level

TITLES: dict[Level, str] = {
    "entity": "Entity level: single words with single frames.",
    "action": "Action level: words and frames merged once, towards phrases and clips.",
    "event": "Event level: merged again, towards sentences and segments.",
}

STRONG = 0.55
"""From this tint on, digits take the color that is set off from a full cell."""

MANY = 24
"""With more columns than this the digits and times are set smaller."""

SIDE_PIXELS = 24


def bracket_note(part: LevelExplanation) -> str:
    """How to read the brackets of a level, if it has any."""
    if not is_merged(part):
        return ""
    is_split = any(len(runs_of(groups)) > len(set(groups)) for groups in (part.word_groups, part.frame_groups))
    return f"Brackets join what was merged{'; pieces with the same letter or number are one' if is_split else ''}."


def matrix_classes(part: LevelExplanation) -> str:
    """The classes of the table."""
    merged = " hbi-merged" if is_merged(part) else ""
    return f"hbi-matrix{merged}{' hbi-many' if len(part.frame_groups) > MANY else ''}"


def matrix_size(explanation: Explanation, part: LevelExplanation) -> str:
    """Row height and width limits: columns stay wide enough to see and narrow enough for a strip, at 1 and at 64."""
    num_words, num_frames = len(part.word_groups), len(part.frame_groups)
    side = SIDE_PIXELS + _name_pixels(explanation)
    column_pixels = 34 if num_frames > MANY else 42
    row_pixels = 24 if num_words <= 32 else 18
    return f"--row:{row_pixels}px;min-width:{side + num_frames * column_pixels}px;max-width:{side + num_frames * 200}px"


def matrix_columns(explanation: Explanation, part: LevelExplanation) -> str:
    """The columns: the bracket, the word, the frames."""
    frames = "<col>" * len(part.frame_groups)
    return f'<col style="width:{SIDE_PIXELS}px"><col style="width:{_name_pixels(explanation)}px">{frames}'


def matrix_head(explanation: Explanation, part: LevelExplanation, clock: Clock, anchor: str) -> str:
    """The film strip, and below it a bracket with its seconds over every run of merged frames."""
    frames = "".join(_frame(explanation, index, clock, anchor) for index in range(len(explanation.frames)))
    strip = f'<tr><td class="hbi-corner" colspan="2">{clock.unit}</td>{frames}</tr>'
    if not is_merged(part):
        return strip
    names = names_of_split_groups(part.frame_groups, is_letters=False)
    brackets = "".join(_bracket(run, clock, names) for run in runs_of(part.frame_groups))
    return f'{strip}\n<tr><td class="hbi-corner" colspan="2"></td>{brackets}</tr>'


def matrix_body(explanation: Explanation, part: LevelExplanation, limit: float) -> str:
    """One row a word; where neighbours were merged, one cell spans them all."""
    names = names_of_split_groups(part.word_groups, is_letters=True)
    frame_runs = runs_of(part.frame_groups)
    rows = []
    for run in runs_of(part.word_groups):
        cells = "".join(_cell(part, run, frame_run, limit) for frame_run in frame_runs)
        for index in range(run.start, run.stop):
            is_first = index == run.start
            side = _side(run, names, is_merged=is_merged(part)) if is_first else ""
            rows.append(f"<tr>{side}{_name(explanation, index)}{cells if is_first else ''}</tr>")
    return "\n".join(rows)


def _frame(explanation: Explanation, index: int, clock: Clock, anchor: str) -> str:
    frame = explanation.frames[index]
    label = f"Frame at {clock.time(frame.timestamp_seconds)}, for {clock.spans([index])}"
    return (
        f'<th scope="col"><button type="button" class="hbi-frame" data-frame="{index}" aria-pressed="false" '
        f'aria-label="{label}"><span class="hbi-thumb {anchor}-t{index}"></span>'
        f'<span class="hbi-time">{clock.digits(frame.timestamp_seconds)}</span></button></th>'
    )


def _bracket(run: Run, clock: Clock, names: dict[int, str]) -> str:
    span = clock.bracket(run)
    name = f"{names[run.group]} · " if run.group in names else ""
    return (
        f'<th class="hbi-bracket" scope="colgroup" colspan="{run.length}" data-frame="{run.start}" '
        f'title="{clock.spans(range(run.start, run.stop))}"><span>{name}{span}</span></th>'
    )


def _side(run: Run, names: dict[int, str], *, is_merged: bool) -> str:
    bracket = f"<span>{names.get(run.group, '')}</span>" if is_merged else ""
    return f'<th class="hbi-side" scope="rowgroup" rowspan="{run.length}" data-word="{run.start}">{bracket}</th>'


def _name(explanation: Explanation, index: int) -> str:
    text = escape(explanation.words[index].text)
    return f'<th class="hbi-name" scope="row" data-word="{index}" title="{text}"><bdi>{text}</bdi></th>'


def _cell(part: LevelExplanation, words: Run, frames: Run, limit: float) -> str:
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


def _name_pixels(explanation: Explanation) -> int:
    """Room for the longest word, within reason; a longer one is cut and its tooltip has it whole."""
    return min(130, max(44, 16 + 8 * max(len(word.text) for word in explanation.words)))
