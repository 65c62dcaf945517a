"""Opening a video file: the choice of the stream, its time axis, and what is wrong with the file as a whole."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from hbi.video.clock import Survey, last_end, survey
from hbi.video.container import has_display_times, keep_only, open_container, picture_stream
from hbi.video.demuxing import Faults, demux
from hbi.video.error import VideoError, may_pass
from hbi.video.orientation import Orientation
from hbi.video.structure import LONGEST_LAST_SECONDS, Structure, read_structure

# The pixels of 8K: what claims more is a broken header, and would fill the memory.
MAX_PIXELS = 8192 * 4608

FREE_PIXELS, PIXELS_A_BYTE = 2**33, 2**15
"""What is decoded of any file, 230 pictures of 8K or 4,000 of 1080p, and what more for each of its bytes. Recordings of
a still screen, with a key frame now and then, have fewer; what has more would keep people waiting for nothing."""

MOST_SECONDS = 1e9
"""Thirty years. Times beyond are damaged."""

OWN_ZERO = ("mov", "matroska")
"""Formats whose times count from a zero of their own, where players begin; the others begin with the first packet."""

NO_INDEX = ("mpegts", "mpeg", "flv", "ogg", "nut", "asf", "avi")
"""Formats that may have no list of key frames, whose clock may jump, or whose stated starts and lengths may be none:
all their packets are looked at once."""

SLIVER = Fraction(1, 10**9)
"""Seconds that forgive rounding: 0.3 s, a hair below 3/10 as a number, must not fall before the frame at 3/10."""


@dataclass
class DecodingBudget:
    """How many pixels may still be decoded of a file."""

    path: Path
    pixels_left: int

    def spend(self, frame: VideoFrame) -> None:
        """Count a frame.

        Raises:
            VideoError: That is more than a film of so few bytes needs.
        """
        self.pixels_left -= frame.width * frame.height
        if self.pixels_left < 0:
            cause = "its pictures are too many and too large for a file so small"
            raise VideoError(self.path, cause, "convert it, for instance to H.264 in MP4")


@dataclass(frozen=True)
class OpenVideo:
    """An open container, its video stream, and its time axis, which is that of players.

    Attributes:
        time_base: Seconds of one tick of a presentation timestamp (pts).
        zero: Second 0 of the axis, on the clock of the file.
        start_pts: When the first frame is shown; `start_seconds` on the axis, more than 0 where sound begins earlier.
        end_seconds: When the last frame ends.
        has_display_times: False where the container keeps no trustworthy pts (AVI stores the order of decoding only).
        pixel_aspect: Width of a pixel over its height.
        structure: What the file is as bytes: whole, cut short, with holes.
        survey: What all its packets tell, of a file without a list of key frames or with several parts.
        budget: How much of it may be decoded.
        orientations: Of its frames, by their rotation, as far as they were asked for.
    """

    path: Path
    container: InputContainer
    stream: VideoStream
    time_base: Fraction
    zero: Fraction
    start_pts: int
    end_seconds: float
    has_display_times: bool
    pixel_aspect: Fraction
    structure: Structure
    survey: Survey | None
    budget: DecodingBudget
    orientations: dict[int, Orientation] = field(default_factory=dict)

    @property
    def start_seconds(self) -> float:
        """When the first frame is shown."""
        return self.seconds_at(self.start_pts)

    @property
    def duration_seconds(self) -> float:
        """How long there are pictures."""
        return self.end_seconds - self.start_seconds

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ends before it says it does."""
        return self.structure.is_cut_short

    @property
    def is_transport_stream(self) -> bool:
        """Whether packets come in small pieces that are counted, so that a loss between them shows."""
        return self.container.format.name == "mpegts"

    @property
    def needs_first_packet(self) -> bool:
        """Whether the decoder must see the file's first packet, wherever it is to begin.

        The first packet of an H.264 file tells which x264 wrote it. Those before build 151 coded 4:4:4 otherwise than
        the standard says, which FFmpeg makes up for only if it knows.
        """
        return "4:4:4" in str(self.stream.codec_context.profile)

    def pts_at(self, seconds: float | Fraction) -> int:
        """Return the last tick that is not later than `seconds`."""
        return math.floor((Fraction(seconds) + SLIVER + self.zero) / self.time_base)

    def seconds_at(self, pts: int) -> float:
        """Return the time of a tick in seconds."""
        return float(pts * self.time_base - self.zero)

    def orientation(self, frame: VideoFrame) -> Orientation:
        """Return the orientation of a frame of this video.

        PyAV keeps a frame whose display matrix was looked at until Python collects garbage: dozens of pictures, when
        each is asked. So one of each rotation is.
        """
        if frame.rotation not in self.orientations:
            self.orientations[frame.rotation] = Orientation.of(frame)
        return self.orientations[frame.rotation]

    def span(self, start_seconds: float | None, end_seconds: float | None) -> tuple[float, float]:
        """Return a span of the video, cut to it; None stands for its start or end.

        Raises:
            VideoError: There is nothing of the video in it.
        """
        first, last = self.start_seconds, self.end_seconds
        start = first if start_seconds is None else start_seconds
        end = last if end_seconds is None else end_seconds
        if not (math.isfinite(start) and not math.isnan(end)):
            raise VideoError(self.path, f"the span from {start} to {end} s is no span", "give finite seconds")
        if start_seconds is not None and start >= last:
            cause = f"the span starts at {start:.2f} s, but the video ends at {last:.2f} s"
            raise VideoError(self.path, cause, "start it inside the video")
        if end_seconds is not None and (end <= 0 or (start_seconds is not None and end <= start)):
            raise VideoError(self.path, f"the span from {start:.2f} to {end:.2f} s is empty", "end it after its start")
        if end_seconds is not None and end <= first:
            cause = f"the span ends at {end:.2f} s, but the pictures begin at {first:.2f} s"
            raise VideoError(self.path, cause, "end it inside the video")
        return max(start, first), min(end, last)

    def packets(self, faults: Faults) -> Iterator[Packet]:
        """Yield the packets of the stream from where the container is, their times on one growing axis."""
        clock = self.survey.clock.again() if self.survey else None
        return demux(self.container, self.stream, faults, clock)


