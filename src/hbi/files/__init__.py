"""Writing files so that a reader never sees half of one: written beside, then renamed; and names that fit."""

import errno
import os
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

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

    Args:
        folder: Where the file is to be; it need not exist yet.
        begin: First part of the name, kept whole.
        middle: The part that is cut at its end where the name would be too long.
        end: Last part, kept whole: an ending such as ".mp4".

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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a draft, and put what was written there in the place of `path`; parent folders are created.

    At any moment the file at `path` is the old one or the new one. Where the writing fails the draft is removed.

    Raises:
        OSError: The disk is full, the folder is read-only, or the like.
    """
    draft = place_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to `path`, creating parent folders; at any moment the file is the old one or the new one.

    Raises:
        StorageError: The disk is full, the folder is read-only, or the like.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        with replacing(path) as draft, draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; nothing that was there is lost: free space or choose "
            "another folder, then run again"
        ) from error


def is_regular(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a regular file at a path; also a path that no file can have is an answer."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # a name that is too long, for example
        return False


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Return a regular file opened for reading; pipes, devices and folders are refused, and never waited for.

    Raises:
        OSError: There is no such file, it may not be read, or it is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular_text(path: str | os.PathLike[str], most_bytes: int = 2**31) -> str:
    """Return what a regular file of UTF-8 text holds, without a byte order mark.

    Raises:
        OSError: As `open_regular`; or the file is larger than `most_bytes`.
        UnicodeDecodeError: It is not UTF-8.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > most_bytes:
            raise OSError(errno.EFBIG, f"it is larger than {most_bytes} bytes", os.fspath(path))
        return file.read().decode("utf-8-sig")
