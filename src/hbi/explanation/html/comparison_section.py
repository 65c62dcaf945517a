"""A comparison as a piece of HTML: both captions or videos, the difference at every level, what makes it."""

import numpy as np

from hbi.explanation.certainty import (
    NOT_CERTAIN,
    errors_of,
    exact_or_drawn,
    how_it_was_found,
    is_uncertain,
    reach,
    what_out_means,
)
from hbi.explanation.comparison import Comparison
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.level_table import level_table
from hbi.explanation.html.markup import escape, script_json, template
from hbi.explanation.html.matches import Differences
from hbi.explanation.html.section_parts import Panel, caption, check_anchor, frame_rules, player, ranked_item
from hbi.explanation.html.timeline_table import Adds, summands, timeline_table
from hbi.explanation.interaction_matrix import UnmergedMatrix, largest_of
from hbi.explanation.level import LevelExplanation
from hbi.explanation.wording import quoted, signed

MEANINGS = ("This speaks for the second.", "This speaks for neither.", "This speaks for the first.", NOT_CERTAIN)
"""Of a negative difference, of zero, of a positive one, of one whose sign is not certain."""

NUM_REASONS = 6


def comparison_section(
    comparison: Comparison,
    anchor: str,
    *,
    addresses: tuple[str | None, str | None] = (None, None),
    is_brief: bool = False,
) -> str:
    """Return the section of one comparison, for `hbi.explanation.page`.

    Args:
        comparison: What is shown.
        anchor: Its id, unique on the page: a letter, then letters, digits, `-` and `_`.
        addresses: Where the two videos are to be found; see `explanation_section`.
        is_brief: Whether to leave out the merged levels, for pages of many.

    Raises:
        ValueError: The anchor can be no id.
    """
    check_anchor(anchor)
    names = [_row_name(comparison, row) for row in range(len(comparison.rows))]
    times = _times(comparison)
    whole = UnmergedMatrix(comparison.interactions, comparison.interaction_errors)
    levels = comparison.levels()[:1] if is_brief else comparison.levels()
    parts = [
        UnmergedMatrix(comparison.interactions_at(index), comparison.interaction_errors_at(index))
        for index in range(len(levels))
    ]
    panels = [_timeline(comparison, names, whole, times, anchor)]
    panels += [
        _level(comparison, *sides, names, part, times, anchor) for sides, part in zip(levels, parts, strict=True)
    ]
    first, second = comparison.first.frames, comparison.second.frames
    phrases = {row: quoted(name) for row, name in enumerate(names)}
    data = {
        "unit": _unit(comparison),
        "meanings": MEANINGS,
        "seconds": [_seconds(comparison, *pair) for pair in comparison.columns],
        "levels": [Differences(part, phrases, times).script_data() for part in (whole, *parts)],
    }
    return template("comparison.html").substitute(
        anchor=anchor,
        label=escape(f"Why {_name_of(comparison, 0)} and not {_name_of(comparison, 1)}"),
        rules=frame_rules(first if comparison.is_same_video else (*first, *second), anchor)
        + _name_rules(comparison, anchor),
        first=_about(comparison, 0),
        second=_about(comparison, 1),
        difference=signed(comparison.difference, 3),
        certainty=exact_or_drawn(comparison),
        index=escape(comparison.index),
        whole=_whole(comparison),
        unsure="" if comparison.is_exact else " Dotted: not certain.",
        how=f"{how_it_was_found(comparison)} {what_out_means(comparison)}",
        kind="exact" if comparison.is_exact else "estimated",
        captions=_captions(comparison),
        players=_players(comparison, addresses),
        tabs="".join(panel.tab(anchor) for panel in panels),
        levels="\n".join(panel.html(anchor) for panel in panels),
        data=script_json(data),
    )


def _name_rules(comparison: Comparison, anchor: str) -> str:
    """Return where the frames of each of two videos begin: a gap and a name over the strip."""
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


def _name_of(comparison: Comparison, side: int) -> str:
    """Return what tells a side from the other: its text, or its video."""
    explanation = (comparison.first, comparison.second)[side]
    return explanation.video if comparison.is_same_text else quoted(explanation.text)


def _about(comparison: Comparison, side: int) -> str:
    explanation = (comparison.first, comparison.second)[side]
    return f"{escape(_name_of(comparison, side))} <b>{explanation.similarity:.3f}</b>"


