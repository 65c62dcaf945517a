"""A moment cut out of a video, as an MP4 file that plays anywhere: H.264 and, where there is sound, AAC."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
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
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from hbi.errors import HBIError
from hbi.files import place_beside
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


def cut_clip(video: str | os.PathLike[str], start_seconds: float, end_seconds: float, out: Path) -> None:
    """Write the moment `start_seconds` to `end_seconds`, on the axis that players show, of a video to `out`.

    It begins with the picture on screen at its start and lasts to its end; pictures are upright, have square pixels and
    the colors of an ordinary screen, and are scaled down to 1280 pixels. The sound is that of the best track that can
    be decoded. The file appears whole or not at all.

    Raises:
        VideoError: The video cannot be decoded there.
        ClipWriteError: The file cannot be written.
    """
    beside = place_beside(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with open_video(video) as opened:
            _write(opened, *opened.span(start_seconds, end_seconds), beside)
        beside.replace(out)
    except OSError as error:  # PyAV's errors of the disk are among them
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise ClipWriteError(f"cannot write {out} ({reason}): choose another folder") from error
    except av.error.FFmpegError as error:
        raise ClipWriteError(f"cannot cut {video} into {out} ({error.strerror})") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _write(video: OpenVideo, start: float, end: float, out: Path) -> None:
    pictures = _pictures(video, start, end)
    first = next(pictures, None)
    if first is None:
        raise VideoError(video.path, f"no frame from {start:.1f} to {end:.1f} s can be decoded", ANOTHER_FILE)
    sounds = sound_frames(video, start, end)
    sound = next(sounds, None)
    with av.open(str(out), "w", options={"movflags": "+faststart"}) as target:
        drawn = _picture_stream(target, *first.pixels.shape[:2])
        heard = target.add_stream("aac", rate=RATE, layout="stereo") if sound is not None else None
        spoken = chain([sound], sounds) if sound is not None else iter(())
        lengths: dict[int, int] = {}
        items: Iterator[_Shown | AudioFrame] = merge(chain([first], pictures), spoken, key=_begin)
        for item in items:
            if isinstance(item, _Shown):
                frame = item.frame()
                lengths[item.pts] = item.length
                _mux_pictures(target, drawn.encode(frame), lengths)
            elif heard is not None:
                target.mux(heard.encode(item))
        _mux_pictures(target, drawn.encode(), lengths)
        if heard is not None:
            target.mux(heard.encode())


def _begin(item: "_Shown | AudioFrame") -> Fraction:
    return Fraction(item.pts, TICKS) if isinstance(item, _Shown) else Fraction(item.pts or 0, RATE)


@dataclass(frozen=True)
class _Shown:
    """A picture, when it begins and how long it stands, in ticks of the clip."""

    pts: int
    length: int
    pixels: NDArray[np.uint8]

    def frame(self) -> VideoFrame:
        """Return it as what the encoder takes."""
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(self.pixels), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = self.pts, Fraction(1, TICKS)
        return frame


def _pictures(video: OpenVideo, start: float, end: float) -> Iterator[_Shown]:
    """Yield everything that is on screen from `start` to `end`, without gaps."""
    maker: PictureMaker | None = None
    for begin, until, frame in _on_screen(video, start, end):
        maker = maker or PictureMaker(video, _clip_size(*upright_size(video, frame)), "squash")
        pixels = maker.picture(frame)
        now, end = round(begin * TICKS), round(until * TICKS)
        while now < end:  # of pictures within one tick the last one is shown
            length = min(LONGEST_STAND, end - now)
            yield _Shown(now, length, pixels)
            now += length


def _on_screen(video: OpenVideo, start: float, end: float) -> Iterator[tuple[Fraction, Fraction, VideoFrame]]:
    """Yield frames with when each begins and ends, in seconds after `start`."""
    first, last = video.pts_at(start), video.pts_at(end)
    length = Fraction(end) - Fraction(start)

    def after_start(pts: int) -> Fraction:
        return min(max((pts * video.time_base - video.zero) - Fraction(start), Fraction(0)), length)

    now: FrameAt | None = None
    for pts, frame in frames_from(video, first, Faults()):
        if pts >= last and now is not None:
            break
        if now is not None and pts > first:
            yield after_start(now[0]), after_start(pts), now[1]
        now = pts, frame
    if now is not None and now[0] < max(last, first + 1):
        yield after_start(now[0]), length, now[1]


def _clip_size(height: int, width: int) -> tuple[int, int]:
    """Return the size of a clip: 4:2:0 needs even sides."""
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    return max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)


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
