"""An index that is exchanged while it is served: another model's is refused, the same model's is taken up."""

import shutil
import time

import pytest

from hbi.search import SearchError, VideoIndex
from hbi.web.app import create_app
from small_clips import write_clip
from small_networks import small_matcher

starlette = pytest.importorskip("fastapi.testclient")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two folders of one clip each."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(2):
        write_clip(folder / str(number) / f"clip-{number}.mp4", seconds=3, seed=number, size=48)
    return folder


def made(path, videos, corpus="a red square moves", name="one", **options):
    index = VideoIndex.create(path, small_matcher([corpus], name), **options)
    index.add([videos])
    return index


def found(client):
    answer = client.get("/api/search", params={"q": "red", "threshold": "0"})
    return [hit["path"].rpartition("/")[2] for hit in answer.json()["hits"]] if answer.status_code == 200 else answer


def removed_and_made_again(path, videos, **options):
    shutil.rmtree(path)
    made(path, videos, **options)


def moved_here(path, videos, **options):
    made(path.with_name("new"), videos, **options)
    path.rename(path.with_name("old"))
    path.with_name("new").rename(path)


@pytest.mark.parametrize("exchange", [removed_and_made_again, moved_here])
def test_an_index_of_the_same_model_is_taken_up(tmp_path, videos, exchange):
    made(tmp_path / "index", videos / "0")
    client = starlette.TestClient(create_app(VideoIndex.open(tmp_path / "index")), base_url="http://127.0.0.1")
    assert found(client) == ["clip-0.mp4"]
    hit = client.get("/api/search", params={"q": "red"}).json()["hits"][0]
    assert client.get(hit["explanation_url"]).status_code == 200
    exchange(tmp_path / "index", videos / "1")
    assert client.get(hit["thumbnail_url"]).status_code == 404
    assert client.get(hit["explanation_url"]).status_code == 404  # though it was explained before
    assert found(client) == ["clip-1.mp4"]
    made(tmp_path / "index", videos / "0")  # adds to it: seen at once, or a few loads later (`VideoIndex.snapshot`)
    deadline = time.monotonic() + 30
    while sorted(found(client)) != ["clip-0.mp4", "clip-1.mp4"]:
        assert time.monotonic() < deadline, found(client)


@pytest.mark.parametrize("exchange", [removed_and_made_again, moved_here])
def test_an_index_of_another_model_is_refused_with_what_to_do(tmp_path, videos, exchange):
    made(tmp_path / "index", videos / "0")
    opened = VideoIndex.open(tmp_path / "index")
    client = starlette.TestClient(create_app(opened), base_url="http://127.0.0.1")
    hit = client.get("/api/search", params={"q": "red"}).json()["hits"][0]
    exchange(tmp_path / "index", videos / "0", corpus="the green circle falls down", name="two")
    for path in ("/api/search?q=red", "/?q=red", hit["thumbnail_url"], hit["clip_url"], "/metrics"):
        answer = client.get(path)
        assert answer.status_code == 422, path
        assert "start hbi serve again" in answer.text
    assert "start hbi serve again" in client.get("/healthz").json()["error"]
    with pytest.raises(SearchError, match="another model"):
        opened.add([videos / "1"])
    assert len(VideoIndex.open(tmp_path / "index").videos()) == 1


def test_an_index_that_is_gone_is_missed_until_it_is_back(tmp_path, videos):
    made(tmp_path / "index", videos / "0")
    client = starlette.TestClient(create_app(VideoIndex.open(tmp_path / "index")), base_url="http://127.0.0.1")
    assert found(client) == ["clip-0.mp4"]
    (tmp_path / "index").rename(tmp_path / "away")
    assert client.get("/healthz").status_code == 503
    assert "is no index" in client.get("/api/search?q=red").json()["error"]
    (tmp_path / "away").rename(tmp_path / "index")
    assert found(client) == ["clip-0.mp4"]


def test_other_segments_of_the_same_model_are_taken_up(tmp_path, videos):
    made(tmp_path / "index", videos / "0")
    opened = VideoIndex.open(tmp_path / "index")
    assert opened.snapshot().num_segments == 1
    removed_and_made_again(tmp_path / "index", videos / "0", window_seconds=1.0, overlap=0.0)
    assert opened.snapshot().num_segments == 3
    assert opened.settings.window_seconds == 1.0
    assert opened.calibration.num_segments == 3
