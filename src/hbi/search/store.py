"""The two LanceDB tables of an index: segments by content, videos by path.

Every write is a transaction of its table. Segments are written before the video they belong to, and a segment without
its video is never shown: a process may die at any moment.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from hbi.search.arrow_tables import (
    SEGMENT_COLUMNS,
    SPAN_COLUMNS,
    SegmentRows,
    require_same_rows,
    segment_arrays,
    segment_schema,
    segment_table,
    video_records,
    video_schema,
    video_table,
)
from hbi.search.index_errors import MissingExtra, SearchError, reading, writing
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.video_records import VideoRecord

CLEANUP_AGE = timedelta(hours=1)
"""Versions older than this are dropped when an index is tidied; a reader holds one for seconds."""
NAMES_AT_ONCE = 500
"""In one condition of a query."""


class Store:
    """The tables of one index folder."""

    def __init__(self, path: Path, codec: SegmentCodec, *, create: bool = False) -> None:
        lancedb = import_lancedb()
        self.path = path
        self.codec = codec
        with writing(path) if create else reading(path):
            self._connection = lancedb.connect(str(path / "tables"), read_consistency_interval=timedelta(0))
            if create:
                self._connection.create_table("segments", schema=segment_schema(codec), exist_ok=True)
                self._connection.create_table("videos", schema=video_schema(), exist_ok=True)
            self.segments = self._connection.open_table("segments")
            self.videos = self._connection.open_table("videos")

    @property
    def has_frames(self) -> bool:
        """Whether vectors of single frames are stored: not in an index of an earlier version."""
        return "frames" in self.segments.schema.names

    def add_segments(self, rows: SegmentRows) -> None:
        """Write segments in one transaction; those that exist are replaced."""
        with writing(self.path):
            table = segment_table(self.codec, rows)
            if "frames" in table.column_names and not self.has_frames:
                table = table.drop_columns(["frames", "frames_checksum"])
            _upsert(self.segments, "id", table)

    def put_videos(self, records: Sequence[VideoRecord]) -> None:
        """Write what is known of some files in one transaction."""
        with writing(self.path):
            _upsert(self.videos, "path", video_table(records))

    def drop_videos(self, paths: Sequence[str]) -> None:
        """Forget some files; their segments stay until `tidy`."""
        with writing(self.path):
            for condition in conditions("path", paths):
                self.videos.delete(condition)

    def read_videos(self) -> list[VideoRecord]:
        """Return all files that the index knows."""
        with reading(self.path):
            return video_records(self.videos.search().limit(None).to_arrow())

    def starts_of(self, content: str) -> set[int]:
        """Return where, in milliseconds, the segments of a content begin."""
        with reading(self.path):
            query = self.segments.search().where(f"content = {quoted(content)}").select(["id"]).limit(None)
            return {int(key.rpartition("-")[2]) for key in query.to_arrow()["id"].to_pylist()}

    def span_of(self, key: str) -> tuple[str, float, float] | None:
        """Return (content, start, end) of a segment, None where there is no such segment."""
        with reading(self.path):
            row = self._segment(key, SEGMENT_COLUMNS)
            segment_arrays(self.codec, row)  # refused where they are not what was written
        return tuple(row[name][0].as_py() for name in SPAN_COLUMNS) if len(row) else None

    def thumbnail(self, key: str) -> bytes | None:
        """Return the JPEG file of a segment, None where there is no such segment."""
        with reading(self.path):
            row = self._segment(key, ["id", "thumbnail", "thumbnail_checksum"]).to_pydict()
            require_same_rows(row["thumbnail_checksum"], (row["id"], row["thumbnail"]))
        return row["thumbnail"][0] if row["thumbnail"] else None

    def tidy(self) -> None:
        """Drop segments that belong to no file, and join small pieces; only while nobody else writes."""
        with writing(self.path):
            wanted = {record.content for record in self.read_videos()}
            stored = self.segments.search().select(["content"]).limit(None).to_arrow()["content"].unique().to_pylist()
            for condition in conditions("content", [content for content in stored if content not in wanted]):
                self.segments.delete(condition)
            for table in (self.segments, self.videos):
                table.optimize(cleanup_older_than=CLEANUP_AGE)

    def segments_now(self) -> Any:
        """Return a handle to the segments that stays at their present version."""
        table = self._connection.open_table("segments")
        table.checkout(table.version)
        return table

    def _segment(self, key: str, columns: list[str]) -> Any:
        return self.segments.search().where(f"id = {quoted(key)}").select(columns).limit(1).to_arrow()


def conditions(column: str, values: Sequence[str]) -> list[str]:
    """Return SQL conditions that together choose the rows with one of some values; none for no values."""
    parts = (values[start : start + NAMES_AT_ONCE] for start in range(0, len(values), NAMES_AT_ONCE))
    return [f"{column} IN ({', '.join(map(quoted, part))})" for part in parts]


def import_lancedb() -> Any:
    """Return LanceDB.

    Raises:
        MissingExtra: It is not installed.
        SearchError: It cannot be loaded.
    """
    os.environ.setdefault("LANCE_LOG", "error")  # creating a table warns on stderr about nothing
    try:
        import lancedb
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "searching needs LanceDB, which is not installed: pip install 'hbi-video[search]'"
        ) from error
    except (ImportError, OSError, MemoryError) as error:  # it is there: memory, or files that may be open, are too few
        raise SearchError(
            f"LanceDB is installed but cannot be loaded ({error}): see whether there is enough memory, and how many "
            "files may be open (ulimit -a)"
        ) from error
    return lancedb


def _upsert(table: Any, key: str, rows: Any) -> None:
    table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all().execute(rows)


def quoted(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
