"""The page of results: what a card says, its picture, its order and pages, and more like it."""

import html
import io
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from hbi.search import VideoIndex
from hbi.search.results import SearchResult, WordMatch
from hbi.web.app import create_app
from hbi.web.app_context import as_sentence
from hbi.web.limits import Limits
from hbi.web.sample_queries import SampleQuery
from hbi.web.search_request import SearchRequest, has_empty_fields, search_address
from small_films import Film, is_on, write_film

starlette = pytest.importorskip("fastapi.testclient")
TEXT = "a red square"


@pytest.fixture(scope="module")
def client(served):
    app = create_app(served)
    yield starlette.TestClient(app, base_url="http://127.0.0.1")
    app.state.context.close()


@pytest.fixture(scope="module")
def found(served) -> SearchResult:
    """What the index finds, to be changed into what is to be drawn."""
    return served.search(TEXT, limit=4)


def drawn(served, result: SearchResult, address: str = "/?q=a+red+square") -> str:
    """The page of a result that was made up."""
    app = create_app(served)
    app.state.context.service.search = lambda request: result
    return starlette.TestClient(app, base_url="http://127.0.0.1").get(address).text


def cards(page: str) -> list[str]:
    return re.findall(r'<li class="hit .*?</li>', page, re.DOTALL)


def plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).split())


def test_goodness_is_said_in_words_and_its_reason_once(served, found):
    names = ("strong", "fair", "weak", "none")
    hits = [
        replace(hit, goodness=name, reason=f"It rests on {name} grounds.")
        for hit, name in zip(found.hits, names, strict=True)
    ]
    page = drawn(served, replace(found, hits=tuple(hits)))
    for card, name, label in zip(
        cards(page), names, ("Strong match", "Fair match", "Weak match", "No match"), strict=True
    ):
        assert plain(card).count(label) == 1
        assert plain(card).count(f"{label}. It rests on {name} grounds.") == 1
    assert "No good match" not in page


@pytest.mark.parametrize(
    ("kinds", "is_said"),
    [(("none", "none"), "No good match."), (("none", "weak"), "Only weak matches."), (("none", "fair"), None)],
)
def test_no_good_match_is_said_where_no_hit_is_a_good_one(served, found, kinds, is_said):
    hits = tuple(replace(hit, goodness=kind) for hit, kind in zip(found.hits[:2], kinds, strict=True))
    page = drawn(served, replace(found, hits=hits))
    banners = [plain(banner) for banner in re.findall(r'<p class="notice" role="status">.*?</p>', page, re.DOTALL)]
    assert [banner.partition(" These moments")[0] for banner in banners] == ([is_said] if is_said else [])
    second = drawn(served, replace(found, hits=hits, offset=20), "/?q=a+red+square&page=2")
    assert 'class="notice"' not in second  # of the first page nothing is known there


def test_words_have_three_states_and_unknown_ones_are_named(served, found):
    verdicts = ("found", "not found", "cannot tell", "unknown")
    words = tuple(
        WordMatch(name, 0, 4, 0.5, verdict)
        for name, verdict in zip(("red", "disc", "of", "<cirle>"), verdicts, strict=True)
    )
    page = drawn(served, replace(found, hits=(replace(found.hits[0], words=words),) * 2))
    said = plain(re.search(r'<p class="words">.*?</p>', page, re.DOTALL)[0])
    assert said == "red (found) disc (not found) of (cannot tell) <cirle> (unknown)"
    assert page.count('class="legend"') == 1
    legend = plain(re.search(r'<p class="legend">.*?</p>', page, re.DOTALL)[0])
    assert legend == "Words: found here not found here the model cannot tell unknown to the model"
    assert "The model has never seen <cirle>: it cannot look for that word." in plain(page)
    for verdict in verdicts:  # a mark that is not of color alone
        assert f'class="word {verdict.replace(" ", "-")}"' in page
    only = tuple(replace(word, verdict="found") for word in words)
    page = drawn(served, replace(found, hits=(replace(found.hits[0], words=only),)))
    assert "never seen" not in page
    assert "not found here" not in page


