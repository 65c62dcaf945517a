"""The server says what of a long text was not read, on its page and in its API."""

import html

import pytest

from hbi.web.app import create_app

starlette = pytest.importorskip("fastapi.testclient")

UNREAD = "one star spins at <b>night</b>"
TEXT = f"a red square moves left and right the green circle falls down and left {UNREAD}"


@pytest.fixture
def client(served):
    with starlette.TestClient(create_app(served), base_url="http://127.0.0.1") as opened:
        yield opened


def test_the_page_and_the_api_say_what_was_not_read(client):
    sentence = f"the text is too long for the model: it did not read {UNREAD!r}"
    assert client.get("/api/search", params={"q": TEXT}).json()["remark"] == sentence
    assert client.get("/api/search", params={"q": "a red square"}).json()["remark"] is None
    page = client.get("/", params={"q": TEXT}).text
    assert sentence[1:] in html.unescape(page)
    assert "<b>night" not in page
    assert "too long" not in client.get("/", params={"q": "a red square"}).text
    nothing = client.get("/", params={"q": TEXT, "path": "nowhere*"}).text
    assert "No video fits these filters" in nothing
    assert sentence[1:] in html.unescape(nothing)
