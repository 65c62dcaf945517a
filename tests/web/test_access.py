"""Who gets in: hosts, tokens, cookies, pages of other sites; and what is too large or too slow to be let in."""

import asyncio

import pytest

from hbi.web.access_middleware import AccessMiddleware, TokenError
from hbi.web.app import create_app
from hbi.web.asgi_request import AsgiRequest
from hbi.web.limits import Limits
from hbi.web.request_body import RequestBody

starlette = pytest.importorskip("fastapi.testclient")
TOKEN = "s3cret"
IS_CROSS_SITE = {"sec-fetch-site": "cross-site"}
A_LINK = IS_CROSS_SITE | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
A_PICTURE = IS_CROSS_SITE | {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}


@pytest.fixture(scope="module")
def client(served):
    return starlette.TestClient(create_app(served), base_url="http://127.0.0.1:8000")


@pytest.fixture
def anyone(served):
    app = create_app(served, token=TOKEN)
    return starlette.TestClient(app, base_url="http://videos.example:8000", follow_redirects=False)


@pytest.mark.parametrize(
    "token", ["", " ", "\t", "a b", "a;b", 'a"b', "a,b", "a&b", "a#b", "a%b", "a+b", "ü", "x\n", "x" * 257]
)
def test_a_token_that_keeps_nobody_out_or_that_no_browser_brings_is_refused(served, token):
    for make in (lambda: create_app(served, token=token), lambda: AccessMiddleware(None, token=token, limits=Limits())):
        with pytest.raises(TokenError, match="letters") as caught:
            make()
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("token", ["s3cret", "A-._~9", "x" * 256])
def test_other_tokens_are_taken(served, token):
    client = starlette.TestClient(create_app(served, token=token), base_url="http://a.example")
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": f"bearer {token}"}).status_code == 200
    assert client.get("/metrics", params={"token": token}).status_code == 200


@pytest.mark.parametrize(
    "cookies",
    [
        'prefs={"dark":1}; hbi-token=s3cret',
        "hbi-token=s3cret; =; ;; a, b=c",
        "hbi-token=of-another-port; hbi-token-8000=s3cret",
        'x="; hbi-token-8000=s3cret',
        "hbi-token=old; hbi-token=s3cret",
        "ü=ß; hbi-token=s3cret",
    ],
)
def test_the_token_is_found_beside_any_other_cookie(anyone, cookies):
    assert anyone.get("/metrics", headers={"cookie": cookies.encode()}).status_code == 200


