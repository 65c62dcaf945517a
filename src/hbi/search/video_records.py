"""What an index knows of each video file, and what the file is now: where they agree it is not read again."""

import hashlib
import os
from dataclasses import dataclass

from hbi.files import open_regular

EARLIEST_NS, LATEST_NS = -(2**63), 2**63 - 1
"""Bounds of a time in nanoseconds as it is stored: the years 1677 and 2262. Some files say they are from beyond."""


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
        problem: One line on what could not be read of it, None where all was well.
    """

    path: str
    content: str
    size_bytes: int
    modified_ns: int
    duration_seconds: float
    num_segments: int
    problem: str | None = None

    @property
    def is_broken(self) -> bool:
        """Whether nothing of it could be read."""
        return self.num_segments == 0


@dataclass(frozen=True)
class FoundFile:
    """A file that may be a video, as it is now."""

    path: str
    size_bytes: int
    modified_ns: int

    @classmethod
    def at(cls, path: str) -> "FoundFile":
        """Return the file at `path` as it is now; OSError where there is none."""
        status = os.stat(path)
        return cls(path, status.st_size, min(max(status.st_mtime_ns, EARLIEST_NS), LATEST_NS))


def is_current(record: VideoRecord) -> bool:
    """Return whether the file of a record is there, and is what it was when it was read."""
    try:
        file = FoundFile.at(record.path)
    except OSError:
        return False
    return (file.size_bytes, file.modified_ns) == (record.size_bytes, record.modified_ns)


def content_hash(path: str) -> str:
    """Return the hash of a file's bytes; OSError where it is no regular file, or cannot be read."""
    digest = hashlib.blake2b(digest_size=16)
    with open_regular(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
