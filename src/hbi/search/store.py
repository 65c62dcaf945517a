"""The two LanceDB tables of an index: segments by content, videos by path.

Every write is a transaction of its table. Segments are written before the video they belong to, and a segment without
its video is never shown: a process may die at any moment.
"""

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hbi.search.catalog import VideoRecord
from hbi.search.checksums import ChecksumError, require_same_rows, row_checksums
from hbi.search.encoding import CoarseVectors, SegmentArrays, SegmentCodec
from hbi.search.error import MissingExtra, SearchError, reading, writing
from hbi.search.settings import milliseconds

CLEANUP_AGE = timedelta(hours=1)
"""Versions older than this are dropped when an index is tidied; a reader holds one for seconds."""

_PRIMARY_KEY = {"lance-schema:unenforced-primary-key": "true"}
"""Without it, two processes that insert the same new row at once both succeed (LanceDB 0.40)."""


@dataclass(frozen=True)
class SegmentRows:
    """Some segments of an index.

    Attributes:
        content: Of the video each one is cut from.
        start_seconds, end_seconds: Where in the video.
        arrays: Encoded.
        thumbnails: JPEG files.
    """

    content: tuple[str, ...]
    start_seconds: tuple[float, ...]
    end_seconds: tuple[float, ...]
    arrays: SegmentArrays
    thumbnails: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.content)


def segment_id(content: str, start_seconds: float) -> str:
    """Return the key of a segment: the same bytes cut at the same place are the same segment."""
    return f"{content}-{milliseconds(start_seconds)}"


