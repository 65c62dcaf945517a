"""Opening a video file: the checks before FFmpeg sees it, the choice of the stream, its time axis."""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from hbi.video.demuxing import Faults, demux
from hbi.video.error import VideoError
from hbi.video.truncation import is_cut_short

ANOTHER_FILE = "give a video file that FFmpeg can decode"

# The containers of moving pictures. Left out on purpose: playlists (hls, concat, dash), which open other files that a
# stranger's "video" names; tty, which takes any text for a film; bare streams without times (h264); still images.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,apng,mpegts,mpeg,flv,asf,ogg,nut,ivf,mxf,rm,dv,wtv,yuv4mpegpipe"
)

# Twice the pixels of 8K: what claims more is a broken header, and would fill the memory.
MAX_PIXELS = 2**26


@dataclass(frozen=True)
class OpenVideo:
    """An open container, its video stream, and the stream's time axis.

    `start_pts` is the presentation timestamp (pts) of the first frame and `time_base` the seconds of one tick of it;
    `has_display_times` is False where the container keeps no trustworthy pts (AVI stores the order of decoding only);
    `is_cut_short` is True where the file ends before it says it does.
    """

    path: Path
    container: InputContainer
    stream: VideoStream
    time_base: Fraction
    start_pts: int
    duration_seconds: float
    has_display_times: bool
    is_cut_short: bool

    def pts_at(self, seconds: float) -> int:
        """Return the last tick not later than `seconds` after the first frame."""
        # A sliver of a tick forgives rounding: 0.1 s must not fall just before the frame at 0.1 s.
        return self.start_pts + math.floor(seconds * self.time_base.denominator / self.time_base.numerator + 1e-5)

    def seconds_at(self, pts: int) -> float:
        """Return the time of `pts` in seconds after the first frame."""
        return (pts - self.start_pts) * self.time_base.numerator / self.time_base.denominator


@contextmanager
def open_video(path: str | os.PathLike[str]) -> Iterator[OpenVideo]:
    """Yield the open video at `path`, decoding in one thread; VideoError where there is none."""
    path = Path(path)
    _require_regular_file(path)
    with _open_container(path) as container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
            raise VideoError(path, "it has no video stream", ANOTHER_FILE)
        if stream.codec_context is None:
            raise VideoError(path, "its codec is not known here", "convert it, for instance to H.264 in MP4")
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        stream.thread_type = "NONE"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        time_base = stream.time_base or Fraction(1)
        start_pts = stream.start_time or 0
        yield OpenVideo(
            path=path,
            container=container,
            stream=stream,
            time_base=time_base,
            start_pts=start_pts,
            duration_seconds=_stated_duration(container, stream, float(start_pts * time_base))
            or _measured_duration(path),
            has_display_times=container.format.name != "avi",
            is_cut_short=is_cut_short(path),
        )


def _require_regular_file(path: Path) -> None:
    """Refuse what would fail late, or block for ever (a FIFO), when FFmpeg opens it."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(path, f"cannot be opened ({reason})", "check the path") from error
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(path, "it is not a regular file", "give the path of one video file")
    if status.st_size == 0:
        raise VideoError(path, "the file is empty", "fetch or export it again")


def _open_container(path: Path) -> InputContainer:
    try:
        return av.open(
            os.path.abspath(path),  # never taken for a protocol, as "http:..." would be
            options={"protocol_whitelist": "file", "format_whitelist": FORMATS},
            metadata_errors="replace",  # titles in odd encodings are no reason to fail
        )
    except av.error.ArgumentError as error:
        raise VideoError(path, "not a video (another kind of file)", ANOTHER_FILE) from error
    except av.error.FFmpegError as error:
        raise VideoError(path, f"not a readable video ({error.strerror})", ANOTHER_FILE) from error


def _stated_duration(container: InputContainer, stream: VideoStream, start_seconds: float) -> float:
    """Return the seconds of the video stream that the file states, 0 where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska: the duration of this stream; the container's covers all
    hours, _, rest = tag.partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        end_seconds = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        end_seconds = (container.duration or 0) / av.time_base
    return max(0.0, end_seconds - max(0.0, start_seconds))


def _measured_duration(path: Path) -> float:
    """Return the seconds from first to last frame by walking over all packets, decoding none."""
    start_pts, end_pts = math.inf, -math.inf
    with _open_container(path) as container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            return 0.0
        for packet in demux(container, stream, Faults()):
            if packet.pts is not None:
                start_pts = min(start_pts, packet.pts)
                end_pts = max(end_pts, packet.pts + (packet.duration or 0))
        return max(0.0, end_pts - start_pts) * float(stream.time_base or 1)
