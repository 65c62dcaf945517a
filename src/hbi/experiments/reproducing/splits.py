"""What is there of the splits of a benchmark: annotations, video files, packed frames; and what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass

from hbi.data.benchmark import SPLIT_NAMES, Size, SplitName
from hbi.data.packed_frames import FrameSampling, is_packed, read_sampling, read_videos
from hbi.data.samples import DataError, Split, Video
from hbi.experiments.packed import with_frames
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import frames_of_split, packed_folder, protocol_of, read_split
from hbi.video import PictureFormat

SHOWN = 3
"""Missing videos that a line names."""


@dataclass(frozen=True)
class PlannedSplit:
    """A split as its annotations have it, and which of its videos are there.

    Attributes:
        whole: All of it.
        published: What was published of its size.
        found: Videos that have a file.
        packed: Names of those whose frames are packed.
        why_none: Where none has a file: why.
        sampling: How frames are chosen and kept.
    """

    name: SplitName
    whole: Split
    published: Size | None
    found: tuple[Video, ...]
    packed: frozenset[str]
    why_none: str
    sampling: FrameSampling

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the videos with neither a file nor frames."""
        there = self.packed | {video.video_id for video in self.found}
        return tuple(video.video_id for video in self.whole.videos if video.video_id not in there)

    @property
    def num_usable(self) -> int:
        """Videos with a file or frames."""
        return len(self.whole.videos) - len(self.missing)

    def num_to_pack(self, *, is_partial: bool) -> int:
        """Return how many videos are to be packed: those with a file, or all that the annotations have."""
        return len(self.to_pack) if is_partial else len(self.whole.videos) - len(self.packed)

    @property
    def to_pack(self) -> tuple[Video, ...]:
        """Videos whose frames are not packed yet, and could be."""
        return tuple(video for video in self.found if video.video_id not in self.packed)

    def gaps(self) -> Iterator[str]:
        """Yield a line for each way in which it is not what the paper used, where there is anything at all."""
        if self.missing and self.num_usable:
            yield (
                f"{self.name}: {len(self.missing):,} of {len(self.whole.videos):,} videos have no file "
                f"({', '.join(self.missing[:SHOWN])}{', …' if len(self.missing) > SHOWN else ''})"
            )
        if self.published:
            there = {"videos": len(self.whole.videos), "texts": len(self.whole.texts)}
            published = {"videos": self.published.num_videos, "texts": self.published.num_texts}
            other = [what for what in there if published[what] not in (None, there[what])]
            if other:
                ours = " and ".join(f"{there[what]:,} {what}" for what in other)
                theirs = " and ".join(f"{published[what]:,}" for what in other)
                yield f"{self.name}: the annotation files have {ours}, and {theirs} are published"


def names_of_splits(recipe: Recipe) -> list[SplitName]:
    """Return the splits that a recipe needs; validation videos that are the test videos are named once.

    Args:
        recipe: Names the benchmark and how it is split.
    """
    protocol = protocol_of(recipe)
    return list(dict.fromkeys(protocol.resolve(name) if protocol else name for name in SPLIT_NAMES))


def planned_split(recipe: Recipe, name: SplitName, picture: PictureFormat) -> PlannedSplit:
    """Return what is there of a split.

    Args:
        recipe: With the folder of its packed frames, which may not be there yet.
        name: Of the split.
        picture: How a frame becomes the picture that the network takes.

    Raises:
        DataError: The annotations cannot be read, or the packed frames are damaged, or were made in another way.
    """
    whole, protocol = read_split(recipe, name).split, protocol_of(recipe)
    sampling, folder = FrameSampling(frames_of_split(recipe, name), picture), packed_folder(recipe, name)
    packed = frozenset[str]()
    if is_packed(folder):
        read_sampling(folder).require(sampling, folder)
        packed = frozenset(video.video_id for video in read_videos(folder) if video.offsets)
    try:
        found, why_none = read_split(with_frames(recipe, None), name).split.videos, ""
    except DataError as error:
        found, why_none = (), str(error)
    return PlannedSplit(name, whole, protocol.published(name) if protocol else None, found, packed, why_none, sampling)
