"""The folder of an index: whether one may be made there, which one it is, and which processes write to it.

Many processes may write to an index at once; only one that is alone may create or tidy it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from hbi.search.index_errors import SearchError
from hbi.search.index_settings import IndexSettings

try:
    import fcntl
except ImportError:  # Windows: nobody is kept out there, and nobody tidies
    fcntl = None  # type: ignore[assignment]

DRAFT_PREFIX = ".hbi-"
"""Of a file that a killed process was writing, see `hbi.files.place_beside`."""

IndexIdentity: TypeAlias = tuple[tuple[int, ...], ...]
"""Differs where another index was put in the place of one; adding to an index does not change it."""


def index_identity(folder: Path) -> IndexIdentity:
    """Return the identity of an index: of its `index.json`, which is written once, and the folders of its tables.

    The number of a version would not do: every index counts its own from 1. What is not there has no identity.
    """
    parts: list[tuple[int, ...]] = []
    for name in ("index.json", "tables", "tables/segments.lance", "tables/videos.lance"):
        try:
            found = os.stat(folder / name)
        except OSError:
            parts.append(())
            continue
        parts.append((found.st_dev, found.st_ino))
        if name == "index.json":
            parts.append((found.st_mtime_ns, found.st_size))
    return tuple(parts)


def require_same_model(there: IndexSettings, opened: IndexSettings, folder: Path) -> None:
    """Refuse an index that was put in the place of one of another model: what was opened cannot be compared with it."""
    parts = ("fingerprint", "kind", "num_frames", "picture")
    if any(getattr(there, part) != getattr(opened, part) for part in parts):
        raise SearchError(
            f"{folder} was exchanged for an index that was made with another model ({there.model}, it was "
            f"{opened.model}): open it again; if hbi serve serves it, stop that and start hbi serve again"
        )


def make_index_folder(folder: Path, file: Path) -> None:
    """Make the folder of an index; SearchError where it cannot be made, or something else is in the way.

    What a killed process left of an index that was being made is taken over.
    """
    if folder.exists() and not file.is_file():
        if not folder.is_dir():
            raise SearchError(f"{folder} is a file: choose another --index")
        names = {each.name for each in folder.iterdir()} - {".lock", "model", "tables"}
        if any(not name.startswith(DRAFT_PREFIX) for name in names):
            raise SearchError(f"{folder} is not empty and holds no index: choose another --index")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SearchError(f"{folder} cannot be made ({error.strerror}): choose another --index") from error


def require_same_settings(there: IndexSettings, wanted: IndexSettings, folder: Path) -> None:
    """Refuse to add to an index of another model, or with other segments."""
    if there.fingerprint != wanted.fingerprint:
        raise SearchError(f"{folder} was made with another model ({there.model}): choose another --index")
    if (there.window_seconds, there.overlap) != (wanted.window_seconds, wanted.overlap):
        cut = (
            "whole videos" if there.window_seconds is None else f"{there.window_seconds:g} s, overlap {there.overlap:g}"
        )
        raise SearchError(f"{folder} has other segments ({cut}): leave --window and --overlap out, or choose another")


@contextmanager
def index_lock(index: Path, kind: Literal["shared", "exclusive", "exclusive if free"]) -> Iterator[bool]:
    """Hold the lock of an index, and yield whether it is held.

    Args:
        index: The folder of the index.
        kind: "shared": be one of the processes that write. "exclusive": wait until no other process writes, and keep
            others waiting. "exclusive if free": the same without waiting; False where another process writes.

    Raises:
        SearchError: Nobody may write there.
    """
    may_fail = kind == "exclusive if free"
    if fcntl is None:
        yield not may_fail
        return
    try:
        file = os.open(index / ".lock", os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise SearchError(
            f"{index} cannot be written ({error.strerror}): see who may write there, or choose another --index"
        ) from error
    flags = fcntl.LOCK_SH if kind == "shared" else fcntl.LOCK_EX
    try:
        is_held = True
        try:
            fcntl.flock(file, flags | fcntl.LOCK_NB if may_fail else flags)
        except OSError:
            if not may_fail:
                raise
            is_held = False
        yield is_held
    finally:
        os.close(file)