def test_words_that_cannot_be_checked_are_pointed_out_above_weak_matches(served, found):
    weak = replace(found.hits[0], goodness="weak")
    for verdict, is_said in (("cannot tell", True), ("found", False)):
        hit = replace(weak, words=(WordMatch("red", 0, 3, 0.5, verdict),))
        page = plain(drawn(served, replace(found, hits=(hit,))))
        assert ("The model cannot check the words in grey." in page) == is_said


@pytest.mark.parametrize("query", ["🙂🙂", "   ", "  ?! "])
def test_a_search_without_words_says_what_to_write_and_offers_a_way_on(served, query):
    app = create_app(served)
    app.state.context.samples._found = (SampleQuery("a red square", served.search(TEXT).hits[0].segment_id, 1.0),)
    answer = starlette.TestClient(app, base_url="http://127.0.0.1").get("/", params={"q": query, "path": ""})
    assert answer.status_code == 422
    alert = plain(re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)[1])
    assert alert == "Write in words what happens in the video: this text has none."
    assert f'value="{query.strip()}"' in answer.text
    assert "<title>Search · hbi</title>" in answer.text
    assert '<a href="/">To the first page</a>' in answer.text
    assert '<a class="open" href="/?q=a+red+square">' in answer.text


def test_errors_are_sentences(client):
    page = client.get("/moment?segment=nothing&q=red", headers={"accept": "text/html"})
    assert "The index has no such moment." in page.text
    assert as_sentence("is it so?") == "Is it so?"


def test_a_moment_names_its_video_and_the_length_of_its_clip(client):
    hit = client.get("/api/search", params={"q": TEXT}).json()["hits"][0]
    page = client.get("/moment", params={"q": TEXT, "segment": hit["segment_id"]}).text
    seconds = hit["segment_end_seconds"] - hit["segment_start_seconds"]
    assert f">Save the clip ({seconds:.1f} s)</a>" in page
    name = html.unescape(re.search(r'<video [^>]*aria-label="(.*?)"', page)[1])
    assert name == hit["path"].rpartition("/")[2]


@pytest.mark.parametrize(
    ("start", "end", "at", "total"), [(0, 10, 2.5, 40), (5, 15, 14.9, 15), (3599, 3600, 3599.5, 3600)]
)
def test_the_bar_says_where_the_moment_is(served, found, start, end, at, total):
    hit = replace(found.hits[0], start_seconds=start, end_seconds=end, best_frame_seconds=at, duration_seconds=total)
    card = cards(drawn(served, replace(found, hits=(hit,))))[0]
    shapes = {
        name: (float(x), float(width)) for name, x, width in re.findall(r'"(part|at)" x="(.*?)" width="(.*?)"', card)
    }
    left, width = shapes["part"]
    assert 0 <= left <= left + width <= 1000
    assert left == pytest.approx(1000 * start / total, abs=14)  # a short moment is drawn wide enough to be seen
    assert left + width == pytest.approx(1000 * end / total, abs=14)
    assert left - 1 <= shapes["at"][0] <= left + width
    assert shapes["at"][0] == pytest.approx(1000 * at / total, abs=12)


def test_a_card_and_its_page_name_the_same_span_and_lead_back(client):
    address = "/?q=a+red+square&path=*.mp4&limit=2&page=2"
    page = client.get(address).text
    assert len(cards(page)) == 2
    for card in cards(page):
        span = re.search(r"\d+:\d\d\.\d–\d+:\d\d\.\d", plain(card))[0]
        link = html.unescape(re.search(r'<a class="file" href="(.*?)"', card)[1])
        moment = client.get(link).text
        assert span in re.search(r"<h1>.*?</h1>", moment, re.DOTALL)[0]
        back = html.unescape(re.search(r'class="back"><a href="(.*?)"', moment)[1])
        assert parse_qs(urlsplit(back).query) == parse_qs(urlsplit(address).query)
        assert cards(client.get(back).text) == cards(page)


