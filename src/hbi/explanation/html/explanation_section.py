"""One explanation as a piece of HTML: first which words match which seconds, then the interactions, for experts."""

from collections.abc import Sequence

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
from hbi.explanation.frame_times import FrameTimes, about_columns, length_of
from hbi.explanation.html.first_view import FirstView, Verdicts
from hbi.explanation.html.level_table import bracket_note, level_table
from hbi.explanation.html.markup import escape, script_json, template
from hbi.explanation.html.matches import Matches, phrase_of
from hbi.explanation.html.section_parts import Panel, caption, check_anchor, frame_rules, player, ranked_item, still
from hbi.explanation.html.timeline_table import Adds, summands, timeline_table
from hbi.explanation.interaction_matrix import GroupedMatrix, InteractionMatrix, is_merged, largest_of
from hbi.explanation.level import LevelExplanation
from hbi.explanation.word_lines import WordLine
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

WALK = (
    "Point at a word to see its seconds, at a frame to see its words; a click keeps it and plays the video there, "
    "Escape lets go, arrow keys walk."
)


def explanation_section(
    explanation: Explanation,
    anchor: str,
    *,
    address: str | None = None,
    verdicts: Verdicts | None = None,
    player_id: str | None = None,
) -> str:
    """Return the section of one explanation, for `hbi.explanation.page` or for any page that has `section_assets`.

    Args:
        explanation: What is shown.
        anchor: Its id, unique on the page: a letter, then letters, digits, `-` and `_`.
        address: Where the video is to be found (see `hbi.figures.VideoAddresses`); None: pictures only.
        verdicts: What a search says of the whole words, by their characters `[start, end)`; None: nothing is said.
        player_id: Id of a video element of the page around the section, which is played in place of an own one.

    Raises:
        ValueError: The anchor or the player can be no id.
    """
    check_anchor(anchor)
    if player_id is not None:
        check_anchor(player_id)
    times = FrameTimes(explanation)
    first_view = FirstView(explanation, times, verdicts)
    behind = frozenset(word for line in first_view.lines if line.stands_back for word in line.words)
    levels = [_matches(explanation, part, times) for part in explanation.levels]
    timeline = _matches(explanation, _in_whole_words(explanation, first_view.lines), times)
    panels = [
        *(_level(explanation, *each, times, anchor, behind) for each in zip(explanation.levels, levels, strict=True)),
        _timeline(explanation, timeline, times, anchor, first_view),
    ]
    remark = explanation.remark
    data = {
        "unit": explanation.score,
        "meanings": MEANINGS,
        "seconds": [[0, frame.start_seconds, frame.end_seconds] for frame in explanation.frames],
        "spans": [times.spans([index]) for index in range(len(explanation.frames))],
        "lines": first_view.script_data(),
        "levels": [matches.script_data() for matches in (*levels, timeline)],
    }
    return template("section.html").substitute(
        anchor=anchor,
        labelled=" hbi-labelled" if explanation.is_labelled else "",
        player_id="" if player_id is None else f' data-player="#{player_id}"',
        label=escape(f"{explanation.text} · {explanation.video}"),
        rules=frame_rules(explanation.frames, anchor),
        video=escape(explanation.video),
        length=length_of(explanation),
        remark=f'<p class="hbi-remark" role="note">{escape(remark)}</p>' if remark else "",
        first_view=first_view.html(anchor, _stage(explanation, first_view, times, anchor, address, player_id)),
        model=escape(explanation.model),
        score_name=escape(explanation.score_name),
        similarity=f"{explanation.similarity:.3f}",
        certainty=exact_or_drawn(explanation),
        whole=_whole(explanation),
        part=about_columns("part of the video", explanation),
        frames=about_columns("frames", explanation),
        walk=about_columns(WALK, explanation),
        unsure="" if explanation.is_exact else " Dotted: not certain.",
        how=about_columns(f"{how_it_was_found(explanation)} {what_out_means(explanation)}", explanation),
        meaning=_meaning(explanation),
        caption=caption(explanation.text, explanation.words, range(len(explanation.words))),
        tabs="".join(panel.tab(anchor) for panel in panels),
        levels="\n".join(panel.html(anchor) for panel in panels),
        data=script_json(data),
    )


