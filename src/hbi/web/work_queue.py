"""Work of requests in threads: so much at once and so long, in the order in which it was asked for."""

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from hbi.web.limits import Limits, RequestError

Result = TypeVar("Result")
_TOO_MANY = "too many people are searching: try again in a moment"
_STOPPING = "the server stops: try again when it is back"


class _Job:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.started: Future[None] = Future()
        self.result: Future[Any] = Future()
        self.stopped: Future[None] = Future()


class WorkQueue:
    """A bounded queue with threads of its own, which are started when they are needed first."""

    def __init__(self, limits: Limits, num_concurrent: int | None = None) -> None:
        self._limits, self._num_concurrent = limits, num_concurrent or limits.num_concurrent
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._in_progress: set[_Job] = set()
        self._lock = threading.Lock()
        self._num_threads = 0
        self._is_closed = False
        weakref.finalize(self, self._jobs.put, None)  # the threads end with it

    @property
    def num_in_progress(self) -> int:
        """How many requests compute or wait."""
        return len(self._in_progress)

    async def run(self, work: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """Return what `work` returns.

        Raises:
            RequestError: Too many wait, it took too long, or the server stops. Work that is given up keeps its turn
                until it ends: a thread cannot be stopped, but it can be kept from piling up.
        """
        job = _Job(lambda: work(*arguments, **options))
        self._add(job)
        try:
            self._jobs.put(job)
            await _end_of(job, job.started, self._limits.wait_seconds, RequestError(503, _TOO_MANY))
            late = RequestError(504, f"this took longer than {self._limits.seconds:g} s and was given up")
            result: Result = await _end_of(job, job.result, self._limits.seconds, late)
            return result
        finally:
            job.started.cancel()  # what has not started never will
            with self._lock:
                self._in_progress.discard(job)

    def close(self) -> None:
        """Refuse whatever waits, computes or is asked for later: the server stops."""
        with self._lock:
            self._is_closed, stopped = True, list(self._in_progress)
            self._in_progress.clear()
        for job in stopped:
            job.stopped.set_result(None)

    def _add(self, job: _Job) -> None:
        with self._lock:
            if self._is_closed:
                raise RequestError(503, _STOPPING)
            if len(self._in_progress) >= self._num_concurrent + self._limits.num_waiting:
                raise RequestError(503, _TOO_MANY)
            self._in_progress.add(job)
            if self._num_threads < self._num_concurrent:
                self._num_threads += 1
                # A daemon: what is given up must not keep the process from ending.
                threading.Thread(target=_work_through, args=(self._jobs,), name="hbi-work", daemon=True).start()


async def _end_of(job: _Job, future: "Future[Any]", seconds: float, late: RequestError) -> Any:
    end, stopped = asyncio.wrap_future(future), asyncio.wrap_future(job.stopped)
    end.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # it may fail when nobody waits
    await asyncio.wait({end, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if end.done():
        return end.result()
    raise RequestError(503, _STOPPING) if stopped.done() else late


def _work_through(jobs: "queue.SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        if job.started.set_running_or_notify_cancel():
            job.started.set_result(None)
            try:
                job.result.set_result(job.work())
            except BaseException as error:
                job.result.set_exception(error)
        del job  # what it holds must not wait for the next one
    jobs.put(None)  # for the other threads
