"""Writing files so that a reader never sees half of one: written beside, then renamed."""

import os
from pathlib import Path

from hbi.errors import HBIError


class StorageError(HBIError):
    """A file could not be written; what stood there before is untouched."""


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to `path`, creating parent folders; at any moment the file is the old one or the new one.

    Raises:
        StorageError: The disk is full, the folder is read-only, or the like.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
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
