"""Which videos a search looks at: by path, by date, by length."""

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

from hbi.search.catalog import VideoRecord


@dataclass(frozen=True)
class Filters:
    """Conditions that a video must all meet; None asks for nothing.

    Attributes:
        path: A folder or file, or a pattern with `*` and `?` that the whole path must fit.
        after, before: Bounds of the file's modification time.
        min_seconds, max_seconds: Bounds of the video's length.
    """

    path: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every video passes."""
        return self == Filters()

    def accept(self, video: VideoRecord) -> bool:
        """Return whether a video meets all conditions."""
        modified = datetime.fromtimestamp(video.modified_ns / 1e9).astimezone()
        return (
            (self.path is None or _fits(video.path, self.path))
            and (self.after is None or modified >= self.after.astimezone())
            and (self.before is None or modified < self.before.astimezone())
            and (self.min_seconds is None or video.duration_seconds >= self.min_seconds)
            and (self.max_seconds is None or video.duration_seconds <= self.max_seconds)
        )


def _fits(path: str, wanted: str) -> bool:
    if any(sign in wanted for sign in "*?["):
        return fnmatch(path, wanted) or fnmatch(path, f"*/{wanted}")
    place = Path(wanted).expanduser().absolute()
    return Path(path) == place or place in Path(path).parents
