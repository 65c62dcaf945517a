"""A file as FFmpeg's demuxer gives it: the checks before FFmpeg sees it, and which formats it may be."""

import os
import stat
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from hbi.video.error import VideoError, may_pass

ANOTHER_FILE = "give a video file that FFmpeg can decode"

# The containers of moving pictures. Left out on purpose: playlists (hls, concat, dash), which open other files that a
# stranger's "video" names; tty, which takes any text for a film; bare streams without times (h264); still images.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,apng,mpegts,mpeg,flv,asf,ogg,nut,ivf,mxf,rm,dv,wtv,yuv4mpegpipe"
)


def open_container(path: Path) -> InputContainer:
    """Return the opened file; VideoError where it is no file that may hold moving pictures."""
    _require_regular_file(path)
    try:
        return av.open(
            os.path.abspath(path),  # never taken for a protocol, as "http:..." would be
            options={"protocol_whitelist": "file", "format_whitelist": FORMATS},
            metadata_errors="replace",  # titles in odd encodings are no reason to fail
        )
    except av.error.ArgumentError as error:
        raise VideoError(path, "not a video (another kind of file)", ANOTHER_FILE) from error
    except av.error.FFmpegError as error:
        raise VideoError(path, f"not a readable video ({error.strerror})", ANOTHER_FILE, may_pass(error)) from error


def picture_stream(path: Path, container: InputContainer) -> VideoStream:
    """Return the stream of moving pictures; VideoError where there is none, or none that can be decoded."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        raise VideoError(path, "it has no video stream", ANOTHER_FILE)
    if stream.codec_context is None:
        raise VideoError(path, "its codec is not known here", "convert it, for instance to H.264 in MP4")
    return stream


def keep_only(container: InputContainer, index: int) -> None:
    """Let the demuxer pass over every stream but the one with this index."""
    for other in container.streams:
        if other.index != index:
            other.discard = Discard.all


def has_display_times(container: InputContainer) -> bool:
    """Return whether packets say when they are shown: AVI stores the order of decoding only."""
    return bool(container.format.name != "avi")


def _require_regular_file(path: Path) -> None:
    """Refuse what would fail late, or block for ever (a FIFO), when FFmpeg opens it."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(path, f"cannot be opened ({reason})", "check the path", isinstance(error, OSError)) from error
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(path, "it is not a regular file", "give the path of one video file")
    if status.st_size == 0:
        raise VideoError(path, "the file is empty", "fetch or export it again")
