"""Who gets in, and with what: host names, the token, other sites' pages, and headers that keep our own harmless."""

import hmac
import json
import re
from typing import Any

from hbi.errors import HBIError
from hbi.web.body import Application, Body, Message, Receive, Send, too_large
from hbi.web.limits import Limits, RefusalError
from hbi.web.visit import Visit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OPEN_PATHS = frozenset({"/healthz"})
"""Served without a token: they tell nothing of the index."""
LINKED_PATHS = frozenset({"/", "/upload", "/docs"})
"""What a link on another site may open: nothing is computed for it, see `FROM_ELSEWHERE`."""
FROM_ELSEWHERE = "hbi.from-elsewhere"
"""In the scope of a request where it is a link on another site's page."""
IS_HEAD = "hbi.is-head"
"""In the scope of a request, which then says GET, where only the head of the answer is sent."""
LONGEST_TOKEN = 256

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
_ANOTHER_SITE = "this came from another site's page and is refused: open the address yourself"


class TokenError(HBIError):
    """A token that keeps nobody out, or that no browser could bring."""


def checked_token(token: str | None) -> str | None:
    """Return a token, or None for none.

    Raises:
        TokenError: It is empty, or holds what does not stand in a cookie and in an address as it is.
    """
    if token is None or re.fullmatch(f"[A-Za-z0-9._~-]{{1,{LONGEST_TOKEN}}}", token):
        return token
    fault = "is empty: anybody would get in" if not token.strip() else "does not fit into an address or a cookie"
    raise TokenError(f"the token {fault}; give 1 to {LONGEST_TOKEN} letters (a to z), digits and . _ ~ -")


class Gate:
    """ASGI middleware that refuses before anything is read or computed.

    Without a token only requests to a loopback name are served: a page of another site that has its own name point
    here (DNS rebinding) names another host. With one, it comes as `Authorization: Bearer`, as a cookie, or once as
    `?token=` in the address, which then sets the cookie and leads to the same address without it. What a browser sends
    for another site's page is refused, but for links to pages that compute nothing.

    Raises:
        TokenError: The token is none.
    """

    def __init__(self, app: Application, *, token: str | None, limits: Limits) -> None:
        self._app, self._token, self._limits = app, checked_token(token), limits
        self._num_receiving = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit.of(scope)
        send = _answering(send, without_body=visit.method == "HEAD")
        try:
            self._check(visit)
        except RefusalError as error:
            # A stranger keeps no connection; but who still sends would not read the answer on one that is closed.
            await _refuse(send, error, is_last=error.status == 401 and not visit.has_body)
            return
        if self._has_token(visit.tokens_in_address) and visit.method in {"GET", "HEAD"}:
            await _welcome(send, visit, self._token or "")
            return
        inner = {**scope, FROM_ELSEWHERE: visit.is_foreign, IS_HEAD: visit.method == "HEAD"}
        if inner[IS_HEAD]:  # whatever is answered to GET is answered to HEAD, too
            inner["method"] = "GET"
        await self._serve(visit, inner, receive, send)

    async def _serve(self, visit: Visit, scope: Message, receive: Receive, send: Send) -> None:
        if not visit.has_body:
            await self._app(scope, receive, send)
            return
        if self._num_receiving >= self._limits.num_receiving:
            await _refuse(send, RefusalError(503, "too many are sending something: try again in a moment"))
            return
        body = Body(receive, self._limits)
        self._num_receiving += 1
        try:
            await self._app(scope, body.receive, _unless_refused(send, body))
        finally:
            self._num_receiving -= 1

    def _check(self, visit: Visit) -> None:
        limits = self._limits
        if len(visit.raw_path) + len(visit.query) > limits.max_address_bytes:
            raise RefusalError(414, f"the address is too long: at most {limits.max_address_bytes} bytes are read")
        if visit.num_header_bytes > limits.max_header_bytes:
            raise RefusalError(431, f"the headers are too large: at most {limits.max_header_bytes} bytes are read")
        if visit.host is None and "host" in visit.headers:
            raise RefusalError(400, "the header Host names no host")
        if self._token is None and (visit.host is None or visit.host[0] not in LOOPBACK):
            raise RefusalError(400, "this server answers to its own machine only: open it as http://127.0.0.1")
        is_invited = self._has_token(visit.tokens_in_address) or visit.path in LINKED_PATHS
        if visit.is_foreign and not (visit.is_link and is_invited):
            raise RefusalError(403, _ANOTHER_SITE)
        if self._token and visit.path not in OPEN_PATHS and not self._has_token(visit.tokens):
            raise RefusalError(401, "a token is needed: open the address that hbi serve printed")
        length = visit.headers.get("content-length", "0")
        if not re.fullmatch("[0-9]{1,18}", length) or int(length) > limits.max_upload_bytes:
            raise too_large(limits)

    def _has_token(self, given: list[str]) -> bool:
        expected = (self._token or "").encode()
        return bool(expected) and any(hmac.compare_digest(each.encode("utf-8", "replace"), expected) for each in given)


def _answering(send: Send, *, without_body: bool) -> Send:
    """Return `send` that adds our headers, and leaves the body away where only the head was asked for."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        elif without_body:
            message = {**message, "body": b""}
        await send(message)

    return sending


def _unless_refused(send: Send, body: Body) -> Send:
    """Return `send` that tells a sender who was let go why, whatever the application makes of its going."""
    is_refused: bool | None = None  # settled when the answer begins

    async def sending(message: Message) -> None:
        nonlocal is_refused
        if is_refused is None and (is_refused := body.refusal is not None):
            await _refuse(send, body.refusal)
        elif not is_refused:
            await send(message)

    return sending


async def _refuse(send: Send, refusal: RefusalError, *, is_last: bool = False) -> None:
    body = json.dumps({"error": refusal.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"retry-after", b"2")] if refusal.status == 503 else []
    headers += [(b"connection", b"close")] if is_last or refusal.status == 408 else []
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _welcome(send: Send, visit: Visit, token: str) -> None:
    """Keep the token as a cookie and lead to the same page without it in the address."""
    address = visit.without_token.encode()
    # A strict cookie does not go along with a redirect that another site's link began: a page must lead on.
    status, onward = (200, (b"refresh", b"0; url=" + address)) if visit.is_foreign else (303, (b"location", address))
    cookie = f"{visit.cookie}={token}; HttpOnly; SameSite=Strict; Path=/".encode()
    headers: list[Any] = [onward, (b"set-cookie", cookie), (b"content-length", b"0"), (b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
