"""Opening a video file: the checks before FFmpeg sees it, the choice of its stream, its time axis."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from hbi.video.error import VideoError

ANOTHER_FILE = "give a video file that FFmpeg can decode"


@dataclass(frozen=True)
class OpenVideo:
    """An open container with its video stream and time axis; `start_pts` is the pts of the first frame, in ticks."""

    path: Path
    container: InputContainer
    stream: VideoStream
    tick_seconds: Fraction
    start_pts: int
    duration_seconds: float

    def pts_at(self, seconds: float) -> int:
        """Return the last tick not later than `seconds` after the first frame."""
        # A thousandth of a tick forgives the rounding of floats: 0.1 s must not fall just before the frame at 0.1 s.
        return self.start_pts + int((Fraction(seconds) / self.tick_seconds + Fraction(1, 1000)) // 1)

    def seconds_at(self, pts: int) -> float:
        """Return the time of `pts` in seconds after the first frame."""
        return float((pts - self.start_pts) * self.tick_seconds)


@contextmanager
def open_video(path: str | os.PathLike[str]) -> Iterator[OpenVideo]:
    """Yield the open video at `path`; VideoError where there is none."""
    path = Path(path)
    _require_regular_file(path)
    try:
        # An absolute path is never taken for a protocol ("http:..."), and a playlist may not reach out of the file.
        container = av.open(os.path.abspath(path), options={"protocol_whitelist": "file"})
    except av.error.FFmpegError as error:
        raise VideoError(path, f"not a readable video ({error.strerror})", ANOTHER_FILE) from error
    with container:
        stream = container.streams.best("video")
        if stream is None:
            raise VideoError(path, "it has no video stream", ANOTHER_FILE)
        stream.thread_type = "NONE"
        yield OpenVideo(path, container, stream, *_time_axis(container, stream))


def _require_regular_file(path: Path) -> None:
    """Refuse what would fail late or block for ever (a FIFO) when FFmpeg opens it."""
    try:
        status = path.stat()
    except OSError as error:
        raise VideoError(path, f"cannot be opened ({error.strerror})", "check the path") from error
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(path, "it is not a regular file", "give the path of one video file")
    if status.st_size == 0:
        raise VideoError(path, "the file is empty", "fetch or export it again")


def _time_axis(container: InputContainer, stream: VideoStream) -> tuple[Fraction, int, float]:
    """Return seconds per tick, pts of the first frame, and the duration in seconds."""
    tick_seconds = stream.time_base
    start_pts = stream.start_time or 0
    if stream.duration:
        return tick_seconds, start_pts, float(stream.duration * tick_seconds)
    if container.duration:
        return tick_seconds, start_pts, container.duration / av.time_base
    return tick_seconds, start_pts, _demuxed_duration(container, stream, start_pts)


def _demuxed_duration(container: InputContainer, stream: VideoStream, start_pts: int) -> float:
    """Return the duration in seconds by walking over all packets, where the file does not state it."""
    end_pts = start_pts
    for packet in container.demux(stream):
        if packet.pts is not None:
            end_pts = max(end_pts, packet.pts + (packet.duration or 0))
    container.seek(start_pts, stream=stream)
    return float((end_pts - start_pts) * stream.time_base)
