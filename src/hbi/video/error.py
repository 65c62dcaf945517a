"""The one error of this room: a file that gives no frames, and why."""

from pathlib import Path

from hbi.errors import HBIError


class VideoError(HBIError):
    """A video that cannot be read as asked; the message is one line: file, cause, what to do.

    `path` is the file and `cause` says what is wrong with it, so that a list of bad files can group by cause.
    """

    def __init__(self, path: Path, cause: str, advice: str) -> None:
        self.path = path
        self.cause = cause
        self.advice = advice
        super().__init__(f"{str(path)!r}: {cause}; {advice}")

    def __reduce__(self) -> tuple[type["VideoError"], tuple[Path, str, str]]:
        """Rebuild from the three parts: errors cross process borders in data workers."""
        return type(self), (self.path, self.cause, self.advice)
