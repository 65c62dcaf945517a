"""A span of a video as it is explained: what the network is given of it, and what a person is shown."""

from dataclasses import dataclass
from pathlib import Path

from hbi.video import VideoFrames, probe_video, read_frames

THUMBNAIL_HEIGHT = 120
"""Pixels; the network's own input is often too small to look at."""
LONGEST_THUMBNAIL = 8
"""Times its height: of longer ones the middle is shown."""


@dataclass(frozen=True)
class Sample:
    """The same frames twice.

    Attributes:
        frames: Squares of the network's size.
        thumbnails: Whole pictures, `THUMBNAIL_HEIGHT` high.
    """

    frames: VideoFrames
    thumbnails: VideoFrames

    @classmethod
    def read(
        cls,
        video: Path,
        num_frames: int,
        *,
        image_size: int,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> "Sample":
        """Return frames of a span of a video file, see `hbi.video.read_frames`; VideoError where there are none."""
        info = probe_video(video)
        width = max(1, round(THUMBNAIL_HEIGHT * info.width / info.height))
        size = THUMBNAIL_HEIGHT, min(width, LONGEST_THUMBNAIL * THUMBNAIL_HEIGHT)
        frames, thumbnails = (
            read_frames(video, num_frames, image_size=each, start_seconds=start_seconds, end_seconds=end_seconds)
            for each in (image_size, size)
        )
        return cls(frames, thumbnails)
