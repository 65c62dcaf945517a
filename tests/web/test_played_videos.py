"""Films with sound, late pictures and joined parts: a hit, its thumbnail, its reason, its player and its clip agree."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

starlette = pytest.importorskip("starlette.testclient", reason="the extra `web` is not installed")

from hbi.search import VideoIndex  # noqa: E402
from hbi.web.app import create_app  # noqa: E402
from in_chromium import needs_chromium, running_chromium, serving, wait_until  # noqa: E402
from small_films import Film, is_on, seen, write_film  # noqa: E402
from small_networks import small_matcher  # noqa: E402

FILMS = {
    "late.mp4": Film(picture_start=3.0),
    "late.mkv": Film(".mkv", picture_start=3.0),
    "late.ts": Film(".ts", picture_start=3.0),
    "dvd.vob": Film(".vob", "mpeg2video", sound="ac3", format="vob"),
    "pcm.avi": Film(".avi", "mpeg4", sound="pcm_s16le"),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> VideoIndex:
    folder = tmp_path_factory.mktemp("films")
    for name, film in FILMS.items():
        write_film(folder / "videos" / name, film)
    one = write_film(folder / "one.webm", Film(".webm", "libvpx", end=4, sound="libopus", num_b_frames=0))
    (folder / "videos" / "joined.webm").write_bytes(one.read_bytes() * 2)
    matcher = small_matcher(["a red square moves left and right"])
    index = VideoIndex.create(folder / "index", matcher, window_seconds=1.0, overlap=0.0)
    report = index.add([folder / "videos"])
    assert (report.num_new, report.broken, report.damaged) == (6, (), ())
    return index


@pytest.fixture(scope="module")
def client(films):
    return starlette.TestClient(create_app(films), base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def moments(films) -> dict[str, list[tuple[str, float]]]:
    """By film: the keys of its segments and when each begins."""
    found: dict[str, list[tuple[str, float]]] = {}
    segments = films.store.segments.search().select(["id", "content", "start_seconds"]).limit(None).to_arrow()
    names = {record.content: Path(record.path).name for record in films.videos()}
    for row in segments.to_pylist():
        found.setdefault(names[row["content"]], []).append((row["id"], row["start_seconds"]))
    return {name: sorted(rows, key=lambda row: row[1]) for name, rows in found.items()}


def is_bright(jpeg: bytes) -> bool:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")).mean() > 110


@pytest.mark.parametrize("name", [*FILMS, "joined.webm"])
def test_seconds_thumbnail_reason_and_clip_are_of_one_axis(name, client, moments, tmp_path):
    first = FILMS[name].picture_start if name in FILMS else 0.0
    begins = [start for _, start in moments[name]][:-1]  # the last one ends where the film does
    assert begins == pytest.approx([first + number for number in range(len(begins))], abs=0.15)
    assert len(begins) >= 4
    for segment, start in moments[name][1:-1]:
        wanted = is_on(start + 0.3)
        assert is_bright(client.get(f"/thumbnail/{segment}").content) == wanted, start
        explained = client.get("/api/explain", params={"segment": segment, "text": "a red square"}).json()
        assert explained["frames"][0]["start_seconds"] == pytest.approx(start, abs=0.2)
        assert explained["frames"][-1]["end_seconds"] == pytest.approx(start + 1, abs=0.2)
        answer = client.get(f"/clip/{segment}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        (tmp_path / "clip.mp4").write_bytes(answer.content)
        assert {bright for at, bright in seen(tmp_path / "clip.mp4") if 0.25 < at < 0.75} == {wanted}, start


@pytest.fixture(scope="module")
def address(films):
    with serving(create_app(films)) as where:
        yield where


SHOWN = """() => {
    const video = document.querySelector("video"), canvas = document.createElement("canvas");
    canvas.width = canvas.height = 8;
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 8, 8);
    return context.getImageData(4, 6, 1, 1).data[0];
}"""


@needs_chromium
@pytest.mark.slow
def test_the_player_shows_the_moment_in_a_browser(address, moments):
    """The file itself where the browser plays it, from the hit's second on; else the video, converted."""
    with running_chromium() as browser:
        tab = browser.new_context(base_url=address).new_page()
        tab.set_default_timeout(60_000)
        for name in (*FILMS, "joined.webm"):
            segment, start = moments[name][-2]
            tab.goto(f"/moment?segment={segment}&q=red")
            is_converted = name in {"late.ts", "dvd.vob", "pcm.avi", "joined.webm"}
            source = f"/playable/{segment}" if is_converted else f"/video/{segment}"
            video = "document.querySelector('video')"
            wait_until(tab, f"{video}.currentSrc.includes('{source}') && {video}.readyState >= 2")
            assert tab.get_by_text("it is shown converted").is_visible() == is_converted, name
            tab.evaluate(f"{video}.currentTime = {start + 0.4}")
            wait_until(tab, f"!{video}.seeking")
            time.sleep(0.2)
            state = tab.evaluate(f"[{video}.currentSrc, {video}.currentTime, {video}.duration]")
            assert (tab.evaluate(SHOWN) > 110) == is_on(start + 0.4), (name, state)
            assert state[2] >= start
