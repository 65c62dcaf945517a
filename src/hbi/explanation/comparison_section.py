"""A comparison as a piece of HTML: both captions or videos, the difference at every level, what makes it."""

import numpy as np

from hbi.explanation.caption import caption
from hbi.explanation.clock import Clock
from hbi.explanation.comparison import Comparison
from hbi.explanation.comparison_reading import difference_data
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_rules import frame_rules
from hbi.explanation.interaction_map import PlayerMap
from hbi.explanation.markup import escape, script_json, template
from hbi.explanation.matrix import Times
from hbi.explanation.pair_clock import PairClock
from hbi.explanation.panel import check_anchor, level_panel, limit_of, matrix_table, panel, scrolling, tab
from hbi.explanation.player import player
from hbi.explanation.timeline_table import timeline_table
from hbi.explanation.wording import decimals_for, quoted, signed

UNIT = "difference of the interactions, in cosine similarity"
MEANINGS = ("This speaks for the second.", "This speaks for neither.", "This speaks for the first.")
"""Of a negative difference, of zero, of a positive one."""

NUM_REASONS = 6


def comparison_section(
    comparison: Comparison,
    anchor: str,
    *,
    addresses: tuple[str | None, str | None] = (None, None),
    is_brief: bool = False,
) -> str:
    """The section of one comparison, for `hbi.explanation.page.page`; arguments as for `explanation_section`.

    A brief one leaves out the merged levels, for pages of many.
    """
    check_anchor(anchor)
    sides = (comparison.first, comparison.second)
    names = [_row_name(comparison, row) for row in range(len(comparison.rows))]
    times = _times(comparison)
    whole = PlayerMap(comparison.interactions)
    levels = comparison.levels()[:1] if is_brief else comparison.levels()
    parts = [PlayerMap(comparison.interactions_at(index)) for index in range(len(levels))]
    panels, tabs = (
        [_timeline(comparison, names, whole, times, anchor)],
        [tab("timeline", signed(comparison.difference, 3), anchor)],
    )
    for (ours, theirs), part in zip(levels, parts, strict=True):
        panels.append(_level(ours.level, ours.similarity, theirs.similarity, names, part, times, anchor))
        tabs.append(tab(ours.level, signed(ours.similarity - theirs.similarity, 3), anchor))
    frames = comparison.first.frames if comparison.is_same_video else (*sides[0].frames, *sides[1].frames)
    return template("comparison.html").substitute(
        anchor=anchor,
        label=escape(f"Why {_told(comparison, 0)} and not {_told(comparison, 1)}"),
        rules=frame_rules(frames, anchor) + _name_rules(comparison, anchor),
        first=_about(comparison, 0),
        second=_about(comparison, 1),
        difference=signed(comparison.difference, 3),
        captions=_captions(comparison),
        players=_players(comparison, addresses),
        tabs="".join(tabs),
        levels="\n".join(panels),
        data=script_json(_script_data(comparison, names, [whole, *parts], times)),
    )


def _name_rules(comparison: Comparison, anchor: str) -> str:
    """Where the frames of each of two videos begin: a gap and a name over the strip."""
    if comparison.is_same_video:
        return ""
    second = len(comparison.first.frames)
    return (
        f'\n#{anchor} .hbi-frame::before{{content:"";height:1.4em}}\n'
        f'#{anchor} .hbi-frame[data-frame="0"]::before{{content:"first"}}\n'
        f'#{anchor} .hbi-frame[data-frame="{second}"]::before{{content:"second"}}\n'
        f'#{anchor} .hbi-line>[data-frame="{second}"]{{margin-inline-start:12px}}\n'
        f'#{anchor} td[data-frame="{second}"],#{anchor} th:has(>[data-frame="{second}"])'
        "{border-inline-start:12px solid var(--paper)}"
    )


def _told(comparison: Comparison, side: int) -> str:
    """What tells a side from the other: its text, or its video."""
    explanation = (comparison.first, comparison.second)[side]
    return explanation.video if comparison.is_same_text else quoted(explanation.text)


def _about(comparison: Comparison, side: int) -> str:
    explanation = (comparison.first, comparison.second)[side]
    return f"{escape(_told(comparison, side))} <b>{explanation.similarity:.3f}</b>"


def _row_name(comparison: Comparison, row: int) -> str:
    one, other = comparison.rows[row]
    ours = comparison.first.words[one].text if one is not None else "–"
    theirs = comparison.second.words[other].text if other is not None else "–"
    return ours if ours.casefold() == theirs.casefold() else f"{ours} → {theirs}"


