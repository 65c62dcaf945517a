"""Writing files so that a reader never sees half of one: written beside, then renamed; and names that fit."""

import os
import secrets
import unicodedata
from pathlib import Path

from hbi.errors import HBIError


class StorageError(HBIError):
    """A file could not be written; what stood there before is untouched."""


LONGEST_NAME_BYTES = 255
"""Of a file on most file systems; some take less, and say so."""


def place_beside(path: Path) -> Path:
    """Return a name for a draft beside `path`, with its ending; it is short, however long the name of `path` is."""
    return path.with_name(f".hbi-{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}")


def fitting_name(folder: Path, begin: str, middle: str, end: str) -> str:
    """Return `begin` + `middle` + `end` as a name that the file system of `folder` takes: the middle is shortened.

    It is cut between characters as people see them: no accent is parted from its letter.

    >>> len(fitting_name(Path("."), "01-", "日本の動画" * 40, ".mp4").encode()) <= 255
    True
    """
    try:
        most = os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):  # no such folder yet, or a system that does not tell
        most = LONGEST_NAME_BYTES
    room = most - len((begin + end).encode())
    while len(middle.encode()) > room:
        last = middle[-1]
        middle = middle[:-1]
        while middle and (unicodedata.combining(last) or last in JOINERS or middle[-1] in JOINERS):
            last, middle = middle[-1], middle[:-1]
    return begin + middle + end


JOINERS = frozenset("\u200d\ufe0e\ufe0f")
"""What makes one sign of several: a joiner, and the choice between text and picture."""


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to `path`, creating parent folders; at any moment the file is the old one or the new one.

    Raises:
        StorageError: The disk is full, the folder is read-only, or the like.
    """
    beside = place_beside(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; nothing that was there is lost: free space or choose "
            "another folder, then run again"
        ) from error
