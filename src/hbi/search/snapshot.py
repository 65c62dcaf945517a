"""What of an index is kept in memory, at one version of it: bounded, however large the index grows."""

import time
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from hbi.search.arrow_tables import (
    COARSE_COLUMNS,
    FRAME_COLUMNS,
    SEGMENT_COLUMNS,
    coarse_vectors,
    frame_vectors,
    segment_arrays,
    segment_id,
)
from hbi.search.index_errors import reading
from hbi.search.segment_encoding import CoarseVectors, SegmentArrays
from hbi.search.store import Store, conditions, quoted
from hbi.search.video_records import VideoRecord

EXACT_UP_TO = 2048
"""Segments: so many are all compared in full, token by token."""
EXHAUSTIVE_UP_TO = 100_000
"""Segments: so many are all compared by their last level, and the best of them in full."""
TOUCH_SECONDS = 0.05
"""Segments no farther apart are neighbors."""
NUM_REFERENCES = 256
"""Segments, drawn at random, with which words of a text are compared: how well do they fit the index as a whole?"""


@dataclass(frozen=True)
class Segments:
    """Some segments, encoded: where they are from, and what the model compares."""

    content: np.ndarray
    start_seconds: np.ndarray
    end_seconds: np.ndarray
    arrays: SegmentArrays

    def __len__(self) -> int:
        return len(self.content)

    def __getitem__(self, rows: Any) -> "Segments":
        """Return some of them (indices or a slice)."""
        return Segments(self.content[rows], self.start_seconds[rows], self.end_seconds[rows], self.arrays[rows])

    def id(self, row: int) -> str:
        """Return the key of one."""
        return segment_id(str(self.content[row]), float(self.start_seconds[row]))


@dataclass(frozen=True)
class SegmentsInMemory:
    """All segments of a small or middle-sized index, without what is needed of a few only.

    Attributes:
        row_ids: Of the table, at the snapshot's version.
        coarse: The vectors of the last level, bfloat16.
        whole: Everything, of a small index.
    """

    content: np.ndarray
    row_ids: np.ndarray
    coarse: CoarseVectors
    whole: Segments | None


