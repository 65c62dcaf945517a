"""A real server beside many, slow, silent and rude clients: every search is answered, and it ends when it is told."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from end_to_end.conftest import fail_here
from small_clips import write_clip
from web.running_server import error_of, is_closed, running, status_of, upload

pytestmark = pytest.mark.slow
NUM_CLIENTS, SEARCHES_EACH = 30, 4
END_SECONDS = 10
TOKEN = "s3cret"


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    """Three seconds of 500 pictures each."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return write_clip(path, seconds=3, seed=4, size=64, rate=500).read_bytes()


@pytest.fixture(scope="module")
def server(served, tmp_path_factory):
    with running(served.path, tmp_path_factory.mktemp("log") / "log") as started:
        yield started


def slow_requests(clip: bytes) -> dict[str, bytes]:
    """What is sent of a request, and then nothing more."""
    whole = upload("mine.mp4", clip)
    return {
        "nothing": b"",
        "half a head": b"GET /api/search?q=red HTTP/1.1\r\nHost: 127.0",
        "half an upload": whole[: len(whole) // 2],
        "half a body that nobody reads": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\nx",
    }


def test_every_search_is_answered_beside_slow_senders_and_uploads(server, clip):
    held = {name: server.connect(sent) for name, sent in slow_requests(clip).items()}
    with ThreadPoolExecutor(NUM_CLIENTS + 2) as pool:
        uploads = [pool.submit(server.answer, upload(f"{n}.mp4", clip)) for n in range(2)]
        searches = [pool.submit(server.search, f"red+{n}") for n in range(NUM_CLIENTS * SEARCHES_EACH)]
        assert {each.result() for each in searches} == {200}
        assert {status_of(each.result()) for each in uploads} == {200}
    for name, connection in held.items():
        assert is_closed(connection, 30), name
    assert "Traceback" not in server.log.read_text()


def test_a_sender_of_a_byte_now_and_then_is_let_go(server):
    begun = (b"GET / HTTP/1.1\r\nX: ", upload("x.mp4", b"x" * 10**6)[:500])
    connections, is_over = [server.connect(sent) for sent in begun], threading.Event()

    def trickle(connection):
        while not is_over.wait(0.3):
            try:
                connection.sendall(b"x")
            except OSError:
                return

    senders = [threading.Thread(target=trickle, args=(connection,)) for connection in connections]
    for sender in senders:
        sender.start()
    try:
        assert [is_closed(connection, 40) for connection in connections] == [True, True]
    finally:
        is_over.set()
        for sender, connection in zip(senders, connections, strict=True):
            sender.join()
            connection.close()


def test_more_silent_connections_than_there_are_places_keep_nobody_out(server):
    held = [server.connect(b"GET / HTTP/1.1\r\n") for _ in range(600)]
    try:
        assert [server.search() for _ in range(5)] == [200] * 5
    finally:
        for connection in held:
            connection.close()
    assert "Traceback" not in server.log.read_text()


def test_clients_that_go_in_the_middle_leave_nothing_behind(server, clip):
    for cut in (10, 300, 2000):
        server.connect(upload("x.mp4", clip)[:-cut]).close()
    for _ in range(20):
        server.connect(b"GET /api/search?q=red HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").close()
    assert server.search() == 200
    assert "Traceback" not in server.log.read_text()


def test_a_token_that_is_none_is_refused_and_a_real_one_keeps_strangers_out(served, tmp_path, monkeypatch):
    monkeypatch.setenv("HBI_TOKEN", "")
    assert "letters" in fail_here("serve", served.path, "--host", "0.0.0.0", "--port", "0")
    with running(served.path, tmp_path / "log", HBI_TOKEN=TOKEN) as server:
        strangers = [server.connect(b"GET /api/search?q=red HTTP/1.1\r\nHost: a\r\n") for _ in range(300)]
        assert server.search() == 401
        assert server.search(Authorization=f"Bearer {TOKEN}") == 200
        assert server.search(Authorization=f"Bearer {TOKEN}", **{"Sec-Fetch-Site": "cross-site"}) == 403
        for connection in strangers:
            connection.close()


def test_what_is_no_http_is_refused_in_every_state(server):
    garbage = b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    for method in (b"GET", b"HEAD", b"POST"):
        answer = server.answer(method + b" /api/explain HTTP/1.1\r\nHost: 127.0.0.1\r\n" + garbage)
        assert status_of(answer) in {400, 405, 422, 403}
    assert status_of(server.answer(b"\x16\x03\x01" + bytes(200))) == 400
    answer = server.answer(b"GET /api/search?q=%3F HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert "this text has none" in error_of(answer)
    assert "Traceback" not in server.log.read_text()


def test_it_ends_when_it_is_told_to_whatever_clients_do(server, served, clip):
    """The last test of this server."""
    assert server.search() == 200
    segment = served.search("red", limit=1).hits[0].segment_id
    held = [server.connect(sent) for sent in slow_requests(clip).values()]
    held.append(server.connect(upload("whole.mp4", clip)))
    # Nobody asked for a moment before: this starts a process that decodes.
    for path in (f"explain?segment={segment}&text=red", "search?q=red"):
        held.append(server.connect(f"GET /api/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()))
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(60)
    assert time.monotonic() - begun < END_SECONDS
    for connection in held:
        connection.close()
    assert "Traceback" not in server.log.read_text()
