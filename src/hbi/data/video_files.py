"""The video files of a folder by name, whatever their extensions and however deep they lie."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from hbi.data.samples import DataError
from hbi.video.folders import find_videos, is_video_name, one_form

Key = TypeVar("Key", str, tuple[str, str])


class VideoFiles:
    """The videos below a folder, links followed, what systems put there passed over.

    A name is found under any extension, and however its accents are composed. A bare name is found at any depth. A name
    with a folder (`day2/0001`) is found in that folder alone, which may lie deeper where there is only one such. Of
    several files that bear a name the first that is not empty is taken.

    Raises:
        DataError: There is no such folder, or it cannot be looked into.
    """

    def __init__(self, root: Path) -> None:
        if not os.path.isdir(root):
            raise DataError(f"no folder {root}: give the one that holds the videos")
        found = find_videos([root])
        self._locked = [folder.path for folder in found.unreadable]
        if str(root) in self._locked:
            raise DataError(f"{root} cannot be read ({found.unreadable[0].reason}): see to it that you may open it")
        self.root = root
        self.paths = sorted(map(Path, found.paths))

    def find(self, *names: str) -> Path | None:
        """Return the file of the first of `names` that has one."""
        for name in names:
            exact = self.root / name
            if is_video_name(name) and os.path.isfile(exact):
                return exact
            if bearers := self._bearers(name):
                return next((path for path in bearers if path.stat().st_size), bearers[0])
        # A file of another ending that is named as it is.
        return next((self.root / name for name in names if os.path.isfile(self.root / name)), None)

    def rivals(self, *names: str) -> Sequence[Path]:
        """Return the other files that bear the name by which the file of `names` was found."""
        found = self.find(*names)
        for name in names:
            is_told_in_full = bool(os.path.dirname(name)) and found == self.root / name
            bearers = self._bearers(name)
            if found in bearers:
                return [] if is_told_in_full else [path for path in bearers if path != found]
        return []

    def why_missing(self, *names: str) -> str:
        """Return the line that tells that no file of `names` was found, and what may be the reason."""
        line = f"{names[0]}: no video file of this name below {self.root}"
        for name in names:
            if meant := self._candidates(name):
                shown = " or ".join(path.relative_to(self.root).as_posix() for path in meant[:2])
                return f"{line}; it may mean {shown}: write the whole path from there"
        return f"{line}, where {', '.join(self._locked)} cannot be read" if self._locked else line

    def _bearers(self, name: str) -> Sequence[Path]:
        """Return the files that bear a name, none where files in several folders may be meant."""
        candidates = self._candidates(name)
        is_clear = not os.path.dirname(name) or len({path.parent for path in candidates}) == 1
        return candidates if is_clear else []

    def _candidates(self, name: str) -> Sequence[Path]:
        """Return the files that may be meant by a name; those that are spelled just like it, if there are any."""
        has_folder = bool(os.path.dirname(name))
        folder, last = os.path.split(os.path.relpath(self.root / name, self.root)) if has_folder else ("", name)
        for stem in (without_suffix(last), last):  # `last`: the file of trip.mod may be trip.mod.mp4
            if not has_folder:
                found = self._by_name.get(one_form(stem), [])
            else:
                found = self._in_folder(folder, stem, may_be_deeper=bool(folder) and not os.path.isabs(name))
            if found:
                spelled_so = [path for path in found if str(path.with_suffix("")).endswith(os.path.join(folder, stem))]
                return spelled_so or found
        return []

    def _in_folder(self, folder: str, stem: str, *, may_be_deeper: bool) -> list[Path]:
        name = one_form(stem)
        here = self._by_place.get((_real(self.root / folder), name), [])
        if here or not may_be_deeper:
            return here
        below = os.path.join(os.sep, one_form(folder))
        near = self._by_name_and_parent.get((name, os.path.basename(below)), [])
        return [path for path in near if _folder(path).endswith(below)]

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        return _grouped((one_form(path.stem), path) for path in self.paths)

    @cached_property
    def _by_place(self) -> dict[tuple[str, str], list[Path]]:
        """By folder and name; a folder may have been found under the name of a link."""
        real = {folder: _real(folder) for folder in {path.parent for path in self.paths}}
        return _grouped(((real[path.parent], one_form(path.stem)), path) for path in self.paths)

    @cached_property
    def _by_name_and_parent(self) -> dict[tuple[str, str], list[Path]]:
        return _grouped(((one_form(path.stem), os.path.basename(_folder(path))), path) for path in self.paths)


def _grouped(items: Iterable[tuple[Key, Path]]) -> dict[Key, list[Path]]:
    groups: dict[Key, list[Path]] = defaultdict(list)
    for key, path in items:
        groups[key].append(path)
    return groups


def _folder(path: Path) -> str:
    return one_form(os.path.abspath(path.parent))


def _real(folder: Path) -> str:
    return one_form(os.path.realpath(folder))


def without_suffix(name: str) -> str:
    """Return the last part of a name without a video extension; other dots belong to the name.

    >>> without_suffix("0001_American_Beauty_00.00.51.926-00.00.54.129")
    '0001_American_Beauty_00.00.51.926-00.00.54.129'
    >>> without_suffix("train/video7.MP4")
    'video7'
    """
    path = Path(name)
    return path.stem if is_video_name(path.name) else path.name
