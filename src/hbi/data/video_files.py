"""The video files of a folder by name, whatever their extensions and however deep they lie."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from hbi.data.samples import DataError

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "3gp", "avi", "mkv", "webm", "ogv", "gif"),
        *("mpg", "mpeg", "ts", "mts", "m2ts", "flv", "wmv", "asf"),
    )
)


class VideoFiles:
    """The videos below a folder, links followed. Of several files of one name the first that is not empty is taken.

    Raises:
        DataError: There is no such folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise DataError(f"no folder {root}: give the one that holds the videos")
        self.root = root
        self.paths = sorted(_walk(root))

    @cached_property
    def by_name(self) -> dict[str, tuple[Path, ...]]:
        """For every file name without its extension, the files that bear it, in order."""
        paths: dict[str, tuple[Path, ...]] = {}
        for path in self.paths:
            paths[path.stem] = (*paths.get(path.stem, ()), path)
        return paths

    def find(self, *names: str) -> Path | None:
        """Return the file of the first of `names` that has one: a path from the folder, or a name at any depth."""
        for name in names:
            if (self.root / name).suffix.lower() in VIDEO_SUFFIXES and (self.root / name).is_file():
                return self.root / name
            found = self.by_name.get(without_suffix(name))
            if found:
                return next((path for path in found if path.stat().st_size), found[0])
        return None

    def rivals(self, path: Path) -> Sequence[Path]:
        """Return the other files that have the name of `path`."""
        return [other for other in self.by_name.get(path.stem, ()) if other != path]


def without_suffix(name: str) -> str:
    """Return the last part of a name without a video extension; other dots belong to the name.

    >>> without_suffix("0001_American_Beauty_00.00.51.926-00.00.54.129")
    '0001_American_Beauty_00.00.51.926-00.00.54.129'
    >>> without_suffix("train/video7.MP4")
    'video7'
    """
    path = Path(name)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name


def _walk(root: Path) -> list[Path]:
    found, seen = [], set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        found += [Path(folder, file) for file in files if Path(file).suffix.lower() in VIDEO_SUFFIXES]
    return found
