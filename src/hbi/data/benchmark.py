"""What a reader gives: the captions of each video, and what was published about the benchmark's splits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    """A sentence, and the seconds of its video that it tells of where the annotation says so."""

    text: str
    start_seconds: float | None = None
    end_seconds: float | None = None


@dataclass(frozen=True)
class CaptionedVideo:
    """A video as an annotation file has it.

    Attributes:
        aliases: Other names under which its file circulates.
        start_seconds, end_seconds: The part of the file that is meant; None for the whole.
    """

    video_id: str
    captions: tuple[Caption, ...]
    aliases: tuple[str, ...] = ()
    start_seconds: float | None = None
    end_seconds: float | None = None


@dataclass(frozen=True)
class PublishedSplit:
    """The size of a split as published: videos, and texts to search with (None where sources differ)."""

    num_videos: int
    num_texts: int | None = None


@dataclass(frozen=True)
class Protocol:
    """One way to split a benchmark.

    `val` is None where it has no validation videos: published work then chooses its weights on the test split.
    """

    name: str
    source: str
    train: PublishedSplit
    val: PublishedSplit | None
    test: PublishedSplit

    def resolve(self, split: SplitName) -> SplitName:
        """Return the split that is read when `split` is asked for: test, where there is no val."""
        return "test" if split == "val" and self.val is None else split

    def published(self, split: SplitName) -> PublishedSplit | None:
        """Return the published size of a split."""
        return {"train": self.train, "val": self.val, "test": self.test}[self.resolve(split)]


Reader = Callable[[Path, str, SplitName], Sequence[CaptionedVideo]]
"""From a folder of annotations, the name of a protocol and a split to the captioned videos."""


@dataclass(frozen=True)
class Benchmark:
    """A data set for text-video retrieval: how its annotations are read, and what its splits should be.

    Attributes:
        protocols: The ways to split it, the usual one first; none for data that nobody published.
        is_paragraph: Whether the captions of a video are joined to one text, as its literature does.
    """

    name: str
    title: str
    read: Reader
    protocols: tuple[Protocol, ...] = ()
    is_paragraph: bool = False
