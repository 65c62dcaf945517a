"""One explanation as a piece of HTML: caption, video, film strip, a table a level, a timeline, the strongest pairs."""

import numpy as np

from hbi.explanation.certainty import (
    NOT_CERTAIN,
    exact_or_drawn,
    how_it_was_found,
    largest_error,
    reach,
    what_out_means,
)
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes, TimeFormat
from hbi.explanation.html.level_table import bracket_note, level_table
from hbi.explanation.html.markup import escape, script_json, template
from hbi.explanation.html.matches import Matches, phrase_of
from hbi.explanation.html.section_parts import Panel, caption, check_anchor, frame_rules, player, ranked_item
from hbi.explanation.html.timeline_table import Adds, summands, timeline_table
from hbi.explanation.interaction_matrix import InteractionMatrix, UnmergedMatrix, is_merged, largest_of
from hbi.explanation.level import LevelExplanation
from hbi.explanation.wording import listing

MEANINGS = (
    "Redundant: together they are worth less.",
    "Neither depends on the other.",
    "Worth more together than apart.",
    NOT_CERTAIN,
)
"""Of a negative interaction, of zero, of a positive one, of one whose sign is not certain."""

NUM_PAIRS = 6

TITLES = {
    "entity": "Entity level: single words with single frames.",
    "action": "Action level: words and frames merged once, towards phrases and clips.",
    "event": "Event level: merged again, towards sentences and segments.",
    "timeline": "Timeline: all levels together, by their weights in the score.",
}
ONLY_TITLES = {"entity": "Words with frames.", "timeline": "Timeline: the words over the seconds."}
"""Where a model has no merged levels."""


def explanation_section(explanation: Explanation, anchor: str, *, address: str | None = None) -> str:
    """Return the section of one explanation, for `hbi.explanation.page`.

    Args:
        explanation: What is shown.
        anchor: Its id, unique on the page: a letter, then letters, digits, `-` and `_`.
        address: Where the video is to be found (see `hbi.figures.VideoAddresses`); None: pictures only.

    Raises:
        ValueError: The anchor can be no id.
    """
    check_anchor(anchor)
    times = FrameTimes(explanation)
    levels = [_matches(explanation, part, times) for part in explanation.levels]
    whole = UnmergedMatrix(explanation.interactions, explanation.interaction_errors)
    timeline = _matches(explanation, whole, times)
    panels = [
        *(_level(explanation, *each, times, anchor) for each in zip(explanation.levels, levels, strict=True)),
        _timeline(explanation, timeline, times, anchor),
    ]
    remark = explanation.remark
    data = {
        "unit": explanation.score,
        "meanings": MEANINGS,
        "seconds": [[0, frame.start_seconds, frame.end_seconds] for frame in explanation.frames],
        "levels": [matches.script_data() for matches in (*levels, timeline)],
    }
    return template("section.html").substitute(
        anchor=anchor,
        label=escape(f"{explanation.text} · {explanation.video}"),
        rules=frame_rules(explanation.frames, anchor),
        video=escape(explanation.video),
        duration=TimeFormat(explanation).time(explanation.duration_seconds),
        model=escape(explanation.model),
        score_name=escape(explanation.score_name),
        similarity=f"{explanation.similarity:.3f}",
        certainty=exact_or_drawn(explanation),
        unsure="" if explanation.is_exact else " Dotted: not certain.",
        how=f"{how_it_was_found(explanation)} {what_out_means(explanation)}",
        meaning=_meaning(explanation),
        remark=f'<p class="hbi-remark" role="note">{escape(remark)}</p>' if remark else "",
        caption=caption(explanation.text, explanation.words, range(len(explanation.words))),
        player=player(address, 0, explanation.video),
        tabs="".join(panel.tab(anchor) for panel in panels),
        levels="\n".join(panel.html(anchor) for panel in panels),
        data=script_json(data),
    )


def _matches(explanation: Explanation, part: InteractionMatrix, times: FrameTimes) -> Matches:
    groups = dict.fromkeys(part.word_groups)
    return Matches(part, {group: phrase_of(explanation, part, group) for group in groups}, times)


