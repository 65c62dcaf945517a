"""What an index knows of each video file: where it is, what it holds, whether it could be read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class VideoRecord:
    """One file that was looked at.

    Segments belong to contents, not to paths: a moved file keeps its segments, two copies share them.

    Attributes:
        path: Absolute.
        content: Hash of the bytes.
        size_bytes, modified_ns: What the file was when it was read: the same now means unchanged.
        duration_seconds: Length of the video; 0 where it cannot be read.
        num_segments: How many segments its content has; 0 where it cannot be read.
        fault: One line on what could not be read of it, None where all was well.
    """

    path: str
    content: str
    size_bytes: int
    modified_ns: int
    duration_seconds: float
    num_segments: int
    fault: str | None = None

    @property
    def is_broken(self) -> bool:
        """Whether nothing of it could be read."""
        return self.num_segments == 0
