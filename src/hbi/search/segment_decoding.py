"""Decoding many files in the background: threads that hash, cut and decode while others encode and write."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Full, Queue
from typing import TypeAlias

from hbi.search.index_errors import SearchError
from hbi.search.index_settings import IndexSettings
from hbi.search.segment_frames import SegmentFrames, read_segments, windows_of
from hbi.search.video_records import FoundFile, VideoRecord, content_hash
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
        record: What is now known of it; None where that is nothing to remember.
        problem: Then, why: it changed while it was read, or what hindered may be over another time.
    """

    file: FoundFile
    record: VideoRecord | None
    problem: str | None = None


Decoded: TypeAlias = DecodedSegments | FinishedFile

WAIT_SECONDS = 0.2
JOIN_SECONDS = 5.0
"""How long threads may take to end that are not needed any more: a disk may never answer one."""


class SegmentDecoder:
    """Threads that decode files while it is entered; iterate for their results: parts in order, files mixed.

    Args:
        files: What to decode.
        settings: How videos are cut.
        complete: By content the record of a file that is wholly indexed.
        starts_of: Returns at which milliseconds a content has segments in the index: what a killed run left is not
            decoded again.
        num_threads: Files that are decoded at the same time.
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
        self._results: Queue[Decoded | BaseException] = Queue(maxsize=2 * num_threads)
        self._settings, self._complete, self._starts_of = settings, complete, starts_of
        self._num_files = len(files)
        self._lock, self._in_progress = threading.Lock(), set[str]()
        self._is_stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(num_threads)]

    def __enter__(self) -> "SegmentDecoder":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopped.set()
        until = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def __iter__(self) -> Iterator[Decoded]:
        """Yield parts and ends of files until every file has ended."""
        num_left = self._num_files
        while num_left:
            result = self._results.get()
            if isinstance(result, BaseException):
                raise result
            num_left -= isinstance(result, FinishedFile)
            yield result

    def _work(self) -> None:
        try:
            while not self._is_stopped.is_set():
                self._process(self._waiting.get_nowait())
        except Empty:
            pass
        except BaseException as error:  # handed to whoever iterates: a thread that dies silently would hang it
            self._put(error)

    def _process(self, file: FoundFile) -> None:
        """Decode a file. Whatever goes wrong with it, foreseen or not, stops no other."""
        content = ""
        try:
            content = content_hash(file.path)
            with self._lock:
                twin = self._complete.get(content)
                is_in_progress = twin is None and content in self._in_progress
                self._in_progress.add(content)
            if twin:
                self._finish(file, twin)
            elif is_in_progress:  # another thread decodes a copy of it: come back when that one is finished
                content = ""
                self._waiting.put(file)
                self._is_stopped.wait(WAIT_SECONDS)
            else:
                self._finish(file, self._decode(file, content))
        except SearchError:  # the index is in trouble, not the file
            raise
        except VideoError as error:
            self._put(FinishedFile(file, None, error.cause))
        except OSError as error:
            self._put(FinishedFile(file, None, f"cannot be read ({error.strerror or error})"))
        except MemoryError:
            self._put(FinishedFile(file, None, "the memory did not suffice to read it"))
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self._put(FinishedFile(file, None, f"reading it failed ({reason})"))
        finally:  # after the end was handed over: what a copy says must come behind it
            with self._lock:
                self._in_progress.discard(content)

    def _decode(self, file: FoundFile, content: str) -> VideoRecord | None:
        """Hand on the segments of a file; return what is now known of it, None where nobody waits for it any more."""
        problems, duration, num_segments = [], 0.0, 0
        try:
            with open_video(file.path) as video:
                duration = video.duration_seconds
                windows = windows_of(video, self._settings)
                problems += [video.structure.fault] if video.structure.fault else []
            known = self._starts_of(content)
            num_segments = len(known)
            settings = self._settings
            for batch in read_segments(
                Path(file.path), windows, num_frames=settings.num_frames, picture=settings.picture, known=known
            ):
                num_segments += len(batch.segments)
                problems += [batch.problem] if batch.problem else []
                share = batch.num_windows / len(windows)
                self._put(DecodedSegments(file, content, batch.segments, share))
                if self._is_stopped.is_set():
                    return None
        except VideoError as error:
            if error.may_pass:
                raise
            problems.append(error.cause)
        if problems and content_hash(file.path) != content:  # a disk that fails looks like a file that is damaged
            return None
        problem = "; ".join(problems[:2]) or None
        return VideoRecord(file.path, content, file.size_bytes, file.modified_ns, duration, num_segments, problem)

    def _finish(self, file: FoundFile, known: VideoRecord | None) -> None:
        """Tell the end of a file with what is known of its content."""
        if known is None or FoundFile.at(file.path) != file:
            self._put(FinishedFile(file, None, "it changed while it was read; run again"))
            return
        record = replace(known, path=file.path, size_bytes=file.size_bytes, modified_ns=file.modified_ns)
        self._put(FinishedFile(file, record))
        with self._lock:
            self._complete.setdefault(record.content, record)

    def _put(self, result: Decoded | BaseException) -> None:
        while not self._is_stopped.is_set():
            with suppress(Full):
                return self._results.put(result, timeout=WAIT_SECONDS)
        return None
