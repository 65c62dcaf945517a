"""What a reader gives: the captions or questions of each video, and what was published about the splits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hbi.data.samples import DataError

MOST_SECONDS = 1e9
"""No video is as long as this, thirty years: a time beyond is a mistake."""

SplitName = Literal["train", "val", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "val", "test")


def split_name(name: str) -> SplitName:
    """Return a split's name, checked; DataError for another word."""
    for split in SPLIT_NAMES:
        if name == split:
            return split
    raise DataError(f"unknown split {name!r}; the splits are {', '.join(SPLIT_NAMES)}")


@dataclass(frozen=True)
class Caption:
    """A sentence, and the seconds of its video that it tells of where the annotation says so.

    Attributes:
        start_seconds, end_seconds: The moment; where annotators differ, what most of them chose.
        spans: What each annotator chose; empty where there was one.
    """

    text: str
    start_seconds: float | None = None
    end_seconds: float | None = None
    spans: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class AskedQuestion(Caption):
    """A question about a video with its right answer, and its kind (see `hbi.data.samples.Question`)."""

    answer: str = field(kw_only=True)
    kind: str = field(kw_only=True)


@dataclass(frozen=True)
class AnnotatedVideo:
    """A video as an annotation file has it, with its captions, or the questions about it.

    Attributes:
        aliases: Other names under which its file circulates.
        start_seconds, end_seconds: The part of the file that is meant; None for the whole.
        duration_seconds: Of the whole file, where the annotation says it.
    """

    video_id: str
    texts: tuple[Caption, ...]
    aliases: tuple[str, ...] = ()
    start_seconds: float | None = None
    end_seconds: float | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True)
class Size:
    """The size of a split as published: videos and texts (captions, paragraphs or questions); None: sources differ."""

    num_videos: int | None
    num_texts: int | None = None


@dataclass(frozen=True)
class Protocol:
    """One way to split a benchmark.

    `val` is None where it has no validation videos: published work then chooses its weights on the test split.
    """

    name: str
    source: str
    train: Size
    val: Size | None
    test: Size

    def resolve(self, split: SplitName) -> SplitName:
        """Return the split that is read when `split` is asked for: test, where there is no val."""
        return "test" if split == "val" and self.val is None else split

    def published(self, split: SplitName) -> Size | None:
        """Return the published size of a split."""
        return {"train": self.train, "val": self.val, "test": self.test}[self.resolve(split)]


Reader = Callable[[Path, str, SplitName], Sequence[AnnotatedVideo]]
"""From a folder of annotations, the name of a protocol and a split to its videos, each once."""


@dataclass(frozen=True)
class Benchmark:
    """A data set: how its annotations are read, and what its splits should be.

    Attributes:
        protocols: The ways to split it, the usual one first; none for data that nobody published.
        is_paragraph: Whether the captions of a video are joined to one text, as its literature does.
        asks_questions: Whether its texts are questions with answers; captions else.
    """

    name: str
    title: str
    read: Reader
    protocols: tuple[Protocol, ...] = ()
    is_paragraph: bool = False
    asks_questions: bool = False
