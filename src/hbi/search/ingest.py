"""Videos into the index: decoding, encoding and writing at the same time; it may be killed at any moment."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch

from hbi.search.arrow_tables import SegmentRows
from hbi.search.index_errors import SearchError
from hbi.search.index_settings import IndexSettings
from hbi.search.scanning import Scan, scan
from hbi.search.segment_decoding import DecodedSegments, FinishedFile, SegmentDecoder
from hbi.search.segment_encoding import SegmentArrays
from hbi.search.segment_frames import SegmentFrames
from hbi.search.store import Store
from hbi.search.video_records import VideoRecord
from hbi.video.folders import PassedOver

ENCODE_AT_ONCE = 16
WRITE_AT_ONCE = 256
"""Segments."""
WRITE_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class IngestProgress:
    """How far an ingest is: bytes tell when it ends, seconds of video how fast it goes."""

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
        broken: Records of files, of this run or an earlier one, of which nothing could be read.
        damaged: Records of files of which a part could not be read.
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


IngestCallback = Callable[[IngestProgress], None]


class LostFolderError(SearchError):
    """Everything that the index knows of a folder would be forgotten: perhaps only its disk is not there."""


def ingest(
    store: Store,
    settings: IndexSettings,
    places: Sequence[Path],
    *,
    exclude: Sequence[str] = (),
    prune: bool = False,
    is_sure: bool = False,
    progress: IngestCallback | None = None,
) -> IngestReport:
    """Bring the index up to date with the videos in some folders.

    Killed at any moment, the next call goes on: a segment is written once, and a file counts as known only after all
    its segments were written.

    Args:
        store: The tables of the index.
        settings: How videos are cut.
        places: Folders of videos, and what is below them; or videos.
        exclude: Patterns of names and paths that are not wanted (`hbi.video.folders.Exclusion`).
        prune: Forget files of these folders that exist no more, or are excluded.
        is_sure: Even where that is all that is known of a folder.
        progress: Called after every batch of segments and every file.

    Raises:
        SearchError: A folder does not exist, or the index cannot be written.
        LostFolderError: Pruning would forget all of a folder; nothing was done.
    """
    known = {record.path: record for record in store.read_videos()}
    found = scan(places, known, exclude=exclude, without=[store.path])
    if prune and found.lost and not is_sure:
        lost = " and ".join(f"{folder.path} (videos: {folder.num_videos})" for folder in found.lost)
        raise LostFolderError(
            f"nothing is left of what the index knows below {lost}: see whether the disk is there, or forget it with "
            "--prune --yes"
        )
    run = _Ingest(store, known, found, progress)
    run.decode_and_write(settings)
    return run.finish(prune=prune)


@dataclass
class _Pending:
    """What is encoded but not handed to the writer yet."""

    content: list[str] = field(default_factory=list)
    segments: list[SegmentFrames] = field(default_factory=list)
    arrays: list[SegmentArrays] = field(default_factory=list)
    num_encoded: int = 0
    records: list[VideoRecord] = field(default_factory=list)


class _Ingest:
    def __init__(
        self, store: Store, known: dict[str, VideoRecord], found: Scan, progress: IngestCallback | None
    ) -> None:
        self._store, self._known, self._found, self._progress = store, known, found, progress
        self._pending = _Pending()
        self._finished: list[FinishedFile] = []
        self._begun = self._last_write = time.monotonic()
        self._bytes_done: dict[str, float] = {}
        self._video_seconds = 0.0
        self._num_segments = 0
        self._writing: Future[None] | None = None

    def decode_and_write(self, settings: IndexSettings) -> None:
        complete = {record.content: record for record in self._known.values() if record.content}
        decoder = SegmentDecoder(
            self._found.unknown, settings, complete, self._store.starts_of, num_threads=max(2, os.cpu_count() or 1)
        )
        with ThreadPoolExecutor(1, thread_name_prefix="index-writer") as writer, decoder:
            for decoded in decoder:
                if isinstance(decoded, DecodedSegments):
                    self._add_segments(decoded)
                else:
                    self._finish_file(decoded)
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
            damaged=tuple(record for record in everything if record.problem and not record.is_broken),
            skipped=(
                *(f"{name!r}: its name is not Unicode; rename it" for name in self._found.not_unicode),
                *(f"{end.file.path!r}: {end.problem}" for end in self._finished if not end.record),
                *(f"{each.path!r}: a folder that cannot be read ({each.reason})" for each in self._found.unreadable),
                *(f"{link!r}: it leads nowhere; what is known of it is kept" for link in self._found.dead_links),
            ),
            passed_over=self._found.passed_over,
        )

    def _add_segments(self, decoded: DecodedSegments) -> None:
        self._pending.content += [decoded.content] * len(decoded.segments)
        self._pending.segments += decoded.segments
        while len(self._pending.segments) - self._pending.num_encoded >= ENCODE_AT_ONCE:
            self._encode(ENCODE_AT_ONCE)
        done = self._bytes_done.get(decoded.file.path, 0.0)
        self._bytes_done[decoded.file.path] = done + decoded.share * decoded.file.size_bytes
        self._video_seconds += _covered_seconds(decoded.segments)
        self._report_progress()

    def _finish_file(self, file: FinishedFile) -> None:
        self._finished.append(file)
        if file.record:
            self._pending.records.append(file.record)
        self._bytes_done[file.file.path] = file.file.size_bytes
        self._report_progress()

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

    def _report_progress(self) -> None:
        if self._progress:
            self._progress(
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
