"""What an explanation says, in words: which words go with which seconds, phrases, and times as people write them."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase

import numpy as np

from hbi.explanation.explanation import Explanation, LevelExplanation

SHARE_OF_BEST = 0.5
"""A frame belongs to a word (and a word to a frame) when their interaction is at least this share of the best one."""


@dataclass(frozen=True)
class Run:
    """Neighbours that were merged into one token: players `start` to `stop - 1`."""

    group: int
    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many players stand side by side."""
        return self.stop - self.start


@dataclass(frozen=True)
class Match:
    """A merged word, the merged frames that belong to it, and the strongest interaction among them."""

    word_group: int
    frame_groups: tuple[int, ...]
    interaction: float


def runs_of(groups: Sequence[int]) -> tuple[Run, ...]:
    """The players cut where the merged token changes; a token whose members are apart gives several runs."""
    starts = [index for index in range(len(groups)) if index == 0 or groups[index] != groups[index - 1]]
    return tuple(
        Run(groups[start], start, stop) for start, stop in zip(starts, [*starts[1:], len(groups)], strict=True)
    )


def is_merged(part: LevelExplanation) -> bool:
    """Whether any two players share a token at this level."""
    return len(set(part.word_groups)) < len(part.word_groups) or len(set(part.frame_groups)) < len(part.frame_groups)


