"""Who works on an index: many may write at once, one alone may tidy it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hbi.search.error import SearchError

try:
    import fcntl
except ImportError:  # Windows: nobody is kept out there, and nobody tidies
    fcntl = None  # type: ignore[assignment]


@contextmanager
def alone(index: Path) -> Iterator[None]:
    """Wait until no other process works on an index, and keep others waiting."""
    with _locked(index, "exclusive"):
        yield


@contextmanager
def working(index: Path) -> Iterator[None]:
    """Be one of the processes that write to an index."""
    with _locked(index, "shared"):
        yield


@contextmanager
def alone_if_possible(index: Path) -> Iterator[bool]:
    """Yield True while no other process works on an index, False where one does: without waiting."""
    if fcntl is None:
        yield False
        return
    file = _lock_file(index)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(file)


def _lock_file(index: Path) -> int:
    try:
        return os.open(index / ".lock", os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise SearchError(
            f"{index} cannot be written ({error.strerror}): see who may write there, or choose another --index"
        ) from error


@contextmanager
def _locked(index: Path, how: str) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    file = _lock_file(index)
    try:
        fcntl.flock(file, fcntl.LOCK_EX if how == "exclusive" else fcntl.LOCK_SH)
        yield
    finally:
        os.close(file)
