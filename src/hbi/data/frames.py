"""The frames of a split, decoded once and kept in memory."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from hbi.data.samples import DataError, Video
from hbi.video import VideoError, VideoFrames, read_frames

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""The mean and standard deviation of RGB in [0, 1] that CLIP's towers expect."""


class Pixels(Protocol):
    """Bytes [video, frame, 3, height, width] in memory, or on disk until they are asked for; indexed as a tensor is."""

    @property
    def shape(self) -> torch.Size:
        """The five sizes."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Tensor: ...


class InVideo(Protocol):
    """Something that is seen in `[start_seconds, end_seconds)` of a video."""

    @property
    def video(self) -> int:
        """The row of its video."""

    @property
    def start_seconds(self) -> float | None:
        """None: from the first frame."""

    @property
    def end_seconds(self) -> float | None:
        """None: up to the last frame."""


@dataclass(frozen=True)
class FrameBank:
    """Decoded frames of many videos, padded to the same number.

    Attributes:
        pixels: RGB; padding is black.
        mask: True where a frame is real. A video that could not be decoded has none.
        timestamps_seconds: When each frame is shown; 0 at padding.
        faults: One line for every video that could not be decoded wholly.
    """

    pixels: Pixels
    mask: Bool[Tensor, "video frame"]
    timestamps_seconds: Float[Tensor, "video frame"]
    faults: tuple[str, ...]

    @property
    def is_usable(self) -> Bool[Tensor, " video"]:
        """True for the videos with at least one frame."""
        return self.mask.any(-1)

    def only(self, is_kept: Bool[Tensor, " video"]) -> "FrameBank":
        """Return the frames of some of the videos; what was wrong with the others is still told."""
        return FrameBank(self.pixels[is_kept], self.mask[is_kept], self.timestamps_seconds[is_kept], self.faults)

    def is_shown_between(self, spans: Sequence[InVideo]) -> Bool[Tensor, "span frame"]:
        """Return which frames of each span's video it shows; a span without seconds is the whole video."""
        rows = torch.tensor([span.video for span in spans])
        starts = [-math.inf if span.start_seconds is None else span.start_seconds for span in spans]
        ends = [math.inf if span.end_seconds is None else span.end_seconds for span in spans]
        first, last = (torch.tensor(seconds, dtype=torch.float64)[:, None] for seconds in (starts, ends))
        times = self.timestamps_seconds[rows]
        return (times >= first) & (times < last) & self.mask[rows]

    @property
    def content(self) -> Pixels:
        """What is kept of every frame [video, frame, …]: its pixels."""
        return self.pixels


def decode_frames(
    videos: Sequence[Video],
    *,
    num_frames: int,
    image_size: int,
    progress: Callable[[int, int], None] | None = None,
    requires_any: bool = True,
) -> FrameBank:
    """Return `num_frames` uniform frames of every video, decoded by as many threads as there are cores.

    Raises:
        DataError: Not one of the videos could be decoded, and `requires_any`.
    """
    pixels = torch.zeros(len(videos), num_frames, 3, image_size, image_size, dtype=torch.uint8)
    mask = torch.zeros(len(videos), num_frames, dtype=torch.bool)
    timestamps = torch.zeros(len(videos), num_frames, dtype=torch.float64)
    faults = []

    def decode(video: Video) -> VideoFrames | VideoError:
        try:
            return read_frames(
                video.path,
                num_frames,
                image_size=image_size,
                start_seconds=video.start_seconds,
                end_seconds=video.end_seconds,
            )
        except VideoError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, result in enumerate(pool.map(decode, videos)):
            if isinstance(result, VideoError):
                faults.append(str(result))
            else:
                count = len(result.pixels)
                pixels[row, :count] = result.pixels
                mask[row, :count] = True
                timestamps[row, :count] = result.timestamps_seconds
                if result.damage:
                    faults.append(f"{result.path}: {result.damage}")
            if progress:
                progress(row + 1, len(videos))
    if requires_any and videos and not mask.any():
        raise DataError(f"none of the {len(videos)} videos could be decoded; the first: {faults[0]}")
    return FrameBank(pixels, mask, timestamps, tuple(faults))


def network_input(content: Tensor) -> Tensor:
    """Return what a bank keeps of frames as a network takes it: pixels normalized, features in float32."""
    return normalize_pixels(content) if content.dtype == torch.uint8 else content.float()


def normalize_pixels(pixels: UInt8[Tensor, "*batch 3 height width"]) -> Tensor:
    """Return pixels as CLIP's towers expect them: float32, zero mean, unit variance."""
    mean, std = (torch.tensor(value, device=pixels.device).view(3, 1, 1) for value in (CLIP_MEAN, CLIP_STD))
    return (pixels.float() / 255.0 - mean) / std
