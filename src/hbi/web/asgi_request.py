"""One request as it was sent: its host, where it comes from, which tokens it brings. Nothing of it is trusted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

COOKIE = "hbi-token"
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{0,5}))?", re.IGNORECASE)
_UNQUOTED = "%/:=&?~+!$,;'@()*[]-._"
"""Characters that stand in an address as they are."""


@dataclass(frozen=True)
class AsgiRequest:
    """A request, of an ASGI scope.

    Attributes:
        method, path: As sent; the path decoded.
        raw_path, query: As they stand in the address.
        headers: By name in small letters; several of one name joined, as HTTP has it.
        num_header_bytes: Of all headers together.
    """

    method: str
    path: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    num_header_bytes: int

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any]) -> "AsgiRequest":
        """Return the request of an ASGI scope."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            joint = "; " if name == "cookie" else ", "
            headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
        path = scope["path"]
        raw_path = (scope.get("raw_path") or quote(path).encode()).decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        return cls(scope["method"], path, raw_path, query, headers, size)

    @property
    def host(self) -> tuple[str, str] | None:
        """Name and port of the header Host, the port "" where none is named; None where it is no host."""
        return _host_and_port(self.headers.get("host", ""))

    @property
    def is_cross_site(self) -> bool:
        """Whether a browser sent this for a page that is not of this server: of another site, host name or port.

        Programs name neither a site nor an origin; a browser that follows an address typed in says "none".
        """
        if self.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            return True
        origin = self.headers.get("origin")
        if origin is None:
            return False
        scheme, _, host = origin.partition("://")
        return scheme not in {"http", "https"} or self.host is None or _host_and_port(host) != self.host

    @property
    def is_navigation(self) -> bool:
        """Whether a browser opens an address in a tab, as by a click on a link: not a picture, frame or script."""
        is_opened = self.headers.get("sec-fetch-mode") == "navigate"
        is_tab = self.headers.get("sec-fetch-dest", "document") == "document"
        return is_opened and is_tab and self.method in {"GET", "HEAD"} and "origin" not in self.headers

    @property
    def has_body(self) -> bool:
        """Whether more than headers is sent."""
        return self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers

    @property
    def query_tokens(self) -> list[str]:
        """Every `token=` of the query."""
        return [value for name, value in parse_qsl(self.query, keep_blank_values=True) if name == "token"]

    @property
    def tokens(self) -> list[str]:
        """Whatever is sent as a token: in `Authorization`, in the query, as a cookie beside whatever others."""
        kind, _, bearer = self.headers.get("authorization", "").strip().partition(" ")
        found = [bearer.strip()] if kind.lower() == "bearer" else []
        found += self.query_tokens
        # Not `http.cookies`: it stops at the first cookie of another server that it does not understand.
        pairs = (each.partition("=") for each in self.headers.get("cookie", "").split(";"))
        names = {COOKIE, self.cookie_name}
        return found + [value.strip() for name, _, value in pairs if name.strip() in names]

    @property
    def cookie_name(self) -> str:
        """The name of the cookie for the token: browsers tell hosts apart, not ports."""
        port = self.host[1] if self.host else ""
        return f"{COOKIE}-{port}" if port else COOKIE

    @property
    def address_without_token(self) -> str:
        """The same address on this server, without its token."""
        others = [part for part in self.query.split("&") if part and not _is_token(part)]
        path = "/" + self.raw_path.lstrip("/\\")  # "//elsewhere" would name another server
        return quote(path + ("?" + "&".join(others) if others else ""), safe=_UNQUOTED)


def _is_token(part: str) -> bool:
    return [name for name, _ in parse_qsl(part, keep_blank_values=True)] == ["token"]


def _host_and_port(text: str) -> tuple[str, str] | None:
    """Return a name and a port, None where a text is neither.

    >>> _host_and_port("[::1]:80"), _host_and_port("LocalHost"), _host_and_port("[::1")
    (('::1', '80'), ('localhost', ''), None)
    """
    found = _HOST.fullmatch(text.strip())
    return (found[1].strip("[]").lower(), found[2] or "") if found else None
