"""Which videos a search looks at: by path, by date, by length."""

import os
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from functools import cached_property

from hbi.search.catalog import VideoRecord
from hbi.video.folders import one_form


@dataclass(frozen=True)
class Filters:
    """Conditions that a video must all meet; None asks for nothing.

    Attributes:
        path: A folder or file; or, where no such is on disk, a pattern (`*`, `?`, `[…]`) that the whole path must fit.
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
            (self._place is None or self._place.holds(video.path))
            and (self.after is None or modified >= self.after.astimezone())
            and (self.before is None or modified < self.before.astimezone())
            and (self.min_seconds is None or video.duration_seconds >= self.min_seconds)
            and (self.max_seconds is None or video.duration_seconds <= self.max_seconds)
        )

    @cached_property
    def _place(self) -> "_Place | None":
        return None if self.path is None else _Place.told(self.path)


@dataclass(frozen=True)
class _Place:
    """Where videos are looked for: a file, or the files below a folder; or the files that fit a pattern."""

    path: str
    pattern: str | None

    @classmethod
    def told(cls, wanted: str) -> "_Place":
        wanted = os.path.expanduser(wanted)
        path = os.path.abspath(wanted)
        # A name may hold what is a sign in a pattern: "Holiday [2024]".
        is_pattern = any(sign in wanted for sign in "*?[") and not os.path.lexists(path)
        return cls(one_form(path), one_form(wanted) if is_pattern else None)

    def holds(self, path: str) -> bool:
        path = one_form(path)
        if path == self.path or path.startswith(os.path.join(self.path, "")):  # though it is not on disk any more
            return True
        return self.pattern is not None and (fnmatch(path, self.pattern) or fnmatch(path, f"*/{self.pattern}"))
