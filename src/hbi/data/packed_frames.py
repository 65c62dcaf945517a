"""Frames decoded once and kept in a folder as JPEG pictures, read back picture by picture (docs/decisions/0004).

A folder of a split holds `sampling.json` (how frames were chosen, and of which videos), `frames.jpg` (all pictures one
after the other) and `videos.jsonl` (a line for each finished video: where its pictures lie, or why it has none).
"""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from hbi.data.frames import FrameStore
from hbi.data.samples import DataError, Video
from hbi.files import read_regular_text
from hbi.files.json_values import is_number, is_whole, parse_json
from hbi.video import PictureFormat

SAMPLING, PICTURES, VIDEOS = "sampling.json", "frames.jpg", "videos.jsonl"
FORMAT = 2
"""1: seconds counted from the first picture, colors of high dynamic range were kept as they are coded."""
QUALITY = 95  # and full color resolution: off by one level of 255 on average


@dataclass(frozen=True)
class FrameSampling:
    """How the frames of a folder were chosen and made; it is kept with them, and compared when they are used."""

    num_frames: int
    picture: PictureFormat
    quality: int = QUALITY
    format: int = FORMAT

    def require(self, wanted: "FrameSampling", folder: Path) -> None:
        """Do nothing where the frames are what is wanted; DataError that names the difference elsewhere."""
        for each in fields(self):
            name = "image_size" if each.name == "picture" else each.name
            found, value = getattr(self, each.name), getattr(wanted, each.name)
            if found != value:
                raise DataError(
                    f"{folder} was packed with {name} {found}, not {value}: pack it again into another folder "
                    "(hbi data pack), or change the recipe"
                )

    def to_json(self) -> dict[str, Any]:
        """Return what stands for it in the folder."""
        return {
            "num_frames": self.num_frames,
            "image_size": self.picture.to_json(),
            "quality": self.quality,
            "format": self.format,
        }

    @classmethod
    def from_json(cls, values: Any) -> "FrameSampling":
        """Return what `to_json` wrote; ValueError or TypeError for something else."""
        if not isinstance(values, dict) or "image_size" not in values:
            raise ValueError("it should say how frames were made")
        picture = PictureFormat.from_json(values["image_size"])
        numbers = {name: value for name, value in values.items() if name != "image_size"}
        if not all(map(is_whole, numbers.values())):
            raise ValueError("it should hold whole numbers by name")
        return cls(picture=picture, **numbers)


@dataclass(frozen=True)
class PackedVideo:
    """A finished video: when its frames are shown, where its pictures begin and the last one ends, what was wrong."""

    video_id: str
    start_seconds: float | None
    end_seconds: float | None
    timestamps_seconds: tuple[float, ...] = ()
    offsets: tuple[int, ...] = ()
    fault: str | None = None

    @property
    def key(self) -> tuple[str, float | None, float | None]:
        """What tells it from other videos."""
        return self.video_id, self.start_seconds, self.end_seconds


def read_sampling(folder: Path) -> FrameSampling:
    """Return how the frames of a folder were chosen; DataError where there are none."""
    path = folder / SAMPLING
    if not path.is_file():
        raise DataError(f"{folder} holds no packed frames: make them with hbi data pack")
    try:
        return FrameSampling.from_json(parse_json(read_regular_text(path)))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): remove {folder} and pack again") from error


def read_videos(folder: Path) -> list[PackedVideo]:
    """Return the finished videos of a folder; a line that a killed run was writing does not count.

    Raises:
        DataError: The list of them cannot be read.
    """
    path = folder / VIDEOS
    if not path.exists():
        return []
    try:
        lines = read_regular_text(path).splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): remove {folder} and pack again") from error
    return [video for video in map(_finished, lines) if video]


def open_frames(folder: Path, videos: Sequence[Video], wanted: FrameSampling) -> FrameStore:
    """Return the packed frames of videos as a store whose pixels stay on disk until they are asked for.

    A video that was not packed has no frames, and a line among the problems.

    Args:
        folder: Where `hbi data pack` wrote the frames of a split.
        videos: Whose frames are wanted, in the order of the store.
        wanted: How the frames must have been sampled.

    Raises:
        DataError: There are no packed frames, they were sampled in another way, or none is of these videos.
    """
    read_sampling(folder).require(wanted, folder)
    packed = {video.key: video for video in read_videos(folder)}
    rows = [packed.get((video.video_id, video.start_seconds, video.end_seconds)) for video in videos]
    mask = torch.zeros(len(rows), wanted.num_frames, dtype=torch.bool)
    timestamps = torch.zeros(len(rows), wanted.num_frames, dtype=torch.float64)
    problems = []
    for row, (video, found) in enumerate(zip(videos, rows, strict=True)):
        if found is None:
            problems.append(f"{video.video_id}: not in {folder}; run hbi data pack again")
            continue
        if found.fault:
            problems.append(f"{video.video_id}: {found.fault}")
        count = len(found.timestamps_seconds)
        if count > wanted.num_frames:
            raise DataError(f"{folder} has {count} frames of {video.video_id}, not {wanted.num_frames}: pack it again")
        mask[row, :count] = True
        timestamps[row, :count] = torch.tensor(found.timestamps_seconds, dtype=torch.float64)
    if not mask.any():
        raise DataError(f"{folder} holds frames of none of the {len(videos)} videos; the first: {problems[0]}")
    pixels = PackedPixels(folder / PICTURES, [video.offsets if video else () for video in rows], wanted)
    return FrameStore(pixels, mask, timestamps, tuple(problems))


