"""Connections of the server: uvicorn's, with bounds on how slow and how many clients may be.

uvicorn waits for ever for the end of a request's headers, for a client that does not read a response, and for the rest
of a body that nobody wants. And its limit counts connections, so that silent ones would keep out those that ask.
"""

import asyncio
import itertools
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 512
HEADER_SECONDS = 10.0
"""How long headers may take, and how long a connection may be idle between two requests."""
DRAIN_SECONDS = 5.0
"""How long the rest of a body is received, and dropped, once its response is out: a client that still sends would not
read it from a connection that is closed at once."""
WRITE_SECONDS = 60.0
"""How long a response may stand still because nobody reads it. A player that pauses asks for the rest again."""


_SECONDS = {"headers": HEADER_SECONDS, "drain": DRAIN_SECONDS, "close": WRITE_SECONDS}
_numbers = itertools.count()


class Connection(H11Protocol):
    """One connection; dropped when it keeps the server waiting, or, idle, when others need its place."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.number = next(_numbers)
        self._timer: tuple[str, asyncio.TimerHandle] | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress: its headers are not there yet, or its response is out."""
        return self.cycle is None or self.cycle.response_complete or self.conn.their_state is h11.IDLE

    @property
    def is_receiving(self) -> bool:
        """Whether more of a request is to come before it can be answered."""
        return not self.is_idle and self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Accept a connection; where there are too many, the one that is idle longest is dropped."""
        if len(self.connections) >= MAX_CONNECTIONS:
            idle = [each for each in self.connections if isinstance(each, Connection) and each.is_idle]
            # Those that never asked for anything go first.
            longest = min(idle, key=lambda each: (each.cycle is not None, each.number), default=None)
            if longest is not None:
                longest.drop()
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.drop()
            return
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._set_timer(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        self._update_timer()

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        super().on_response_complete()
        self._update_timer()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; where a response has begun already, it ends here."""
        has_begun, is_head = self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}, False
        if self.cycle is not None and not self.cycle.response_complete:
            is_head = self.cycle.scope["method"] == "HEAD"
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if has_begun:
            self.drop()
            return
        # Not by h11, which refuses to answer in some of the states that a broken request leaves it in.
        body = b"" if is_head else msg.encode("ascii", "replace")
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-length: {len(body)}\r\ncontent-type: text/plain\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def pause_writing(self) -> None:
        """Wait until the client has read what was sent."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(WRITE_SECONDS, self.drop)

    def resume_writing(self) -> None:
        """Send on."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def drop(self) -> None:
        """Close at once, whatever is in progress."""
        self.connections.discard(self)
        if self.transport is not None:
            self.transport.abort()

    def _update_timer(self) -> None:
        """Set the timer of what the client is waited for."""
        if self.transport.is_closing():
            self._set_timer("close")
        elif self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete):
            self._set_timer("headers")
        elif self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self._set_timer("drain")
        else:
            self._set_timer(None)

    def _set_timer(self, what: str | None) -> None:
        if self._timer is not None:
            if self._timer[0] == what:
                return  # a byte now and then wins no time
            self._timer[1].cancel()
        self._timer = (what, self.loop.call_later(_SECONDS[what], self.drop)) if what else None
