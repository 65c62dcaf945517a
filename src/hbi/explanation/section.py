"""One explanation as a piece of HTML: caption, video, film strip, a map a level, a timeline, the strongest pairs."""

from hbi.explanation.caption import caption
from hbi.explanation.clock import Clock
from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_rules import frame_rules
from hbi.explanation.interaction_map import InteractionMap, PlayerMap
from hbi.explanation.level import LevelExplanation
from hbi.explanation.markup import escape, script_json, template
from hbi.explanation.panel import check_anchor, level_panel, limit_of, matrix_table, panel, scrolling, tab
from hbi.explanation.player import player
from hbi.explanation.reading import (
    Match,
    best_interaction,
    frame_groups_of_word,
    phrase_of,
    sentence_of_frame,
    sentence_of_word,
    strongest_matches,
    word_groups_of_frame,
)
from hbi.explanation.timeline_table import timeline_table
from hbi.explanation.wording import decimals_for, listing, quoted, signed

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
    """The section of one explanation, for `hbi.explanation.page.page`.

    `anchor` is its id, unique on the page: a letter, then letters, digits, `-` and `_`. `address` is where the video
    is to be found (see `hbi.explanation.player`); without it there are pictures only.
    """
    check_anchor(anchor)
    clock = Clock(explanation)
    remark = explanation.remark
    timeline = PlayerMap(explanation.interactions)
    panels = [_level(explanation, part, clock, anchor) for part in explanation.levels]
    panels.append(_timeline(explanation, timeline, clock, anchor))
    tabs = [tab(part.level, f"{part.similarity:.3f}", anchor) for part in explanation.levels]
    tabs.append(tab("timeline", f"{explanation.similarity:.3f}", anchor))
    return template("section.html").substitute(
        anchor=anchor,
        label=escape(f"{explanation.text} · {explanation.video}"),
        rules=frame_rules(explanation.frames, anchor),
        video=escape(explanation.video),
        duration=clock.time(explanation.duration_seconds),
        model=escape(explanation.model),
        similarity=f"{explanation.similarity:.3f}",
        remark=f'<p class="hbi-remark" role="note">{escape(remark)}</p>' if remark else "",
        caption=caption(explanation.text, explanation.words, range(len(explanation.words))),
        player=player(address, 0, explanation.video),
        tabs="".join(tabs),
        levels="\n".join(panels),
        data=script_json(_script_data(explanation, timeline, clock)),
    )


def _level(explanation: Explanation, part: LevelExplanation, clock: Clock, anchor: str) -> str:
    title = TITLES[part.level]
    names = [word.text for word in explanation.words]
    summary = f"Banzhaf interactions of the words (rows) with the frames (columns), {part.level} level, {UNIT}"
    table = scrolling(matrix_table(names, part, clock, anchor, summary), title)
    score, found = f"similarity {part.similarity:.3f}", _pairs(explanation, part, clock)
    return level_panel(part.level, title, score, part, table, found, unit=SCALE, anchor=anchor)


def _timeline(explanation: Explanation, timeline: PlayerMap, clock: Clock, anchor: str) -> str:
    words, frames = explanation.word_contributions, explanation.frame_contributions
    limit = limit_of(timeline)
    table = timeline_table(
        [word.text for word in explanation.words],
        timeline,
        clock,
        words,
        frames,
        anchor,
        f"Banzhaf interactions of the words (rows) with the seconds, all levels, {UNIT}; what each adds to the score",
    )
    return panel(
        "timeline",
        TITLES["timeline"],
        f"similarity {explanation.similarity:.3f}",
        _sum(explanation, float(words.sum()), float(frames.sum())),
        scrolling(table, TITLES["timeline"]),
        _pairs(explanation, timeline, clock),
        limit,
        unit=SCALE,
        anchor=anchor,
    )


def _sum(explanation: Explanation, words: float, frames: float) -> str:
    parts = [f"words {signed(words, 3)}", f"frames {signed(frames, 3)}"]
    if abs(explanation.unassigned) >= 5e-4:
        parts.append(f"padding {signed(explanation.unassigned, 3)}")
    return f"What each adds (Shapley value) sums to the score: {', '.join(parts)}: {explanation.similarity:.3f}."


def _pairs(explanation: Explanation, part: InteractionMap, clock: Clock) -> str:
    limit = limit_of(part)
    matches = strongest_matches(part, NUM_PAIRS)
    items = "".join(_pair(explanation, part, clock, match, limit) for match in matches)
    pairs = f"<ol>{items}</ol>" if items else "<p>No word is worth more with any part of this video than without.</p>"
    nothing = [
        escape(quoted(phrase_of(explanation, part, group)))
        for group in dict.fromkeys(part.word_groups)
        if best_interaction(part.interactions[group], part.frame_groups) <= 0
    ]
    return f"<h4>Strongest pairs</h4>\n{pairs}" + (
        f'<p class="hbi-nothing">Found nothing: {listing(nothing)}</p>' if items and nothing else ""
    )


def _pair(explanation: Explanation, part: InteractionMap, clock: Clock, match: Match, limit: float) -> str:
    frames = [frame for group in match.frame_groups for frame in part.frames_of(group)]
    return (
        f"<li><span>{escape(quoted(phrase_of(explanation, part, match.word_group)))} "
        f"<em>{clock.spans(frames)}</em></span><b>{signed(match.interaction, decimals_for(limit))}</b>"
        f'<span><i class="hbi-bar" style="--v:{match.interaction / limit:.3f}"></i></span></li>'
    )


def _script_data(explanation: Explanation, timeline: PlayerMap, clock: Clock) -> dict[str, object]:
    parts: list[InteractionMap] = [*explanation.levels, timeline]
    return {
        "unit": UNIT,
        "meanings": MEANINGS,
        "seconds": [[0, frame.start_seconds, frame.end_seconds] for frame in explanation.frames],
        "levels": [_level_data(explanation, part, clock) for part in parts],
    }


def _level_data(explanation: Explanation, part: InteractionMap, clock: Clock) -> dict[str, object]:
    """What the script shows, said here once; keyed by merged token, leaving out those without members."""
    words, frames = sorted(set(part.word_groups)), sorted(set(part.frame_groups))
    return {
        "word_groups": part.word_groups,
        "frame_groups": part.frame_groups,
        "interactions": [[float(f"{value:.6g}") for value in row] for row in part.interactions],
        "frames_of_word": {group: frame_groups_of_word(part, group) for group in words},
        "words_of_frame": {group: word_groups_of_frame(part, group) for group in frames},
        "phrases": {group: quoted(phrase_of(explanation, part, group)) for group in words},
        "spans": {group: clock.spans(part.frames_of(group)) for group in frames},
        "word_sentences": {group: sentence_of_word(explanation, part, clock, group) for group in words},
        "frame_sentences": {group: sentence_of_frame(explanation, part, clock, group) for group in frames},
    }