def names_of_split_groups(groups: tuple[int, ...], *, is_letters: bool) -> dict[int, str]:
    """A short name for every token whose members do not stand together, so that its pieces are seen to be one."""
    runs = [run.group for run in runs_of(groups)]
    split = [group for group in dict.fromkeys(runs) if runs.count(group) > 1]
    return {
        group: ascii_uppercase[index % 26] * (index // 26 + 1) if is_letters else str(index + 1)
        for index, group in enumerate(split)
    }


def frame_groups_of_word(part: LevelExplanation, word_group: int) -> tuple[int, ...]:
    """The merged frames that belong to a merged word, in order of time; none where every interaction is <= 0."""
    return _partners(part.interactions[word_group], part.frame_groups)


def word_groups_of_frame(part: LevelExplanation, frame_group: int) -> tuple[int, ...]:
    """The merged words that belong to a merged frame, in reading order; none where every interaction is <= 0."""
    return _partners(part.interactions[:, frame_group], part.word_groups)


def best_interaction(values: np.ndarray, groups: Sequence[int]) -> float:
    """The largest of one row (or column) of interactions, over the merged tokens that have members."""
    return float(max(values[group] for group in set(groups)))


def strongest_matches(part: LevelExplanation, count: int) -> tuple[Match, ...]:
    """Up to `count` merged words that found frames, with these frames, strongest first."""
    matches = []
    for group in dict.fromkeys(part.word_groups):
        frame_groups = frame_groups_of_word(part, group)
        if frame_groups:
            best = best_interaction(part.interactions[group], part.frame_groups)
            matches.append(Match(group, frame_groups, best))
    return tuple(sorted(matches, key=lambda match: -match.interaction)[:count])


def phrase_of(explanation: Explanation, part: LevelExplanation, word_group: int) -> str:
    """The words of a merged token as the caption has them, a gap marked by an ellipsis: `a red … square`."""
    pieces = []
    for run in runs_of(part.word_groups):
        if run.group == word_group:
            first, last = explanation.words[run.start], explanation.words[run.stop - 1]
            pieces.append(explanation.text[first.start : last.end] if run.length > 1 else first.text)
    return " … ".join(pieces)


class Clock:
    """Times of one video in one form: `3.1 s` below a minute, `1:03` above, finer where its frames lie closer."""

    def __init__(self, explanation: Explanation) -> None:
        self._frames = explanation.frames
        self._has_minutes = explanation.duration_seconds >= 60
        gaps = [later.timestamp_seconds - frame.timestamp_seconds for frame, later in pairwise(explanation.frames)]
        finest = 3
        coarsest = 0 if self._has_minutes else 1
        self._decimals = next((n for n in range(coarsest, finest) if min(gaps, default=1.0) >= 0.1**n), finest)

    def digits(self, seconds: float) -> str:
        """A time without its unit."""
        if not self._has_minutes:
            return f"{seconds:.{self._decimals}f}"
        rounded = round(seconds, self._decimals)
        minutes, rest = divmod(rounded, 60)
        hours, minutes = divmod(int(minutes), 60)
        width = 2 + (self._decimals + 1 if self._decimals else 0)
        tail = f"{rest:0{width}.{self._decimals}f}"
        return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"

    @property
    def unit(self) -> str:
        """What a reader has to know beside the digits."""
        return "min:s" if self._has_minutes else "s"

    def time(self, seconds: float) -> str:
        """A time with its unit."""
        return self.digits(seconds) if self._has_minutes else f"{self.digits(seconds)}\N{NO-BREAK SPACE}s"

    def bracket(self, run: Run) -> str:
        """The stretch of neighbouring frames, short: `2.5–4.2`."""
        start, end = self._frames[run.start].start_seconds, self._frames[run.stop - 1].end_seconds
        return f"{self.digits(start)}–{self.digits(end)}"

    def spans(self, frames: Iterable[int]) -> str:
        """The stretches of the video that some frames stand for: `0.0 s to 1.2 s and 4.0 s to 5.5 s`."""
        members = sorted(frames)
        breaks = [i for i in range(len(members)) if i == 0 or members[i] != members[i - 1] + 1]
        stretches = [members[start:stop] for start, stop in zip(breaks, [*breaks[1:], len(members)], strict=True)]
        return listing(
            f"{self.time(self._frames[stretch[0]].start_seconds)} to {self.time(self._frames[stretch[-1]].end_seconds)}"
            for stretch in stretches
        )


def listing(items: Iterable[str]) -> str:
    """Things one after another as a sentence has them: `a`, `a and b`, `a, b and c`."""
    *front, last = list(items)
    return f"{', '.join(front)} and {last}" if front else last


def signed(value: float, decimals: int | None = None) -> str:
    """A number with its sign (a real minus); six significant digits unless `decimals` says how many after the point."""
    text = f"{value:+.6g}" if decimals is None else f"{value:+.{decimals}f}"
    return "0" if not text.strip("+-0.") else text.replace("-", "−")


def decimals_for(limit: float) -> int:
    """How many decimals give three significant digits to numbers up to `limit`."""
    return max(2, 2 - math.floor(math.log10(limit))) if limit else 2


def quoted(phrase: str) -> str:
    """A phrase in quotes; one written from right to left is isolated, so that the sentence keeps its order."""
    quote = f"“{phrase}”"
    if direction(phrase) == "ltr":
        return quote
    return f"\N{FIRST STRONG ISOLATE}{quote}\N{POP DIRECTIONAL ISOLATE}"


def direction(text: str) -> str:
    """`rtl` or `ltr`, by the first letter with a direction (the rule of HTML's `dir="auto"`)."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("L", "R", "AL"):
            return "ltr" if kind == "L" else "rtl"
    return "ltr"


def sentence_of_word(explanation: Explanation, part: LevelExplanation, clock: Clock, word_group: int) -> str:
    """What a merged word found: `“red”: 2.5 s to 4.2 s (strongest +0.031)`."""
    phrase = quoted(phrase_of(explanation, part, word_group))
    best = best_interaction(part.interactions[word_group], part.frame_groups)
    groups = frame_groups_of_word(part, word_group)
    if not groups:
        return f"{phrase}: no part of the video is worth more with it than without (best {signed(best)})"
    frames = [frame for group in groups for frame in part.frames_of(group)]
    return f"{phrase}: {clock.spans(frames)} (strongest {signed(best)})"


def sentence_of_frame(explanation: Explanation, part: LevelExplanation, clock: Clock, frame_group: int) -> str:
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
