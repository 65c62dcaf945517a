"""What was found in a data set: by split, between splits, and which of it is a problem."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from hbi.data.benchmark import Protocol, Size


@dataclass(frozen=True)
class Spread:
    """The least, middle and largest of some numbers, and their sum."""

    least: float
    median: float
    most: float
    total: float


@dataclass(frozen=True)
class VideoProblem:
    """A video, and what is wrong with it."""

    video_id: str
    cause: str


@dataclass(frozen=True)
class CutCaption:
    """A text that is longer than the network reads."""

    video_id: str
    num_words: int
    text: str


@dataclass(frozen=True)
class SplitReport:
    """One split.

    Attributes:
        num_texts: Texts that are searched with: captions, or paragraphs.
        published: What was published of its size; None where nothing was.
        missing, undecodable, damaged: Videos without a file, without a frame, and with some frames only.
        empty_captions: The videos they were written for.
        cut_captions: Texts longer than the limit of words.
        num_repeated_captions: Texts that are written for more than one video: no model can tell which is meant.
        copies: Videos whose files have the same content as an earlier one's ("video8 = video3").
        rival_files: Videos for which several files bear the name; the first is taken.
        num_decoded: Videos whose frames were looked at; 0 where only annotations were checked.
    """

    name: str
    num_videos: int
    num_texts: int
    published: Size | None
    missing: tuple[str, ...]
    undecodable: tuple[VideoProblem, ...]
    damaged: tuple[VideoProblem, ...]
    empty_captions: tuple[str, ...]
    cut_captions: tuple[CutCaption, ...]
    num_repeated_captions: int
    copies: tuple[str, ...]
    rival_files: tuple[str, ...]
    num_decoded: int
    durations_seconds: Spread | None
    words: Spread | None

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each kind of problem."""
        counts = {
            "videos have no file": len(self.missing),
            "videos cannot be decoded": len(self.undecodable),
            "videos are damaged": len(self.damaged),
            "captions are empty": len(self.empty_captions),
        }
        lines = [f"{self.name}: {count} {what}" for what, count in counts.items() if count]
        if self.published:
            sizes = (
                ("videos", self.num_videos, self.published.num_videos),
                ("texts", self.num_texts, self.published.num_texts),
            )
            lines += [
                f"{self.name}: {found} {what}, but {expected} are published"
                for what, found, expected in sizes
                if expected is not None and found != expected
            ]
        return tuple(lines)


@dataclass(frozen=True)
class UnreadableSplit:
    """A split whose annotations could not be read, and why."""

    name: str
    cause: str

    @property
    def problems(self) -> tuple[str, ...]:
        """The one problem."""
        return (f"{self.name}: {self.cause}",)


@dataclass(frozen=True)
class Leak:
    """Something that two splits share: a video by its name, or files of the same content (the videos' names)."""

    kind: str
    splits: tuple[str, str]
    video_ids: tuple[str, ...]


@dataclass(frozen=True)
class BenchmarkReport:
    """Everything that was found; `max_words` is the limit that texts were measured against, in `word_unit`."""

    title: str
    protocol: Protocol | None
    splits: tuple[SplitReport | UnreadableSplit, ...]
    leaks: tuple[Leak, ...]
    num_shared_captions: int
    max_words: int
    word_unit: str

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each thing that is not as it should be; what is only worth knowing is not among them."""
        lines = [line for split in self.splits for line in split.problems]
        lines += [
            f"{leak.splits[0]} and {leak.splits[1]} share {len(leak.video_ids)} {leak.kind}" for leak in self.leaks
        ]
        return tuple(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with every list in full."""
        return {"problems": self.problems, **asdict(self)}


def spread(numbers: Sequence[float]) -> Spread | None:
    """Return the spread of some numbers, None for none."""
    return Spread(min(numbers), median(numbers), max(numbers), sum(numbers)) if numbers else None