def _level(explanation: Explanation, part: LevelExplanation, matches: Matches, times: FrameTimes, anchor: str) -> Panel:
    names = [word.text for word in explanation.words]
    is_only = len(explanation.levels) == 1
    summary = "Banzhaf interactions of the words (rows) with the frames (columns), " + ", ".join(
        filter(None, ["" if is_only else f"{part.level} level", explanation.score, largest_error(part)])
    )
    return Panel(
        name=part.level,
        tab_score=f"{part.similarity:.3f}",
        title=ONLY_TITLES.get(part.level, TITLES[part.level]) if is_only else TITLES[part.level],
        score=f"{explanation.score_name} {part.similarity:.3f}",
        note=bracket_note(part),
        table=level_table(names, part, times, anchor, summary),
        found=_pairs(matches),
        limit=largest_of(part.on_players),
        unit=_scale(explanation),
        is_numbering_optional=not is_merged(part),
        is_drawn=not part.is_exact,
        label="Words × frames" if is_only else "",
    )


def _timeline(explanation: Explanation, matches: Matches, times: FrameTimes, anchor: str) -> Panel:
    names = [word.text for word in explanation.words]
    words = Adds(explanation.word_contributions, explanation.word_contribution_errors)
    frames = Adds(explanation.frame_contributions, explanation.frame_contribution_errors)
    is_only = len(explanation.levels) == 1
    summary = (
        f"Banzhaf interactions of the words (rows) with the seconds, {'' if is_only else 'all levels, '}"
        f"{explanation.score}; what each adds to the score"
    )
    return Panel(
        name="timeline",
        tab_score=f"{explanation.similarity:.3f}",
        title=(ONLY_TITLES if is_only else TITLES)["timeline"],
        score=f"{explanation.score_name} {explanation.similarity:.3f}",
        note="What each adds (Shapley value) sums to the score: "
        f"{summands(words, frames, explanation.unassigned)}: {explanation.similarity:.3f}.",
        table=timeline_table(names, matches.part, times, words, frames, anchor, summary),
        found=_pairs(matches),
        limit=largest_of(matches.part.on_players),
        unit=_scale(explanation),
        is_drawn=not explanation.is_exact,
    )


def _scale(explanation: Explanation) -> str:
    return f"Banzhaf interaction ({explanation.score})"


def _meaning(explanation: Explanation) -> str:
    """Return how to read the numbers, as markup."""
    kind = "exact" if explanation.is_exact else "estimated"
    levels = ", which the levels that merge them make up for" if len(explanation.levels) > 1 else ""
    certain = "" if explanation.is_exact else "; only numbers that are certain count there"
    return (
        f"Each number is the {kind} Banzhaf interaction of a word with a part of the video, in the unit of the score "
        f"itself ({escape(explanation.score)}). Positive: worth more together than apart. Negative: redundant, the one "
        "adds less where the other is. Near zero: neither depends on the other, or others can stand in for it: of six "
        f"alike frames none adds much to the other five{levels}. Colors grow with the root of the number, so that "
        "small ones are seen too. A word goes with the frames that reach at least half of its best number, and a frame "
        f"with such words{certain}."
    )


def _pairs(matches: Matches) -> str:
    strongest = matches.strongest(NUM_PAIRS)
    is_exact = matches.part.interaction_errors is None or not matches.part.interaction_errors.any()
    limit = largest_of(matches.part.on_players)
    if strongest and not is_exact:
        limit = reach(*(np.array([getattr(match, name) for match in strongest]) for name in ("interaction", "error")))
    items = "".join(
        ranked_item(phrase, matches.spans(match.frame_groups), match.interaction, limit, match.error)
        for match, phrase in ((match, matches.phrases[match.word_group]) for match in strongest)
    )
    certainly = "" if is_exact else "certainly "
    nobody = f"<p>No word is {certainly}worth more with any part of this video than without.</p>"
    pairs = f"<ol>{items}</ol>" if items else nobody
    nothing = [escape(phrase) for row, phrase in matches.phrases.items() if not matches.frames_of_word(row)]
    return f"<h4>Strongest pairs</h4>\n{pairs}" + (
        f'<p class="hbi-nothing">Found nothing{"" if is_exact else " certain"}: {listing(nothing)}</p>'
        if items and nothing
        else ""
    )
