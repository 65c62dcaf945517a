"""What every benchmark comes down to: videos, texts, and which belong together."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from hbi.errors import HBIError


class DataError(HBIError):
    """A data set is missing, incomplete or not of the expected form."""


@dataclass(frozen=True)
class Video:
    """A video file, or a part of one."""

    video_id: str
    path: Path
    start_seconds: float | None = None
    end_seconds: float | None = None


@dataclass(frozen=True)
class Text:
    """A caption, the video it was written for, and all videos of the split that it is true of (indices)."""

    text: str
    video: int
    satisfied_by: tuple[int, ...]


@dataclass(frozen=True)
class Question(Text):
    """A text that asks about its video, with the right answer.

    Attributes:
        kind: What accuracies are reported by: the question word, or what the benchmark distinguishes.
        event: Which event of the video holds the evidence, in order of time; None where it is not known or not one.
        start_seconds, end_seconds: When that event is seen.
    """

    answer: str
    kind: str
    event: int | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None


@dataclass(frozen=True)
class MinimalPair:
    """Two texts that differ in one thing of a kind (its color, say), of which only one is true of the video (index)."""

    kind: str
    video: int
    true_text: str
    false_text: str


@dataclass(frozen=True)
class Evidence:
    """Some characters [start, end) of a text, and when the video (index) shows what they tell.

    The length of the video is None where the annotation does not say it.
    """

    text: str
    start: int
    end: int
    video: int
    start_seconds: float
    end_seconds: float
    duration_seconds: float | None


@dataclass(frozen=True)
class MomentQuery:
    """A text, and the moments of its video (index) that it tells of.

    Attributes:
        spans: Start and end in seconds, as each annotator has them.
        num_events: How many things it tells, one after the other; None where the annotation does not say.
        duration_seconds: Of the video; None where the annotation does not say.
    """

    text: str
    video: int
    spans: tuple[tuple[float, float], ...]
    num_events: int | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True)
class Split:
    """One split of a benchmark: captions to search with, or questions; what else it tells of them."""

    name: str
    videos: tuple[Video, ...]
    texts: tuple[Text, ...]
    minimal_pairs: tuple[MinimalPair, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    moments: tuple[MomentQuery, ...] = ()

    def only(self, is_kept: Bool[Tensor, " video"]) -> "Split":
        """Return some of the videos, and what was written for them."""
        row = dict(zip(is_kept.nonzero().flatten().tolist(), range(len(self.videos)), strict=False))
        return Split(
            self.name,
            tuple(self.videos[video] for video in row),
            tuple(
                replace(text, video=row[text.video], satisfied_by=tuple(row[v] for v in text.satisfied_by if v in row))
                for text in self.texts
                if text.video in row
            ),
            tuple(replace(pair, video=row[pair.video]) for pair in self.minimal_pairs if pair.video in row),
            tuple(replace(item, video=row[item.video]) for item in self.evidence if item.video in row),
            tuple(replace(item, video=row[item.video]) for item in self.moments if item.video in row),
        )

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The texts that ask."""
        return tuple(text for text in self.texts if isinstance(text, Question))

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of questions, in the order in which they first appear."""
        return tuple(dict.fromkeys(question.kind for question in self.questions))

    @cached_property
    def texts_of_video(self) -> tuple[tuple[int, ...], ...]:
        """For every video, the texts that were written for it (indices)."""
        owned: list[list[int]] = [[] for _ in self.videos]
        for index, text in enumerate(self.texts):
            owned[text.video].append(index)
        return tuple(map(tuple, owned))

    @cached_property
    def relevance(self) -> Bool[Tensor, "text video"]:
        """True where a text is true of a video."""
        relevance = torch.zeros(len(self.texts), len(self.videos), dtype=torch.bool)
        for index, text in enumerate(self.texts):
            relevance[index, list(text.satisfied_by)] = True
        return relevance
