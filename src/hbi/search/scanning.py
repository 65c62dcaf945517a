"""Which files to index: the videos of some folders, and what is known of them already."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbi.files import open_regular
from hbi.search.catalog import VideoRecord
from hbi.search.error import SearchError
from hbi.video.folders import Exclusion, FoundVideos, PassedOver, UnreadableFolder, find_videos

EARLIEST_NS, LATEST_NS = -(2**63), 2**63 - 1
"""Bounds of a time in nanoseconds as it is stored: the years 1677 and 2262. Some files say they are from beyond."""


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


@dataclass(frozen=True)
class LostPlace:
    """A folder that is empty of all the videos that the index knows there, and how many these are."""

    path: str
    num_videos: int


@dataclass(frozen=True)
class Scan:
    """What a look into folders found.

    Attributes:
        unknown: Files that are new, or not what they were when they were read.
        unchanged: Records that still hold.
        gone: Records under these folders whose file exists no more.
        excluded: Records under these folders whose file is there and is not wanted any more.
        lost: Folders of which everything is gone, and has not just moved: perhaps their disk is not there.
        passed_over: What was not taken for a video.
        unnamable: Files whose names are not Unicode.
        unreadable: Folders that could not be looked into. Nothing below them counts as gone.
        dead_links: Links that lead nowhere, behind which there were videos. These do not count as gone.
    """

    unknown: tuple[FoundFile, ...]
    unchanged: tuple[VideoRecord, ...]
    gone: tuple[VideoRecord, ...]
    excluded: tuple[VideoRecord, ...]
    lost: tuple[LostPlace, ...]
    passed_over: PassedOver
    unnamable: tuple[str, ...]
    unreadable: tuple[UnreadableFolder, ...]
    dead_links: tuple[str, ...]


def scan(
    places: Sequence[Path],
    known: Mapping[str, VideoRecord],
    *,
    exclude: Sequence[str] = (),
    without: Sequence[Path] = (),
) -> Scan:
    """Compare the videos that `hbi.video.folders.find_videos` finds in folders (or files) with what is known of them.

    Raises:
        SearchError: A place does not exist: nothing is taken for deleted because a disk is not there.
    """
    roots = [_root(place) for place in places]
    found = find_videos(roots, exclude=exclude, without=without)
    unknown, unchanged, unnamable = [], [], []
    for path in found.paths:
        if not _is_unicode(path):
            unnamable.append(os.fsencode(path).decode("utf-8", "backslashreplace"))
            continue
        try:
            file = FoundFile.at(path)
        except OSError:
            continue  # gone since it was listed
        record = known.get(path)
        if record and (record.size_bytes, record.modified_ns) == (file.size_bytes, file.modified_ns):
            unchanged.append(record)
        else:
            unknown.append(file)
    missing = _missing(roots, known, found)
    gone = [record for record in missing if _is_gone(record.path)]
    return Scan(
        unknown=tuple(unknown),
        unchanged=tuple(unchanged),
        gone=tuple(gone),
        excluded=tuple(_excluded(roots, missing, Exclusion(exclude))),
        lost=tuple(_lost(roots, known, gone, unknown)),
        passed_over=found.passed_over,
        unnamable=tuple(unnamable),
        unreadable=found.unreadable,
        dead_links=tuple(link for link in found.dead_links if any(_is_below(path, link) for path in known)),
    )


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


def _root(place: Path) -> str:
    """Return the whole path of a place; SearchError where there is nothing to look into."""
    root = os.path.abspath(os.path.expanduser(place))
    try:
        mode = os.stat(root).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SearchError(f"{root} does not exist: check the path, or whether its disk is there") from error
    except OSError as error:
        raise SearchError(f"{root} cannot be read ({error.strerror}): check the disk, and who may read it") from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise SearchError(f"{root} is neither a folder nor a file: give folders of videos, or videos")
    return root


def _missing(roots: Sequence[str], known: Mapping[str, VideoRecord], found: FoundVideos) -> list[VideoRecord]:
    """Return the records under the roots that were not found there, though the way to them is open."""
    there = set(found.paths)
    closed = [*(folder.path for folder in found.unreadable), *found.dead_links]
    return [
        record
        for path, record in known.items()
        if path not in there
        and any(path == root or _is_below(path, root) for root in roots)
        and not any(_is_below(path, folder) for folder in closed)
    ]


def _excluded(roots: Sequence[str], missing: Sequence[VideoRecord], exclusion: Exclusion) -> Iterator[VideoRecord]:
    for record in missing:
        above = [root for root in roots if _is_below(record.path, root)]
        if any(exclusion.covers(record.path, root) for root in above) and not _is_gone(record.path):
            yield record


def _lost(
    roots: Sequence[str], known: Mapping[str, VideoRecord], gone: Sequence[VideoRecord], unknown: Sequence[FoundFile]
) -> Iterator[LostPlace]:
    paths, sizes = {record.path for record in gone}, {file.size_bytes for file in unknown}
    for root in roots:
        records = [record for path, record in known.items() if _is_below(path, root)]
        # A new file of the same size may be the one that is gone: its content will tell.
        may_have_moved = all(record.size_bytes in sizes for record in records)
        if not may_have_moved and all(record.path in paths for record in records):
            yield LostPlace(root, len(records))


def _is_gone(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # nobody may look there, or the disk does not answer: that tells nothing
        return False
    return False


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
