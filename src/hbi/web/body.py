"""The body of a request: so large, and sent so fast, or its sender is let go."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hbi.web.limits import Limits, RefusalError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Body:
    """`receive` of a request, bounded.

    To the application a sender that is let go looks like one that has gone; `refusal` says what it is to be told.
    """

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._begun = asyncio.get_running_loop().time()
        self._num_bytes = 0
        self._is_whole = False
        self.refusal: RefusalError | None = None

    async def receive(self) -> Message:
        """Return the next message; after the whole body, wait for the sender to go, however long."""
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self._is_whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._seconds_left())
        except TimeoutError:
            self.refusal = RefusalError(408, "this was sent too slowly, and is given up")
            return {"type": "http.disconnect"}
        self._num_bytes += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._num_bytes > self._limits.max_upload_bytes:
            self.refusal = too_large(self._limits)
            return {"type": "http.disconnect"}
        return message

    def _seconds_left(self) -> float:
        allowed = self._limits.patience_seconds + self._num_bytes / self._limits.min_bytes_per_second
        left = self._begun + allowed - asyncio.get_running_loop().time()
        return max(0.0, min(left, self._limits.patience_seconds))


def too_large(limits: Limits) -> RefusalError:
    """Return what is said to a body beyond the limit."""
    return RefusalError(413, f"too large: at most {limits.max_upload_bytes // 2**20} MiB")
