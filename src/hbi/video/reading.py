"""Uniformly sampled frames of a video or of a span of it."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from hbi.video.cursor import FrameCursor
from hbi.video.error import VideoError
from hbi.video.opening import ANOTHER_FILE, OpenVideo, open_video
from hbi.video.picture import Fit, PictureMaker


@dataclass(frozen=True)
class VideoFrames:
    """Frames of one video with their times, in seconds after its first frame."""

    path: Path
    pixels: UInt8[Tensor, "frames 3 height width"]
    timestamps_seconds: Float64[Tensor, "frames"]
    start_seconds: float
    end_seconds: float
    duration_seconds: float
    damage: str | None


def read_frames(
    path: str | os.PathLike[str],
    num_frames: int = 12,
    *,
    image_size: int | tuple[int, int] | None = None,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    fit: Fit = "crop",
) -> VideoFrames:
    """Return the frames shown at the middles of `num_frames` equal parts of the span, at most one of each frame."""
    with open_video(path) as video:
        if num_frames < 1:
            raise VideoError(video.path, f"{num_frames} frames were asked for", "ask for at least one frame")
        start, end = _span(video, start_seconds, end_seconds)
        cursor, maker = FrameCursor(video), PictureMaker(image_size, fit)
        pictures: dict[int, Tensor] = {}
        for number in range(num_frames):
            frame = cursor.frame_at(video.pts_at(start + (end - start) * (number + 0.5) / num_frames))
            if frame is not None and frame.pts not in pictures:
                pictures[frame.pts] = maker.picture(frame)
        if not pictures:
            raise VideoError(video.path, "no frame of it can be decoded", ANOTHER_FILE)
        timestamps = torch.tensor([video.seconds_at(pts) for pts in pictures], dtype=torch.float64)
        damage = f"damaged: {cursor.num_bad_packets} packets not decoded" if cursor.num_bad_packets else None
        pixels = torch.stack(list(pictures.values()))
        return VideoFrames(video.path, pixels, timestamps, start, end, video.duration_seconds, damage)


def _span(video: OpenVideo, start_seconds: float | None, end_seconds: float | None) -> tuple[float, float]:
    """Return the span to sample, inside the video."""
    start = max(0.0, start_seconds or 0.0)
    end = video.duration_seconds if end_seconds is None else min(end_seconds, video.duration_seconds)
    if start_seconds is not None and start >= video.duration_seconds:
        cause = f"the span starts at {start:.2f} s but the video ends at {video.duration_seconds:.2f} s"
        raise VideoError(video.path, cause, "choose a span inside it")
    if end < start or (end_seconds is not None and end_seconds <= start):
        raise VideoError(
            video.path, f"the span from {start:.2f} s to {end:.2f} s is empty", "let it end after its start"
        )
    return start, end
