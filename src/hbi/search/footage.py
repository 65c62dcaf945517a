"""A long video in stretches of segments: every frame is decoded once, for all the segments that show it."""

import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image
from torch import Tensor

from hbi.video import VideoError
from hbi.video.finding import FrameFinder
from hbi.video.opening import OpenVideo, open_video
from hbi.video.picture import PictureMaker, upright_size

STRETCH_SECONDS = 240.0
"""What is decoded in one go; longer costs memory, shorter costs opening the file again."""
THUMBNAIL_HEIGHT = 144
LONGEST_THUMBNAIL = 4
"""No thumbnail is wider, in heights, than this."""


@dataclass(frozen=True)
class SegmentFrames:
    """What the network sees of one segment, padded to `num_frames`, and its thumbnail as a JPEG file."""

    start_seconds: float
    end_seconds: float
    pixels: UInt8[Tensor, "frame 3 height width"]
    mask: Bool[Tensor, " frame"]
    thumbnail: bytes


@dataclass(frozen=True)
class Stretch:
    """Some neighboring segments; `fault` says what of them could not be decoded."""

    segments: tuple[SegmentFrames, ...]
    fault: str | None


def read_stretches(
    path: Path, windows: Sequence[tuple[float, float]], *, num_frames: int, image_size: int
) -> Iterator[Stretch]:
    """Yield the segments of a video, `windows` in ascending order; each sees the frames that `read_frames` gives of it.

    A segment without one frame that can be decoded is left out, and the stretch's `fault` says so.
    """
    for group in _groups(windows):
        try:
            yield _read(path, group, num_frames, image_size)
        except VideoError as error:
            yield Stretch((), error.cause)


def _groups(windows: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    group: list[tuple[float, float]] = []
    for window in windows:
        if group and window[1] - group[0][0] > STRETCH_SECONDS:
            yield group
            group = []
        group.append(window)
    if group:
        yield group


def _read(path: Path, windows: Sequence[tuple[float, float]], num_frames: int, image_size: int) -> Stretch:
    small = PictureMaker(path, image_size, "crop")
    large: PictureMaker | None = None
    pictures: dict[int, np.ndarray] = {}
    thumbnails: dict[int, np.ndarray] = {}
    with open_video(path) as video:
        targets = [_targets(video, window, num_frames) for window in windows]
        part = max(end - start for start, end in windows) / num_frames / float(video.time_base)
        finder = FrameFinder(sorted({target for row in targets for target in row}), reach=part / 2)
        for pts, frame in finder.frames(video):
            if pts not in pictures:
                large = large or PictureMaker(path, _thumbnail_size(*upright_size(frame)), "squash")
                pictures[pts], thumbnails[pts] = small.picture(frame), large.picture(frame)
    is_whole = finder.num_bad_packets == 0 and finder.num_lost == 0
    found, segments = sorted(pictures), []
    for (start, end), row in zip(windows, targets, strict=True):
        shown = _shown(found, row, None if is_whole else part)
        if shown:
            pixels = torch.zeros(num_frames, 3, image_size, image_size, dtype=torch.uint8)
            for place, pts in enumerate(shown):
                pixels[place] = torch.from_numpy(np.ascontiguousarray(pictures[pts].transpose(2, 0, 1)))
            mask = torch.arange(num_frames) < len(shown)
            segments.append(SegmentFrames(start, end, pixels, mask, _jpeg(thumbnails[shown[len(shown) // 2]])))
    num_lost = len(windows) - len(segments)
    reasons = [f"broken packets: {finder.num_bad_packets}"] if not is_whole else []
    reasons += [f"{num_lost} of {len(windows)} segments could not be decoded"] if num_lost else []
    return Stretch(tuple(segments), ", ".join(reasons) or None)


def _targets(video: OpenVideo, window: tuple[float, float], num_frames: int) -> list[int]:
    """Return the middles of equal parts, in ticks, exactly as `read_frames` chooses them."""
    start, end = window
    part = (end - start) / num_frames
    return [video.pts_at(start + (number + 0.5) * part) for number in range(num_frames)]


def _shown(found: Sequence[int], targets: Sequence[int], reach: float | None) -> list[int]:
    """Return which of the frames `found` (pts, ascending) are on screen at `targets`; each once.

    In a damaged video a frame farther than `reach` from a target does not stand for it.
    """
    shown: dict[int, None] = {}
    for target in targets:
        place = bisect_right(found, target) - 1
        nearest = found[max(place, 0)] if found else None
        if nearest is not None and (reach is None or abs(target - nearest) <= reach):
            shown[nearest] = None
    return list(shown)


def _thumbnail_size(height: int, width: int) -> tuple[int, int]:
    scaled = round(THUMBNAIL_HEIGHT * width / height)
    return THUMBNAIL_HEIGHT, min(max(1, scaled), LONGEST_THUMBNAIL * THUMBNAIL_HEIGHT)


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()