def _whole(comparison: Comparison) -> str:
    """Return what the comparisons of wholes say, as markup."""
    first, second = comparison.first.whole, comparison.second.whole
    if first is None or second is None:
        return ""
    return (
        f'<p class="hbi-about">text and video as wholes: first {first.similarity:.3f}, second {second.similarity:.3f}, '
        f"weight {first.weight:.2g}</p>"
    )


def _row_name(comparison: Comparison, row: int) -> str:
    one, other = comparison.rows[row]
    ours = comparison.first.words[one].text if one is not None else "–"
    theirs = comparison.second.words[other].text if other is not None else "–"
    return ours if ours.casefold() == theirs.casefold() else f"{ours} → {theirs}"


def _times(comparison: Comparison) -> FrameTimes:
    if comparison.is_same_video:
        return FrameTimes(comparison.first)
    return FrameTimes(comparison.first, comparison.second, names=("first video", "second video"))


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


def _unit(comparison: Comparison) -> str:
    return f"difference of the interactions, in {comparison.first.score}"


def _level(
    comparison: Comparison,
    ours: LevelExplanation,
    theirs: LevelExplanation,
    names: list[str],
    part: UnmergedMatrix,
    times: FrameTimes,
    anchor: str,
) -> Panel:
    is_only = len(comparison.first.levels) == 1
    where = "Words with frames" if is_only else f"{ours.level.capitalize()} level"
    title = f"{where}: interactions of the first less those of the second."
    return Panel(
        name=ours.level,
        tab_score=signed(ours.similarity - theirs.similarity, 3),
        title=title,
        score=f"{comparison.first.score_name} {ours.similarity:.3f} and {theirs.similarity:.3f}",
        note="",
        table=level_table(names, part, times, anchor, title),
        found=_largest_differences(names, part, times),
        limit=largest_of(part.interactions),
        unit=_unit(comparison),
        is_numbering_optional=True,
        is_drawn=not comparison.is_exact,
        label="Words × frames" if is_only else "",
    )


def _timeline(comparison: Comparison, names: list[str], part: UnmergedMatrix, times: FrameTimes, anchor: str) -> Panel:
    together = "all levels together, " if len(comparison.first.levels) > 1 else ""
    title = f"Timeline: {together}the first less the second."
    words = Adds(comparison.word_contributions, comparison.word_contribution_errors)
    frames = Adds(comparison.frame_contributions, comparison.frame_contribution_errors)
    difference = signed(comparison.difference, 3)
    return Panel(
        name="timeline",
        tab_score=difference,
        title=title,
        score=f"difference {difference}",
        note=f"What each adds sums to the difference of the scores: "
        f"{summands(words, frames, comparison.unassigned, comparison.whole)}: {difference}.",
        table=timeline_table(
            [(name, row) for row, name in enumerate(names)], part, times, words, frames, anchor, title
        ),
        found=_largest_contributions(names, words),
        limit=largest_of(part.interactions),
        unit=_unit(comparison),
        is_drawn=not comparison.is_exact,
    )


def _largest_contributions(names: list[str], adds: Adds) -> str:
    """Return the words that add most to the difference, of either sign."""
    largest, each = adds.reach or 1.0, list(adds)
    order = _order(adds.values, adds.errors)
    items = [ranked_item(quoted(names[row]), "", each[row][0], largest, each[row][1]) for row in order]
    return f"<h4>Words that make the difference</h4><ol>{''.join(items)}</ol>"


def _largest_differences(names: list[str], part: UnmergedMatrix, times: FrameTimes) -> str:
    """Return the words and frames whose interactions differ most, of either sign."""
    values, errors = part.interactions, errors_of(part)
    largest = reach(values, errors) or 1.0
    places = [divmod(place, values.shape[1]) for place in _order(values, errors)]
    items = [
        ranked_item(quoted(names[row]), times.spans([at]), float(values[row, at]), largest, float(errors[row, at]))
        for row, at in places
    ]
    return f"<h4>Largest differences</h4><ol>{''.join(items)}</ol>"


def _order(values: np.ndarray, errors: np.ndarray) -> list[int]:
    """Return the flat places of the largest numbers, of either sign, the largest first, those not certain behind."""
    is_behind = is_uncertain(values, errors).ravel()
    return np.lexsort((-np.abs(values).ravel(), is_behind))[:NUM_REASONS].tolist()


def _seconds(comparison: Comparison, one: int | None, other: int | None) -> list[float]:
    """Return in which video the frame of a column is, and from when to when it stands for the video."""
    side, index = (0, one) if one is not None else (1, other)
    assert index is not None  # a column has a frame on one side at least
    frame = (comparison.first, comparison.second)[side].frames[index]
    return [side, frame.start_seconds, frame.end_seconds]