@pytest.mark.parametrize(
    "cookies", ["hbi-token=", "hbi-token", "xhbi-token=s3cret", "hbi-token-80=s3cret", "a=hbi-token=s3cret"]
)
def test_no_other_cookie_is_the_token(anyone, cookies):
    assert anyone.get("/metrics", headers={"cookie": cookies}).status_code == 401


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/?token=s3cret", "/"),
        ("/?q=a+red%20car&token=s3cret&path=*/x", "/?q=a+red%20car&path=*/x"),
        ("/moment?token=s3cret&segment=ab-0&q=red", "/moment?segment=ab-0&q=red"),
        ("/?token=wrong&q=red&token=s3cret", "/?q=red"),
        ("//evil.example/x?token=s3cret", "/evil.example/x"),
        ("///evil.example?token=s3cret", "/evil.example"),
        ("/\\evil.example?token=s3cret", None),
        ("/%0d%0aset-cookie:x?token=s3cret", "/%0d%0aset-cookie:x"),
        ("/?to%6ben=s3cret&q=1", "/?q=1"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_token_in_the_address_leads_to_the_same_page_of_this_server(served, asked, leads_to, method):
    path, _, query = asked.partition("?")
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    scope["headers"] = [(b"host", b"videos.example:8000")]
    start, *_ = answered(AccessMiddleware(None, token=TOKEN, limits=Limits()), scope)
    headers = dict(start["headers"])
    assert start["status"] == 303
    location = headers[b"location"].decode()
    assert location == (leads_to or "/evil.example")
    assert headers[b"set-cookie"].startswith(b"hbi-token-8000=s3cret; HttpOnly; SameSite=Strict")


def answered(app, scope, messages=()):
    """What an application sends."""
    sent, left = [], list(messages)

    async def receive():
        if left:
            return left.pop(0)
        return await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def test_a_token_opens_a_link_of_another_site_by_a_page_of_our_own(anyone):
    """A strict cookie would not go along with a redirect."""
    answer = anyone.get("/?token=s3cret&q=red", headers=A_LINK)
    assert (answer.status_code, answer.headers["refresh"]) == (200, "0; url=/?q=red")
    assert anyone.get("/?token=s3cret", headers=A_PICTURE).status_code == 403


def test_a_token_in_the_address_of_an_upload_lets_it_in(anyone):
    assert anyone.post("/api/explain?token=s3cret").status_code == 422
    assert anyone.post("/api/explain?token=wrong").status_code == 401


@pytest.mark.parametrize(
    "host", ["[::1", "::1", "[::1]x", "a b", "127.0.0.1:x", "127.0.0.1:123456", "http://127.0.0.1", "@127.0.0.1", ""]
)
def test_a_host_that_makes_no_sense_is_refused(served, client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 400
    if host:
        assert (
            starlette.TestClient(create_app(served, token=TOKEN)).get("/healthz", headers={"host": host}).status_code
            == 400
        )


@pytest.mark.parametrize(
    "origin", ["http://[::1", "null", "https://127.0.0.1:8000.evil.example", "http://127.0.0.1:9", "x", ""]
)
def test_pages_of_other_origins_are_refused(client, origin):
    for method, path in (("POST", "/api/explain"), ("GET", "/api/search?q=red")):
        assert client.request(method, path, headers={"origin": origin}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
@pytest.mark.parametrize(
    "path",
    ["/?q=red", "/api/search?q=red", "/clip/x", "/explanation?segment=x&text=red", "/static/page.css", "/healthz"],
)
def test_what_another_sites_page_asks_for_is_refused(client, site, path):
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert client.get(path, headers=headers).status_code == 403
    assert (
        client.get(path, headers=headers | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}).status_code
        == 403
    )


def test_a_link_on_another_site_opens_the_page_and_computes_nothing(client):
    answer = client.get("/", params={"q": "a <b>red</b> square"}, headers=A_LINK)
    assert answer.status_code == 200
    assert 'class="hit"' not in answer.text
    assert "a &lt;b&gt;red&lt;/b&gt; square" in answer.text
    assert "another site" in answer.text
    assert 'class="hit' in client.get("/", params={"q": "a red square", "threshold": "0"}).text
    for path in ("/api/search?q=red", "/moment?segment=x&q=red", "/explanation?segment=x&text=red"):
        assert client.get(path, headers=A_LINK).status_code == 403


def test_programs_and_our_own_pages_may_compute(client):
    for site in ({}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}):
        assert client.get("/api/search?q=red", headers=site).status_code == 200


def test_head_is_answered_as_get_without_a_body(client):
    hit = client.get("/api/search", params={"q": "red", "threshold": "0"}).json()["hits"][0]
    addresses = [
        "/",
        "/?q=red",
        "/upload",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/static/page.css",
        "/nothing",
        "/static/x",
    ]
    for path in [*addresses, hit["thumbnail_url"], hit["video_url"], hit["clip_url"], hit["explanation_url"]]:
        got, head, again = client.get(path), client.head(path), client.get(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]
        if path != "/?q=red":  # it says how long it took
            # The start page gains its sample searches when they are found.
            assert int(head.headers["content-length"]) in (len(got.content), len(again.content)), path


def test_addresses_and_headers_are_bounded(client):
    assert client.get("/", params={"q": "[a" * 6000}).status_code == 414
    assert client.get("/api/search?q=red", headers={"x": "y" * 40_000}).status_code == 431
    assert client.get("/api/search", params={"q": "red", "path": "[a" * 600}).status_code == 422
    assert client.get("/api/search", params={"q": "red", "path": "[a" * 500}).status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "a\x00b"},
        {"path": "*" * 2000},
        {"limit": "1e400"},
        {"limit": "nan"},
        {"limit": "9" * 1000},
        {"threshold": "-0.1"},
        {"min_seconds": "inf"},
        {"max_seconds": "nan"},
        {"after": "2026-13-01"},
        {"after": "9" * 500},
    ],
)
def test_parameters_without_sense_are_refused_in_one_line(client, asked):
    answer = client.get("/api/search", params={"q": "red"} | asked)
    assert answer.status_code == 422
    assert "\n" not in answer.json()["error"]
    assert client.get("/", params={"q": "red"} | asked).status_code == 422


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "~nouser/x"},
        {"path": "\udc80"},
        {"after": "0001-01-01"},
        {"before": "9999-12-31"},
        {"after": "9999-12-31T23:59:59-23:00"},
    ],
)
def test_odd_parameters_are_taken(client, asked):
    asked = {name: value.encode("utf-8", "replace").decode() for name, value in asked.items()}
    for path in ("/api/search", "/"):
        assert client.get(path, params={"q": "red"} | asked).status_code == 200


