"""Videos into the index: decoding, encoding and writing at the same time, in steps that a kill cannot spoil."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch

from hbi.search.catalog import VideoRecord
from hbi.search.decoding import DecodedSegments, Decoder, FinishedFile
from hbi.search.encoding import SegmentArrays
from hbi.search.error import SearchError
from hbi.search.footage import SegmentFrames
from hbi.search.scanning import Scan, scan
from hbi.search.settings import IndexSettings
from hbi.search.store import SegmentRows, Store
from hbi.video.folders import PassedOver

ENCODE_AT_ONCE = 16
WRITE_AT_ONCE = 256
"""Segments."""
WRITE_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class IngestProgress:
    """How far it is: bytes tell when it ends, seconds of video how fast it goes."""

    num_files: int
    total_files: int
    bytes_done: float
    total_bytes: int
    video_seconds: float
    elapsed_seconds: float


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        num_segments: Written now.
        video_seconds: Length of what was decoded now.
        num_gone: Files that exist no more, or are excluded now, and were not forgotten.
        broken: Records of files, of this run or an earlier one, that give nothing.
        damaged: Records of files that give less than they should.
        skipped: One line each for files and folders that could not be looked at.
        passed_over: What was not taken for a video.
    """

    num_new: int
    num_changed: int
    num_unchanged: int
    num_moved: int
    num_removed: int
    num_gone: int
    num_segments: int
    video_seconds: float
    elapsed_seconds: float
    broken: tuple[VideoRecord, ...]
    damaged: tuple[VideoRecord, ...]
    skipped: tuple[str, ...]
    passed_over: PassedOver

    @property
    def has_changed_the_index(self) -> bool:
        """Whether anything in it is not as it was."""
        return any((self.num_new, self.num_changed, self.num_moved, self.num_removed))


Watch = Callable[[IngestProgress], None]


class LostPlaceError(SearchError):
    """Everything that the index knows of a folder would be forgotten: perhaps only its disk is not there."""


def ingest(
    store: Store,
    settings: IndexSettings,
    places: Sequence[Path],
    *,
    exclude: Sequence[str] = (),
    prune: bool = False,
    is_sure: bool = False,
    watch: Watch | None = None,
) -> IngestReport:
    """Bring the index up to date with the videos in some folders.

    Killed at any moment, the next call goes on: a segment is written once, and a file counts as known only after all
    its segments were written.

    Args:
        exclude: Patterns of names and paths that are not wanted (`hbi.video.folders.Exclusion`).
        prune: Forget files of these folders that exist no more, or are excluded.
        is_sure: Even where that is all that is known of a folder.

    Raises:
        SearchError: A folder does not exist, or the index cannot be written.
        LostPlaceError: Pruning would forget all of a folder; nothing was done.
    """
    known = {record.path: record for record in store.read_videos()}
    found = scan(places, known, exclude=exclude, without=[store.path])
    if prune and not is_sure:
        _require_no_loss(found)
    run = _Ingest(store, known, found, watch)
    run.decode_and_write(settings)
    return run.finish(prune=prune)


def _require_no_loss(found: Scan) -> None:
    if found.lost:
        places = " and ".join(f"{place.path} (videos: {place.num_videos})" for place in found.lost)
        raise LostPlaceError(
            f"nothing is left of what the index knows below {places}: see whether the disk is there, or forget it with "
            "--prune --yes"
        )


@dataclass
class _Pending:
    """What is encoded but not handed to the writer yet."""

    content: list[str] = field(default_factory=list)
    segments: list[SegmentFrames] = field(default_factory=list)
    arrays: list[SegmentArrays] = field(default_factory=list)
    num_encoded: int = 0
    records: list[VideoRecord] = field(default_factory=list)


