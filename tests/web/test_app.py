"""The server answers searches and explanations, and refuses or survives what it should not do."""

import asyncio
import io
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hbi.web.app import create_app
from hbi.web.limits import Limits, RequestError
from hbi.web.work_queue import WorkQueue
from small_clips import write_clip

starlette = pytest.importorskip("fastapi.testclient")
EVIL = '<img src=x onerror=alert(1)>".mp4'
LIMITS = Limits(max_upload_bytes=200_000, max_clip_seconds=20, max_clip_pixels=100_000)


@pytest.fixture(scope="module")
def client(served):
    return starlette.TestClient(create_app(served, limits=LIMITS), base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def hits(client):
    return client.get("/api/search", params={"q": "a red square", "threshold": "0"}).json()["hits"]


def test_search_and_everything_that_a_hit_points_at(client, hits):
    assert len(hits) >= 4
    assert {word["text"] for word in hits[0]["words"]} == {"a", "red", "square"}
    for hit in hits:
        picture = client.get(hit["thumbnail_url"])
        assert picture.content[:2] == b"\xff\xd8"
        assert picture.headers["content-type"] == "image/jpeg"
        assert "<!DOCTYPE html>" in client.get(hit["explanation_url"]).text
    answer = client.get("/api/explain", params={"segment": hits[0]["segment_id"], "text": "a red square"}).json()
    assert [level["level"] for level in answer["levels"]] == ["entity", "action", "event"]
    assert client.get(hits[0]["clip_url"]).content[4:8] == b"ftyp"


def test_videos_understand_range_requests(client, hits, folder):
    hit = next(hit for hit in hits if hit["path"].endswith("clip-1.mp4"))
    whole = (folder / "videos" / "clip-1.mp4").read_bytes()
    assert client.get(hit["video_url"]).content == whole
    part = client.get(hit["video_url"], headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-type"] == "video/mp4"
    assert client.get(hit["video_url"], headers={"range": f"bytes={len(whole)}-"}).status_code == 416


def test_clips_understand_range_requests(client, hits):
    url = hits[0]["clip_url"]
    whole = client.get(url).content
    size = len(whole)
    for asked, part in (("10-19", whole[10:20]), ("-30", whole[-30:]), (f"{size - 5}-", whole[-5:]), ("0-", whole)):
        answer = client.get(url, headers={"range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, part), asked
        assert answer.headers["content-range"].endswith(f"/{size}")
    for asked in (f"bytes={size}-", "bytes=9-3"):
        assert client.get(url, headers={"range": asked}).status_code == 416
    for asked in ("bytes=0-1,4-5", "seconds=1-2", "bytes=-", ""):
        assert client.get(url, headers={"range": asked}).content == whole


def test_a_clip_is_explained_without_being_indexed(client, folder, served, tmp_path):
    before = len(served.videos())
    clip = write_clip(tmp_path / "mine.mp4", seconds=3, seed=50).read_bytes()
    files = {"clip": ("../../etc/<b>mine</b>.mp4", io.BytesIO(clip), "video/mp4")}
    answer = client.post("/api/explain", files=files, data={"text": "a red square"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["video"] == "b>.mp4"  # what stands behind the last slash
    page = client.post("/explanation", files=files, data={"text": "<script>alert(1)</script> red"})
    assert "<script>alert" not in page.text
    assert len(served.videos()) == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/video/../../secret.txt", 404),
        ("/video/..%2F..%2Fsecret.txt", 404),
        ("/video/%2Fetc%2Fpasswd", 404),
        ("/thumbnail/' OR ''='", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e%2fapp.py", 404),
        ("/clip/nothing", 404),
        ("/moment?segment=nothing&q=red", 404),
        ("/secret.txt", 404),
    ],
)
def test_no_file_outside_the_index_is_served(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert "nobody may read this" not in answer.text
    assert "import" not in answer.text


def test_a_file_that_was_put_in_the_place_of_a_video_is_not_served(served, folder, tmp_path):
    from hbi.search import VideoIndex

    videos = tmp_path / "videos"
    path = write_clip(videos / "mine.mp4", seconds=3, seed=70)
    index = VideoIndex.create(tmp_path / "index", served.matcher)
    index.add([videos])
    client = starlette.TestClient(create_app(index), base_url="http://127.0.0.1")
    (hit,) = client.get("/api/search", params={"q": "red"}).json()["hits"]
    assert client.get(hit["video_url"]).status_code == 200
    path.unlink()
    path.symlink_to(folder / "secret.txt")
    for url in (hit["video_url"], hit["clip_url"], hit["explanation_url"]):
        answer = client.get(url)
        assert answer.status_code == 410
        assert "nobody may read this" not in answer.text
    assert client.get("/api/search", params={"q": "red"}).json()["hits"][0]["is_missing"]


@pytest.mark.parametrize(
    "asked",
    [
        {"q": ""},
        {"q": "?!"},
        {"q": "red " * 200},
        {"q": "red\x00square"},
        {"q": "red", "limit": "-1"},
        {"q": "red", "limit": "1e9"},
        {"q": "red", "threshold": "nan"},
        {"q": "red", "after": "yesterday"},
        {"q": "red", "min_seconds": "x"},
    ],
)
def test_questions_without_sense_are_refused_in_one_line(client, asked):
    answer = client.get("/api/search", params=asked)
    assert answer.status_code == 422
    assert "\n" not in answer.json()["error"]
    page = client.get("/", params=asked, headers={"accept": "text/html"})
    assert page.status_code == (200 if not asked["q"] else 422)


def test_scripts_in_names_and_questions_are_text(client, hits):
    assert any(hit["path"].endswith(EVIL) for hit in hits)
    question = "<script>alert(1)</script> red"
    for path in ("/", "/upload", "/docs"):
        answer = client.get(path, params={"q": question, "threshold": "0"})
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    segment = next(hit["segment_id"] for hit in hits if hit["path"].endswith(EVIL))
    moment = client.get("/moment", params={"segment": segment, "q": question}).text
    assert "<img src=x" not in moment
    assert "<script>alert" not in moment
    explanation = client.get("/explanation", params={"segment": segment, "text": question}).text
    assert "<img src=x" not in explanation
    assert "script-src 'sha256-" in explanation


def test_pages_load_nothing_from_elsewhere(client, hits):
    pages = ["/?q=red+square", "/upload", "/docs", f"/moment?segment={hits[0]['segment_id']}&q=red", "/static/page.css"]
    for path in pages:
        text = client.get(path).text
        assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text), path
    assert client.get("/openapi.json").json()["paths"].keys() >= {"/api/search", "/api/explain", "/healthz", "/metrics"}


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("empty.mp4", b"", 422),
        ("text.mp4", b"this is no video" * 50, 422),
        ("playlist.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", 422),
        ("concat.txt", b"ffconcat version 1.0\nfile '/etc/passwd'\n", 422),
        ("big.mp4", b"x" * 300_000, 413),
    ],
)
def test_malformed_and_huge_uploads(client, name, content, status):
    answer = client.post("/api/explain", files={"clip": (name, io.BytesIO(content))}, data={"text": "red"})
    assert answer.status_code == status, answer.text
    assert "root:" not in answer.text
    assert "\n" not in answer.json()["error"]


def test_a_body_that_does_not_say_how_large_it_is_is_cut_off(client):
    def body():
        for _ in range(100):
            yield b"x" * 10_000

    answer = client.post("/api/explain", content=body(), headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code in {400, 413}
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("kind", ["long", "large"])
def test_a_decompression_bomb_is_refused(client, tmp_path, kind):
    """A small file that unfolds to hours, or to huge pictures."""
    import av
    import numpy as np

    size, rate, count = (16, 1, 4000) if kind == "long" else (1024, 1, 2)
    path = tmp_path / "bomb.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"g": "4000", "preset": "ultrafast"})
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((size, size, 3), np.uint8), format="rgb24")
        for number in range(count):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert path.stat().st_size < LIMITS.max_upload_bytes
    answer = client.post("/api/explain", files={"clip": ("b.mp4", path.read_bytes())}, data={"text": "red"})
    assert answer.status_code == 413, answer.text


def test_forms_without_their_parts_are_refused(client):
    assert client.post("/api/explain", data={"text": "red"}).status_code == 422
    assert client.post("/api/explain", content=b"garbage").status_code == 422
    assert client.get("/api/search").status_code == 422
    assert client.post("/api/search").status_code == 405


def test_without_a_token_only_loopback_names_are_answered(served):
    app = create_app(served)
    for host, status in {"127.0.0.1:8000": 200, "localhost": 200, "[::1]:80": 200, "evil.example": 400}.items():
        assert starlette.TestClient(app).get("/healthz", headers={"host": host}).status_code == status
    for origin, status in {"http://evil.example": 403, "null": 403, "http://127.0.0.1": 422}.items():
        headers = {"origin": origin, "host": "127.0.0.1"}
        assert starlette.TestClient(app).post("/api/explain", headers=headers).status_code == status
    # Forms of our own pages must say where they come from, which this policy makes browsers do.
    assert starlette.TestClient(app, base_url="http://127.0.0.1").get("/").headers["referrer-policy"] == "same-origin"


def test_with_a_token_nothing_is_served_without_it(served):
    app = create_app(served, token="s3cret")
    anyone = starlette.TestClient(app, base_url="http://videos.example")
    for path in ("/", "/api/search?q=red", "/metrics", "/docs", "/openapi.json", "/thumbnail/x", "/?token=wrong"):
        assert anyone.get(path).status_code == 401, path
    assert anyone.get("/healthz").status_code == 200
    assert anyone.get("/metrics", headers={"authorization": "Bearer s3cret"}).status_code == 200
    assert anyone.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 401
    entered = anyone.get("/?token=s3cret")
    assert entered.status_code == 200
    assert "token" not in str(entered.url)
    assert "HttpOnly" in entered.history[0].headers["set-cookie"]
    assert anyone.get("/metrics").status_code == 200


def test_many_at_once_are_all_answered(client):
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(client.get, "/api/search", params={"q": f"red square {n}"}) for n in range(48)]
        assert {each.result().status_code for each in asked} == {200}
    text = client.get("/metrics").text
    assert 'hbi_requests_total{route="/api/search",status="200"}' in text
    assert "hbi_segments" in text


def test_work_waits_its_turn_and_is_given_up_in_time():
    limits = Limits(num_concurrent=2, num_waiting=3, seconds=0.3, wait_seconds=5)
    at_once, most = [0], [0]
    lock = threading.Lock()

    def work(seconds):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(seconds)
        with lock:
            at_once[0] -= 1
        return seconds

    async def several(*seconds):
        queue = WorkQueue(limits)
        return await asyncio.gather(*(queue.run(work, each) for each in seconds), return_exceptions=True)

    answers = asyncio.run(several(*[0.05] * 8))
    assert answers[:5] == [0.05] * 5
    assert [answer.status for answer in answers[5:] if isinstance(answer, RequestError)] == [503] * 3
    assert most[0] == 2
    (slow, quick) = asyncio.run(several(1.0, 0.01))
    assert slow.status == 504
    assert quick == 0.01
