"""Segments of a long video, in batches: it is decoded once, and every frame serves all segments that show it."""

import io
from collections import deque
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image
from torch import Tensor

from hbi.search.index_settings import IndexSettings, milliseconds
from hbi.video import PictureFormat
from hbi.video.demuxing import Faults
from hbi.video.finding import FoundFrame, FrameFinder
from hbi.video.opening import OpenVideo, open_video
from hbi.video.picture import PictureMaker, upright_size
from hbi.video.tubelets import TubeletTargets, shown_tubelets

BATCH_SECONDS = 240.0
BATCH_WINDOWS = 64
"""What is handed on in one go; more costs memory."""
WINDOWS_AT_ONCE = 4096
"""What is planned in one go; more costs memory, fewer ask more often to find the place again."""
THUMBNAIL_HEIGHT = 144
LONGEST_THUMBNAIL = 4
"""No thumbnail is wider, in heights, than this."""
Rows: TypeAlias = list[tuple[int, ...]]
"""The ticks of the frames of each position of a window."""
MIN_BYTES_PER_SEGMENT = 100
"""Films have more; of a file with less the packets are counted, instead of believing how long it says it is."""


@dataclass(frozen=True)
class SegmentFrames:
    """What the network sees of one segment, padded to `num_frames`, and its thumbnail as a JPEG file.

    With tubelets `pixels` has the frames of each position, as `PictureFormat` says.
    """

    start_seconds: float
    end_seconds: float
    pixels: UInt8[Tensor, "frame *tubelet 3 height width"]
    mask: Bool[Tensor, " frame"]
    thumbnail: bytes


@dataclass(frozen=True)
class SegmentBatch:
    """The segments of some neighboring windows.

    Attributes:
        num_windows: How many windows these were.
        problem: What of them could not be decoded.
    """

    segments: tuple[SegmentFrames, ...]
    num_windows: int
    problem: str | None


def windows_of(video: OpenVideo, settings: IndexSettings) -> Sequence[tuple[float, float]]:
    """Return the windows of a video that are worth reading: no more than its packets can fill."""
    windows = settings.windows(video.start_seconds, video.end_seconds)
    if windows.num_windows <= video.path.stat().st_size / MIN_BYTES_PER_SEGMENT:
        return windows
    times = (packet.pts if video.has_display_times else packet.dts for packet in video.packets(Faults()))
    return windows.around(video.seconds_at(time) for time in times if time is not None)


def read_segments(
    path: Path,
    windows: Sequence[tuple[float, float]],
    *,
    num_frames: int,
    picture: PictureFormat,
    known: Container[int] = frozenset(),
) -> Iterator[SegmentBatch]:
    """Yield the segments of a video, `windows` in ascending order; each sees the frames that `read_frames` gives of it.

    A window in which nothing is shown but what the one before shows is no segment: while a picture stands, however long
    the file says it does, nothing is to be found that was not found before. A window without one frame that can be
    decoded is left out, and the batch's `problem` says so.

    Args:
        path: The video file.
        windows: (start, end) in seconds.
        num_frames: Frames of a segment.
        picture: How a frame becomes the picture that a network takes.
        known: Milliseconds at which windows begin that are not wanted: they were read before.

    Raises:
        VideoError: The file cannot be read, or not any more.
    """
    first = next((place for place, window in enumerate(windows) if milliseconds(window[0]) not in known), None)
    if first is None:
        return
    shown: tuple[int, ...] = ()
    for begin in range(max(0, first - 1), len(windows), WINDOWS_AT_ONCE):
        with open_video(path) as video:
            reader = _SegmentReader(video, num_frames, picture, known, shown)
            yield from reader.batches(windows[begin : begin + WINDOWS_AT_ONCE])
            shown = reader.shown_last


