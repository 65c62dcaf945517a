"""What a visitor may ask of the server, and how requests wait their turn."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Attributes:
        max_query_characters: Of a text.
        max_upload_bytes: Of a request's body.
        max_clip_seconds, max_clip_pixels: Of an uploaded clip, and of one frame of it.
        max_cut_seconds: Of a moment that is cut out; a longer one is cut short.
        num_at_work: Requests that compute at the same time.
        num_waiting: Requests that may wait for their turn; more are told to come back.
        seconds: How long one may compute, waiting not counted.
        wait_seconds: How long one may wait.
    """

    max_query_characters: int = 500
    max_upload_bytes: int = 200 * 2**20
    max_clip_seconds: float = 600.0
    max_clip_pixels: int = 2**24
    max_cut_seconds: float = 120.0
    num_at_work: int = 2
    num_waiting: int = 64
    seconds: float = 60.0
    wait_seconds: float = 30.0


class RefusalError(Exception):
    """A request that is not served: an HTTP status, and one line for the person who asked."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(message)


class Workbench:
    """Runs what computes in threads, so many at once and so long; the rest waits or is refused."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turns = threading.BoundedSemaphore(limits.num_at_work)
        self.num_in_house = 0

    async def run(self, work: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """Return what `work` returns.

        Raises:
            RefusalError: Too many wait, or it took too long. Work that is given up keeps its turn until it ends: a
                thread cannot be stopped, but it can be kept from piling up.
        """
        if self.num_in_house >= self._limits.num_at_work + self._limits.num_waiting:
            raise RefusalError(503, "too many people are searching: try again in a moment")
        self.num_in_house += 1
        try:
            await self._wait_for_turn()
            task = asyncio.get_running_loop().run_in_executor(None, self._do, work, arguments, options)
            try:
                return await asyncio.wait_for(asyncio.shield(task), self._limits.seconds)
            except TimeoutError:
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
                raise RefusalError(504, f"this took longer than {self._limits.seconds:g} s and was given up") from None
        finally:
            self.num_in_house -= 1

    async def _wait_for_turn(self) -> None:
        deadline = asyncio.get_running_loop().time() + self._limits.wait_seconds
        while not self._turns.acquire(blocking=False):
            if asyncio.get_running_loop().time() > deadline:
                raise RefusalError(503, "too many people are searching: try again in a moment")
            await asyncio.sleep(0.005)

    def _do(self, work: Callable[..., Result], arguments: tuple[Any, ...], options: dict[str, Any]) -> Result:
        try:
            return work(*arguments, **options)
        finally:
            self._turns.release()
