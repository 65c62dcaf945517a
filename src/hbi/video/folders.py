"""The video files below folders: one list of endings and one walk, for data sets and for the search alike."""

import glob
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from unicodedata import normalize

VIDEO_ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("mp4", "m4v", "mp4v", "mov", "qt", "3gp", "3gpp", "3gp2", "3gpp2", "3g2", "f4v", "mj2", "lrv", "lrf", "insv"),
        *("360", "mkv", "mk3d", "webm", "ogv", "ogm", "nut", "ivf", "gif", "apng", "y4m", "flv"),
        *("avi", "divx", "xvid", "amv", "dv", "asf", "wmv", "wtv", "dvr-ms", "rm", "rmvb", "mxf"),
        *("mpg", "mpeg", "mpe", "m2p", "vob", "vro", "mod"),
        *("ts", "mts", "m2ts", "m2t", "tp", "trp", "tod"),
    )
)
"""What the name of a file ends with that is taken for a video: whatever usually holds one that we can open."""

SYSTEM_NAMES = frozenset(
    {
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@transcode"),  # network storage
        *("$recycle.bin", "system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini"),  # Windows
        *("lost+found", "__macosx"),  # Linux; archives made on a Mac
    }
)
"""Names, in lower case, of what systems put into people's folders: previews, trash, snapshots."""


@dataclass(frozen=True)
class PassedOver:
    """How many files and folders a walk did not take for videos, by reason.

    Attributes:
        num_system: Hidden ones, and those of `SYSTEM_NAMES`. A folder counts as one, whatever it holds.
        num_excluded: Those that fit a pattern of the person.
        num_irregular: Links that lead nowhere, pipes, devices.
        endings: How many other files there are of each ending ("" for none), most frequent first.
    """

    num_system: int
    num_excluded: int
    num_irregular: int
    endings: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class UnreadableFolder:
    """A folder that could not be looked into, and why: what is in it is not known, not gone."""

    path: str
    reason: str


@dataclass(frozen=True)
class FoundVideos:
    """What a walk found.

    Attributes:
        paths: The videos, in order.
        dead_links: Links that lead nowhere: there may have been a folder of videos behind one.
    """

    paths: tuple[str, ...]
    passed_over: PassedOver
    unreadable: tuple[UnreadableFolder, ...]
    dead_links: tuple[str, ...]


def find_videos(
    roots: Iterable[str | os.PathLike[str]],
    *,
    exclude: Sequence[str] = (),
    without: Iterable[str | os.PathLike[str]] = (),
) -> FoundVideos:
    """Return the video files below folders; hidden ones and those of systems are passed over, save the roots.

    A link to a folder is followed, but no folder is looked into twice.

    Args:
        roots: Folders to look into, and files, which are taken whatever their endings.
        exclude: Patterns of what is passed over, see `Exclusion`.
        without: Folders of our own, which are passed over without being counted.
    """
    walk = _Walk(Exclusion(exclude), {os.path.realpath(folder) for folder in without})
    walk.look_into([os.fspath(root) for root in roots])
    others = sorted(walk.endings.items(), key=lambda item: (-item[1], item[0]))
    return FoundVideos(
        paths=tuple(sorted(walk.paths)),
        passed_over=PassedOver(walk.num_system, walk.num_excluded, walk.num_irregular, tuple(others)),
        unreadable=tuple(walk.unreadable),
        dead_links=tuple(walk.dead_links),
    )


def is_video_name(name: str) -> bool:
    """Return whether a file of this name is taken for a video."""
    return os.path.splitext(name)[1].lower() in VIDEO_ENDINGS


