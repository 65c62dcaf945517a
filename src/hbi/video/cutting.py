"""A moment cut out of a video, or all of it, as an MP4 file that plays anywhere: H.264 and, with sound, AAC."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

from hbi.errors import HBIError
from hbi.files import replacing
from hbi.video.container import ANOTHER_FILE
from hbi.video.decoding import FrameAt, frames_from
from hbi.video.demuxing import Faults
from hbi.video.error import VideoError
from hbi.video.opening import OpenVideo, open_video
from hbi.video.picture import PictureMaker, upright_size
from hbi.video.sound import RATE, sound_frames

LONGEST_SIDE = 1280
TICKS = 90_000
"""Of a second."""
LONGEST_STAND = TICKS // 2
"""A picture that stands for longer is written again: players find their way by pictures."""
X264 = {"preset": "veryfast", "crf": "21", "bf": "0"}


class ClipWriteError(HBIError):
    """A clip cannot be written there."""


def cut_clip(
    video: str | os.PathLike[str],
    start_seconds: float,
    end_seconds: float,
    out: Path,
    *,
    longest_side: int = LONGEST_SIDE,
) -> str | None:
    """Write a moment of a video to a file of its own.

    It begins with the picture on screen at its start and lasts to its end; pictures are upright, have square pixels and
    the colors of an ordinary screen, and are scaled down to `longest_side`. The sound is that of the best track that
    can be decoded. Returns one line on pictures that could not be decoded, None where all could.

    Args:
        video: Path of the video file.
        start_seconds: Where the moment begins, on the axis that players show.
        end_seconds: Where it ends.
        out: The MP4 file to write; missing folders are made. It appears whole or not at all.
        longest_side: Pixels; larger pictures are scaled down.

    Raises:
        VideoError: The video cannot be decoded there.
        ClipWriteError: The file cannot be written.
    """
    return _write_file(video, out, lambda opened: opened.span(start_seconds, end_seconds), longest_side)


def convert_video(
    video: str | os.PathLike[str], max_seconds: float, out: Path, *, longest_side: int = LONGEST_SIDE
) -> str | None:
    """Write a whole video as `cut_clip` writes a moment; second n of the file is second n of the video's own axis.

    Where the pictures begin later than that axis, the first one stands from its start. Returns one line on damage.

    Args:
        video: Path of the video file.
        max_seconds: A video that ends later is refused.
        out: The MP4 file to write, as for `cut_clip`.
        longest_side: Pixels; larger pictures are scaled down.

    Raises:
        VideoError: The video cannot be decoded, or is too long.
        ClipWriteError: The file cannot be written.
    """

    def span(opened: OpenVideo) -> tuple[float, float]:
        if opened.end_seconds > max_seconds:
            cause = f"it lasts {opened.end_seconds:.0f} s, at most {max_seconds:.0f} s are converted"
            raise VideoError(opened.path, cause, "cut a moment out of it")
        return 0.0, opened.end_seconds

    return _write_file(video, out, span, longest_side)


def _write_file(
    video: str | os.PathLike[str], out: Path, span: Callable[[OpenVideo], tuple[float, float]], longest_side: int
) -> str | None:
    try:
        with replacing(out) as draft, open_video(video) as opened:
            faults = _write(opened, *span(opened), draft, longest_side)
    except OSError as error:  # PyAV's errors of the disk are among them
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise ClipWriteError(f"cannot write {out} ({reason}): choose another folder") from error
    except av.error.FFmpegError as error:
        raise ClipWriteError(f"cannot cut {video} into {out} ({error.strerror})") from error
    return None if faults.is_none else f"damaged ({faults}): pictures stand where others are lost"


def _write(video: OpenVideo, start: float, end: float, out: Path, longest_side: int) -> Faults:
    faults = Faults()
    pictures = _pictures(video, start, end, faults, longest_side)
    first = next(pictures, None)
    if first is None:
        raise VideoError(video.path, f"no frame from {start:.1f} to {end:.1f} s can be decoded", ANOTHER_FILE)
    sounds = sound_frames(video, start, end)
    sound = next(sounds, None)
    with av.open(str(out), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        drawn = _picture_stream(target, *first.pixels.shape[:2])
        heard = target.add_stream("aac", rate=RATE, layout="stereo") if sound is not None else None
        spoken = chain([sound], sounds) if sound is not None else iter(())
        lengths: dict[int, int] = {}
        reformatter = VideoReformatter()
        items: Iterator[_Shown | AudioFrame] = merge(chain([first], pictures), spoken, key=_begin)
        for item in items:
            if isinstance(item, _Shown):
                frame = item.frame(reformatter)
                lengths[item.pts] = item.length
                _mux_pictures(target, drawn.encode(frame), lengths)
            elif heard is not None:
                target.mux(heard.encode(item))
        _mux_pictures(target, drawn.encode(), lengths)
        if heard is not None:
            target.mux(heard.encode())
    return faults


def _begin(item: "_Shown | AudioFrame") -> Fraction:
    return Fraction(item.pts, TICKS) if isinstance(item, _Shown) else Fraction(item.pts or 0, RATE)


@dataclass(frozen=True)
class _Shown:
    """A picture, when it begins and how long it stands, in ticks of the clip."""

    pts: int
    length: int
    pixels: NDArray[np.uint8]

    def frame(self, reformatter: VideoReformatter) -> VideoFrame:
        """Return it as what the encoder takes; all pictures share one scaler."""
        frame = reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(self.pixels), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = self.pts, Fraction(1, TICKS)
        return frame


def _pictures(video: OpenVideo, start: float, end: float, faults: Faults, longest_side: int) -> Iterator[_Shown]:
    """Yield everything that is on screen from `start` to `end`, without gaps; all of the size of the first picture."""
    frame_size: tuple[int, int] | None = None
    makers: dict[tuple[int, int], PictureMaker] = {}
    for begin, until, frame in _on_screen(video, start, end, faults):
        own_size = upright_size(video, frame)
        if frame_size is None:
            frame_size = _clip_size(*own_size, longest_side)
            begin = Fraction(0) if start < video.start_seconds else begin  # before it there is nothing to show
        size = _size_within(frame_size, own_size)
        if size not in makers:
            makers[size] = PictureMaker(video, size, "squash")
        pixels = _in_the_middle(makers[size].picture(frame), frame_size)
        now, last = round(begin * TICKS), round(until * TICKS)
        while now < last:  # of pictures within one tick the last one is shown
            length = min(LONGEST_STAND, last - now)
            yield _Shown(now, length, pixels)
            now += length


def _on_screen(
    video: OpenVideo, start: float, end: float, faults: Faults
) -> Iterator[tuple[Fraction, Fraction, VideoFrame]]:
    """Yield frames with when each begins and ends, in seconds after `start`; none where damage has left none."""
    first, length = video.pts_at(start), Fraction(end) - Fraction(start)

    def after_start(pts: int) -> Fraction:
        return min(max((pts * video.time_base - video.zero) - Fraction(start), Fraction(0)), length)

    now: FrameAt | None = None
    for pts, frame in frames_from(video, first, faults):
        if after_start(pts) >= length and now is not None:
            break
        if now is not None and pts > first:
            yield after_start(now[0]), after_start(pts), now[1]
        now = pts, frame
    if now is None:
        return
    is_of_before = now[0] < first - max(1, now[1].duration)
    if not (is_of_before and not faults.is_none):  # a picture of before, where damage has swallowed what followed
        yield after_start(now[0]), length, now[1]


def _clip_size(height: int, width: int, longest_side: int) -> tuple[int, int]:
    """Return the size of a clip: 4:2:0 needs even sides."""
    scale = min(1.0, longest_side / max(height, width))
    return max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)


def _size_within(frame: tuple[int, int], picture: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which a picture fills a frame without losing its shape, but for the rounding of the frame."""
    height, width = (side * min(frame[0] / picture[0], frame[1] / picture[1]) for side in picture)
    is_close = abs(height - frame[0]) <= 2 and abs(width - frame[1]) <= 2
    return frame if is_close else (max(1, round(height)), max(1, round(width)))


def _in_the_middle(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture with black around it where it does not fill the size: of joined films each has its own."""
    height, width = pixels.shape[:2]
    if (height, width) == size:
        return pixels
    framed = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    framed[top : top + height, left : left + width] = pixels
    return framed


def _picture_stream(target: Any, height: int, width: int) -> Any:
    stream = target.add_stream("libx264", rate=30, options=X264)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, TICKS)
    context.colorspace, context.color_range = int(Colorspace.ITU709), int(ColorRange.MPEG)
    context.color_primaries, context.color_trc = int(ColorPrimaries.BT709), int(ColorTrc.BT709)
    return stream


def _mux_pictures(target: Any, packets: list[Any], lengths: dict[int, int]) -> None:
    for packet in packets:
        packet.duration = lengths.pop(packet.pts)  # the last one's tells when the clip ends
        target.mux(packet)
