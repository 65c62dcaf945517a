"""The frames of a split, decoded once and kept in memory."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from hbi.data.samples import DataError, Evidence, Question, Video
from hbi.processes import Progress
from hbi.video import PictureFormat, VideoError, VideoFrames, read_frames


class Pixels(Protocol):
    """Bytes [video, frame, 3, height, width] in memory, or on disk until they are asked for; indexed as a tensor is.

    With tubelets they are [video, frame, tubelet, 3, height, width].
    """

    @property
    def shape(self) -> torch.Size:
        """The five sizes, or six."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Tensor: ...


class KeptFrames(ABC):
    """The frames of many videos, padded to the same number, as pixels or as features.

    Attributes:
        mask: True where a frame is real. A video that could not be decoded has none.
        timestamps_seconds: When each frame is shown; 0 at padding.
        problems: One line for every video that could not be decoded wholly.
    """

    mask: Bool[Tensor, "video frame"]
    timestamps_seconds: Float[Tensor, "video frame"]
    problems: tuple[str, ...]

    @property
    @abstractmethod
    def content(self) -> Pixels:
        """What is kept of every frame [video, frame, …]."""

    @abstractmethod
    def only(self, is_kept: Bool[Tensor, " video"]) -> Self:
        """Return the frames of some of the videos; what was wrong with the others is still told."""

    @property
    def is_usable(self) -> Bool[Tensor, " video"]:
        """True for the videos with at least one frame."""
        return self.mask.any(-1)

    def is_shown_between(self, spans: Sequence[Evidence | Question]) -> Bool[Tensor, "span frame"]:
        """Return which frames of each span's video it shows; a span without seconds is the whole video."""
        rows = torch.tensor([span.video for span in spans])
        starts = [-math.inf if span.start_seconds is None else span.start_seconds for span in spans]
        ends = [math.inf if span.end_seconds is None else span.end_seconds for span in spans]
        first, last = (torch.tensor(seconds, dtype=torch.float64)[:, None] for seconds in (starts, ends))
        times = self.timestamps_seconds[rows]
        return (times >= first) & (times < last) & self.mask[rows]


