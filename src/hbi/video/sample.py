"""A span of a video as it is explained: what the network is given of it, and what a person is shown."""

from dataclasses import dataclass
from pathlib import Path

from hbi.video import PictureFormat, VideoFrames
from hbi.video.reading import read_frames_at_sizes

THUMBNAIL_HEIGHT = 120
"""Pixels; the network's own input is often too small to look at."""
LONGEST_THUMBNAIL = 8
"""Times its height: of longer ones the middle is shown."""


@dataclass(frozen=True)
class VideoSample:
    """The same frames twice.

    Attributes:
        frames: As the network takes them.
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
        picture: PictureFormat,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> "VideoSample":
        """Return frames of a span of a video, decoded once for both sizes.

        Args:
            video: A video file.
            num_frames: Equal parts of the span, each shown by its middle.
            picture: How a frame becomes the picture that the network takes.
            start_seconds: Where the span begins; None: with the video.
            end_seconds: Where it ends; None: with the video.

        Raises:
            VideoError: There is no video, no such span, or no frame of it can be decoded.
        """
        sizes = (picture, _thumbnail_size)
        frames, thumbnails = read_frames_at_sizes(
            video, num_frames, sizes, start_seconds=start_seconds, end_seconds=end_seconds
        )
        return cls(frames, thumbnails)


def _thumbnail_size(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) of the thumbnails of pictures of a size."""
    fitting = max(1, round(THUMBNAIL_HEIGHT * width / height))
    return THUMBNAIL_HEIGHT, min(fitting, LONGEST_THUMBNAIL * THUMBNAIL_HEIGHT)