def _groups(windows: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    group: list[tuple[float, float]] = []
    for window in windows:
        if group and (len(group) == BATCH_WINDOWS or window[1] - group[0][0] > BATCH_SECONDS):
            yield group
            group = []
        group.append(window)
    if group:
        yield group


@dataclass(frozen=True)
class _DecodedFrame:
    """A frame as the network sees it, and as a person does."""

    picture: np.ndarray
    thumbnail: np.ndarray


class _SegmentReader:
    """One pass through a video, which drops each frame after the last segment that shows it.

    `shown_last` has the pts of what the last window showed.
    """

    def __init__(
        self,
        video: OpenVideo,
        num_frames: int,
        picture: PictureFormat,
        known: Container[int],
        shown_last: tuple[int, ...],
    ) -> None:
        self._video, self._num_frames, self._picture = video, num_frames, picture
        self._known, self.shown_last = known, shown_last
        self._small = PictureMaker(video, picture)
        self._large: PictureMaker | None = None
        self._tubelets = TubeletTargets(video, picture)
        self._shown: dict[int, int] = {}  # by target: the pts of the frame that is on screen
        self._decoded: dict[int, _DecodedFrame] = {}  # by pts

    def batches(self, windows: Sequence[tuple[float, float]]) -> Iterator[SegmentBatch]:
        """Yield the segments of all windows."""
        groups = deque([(window, self._targets(window)) for window in group] for group in _groups(windows))
        targets = sorted({target for group in groups for _, rows in group for row in rows for target in row})
        part = max(end - start for start, end in windows) / self._num_frames / float(self._video.time_base)
        finder, faults = FrameFinder(targets, reach=part / 2), Faults()
        for found in finder.frames(self._video):
            while groups and found.targets[0] > max(max(row) for row in groups[0][-1][1]):
                yield self._batch(groups, finder.faults, faults)
                faults = finder.faults
            self._keep(found)
        while groups:
            yield self._batch(groups, finder.faults, faults)
            faults = finder.faults

    def _targets(self, window: tuple[float, float]) -> Rows:
        """Return where frames are taken, in ticks, exactly as `read_frames` chooses them, and what is around."""
        return self._tubelets.rows(*window, self._num_frames)

    def _keep(self, found: FoundFrame) -> None:
        if found.pts not in self._decoded:
            size = _thumbnail_size(*upright_size(self._video, found.frame))
            self._large = self._large or PictureMaker(self._video, size, "squash")
            self._decoded[found.pts] = _DecodedFrame(self._small.picture(found.frame), self._large.picture(found.frame))
        self._shown |= dict.fromkeys(found.targets, found.pts)

    def _batch(
        self, groups: deque[list[tuple[tuple[float, float], Rows]]], faults: Faults, faults_before: Faults
    ) -> SegmentBatch:
        """Return the segments of the first of `groups`, and drop what no later one shows."""
        group = groups.popleft()
        segments, num_lost = [], 0
        for window, rows in group:
            tubelets = shown_tubelets(rows, self._shown)
            shown = tuple(row[len(row) // 2] for row in tubelets)
            num_lost += not shown
            if shown and shown != self.shown_last and milliseconds(window[0]) not in self._known:
                segments.append(self._segment(window, tubelets))
            self.shown_last = shown or self.shown_last
        first = min(min(row) for row in groups[0][0][1]) if groups else None
        self._shown = {target: pts for target, pts in self._shown.items() if first is not None and target >= first}
        kept = set(self._shown.values())
        self._decoded = {pts: frame for pts, frame in self._decoded.items() if pts in kept}
        reasons = [str(faults)] if faults != faults_before else []
        reasons += [f"{num_lost} of {len(group)} segments could not be decoded"] if num_lost else []
        return SegmentBatch(tuple(segments), len(group), ", ".join(reasons) or None)

    def _segment(self, window: tuple[float, float], tubelets: Sequence[tuple[int, ...]]) -> SegmentFrames:
        """Return what is seen of one window, each position once."""
        pixels = torch.zeros(self._num_frames, *self._picture.shape, dtype=torch.uint8)
        for position, row in zip(pixels, tubelets, strict=False):
            for picture, pts in zip(position.view(-1, *position.shape[-3:]), row, strict=True):
                picture[:] = torch.from_numpy(np.ascontiguousarray(self._decoded[pts].picture.transpose(2, 0, 1)))
        mask = torch.arange(self._num_frames) < len(tubelets)
        middle = tubelets[len(tubelets) // 2]
        return SegmentFrames(*window, pixels, mask, _jpeg(self._decoded[middle[len(middle) // 2]].thumbnail))


def _thumbnail_size(height: int, width: int) -> tuple[int, int]:
    scaled = round(THUMBNAIL_HEIGHT * width / height)
    return THUMBNAIL_HEIGHT, min(max(1, scaled), LONGEST_THUMBNAIL * THUMBNAIL_HEIGHT)


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()