@pytest.mark.parametrize("key", ["%00", "a%00b", "%ff", "x" * 3000, "' OR ''='", "%0a", "\u202e"])
def test_keys_of_no_moment_are_unknown(client, key):
    for path in (f"/thumbnail/{key}", f"/video/{key}", f"/clip/{key}", f"/moment?q=red&segment={key}"):
        assert client.get(path).status_code in {403, 404}


def test_a_body_must_come_at_some_pace():
    limits = Limits(body_timeout_seconds=0.05, min_bytes_per_second=10**9, max_upload_bytes=10)

    def received(*parts, waits=0.0):
        async def run():
            left = list(parts)

            async def receive():
                if not left:
                    await asyncio.sleep(waits)
                    return {"type": "http.disconnect"}
                return left.pop(0)

            body = RequestBody(receive, limits)
            return [(await body.receive())["type"] for _ in range(3)], body.refusal

        return asyncio.run(run())

    part = {"type": "http.request", "body": b"12345", "more_body": True}
    last = part | {"more_body": False}
    types, refusal = received(part, waits=5.0)
    assert (types[1:], refusal.status) == (["http.disconnect"] * 2, 408)
    types, refusal = received(part, last, waits=0.2)  # the whole of it: now the sender may be silent
    assert (types, refusal) == (["http.request", "http.request", "http.disconnect"], None)
    types, refusal = received(part, part, part, waits=5.0)
    assert (types[2], refusal.status) == ("http.disconnect", 413)


def test_only_so_many_bodies_are_received_at_once():
    held = asyncio.Event()

    async def app(scope, receive, send):
        await held.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(middleware, method, length):
        headers = [(b"host", b"127.0.0.1"), (b"content-length", length)]
        scope = {"type": "http", "method": method, "path": "/x", "headers": headers}
        sent = []

        async def send(message):
            sent.append(message.get("status"))

        await middleware(scope, None, send)
        return sent[0]

    async def run():
        middleware = AccessMiddleware(app, token=None, limits=Limits(num_receiving=2))
        first = [asyncio.ensure_future(ask(middleware, "POST", b"5")) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await ask(middleware, "POST", b"5")
        without = asyncio.ensure_future(ask(middleware, "GET", b"0"))
        await asyncio.sleep(0)
        held.set()
        return refused, await asyncio.gather(*first, without), await ask(middleware, "POST", b"5")

    assert asyncio.run(run()) == (503, [200, 200, 200], 200)


def test_host_and_origin_of_a_request():
    def request(**headers):
        raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
        return AsgiRequest.from_scope({"method": "GET", "path": "/", "query_string": b"", "headers": raw})

    assert request(host="[::1]:80").host == ("::1", "80")
    assert request(host="LocalHost").host == ("localhost", "")
    assert request().host is None
    assert not request(host="a:1", origin="http://A:1").is_cross_site
    assert request(host="a:1", origin="http://a:2").is_cross_site
    assert request(authorization="Basic s3cret").tokens == []