class PackedPixels:
    """Pictures on disk that are indexed as a tensor [video, frame, 3, height, width] is, and decoded only then.

    `pixels[rows]` gives all frames of some videos (a slice, a mask, numbers), `pixels[rows, frames]` single ones, for
    tensors of any shapes that broadcast. Where there is no frame, it is black, as in a store in memory.
    """

    def __init__(self, path: Path, offsets: Sequence[Sequence[int]], sampling: FrameSampling) -> None:
        self._offsets, self._sampling, self._path = offsets, sampling, path
        ends = [last for *_, last in filter(None, offsets)]
        if not path.is_file() or path.stat().st_size < max(ends):
            raise DataError(f"{path} is shorter than its videos say: remove {path.parent} and pack again")

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor that it stands for."""
        picture = self._sampling.picture
        return torch.Size((len(self._offsets), self._sampling.num_frames, 3, picture.height, picture.width))

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, index: object) -> UInt8[Tensor, "*chosen 3 height width"]:
        """Return the chosen frames."""
        rows, frames = index if isinstance(index, tuple) else (index, None)
        rows = torch.arange(len(self))[rows]
        if frames is None:
            rows, frames = rows[..., None], torch.arange(self.shape[1])
        rows, frames = torch.broadcast_tensors(rows, torch.arange(self.shape[1])[frames])
        pictures = np.zeros((rows.numel(), *self.shape[2:]), np.uint8)
        wanted = zip(range(len(pictures)), rows.flatten().tolist(), frames.flatten().tolist(), strict=True)
        present = [(place, *bounds) for place, row, frame in wanted if (bounds := self._bounds(row, frame))]

        def fill(task: tuple[int, int, int]) -> None:
            place, start, end = task
            pictures[place] = self._decoded(start, end)

        # Pillow lets go of the interpreter while it decodes.
        for _ in self._threads.map(fill, present):
            pass
        return torch.from_numpy(pictures).view(*rows.shape, *self.shape[2:])

    def _decoded(self, start: int, end: int) -> UInt8[np.ndarray, "3 height width"]:
        size = (self._sampling.picture.width, self._sampling.picture.height)
        try:
            with Image.open(io.BytesIO(self._bytes[start:end].tobytes()), formats=["JPEG"]) as picture:
                if (picture.size, picture.mode) != (size, "RGB"):
                    raise OSError(f"it is {picture.size} and {picture.mode}")
                return np.asarray(picture).transpose(2, 0, 1)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(
                f"{self._path} is damaged at byte {start} ({error}): remove {self._path.parent} and pack again"
            ) from error

    def _bounds(self, row: int, frame: int) -> tuple[int, int] | None:
        offsets = self._offsets[row]
        return (offsets[frame], offsets[frame + 1]) if frame + 1 < len(offsets) else None

    @cached_property
    def _bytes(self) -> NDArray[np.uint8]:
        return np.memmap(self._path, np.uint8, "r")

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(os.cpu_count())


def _finished(line: str) -> PackedVideo | None:
    """Return the video of a line, None for a line that is none, or damaged."""
    try:
        values = parse_json(line)
    except ValueError:
        return None
    if not isinstance(values, dict) or values.keys() != {field.name for field in fields(PackedVideo)}:
        return None
    times, offsets = values["timestamps_seconds"], values["offsets"]
    is_sound = (
        isinstance(values["video_id"], str)
        and all(values[name] is None or is_number(values[name]) for name in ("start_seconds", "end_seconds"))
        and (values["fault"] is None or isinstance(values["fault"], str))
        and isinstance(times, list)
        and isinstance(offsets, list)
        and all(map(is_number, times))
        and all(map(is_whole, offsets))
        and [0, *offsets] == sorted([0, *offsets])
        and len(offsets) == (len(times) + 1 if times else 0)
    )
    return PackedVideo(**values | {"timestamps_seconds": tuple(times), "offsets": tuple(offsets)}) if is_sound else None
