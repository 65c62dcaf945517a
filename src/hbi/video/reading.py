"""Uniformly sampled frames of a video or of a span of it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from numpy.typing import NDArray
from torch import Tensor

from hbi.video.container import ANOTHER_FILE
from hbi.video.demuxing import Faults
from hbi.video.error import VideoError
from hbi.video.finding import FrameFinder
from hbi.video.opening import OpenVideo, open_video
from hbi.video.picture import PictureMaker, PictureSize, stack_pictures
from hbi.video.picture_format import Fit, PictureFormat
from hbi.video.tubelets import TubeletTargets, shown_tubelets


@dataclass(frozen=True)
class VideoFrames:
    """Frames of one video, upright RGB, with their times in seconds on the axis that players show.

    Attributes:
        pixels: One picture for each frame, or a tubelet of them, see `PictureFormat`.
        timestamps_seconds: When each frame begins; of a tubelet, its middle one.
        start_seconds, end_seconds: Bounds of the span that was sampled.
        video_start_seconds, video_end_seconds: When the first frame of the video begins (more than 0 where the sound
            begins earlier), and when its last one ends.
        damage: None, or one line that says what could not be decoded.
        tubelet_timestamps_seconds: When each picture of a tubelet begins: they are apart as the file has them, which is
            not always as far as was asked for. None where frames are single.
    """

    path: Path
    pixels: UInt8[Tensor, "frames *tubelet 3 height width"]
    timestamps_seconds: Float64[Tensor, "frames"]
    start_seconds: float
    end_seconds: float
    video_start_seconds: float
    video_end_seconds: float
    damage: str | None
    tubelet_timestamps_seconds: Float64[Tensor, "frames tubelet"] | None = None


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
    says so. A `PictureFormat` may say that frames are chosen in another way (`released_loader`).

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
        rows = TubeletTargets(video, _choosing_format(image_sizes)).rows(start, end, num_frames)
        own = {row[len(row) // 2] for row in rows}
        reach = (end - start) / len(rows) / 2 / float(video.time_base)
        finder = FrameFinder(sorted({target for row in rows for target in row}), reach)
        shown: dict[int, int] = {}
        pictures: list[dict[int, NDArray[np.uint8]]] = [{} for _ in makers]
        for found in finder.frames(video):
            shown |= dict.fromkeys(found.targets, found.pts)
            is_own = not own.isdisjoint(found.targets)
            for maker, size, made in zip(makers, image_sizes, pictures, strict=True):
                if found.pts not in made and (is_own or _reads_tubelets(size)):
                    made[found.pts] = maker.picture(found.frame)
    tubelets = shown_tubelets(rows, shown)
    if not tubelets:
        reason = ", the file is cut short" if video.is_cut_short else ""
        raise VideoError(path, f"no frame from {start:.2f} to {end:.2f} s can be decoded{reason}", ANOTHER_FILE)
    times = torch.tensor([[video.seconds_at(pts) for pts in row] for row in tubelets], dtype=torch.float64)
    middle = times.shape[1] // 2
    num_lost = sum(row[middle] not in shown for row in rows)
    last_seconds = float(times[-1, middle])
    damage = _damage(video, finder.faults, num_lost, len(rows), last_seconds, lacks_its_end=end >= video.end_seconds)
    return [
        VideoFrames(
            path=path,
            pixels=_stacked(made, tubelets if _reads_tubelets(size) else [(row[middle],) for row in tubelets]),
            timestamps_seconds=times[:, middle],
            start_seconds=start,
            end_seconds=end,
            video_start_seconds=video.start_seconds,
            video_end_seconds=video.end_seconds,
            damage=damage,
            tubelet_timestamps_seconds=times if _reads_tubelets(size) else None,
        )
        for size, made in zip(image_sizes, pictures, strict=True)
    ]


def _reads_tubelets(size: PictureSize) -> bool:
    return isinstance(size, PictureFormat) and size.tubelet_size > 1


def _choosing_format(sizes: Sequence[PictureSize]) -> PictureFormat:
    """Return the format that says which frames are read: all sizes that say something of it say the same."""
    usual = PictureFormat.square(1)
    return next((size for size in sizes if isinstance(size, PictureFormat) and size.chooses_frames), usual)


def _stacked(
    pictures: Mapping[int, NDArray[np.uint8]], tubelets: Sequence[tuple[int, ...]]
) -> UInt8[Tensor, "frames *tubelet 3 height width"]:
    """Return the pictures of positions as one tensor, without an axis of tubelets where each has one picture."""
    pixels = stack_pictures([pictures[pts] for row in tubelets for pts in row])
    size = len(tubelets[0])
    return pixels if size == 1 else pixels.unflatten(0, (-1, size))


def _damage(
    video: OpenVideo, faults: Faults, num_lost: int, num_frames: int, last_seconds: float, *, lacks_its_end: bool
) -> str | None:
    """Return one line on what could not be decoded, None where nothing is known to be missing."""
    decoded = f"{num_frames - num_lost} of {num_frames} frames decoded"
    if video.is_cut_short and lacks_its_end:
        return f"truncated: {decoded}, until {last_seconds:.1f} s"
    if not faults.is_none or num_lost:
        return f"damaged: {decoded} ({faults})"
    return video.structure.fault
