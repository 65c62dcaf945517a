"""The first page, the library and the page of one video: what there is, what may be searched, what the model knows."""

import html
import re
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest

from hbi.web import pages, sample_queries
from hbi.web.app import create_app
from hbi.web.library import length_in_words, library_page
from hbi.web.model_facts import ModelFacts
from hbi.web.sample_queries import SampleQueries, picture_words
from small_networks import small_matcher

starlette = pytest.importorskip("fastapi.testclient")
TILE = re.compile(r'<li class="video">.*?<span class="file">(.*?)</span>', re.DOTALL)


@pytest.fixture(scope="module")
def client(served):
    app = create_app(served)
    yield starlette.TestClient(app, base_url="http://127.0.0.1")
    app.state.context.close()


def names_of(page: str) -> list[str]:
    return [html.unescape(name) for name in TILE.findall(page)]


def test_the_first_page_says_what_there_is(client, served):
    records = served.videos()
    page = client.get("/").text
    assert f"The newest of {len(records)} videos" in page
    assert length_in_words(sum(record.duration_seconds for record in records)) in page
    newest = sorted(records, key=lambda record: (-record.modified_ns, record.path))
    assert names_of(page) == [record.path.rpartition("/")[2] for record in newest]
    for link in re.findall(r'href="(/watch\?.*?)"', page):
        assert client.get(html.unescape(link)).status_code == 200


@pytest.mark.parametrize("order", ["newest", "name", "longest"])
def test_the_library_is_paged_in_an_order(client, served, monkeypatch, order):
    monkeypatch.setattr(pages, "LIBRARY_VIDEOS", 3)
    name = {record.path: record.path.rpartition("/")[2] for record in served.videos()}
    key = {
        "newest": lambda record: (-record.modified_ns, record.path),
        "name": lambda record: (name[record.path].casefold(), record.path),
        "longest": lambda record: (-record.duration_seconds, record.path),
    }[order]
    wanted = [name[record.path] for record in sorted(served.videos(), key=key)]
    first, second = (client.get(f"/library?sort={order}&page={number}").text for number in (1, 2))
    assert names_of(first) + names_of(second) == wanted
    assert ('rel="next"' in first, 'rel="next"' in second) == (True, False)
    assert f'sort={order}" aria-current="true"' in first
    assert "There are no videos on page 9" in client.get("/library?page=9").text
    assert client.get("/library?sort=size").status_code == 422


def test_copies_and_broken_files_are_no_videos_of_their_own(served, folder, tmp_path):
    from hbi.search import VideoIndex

    (tmp_path / "videos").mkdir()
    for copy in ("one.mp4", "two.mp4"):
        (tmp_path / "videos" / copy).write_bytes((folder / "videos" / "clip-2.mp4").read_bytes())
    (tmp_path / "videos" / "broken.mp4").write_bytes(b"no video")
    index = VideoIndex.create(tmp_path / "index", served.matcher)
    index.add([tmp_path / "videos"])
    found = library_page(index, "name", 0, 10)
    assert found.num_videos == len(found.videos) == 1
    assert found.total_seconds == pytest.approx(4, abs=0.2)
    page = starlette.TestClient(create_app(index), base_url="http://127.0.0.1").get("/library").text
    assert "2 copies" in page


def test_an_empty_library_says_what_to_do(served, tmp_path):
    from hbi.search import VideoIndex

    index = VideoIndex.create(tmp_path / "index", served.matcher)
    client = starlette.TestClient(create_app(index), base_url="http://127.0.0.1")
    assert "hbi index FOLDER" in client.get("/").text
    assert "No videos yet" in client.get("/library").text


def test_a_video_page_plays_it_lists_its_segments_and_searches_in_it(client, served):
    hit = next(
        hit
        for hit in client.get("/api/search", params={"q": "red", "limit": "100"}).json()["hits"]
        if hit["path"].endswith("clip-0.mp4")
    )
    page = client.get("/watch", params={"segment": hit["segment_id"]}).text
    content = hit["segment_id"].rpartition("-")[0]
    keys = [f"{content}-{start}" for start in sorted(served.store.starts_of(content))]
    assert re.findall(r'<img src="/thumbnail/(.*?)"', page) == keys
    assert len(keys) > 1
    assert page.count('aria-current="true"') == 1
    player = re.search(r"<video .*?</video>", page, re.DOTALL)[0]
    assert f"/{hit['segment_id']}" in player
    path = html.unescape(re.search(r'"hidden" name="path" value="(.*?)"', page)[1])
    within = client.get("/api/search", params={"q": "red", "path": path}).json()["hits"]
    assert {each["path"] for each in within} == {hit["path"]}
    assert client.get("/watch?segment=nothing").status_code == 404
    assert client.get(f"/watch?segment={content}-999").status_code == 404


