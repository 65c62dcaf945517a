"""Which videos a search looks at: by path, by date, by length."""

import math
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import translate
from functools import cached_property

from hbi.search.index_errors import SearchError
from hbi.search.video_records import VideoRecord
from hbi.video.folders import one_form

LONGEST_PATH = 4096
"""Characters; no system takes longer ones."""


@dataclass(frozen=True)
class Filters:
    """Conditions that a video must all meet; None asks for nothing.

    Attributes:
        path: A folder or file; or, where no such is on disk, a pattern (`*`, `?`, `[…]`) that the whole path must fit.
        after, before: Bounds of the file's modification time, the first within, the second not; without a time zone
            they are meant in that of this machine.
        min_seconds, max_seconds: Bounds of the video's length.

    Raises:
        SearchError: A path that no file can have, or a length that is no number.
    """

    path: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.path is not None:
            _require_possible(os.fspath(self.path))
        for seconds in (self.min_seconds, self.max_seconds):
            if seconds is not None and math.isnan(seconds):
                raise SearchError("a length of nan seconds is no length: give a number")

    @property
    def is_empty(self) -> bool:
        """Whether every video passes."""
        return self == Filters()

    def accept(self, video: VideoRecord) -> bool:
        """Return whether a video meets all conditions."""
        first, end = self._times
        return (
            (self._path_filter is None or self._path_filter.accepts(video.path))
            and (first is None or video.modified_ns >= first)
            and (end is None or video.modified_ns < end)
            and (self.min_seconds is None or video.duration_seconds >= self.min_seconds)
            and (self.max_seconds is None or video.duration_seconds <= self.max_seconds)
        )

    # As numbers: a file's time may lie outside of every calendar.
    @cached_property
    def _times(self) -> tuple[int | None, int | None]:
        first, end = (None if each is None else _nanoseconds(each) for each in (self.after, self.before))
        return first, end

    @cached_property
    def _path_filter(self) -> "_PathFilter | None":
        return None if self.path is None else _PathFilter.parse(os.fspath(self.path))


def _require_possible(path: str) -> None:
    """Refuse what can be the name of no file."""
    if len(path) > LONGEST_PATH:
        raise SearchError(f"the path has {len(path)} characters, at most {LONGEST_PATH} are read: give a shorter one")
    try:
        is_possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise SearchError(f"the path {path[:40]!r} holds characters that no name of a file holds: leave them out")


def _nanoseconds(moment: datetime) -> int:
    """Return a moment as the time of a file is counted: nanoseconds since 1970."""
    try:
        seconds = moment.timestamp()
    except (OverflowError, ValueError, OSError):  # its hour is in no year that this machine's time zone knows
        seconds = moment.replace(tzinfo=UTC).timestamp()
    return round(seconds * 1e6) * 1000


@dataclass(frozen=True)
class _PathFilter:
    """Where videos are looked for: a file, or the files below a folder; or the files that fit a pattern."""

    path: str
    pattern: re.Pattern[str] | None

    @classmethod
    def parse(cls, wanted: str) -> "_PathFilter":
        wanted = os.path.expanduser(wanted)
        path = os.path.abspath(wanted)
        # A name may hold what is a sign in a pattern: "Holiday [2024]".
        is_pattern = any(sign in wanted for sign in "*?[") and not os.path.lexists(path)
        return cls(one_form(path), _compiled(os.path.normcase(one_form(wanted))) if is_pattern else None)

    def accepts(self, path: str) -> bool:
        path = one_form(path)
        if path == self.path or path.startswith(os.path.join(self.path, "")):  # though it is not on disk any more
            return True
        return self.pattern is not None and self.pattern.match(os.path.normcase(path)) is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    """Return what matches a whole path, or the end of one from a name on."""
    head, closing, rest = pattern.rpartition("]")
    # A "[" that nothing closes is a plain sign; for each, `translate` would look for the end of the pattern anew.
    pattern = head + closing + rest.replace("[", "[[]")
    return re.compile(f"{translate(pattern)}|{translate(f'*/{pattern}')}")
