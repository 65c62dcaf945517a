"""What an explanation says: which words go with which seconds, as matches and as sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hbi.explanation.clock import Clock
from hbi.explanation.explanation import Explanation
from hbi.explanation.groups import runs_of
from hbi.explanation.interaction_map import InteractionMap
from hbi.explanation.wording import listing, quoted, signed

SHARE_OF_BEST = 0.5
"""A frame belongs to a word (and a word to a frame) when their interaction is at least this share of the best one."""


LONGEST_PHRASE = 200


@dataclass(frozen=True)
class Match:
    """A merged word, the merged frames that belong to it, and the strongest interaction among them."""

    word_group: int
    frame_groups: tuple[int, ...]
    interaction: float


def frame_groups_of_word(part: InteractionMap, word_group: int) -> tuple[int, ...]:
    """The merged frames that belong to a merged word, in order of time; none where every interaction is <= 0."""
    return _partners(part.interactions[word_group], part.frame_groups)


def word_groups_of_frame(part: InteractionMap, frame_group: int) -> tuple[int, ...]:
    """The merged words that belong to a merged frame, in reading order; none where every interaction is <= 0."""
    return _partners(part.interactions[:, frame_group], part.word_groups)


def best_interaction(values: np.ndarray, groups: Sequence[int]) -> float:
    """The largest of one row (or column) of interactions, over the merged tokens that have members."""
    return float(max(values[group] for group in set(groups)))


def strongest_matches(part: InteractionMap, count: int) -> tuple[Match, ...]:
    """Up to `count` merged words that found frames, with these frames, strongest first."""
    matches = []
    for group in dict.fromkeys(part.word_groups):
        frame_groups = frame_groups_of_word(part, group)
        if frame_groups:
            best = best_interaction(part.interactions[group], part.frame_groups)
            matches.append(Match(group, frame_groups, best))
    return tuple(sorted(matches, key=lambda match: -match.interaction)[:count])


def phrase_of(explanation: Explanation, part: InteractionMap, word_group: int) -> str:
    """The words of a merged token as the caption has them, a gap marked by an ellipsis: `a red … square`.

    A phrase of more than 200 letters is cut: every part of the video names it again.
    """
    pieces = []
    for run in runs_of(part.word_groups):
        if run.group == word_group:
            first, last = explanation.words[run.start], explanation.words[run.stop - 1]
            pieces.append(explanation.text[first.start : last.end] if run.length > 1 else first.text)
    phrase = " … ".join(pieces)
    return phrase if len(phrase) <= LONGEST_PHRASE else f"{phrase[: LONGEST_PHRASE - 2]} …"


def sentence_of_word(explanation: Explanation, part: InteractionMap, clock: Clock, word_group: int) -> str:
    """What a merged word found: `“red”: 2.5 s to 4.2 s (strongest +0.031)`."""
    phrase = quoted(phrase_of(explanation, part, word_group))
    best = best_interaction(part.interactions[word_group], part.frame_groups)
    groups = frame_groups_of_word(part, word_group)
    if not groups:
        return f"{phrase}: no part of the video is worth more with it than without (best {signed(best)})"
    frames = [frame for group in groups for frame in part.frames_of(group)]
    return f"{phrase}: {clock.spans(frames)} (strongest {signed(best)})"


def sentence_of_frame(explanation: Explanation, part: InteractionMap, clock: Clock, frame_group: int) -> str:
    """What a merged frame found: `2.5 s to 4.2 s: “red” and “square” (strongest +0.031)`."""
    spans = clock.spans(part.frames_of(frame_group))
    best = best_interaction(part.interactions[:, frame_group], part.word_groups)
    groups = word_groups_of_frame(part, frame_group)
    if not groups:
        return f"{spans}: no word is worth more with it than without (best {signed(best)})"
    phrases = listing(quoted(phrase_of(explanation, part, group)) for group in groups)
    return f"{spans}: {phrases} (strongest {signed(best)})"


def _partners(values: np.ndarray, groups: Sequence[int]) -> tuple[int, ...]:
    best = best_interaction(values, groups)
    if best <= 0:
        return ()
    return tuple(group for group in dict.fromkeys(groups) if values[group] >= SHARE_OF_BEST * best)