def test_lengths_are_said_as_people_say_them():
    assert [length_in_words(seconds) for seconds in (0, 1, 90, 150, 5940, 36000, 7.2e6)] == [
        "0 seconds",
        "1 second",
        "90 seconds",
        "2 minutes",
        "99 minutes",
        "10.0 hours",
        "2,000.0 hours",
    ]


def test_words_to_try_are_whole_words_that_tell_of_a_picture():
    corpus = ["a pyramid spins and then the red square falls", "the pyramid slides", "red squares"] * 30
    words = picture_words(small_matcher(corpus))
    assert {"pyramid", "red", "square", "spins", "falls"} <= set(words)
    assert not {"the", "and", "then", "a"} & set(words)
    assert all(any(word in text.split() for text in corpus) for word in words), words  # no fragment such as "ramid"


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        ({"▁red": 5, "▁the": 1, "▁Square": 3, "▁circle": 2, "ing": 4}, ["circle", "red"]),
        ({"[CLS]": 0, "red": 2, "##ing": 1, "circle": 3, "!": 4}, ["red", "circle"]),
        ({"Ġred": 2, "Ġcircle": 1, "ing": 0}, ["circle", "red"]),
    ],
)
def test_words_of_other_families_of_tokenizers(vocabulary, words):
    matcher = SimpleNamespace(tokenizer=SimpleNamespace(get_vocab=lambda: vocabulary))
    assert picture_words(matcher) == words


def test_every_sample_search_finds_a_good_match(served, monkeypatch):
    search, asked = served.search, []

    def some_are_good(text, **options):
        asked.append(text)
        result = search(text, **options)
        goodness = "none" if "square" in text else "fair"
        words = tuple(
            replace(word, verdict="not found" if word.text == "left" else "found") for word in result.hits[0].words
        )
        return replace(result, hits=(replace(result.hits[0], goodness=goodness, words=words),))

    monkeypatch.setattr(served, "search", some_are_good)
    samples = sample_queries.sample_queries(served)
    assert samples
    assert any("square" in text for text in asked)
    for sample in samples:
        assert sample.text in asked
        assert not {"square", "left"} & set(sample.text.split())
    keys = [sample.segment_id for sample in samples]
    assert len(set(keys)) == len(keys)
    monkeypatch.setattr(served, "search", lambda text, **options: replace(search(text, **options), hits=()))
    assert sample_queries.sample_queries(served) == ()


def test_samples_are_made_once_and_shown_while_their_moment_is_there(served, monkeypatch):
    hit = served.search("red", limit=1).hits[0]
    made = []
    sample = sample_queries.SampleQuery("a <red> thing", hit.segment_id, hit.best_frame_seconds)
    gone = sample_queries.SampleQuery("gone", "0123-0", 0.0)
    monkeypatch.setattr(sample_queries, "sample_queries", lambda index, **options: made.append(index) or (sample, gone))
    app = create_app(served)
    client = starlette.TestClient(app, base_url="http://127.0.0.1")
    assert (
        "Searches to begin with"
        not in starlette.TestClient(create_app(served), base_url="http://127.0.0.1").get("/library").text
    )
    client.get("/")
    app.state.context.samples.wait(60)
    for _ in range(2):
        page = client.get("/").text
        assert '<a class="open" href="/?q=a+%3Cred%3E+thing">' in page
        assert ">gone<" not in page
    assert len(made) == 1


def test_samples_are_given_up_when_the_server_stops(served):
    samples = SampleQueries(served)
    samples.close()
    assert samples.wait(60) == ()


def test_an_error_leaves_the_pages_without_samples(served, monkeypatch):
    def broken(index, **options):
        raise RuntimeError("no")

    monkeypatch.setattr(sample_queries, "sample_queries", broken)
    samples = SampleQueries(served)
    assert samples.wait(60) == ()


def test_what_the_model_knows_is_said_as_its_files_say_it(client, served):
    card = "# mine\n\n- Data: shape-stories, its train split\n\n## Limits\n\nIt knows shapes, not <b>cats</b>."
    facts = ModelFacts.of(replace(served.matcher, card=card))
    assert facts.name == served.matcher.name
    assert facts.kind == "it compares words with frames"
    said = " ".join(facts.sentences)
    assert "trained on the captions of shape-stories." in said
    assert "It knows shapes, not <b>cats</b>." in said
    bare = " ".join(ModelFacts.of(replace(served.matcher, card="")).sentences)
    assert "trained on" not in bare
    assert "A word that it has never seen is named" in bare
    assert served.matcher.name in client.get("/").text


def test_days_beyond_every_calendar_are_left_out(served, monkeypatch):
    snapshot = served.snapshot()
    far = {key: [replace(each, modified_ns=2**63 - 1) for each in records] for key, records in snapshot.videos.items()}
    monkeypatch.setattr(served, "snapshot", lambda: snapshot)
    monkeypatch.setattr(snapshot, "videos", far)
    shown = library_page(served, "newest", 0, 10).videos
    assert all(video.changed is None or isinstance(video.changed, datetime) for video in shown)
    assert all(video.is_missing for video in shown)