def test_pages_hold_all_moments_once_in_their_order(client):
    every = [hit["segment_id"] for hit in client.get("/api/search", params={"q": TEXT, "limit": "100"}).json()["hits"]]
    paged, address = [], "/?q=a+red+square&limit=2"
    while address:
        page = client.get(address).text
        paged += re.findall(r'<img src="/frame/(.*?)\?at', page)
        following = re.search(r'<a href="([^"]*)" rel="next"', page)
        address = html.unescape(following[1]) if following else None
    assert paged == every
    assert len(every) > 2
    assert 'rel="prev"' in page
    beyond = client.get("/?q=a+red+square&limit=2&page=900").text
    assert "There are no moments on page 900" in plain(beyond)
    assert client.get("/?q=red&page=0", headers={"accept": "text/html"}).status_code == 422


def test_an_order_sorts_the_good_matches(client, served):
    for order in ("newest", "name"):
        ordered = client.get("/api/search", params={"q": TEXT, "sort": order, "limit": "100"}).json()["hits"]
        shown = client.get("/", params={"q": TEXT, "sort": order}).text
        assert re.findall(r'<img src="/frame/(.*?)\?at', shown) == [hit["segment_id"] for hit in ordered]
        assert re.search(rf'sort={order}" aria-current="true"', shown)
        good = [hit for hit in ordered if hit["is_good"]]
        assert ordered[: len(good)] == good
        modified = {record.path: -record.modified_ns for record in served.videos()}
        keys = [
            (modified[hit["path"]] if order == "newest" else hit["path"].rpartition("/")[2].casefold()) for hit in good
        ]
        assert keys == sorted(keys)
    assert client.get("/api/search", params={"q": TEXT, "sort": "size"}).status_code == 422


def test_more_like_a_moment_leaves_it_out_and_keeps_the_text(client):
    first = client.get("/api/search", params={"q": TEXT}).json()["hits"][0]
    answer = client.get("/api/search", params={"like": first["segment_id"], "limit": "100"}).json()
    assert answer["hits"]
    assert first["segment_id"] not in {hit["segment_id"] for hit in answer["hits"]}
    assert "explanation_url" not in answer["hits"][0]  # there is no text to explain it by
    page = client.get("/", params={"q": TEXT, "like": first["segment_id"]}).text
    assert plain(page).count("More like ") == 1 + len(cards(page))
    assert 'value="a red square"' in page
    assert html.unescape(re.search(r'<a class="file" href="(.*?)"', page)[1]).startswith("/moment?q=a+red+square&like=")
    alone = client.get("/", params={"like": first["segment_id"]}).text
    link = html.unescape(re.search(r'<a class="file" href="(.*?)"', alone)[1])
    assert link.startswith("/watch?like=")
    assert "Back to the results" in client.get(link).text
    for key in ("nothing", "x' OR ''='", "é"):
        assert client.get("/api/search", params={"like": key}).status_code == 404


