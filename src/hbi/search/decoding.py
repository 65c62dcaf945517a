"""Decoding many files in the background: threads that hash, cut and decode while others encode and write."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import TypeAlias

from hbi.search.catalog import VideoRecord
from hbi.search.footage import SegmentFrames, read_stretches
from hbi.search.scanning import FoundFile, content_hash
from hbi.search.settings import IndexSettings
from hbi.video import VideoError
from hbi.video.opening import open_video


@dataclass(frozen=True)
class DecodedSegments:
    """Neighboring segments of one file; `share` of its length is what they add to what came before."""

    file: FoundFile
    content: str
    segments: tuple[SegmentFrames, ...]
    share: float


@dataclass(frozen=True)
class FinishedFile:
    """The end of one file: all its segments have come before.

    Attributes:
        record: What is now known of it; None where it changed while it was being read.
        was_known: Its content was in the index already, nothing was decoded.
    """

    file: FoundFile
    record: VideoRecord | None
    was_known: bool


Decoded: TypeAlias = DecodedSegments | FinishedFile

WAIT_SECONDS = 0.2


class Decoder:
    """Threads that decode files while it is entered; iterate for what they make: parts in order, files mixed.

    `starts_of` tells at which milliseconds a content has segments in the index: what a killed run left is not decoded
    again. `complete` maps contents to a record of a file that is wholly indexed.
    """

    def __init__(
        self,
        files: Sequence[FoundFile],
        settings: IndexSettings,
        complete: dict[str, VideoRecord],
        starts_of: Callable[[str], set[int]],
        *,
        num_threads: int,
    ) -> None:
        self._waiting: Queue[FoundFile] = Queue()
        for file in files:
            self._waiting.put(file)
        self._made: Queue[Decoded | BaseException] = Queue(maxsize=2 * num_threads)
        self._settings, self._complete, self._starts_of = settings, complete, starts_of
        self._num_files = len(files)
        self._lock, self._at_work = threading.Lock(), set[str]()
        self._is_stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(num_threads)]

    def __enter__(self) -> "Decoder":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopped.set()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[Decoded]:
        """Yield parts and ends of files until every file has ended."""
        num_left = self._num_files
        while num_left:
            made = self._made.get()
            if isinstance(made, BaseException):
                raise made
            num_left -= isinstance(made, FinishedFile)
            yield made

    def _work(self) -> None:
        try:
            while not self._is_stopped.is_set():
                self._look_at(self._waiting.get_nowait())
        except Empty:
            pass
        except BaseException as error:  # handed to whoever iterates: a thread that dies silently would hang it
            self._put(error)

    def _look_at(self, file: FoundFile) -> None:
        try:
            content = content_hash(file.path)
        except OSError as error:
            return self._finish(file, "", 0.0, 0, f"cannot be read ({error.strerror or error})")
        with self._lock:
            twin = self._complete.get(content)
            is_at_work = twin is None and content in self._at_work
            self._at_work.add(content)
        if twin:
            return self._finish(file, content, twin.duration_seconds, twin.num_segments, twin.fault, was_known=True)
        if is_at_work:  # another thread decodes a copy of it: come back when that one is finished
            self._waiting.put(file)
            self._is_stopped.wait(WAIT_SECONDS)
            return None
        return self._decode(file, content)

    def _decode(self, file: FoundFile, content: str) -> None:
        try:
            with open_video(file.path) as video:
                duration, fault = video.duration_seconds, video.structure.fault
                windows = self._settings.windows(video.start_seconds, video.end_seconds)
        except VideoError as error:
            return self._finish(file, content, 0.0, 0, error.cause)
        there = self._starts_of(content)
        missing = [window for window in windows if round(window[0] * 1000) not in there]
        num_segments, faults, done = len(windows) - len(missing), [fault] if fault else [], 0
        reading = read_stretches(
            Path(file.path), missing, num_frames=self._settings.num_frames, image_size=self._settings.image_size
        )
        for stretch in reading:
            num_segments += len(stretch.segments)
            faults += [stretch.fault] if stretch.fault else []
            share = len(stretch.segments) / max(1, len(missing))
            done += len(stretch.segments)
            self._put(DecodedSegments(file, content, stretch.segments, share))
            if self._is_stopped.is_set():
                return None
        return self._finish(file, content, duration, num_segments, "; ".join(faults[:2]) or None)

    def _finish(
        self,
        file: FoundFile,
        content: str,
        duration_seconds: float,
        num_segments: int,
        fault: str | None,
        *,
        was_known: bool = False,
    ) -> None:
        record: VideoRecord | None = VideoRecord(
            file.path, content, file.size_bytes, file.modified_ns, duration_seconds, num_segments, fault
        )
        try:
            if FoundFile.at(file.path) != file:
                record = None
        except OSError:
            record = None
        self._put(FinishedFile(file, record, was_known))
        with self._lock:  # after the end was handed over: what a copy says must come behind it
            self._at_work.discard(content)
            if record and content and not was_known:
                self._complete[content] = record

    def _put(self, made: Decoded | BaseException) -> None:
        while not self._is_stopped.is_set():
            try:
                return self._made.put(made, timeout=WAIT_SECONDS)
            except Full:
                continue
        return None
