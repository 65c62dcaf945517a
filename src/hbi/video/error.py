"""The one error of this room: a file that gives no frames, and why."""

import errno
from pathlib import Path

from hbi.errors import HBIError

PASSING = frozenset(
    getattr(errno, name)
    for name in (
        *("EACCES", "EPERM", "ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "ENODEV", "EBUSY", "EINTR", "EAGAIN"),
        *("EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "ESTALE", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN"),
        *("ENETUNREACH", "ECONNRESET", "ENOTCONN", "EREMOTEIO"),
    )
    if hasattr(errno, name)
)
"""Errors of the system that tell nothing of the file: a share, a right, the memory; another time it may do. EIO is not
among them: FFmpeg says it of files that end too early."""


def may_pass(error: BaseException) -> bool:
    """Return whether an error tells nothing of the file that was read, and the next try may succeed."""
    return isinstance(error, MemoryError) or getattr(error, "errno", None) in PASSING


class VideoError(HBIError):
    """A video that cannot be read as asked; the message is one line: file, cause, what to do.

    `path` is the file and `cause` says what is wrong with it, so that a list of bad files can group by cause.
    `may_pass`: the cause lies outside the file, and another time it may be read.
    """

    def __init__(self, path: Path, cause: str, advice: str, may_pass: bool = False) -> None:
        self.path = path
        self.cause = cause
        self.advice = advice
        self.may_pass = may_pass
        super().__init__(f"{str(path)!r}: {cause}; {advice}")

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Path, str, str, bool]]:
        """Rebuild from the parts: errors cross process borders in data workers."""
        return type(self), (self.path, self.cause, self.advice, self.may_pass)