def test_filters_that_are_empty_are_not_in_the_address(client):
    sent = {"q": "red", "path": "", "after": "", "before": "", "min_seconds": "", "max_seconds": " "}
    answer = client.get("/", params=sent, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=red")
    answer = client.get("/", params=sent | {"path": "*.mp4", "q": "a & b"}, follow_redirects=False)
    assert answer.headers["location"] == "/?q=a+%26+b&path=%2A.mp4"
    assert client.get("/", params={"q": ""}, follow_redirects=False).headers["location"] == "/"
    assert client.get("/", params={"q": "red"}, follow_redirects=False).status_code == 200
    # Nothing that an address holds leads elsewhere.
    assert client.get("/?q=&path=//evil", follow_redirects=False).headers["location"] == "/?path=%2F%2Fevil"


def test_addresses_of_searches_say_the_same_search(served):
    asked = {"q": "a  red & blue", "path": "*.mp4", "after": "2026-01-01", "page": "3", "sort": "name", "token": "x"}
    address = search_address(asked)
    again = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert SearchRequest.parse(again, Limits()) == SearchRequest.parse(asked, Limits())
    assert "token" not in again
    assert search_address(again) == address
    assert not has_empty_fields(again)
    assert search_address({}) == "/"
    assert search_address({"q": "red", "page": "2"}, "/moment", segment="a-0") == "/moment?q=red&page=2&segment=a-0"


@pytest.fixture(scope="module")
def lamp(tmp_path_factory, served) -> VideoIndex:
    """A film that is bright in odd seconds, and whose picture begins late."""
    folder = tmp_path_factory.mktemp("lamp")
    write_film(folder / "videos" / "lamp.mp4", Film(picture_start=2.0))
    index = VideoIndex.create(folder / "index", served.matcher, window_seconds=4.0, overlap=0.0)
    index.add([folder / "videos"])
    return index


def test_a_picture_is_the_one_on_screen_at_its_second(lamp):
    client = starlette.TestClient(create_app(lamp), base_url="http://127.0.0.1")
    segments = client.get("/api/search", params={"q": "red", "limit": "100"}).json()["hits"]
    (begin, end), key = (
        (segments[0]["segment_start_seconds"], segments[0]["segment_end_seconds"]),
        segments[0]["segment_id"],
    )
    for at in np.arange(begin + 0.3, end - 0.3, 0.5):
        answer = client.get(f"/frame/{key}?at={at:.3f}")
        picture = Image.open(io.BytesIO(answer.content))
        assert answer.headers["content-type"] == "image/jpeg"
        assert picture.height <= 288
        assert (np.asarray(picture.convert("L")).mean() > 110) == is_on(at), at
    # Seconds outside of the segment show its nearest picture.
    assert client.get(f"/frame/{key}?at=-1e9").content == client.get(f"/frame/{key}?at={begin}").content
    assert client.get(f"/frame/{key}?at=1e9").content == client.get(f"/frame/{key}?at={end - 0.04}").content
    for wrong in ("nan", "inf", "x", ""):
        assert client.get(f"/frame/{key}?at={wrong}").status_code == 422
    assert client.get("/frame/nothing?at=1").status_code == 404
    assert client.get("/frame/..%2F..%2Fetc?at=1").status_code == 404


def test_a_picture_is_decoded_once_and_kept(lamp):
    app = create_app(lamp)
    client = starlette.TestClient(app, base_url="http://127.0.0.1")
    decoded = []
    worker = app.state.context._picture_worker
    decode = worker.picture
    worker.picture = lambda *arguments: decoded.append(arguments) or decode(*arguments)
    url = client.get("/api/search", params={"q": "red"}).json()["hits"][0]["frame_url"]
    first = client.get(url)
    assert client.get(url).content == first.content
    assert len(decoded) == 1
    assert "max-age" in first.headers["cache-control"]


def test_the_stored_picture_stands_in_for_a_file_that_is_gone(lamp, tmp_path):
    path = write_film(tmp_path / "videos" / "gone.mp4", Film(end=4))
    index = VideoIndex.create(tmp_path / "index", lamp.matcher)
    index.add([tmp_path / "videos"])
    client = starlette.TestClient(create_app(index), base_url="http://127.0.0.1")
    hit = client.get("/api/search", params={"q": "red"}).json()["hits"][0]
    path.unlink()
    answer = client.get(hit["frame_url"])
    assert answer.content == client.get(hit["thumbnail_url"]).content
    assert "max-age" not in answer.headers.get("cache-control", "")
    page = client.get("/?q=red").text
    assert "the file is gone" in page
    assert "data-preview" not in page