def is_system_name(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or put there by a system.

    >>> is_system_name("._clip.mp4"), is_system_name("@eaDir"), is_system_name("clip.mp4")
    (True, True, False)
    """
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


class Exclusion:
    """What a person wants passed over: patterns (`*`, `?`, `[…]`), or names as they are.

    Each is compared with the name of a file or folder, with its path below a root, and, taken from where the person
    stands, with its whole path.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        here = one_form(os.getcwd()) if patterns else ""
        wanted = [os.path.normpath(os.path.expanduser(one_form(pattern))) for pattern in patterns if pattern]
        self._names = {name for pattern in wanted for name in (pattern, os.path.join(here, pattern))}
        self._patterns = [(pattern, os.path.join(glob.escape(here), pattern)) for pattern in wanted]

    def fits(self, path: str, below: str) -> bool:
        """Return whether a pattern fits the file or folder at `path`, which lies at `below` from its root."""
        if not self._patterns:
            return False
        below = one_form(below)
        ways = (os.path.basename(below), below, one_form(os.path.abspath(path)))
        if not self._names.isdisjoint(ways):
            return True
        return any(any(map(fnmatchcase, ways, (pattern, pattern, whole))) for pattern, whole in self._patterns)

    def covers(self, path: str, root: str) -> bool:
        """Return whether a pattern fits what is at `path`, or a folder on the way to it from `root`."""
        if not self._patterns:
            return False
        parts = os.path.relpath(path, root).split(os.sep)
        ways = (os.path.join(*parts[: count + 1]) for count in range(len(parts)))
        return any(self.fits(os.path.join(root, below), below) for below in ways)


def one_form(name: str) -> str:
    """Return a name in the one form in which names are compared: what looks the same may be written in two ways.

    >>> one_form("cafe\\u0301") == one_form("caf\\u00e9") == "caf\\u00e9"
    True
    """
    return normalize("NFC", name)


class _Walk:
    def __init__(self, exclusion: Exclusion, entered: set[str]) -> None:
        self._exclusion, self._entered = exclusion, entered
        self._waiting: deque[tuple[str, str]] = deque()
        self._links: deque[tuple[str, str]] = deque()
        self.paths: set[str] = set()
        self.num_system = self.num_excluded = self.num_irregular = 0
        self.endings: Counter[str] = Counter()
        self.unreadable: list[UnreadableFolder] = []
        self.dead_links: list[str] = []

    def look_into(self, roots: Sequence[str]) -> None:
        for root in roots:
            if not os.path.isfile(root):
                self._waiting.append((root, ""))
            elif self._exclusion.fits(root, os.path.basename(root)):
                self.num_excluded += 1
            else:
                self.paths.add(root)
        # Links come last: what is below a root anyhow is found under its own name, not under a link's.
        while self._waiting or self._links:
            folder, below = (self._waiting or self._links).popleft()
            real = os.path.realpath(folder)
            if real not in self._entered:
                self._entered.add(real)
                for entry in self._entries(folder):
                    self._take(entry, os.path.join(below, entry.name))

    def _entries(self, folder: str) -> Sequence["os.DirEntry[str]"]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:  # gone since it was listed
            return []
        except OSError as error:
            self.unreadable.append(UnreadableFolder(folder, error.strerror or str(error)))
            return []

    def _take(self, entry: "os.DirEntry[str]", below: str) -> None:
        if is_system_name(entry.name):
            self.num_system += 1
        elif self._exclusion.fits(entry.path, below):
            self.num_excluded += 1
        elif _is(entry.is_dir):
            (self._links if entry.is_symlink() else self._waiting).append((entry.path, below))
        elif not _is(entry.is_file):
            self.num_irregular += 1
            if not os.path.exists(entry.path):
                self.dead_links.append(entry.path)
        elif is_video_name(entry.name):
            self.paths.add(entry.path)
        else:
            self.endings[_ending(entry.name)] += 1


def _ending(name: str) -> str:
    ending = os.path.splitext(name)[1].lower()
    return ending if re.fullmatch(r"\.\w{1,10}", ending) else ""


def _is(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except OSError:  # a link that leads to itself, or to where nobody may look
        return False
