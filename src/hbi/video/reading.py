"""Uniformly sampled frames of a video or of a span of it."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from numpy.typing import NDArray
from torch import Tensor

from hbi.video.error import VideoError
from hbi.video.finding import FrameFinder
from hbi.video.opening import ANOTHER_FILE, OpenVideo, open_video
from hbi.video.picture import Fit, PictureMaker, stack_pictures


@dataclass(frozen=True)
class VideoFrames:
    """Frames of one video, upright RGB, with their times in seconds after its first frame.

    `start_seconds` and `end_seconds` bound the span that was sampled. `damage` is None, or one line that says what of
    the span could not be decoded.
    """

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
    """Return the frames on screen at the middles of `num_frames` equal parts of a span of the video at `path`.

    A frame that is on screen at several middles comes once, so short spans give fewer than `num_frames`. The span
    defaults to the whole video and is cut to it. `image_size` is the side of a square or (height, width): with fit
    "crop" the picture is scaled to cover it and its middle is kept, with "squash" it is scaled to it whatever its
    shape; None keeps the video's own size. A part whose frame is damaged is represented by the nearest whole frame
    within it; parts without one are left out, and `damage` says so.

    Raises VideoError where there is no video, no such span, or no frame that can be decoded.
    """
    path = Path(path)
    maker = PictureMaker(path, image_size, fit)
    if num_frames < 1:
        raise VideoError(path, f"{num_frames} frames were asked for", "ask for at least one")
    with open_video(path) as video:
        start, end = _span(video, start_seconds, end_seconds)
        part = (end - start) / num_frames
        targets = [video.pts_at(start + (number + 0.5) * part) for number in range(num_frames)]
        finder = FrameFinder(targets, reach=part / 2 / float(video.time_base))
        pictures: dict[int, NDArray[np.uint8]] = {}
        for pts, frame in finder.frames(video):
            if pts not in pictures:
                pictures[pts] = maker.picture(frame)
    if not pictures:
        reason = ", the file is cut short" if video.is_cut_short else ""
        raise VideoError(path, f"no frame from {start:.2f} to {end:.2f} s can be decoded{reason}", ANOTHER_FILE)
    order = sorted(pictures)
    times = torch.tensor([video.seconds_at(pts) for pts in order], dtype=torch.float64)
    return VideoFrames(
        path=path,
        pixels=stack_pictures([pictures[pts] for pts in order]),
        timestamps_seconds=times,
        start_seconds=start,
        end_seconds=end,
        duration_seconds=video.duration_seconds,
        damage=_damage(finder, num_frames, float(times[-1]), video.is_cut_short and end >= video.duration_seconds),
    )


def _damage(finder: FrameFinder, num_frames: int, last_seconds: float, lacks_its_end: bool) -> str | None:
    """Return one line on what could not be decoded, None where nothing is known to be missing."""
    decoded = f"{num_frames - finder.num_lost} of {num_frames} frames decoded"
    if lacks_its_end:
        return f"truncated: {decoded}, until {last_seconds:.1f} s"
    if finder.num_bad_packets or finder.num_lost:
        return f"damaged: {decoded} (broken packets: {finder.num_bad_packets})"
    return None


def _span(video: OpenVideo, start_seconds: float | None, end_seconds: float | None) -> tuple[float, float]:
    """Return the span to sample, cut to the video."""
    duration = video.duration_seconds
    start = 0.0 if start_seconds is None else start_seconds
    end = duration if end_seconds is None else end_seconds
    if not (math.isfinite(start) and not math.isnan(end)):
        raise VideoError(video.path, f"the span from {start} to {end} s is no span", "give finite seconds")
    if start_seconds is not None and start >= duration:
        cause = f"the span starts at {start:.2f} s, but the video ends at {duration:.2f} s"
        raise VideoError(video.path, cause, "start it inside the video")
    if end_seconds is not None and end <= max(start, 0.0):
        raise VideoError(video.path, f"the span from {start:.2f} to {end:.2f} s is empty", "end it after its start")
    return max(start, 0.0), min(end, duration)
