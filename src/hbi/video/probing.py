"""What a video file says about itself, without decoding it."""

import os
from dataclasses import dataclass
from pathlib import Path

from hbi.video.opening import open_video


@dataclass(frozen=True)
class VideoInfo:
    """Length, rate and size of a video; `width` and `height` in pixels after rotation."""

    path: Path
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
        rate = stream.average_rate or stream.guessed_rate
        return VideoInfo(
            path=video.path,
            duration_seconds=video.duration_seconds,
            num_frames=stream.frames or None,
            frames_per_second=float(rate) if rate else None,
            width=stream.width,
            height=stream.height,
            codec=stream.codec_context.codec.canonical_name,
            has_audio=bool(video.container.streams.audio),
        )
