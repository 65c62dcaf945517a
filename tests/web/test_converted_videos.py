"""Videos converted for browsers: once, within bounds, from any file or with one line; of uploads nothing stays."""

import io
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hbi.search import VideoIndex
from hbi.video import VideoError, probe_video
from hbi.video.cutting import convert_video
from hbi.web.app import create_app
from hbi.web.converted_videos import ConvertedVideos
from hbi.web.limits import Limits, RequestError
from hbi.web.video_worker import VideoWorker
from small_clips import write_clip
from small_films import Film, is_on, picture_changes, write_film
from small_networks import small_matcher
from web.conftest import SharedVideoWorker

starlette = pytest.importorskip("fastapi.testclient")


def write_of(content: bytes):
    return lambda path: path.write_bytes(content)


@pytest.fixture(scope="module", autouse=True)
def one_decoder():
    """Each server has processes of its own here, as people have it."""


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> VideoIndex:
    folder = tmp_path_factory.mktemp("converted")
    for name, film in {
        "a.avi": Film(".avi", "mpeg4", sound="libmp3lame"),
        "plain.mp4": Film(end=6),
        "late.ts": Film(".ts", picture_start=2.0),
    }.items():
        write_film(folder / "videos" / name, film)
    made = VideoIndex.create(folder / "index", small_matcher(["a red square"]), window_seconds=4.0, overlap=0)
    assert made.add([folder / "videos"]).broken == ()
    return made


@pytest.fixture(scope="module")
def keys(index) -> dict[str, list[str]]:
    names = {record.content: Path(record.path).name for record in index.videos()}
    rows = index.store.segments.search().select(["id", "content", "start_seconds"]).limit(None).to_arrow().to_pylist()
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row["start_seconds"]):
        found.setdefault(names[row["content"]], []).append(row["id"])
    return found


@pytest.fixture(scope="module")
def app(index):
    made = create_app(index, limits=Limits(max_clip_seconds=20, max_clip_frames=300))
    yield made
    made.state.context.close()


@pytest.fixture(scope="module")
def client(app):
    return starlette.TestClient(app, base_url="http://127.0.0.1")


def test_the_oldest_go_first_and_what_is_read_stays_readable():
    kept = ConvertedVideos(max_bytes=25)
    for name in "abc":
        kept.find_or_write(name, write_of(name.encode() * 10)).close()
        assert kept.num_bytes <= 25
    assert kept.find("a") is None
    reading = kept.find("b")
    kept.find_or_write("d", write_of(b"d" * 10)).close()
    assert kept.find("c") is None, "b was asked for after it"
    kept.find_or_write("e", write_of(b"e" * 20)).close()
    assert kept.find("b") is None
    assert reading.read() == b"b" * 10
    assert kept.num_bytes == 20
    assert kept.find_or_write("large", write_of(b"l" * 99)).read() == b"l" * 99
    assert kept.num_bytes == 99, "the one that is asked for stays, and nothing else"


def test_the_folder_holds_what_is_kept_and_goes_with_it():
    kept = ConvertedVideos(max_bytes=25)
    for name in "abcdef":
        kept.find_or_write(name, write_of(name.encode() * 10)).close()
    folder = Path(kept._folder.name)
    assert sorted(path.read_bytes()[:1] for path in folder.iterdir()) == [b"e", b"f"]
    kept.close()
    assert not folder.exists()
    assert kept.find("f") is None


def test_what_fails_leaves_nothing_and_is_tried_again():
    kept = ConvertedVideos(max_bytes=99)

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RequestError(422, "it is damaged")

    with pytest.raises(RequestError, match="it is damaged"):
        kept.find_or_write("a", fail)
    assert list(Path(kept._folder.name).iterdir()) == []
    assert kept.find_or_write("a", write_of(b"whole")).read() == b"whole"


def test_of_many_who_ask_at_once_one_writes():
    kept, written, together = ConvertedVideos(max_bytes=99), [], threading.Barrier(8)

    def write(path: Path) -> None:
        written.append(path)
        path.write_bytes(b"film")

    def ask(_: int) -> bytes:
        together.wait()
        return kept.find_or_write("a", write).read()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [b"film"] * 8
    assert len(written) == 1


def test_two_clients_at_once_have_a_video_converted_once(app, client, keys, monkeypatch):
    converted = []
    convert = VideoWorker.convert

    def counted(self, video: Path, out: Path, **options) -> None:
        converted.append(video.name)
        convert(self, video, out, **options)

    monkeypatch.setattr(VideoWorker, "convert", counted)
    addresses = [f"/playable/{key}" for key in keys["a.avi"] * 2]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(client.get, addresses))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.content for answer in answers}) == 1, "its segments share the video"
    assert converted == ["a.avi"]


