"""Who gets in, and with what: host names, the token, the size of a body, and headers that keep pages harmless."""

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hbi.web.limits import Limits

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

COOKIE = "hbi-token"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OPEN_PATHS = frozenset({"/healthz"})
"""Served without a token: they tell nothing of the index."""

PAGE_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; script-src 'self'; "
    "frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with "no-referrer" a browser hides where its own forms come from
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
)


class Gate:
    """ASGI middleware that refuses before anything is read or computed.

    Without a token only requests to a loopback name are served: a page of another site that has its own name point
    here (DNS rebinding) names another host. With one, it comes as `Authorization: Bearer`, as a cookie, or once as
    `?token=` in the address, which then sets the cookie.
    """

    def __init__(self, app: Application, *, token: str | None, limits: Limits) -> None:
        self._app, self._token, self._limits = app, token, limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        send = _with_headers(send)
        refusal = self._refusal(scope, headers)
        if refusal:
            await _refuse(send, *refusal)
            return
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        if self._token and asked and hmac.compare_digest(asked[0].encode(), self._token.encode()):
            await _welcome(send, self._token)
            return
        await self._app(scope, _counted(receive, self._limits.max_upload_bytes), send)

    def _refusal(self, scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if self._token is None and host not in LOOPBACK:
            return 400, "this server answers to its own machine only: open it as http://127.0.0.1"
        origin = headers.get("origin")
        if scope["method"] not in {"GET", "HEAD"} and origin and urlsplit(origin).netloc != headers.get("host"):
            return 403, "this came from another site's page and is refused"
        if self._token and scope["path"] not in OPEN_PATHS and not self._is_known(scope, headers):
            return 401, "a token is needed: open the address that hbi serve printed"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._limits.max_upload_bytes:
            return 413, f"too large: at most {self._limits.max_upload_bytes // 2**20} MiB"
        return None

    def _is_known(self, scope: Message, headers: dict[str, str]) -> bool:
        given = [headers.get("authorization", "").removeprefix("Bearer ")]
        given += parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        with suppress(CookieError):
            cookies = SimpleCookie(headers.get("cookie", ""))
            given += [cookies[COOKIE].value] if COOKIE in cookies else []
        expected = (self._token or "").encode()
        return any(hmac.compare_digest(each.encode("utf-8", "replace"), expected) for each in given)


class BodyTooLargeError(Exception):
    """A body grew beyond the limit while it was read."""


def _counted(receive: Receive, limit: int) -> Receive:
    """Return `receive` that stops a body that is larger than it said, or did not say."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise BodyTooLargeError
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            message = {**message, "headers": [*headers, *_HEADERS]}
        await send(message)

    return sending


async def _refuse(send: Send, status: int, message: str) -> None:
    body = json.dumps({"error": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _welcome(send: Send, token: str) -> None:
    """Keep the token as a cookie and lead to the page without it in the address."""
    cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
    headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
