"""Which files to index: the videos of some folders, and what is known of them already."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbi.search.index_errors import SearchError
from hbi.search.video_records import FoundFile, VideoRecord
from hbi.video.folders import Exclusion, FoundVideos, PassedOver, UnreadableFolder, find_videos


@dataclass(frozen=True)
class LostFolder:
    """A folder in which none of the videos is left that the index knows there, and how many these are."""

    path: str
    num_videos: int


@dataclass(frozen=True)
class Scan:
    """What is in some folders, compared with what is known.

    Attributes:
        unknown: Files that are new, or not what they were when they were read.
        unchanged: Records that still hold.
        gone: Records under these folders whose file exists no more.
        excluded: Records under these folders whose file is there and is not wanted any more.
        lost: Folders of which everything is gone, and has not merely moved: perhaps their disk is not there.
        passed_over: What was not taken for a video.
        not_unicode: Files whose names are not Unicode.
        unreadable: Folders that could not be looked into. Nothing below them counts as gone.
        dead_links: Links that lead nowhere, behind which there were videos. These do not count as gone.
    """

    unknown: tuple[FoundFile, ...]
    unchanged: tuple[VideoRecord, ...]
    gone: tuple[VideoRecord, ...]
    excluded: tuple[VideoRecord, ...]
    lost: tuple[LostFolder, ...]
    passed_over: PassedOver
    not_unicode: tuple[str, ...]
    unreadable: tuple[UnreadableFolder, ...]
    dead_links: tuple[str, ...]


def scan(
    places: Sequence[Path],
    known: Mapping[str, VideoRecord],
    *,
    exclude: Sequence[str] = (),
    without: Sequence[Path] = (),
) -> Scan:
    """Return the videos of some folders, compared with what is known of them.

    Args:
        places: Folders of videos, and what is below them; or videos.
        known: Records of the index by path.
        exclude: Patterns of names and paths that are not wanted (`hbi.video.folders.Exclusion`).
        without: Folders that are not looked into.

    Raises:
        SearchError: A place does not exist: nothing is taken for deleted because a disk is not there.
    """
    roots = [_root(place) for place in places]
    found = find_videos(roots, exclude=exclude, without=without)
    unknown, unchanged, not_unicode = [], [], []
    for path in found.paths:
        if not _is_unicode(path):
            not_unicode.append(os.fsencode(path).decode("utf-8", "backslashreplace"))
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
        not_unicode=tuple(not_unicode),
        unreadable=found.unreadable,
        dead_links=tuple(link for link in found.dead_links if any(_is_below(path, link) for path in known)),
    )


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
) -> Iterator[LostFolder]:
    paths, sizes = {record.path for record in gone}, {file.size_bytes for file in unknown}
    for root in roots:
        records = [record for path, record in known.items() if _is_below(path, root)]
        # A new file of the same size may be the one that is gone: its content will tell.
        may_have_moved = all(record.size_bytes in sizes for record in records)
        if not may_have_moved and all(record.path in paths for record in records):
            yield LostFolder(root, len(records))


def _is_gone(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it may not be looked at, or the disk does not answer: that proves nothing
        pass
    return False


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))


def _is_unicode(path: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in path)