def test_the_converted_video_has_the_seconds_of_the_original(client, keys, tmp_path):
    for name in ("a.avi", "late.ts"):
        answer = client.get(f"/playable/{keys[name][0]}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        (tmp_path / "x.mp4").write_bytes(answer.content)
        info = probe_video(tmp_path / "x.mp4")
        assert (info.codec, info.start_seconds) == ("h264", 0)
        assert info.duration_seconds == pytest.approx(8, abs=0.15)
        changes = picture_changes(tmp_path / "x.mp4")
        assert len(changes) >= 5
        assert all(is_on(at + 0.1) == now and is_on(at - 0.1) != now for at, now in changes)


def test_what_browsers_play_is_given_as_it_is_piece_by_piece(client, keys, index):
    path = next(Path(record.path) for record in index.videos() if record.path.endswith("plain.mp4"))
    key, content = keys["plain.mp4"][0], path.read_bytes()
    assert client.get(f"/playable/{key}").content == content
    answer = client.get(f"/playable/{key}", headers={"range": "bytes=100-199"})
    assert (answer.status_code, answer.content) == (206, content[100:200])
    converted = client.get(f"/playable/{keys['a.avi'][0]}").content
    answer = client.get(f"/playable/{keys['a.avi'][0]}", headers={"range": "bytes=100-199"})
    assert (answer.status_code, answer.content) == (206, converted[100:200])
    assert answer.headers["content-range"] == f"bytes 100-199/{len(converted)}"
    head = client.head(f"/playable/{keys['a.avi'][0]}")
    assert (head.headers["content-length"], head.content) == (str(len(converted)), b"")


def test_the_explanation_by_itself_plays_the_video(client, keys):
    for name, route in (("a.avi", "playable"), ("plain.mp4", "video")):
        key = keys[name][1]
        page = client.get("/explanation", params={"segment": key, "text": "a red square"}).text
        assert f'src="/{route}/{key}"' in page


def test_what_is_too_much_to_convert_is_one_line_and_its_moment_is_there(index, keys, monkeypatch):
    monkeypatch.setattr("hbi.web.app_context.VideoWorker", SharedVideoWorker)
    made = create_app(index, limits=Limits(max_converted_pixels=1000))
    client = starlette.TestClient(made, base_url="http://127.0.0.1")
    answer = client.get(f"/playable/{keys['a.avi'][1]}")
    assert answer.status_code == 413
    assert answer.json()["error"] == "it is too long or too large to be converted for a browser"
    page = client.get("/moment", params={"segment": keys["a.avi"][1], "q": "red"}).text
    assert "/playable/" not in page
    assert f'src="/clip/{keys["a.avi"][1]}" type="video/mp4" data-offset="4.000"' in page
    alone = client.get("/explanation", params={"segment": keys["a.avi"][1], "text": "red"}).text
    assert "<video" not in alone, "the moment has a time of its own"
    assert client.get(f"/clip/{keys['a.avi'][1]}").status_code == 200
    made.state.context.close()


def test_a_damaged_file_is_one_line(client, tmp_path):
    whole = write_film(tmp_path / "x.avi", Film(".avi", "mpeg4", sound=None)).read_bytes()
    for content in (b"", b"no video" * 99, whole[:300], whole[:5000] + bytes(3000)):
        answer = client.post("/converted", files={"clip": ("C:\\my film.avi", io.BytesIO(content))})
        if answer.status_code == 200:  # something of it could be decoded
            continue
        said = answer.json()["error"]
        assert answer.status_code == 422
        assert "my film.avi" in said
        assert "\n" not in said
        assert "hbi-upload" not in said


def test_of_an_upload_nothing_stays(client, index, tmp_path, monkeypatch):
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    content = write_film(tmp_path / "x.avi", Film(".avi", "mpeg4", sound=None)).read_bytes()
    before = len(index.videos())
    files = {"clip": ("mine.avi", io.BytesIO(content))}
    answer = client.post("/converted", files=files)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    (tmp_path / "x.mp4").write_bytes(answer.content)
    assert probe_video(tmp_path / "x.mp4").duration_seconds == pytest.approx(8, abs=0.1)
    files = {"clip": ("mine.avi", io.BytesIO(content))}
    section = client.post("/explanation/section", files=files, data={"text": "a red square"})
    assert section.status_code == 200
    assert section.text.lstrip().startswith("<section")
    assert list(own.iterdir()) == []
    assert len(index.videos()) == before


def test_an_upload_that_is_too_long_is_refused_with_its_name(client, tmp_path):
    clip = write_clip(tmp_path / "x.mp4", seconds=30)
    answer = client.post("/converted", files={"clip": ("long one.mp4", io.BytesIO(clip.read_bytes()))})
    assert answer.status_code == 413
    assert answer.json()["error"] == "'long one.mp4': it lasts longer than 20 s: upload a shorter clip"


def test_a_whole_video_is_refused_beyond_a_length(tmp_path):
    film = write_film(tmp_path / "x.avi", Film(".avi", "mpeg4", sound=None))
    with pytest.raises(VideoError, match=r"it lasts 8 s, at most 5 s are converted; cut a moment out of it"):
        convert_video(film, 5, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