class Store:
    """The tables of one index folder."""

    def __init__(self, path: Path, codec: SegmentCodec, *, create: bool = False) -> None:
        lancedb = import_lancedb()
        self.path = path
        self.codec = codec
        with writing(path) if create else reading(path):
            self._connection = lancedb.connect(str(path / "tables"), read_consistency_interval=timedelta(0))
            if create:
                self._connection.create_table("segments", schema=self._segment_schema(), exist_ok=True)
                self._connection.create_table("videos", schema=_video_schema(), exist_ok=True)
            self.segments = self._connection.open_table("segments")
            self.videos = self._connection.open_table("videos")

    def add_segments(self, rows: SegmentRows) -> None:
        """Write segments in one transaction; those that exist are replaced."""
        with writing(self.path):
            _upsert(self.segments, "id", self._segment_table(rows))

    def put_videos(self, records: Sequence[VideoRecord]) -> None:
        """Write what is known of some files in one transaction."""
        columns: list[Sequence[Any]] = list(zip(*map(astuple, records), strict=True))
        with writing(self.path):
            _upsert(self.videos, "path", _table([*columns, row_checksums(columns)], _video_schema()))

    def drop_videos(self, paths: Sequence[str]) -> None:
        """Forget some files; their segments stay until `tidy`."""
        with writing(self.path):
            for start in range(0, len(paths), 500):
                listed = ", ".join(map(_quoted, paths[start : start + 500]))
                self.videos.delete(f"path IN ({listed})")

    def read_videos(self) -> list[VideoRecord]:
        """Return all files that the index knows."""
        with reading(self.path):
            rows = self.videos.search().limit(None).to_arrow().to_pydict()
            checksums = rows.pop("checksum")
            require_same_rows(checksums, rows.values())
        return [VideoRecord(*values) for values in zip(*rows.values(), strict=True)]

    def starts_of(self, content: str) -> set[int]:
        """Return where, in milliseconds, the segments of a content begin."""
        with reading(self.path):
            query = self.segments.search().where(f"content = {_quoted(content)}").select(["id"]).limit(None)
            return {int(key.rpartition("-")[2]) for key in query.to_arrow()["id"].to_pylist()}

    def span_of(self, key: str) -> tuple[str, float, float] | None:
        """Return (content, start, end) of a segment, None where there is no such segment."""
        with reading(self.path):
            row = self.segments.search().where(f"id = {_quoted(key)}").select(SEGMENT_COLUMNS).limit(1).to_arrow()
            self.arrays(row)  # refused where they are not what was written
        return tuple(row[name][0].as_py() for name in SPAN_COLUMNS) if len(row) else None

    def thumbnail(self, key: str) -> bytes | None:
        """Return the JPEG file of a segment, None where there is no such segment."""
        with reading(self.path):
            wanted = ["id", "thumbnail", "thumbnail_checksum"]
            row = self.segments.search().where(f"id = {_quoted(key)}").select(wanted).limit(1).to_arrow().to_pydict()
            require_same_rows(row["thumbnail_checksum"], (row["id"], row["thumbnail"]))
        return row["thumbnail"][0] if row["thumbnail"] else None

    def tidy(self) -> None:
        """Drop segments that belong to no file, and join small pieces; only while nobody else writes."""
        with writing(self.path):
            wanted = {record.content for record in self.read_videos()}
            stored = self.segments.search().select(["content"]).limit(None).to_arrow()["content"].unique().to_pylist()
            unused = [content for content in stored if content not in wanted]
            for start in range(0, len(unused), 500):
                listed = ", ".join(map(_quoted, unused[start : start + 500]))
                self.segments.delete(f"content IN ({listed})")
            for table in (self.segments, self.videos):
                table.optimize(cleanup_older_than=CLEANUP_AGE)

    def arrays(self, table: Any) -> SegmentArrays:
        """Return the encoded segments of an Arrow table with the columns of `SEGMENT_COLUMNS`.

        Raises:
            ChecksumError: They are not what was written.
        """
        codec, count = self.codec, len(table)
        arrays = SegmentArrays(
            _flat(table, "tokens").reshape(count, codec.num_tokens, codec.width),
            _flat(table, "weights").reshape(count, codec.num_tokens),
            _flat(table, "mask").reshape(count, codec.num_tokens).astype(bool),
            _flat(table, "members").reshape(count, codec.num_members),
        )
        spans = [table[name].to_pylist() for name in SPAN_COLUMNS]
        require_same_rows(table["checksum"].to_numpy(), (*spans, *_columns(arrays)))
        return arrays

    def coarse_vectors(self, table: Any) -> CoarseVectors:
        """Return what finds segments, of an Arrow table with the columns of `COARSE_COLUMNS`.

        Raises:
            ChecksumError: They are not what was written.
        """
        flat = table["vectors"].combine_chunks().flatten().flatten().to_numpy().reshape(-1, self.codec.width)
        per_segment = self.codec.num_coarse
        is_real = _flat(table, "mask").reshape(len(table), self.codec.num_tokens)[:, -per_segment:].astype(bool)
        if int(is_real.sum()) != len(flat):
            raise ChecksumError(f"{len(flat)} vectors where {int(is_real.sum())} were written")
        vectors = np.zeros((len(table), per_segment, self.codec.width), np.float16)
        vectors[is_real] = flat
        weights = _flat(table, "weights").reshape(len(table), self.codec.num_tokens)[:, -per_segment:].copy()
        contents = table["content"].to_pylist()
        require_same_rows(table["vectors_checksum"].to_numpy(), (contents, vectors, weights, is_real))
        return CoarseVectors(torch.from_numpy(vectors).bfloat16(), torch.from_numpy(weights), torch.from_numpy(is_real))

    def segments_now(self) -> Any:
        """Return a handle to the segments that stays at their present version."""
        table = self._connection.open_table("segments")
        table.checkout(table.version)
        return table

    def _segment_schema(self) -> Any:
        import pyarrow as pa

        codec = self.codec
        half = pa.float16()
        return pa.schema(
            [
                pa.field("id", pa.string(), nullable=False, metadata=_PRIMARY_KEY),
                pa.field("content", pa.string(), nullable=False),
                pa.field("start_seconds", pa.float64(), nullable=False),
                pa.field("end_seconds", pa.float64(), nullable=False),
                pa.field("model", pa.string(), nullable=False),
                pa.field("vectors", pa.list_(pa.list_(half, codec.width)), nullable=False),
                pa.field("tokens", pa.list_(half, codec.num_tokens * codec.width), nullable=False),
                pa.field("weights", pa.list_(pa.float32(), codec.num_tokens), nullable=False),
                pa.field("mask", pa.list_(pa.uint8(), codec.num_tokens), nullable=False),
                pa.field("members", pa.list_(pa.int16(), codec.num_members), nullable=False),
                pa.field("thumbnail", pa.binary(), nullable=False),
                pa.field("checksum", pa.int64(), nullable=False),
                pa.field("vectors_checksum", pa.int64(), nullable=False),
                pa.field("thumbnail_checksum", pa.int64(), nullable=False),
            ]
        )

    def _segment_table(self, rows: SegmentRows) -> Any:
        import pyarrow as pa

        arrays, coarse = rows.arrays, self.codec.coarse(self.codec.decode(rows.arrays))
        real = coarse.mask.cpu().numpy()
        vectors = np.where(real[:, :, None], coarse.vectors.half().cpu().numpy(), np.float16(0))  # not -0: bytes count
        offsets = np.concatenate([[0], real.sum(1).cumsum()]).astype(np.int32)
        width, num_tokens = self.codec.width, self.codec.num_tokens
        ids = [segment_id(*key) for key in zip(rows.content, rows.start_seconds, strict=True)]
        spans = (rows.content, rows.start_seconds, rows.end_seconds)
        columns = [
            ids,
            *spans,
            [self.codec.search_model.fingerprint] * len(rows),
            pa.ListArray.from_arrays(pa.array(offsets), _fixed(vectors[real], width)),
            _fixed(arrays.tokens, num_tokens * width),
            _fixed(arrays.weights, num_tokens),
            _fixed(arrays.mask.astype(np.uint8), num_tokens),
            _fixed(arrays.members, self.codec.num_members),
            rows.thumbnails,
            row_checksums((*spans, *_columns(arrays))),
            row_checksums((rows.content, vectors, arrays.weights[:, -self.codec.num_coarse :], real)),
            row_checksums((ids, rows.thumbnails)),
        ]
        return _table(columns, self._segment_schema())


