"""Which files to index: the videos of some folders, and what is known of them already."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbi.search.catalog import VideoRecord
from hbi.search.error import SearchError

_ENDINGS = "3g2 3gp asf avi dv flv gif ivf m2ts m4v mkv mov mp4 mpeg mpg mts mxf nut ogv rm ts webm wmv wtv y4m"
SUFFIXES = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""What a file's name ends with that is taken for a video in a folder."""


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
        return cls(path, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Scan:
    """What a look into folders found.

    Attributes:
        unknown: Files that are new, or not what they were when they were read.
        unchanged: Records that still hold.
        gone: Records under these folders whose file exists no more.
        unnamable: Files whose names are not Unicode.
    """

    unknown: tuple[FoundFile, ...]
    unchanged: tuple[VideoRecord, ...]
    gone: tuple[VideoRecord, ...]
    unnamable: tuple[str, ...]


def scan(places: Sequence[Path], known: Mapping[str, VideoRecord]) -> Scan:
    """Look for videos in folders (and what is below them) and files; hidden ones are passed over.

    Raises:
        SearchError: A place does not exist: nothing is taken for deleted because a disk is not there.
    """
    roots = [Path(os.path.abspath(place.expanduser())) for place in places]
    for root in roots:
        if not root.exists():
            raise SearchError(f"{root} does not exist: check the path, or whether its disk is there")
    unknown, unchanged, unnamable = [], [], []
    seen: set[str] = set()
    for path in _files(roots):
        if path in seen:
            continue
        seen.add(path)
        if not _is_unicode(path):
            unnamable.append(os.fsencode(path).decode("utf-8", "backslashreplace"))
            continue
        try:
            file = FoundFile.at(path)
        except OSError:
            continue  # gone since it was listed, or a link to nowhere
        record = known.get(path)
        if record and (record.size_bytes, record.modified_ns) == (file.size_bytes, file.modified_ns):
            unchanged.append(record)
        else:
            unknown.append(file)
    gone = [record for path, record in known.items() if _is_under(path, roots) and not os.path.exists(path)]
    return Scan(tuple(unknown), tuple(unchanged), tuple(gone), tuple(unnamable))


def is_current(record: VideoRecord) -> bool:
    """Return whether the file of a record is there, and is what it was when it was read."""
    try:
        file = FoundFile.at(record.path)
    except OSError:
        return False
    return (file.size_bytes, file.modified_ns) == (record.size_bytes, record.modified_ns)


def content_hash(path: str) -> str:
    """Return the hash of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _files(roots: Iterable[Path]) -> Iterator[str]:
    for root in roots:
        if root.is_file():
            yield str(root)
            continue
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                    yield os.path.join(folder, name)


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_under(path: str, roots: Iterable[Path]) -> bool:
    place = Path(path)
    return any(place == root or root in place.parents for root in roots)