def _times(comparison: Comparison) -> Times:
    if comparison.is_same_video:
        return Clock(comparison.first)
    return PairClock(comparison.first, comparison.second, ("first video", "second video"))


def _captions(comparison: Comparison) -> str:
    if comparison.is_same_text:
        return caption(comparison.first.text, comparison.first.words, range(len(comparison.rows)))
    sides: list[str] = []
    for side, (explanation, label) in enumerate(((comparison.first, "first"), (comparison.second, "second"))):
        rows = [row for row, pair in enumerate(comparison.rows) if pair[side] is not None]
        sides.append(caption(explanation.text, explanation.words, rows, label=label))
    return "".join(sides)


def _players(comparison: Comparison, addresses: tuple[str | None, str | None]) -> str:
    if comparison.is_same_video:
        return player(addresses[0], 0, comparison.first.video)
    sides = (comparison.first, comparison.second)
    return "".join(player(address, side, sides[side].video) for side, address in enumerate(addresses))


def _level(name: str, ours: float, theirs: float, names: list[str], part: PlayerMap, times: Times, anchor: str) -> str:
    title = f"{name.capitalize()} level: interactions of the first less those of the second."
    table = scrolling(matrix_table(names, part, times, anchor, title), title)
    score = f"similarities {ours:.3f} and {theirs:.3f}"
    return level_panel(name, title, score, part, table, _strongest(names, part, times), unit=UNIT, anchor=anchor)


def _timeline(comparison: Comparison, names: list[str], part: PlayerMap, times: Times, anchor: str) -> str:
    title = "Timeline: all levels together, the first less the second."
    words, frames = comparison.word_contributions, comparison.frame_contributions
    table = timeline_table(names, part, times, words, frames, anchor, title)
    note = (
        f"What each adds sums to the difference of the scores: words {signed(float(words.sum()), 3)}, "
        f"frames {signed(float(frames.sum()), 3)}: {signed(comparison.difference, 3)}."
    )
    score = f"difference {signed(comparison.difference, 3)}"
    content, found = scrolling(table, title), _reasons(names, words)
    return panel("timeline", title, score, note, content, found, limit_of(part), unit=UNIT, anchor=anchor)


def _reasons(names: list[str], adds: np.ndarray) -> str:
    """The words that add most to the difference, of either sign."""
    order = np.argsort(-np.abs(adds), kind="stable")[:NUM_REASONS].tolist()
    largest = float(np.abs(adds).max()) or 1.0
    items = "".join(_item(names[row], "", float(adds[row]), largest) for row in order)
    return f"<h4>Words that make the difference</h4><ol>{items}</ol>"


def _strongest(names: list[str], part: PlayerMap, times: Times) -> str:
    """The words and frames whose interactions differ most, of either sign."""
    values = part.interactions
    order = np.argsort(-np.abs(values), axis=None, kind="stable")[:NUM_REASONS].tolist()
    largest = float(np.abs(values).max()) or 1.0
    places = [divmod(place, values.shape[1]) for place in order]
    items = "".join(_item(names[row], times.spans([at]), float(values[row, at]), largest) for row, at in places)
    return f"<h4>Largest differences</h4><ol>{items}</ol>"


def _item(name: str, spans: str, value: float, largest: float) -> str:
    sign = " n" if value < 0 else ""
    return (
        f"<li><span>{escape(quoted(name))} <em>{escape(spans)}</em></span><b>{signed(value, decimals_for(largest))}</b>"
        f'<span><i class="hbi-bar{sign}" style="--v:{abs(value) / largest:.3f}"></i></span></li>'
    )


def _script_data(comparison: Comparison, names: list[str], parts: list[PlayerMap], times: Times) -> dict[str, object]:
    return {
        "unit": UNIT,
        "meanings": MEANINGS,
        "seconds": [_second(comparison, *pair) for pair in comparison.columns],
        "levels": [difference_data(names, part, times) for part in parts],
    }


def _second(comparison: Comparison, one: int | None, other: int | None) -> list[float]:
    sides: tuple[Explanation, Explanation] = (comparison.first, comparison.second)
    side, index = (0, one) if one is not None else (1, other)
    # A column has a frame on one side at least: what mypy cannot know.
    frame = sides[side].frames[index]  # type: ignore[index]
    return [side, frame.start_seconds, frame.end_seconds]
