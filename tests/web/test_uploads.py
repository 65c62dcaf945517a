"""Uploads: what is said of them names them as their sender does; their decoding is bounded, and ends when given up."""

import io
import re
import time
from pathlib import Path

import av
import numpy as np
import pytest

from hbi.video import PictureFormat
from hbi.web.app import create_app
from hbi.web.limits import Limits, RequestError
from hbi.web.search_request import display_name
from hbi.web.video_worker import VideoWorker
from small_clips import write_clip

starlette = pytest.importorskip("fastapi.testclient")
LIMITS = Limits(max_clip_frames=200, max_clip_seconds=20, num_waiting=4)


@pytest.fixture(scope="module", autouse=True)
def one_decoder():
    """Each server has processes of its own here, as people have it."""


@pytest.fixture(scope="module")
def app(served):
    made = create_app(served, limits=LIMITS)
    yield made
    made.state.context.close()


@pytest.fixture(scope="module")
def client(app):
    return starlette.TestClient(app, base_url="http://127.0.0.1")


def explained(client, name: str, content: bytes, text="red"):
    return client.post("/api/explain", files={"clip": (name, io.BytesIO(content))}, data={"text": text})


def dense_clip(path: Path, num_frames: int, rate: int = 1000) -> Path:
    """A clip of one key frame and so many pictures that little time and little disk hold them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"g": str(num_frames), "preset": "ultrafast"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        for number in range(num_frames):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("content", [b"", b"no video" * 99, b"#EXTM3U\nfile:///etc/passwd\n"])
def test_a_fault_names_the_file_as_its_sender_does(client, content):
    answer = explained(client, "C:\\films\\my film.mp4", content)
    said = answer.json()["error"]
    assert answer.status_code == 422
    assert "my film.mp4" in said
    assert "hbi-upload" not in said
    assert "/tmp" not in said


def test_a_damaged_upload_names_itself_and_no_other_path(client, tmp_path):
    whole = write_clip(tmp_path / "x.mp4", seconds=3, seed=5).read_bytes()
    for content in (whole[:200], whole[: len(whole) // 2], whole[:50] + bytes(300) + whole[350:]):
        answer = explained(client, "mine.mp4", content)
        assert answer.status_code in {200, 422}
        assert "hbi-upload" not in answer.text
        assert (answer.json()["video"] if answer.status_code == 200 else answer.json()["error"]).count("mine.mp4") == 1


@pytest.mark.parametrize("address", ["/explanation", "/explanation/section"])
def test_words_that_the_model_has_never_seen_are_named(client, tmp_path, address):
    """That needs no index; of the others nothing is said."""
    content = write_clip(tmp_path / "x.mp4", seconds=2).read_bytes()
    page = client.post(address, files={"clip": ("x.mp4", content)}, data={"text": "a red pancake falls"}).text
    told = re.findall(r'<bdi>([^<]*)</bdi></button>(?: <span class="hbi-verdict">.*?</i>([^<]*)<)?', page)
    assert {word: verdict for word, verdict in told if verdict} == {"pancake": "unknown to the model"}
    assert {"red", "falls"} <= {word for word, _ in told}
    assert "“pancake”: the model has not learned this word" in page


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\a.mp4", "a.mp4"),
        ("a\x00\nb\u202e.mp4", "ab.mp4"),
        ("\ud800.mp4", ".mp4"),
        ("", "clip"),
        ("x/", "clip"),
        ("a" * 500, "a" * 120),
    ],
)
def test_names_are_shown_without_what_cannot_be(told, shown):
    assert display_name(told) == shown


def test_pictures_are_counted_not_believed(client, tmp_path):
    answer = explained(client, "dense.mp4", dense_clip(tmp_path / "dense.mp4", 300).read_bytes())
    assert answer.status_code == 413
    assert "more than 200 pictures" in answer.json()["error"]
    assert explained(client, "fine.mp4", dense_clip(tmp_path / "fine.mp4", 150).read_bytes()).status_code == 200


def test_decoding_that_takes_too_long_is_ended_and_the_next_is_served(served, tmp_path):
    worker = VideoWorker(Limits(seconds=60))
    clip = write_clip(tmp_path / "clip.mp4", seconds=2)
    assert len(worker.read_sample(clip, 4, PictureFormat.square(16)).frames.pixels) == 4
    process = worker._process
    worker._limits = Limits(seconds=0.2)
    long = dense_clip(tmp_path / "long.mp4", 8_000)
    with pytest.raises(RequestError) as caught:
        worker.cut(long, 0, 20, tmp_path / "out.mp4")
    assert caught.value.status == 504
    assert process.poll() is not None
    worker._limits = Limits(seconds=60)
    assert len(worker.read_sample(clip, 4, PictureFormat.square(16)).frames.pixels) == 4
    worker.close()


def test_a_decoder_that_breaks_down_costs_its_job_only(tmp_path):
    worker = VideoWorker(Limits())
    clip = write_clip(tmp_path / "clip.mp4", seconds=2)
    worker.read_sample(clip, 4, PictureFormat.square(16))
    worker._process.kill()
    worker._process.wait()
    assert len(worker.read_sample(clip, 4, PictureFormat.square(16)).frames.pixels) == 4
    with pytest.raises(RequestError):
        worker._run(job="sample")  # a job that it does not understand
    worker.close()


@pytest.fixture(scope="module")
def worker():
    started = VideoWorker(Limits())
    yield started
    started.close()


@pytest.mark.parametrize(
    "picture",
    [
        PictureFormat.square(16),
        PictureFormat(20, 12, "squash", "bicubic"),
        PictureFormat(16, 16, "crop", "lanczos", 18),
        PictureFormat.square(16).in_tubelets(3, 0.25),
    ],
)
def test_what_the_process_samples_is_what_would_be_sampled_here(worker, tmp_path, picture):
    from hbi.video.sample import VideoSample

    clip = write_clip(tmp_path / "clip.mp4", seconds=4, size=64)
    there = worker.read_sample(clip, 5, picture, start_seconds=1.0, end_seconds=3.0)
    here = VideoSample.read(clip, 5, picture=picture, start_seconds=1.0, end_seconds=3.0)
    for one, other in ((there.frames, here.frames), (there.thumbnails, here.thumbnails)):
        assert one.pixels.equal(other.pixels)
        assert one.timestamps_seconds.equal(other.timestamps_seconds)
        times = [each.tubelet_timestamps_seconds for each in (one, other)]
        assert times == [None, None] or times[0].equal(times[1])
        assert (one.path, one.start_seconds, one.end_seconds) == (clip, other.start_seconds, other.end_seconds)
        assert (one.video_start_seconds, one.video_end_seconds, one.damage) == (
            other.video_start_seconds,
            other.video_end_seconds,
            other.damage,
        )


def test_searches_do_not_wait_for_uploads(app, client):
    """Every turn of those is taken, and as many wait as may."""
    import asyncio
    import threading

    held = threading.Event()
    clip_queue = app.state.context.clip_queue

    async def hold():
        return await asyncio.gather(*(clip_queue.run(held.wait) for _ in range(5)))

    holder = threading.Thread(target=asyncio.run, args=(hold(),))
    holder.start()
    until = time.monotonic() + 30
    while clip_queue.num_in_progress < 5:
        assert time.monotonic() < until
        time.sleep(0.01)
    try:
        assert client.get("/api/search?q=red").status_code == 200
        hit = client.get("/api/search?q=red&threshold=0").json()["hits"][0]
        assert client.get(hit["explanation_url"]).status_code == 200
        assert explained(client, "a.mp4", b"x").status_code == 503
    finally:
        held.set()
        holder.join()
