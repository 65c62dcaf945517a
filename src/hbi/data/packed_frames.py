"""Frames decoded once and kept in a folder as JPEG pictures, read back picture by picture (docs/decisions/0004).

A folder of a split holds `sampling.json` (how frames were chosen, and of which videos), `frames.jpg` (all pictures one
after the other) and `videos.jsonl` (a line for each finished video: where its pictures lie, or why it has none).
"""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import chain
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
from hbi.files import is_regular, read_regular_text
from hbi.files.json_values import is_number, is_whole, parse_json
from hbi.video import PictureFormat

SAMPLING, PICTURES, VIDEOS = "sampling.json", "frames.jpg", "videos.jsonl"
FORMAT = 2
"""1: seconds counted from the first picture, colors of high dynamic range were kept as they are coded."""
_OF_TUBELETS = frozenset({"picture_seconds", "tubelets"})
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
            found, value = getattr(self, each.name), getattr(wanted, each.name)
            difference = f"{each.name} {found}, not {value}" if found != value else None
            if each.name == "picture":
                difference = self.picture.difference(wanted.picture)
            if difference:
                raise DataError(
                    f"{folder} was packed with {difference}: pack it again into another folder (hbi data pack), or "
                    "change the recipe"
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
    """A finished video: when its frames are shown, where its pictures begin and the last one ends, what was wrong.

    Of single frames there is a picture each. Of tubelets `picture_seconds` says when each picture is shown and
    `tubelets` the numbers of those that each one is made of: what several share is there once.
    """

    video_id: str
    start_seconds: float | None
    end_seconds: float | None
    timestamps_seconds: tuple[float, ...] = ()
    offsets: tuple[int, ...] = ()
    fault: str | None = None
    picture_seconds: tuple[float, ...] = ()
    tubelets: tuple[tuple[int, ...], ...] = ()

    @property
    def key(self) -> tuple[str, float | None, float | None]:
        """What tells it from other videos."""
        return self.video_id, self.start_seconds, self.end_seconds

    def to_json(self) -> dict[str, Any]:
        """Return what stands for it in the folder; of single frames nothing is said of tubelets."""
        values = asdict(self)
        return values if self.tubelets else {name: values[name] for name in values if name not in _OF_TUBELETS}


def is_packed(folder: Path) -> bool:
    """Return whether frames of a split were packed into a folder, or have begun to be."""
    return is_regular(folder / SAMPLING)


def read_sampling(folder: Path) -> FrameSampling:
    """Return how the frames of a folder were chosen; DataError where there are none."""
    path = folder / SAMPLING
    if not is_packed(folder):
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
    size, problems = wanted.picture.tubelet_size, []
    of_tubelets = None if size == 1 else torch.zeros(len(rows), wanted.num_frames, size, dtype=torch.float64)
    for row, (video, found) in enumerate(zip(videos, rows, strict=True)):
        if found is None:
            problems.append(f"{video.video_id}: not in {folder}; run hbi data pack again")
            continue
        if found.fault:
            problems.append(f"{video.video_id}: {found.fault}")
        count = len(found.timestamps_seconds)
        sizes = [len(tubelet) for tubelet in found.tubelets]
        if count > wanted.num_frames or sizes != [size] * (count if size > 1 else 0):
            raise DataError(f"{folder} has {count} frames of {video.video_id}, not {wanted.num_frames}: pack it again")
        mask[row, :count] = True
        timestamps[row, :count] = torch.tensor(found.timestamps_seconds, dtype=torch.float64)
        if of_tubelets is not None and count:
            of_tubelets[row, :count] = torch.tensor(found.picture_seconds, dtype=torch.float64)[
                torch.tensor(found.tubelets)
            ]
    if not mask.any():
        raise DataError(f"{folder} holds frames of none of the {len(videos)} videos; the first: {problems[0]}")
    pixels = PackedPixels(folder / PICTURES, rows, wanted)
    return FrameStore(pixels, mask, timestamps, tuple(problems), of_tubelets)


class PackedPixels:
    """Pictures on disk that are indexed as a tensor [video, frame, 3, height, width] is, and decoded only then.

    `pixels[rows]` gives all frames of some videos (a slice, a mask, numbers), `pixels[rows, frames]` single ones, for
    tensors of any shapes that broadcast. Where there is no frame, it is black, as in a store in memory. With tubelets
    the tensor is [video, frame, tubelet, 3, height, width].
    """

    def __init__(self, path: Path, videos: Sequence[PackedVideo | None], sampling: FrameSampling) -> None:
        self._videos, self._sampling, self._path = videos, sampling, path
        ends = [video.offsets[-1] for video in videos if video and video.offsets]
        if not path.is_file() or path.stat().st_size < max(ends):
            raise DataError(f"{path} is shorter than its videos say: remove {path.parent} and pack again")

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor that it stands for."""
        return torch.Size((len(self._videos), self._sampling.num_frames, *self._sampling.picture.shape))

    def __len__(self) -> int:
        return len(self._videos)

    def __getitem__(self, index: object) -> UInt8[Tensor, "*chosen 3 height width"]:
        """Return the chosen frames."""
        rows, frames = index if isinstance(index, tuple) else (index, None)
        rows = torch.arange(len(self))[rows]
        if frames is None:
            rows, frames = rows[..., None], torch.arange(self.shape[1])
        rows, frames = torch.broadcast_tensors(rows, torch.arange(self.shape[1])[frames])
        pictures = np.zeros((rows.numel() * self._sampling.picture.tubelet_size, *self.shape[-3:]), np.uint8)
        wanted = zip(rows.flatten().tolist(), frames.flatten().tolist(), strict=True)
        bounds = chain.from_iterable(self._bounds(row, frame) for row, frame in wanted)
        present = [(place, *each) for place, each in enumerate(bounds) if each]

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

    def _bounds(self, row: int, frame: int) -> list[tuple[int, int] | None]:
        """Return where the pictures of a frame lie, each by its first byte and the one behind its last."""
        video = self._videos[row]
        if video is None or frame >= len(video.timestamps_seconds):
            return [None] * self._sampling.picture.tubelet_size
        numbers = video.tubelets[frame] if video.tubelets else (frame,)
        return [(video.offsets[number], video.offsets[number + 1]) for number in numbers]

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
    names = {field.name for field in fields(PackedVideo)}
    if not isinstance(values, dict) or values.keys() not in (names, names - _OF_TUBELETS):
        return None
    times, offsets = values["timestamps_seconds"], values["offsets"]
    shown, tubelets = values.get("picture_seconds", times), values.get("tubelets", [])
    is_sound = (
        isinstance(values["video_id"], str)
        and all(values[name] is None or is_number(values[name]) for name in ("start_seconds", "end_seconds"))
        and (values["fault"] is None or isinstance(values["fault"], str))
        and isinstance(times, list)
        and isinstance(offsets, list)
        and isinstance(shown, list)
        and all(map(is_number, [*times, *shown]))
        and all(map(is_whole, offsets))
        and [0, *offsets] == sorted([0, *offsets])
        and len(offsets) == (len(shown) + 1 if shown else 0)
        and isinstance(tubelets, list)
        and len(tubelets) in ({len(times)} if "tubelets" in values else {0})
        and all(isinstance(each, list) and all(map(is_whole, each)) for each in tubelets)
        and all(0 <= number < len(shown) for each in tubelets for number in each)
    )
    if not is_sound:
        return None
    lists = {name: tuple(values.get(name, ())) for name in ("timestamps_seconds", "offsets", "picture_seconds")}
    return PackedVideo(**values | lists | {"tubelets": tuple(map(tuple, tubelets))})
