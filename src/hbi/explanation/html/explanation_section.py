"""One explanation as a piece of HTML: caption, video, film strip, a table a level, a timeline, the strongest pairs."""

from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import FrameTimes, TimeFormat
from hbi.explanation.html.level_table import bracket_note, level_table
from hbi.explanation.html.markup import escape, script_json, template
from hbi.explanation.html.matches import Matches, phrase_of
from hbi.explanation.html.section_parts import Panel, caption, check_anchor, frame_rules, player, ranked_item
from hbi.explanation.html.timeline_table import timeline_table
from hbi.explanation.interaction_matrix import InteractionMatrix, UnmergedMatrix, is_merged, largest_of
from hbi.explanation.level import LevelExplanation
from hbi.explanation.wording import listing, signed

UNIT = "cosine similarity"
SCALE = f"Banzhaf interaction ({UNIT})"
MEANINGS = (
    "Redundant: together they are worth less.",
    "Neither depends on the other.",
    "Worth more together than apart.",
)
"""Of a negative interaction, of zero, of a positive one."""

NUM_PAIRS = 6

TITLES = {
    "entity": "Entity level: single words with single frames.",
    "action": "Action level: words and frames merged once, towards phrases and clips.",
    "event": "Event level: merged again, towards sentences and segments.",
    "timeline": "Timeline: all levels together, by their weights in the score.",
}


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
    timeline = _matches(explanation, UnmergedMatrix(explanation.interactions), times)
    panels = [
        *(_level(explanation, *each, times, anchor) for each in zip(explanation.levels, levels, strict=True)),
        _timeline(explanation, timeline, times, anchor),
    ]
    remark = explanation.remark
    data = {
        "unit": UNIT,
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
        similarity=f"{explanation.similarity:.3f}",
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
    summary = f"Banzhaf interactions of the words (rows) with the frames (columns), {part.level} level, {UNIT}"
    return Panel(
        name=part.level,
        tab_score=f"{part.similarity:.3f}",
        title=TITLES[part.level],
        score=f"similarity {part.similarity:.3f}",
        note=bracket_note(part),
        table=level_table(names, part, times, anchor, summary),
        found=_pairs(matches),
        limit=largest_of(part.on_players),
        unit=SCALE,
        is_numbering_optional=not is_merged(part),
    )


def _timeline(explanation: Explanation, matches: Matches, times: FrameTimes, anchor: str) -> Panel:
    names = [word.text for word in explanation.words]
    words, frames = explanation.word_contributions, explanation.frame_contributions
    summary = (
        f"Banzhaf interactions of the words (rows) with the seconds, all levels, {UNIT}; what each adds to the score"
    )
    return Panel(
        name="timeline",
        tab_score=f"{explanation.similarity:.3f}",
        title=TITLES["timeline"],
        score=f"similarity {explanation.similarity:.3f}",
        note=_sum(explanation, float(words.sum()), float(frames.sum())),
        table=timeline_table(names, matches.part, times, words, frames, anchor, summary),
        found=_pairs(matches),
        limit=largest_of(matches.part.on_players),
        unit=SCALE,
    )


def _sum(explanation: Explanation, words: float, frames: float) -> str:
    parts = [f"words {signed(words, 3)}", f"frames {signed(frames, 3)}"]
    if abs(explanation.unassigned) >= 5e-4:
        parts.append(f"padding {signed(explanation.unassigned, 3)}")
    return f"What each adds (Shapley value) sums to the score: {', '.join(parts)}: {explanation.similarity:.3f}."


def _pairs(matches: Matches) -> str:
    limit = largest_of(matches.part.on_players)
    items = "".join(
        ranked_item(matches.phrases[match.word_group], matches.spans(match.frame_groups), match.interaction, limit)
        for match in matches.strongest(NUM_PAIRS)
    )
    pairs = f"<ol>{items}</ol>" if items else "<p>No word is worth more with any part of this video than without.</p>"
    nothing = [escape(phrase) for row, phrase in matches.phrases.items() if not matches.frames_of_word(row)]
    return f"<h4>Strongest pairs</h4>\n{pairs}" + (
        f'<p class="hbi-nothing">Found nothing: {listing(nothing)}</p>' if items and nothing else ""
    )
