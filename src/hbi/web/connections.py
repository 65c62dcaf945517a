"""The server's end of a connection: uvicorn's, with bounds on how slow and how many the others may be.

uvicorn waits for ever for the end of a request's head, for somebody who does not take an answer, and for the rest of a
body that nobody wants. And its limit counts connections, so that silent ones would keep out those that ask.
"""

import asyncio
import itertools
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 512
HEAD_SECONDS = 10.0
"""How long a head may take, and how long a connection may be idle between two requests."""
REST_SECONDS = 5.0
"""How long the rest of a body is taken, and thrown away, once its answer is out: to who still sends it, a connection
that is closed at once says nothing."""
TAKING_SECONDS = 60.0
"""How long an answer may stand still because nobody takes it. Players that rest ask for the rest again."""


_SECONDS = {"head": HEAD_SECONDS, "rest": REST_SECONDS, "close": TAKING_SECONDS}
_numbers = itertools.count()


class Connection(H11Protocol):
    """One connection; let go when it keeps the server waiting, or, idle, when others need its place."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.number = next(_numbers)
        self._waiting: tuple[str, asyncio.TimerHandle] | None = None
        self._taking: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is at work: its head is not there yet, or its answer is out."""
        return self.cycle is None or self.cycle.response_complete or self.conn.their_state is h11.IDLE

    @property
    def is_receiving(self) -> bool:
        """Whether more of a request is to come before it can be answered."""
        return not self.is_idle and self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take a connection; where there are too many, the one that is idle longest makes room."""
        if len(self.connections) >= MAX_CONNECTIONS:
            idle = [each for each in self.connections if isinstance(each, Connection) and each.is_idle]
            # Those that never asked for anything go first.
            longest = min(idle, key=lambda each: (each.cycle is not None, each.number), default=None)
            if longest is not None:
                longest.let_go()
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.let_go()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._wait_for(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Answer to what is no HTTP; where an answer has begun already, it ends here."""
        has_begun, is_head = self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}, False
        if self.cycle is not None and not self.cycle.response_complete:
            is_head = self.cycle.scope["method"] == "HEAD"
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if has_begun:
            self.let_go()
            return
        # Not by h11, which refuses to answer in some of the states that a broken request leaves it in.
        body = b"" if is_head else msg.encode("ascii", "replace")
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-length: {len(body)}\r\ncontent-type: text/plain\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def pause_writing(self) -> None:
        """Wait until what was sent is taken."""
        super().pause_writing()
        if self._taking is None:
            self._taking = self.loop.call_later(TAKING_SECONDS, self.let_go)

    def resume_writing(self) -> None:
        """Send on."""
        super().resume_writing()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def let_go(self) -> None:
        """Close, whatever is under way."""
        self.connections.discard(self)
        if self.transport is not None:
            self.transport.abort()

    def _watch(self) -> None:
        """Set the time by which the other side must have done what it is waited for."""
        if self.transport.is_closing():
            self._wait_for("close")
        elif self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete):
            self._wait_for("head")
        elif self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self._wait_for("rest")
        else:
            self._wait_for(None)

    def _wait_for(self, what: str | None) -> None:
        if self._waiting is not None:
            if self._waiting[0] == what:
                return  # a byte now and then wins no time
            self._waiting[1].cancel()
        self._waiting = (what, self.loop.call_later(_SECONDS[what], self.let_go)) if what else None
