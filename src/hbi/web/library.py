"""The videos of an index as a library: how many and how long, in an order, and the segments of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hbi.search import VideoIndex
from hbi.search.index_errors import reading
from hbi.search.moments import ContentFiles
from hbi.search.snapshot import Snapshot
from hbi.search.store import conditions
from hbi.search.video_records import VideoRecord

VideoOrder = Literal["newest", "name", "longest"]


@dataclass(frozen=True)
class SegmentSpan:
    """A segment: its key, and where it is in its video."""

    id: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class LibraryVideo:
    """A video of the library, however many files hold it.

    Attributes:
        first: Its first segment, whose picture stands for it.
        changed: When the file was changed last; None where that is no day of a calendar.
        is_missing: Its file is not there, or is not what it was when it was indexed.
    """

    files: ContentFiles
    first: SegmentSpan
    changed: datetime | None
    is_missing: bool


@dataclass(frozen=True)
class LibraryPage:
    """Some videos of the library, how many there are in all, and how long they are together."""

    videos: tuple[LibraryVideo, ...]
    num_videos: int
    total_seconds: float
    has_more: bool


def library_page(index: VideoIndex, order: VideoOrder, offset: int, limit: int) -> LibraryPage:
    """Return videos of an index in an order.

    Args:
        index: The index.
        order: By the time of the file's last change, the file's name, or the length.
        offset: So many videos are passed over before.
        limit: So many are returned at most.
    """
    snapshot = index.snapshot()
    ordered = sorted(snapshot.videos.items(), key=lambda item: _place(item[1][0], order))
    shown = ordered[offset : offset + limit]
    firsts = {content: spans[0] for content, spans in _spans(snapshot, [content for content, _ in shown]).items()}
    videos = tuple(_video(records, firsts[content]) for content, records in shown if content in firsts)
    total = sum(records[0].duration_seconds for records in snapshot.videos.values())
    return LibraryPage(videos, len(ordered), total, has_more=offset + limit < len(ordered))


def video_with_segments(index: VideoIndex, segment_id: str) -> tuple[LibraryVideo, tuple[SegmentSpan, ...]] | None:
    """Return the video that a segment is of, with all of its segments; None where the index has no such segment."""
    snapshot = index.snapshot()
    content = segment_id.rpartition("-")[0]
    records = snapshot.videos.get(content)
    spans = _spans(snapshot, [content]).get(content, ()) if records else ()
    if not records or segment_id not in {span.id for span in spans}:
        return None
    return _video(records, spans[0]), spans


def length_in_words(seconds: float) -> str:
    """Return a length as people say it.

    >>> length_in_words(42), length_in_words(858), length_in_words(9000)
    ('42 seconds', '14 minutes', '2.5 hours')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} second{'s' * (round(seconds) != 1)}"
    return f"{seconds / 60:.0f} minutes" if seconds < 99.5 * 60 else f"{seconds / 3600:,.1f} hours"


def _place(record: VideoRecord, order: VideoOrder) -> tuple[float, str, str]:
    """Return what videos are sorted by."""
    if order == "name":
        return 0, record.path.replace("\\", "/").rpartition("/")[2].casefold(), record.path
    return -(record.modified_ns if order == "newest" else record.duration_seconds), "", record.path


def _video(records: Sequence[VideoRecord], first: SegmentSpan) -> LibraryVideo:
    files = ContentFiles.of(records)
    try:
        changed = datetime.fromtimestamp(records[0].modified_ns / 1e9)
    except (OverflowError, ValueError, OSError):
        changed = None
    return LibraryVideo(files, first, changed, not files.is_current)


def _spans(snapshot: Snapshot, contents: Sequence[str]) -> dict[str, tuple[SegmentSpan, ...]]:
    """Return the segments of some contents, each in the order of the video."""
    found: dict[str, list[SegmentSpan]] = {}
    columns = ["content", "id", "start_seconds", "end_seconds"]
    with reading(snapshot.path):
        for condition in conditions("content", sorted(contents)):
            rows = snapshot.table.search().where(condition).select(columns).limit(None).to_arrow().to_pylist()
            for row in rows:
                span = SegmentSpan(row["id"], row["start_seconds"], row["end_seconds"])
                found.setdefault(row["content"], []).append(span)
    return {content: tuple(sorted(spans, key=lambda span: span.start_seconds)) for content, spans in found.items()}
