"""Moments out of ranked segments: neighbors in one video are joined; and the files where they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hbi.search.filters import Filters
from hbi.search.ranking import Ranking
from hbi.search.snapshot import TOUCH_SECONDS
from hbi.search.video_records import VideoRecord, is_current


@dataclass
class Moment:
    """A part of one video, and the row of the ranking that fits best in it."""

    content: str
    start_seconds: float
    end_seconds: float
    row: int


def merge_moments(ranking: Ranking, count: int) -> list[Moment]:
    """Return the first `count` moments, best first.

    A segment beside a better moment widens it if it is worth at least half as much above the typical segment;
    otherwise it is dropped: it is the same moment, seen less well.
    """
    moments: list[Moment] = []
    segments = ranking.segments
    for row in range(len(segments)):
        content = str(segments.content[row])
        start, end = float(segments.start_seconds[row]), float(segments.end_seconds[row])
        moment = next((each for each in moments if each.content == content and _touches(each, start, end)), None)
        if moment is None:
            if len(moments) == count:
                break
            moments.append(Moment(content, start, end, row))
        elif ranking.scores[row] - ranking.typical_score >= (ranking.scores[moment.row] - ranking.typical_score) / 2:
            moment.start_seconds = min(moment.start_seconds, start)
            moment.end_seconds = max(moment.end_seconds, end)
    return moments


def _touches(moment: Moment, start: float, end: float) -> bool:
    return start <= moment.end_seconds + TOUCH_SECONDS and end >= moment.start_seconds - TOUCH_SECONDS


@dataclass(frozen=True)
class SegmentLocation:
    """Where a segment is: a file, and a span of it; `is_current` where the file is what it was when it was indexed."""

    path: Path
    start_seconds: float
    end_seconds: float
    is_current: bool


@dataclass(frozen=True)
class ContentFiles:
    """The files that hold one content."""

    path: Path
    others: tuple[Path, ...]
    duration_seconds: float
    is_current: bool

    @classmethod
    def of(cls, records: Sequence[VideoRecord], filters: Filters | None = None) -> "ContentFiles":
        """Return the files of a content that fit the filters; one that is still there comes first."""
        chosen = [record for record in records if filters is None or filters.accept(record)] or list(records)
        current = next((record for record in chosen if is_current(record)), None)
        first = current or chosen[0]
        others = tuple(Path(record.path) for record in chosen if record is not first)
        return cls(Path(first.path), others, first.duration_seconds, current is not None)
