"""Uniformly sampled frames of a video or of a span of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from numpy.typing import NDArray
from torch import Tensor

from hbi.video.container import ANOTHER_FILE
from hbi.video.error import VideoError
from hbi.video.finding import FrameFinder
from hbi.video.opening import OpenVideo, middles, open_video
from hbi.video.picture import PictureMaker, PictureSize, stack_pictures
from hbi.video.picture_format import Fit, PictureFormat


@dataclass(frozen=True)
class VideoFrames:
    """Frames of one video, upright RGB, with their times in seconds on the axis that players show.

    Attributes:
        start_seconds, end_seconds: Bounds of the span that was sampled.
        video_start_seconds, video_end_seconds: When the first frame of the video begins (more than 0 where the sound
            begins earlier), and when its last one ends.
        damage: None, or one line that says what could not be decoded.
    """

    path: Path
    pixels: UInt8[Tensor, "frames 3 height width"]
    timestamps_seconds: Float64[Tensor, "frames"]
    start_seconds: float
    end_seconds: float
    video_start_seconds: float
    video_end_seconds: float
    damage: str | None


def read_frames(
    path: str | os.PathLike[str],
    num_frames: int = 12,
    *,
    image_size: PictureFormat | int | tuple[int, int] | None = None,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    fit: Fit = "crop",
) -> VideoFrames:
    """Return the frames on screen at the middles of `num_frames` equal parts of a span of the video at `path`.

    A frame that is on screen at several middles comes once, so short spans give fewer than `num_frames`. A part whose
    frame is damaged is represented by the nearest whole frame within it; parts without one are left out, and `damage`
    says so.

    Args:
        path: The video file.
        num_frames: Parts of the span, each shown by one frame.
        image_size: Height and width of the frames in pixels: the side of a square, or (height, width); a
            `PictureFormat`, which says how a model wants them; None: the video's own.
        start_seconds: Where the span begins, on the axis that players show; None: with the video.
        end_seconds: Where it ends; None, or a time after the end: with the video.
        fit: "crop" scales the picture to cover `image_size` and keeps its middle; "squash" scales it to `image_size`
            whatever its shape; a `PictureFormat` has its own.

    Raises:
        VideoError: There is no video, no such span, or no frame that can be decoded.
    """
    return read_frames_at_sizes(
        path, num_frames, (image_size,), start_seconds=start_seconds, end_seconds=end_seconds, fit=fit
    )[0]


def read_frames_at_sizes(
    path: str | os.PathLike[str],
    num_frames: int,
    image_sizes: Sequence[PictureSize],
    *,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    fit: Fit = "crop",
) -> list[VideoFrames]:
    """Return the same frames in several sizes, decoded once; else as `read_frames`.

    Args:
        path: a video file.
        num_frames: equal parts of the span, each shown by its middle.
        image_sizes: see `PictureSize`.
        start_seconds: where the span begins; None: with the video.
        end_seconds: where it ends; None: with the video.
        fit: how a picture of another shape becomes one of the size, see `read_frames`.
    """
    path = Path(path)
    if num_frames < 1:
        raise VideoError(path, f"{num_frames} frames were asked for", "ask for at least one")
    with open_video(path) as video:
        makers = [PictureMaker(video, size, fit) for size in image_sizes]
        start, end = video.span(start_seconds, end_seconds)
        targets = [video.pts_at(middle) for middle in middles(start, end, num_frames)]
        finder = FrameFinder(targets, reach=(end - start) / num_frames / 2 / float(video.time_base))
        pictures: dict[int, list[NDArray[np.uint8]]] = {}
        for found in finder.frames(video):
            if found.pts not in pictures:
                pictures[found.pts] = [maker.picture(found.frame) for maker in makers]
    if not pictures:
        reason = ", the file is cut short" if video.is_cut_short else ""
        raise VideoError(path, f"no frame from {start:.2f} to {end:.2f} s can be decoded{reason}", ANOTHER_FILE)
    order = sorted(pictures)
    times = torch.tensor([video.seconds_at(pts) for pts in order], dtype=torch.float64)
    damage = _damage(video, finder, num_frames, float(times[-1]), lacks_its_end=end >= video.end_seconds)
    return [
        VideoFrames(
            path=path,
            pixels=stack_pictures([pictures[pts][number] for pts in order]),
            timestamps_seconds=times,
            start_seconds=start,
            end_seconds=end,
            video_start_seconds=video.start_seconds,
            video_end_seconds=video.end_seconds,
            damage=damage,
        )
        for number in range(len(makers))
    ]


def _damage(
    video: OpenVideo, finder: FrameFinder, num_frames: int, last_seconds: float, *, lacks_its_end: bool
) -> str | None:
    """Return one line on what could not be decoded, None where nothing is known to be missing."""
    decoded = f"{num_frames - finder.num_lost} of {num_frames} frames decoded"
    if video.is_cut_short and lacks_its_end:
        return f"truncated: {decoded}, until {last_seconds:.1f} s"
    if not finder.faults.is_none or finder.num_lost:
        return f"damaged: {decoded} ({finder.faults})"
    return video.structure.fault
