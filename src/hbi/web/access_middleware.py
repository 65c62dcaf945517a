"""Access: host names, the token, requests of other sites' pages, and the headers that keep our own pages safe."""

import hmac
import json
import re
from typing import Any

from hbi.errors import HBIError
from hbi.web.asgi_request import AsgiRequest
from hbi.web.limits import Limits, RequestError
from hbi.web.request_body import Application, Message, Receive, RequestBody, Send, too_large_error

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PUBLIC_PATHS = frozenset({"/healthz"})
"""Served without a token: they reveal nothing of the index."""
CROSS_SITE_PATHS = frozenset({"/", "/upload", "/docs"})
"""What a link on another site may open: nothing is computed for it, see `IS_CROSS_SITE`."""
IS_CROSS_SITE = "hbi.is-cross-site"
"""Key of an ASGI scope: whether a link on another site's page led here."""
IS_HEAD = "hbi.is-head"
"""Key of an ASGI scope: whether only the headers of the response are sent; the method then says GET."""
LONGEST_TOKEN = 256

PAGE_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
_RESPONSE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # with "no-referrer" a browser hides where its own forms come from
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
)
_CROSS_SITE_MESSAGE = "this came from another site's page and is refused: open the address yourself"


class TokenError(HBIError):
    """A token that keeps nobody out, or that no browser could send."""


def validated_token(token: str | None) -> str | None:
    """Return a token, or None for none.

    Raises:
        TokenError: It is empty, or holds what does not stand in a cookie and in an address as it is.
    """
    if token is None or re.fullmatch(f"[A-Za-z0-9._~-]{{1,{LONGEST_TOKEN}}}", token):
        return token
    problem = "is empty: anybody would get in" if not token.strip() else "does not fit into an address or a cookie"
    raise TokenError(f"the token {problem}; give 1 to {LONGEST_TOKEN} letters (a to z), digits and . _ ~ -")


class AccessMiddleware:
    """ASGI middleware that refuses before anything is read or computed.

    Without a token only requests to a loopback name are served: a page of another site that has its own name point
    here (DNS rebinding) names another host. With one, it comes as `Authorization: Bearer`, as a cookie, or once as
    `?token=` in the address, which then sets the cookie and leads to the same address without it. What a browser sends
    for another site's page is refused, but for links to pages that compute nothing.

    Raises:
        TokenError: The token is none.
    """

    def __init__(self, app: Application, *, token: str | None, limits: Limits) -> None:
        self._app, self._token, self._limits = app, validated_token(token), limits
        self._num_receiving = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = AsgiRequest.from_scope(scope)
        send = _with_headers(send, without_body=request.method == "HEAD")
        try:
            self._check(request)
        except RequestError as error:
            # Without a token a connection is closed; but who still sends would not read the response on a closed one.
            await _refuse(send, error, is_last=error.status == 401 and not request.has_body)
            return
        if self._has_token(request.query_tokens) and request.method in {"GET", "HEAD"}:
            await _set_cookie(send, request, self._token or "")
            return
        inner = {**scope, IS_CROSS_SITE: request.is_cross_site, IS_HEAD: request.method == "HEAD"}
        if inner[IS_HEAD]:  # HEAD gets the headers of GET
            inner["method"] = "GET"
        await self._serve(request, inner, receive, send)

    async def _serve(self, request: AsgiRequest, scope: Message, receive: Receive, send: Send) -> None:
        if not request.has_body:
            await self._app(scope, receive, send)
            return
        if self._num_receiving >= self._limits.num_receiving:
            await _refuse(send, RequestError(503, "too many are sending something: try again in a moment"))
            return
        body = RequestBody(receive, self._limits)
        self._num_receiving += 1
        try:
            await self._app(scope, body.receive, _with_refusal(send, body))
        finally:
            self._num_receiving -= 1

    def _check(self, request: AsgiRequest) -> None:
        limits = self._limits
        if len(request.raw_path) + len(request.query) > limits.max_address_bytes:
            raise RequestError(414, f"the address is too long: at most {limits.max_address_bytes} bytes are read")
        if request.num_header_bytes > limits.max_header_bytes:
            raise RequestError(431, f"the headers are too large: at most {limits.max_header_bytes} bytes are read")
        if request.host is None and "host" in request.headers:
            raise RequestError(400, "the header Host names no host")
        if self._token is None and (request.host is None or request.host[0] not in LOOPBACK):
            raise RequestError(400, "this server answers to its own machine only: open it as http://127.0.0.1")
        is_allowed = self._has_token(request.query_tokens) or request.path in CROSS_SITE_PATHS
        if request.is_cross_site and not (request.is_navigation and is_allowed):
            raise RequestError(403, _CROSS_SITE_MESSAGE)
        if self._token and request.path not in PUBLIC_PATHS and not self._has_token(request.tokens):
            raise RequestError(401, "a token is needed: open the address that hbi serve printed")
        length = request.headers.get("content-length", "0")
        if not re.fullmatch("[0-9]{1,18}", length) or int(length) > limits.max_upload_bytes:
            raise too_large_error(limits)

    def _has_token(self, given: list[str]) -> bool:
        expected = (self._token or "").encode()
        return bool(expected) and any(hmac.compare_digest(each.encode("utf-8", "replace"), expected) for each in given)


def _with_headers(send: Send, *, without_body: bool) -> Send:
    """Return `send` that adds our headers, and leaves out the body where only the headers were asked for."""

    async def send_message(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_RESPONSE_HEADERS]}
        elif without_body:
            message = {**message, "body": b""}
        await send(message)

    return send_message


def _with_refusal(send: Send, body: RequestBody) -> Send:
    """Return `send` that tells a refused client why, whatever the application makes of its disconnecting."""
    is_refused: bool | None = None  # settled when the response begins

    async def send_message(message: Message) -> None:
        nonlocal is_refused
        if is_refused is None and (is_refused := body.refusal is not None):
            await _refuse(send, body.refusal)
        elif not is_refused:
            await send(message)

    return send_message


async def _refuse(send: Send, refusal: RequestError, *, is_last: bool = False) -> None:
    body = json.dumps({"error": refusal.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"retry-after", b"2")] if refusal.status == 503 else []
    headers += [(b"connection", b"close")] if is_last or refusal.status == 408 else []
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _set_cookie(send: Send, request: AsgiRequest, token: str) -> None:
    """Keep the token as a cookie and lead to the same page without it in the address."""
    address = request.address_without_token.encode()
    # A strict cookie does not go along with a redirect that another site's link began: a page must redirect.
    is_page = request.is_cross_site
    status, redirect = (200, (b"refresh", b"0; url=" + address)) if is_page else (303, (b"location", address))
    cookie = f"{request.cookie_name}={token}; HttpOnly; SameSite=Strict; Path=/".encode()
    headers: list[Any] = [redirect, (b"set-cookie", cookie), (b"content-length", b"0"), (b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
