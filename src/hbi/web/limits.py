"""What a visitor may ask of the server, and how requests wait their turn."""

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Attributes:
        max_query_characters: Of a text.
        max_parameter_characters: Of any other parameter: a path, a pattern, a day, a number.
        max_address_bytes: Of the path and the query of an address.
        max_header_bytes: Of all headers.
        max_upload_bytes: Of a request's body.
        max_clip_seconds, max_clip_pixels: Of an uploaded clip, and of one frame of it.
        max_clip_frames: Of an uploaded clip, whatever length it claims.
        max_cut_seconds: Of a moment that is cut out; a longer one is cut short.
        num_at_work: Searches that compute at the same time. Explanations of moments, and uploads with cutting, have
            one turn each: they take none from searches.
        num_waiting: Requests that may wait for their turn; more are told to come back.
        num_receiving: Bodies that are received at the same time.
        seconds: How long one may compute, waiting not counted.
        wait_seconds: How long one may wait.
        patience_seconds: How long a sender may be silent, and how long its body may take at first.
        min_bytes_per_second: What a body must come to after that.
    """

    max_query_characters: int = 500
    max_parameter_characters: int = 1024
    max_address_bytes: int = 2**14
    max_header_bytes: int = 2**15
    max_upload_bytes: int = 200 * 2**20
    max_clip_seconds: float = 600.0
    max_clip_pixels: int = 2**24
    max_clip_frames: int = 36_000
    max_cut_seconds: float = 120.0
    num_at_work: int = 2
    num_waiting: int = 256
    num_receiving: int = 16
    seconds: float = 60.0
    wait_seconds: float = 30.0
    patience_seconds: float = 10.0
    min_bytes_per_second: int = 2**15


class RefusalError(Exception):
    """A request that is not served: an HTTP status, and one line for the person who asked."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(message)


class _Job:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.begun: Future[None] = Future()
        self.done: Future[Any] = Future()
        self.stopped: Future[None] = Future()


class Workbench:
    """Runs what computes in threads of its own, so many at once and so long, in the order in which it was asked for."""

    def __init__(self, limits: Limits, num_at_work: int | None = None) -> None:
        self._limits, self._num_at_work = limits, num_at_work or limits.num_at_work
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._in_house: set[_Job] = set()
        self._lock = threading.Lock()
        self._num_threads = 0
        self._is_closed = False
        weakref.finalize(self, self._jobs.put, None)  # the threads end with it

    @property
    def num_in_house(self) -> int:
        """How many are at work or wait."""
        return len(self._in_house)

    async def run(self, work: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """Return what `work` returns.

        Raises:
            RefusalError: Too many wait, it took too long, or the server stops. Work that is given up keeps its turn
                until it ends: a thread cannot be stopped, but it can be kept from piling up.
        """
        job = _Job(lambda: work(*arguments, **options))
        self._take_in(job)
        try:
            self._jobs.put(job)
            await _end_of(job, job.begun, self._limits.wait_seconds, RefusalError(503, _TOO_MANY))
            late = RefusalError(504, f"this took longer than {self._limits.seconds:g} s and was given up")
            result: Result = await _end_of(job, job.done, self._limits.seconds, late)
            return result
        finally:
            job.begun.cancel()  # what has not begun never will
            with self._lock:
                self._in_house.discard(job)

    def close(self) -> None:
        """Refuse whatever waits, is at work or is asked for later: the server stops."""
        with self._lock:
            self._is_closed, stopped = True, list(self._in_house)
            self._in_house.clear()
        for job in stopped:
            job.stopped.set_result(None)

    def _take_in(self, job: _Job) -> None:
        with self._lock:
            if self._is_closed:
                raise RefusalError(503, _STOPPING)
            if len(self._in_house) >= self._num_at_work + self._limits.num_waiting:
                raise RefusalError(503, _TOO_MANY)
            self._in_house.add(job)
            if self._num_threads < self._num_at_work:
                self._num_threads += 1
                # A daemon: what is given up must not keep the process from ending.
                threading.Thread(target=_work_through, args=(self._jobs,), name="hbi-work", daemon=True).start()


async def _end_of(job: _Job, future: "Future[Any]", seconds: float, late: RefusalError) -> Any:
    end, stopped = asyncio.wrap_future(future), asyncio.wrap_future(job.stopped)
    end.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # it may fail when nobody waits
    await asyncio.wait({end, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if end.done():
        return end.result()
    raise RefusalError(503, _STOPPING) if stopped.done() else late


_TOO_MANY = "too many people are searching: try again in a moment"
_STOPPING = "the server stops: try again when it is back"


def _work_through(jobs: "queue.SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        if job.begun.set_running_or_notify_cancel():
            job.begun.set_result(None)
            try:
                job.done.set_result(job.work())
            except BaseException as error:
                job.done.set_exception(error)
        del job  # what it holds must not wait for the next one
    jobs.put(None)  # for the other threads