class Snapshot:
    """An index at one version: its videos, and what of its segments stays in memory."""

    def __init__(self, store: Store) -> None:
        begun = time.monotonic()
        self._store, self.path = store, store.path
        videos: defaultdict[str, list[VideoRecord]] = defaultdict(list)
        # Videos first: they are written after their segments, so that none of these can be lacking.
        self.videos_version = store.videos.version
        records = store.read_videos()
        for record in sorted(records, key=lambda record: record.path):
            if not record.is_broken:
                videos[record.content].append(record)
        self.videos = dict(videos)
        with reading(store.path):
            self.table = store.segments_now()
            self.version = self.table.version
            self.num_stored = self.table.count_rows()
            self.in_memory = self._load() if self.num_stored <= EXHAUSTIVE_UP_TO else None
        self.num_segments = len(self.in_memory.content) if self.in_memory else self.count_of(None)
        self.references = self._references()
        self.load_seconds = time.monotonic() - begun
        self.loaded_at = time.monotonic()

    def fetch(self, row_ids: np.ndarray) -> Segments:
        """Return segments by their row ids, in the order of the table's choosing."""
        with reading(self.path):
            return self._segments(self.table.take_row_ids(np.sort(row_ids).tolist()).select(SEGMENT_COLUMNS).to_arrow())

    def frame_vectors(self, segments: Segments) -> np.ndarray | None:
        """Return [segment, frame, width], the vectors of single frames; None where the index has none."""
        keys = [segments.id(row) for row in range(len(segments))]
        if not keys or "frames" not in self.table.schema.names:
            return None
        found: dict[str, np.ndarray] = {}
        with reading(self.path):
            for each in conditions("id", keys):
                rows = self.table.search().where(each).select(FRAME_COLUMNS).limit(None).to_arrow()
                found |= frame_vectors(self._store.codec, rows)
        return np.stack([found[key] for key in keys])

    def segment(self, key: str) -> Segments | None:
        """Return the segment with a key, as one row; None where there is no such segment."""
        with reading(self.path):
            row = self.table.search().where(f"id = {quoted(key)}").select(SEGMENT_COLUMNS).limit(1).to_arrow()
            found = self.shown(self._segments(row))
        return found if len(found) else None

    def beside(self, segments: Segments) -> Segments:
        """Return some segments with their neighbors: those of the same video that overlap or touch one of them."""
        reached = [
            (str(content), float(start) - TOUCH_SECONDS, float(end) + TOUCH_SECONDS)
            for content, start, end in zip(segments.content, segments.start_seconds, segments.end_seconds, strict=True)
        ]
        whole = self.in_memory.whole if self.in_memory else None
        if whole is not None:
            is_near = np.zeros(len(whole), bool)
            for content, start, end in reached:
                is_near |= (whole.content == content) & (whole.start_seconds <= end) & (whole.end_seconds >= start)
            return whole[is_near]
        near = " OR ".join(
            f"(content = {quoted(content)} AND start_seconds <= {end} AND end_seconds >= {start})"
            for content, start, end in reached
        )
        with reading(self.path):
            return self._segments(
                self.table.search().where(near or "false").select(SEGMENT_COLUMNS).limit(None).to_arrow()
            )

    def at_offsets(self, offsets: np.ndarray) -> Segments:
        """Return segments by their place in the table, of files that the index knows or not."""
        with reading(self.path):
            return self._segments(self.table.take_offsets(np.sort(offsets).tolist()).select(SEGMENT_COLUMNS).to_arrow())

    def count_of(self, contents: Collection[str] | None) -> int:
        """Return how many segments some contents (None: all) have."""
        chosen = self.videos if contents is None else contents
        return sum(self.videos[content][0].num_segments for content in chosen)

    def of_contents(self, contents: Collection[str]) -> Segments:
        """Return all segments of some contents."""
        import pyarrow as pa

        with reading(self.path):
            chosen = [self.table.search().where(each) for each in conditions("content", sorted(contents)) or ["false"]]
            return self._segments(
                pa.concat_tables(each.select(SEGMENT_COLUMNS).limit(None).to_arrow() for each in chosen)
            )

    def shown(self, segments: Segments) -> Segments:
        """Return those segments whose file the index knows: not those of a file that is just being read."""
        return segments[np.array([content in self.videos for content in segments.content], bool)]

    def _load(self) -> SegmentsInMemory:
        is_small = self.num_stored <= EXACT_UP_TO
        columns = {*COARSE_COLUMNS, *(SEGMENT_COLUMNS if is_small else ())}
        table = self.table.search().select(sorted(columns)).with_row_id(True).limit(None).to_arrow()
        content = np.array(table["content"].to_pylist(), object)
        self._require_all(Counter(content))
        is_shown = np.array([each in self.videos for each in content], bool)
        row_ids = table["_rowid"].to_numpy()[is_shown]
        coarse = _rows(coarse_vectors(self._store.codec, table), torch.from_numpy(is_shown))
        whole = self._segments(table)[is_shown] if is_small else None
        return SegmentsInMemory(content[is_shown], row_ids, coarse, whole)

    def _require_all(self, stored: Counter[str]) -> None:
        """Refuse an index that lacks segments of the videos it lists: its engine takes an older version for the newest.

        Raises:
            ValueError: It does.
        """
        lacking = {content for content, records in self.videos.items() if stored[content] < records[0].num_segments}
        # Videos that were forgotten since they were read lose their segments.
        if lacking and not lacking.isdisjoint(record.content for record in self._store.read_videos()):
            raise ValueError(f"segments of {len(lacking)} videos are missing")

    def _segments(self, table: Any) -> Segments:
        return Segments(
            np.array(table["content"].to_pylist(), object),
            table["start_seconds"].to_numpy(),
            table["end_seconds"].to_numpy(),
            segment_arrays(self._store.codec, table),
        )

    def _references(self) -> Segments:
        """Return some segments drawn at random, the same ones for the same index."""
        draw = np.random.default_rng(0)
        if self.in_memory:
            count = len(self.in_memory.content)
            rows = draw.permutation(count)[:NUM_REFERENCES]
            return self.in_memory.whole[rows] if self.in_memory.whole else self.fetch(self.in_memory.row_ids[rows])
        offsets = draw.permutation(self.num_stored)[: 2 * NUM_REFERENCES]
        return self.shown(self.at_offsets(offsets))[:NUM_REFERENCES]


def _rows(coarse: CoarseVectors, rows: torch.Tensor) -> CoarseVectors:
    if bool(rows.all()):
        return coarse
    return replace(coarse, vectors=coarse.vectors[rows], weights=coarse.weights[rows], mask=coarse.mask[rows])
