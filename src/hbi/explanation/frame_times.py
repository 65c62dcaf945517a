"""Times of frames as people write them, in one video or in two whose frames stand in one table; labels of others."""

from collections.abc import Iterable
from itertools import pairwise

from hbi.explanation.explanation import Explanation
from hbi.explanation.interaction_matrix import Run
from hbi.explanation.wording import listing, quoted

FINEST_DECIMALS = 3

NOUNS = (
    (" and plays the video there", ""),
    ("part of the video", "column"),
    ("part of this video", "column"),
    ("seconds", "columns"),
    ("frame", "column"),
)
"""What is said of a video, and of labelled columns instead."""


class TimeFormat:
    """Times of one video in one form: `3.1 s` below a minute, `1:03` above, finer where its frames lie closer."""

    def __init__(self, explanation: Explanation) -> None:
        self._has_minutes = explanation.duration_seconds >= 60
        gaps = [later.timestamp_seconds - frame.timestamp_seconds for frame, later in pairwise(explanation.frames)]
        coarsest = 0 if self._has_minutes else 1
        enough = (n for n in range(coarsest, FINEST_DECIMALS) if min(gaps, default=1.0) >= 0.1**n)
        self._decimals = next(enough, FINEST_DECIMALS)

    @property
    def unit(self) -> str:
        """What a reader has to know beside the digits."""
        return "min:s" if self._has_minutes else "s"

    def digits(self, seconds: float) -> str:
        """Return a time without its unit."""
        if not self._has_minutes:
            return f"{seconds:.{self._decimals}f}"
        minutes, rest = divmod(round(seconds, self._decimals), 60)
        hours, minutes = divmod(int(minutes), 60)
        width = 2 + (self._decimals + 1 if self._decimals else 0)
        tail = f"{rest:0{width}.{self._decimals}f}"
        return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"

    def time(self, seconds: float) -> str:
        """Return a time with its unit."""
        return self.digits(seconds) if self._has_minutes else f"{self.digits(seconds)}\N{NO-BREAK SPACE}s"


class FrameTimes:
    """When the frames of a table are: those of one video, or of several, one after the other.

    Columns with labels have no times; what is written for them is made of their labels.

    Args:
        explanations: Of each video one.
        names: What to call each video; a single one needs no name.
    """

    def __init__(self, *explanations: Explanation, names: tuple[str, ...] = ("",)) -> None:
        self._names = names
        self._formats = [TimeFormat(explanation) for explanation in explanations]
        self._frames = [(side, frame) for side, each in enumerate(explanations) for frame in each.frames]

    @property
    def unit(self) -> str:
        """What a reader has to know beside the digits; nothing beside labels."""
        return self._formats[0].unit if self._frames[0][1].label is None else ""

    def short(self, index: int) -> str:
        """Return when a frame is, without the unit; or its label."""
        side, frame = self._frames[index]
        return self._formats[side].digits(frame.timestamp_seconds) if frame.label is None else frame.label

    def label(self, index: int) -> str:
        """Return when a frame is, in which video, and what it stands for; or its label."""
        side, frame = self._frames[index]
        name = f"{self._names[side]}: " if self._names[side] else ""
        if frame.label is not None:
            return f"{name}{quoted(frame.label)}"
        return f"{name}Frame at {self._formats[side].time(frame.timestamp_seconds)}, for {self._stretch(index, index)}"

    def bracket(self, run: Run) -> str:
        """Return the stretch of neighbouring frames of one video, short: `2.5–4.2`; or the labels at its ends."""
        (side, first), (_, last) = self._frames[run.start], self._frames[run.stop - 1]
        if first.label is not None and last.label is not None:
            return first.label if run.length == 1 else f"{first.label} – {last.label}"
        return f"{self._formats[side].digits(first.start_seconds)}–{self._formats[side].digits(last.end_seconds)}"

    def spans(self, frames: Iterable[int]) -> str:
        """Return the stretches that some frames stand for: `0.0 s to 1.2 s and 4.0 s to 5.5 s`, `“a” to “e”`."""
        members = set(frames)
        spans = []
        for side, name in enumerate(self._names):
            own = {index for index in members if self._frames[index][0] == side}
            firsts = sorted(index for index in own if index - 1 not in own)
            lasts = sorted(index for index in own if index + 1 not in own)
            if own:
                stretches = listing(self._stretch(first, last) for first, last in zip(firsts, lasts, strict=True))
                spans.append(f"{name} {stretches}".strip())
        return listing(spans)

    def _stretch(self, first: int, last: int) -> str:
        (side, start), (_, end) = self._frames[first], self._frames[last]
        if start.label is not None and end.label is not None:
            return quoted(start.label) if first == last else f"{quoted(start.label)} to {quoted(end.label)}"
        return f"{self._formats[side].time(start.start_seconds)} to {self._formats[side].time(end.end_seconds)}"


def length_of(explanation: Explanation) -> str:
    """Return how long the video is, `12.0 s`, or how many labelled columns there are, `7 columns`."""
    if explanation.is_labelled:
        return f"{len(explanation.frames)} column{'s' * (len(explanation.frames) > 1)}"
    return TimeFormat(explanation).time(explanation.duration_seconds)


def about_columns(sentence: str, explanation: Explanation) -> str:
    """Return a sentence of ours that speaks of frames and seconds; where these have labels it speaks of columns.

    >>> about_columns("Words with frames.", labelled_explanation)
    'Words with columns.'

    Args:
        sentence: Our own words: what a user wrote has to stay as it is.
        explanation: What it is said of.
    """
    for of_a_video, of_others in NOUNS if explanation.is_labelled else ():
        sentence = sentence.replace(of_a_video, of_others)
    return sentence