class _Ingest:
    def __init__(self, store: Store, known: dict[str, VideoRecord], found: Scan, watch: Watch | None) -> None:
        self._store, self._known, self._found, self._watch = store, known, found, watch
        self._pending = _Pending()
        self._finished: list[FinishedFile] = []
        self._begun = self._last_write = time.monotonic()
        self._bytes_done: dict[str, float] = {}
        self._video_seconds = 0.0
        self._num_segments = 0
        self._writing: Future[None] | None = None

    def decode_and_write(self, settings: IndexSettings) -> None:
        complete = {record.content: record for record in self._known.values() if record.content}
        decoder = Decoder(
            self._found.unknown, settings, complete, self._store.starts_of, num_threads=max(2, os.cpu_count() or 1)
        )
        with ThreadPoolExecutor(1, thread_name_prefix="index-writer") as writer, decoder:
            for made in decoder:
                if isinstance(made, DecodedSegments):
                    self._take(made)
                else:
                    self._end(made)
                is_time = time.monotonic() - self._last_write > WRITE_EVERY_SECONDS
                if len(self._pending.segments) >= WRITE_AT_ONCE or is_time:
                    self._hand_over(writer)
            self._hand_over(writer)
            if self._writing:
                self._writing.result()

    def finish(self, *, prune: bool) -> IngestReport:
        records = [end.record for end in self._finished if end.record]
        arrived = {record.content for record in records}
        # A file that is gone from one place and has come up in another has moved: it is forgotten there in any case.
        moved = [record for record in self._found.gone if record.content and record.content in arrived]
        left = [record for record in (*self._found.gone, *self._found.excluded) if record not in moved]
        removed = left if prune else []
        if moved or removed:
            self._store.drop_videos([record.path for record in (*moved, *removed)])
        everything = [*records, *self._found.unchanged]
        readable = [record for record in records if not record.is_broken]
        changed = [record for record in readable if record.path in self._known]
        come_back = {record.content for record in moved}
        return IngestReport(
            num_new=len(readable) - len(changed) - sum(record.content in come_back for record in readable),
            num_changed=len(changed),
            num_unchanged=len(self._found.unchanged),
            num_moved=len(moved),
            num_removed=len(removed),
            num_gone=len(left) - len(removed),
            num_segments=self._num_segments,
            video_seconds=self._video_seconds,
            elapsed_seconds=time.monotonic() - self._begun,
            broken=tuple(record for record in everything if record.is_broken),
            damaged=tuple(record for record in everything if record.fault and not record.is_broken),
            skipped=(
                *(f"{name!r}: its name is not Unicode; rename it" for name in self._found.unnamable),
                *(f"{end.file.path!r}: {end.trouble}" for end in self._finished if not end.record),
                *(f"{each.path!r}: a folder that cannot be read ({each.reason})" for each in self._found.unreadable),
                *(f"{link!r}: it leads nowhere; what is known of it is kept" for link in self._found.dead_links),
            ),
            passed_over=self._found.passed_over,
        )

    def _take(self, made: DecodedSegments) -> None:
        self._pending.content += [made.content] * len(made.segments)
        self._pending.segments += made.segments
        while len(self._pending.segments) - self._pending.num_encoded >= ENCODE_AT_ONCE:
            self._encode(ENCODE_AT_ONCE)
        done = self._bytes_done.get(made.file.path, 0.0)
        self._bytes_done[made.file.path] = done + made.share * made.file.size_bytes
        self._video_seconds += _covered_seconds(made.segments)
        self._tell()

    def _end(self, made: FinishedFile) -> None:
        self._finished.append(made)
        if made.record:
            self._pending.records.append(made.record)
        self._bytes_done[made.file.path] = made.file.size_bytes
        self._tell()

    def _encode(self, count: int) -> None:
        pending = self._pending
        batch = pending.segments[pending.num_encoded : pending.num_encoded + count]
        if batch:
            pixels, mask = torch.stack([each.pixels for each in batch]), torch.stack([each.mask for each in batch])
            pending.arrays.append(self._store.codec.encode(pixels, mask))
            pending.num_encoded += len(batch)

    def _hand_over(self, writer: ThreadPoolExecutor) -> None:
        """Give everything to the writer; wait for what it had before, so that little is ever unwritten."""
        while self._pending.num_encoded < len(self._pending.segments):
            self._encode(ENCODE_AT_ONCE)
        pending, self._pending = self._pending, _Pending()
        self._last_write = time.monotonic()
        if self._writing:
            self._writing.result()
        self._writing = writer.submit(self._write, pending)

    def _write(self, pending: _Pending) -> None:
        if pending.segments:
            rows = SegmentRows(
                tuple(pending.content),
                tuple(each.start_seconds for each in pending.segments),
                tuple(each.end_seconds for each in pending.segments),
                SegmentArrays.concatenate(pending.arrays),
                tuple(each.thumbnail for each in pending.segments),
            )
            self._store.add_segments(rows)
            self._num_segments += len(rows)
        if pending.records:
            self._store.put_videos(pending.records)

    def _tell(self) -> None:
        if self._watch:
            self._watch(
                IngestProgress(
                    num_files=len(self._finished),
                    total_files=len(self._found.unknown),
                    bytes_done=sum(self._bytes_done.values()),
                    total_bytes=sum(file.size_bytes for file in self._found.unknown),
                    video_seconds=self._video_seconds,
                    elapsed_seconds=time.monotonic() - self._begun,
                )
            )


def _covered_seconds(segments: Sequence[SegmentFrames]) -> float:
    """Return how many seconds of video some segments, in ascending order, cover; overlaps count once."""
    covered, reached = 0.0, -1.0
    for segment in segments:
        covered += segment.end_seconds - max(segment.start_seconds, reached)
        reached = segment.end_seconds
    return covered
