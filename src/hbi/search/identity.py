"""Which index is at a path: whether there is room for one, whether it is the one that is wanted, or still the same."""

import os
from pathlib import Path
from typing import TypeAlias

from hbi.search.error import SearchError
from hbi.search.settings import IndexSettings

IndexIdentity: TypeAlias = tuple[tuple[int, ...], ...]
"""What tells an index from another one that was put in its place; adding to it does not change it."""


def index_identity(folder: Path) -> IndexIdentity:
    """Return the identity of an index: of its statement, which is written once, and the folders of its tables.

    The number of a version does not tell: every index counts its own from 1. What is not there has no identity.
    """
    told: list[tuple[int, ...]] = []
    for name in ("index.json", "tables", "tables/segments.lance", "tables/videos.lance"):
        try:
            found = os.stat(folder / name)
        except OSError:
            told.append(())
            continue
        told.append((found.st_dev, found.st_ino))
        if name == "index.json":
            told.append((found.st_mtime_ns, found.st_size))
    return tuple(told)


def require_same_model(there: IndexSettings, opened: IndexSettings, folder: Path) -> None:
    """Refuse an index that was put in the place of one of another model: what was opened cannot be compared with it."""
    parts = ("fingerprint", "kind", "num_frames", "image_size")
    if any(getattr(there, part) != getattr(opened, part) for part in parts):
        raise SearchError(
            f"{folder} was exchanged for an index that was made with another model ({there.model}, it was "
            f"{opened.model}): open it again; if hbi serve serves it, stop that and start hbi serve again"
        )


def make_room(folder: Path, file: Path) -> None:
    """Make the folder of an index; SearchError where it cannot be made, or something else is in the way."""
    _require_room(folder, file)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SearchError(f"{folder} cannot be made ({error.strerror}): choose another --index") from error


def _require_room(folder: Path, file: Path) -> None:
    """Refuse a folder of something else; what a kill left of an index that was being made is taken over."""
    if file.is_file() or not folder.exists():
        return
    if not folder.is_dir():
        raise SearchError(f"{folder} is a file: choose another --index")
    if any(each.name not in {".lock", "model", "tables"} for each in folder.iterdir()):
        raise SearchError(f"{folder} is not empty and holds no index: choose another --index")


def require_same(there: IndexSettings, wanted: IndexSettings, folder: Path) -> None:
    """Refuse to add to an index of another model, or with other segments."""
    if there.fingerprint != wanted.fingerprint:
        raise SearchError(f"{folder} was made with another model ({there.model}): choose another --index")
    if (there.window_seconds, there.overlap) != (wanted.window_seconds, wanted.overlap):
        cut = (
            "whole videos" if there.window_seconds is None else f"{there.window_seconds:g} s, overlap {there.overlap:g}"
        )
        raise SearchError(f"{folder} has other segments ({cut}): leave --window and --overlap out, or choose another")
