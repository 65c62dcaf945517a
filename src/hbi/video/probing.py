"""What a video file says about itself; at most one frame is decoded."""

import os
from dataclasses import dataclass
from pathlib import Path

from hbi.video.container import ANOTHER_FILE
from hbi.video.decoding import first_frame
from hbi.video.error import VideoError
from hbi.video.opening import OpenVideo, open_video
from hbi.video.picture import upright_size


@dataclass(frozen=True)
class VideoInfo:
    """Length, rate and size of a video; None where the file does not say.

    `start_seconds` is when the first frame is shown on the axis that players show, `duration_seconds` how long there
    are pictures. `width` and `height` are those of the upright picture with square pixels. `num_frames` counts the
    frames that are shown; in damaged files it is what was once written.
    """

    path: Path
    start_seconds: float
    duration_seconds: float
    num_frames: int | None
    frames_per_second: float | None
    width: int
    height: int
    codec: str
    has_audio: bool


def probe_video(path: str | os.PathLike[str]) -> VideoInfo:
    """Return what the file at `path` says about itself; VideoError where there is no video."""
    with open_video(path) as video:
        stream = video.stream
        num_frames = _num_frames(video)
        rate = stream.average_rate or stream.guessed_rate
        frame = first_frame(video)  # only a decoded frame tells how the picture is to be turned
        height, width = upright_size(video, frame) if frame is not None else (stream.height, stream.width)
        if not (height and width):
            raise VideoError(video.path, "no picture of it can be decoded", ANOTHER_FILE)
        return VideoInfo(
            path=video.path,
            start_seconds=video.start_seconds,
            duration_seconds=video.duration_seconds,
            num_frames=num_frames,
            frames_per_second=float(rate) if rate else None,
            width=width,
            height=height,
            codec=stream.codec_context.codec.canonical_name,
            has_audio=bool(video.container.streams.audio),
        )


def _num_frames(video: OpenVideo) -> int | None:
    """Return the number of frames stated, without those that an edit list hides at the beginning."""
    num_hidden = 0
    for entry in video.stream.index_entries:
        if not entry.is_discard:
            break
        num_hidden += 1
    return video.stream.frames - num_hidden if video.stream.frames else None