class TubeletPixels:
    """Tubelets in memory, as `Pixels`: tubelets that share a picture point at one.

    Args:
        pictures: All pictures, padding first.
        numbers: Those of each tubelet.
    """

    def __init__(
        self, pictures: UInt8[Tensor, "picture 3 height width"], numbers: Int[Tensor, "video frame tubelet"]
    ) -> None:
        self._pictures, self._numbers = pictures, numbers

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor that it stands for."""
        return self._numbers.shape + self._pictures.shape[1:]

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> UInt8[Tensor, "*chosen tubelet 3 height width"]:
        """Return the chosen tubelets."""
        return self._pictures[self._numbers[index]]


@dataclass(frozen=True)
class FrameStore(KeptFrames):
    """Decoded frames of many videos: RGB, padding is black; see `KeptFrames`.

    Attributes:
        tubelet_timestamps_seconds: When each picture of a tubelet is shown, as the file has it; 0 at padding. None
            where frames are single.
    """

    pixels: Pixels
    mask: Bool[Tensor, "video frame"]
    timestamps_seconds: Float[Tensor, "video frame"]
    problems: tuple[str, ...]
    tubelet_timestamps_seconds: Float[Tensor, "video frame tubelet"] | None = None

    @property
    def content(self) -> Pixels:
        """The pixels."""
        return self.pixels

    def only(self, is_kept: Bool[Tensor, " video"]) -> Self:
        """See `KeptFrames`."""
        pixels, mask, times = self.pixels[is_kept], self.mask[is_kept], self.timestamps_seconds[is_kept]
        of_tubelets = self.tubelet_timestamps_seconds
        return replace(
            self,
            pixels=pixels,
            mask=mask,
            timestamps_seconds=times,
            tubelet_timestamps_seconds=None if of_tubelets is None else of_tubelets[is_kept],
        )


def read_video(video: Video, num_frames: int, picture: PictureFormat) -> VideoFrames:
    """Return uniform frames of a video, or of the part of it that is meant; see `read_frames`.

    Args:
        video: The video, with the seconds of it that are meant.
        num_frames: Equal parts of those seconds, each shown by its middle.
        picture: How a frame becomes the picture that a network takes.

    Raises:
        VideoError: There is no video, no such span, or no frame that can be decoded.
    """
    return read_frames(
        video.path, num_frames, image_size=picture, start_seconds=video.start_seconds, end_seconds=video.end_seconds
    )


def decode_frames(
    videos: Sequence[Video],
    *,
    num_frames: int,
    picture: PictureFormat,
    progress: Progress | None = None,
    requires_any: bool = True,
) -> FrameStore:
    """Return `num_frames` uniform frames of every video, decoded by as many threads as there are cores.

    Args:
        videos: What to decode.
        num_frames: Frames of each video; a short one has fewer, and padding.
        picture: How a frame becomes the picture that a network takes.
        progress: Called with the videos that are done, and all; None: nobody watches.
        requires_any: Whether it is an error that not one video could be decoded.

    Raises:
        DataError: Not one of the videos could be decoded, and `requires_any`.
    """
    kept = _Kept(len(videos), num_frames, picture)
    mask = torch.zeros(len(videos), num_frames, dtype=torch.bool)
    timestamps = torch.zeros(len(videos), num_frames, dtype=torch.float64)
    problems = []

    def decode(video: Video) -> VideoFrames | VideoError:
        try:
            return read_video(video, num_frames, picture)
        except VideoError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, result in enumerate(pool.map(decode, videos)):
            if isinstance(result, VideoError):
                problems.append(str(result))
            else:
                count = len(result.pixels)
                kept.add(row, result)
                mask[row, :count] = True
                timestamps[row, :count] = result.timestamps_seconds
                if result.damage:
                    problems.append(f"{result.path}: {result.damage}")
            if progress:
                progress(row + 1, len(videos))
    if requires_any and videos and not mask.any():
        raise DataError(f"none of the {len(videos)} videos could be decoded; the first: {problems[0]}")
    return FrameStore(kept.pixels, mask, timestamps, tuple(problems), kept.tubelet_timestamps_seconds)


class _Kept:
    """The pixels of decoded videos: a tensor, or of tubelets each picture once."""

    def __init__(self, num_videos: int, num_frames: int, picture: PictureFormat) -> None:
        shape, size = (num_videos, num_frames), picture.tubelet_size
        single = picture.in_tubelets(1, None)
        self.tubelet_timestamps_seconds = None if size == 1 else torch.zeros(*shape, size, dtype=torch.float64)
        self._numbers = torch.zeros(*shape, size, dtype=torch.long)
        self._pictures, self._num_pictures = [torch.zeros(1, *single.shape, dtype=torch.uint8)], 1
        self._dense = torch.zeros(*shape, *single.shape, dtype=torch.uint8) if size == 1 else None

    def add(self, row: int, video: VideoFrames) -> None:
        """Keep the frames of a video."""
        count, times = len(video.pixels), video.tubelet_timestamps_seconds
        if self._dense is not None:
            self._dense[row, :count] = video.pixels
            return
        assert times is not None
        assert self.tubelet_timestamps_seconds is not None
        self.tubelet_timestamps_seconds[row, :count] = times
        pictures, numbers = distinct_pictures(video)
        self._numbers[row, :count] = numbers + self._num_pictures
        self._pictures.append(pictures)
        self._num_pictures += len(pictures)

    @property
    def pixels(self) -> Pixels:
        """All of them."""
        return TubeletPixels(torch.cat(self._pictures), self._numbers) if self._dense is None else self._dense


def distinct_pictures(
    video: VideoFrames,
) -> tuple[UInt8[Tensor, "picture 3 height width"], Int[Tensor, "frame tubelet"]]:
    """Return the pictures of a video that was read in tubelets, each once, and the numbers of each tubelet's.

    Args:
        video: Its frames.
    """
    assert video.tubelet_timestamps_seconds is not None
    times = video.tubelet_timestamps_seconds.numpy()
    _, first, numbers = np.unique(times, return_index=True, return_inverse=True)
    pictures = video.pixels.flatten(0, 1)[torch.from_numpy(first)]
    return pictures, torch.from_numpy(numbers).view(times.shape)