def _stage(
    explanation: Explanation,
    first_view: FirstView,
    times: FrameTimes,
    anchor: str,
    address: str | None,
    player_id: str | None,
) -> str:
    """Return the video, and beside it, shown where there is none, the best frame's picture."""
    moment = first_view.best_moment
    index = 0 if moment is None else moment.best
    if not explanation.frames[index].has_picture:
        return '<div class="hbi-stage"></div>'
    has_video = address is not None or player_id is not None
    picture = still(index, anchor, times.label(index), is_hidden=has_video)
    return f'<div class="hbi-stage">{player(address, 0, explanation.video)}{picture}</div>'


def _in_whole_words(explanation: Explanation, lines: Sequence[WordLine]) -> GroupedMatrix:
    """Return the interactions of all levels, those of a word's pieces summed; errors are bounded by their sum."""
    rows = {word: row for row, line in enumerate(lines) for word in line.words}
    values, errors = explanation.interactions, explanation.interaction_errors
    return GroupedMatrix(
        word_groups=tuple(rows[word] for word in range(len(explanation.words))),
        frame_groups=tuple(range(len(explanation.frames))),
        interactions=np.stack([values[list(line.words)].sum(0) for line in lines]),
        interaction_errors=np.stack([errors[list(line.words)].sum(0) for line in lines]),
    )


def _matches(explanation: Explanation, part: InteractionMatrix, times: FrameTimes) -> Matches:
    groups = dict.fromkeys(part.word_groups)
    return Matches(part, {group: phrase_of(explanation, part, group) for group in groups}, times)


def _level(
    explanation: Explanation,
    part: LevelExplanation,
    matches: Matches,
    times: FrameTimes,
    anchor: str,
    behind: frozenset[int],
) -> Panel:
    names = [word.text for word in explanation.words]
    is_only = len(explanation.levels) == 1
    summary = f"{explanation.index}s of the words (rows) with the frames (columns), " + ", ".join(
        filter(None, ["" if is_only else f"{part.level} level", explanation.score, largest_error(part)])
    )
    return Panel(
        name=part.level,
        tab_score=f"{part.similarity:.3f}",
        title=about_columns((TITLES | ONLY_TITLES if is_only else TITLES)[part.level], explanation),
        score=f"{explanation.score_name} {part.similarity:.3f}{_weight(explanation, part)}",
        note=bracket_note(part),
        table=level_table(names, part, times, anchor, about_columns(summary, explanation)),
        found=_pairs(explanation, matches, behind),
        limit=largest_of(part.on_players),
        unit=_scale(explanation),
        is_numbering_optional=not is_merged(part),
        is_drawn=not part.is_exact,
        label=about_columns("Words × frames", explanation) if is_only else "",
    )


def _weight(explanation: Explanation, part: LevelExplanation) -> str:
    """Return how much a level counts, where it does not count alone."""
    is_alone = len(explanation.levels) == 1 and explanation.whole is None
    return "" if is_alone else f", weight {part.weight:.2g}"


def _whole(explanation: Explanation) -> str:
    """Return what the comparison of wholes says, as markup."""
    if explanation.whole is None:
        return ""
    said = str(explanation.whole)
    return f'<p class="hbi-about">{said[0].upper()}{said[1:]}. No single word and no frame has a share in it.</p>'


