"""Whatever is sent to `hbi serve`, it answers or closes, logs no fault, and goes on searching."""

import random
import select
import socket
from urllib.parse import quote

import pytest

for needed in ("lancedb", "fastapi", "jinja2", "python_multipart"):
    pytest.importorskip(needed, reason="the extra `web` is not installed")

from fuzz.campaign import ODD_VALUES, damaged, try_many  # noqa: E402
from hbi.search import VideoIndex  # noqa: E402
from small_clips import write_clip  # noqa: E402
from small_networks import small_matcher  # noqa: E402
from web.running_server import Running, running, status_of, upload  # noqa: E402

pytestmark = pytest.mark.no_cover  # it slows thousands of cases down

NUM_REQUESTS = 100
SECONDS = 30
"""More than an answer may take; a sender that is silent is let go sooner."""
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "get", "G\x00T", "PRI", "")
PATHS = (
    "/", "/api/search", "/api/explain", "/moment", "/explanation", "/upload", "/docs", "/openapi.json", "/healthz",
    "/metrics", "/static/page.css", "/static/../app.py", "/thumbnail/KEY", "/video/KEY", "/clip/KEY",
    "/thumbnail/' OR 1", "//elsewhere/", "/\\elsewhere", "*", "http://elsewhere/", "/video/%00", "/%ff%fe",
    "/clip/" + "x" * 3000, "", "/playable/KEY", "/explanation/section", "/converted", "/static/explanation.js",
)  # fmt: skip
NAMES = ("q", "text", "segment", "limit", "threshold", "path", "after", "before", "min_seconds", "max_seconds", "token")
VALUES = (
    "red", "a red square", "KEY", "1", "0", "-1", "1e400", "nan", "inf", "1_0", "１２", "0001-01-01", "9999-12-31",
    "2026-01-01T00:00+23:59", "2026-W01-1", "~nouser/x", "~", "*", "[a" * 400, "[a" * 30_000, "*a" * 300, "[!]",
    "[z-a]", "\x00", "a\x00b", "..", "/", "a" * 2000, "%", "é" * 300, "\u202e", "<script>", "' OR ''='", "\r\nX: y",
)  # fmt: skip
HEADERS = (
    "Host: 127.0.0.1", "Host: localhost:1", "Host: [::1", "Host: [::1]:99999999", "Host: elsewhere", "Host:",
    "Host: \xff",
    'Cookie: prefs={"dark":1}; hbi-token=x', "Cookie: hbi-token", "Cookie: =;;=", "Cookie: " + "a=b;" * 3000,
    "Origin: null", "Origin: http://[::1", "Origin: http://127.0.0.1", "Origin: https://elsewhere",
    "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate",
    "Range: bytes=0-1", "Range: bytes=-1", "Range: bytes=9-1", "Range: bytes=" + "0-," * 2000, "Range: x",
    "If-Range: x",
    "Authorization: Bearer", "Authorization: Basic x", "Expect: 100-continue", "Upgrade: websocket",
    "Connection: upgrade",
    "Accept: text/html", "Accept: \xe9", "Content-Length: 0", "Content-Length: 7", "Content-Length: -1",
    "Content-Length: " + "9" * 30, "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "X: " + "x" * 40_000,
    "Content-Type: multipart/form-data", "Content-Type: multipart/form-data; boundary=" + "b" * 80,
    "Content-Type: multipart/form-data; boundary=b0und; charset=utf-16", "Content-Type: application/json",
    "Content-Type: application/x-www-form-urlencoded", "Content-Encoding: gzip", ": x", "X\x00: y", " folded",
)  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=2, seed=3).read_bytes()


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> VideoIndex:
    folder = tmp_path_factory.mktemp("fuzzed")
    for number in range(2):
        write_clip(folder / "videos" / f"{number}.mp4", seconds=4, seed=number, size=48)
    made = VideoIndex.create(folder / "index", small_matcher(["a red square moves left and right"]))
    made.add([folder / "videos"])
    return made


@pytest.fixture(scope="module", params=[(), ("--token", "s3cret")], ids=["open", "token"])
def server(request, index, tmp_path_factory):
    with running(index.path, tmp_path_factory.mktemp("log") / "log", *request.param) as started:
        yield started


@pytest.mark.slow
def test_no_request_breaks_the_server(server: Running, index, clip):
    key = index.store.segments.search().select(["id"]).limit(1).to_arrow()["id"][0].as_py()
    said: dict[int, int] = {}

    def check(chance: random.Random) -> None:
        status = status_of(exchanged(server, request_of(chance, key, clip), chance))
        said[status] = said.get(status, 0) + 1
        assert status < 500 or status in {501, 503}, status
        assert server.process.poll() is None

    try_many(check, NUM_REQUESTS)
    assert server.search(Authorization="Bearer s3cret") == 200
    assert "Traceback" not in server.log.read_text()
    assert len(said) > 3, said


def request_of(chance: random.Random, key: str, clip: bytes) -> bytes:
    """One that makes sense but for some of its parts, or one whose bytes are damaged."""
    if chance.random() < 0.15:
        sent = upload("a\x00b.mp4", damaged(chance, clip) if chance.random() < 0.7 else clip[: chance.randrange(2000)])
        return damaged(chance, sent) if chance.random() < 0.5 else sent
    method = chance.choice(METHODS) if chance.random() < 0.4 else "GET"
    names = [*chance.sample(NAMES, chance.randrange(4)), "q", "text", "segment"]
    asked = "&".join(f"{name}={quote(value_of(chance, key), safe='')}" for name in names)
    target = f"{chance.choice(PATHS)}?{asked}".replace("KEY", key if chance.random() < 0.7 else "nothing")
    lines = [f"{method} {target} HTTP/{chance.choice(['1.1', '1.1', '1.1', '1.0', '2', '9.9'])}"]
    lines += ["Host: 127.0.0.1"] if chance.random() < 0.8 else []
    lines += ["Authorization: Bearer s3cret"] if chance.random() < 0.8 else []
    lines += chance.sample(HEADERS, chance.choice([0, 0, 1, 1, 2, 3]))
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    body = chance.choice([b"", b"", b"0\r\n\r\n", b"{}", b"zz\r\n", b"--b0und\r\n", chance.randbytes(300)])
    return damaged(chance, head + body) if chance.random() < 0.2 else head + body


def value_of(chance: random.Random, key: str) -> str:
    if chance.random() < 0.7:
        value = chance.choice(VALUES).replace("KEY", key)
    else:
        value = str(chance.choice(ODD_VALUES))[:5000]
    return value.encode("utf-8", "replace").decode()


def exchanged(server: Running, request: bytes, chance: random.Random) -> bytes:
    """What comes back; some clients send bit by bit, and some go at once."""
    with server.connect() as connection:
        try:
            size = len(request) // chance.choice([1, 1, 1, 2, 5]) + 1
            for start in range(0, len(request), size):
                connection.sendall(request[start : start + size])
            if chance.random() < 0.1:
                return b""
            if not select.select([connection], [], [], 0.3)[0]:
                connection.shutdown(socket.SHUT_WR)  # what is no whole request would be waited for
            assert select.select([connection], [], [], SECONDS)[0], f"no answer to {request[:300]!r}"
            return connection.recv(2**16)
        except ConnectionError:
            return b""