@contextmanager
def open_video(path: str | os.PathLike[str]) -> Iterator[OpenVideo]:
    """Yield the open video at `path`, decoding in one thread; VideoError where there is none."""
    path = Path(path)
    with open_container(path) as container:
        try:
            video = _opened(path, container)
        except OSError as error:  # of the system, or FFmpeg's own
            is_of_file = isinstance(error, av.error.FFmpegError) and not may_pass(error)
            reason = error.strerror or error
            raise VideoError(path, f"cannot be read ({reason})", "check the disk", not is_of_file) from error
        yield video


def _opened(path: Path, container: InputContainer) -> OpenVideo:
    stream = picture_stream(path, container)
    if stream.width * stream.height > MAX_PIXELS:
        cause = f"its pictures are {stream.width}x{stream.height}, larger than 8K"
        raise VideoError(path, cause, "convert it to smaller ones")
    if len(stream.index_entries) > path.stat().st_size:
        cause = f"it lists {len(stream.index_entries):,} pictures in {path.stat().st_size:,} bytes"
        raise VideoError(path, cause, "it is damaged: fetch or convert it again")
    stream.thread_type = "NONE"
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    time_base = stream.time_base or Fraction(1)
    structure = read_structure(path)
    start_pts, end = stream.start_time or 0, _stated_end(container, stream)
    surveyed = None
    if container.format.name in NO_INDEX or structure.is_joined or end is None or structure.is_far_from(end):
        surveyed = survey(path)
        if surveyed.first_pts is not None and surveyed.end_pts is not None:
            start_pts, end = surveyed.first_pts, surveyed.end_pts * time_base
    elif not _is_told_by_index(container, stream, end):
        end = min(end, last_end(path) or end)  # a packet may say worse than the file
    elif _may_end_later(stream):
        end = max(end, last_end(path) or end)
    zero = _zero(container, start_pts * time_base, surveyed)
    keep_only(container, stream.index)
    end_seconds = float(max(end or 0, start_pts * time_base) - zero)
    if max(abs(float(start_pts * time_base - zero)), end_seconds) > MOST_SECONDS:
        raise VideoError(path, "its times are beyond thirty years", "it is damaged: fetch or convert it again")
    return OpenVideo(
        path=path,
        container=container,
        stream=stream,
        time_base=time_base,
        zero=zero,
        start_pts=start_pts,
        end_seconds=end_seconds,
        has_display_times=has_display_times(container),
        pixel_aspect=_pixel_aspect(stream),
        structure=structure,
        survey=surveyed,
        budget=DecodingBudget(path, FREE_PIXELS + PIXELS_A_BYTE * path.stat().st_size),
    )


def _zero(container: InputContainer, picture_start: Fraction, surveyed: Survey | None) -> Fraction:
    """Return second 0 of the axis that players show, on the clock of the file."""
    if container.format.name.startswith(OWN_ZERO) and (surveyed is None or surveyed.clock.is_steady):
        return min(Fraction(0), picture_start)
    if surveyed is not None and surveyed.start_seconds is not None:
        return surveyed.start_seconds
    starts = [
        stream.start_time * stream.time_base
        for stream in container.streams
        if stream.type in ("video", "audio")
        and stream.start_time is not None
        and stream.time_base
        and not stream.disposition & Disposition.attached_pic
    ]
    return min([*starts, picture_start])


def _is_told_by_index(container: InputContainer, stream: VideoStream, end: Fraction) -> bool:
    """Return whether a stated end agrees with the file's own list of its packets.

    Matroska's clusters have been asked before. What a file states beyond its last packet is a picture that stands, or a
    lie: then the packets tell.
    """
    if container.format.name.startswith("matroska"):
        return True
    entries = stream.index_entries
    last = entries[len(entries) - 1].timestamp * (stream.time_base or 0) if len(entries) else None
    return last is not None and end <= last + LONGEST_LAST_SECONDS


def _may_end_later(stream: VideoStream) -> bool:
    """Return whether a stated end may lie before the last picture.

    It is reckoned from times of decoding, which end earlier than those of showing where pictures are reordered; by how
    much, evenly spaced pictures alone let one know.
    """
    average, base = stream.average_rate, stream.base_rate
    is_even = average is not None and base is not None and abs(average - base) <= base / 50
    return bool(stream.codec_context.has_b_frames) and not is_even


def _pixel_aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio
    return aspect if aspect is not None and Fraction(1, 8) <= aspect <= 8 else Fraction(1)


def _stated_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return when the pictures end by what the file states, on its own clock; None where it does not."""
    start = (stream.start_time or 0) * (stream.time_base or 0)
    if stream.duration and stream.time_base:
        return start + stream.duration * stream.time_base
    tag = stream.metadata.get("DURATION", "")  # Matroska: the end of this stream; the container's covers all
    hours, _, rest = tag.partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        end = Fraction(3600 * int(hours) + 60 * int(minutes)) + Fraction(seconds)
    except ValueError:
        end = Fraction(container.duration or 0, av.time_base)
        # Where times do not count from the file's own zero, the length stated is counted from the first packet.
        if not container.format.name.startswith(OWN_ZERO):
            end += Fraction(container.start_time or 0, av.time_base)
    return end if end > max(start, 0) else None