SPAN_COLUMNS = ["content", "start_seconds", "end_seconds"]
SEGMENT_COLUMNS = [*SPAN_COLUMNS, "tokens", "weights", "mask", "members", "checksum"]
"""A segment but for what finds it and what it looks like."""
COARSE_COLUMNS = ["content", "vectors", "weights", "mask", "vectors_checksum"]
"""What finds segments."""


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


def _video_schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("path", pa.string(), nullable=False, metadata=_PRIMARY_KEY),
            pa.field("content", pa.string(), nullable=False),
            pa.field("size_bytes", pa.int64(), nullable=False),
            pa.field("modified_ns", pa.int64(), nullable=False),
            pa.field("duration_seconds", pa.float64(), nullable=False),
            pa.field("num_segments", pa.int64(), nullable=False),
            pa.field("fault", pa.string(), nullable=True),
            pa.field("checksum", pa.int64(), nullable=False),
        ]
    )


def _table(columns: Sequence[Any], schema: Any) -> Any:
    import pyarrow as pa

    typed = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(typed, schema=schema)


def _columns(arrays: SegmentArrays) -> tuple[np.ndarray, ...]:
    return arrays.tokens, arrays.weights, arrays.mask, arrays.members


def _upsert(table: Any, key: str, rows: Any) -> None:
    table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all().execute(rows)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _fixed(values: np.ndarray, size: int) -> Any:
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1)), size)


def _flat(table: Any, column: str) -> np.ndarray:
    # A copy: Arrow's memory may not be written to, which torch dislikes.
    return table[column].combine_chunks().flatten().to_numpy(zero_copy_only=False).copy()
