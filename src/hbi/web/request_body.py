"""The body of a request, bounded in size and in time."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hbi.web.limits import Limits, RequestError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class RequestBody:
    """`receive` of a request, bounded.

    To the application a client that is refused looks like one that has disconnected; `refusal` says what it is told.
    """

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._started_at = asyncio.get_running_loop().time()
        self._num_bytes = 0
        self._is_complete = False
        self.refusal: RequestError | None = None

    async def receive(self) -> Message:
        """Return the next message; after the whole body, wait for the client to disconnect, however long."""
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self._is_complete:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._seconds_left())
        except TimeoutError:
            self.refusal = RequestError(408, "this was sent too slowly, and is given up")
            return {"type": "http.disconnect"}
        self._num_bytes += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._num_bytes > self._limits.max_upload_bytes:
            self.refusal = too_large_error(self._limits)
            return {"type": "http.disconnect"}
        return message

    def _seconds_left(self) -> float:
        allowed = self._limits.body_timeout_seconds + self._num_bytes / self._limits.min_bytes_per_second
        left = self._started_at + allowed - asyncio.get_running_loop().time()
        return max(0.0, min(left, self._limits.body_timeout_seconds))


def too_large_error(limits: Limits) -> RequestError:
    """Return the error of a body beyond the limit."""
    return RequestError(413, f"too large: at most {limits.max_upload_bytes // 2**20} MiB")