def _timeline(
    explanation: Explanation, matches: Matches, times: FrameTimes, anchor: str, first_view: FirstView
) -> Panel:
    lines = first_view.lines
    words = Adds(*_summed(lines, explanation.word_contributions, explanation.word_contribution_errors))
    frames = Adds(explanation.frame_contributions, explanation.frame_contribution_errors)
    whole = None if explanation.whole is None else explanation.whole.contribution
    is_only = len(explanation.levels) == 1
    pieces = "" if all(len(line.words) == 1 for line in lines) else " A word of several pieces has their sum."
    summary = (
        f"{explanation.index}s of the words (rows) with the seconds, {'' if is_only else 'all levels, '}"
        f"{explanation.score}; what each adds to the score"
    )
    return Panel(
        name="timeline",
        tab_score=f"{explanation.similarity:.3f}",
        title=about_columns((ONLY_TITLES if is_only else TITLES)["timeline"], explanation),
        score=f"{explanation.score_name} {explanation.similarity:.3f}",
        note="What each adds (Shapley value) sums to the score: "
        f"{about_columns(summands(words, frames, explanation.unassigned, whole), explanation)}: "
        f"{explanation.similarity:.3f}.{pieces}",
        table=timeline_table(
            [(line.text, line.words[0]) for line in lines],
            matches.part,
            times,
            words,
            frames,
            anchor,
            about_columns(summary, explanation),
        ),
        found=_pairs(
            explanation, matches, frozenset(word for line in lines if line.stands_back for word in line.words)
        ),
        limit=largest_of(matches.part.interactions),
        unit=_scale(explanation),
        is_drawn=not explanation.is_exact,
    )


def _summed(lines: Sequence[WordLine], *of_words: np.ndarray) -> list[np.ndarray]:
    """Return numbers of the words' pieces summed to those of whole words; of errors this is a bound."""
    return [np.array([float(values[list(line.words)].sum()) for line in lines]) for values in of_words]


def _scale(explanation: Explanation) -> str:
    return f"{explanation.index} ({explanation.score})"


def _meaning(explanation: Explanation) -> str:
    """Return how to read the numbers, as markup."""
    kind = "exact" if explanation.is_exact else "estimated"
    levels = ", which the levels that merge them make up for" if len(explanation.levels) > 1 else ""
    certain = "" if explanation.is_exact else "; only numbers that are certain count there"
    return about_columns(
        f"Each number is the {kind} {escape(explanation.index)} of a word with a part of the video, in the unit of the "
        f"score itself ({escape(explanation.score)}). Positive: worth more together than apart. Negative: redundant, "
        "the one adds less where the other is. Near zero: neither depends on the other, or others can stand in for it: "
        f"of six alike frames none adds much to the other five{levels}. Colors grow with the root of the number, so "
        "that small ones are seen too. A word goes with the frames that reach at least half of its best number, and a "
        f"frame with such words{certain}.",
        explanation,
    )


def _pairs(explanation: Explanation, matches: Matches, behind: frozenset[int]) -> str:
    """Return the strongest pairs as a list; words that stand back (function words, punctuation) are left out of it.

    Args:
        explanation: What is shown.
        matches: Of the level.
        behind: The words that stand back, as indices; a merged word does where all its words do.
    """
    members: dict[int, list[int]] = {group: [] for group in matches.phrases}
    for word, group in enumerate(matches.part.word_groups):
        members[group].append(word)
    rows = {group for group, words in members.items() if not behind.issuperset(words)} or set(members)
    strongest = matches.strongest(NUM_PAIRS, rows)
    is_exact = matches.part.interaction_errors is None or not matches.part.interaction_errors.any()
    limit = largest_of(matches.part.on_players)
    if strongest and not is_exact:
        limit = reach(*(np.array([getattr(match, name) for match in strongest]) for name in ("interaction", "error")))
    items = "".join(
        ranked_item(phrase, matches.spans(match.frame_groups), match.interaction, limit, match.error)
        for match, phrase in ((match, matches.phrases[match.word_group]) for match in strongest)
    )
    certainly = "" if is_exact else "certainly "
    nobody = about_columns(
        f"<p>No word is {certainly}worth more with any part of this video than without.</p>", explanation
    )
    pairs = f"<ol>{items}</ol>" if items else nobody
    nothing = [
        escape(matches.phrases[row]) for row in matches.phrases if row in rows and not matches.frames_of_word(row)
    ]
    return f"<h4>Strongest pairs</h4>\n{pairs}" + (
        f'<p class="hbi-nothing">Found nothing{"" if is_exact else " certain"}: {listing(nothing)}</p>'
        if items and nothing
        else ""
    )
