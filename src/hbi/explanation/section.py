"""One explanation as a piece of HTML: caption, film strip, one matrix a level, the strongest pairs."""

import re

import numpy as np

from hbi.explanation.clock import Clock
from hbi.explanation.explanation import Explanation
from hbi.explanation.groups import is_merged
from hbi.explanation.level import LevelExplanation
from hbi.explanation.markup import escape, script_json, template
from hbi.explanation.matrix import (
    TITLES,
    bracket_note,
    matrix_body,
    matrix_classes,
    matrix_columns,
    matrix_head,
    matrix_size,
)
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
from hbi.explanation.thumbnail import encode_jpeg
from hbi.explanation.wording import decimals_for, direction, listing, quoted, signed

UNIT = "cosine similarity"
MEANINGS = (
    "Redundant: together they are worth less.",
    "Neither depends on the other.",
    "Worth more together than apart.",
)
"""Of a negative interaction, of zero, of a positive one."""

NUM_PAIRS = 6

LONG_CAPTION = 32
"""A caption of more words than this is set smaller."""


def explanation_section(explanation: Explanation, anchor: str) -> str:
    """The section of one explanation, for `hbi.explanation.page.page`.

    `anchor` is its id, unique on the page: a letter, then letters, digits, `-` and `_`.
    """
    if not re.fullmatch(r"[A-Za-z][\w-]*", anchor, flags=re.ASCII):
        raise ValueError(f"anchor {anchor!r} is no id: write a letter, then letters, digits, - and _")
    clock = Clock(explanation)
    remark = explanation.remark
    return template("section.html").substitute(
        anchor=anchor,
        label=escape(f"{explanation.text} · {explanation.video}"),
        thumbnails=_thumbnail_rules(explanation, anchor),
        video=escape(explanation.video),
        duration=clock.time(explanation.duration_seconds),
        model=escape(explanation.model),
        similarity=f"{explanation.similarity:.3f}",
        remark=f'<p class="hbi-remark" role="note">{escape(remark)}</p>' if remark else "",
        direction=direction(explanation.text),
        length=" hbi-long" if len(explanation.words) > LONG_CAPTION else "",
        caption=_caption(explanation),
        tabs="".join(_tab(part, anchor) for part in explanation.levels),
        levels="\n".join(_level(explanation, part, clock, anchor) for part in explanation.levels),
        data=script_json(_script_data(explanation, clock)),
    )


def _thumbnail_rules(explanation: Explanation, anchor: str) -> str:
    """Every thumbnail once, as a class: three matrices and the tooltip show it."""
    _, height, width = explanation.frames[0].thumbnail.shape
    rules = [f"#{anchor} .hbi-thumb{{aspect-ratio:{width}/{height};max-height:120px}}"]
    for index, frame in enumerate(explanation.frames):
        image = encode_jpeg(frame.thumbnail)
        rules.append(f"#{anchor} .{anchor}-t{index}{{background-image:url(data:image/jpeg;base64,{image})}}")
    return "\n".join(rules)


def _caption(explanation: Explanation) -> str:
    """The caption with every word a button; a mark without characters stands as a small button of its own.

    The buttons are spans: a button element is a box of its own, which tears joined letters apart and puts the pieces of
    a right-to-left word in the wrong order.
    Where several tokens are bytes of one character, the character stands once and is the button of the first of them.
    """
    pieces, cursor = [], 0
    for index, word in enumerate(explanation.words):
        if word.start < word.end <= cursor:
            continue
        pieces.append(escape(explanation.text[cursor : word.start]))
        mark = " hbi-mark" if word.start == word.end else ""
        pieces.append(
            f'<span role="button" class="hbi-word{mark}" data-word="{index}" aria-pressed="false">'
            f"{escape(explanation.text[max(cursor, word.start) : word.end] or word.text)}</span>"
        )
        cursor = max(cursor, word.end)
    return "".join(pieces) + escape(explanation.text[cursor:])


def _tab(part: LevelExplanation, anchor: str) -> str:
    return (
        f'<button type="button" role="tab" class="hbi-tab" id="{anchor}-{part.level}-tab" '
        f'aria-controls="{anchor}-{part.level}">{part.level.capitalize()}'
        f"<small>{part.similarity:.3f}</small></button>"
    )


def _level(explanation: Explanation, part: LevelExplanation, clock: Clock, anchor: str) -> str:
    limit = float(np.abs(part.on_players).max())
    return template("level.html").substitute(
        anchor=anchor,
        level=part.level,
        title=TITLES[part.level],
        note=bracket_note(part),
        similarity=f"{part.similarity:.3f}",
        classes=matrix_classes(part),
        size=matrix_size(explanation, part),
        summary=f"Banzhaf interactions of the words (rows) with the frames (columns), {part.level} level, {UNIT}",
        columns=matrix_columns(explanation, part),
        head=matrix_head(explanation, part, clock, anchor),
        body=matrix_body(explanation, part, limit),
        pairs=_pairs(explanation, part, clock, limit),
        option="" if is_merged(part) else _numbers_option(part, anchor),
        lowest=signed(-limit, decimals_for(limit)) if limit else "",
        highest=signed(limit, decimals_for(limit)) if limit else "",
        unit=UNIT,
    )


def _numbers_option(part: LevelExplanation, anchor: str) -> str:
    """The box that writes the numbers into small cells; joined cells have room and always bear theirs."""
    name = f"{anchor}-{part.level}-numbers"
    return (
        f'<input type="checkbox" class="hbi-numbers" id="{name}">'
        f'<label class="hbi-option" for="{name}">numbers in the cells</label>'
    )


def _pairs(explanation: Explanation, part: LevelExplanation, clock: Clock, limit: float) -> str:
    matches = strongest_matches(part, NUM_PAIRS)
    items = "".join(_pair(explanation, part, clock, match, limit) for match in matches)
    pairs = f"<ol>{items}</ol>" if items else "<p>No word is worth more with any part of this video than without.</p>"
    nothing = [
        escape(quoted(phrase_of(explanation, part, group)))
        for group in dict.fromkeys(part.word_groups)
        if best_interaction(part.interactions[group], part.frame_groups) <= 0
    ]
    return pairs + (f'<p class="hbi-nothing">Found nothing: {listing(nothing)}</p>' if items and nothing else "")


def _pair(explanation: Explanation, part: LevelExplanation, clock: Clock, match: Match, limit: float) -> str:
    frames = [frame for group in match.frame_groups for frame in part.frames_of(group)]
    return (
        f"<li><span>{escape(quoted(phrase_of(explanation, part, match.word_group)))} "
        f"<em>{clock.spans(frames)}</em></span><b>{signed(match.interaction, decimals_for(limit))}</b>"
        f'<span><i class="hbi-bar" style="--v:{match.interaction / limit:.3f}"></i></span></li>'
    )


def _script_data(explanation: Explanation, clock: Clock) -> dict[str, object]:
    return {
        "unit": UNIT,
        "meanings": MEANINGS,
        "levels": [_level_data(explanation, part, clock) for part in explanation.levels],
    }


def _level_data(explanation: Explanation, part: LevelExplanation, clock: Clock) -> dict[str, object]:
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
