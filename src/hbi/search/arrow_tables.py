"""What an index stores as Arrow tables, and back: columns, and a checksum of every row.

LanceDB keeps no checksums: a flipped bit would only give another score.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from hbi.files.checksums import ChecksumError
from hbi.search.index_settings import milliseconds
from hbi.search.segment_encoding import CoarseVectors, SegmentArrays, SegmentCodec
from hbi.search.video_records import VideoRecord

SPAN_COLUMNS = ["content", "start_seconds", "end_seconds"]
SEGMENT_COLUMNS = [*SPAN_COLUMNS, "tokens", "weights", "mask", "members", "checksum"]
"""A segment but for what finds it and its thumbnail."""
COARSE_COLUMNS = ["content", "vectors", "weights", "mask", "vectors_checksum"]
"""What finds segments."""
FRAME_COLUMNS = ["id", "frames", "frames_checksum"]
"""What tells the frames of a segment apart, of models that compare vectors of whole videos; added in format 3."""
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


def segment_schema(codec: SegmentCodec) -> Any:
    """Return the Arrow schema of the segments of a model."""
    import pyarrow as pa

    types = {"frames": pa.list_(pa.float16(), codec.num_frames * codec.width), "frames_checksum": pa.int64()}
    return _schema(
        key="id",
        content=pa.string(),
        start_seconds=pa.float64(),
        end_seconds=pa.float64(),
        model=pa.string(),
        vectors=pa.list_(pa.list_(pa.float16(), codec.width)),
        tokens=pa.list_(pa.float16(), codec.num_tokens * codec.width),
        weights=pa.list_(pa.float32(), codec.num_tokens),
        mask=pa.list_(pa.uint8(), codec.num_tokens),
        members=pa.list_(pa.int16(), codec.num_members),
        thumbnail=pa.binary(),
        checksum=pa.int64(),
        vectors_checksum=pa.int64(),
        thumbnail_checksum=pa.int64(),
        **(types if codec.keeps_frames else {}),
    )


def video_schema() -> Any:
    """Return the Arrow schema of the video records."""
    import pyarrow as pa

    return _schema(
        key="path",
        content=pa.string(),
        size_bytes=pa.int64(),
        modified_ns=pa.int64(),
        duration_seconds=pa.float64(),
        num_segments=pa.int64(),
        fault=pa.string(),  # `VideoRecord.problem`, named so since format 1
        checksum=pa.int64(),
    )


def _schema(key: str, **types: Any) -> Any:
    """Return the schema of a table with a text as its key; `fault` alone may be missing."""
    import pyarrow as pa

    fields = [pa.field(name, kind, nullable=name == "fault") for name, kind in types.items()]
    return pa.schema([pa.field(key, pa.string(), nullable=False, metadata=_PRIMARY_KEY), *fields])


def segment_table(codec: SegmentCodec, rows: SegmentRows) -> Any:
    """Return segments as an Arrow table of `segment_schema`."""
    import pyarrow as pa

    arrays, coarse = rows.arrays, codec.coarse(codec.decode(rows.arrays))
    is_real = coarse.mask.cpu().numpy()
    vectors = np.where(is_real[:, :, None], coarse.vectors.half().cpu().numpy(), np.float16(0))  # not -0: bytes count
    offsets = np.concatenate([[0], is_real.sum(1).cumsum()]).astype(np.int32)
    ids = [segment_id(*key) for key in zip(rows.content, rows.start_seconds, strict=True)]
    spans = (rows.content, rows.start_seconds, rows.end_seconds)
    columns = [
        ids,
        *spans,
        [codec.matcher.fingerprint] * len(rows),
        pa.ListArray.from_arrays(pa.array(offsets), _fixed_size(vectors[is_real], codec.width)),
        _fixed_size(arrays.tokens, codec.num_tokens * codec.width),
        _fixed_size(arrays.weights, codec.num_tokens),
        _fixed_size(arrays.mask.astype(np.uint8), codec.num_tokens),
        _fixed_size(arrays.members, codec.num_members),
        rows.thumbnails,
        _row_checksums((*spans, *_columns(arrays))),
        _row_checksums((rows.content, vectors, arrays.weights[:, -codec.num_coarse :], is_real)),
        _row_checksums((ids, rows.thumbnails)),
    ]
    if arrays.frames is not None:
        columns += [_fixed_size(arrays.frames, codec.num_frames * codec.width), _row_checksums((ids, arrays.frames))]
    return _table(columns, segment_schema(codec))


def segment_arrays(codec: SegmentCodec, table: Any) -> SegmentArrays:
    """Return the encoded segments of an Arrow table with the columns of `SEGMENT_COLUMNS`.

    Raises:
        ChecksumError: They are not what was written.
    """
    count = len(table)
    arrays = SegmentArrays(
        _flat(table, "tokens").reshape(count, codec.num_tokens, codec.width),
        _flat(table, "weights").reshape(count, codec.num_tokens),
        _flat(table, "mask").reshape(count, codec.num_tokens).astype(bool),
        _flat(table, "members").reshape(count, codec.num_members),
    )
    spans = [table[name].to_pylist() for name in SPAN_COLUMNS]
    require_same_rows(table["checksum"].to_numpy(), (*spans, *_columns(arrays)))
    return arrays


def frame_vectors(codec: SegmentCodec, table: Any) -> dict[str, Float[np.ndarray, "frame width"]]:
    """Return the vectors of single frames by segment, of an Arrow table with the columns of `FRAME_COLUMNS`.

    Raises:
        ChecksumError: They are not what was written.
    """
    ids = table["id"].to_pylist()
    frames = _flat(table, "frames").reshape(len(ids), codec.num_frames, codec.width)
    require_same_rows(table["frames_checksum"].to_numpy(), (ids, frames))
    return dict(zip(ids, frames, strict=True))


def coarse_vectors(codec: SegmentCodec, table: Any) -> CoarseVectors:
    """Return what finds segments, of an Arrow table with the columns of `COARSE_COLUMNS`.

    Raises:
        ChecksumError: They are not what was written.
    """
    flat = table["vectors"].combine_chunks().flatten().flatten().to_numpy().reshape(-1, codec.width)
    per_segment = codec.num_coarse
    is_real = _flat(table, "mask").reshape(len(table), codec.num_tokens)[:, -per_segment:].astype(bool)
    if int(is_real.sum()) != len(flat):
        raise ChecksumError(f"{len(flat)} vectors where {int(is_real.sum())} were written")
    vectors = np.zeros((len(table), per_segment, codec.width), np.float16)
    vectors[is_real] = flat
    weights = _flat(table, "weights").reshape(len(table), codec.num_tokens)[:, -per_segment:].copy()
    contents = table["content"].to_pylist()
    require_same_rows(table["vectors_checksum"].to_numpy(), (contents, vectors, weights, is_real))
    return CoarseVectors(torch.from_numpy(vectors).bfloat16(), torch.from_numpy(weights), torch.from_numpy(is_real))


def video_table(records: Sequence[VideoRecord]) -> Any:
    """Return records as an Arrow table of `video_schema`."""
    columns: list[Sequence[Any]] = list(zip(*map(astuple, records), strict=True))
    return _table([*columns, _row_checksums(columns)], video_schema())


def video_records(table: Any) -> list[VideoRecord]:
    """Return the records of an Arrow table of `video_schema`.

    Raises:
        ChecksumError: They are not what was written.
    """
    columns = table.to_pydict()
    require_same_rows(columns.pop("checksum"), columns.values())
    return [VideoRecord(*values) for values in zip(*columns.values(), strict=True)]


def _row_checksums(columns: Iterable[Sequence[Any] | np.ndarray]) -> np.ndarray:
    """Return one checksum (CRC-32) for each row of some columns.

    A column is an array [row, …], whose bytes count, or a sequence of texts, bytes, numbers or None.
    """
    sums: list[int] | None = None
    for column in columns:
        values = map(_bytes, column)
        sums = [zlib.crc32(value) for value in values] if sums is None else list(map(zlib.crc32, values, sums))
    return np.array(sums or [], np.int64)


def require_same_rows(stored: Sequence[int] | np.ndarray, columns: Iterable[Sequence[Any] | np.ndarray]) -> None:
    """Raise ChecksumError for rows whose checksums are not those that were stored with them."""
    num_damaged = int((np.asarray(stored, np.int64) != _row_checksums(columns)).sum())
    if num_damaged:
        raise ChecksumError(f"{num_damaged} of {len(stored)} rows are not what was written")


def _bytes(value: Any) -> bytes | memoryview:
    if isinstance(value, bytes):
        return value
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value).data.cast("B") if value.size else b""
    return repr(value).encode("utf-8", "surrogatepass")


def _table(columns: Sequence[Any], schema: Any) -> Any:
    import pyarrow as pa

    typed = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(typed, schema=schema)


def _columns(arrays: SegmentArrays) -> tuple[np.ndarray, ...]:
    return arrays.tokens, arrays.weights, arrays.mask, arrays.members


def _fixed_size(values: np.ndarray, size: int) -> Any:
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1)), size)


def _flat(table: Any, column: str) -> np.ndarray:
    # A copy: Arrow's memory may not be written to, which torch dislikes.
    return table[column].combine_chunks().flatten().to_numpy(zero_copy_only=False).copy()
