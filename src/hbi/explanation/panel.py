"""The parts that sections are put together from: tabs, panels, tables and their legends."""

import re
from collections.abc import Sequence

import numpy as np

from hbi.explanation.groups import is_merged
from hbi.explanation.interaction_map import InteractionMap
from hbi.explanation.markup import escape, template
from hbi.explanation.matrix import (
    Times,
    bracket_note,
    matrix_body,
    matrix_classes,
    matrix_columns,
    matrix_head,
    matrix_size,
)
from hbi.explanation.wording import decimals_for, signed


def check_anchor(anchor: str) -> None:
    """Raise ValueError unless `anchor` can be an id."""
    if not re.fullmatch(r"[A-Za-z][\w-]*", anchor, flags=re.ASCII):
        raise ValueError(f"anchor {anchor!r} is no id: write a letter, then letters, digits, - and _")


def tab(name: str, score: str, anchor: str) -> str:
    """The button that shows a panel."""
    return (
        f'<button type="button" role="tab" class="hbi-tab" id="{anchor}-{name}-tab" '
        f'aria-controls="{anchor}-{name}">{name.capitalize()}'
        f"<small>{score}</small></button>"
    )


def matrix_table(names: Sequence[str], part: InteractionMap, times: Times, anchor: str, summary: str) -> str:
    """The table of a map."""
    limit = limit_of(part)
    return (
        f'<table class="{matrix_classes(part)}" style="{matrix_size(names, len(part.frame_groups))}">\n'
        f"<caption>{escape(summary)}</caption>\n<colgroup>{matrix_columns(names, len(part.frame_groups))}</colgroup>\n"
        f"<thead>\n{matrix_head(part, times, anchor)}\n</thead>\n"
        f"<tbody>\n{matrix_body(names, part, limit)}\n</tbody>\n</table>"
    )


def limit_of(part: InteractionMap) -> float:
    """The largest number, which gets the full color."""
    return float(np.abs(part.on_players).max())


def level_panel(
    name: str, title: str, score: str, part: InteractionMap, table: str, found: str, *, unit: str, anchor: str
) -> str:
    """The panel of a level: its table, what was found in it, and the color scale."""
    option = "" if is_merged(part) else _numbers_option(name, anchor)
    note, limit = bracket_note(part), limit_of(part)
    return panel(name, title, score, note, option + table, found, limit, unit=unit, anchor=anchor)


def panel(
    name: str, title: str, score: str, note: str, content: str, found: str, limit: float, *, unit: str, anchor: str
) -> str:
    """What a tab shows. `limit` is the number with the full color."""
    return template("panel.html").substitute(
        anchor=anchor,
        name=name,
        title=escape(title),
        score=escape(score),
        note=escape(note),
        content=content,
        found=found,
        lowest=signed(-limit, decimals_for(limit)) if limit else "",
        highest=signed(limit, decimals_for(limit)) if limit else "",
        unit=escape(unit),
    )


def scrolling(table: str, title: str) -> str:
    """A table that scrolls by itself."""
    return f'<div class="hbi-scroll" role="region" aria-label="{escape(title)}">\n{table}\n</div>'


def _numbers_option(name: str, anchor: str) -> str:
    """The box that writes the numbers into small cells; joined cells have room and always bear theirs."""
    box = f"{anchor}-{name}-numbers"
    return (
        f'<input type="checkbox" class="hbi-numbers" id="{box}">'
        f'<label class="hbi-option" for="{box}">numbers in the cells</label>'
    )
