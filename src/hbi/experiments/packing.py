"""The frames of a recipe's videos, decoded once and kept in files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbi.data.benchmark import SPLIT_NAMES, SplitName
from hbi.data.packed_frames import PICTURES, FrameSampling
from hbi.data.packing import pack_videos
from hbi.experiments.bars import Bars, no_bars
from hbi.experiments.network import start_picture
from hbi.experiments.packed import with_frames
from hbi.experiments.schema import Recipe
from hbi.experiments.splits import frames_of_split, packed_folder, read_split
from hbi.experiments.start import with_start
from hbi.files import write_atomically
from hbi.files.visible_text import visible
from hbi.video import PictureFormat


@dataclass(frozen=True)
class PackedSplit:
    """The packed frames of one split.

    Attributes:
        folder: Where they are.
        sampling: Frames of a video, and their size.
        num_videos: Videos of the split.
        num_packed: Those that could be decoded, at least in part.
        size_bytes: Of the pictures.
        problems: One line for each video or text that was left out, or is damaged.
    """

    folder: Path
    sampling: FrameSampling
    num_videos: int
    num_packed: int
    size_bytes: int
    problems: tuple[str, ...]

    @property
    def problems_file(self) -> Path:
        """All problems, one a line."""
        return self.folder / "faults.txt"


def pack_frames(
    recipe: Recipe,
    out: Path,
    *,
    splits: Sequence[SplitName] = SPLIT_NAMES,
    num_workers: int | None = None,
    bars: Bars = no_bars,
) -> Iterator[PackedSplit]:
    """Decode the frames that a recipe needs into `out`, one folder for each split; yield each split when it is done.

    Args:
        recipe: Names the videos and how they are sampled.
        out: The folder to write to; what is there already is kept.
        splits: Which splits; one that is another under a second name is packed once.
        num_workers: Processes that decode; None: as many as there are cores.
        bars: Shows how far the work has come.

    Raises:
        DataError: The data cannot be read, or `out` holds frames that were sampled in another way.
    """
    recipe = with_start(recipe)
    unpacked, packed = with_frames(recipe, None), with_frames(recipe, out)
    picture = start_picture(recipe)
    folders = {packed_folder(packed, name): name for name in reversed(splits)}
    for folder, name in folders.items():
        yield _pack_split(unpacked, folder, name, picture, num_workers, bars)


def _pack_split(
    recipe: Recipe, folder: Path, name: SplitName, picture: PictureFormat, num_workers: int | None, bars: Bars
) -> PackedSplit:
    loaded = read_split(recipe, name)
    sampling = FrameSampling(frames_of_split(recipe, name), picture)
    with bars(f"packing {folder.name}") as progress:
        videos = pack_videos(loaded.split.videos, folder, sampling, num_workers=num_workers, progress=progress)
    broken = (f"{video.video_id}: {video.fault}" for video in videos if video.fault)
    packed = PackedSplit(
        folder,
        sampling,
        len(videos),
        sum(bool(video.offsets) for video in videos),
        (folder / PICTURES).stat().st_size,
        (*loaded.problems, *broken),
    )
    write_atomically(packed.problems_file, "".join(f"{visible(problem)}\n" for problem in packed.problems))
    return packed
