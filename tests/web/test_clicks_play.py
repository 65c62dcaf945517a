"""A click on a word, a picture or a bar of an explanation plays the video at that second, whatever the file is."""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

starlette = pytest.importorskip("starlette.testclient", reason="the extra `web` is not installed")

from hbi.search import VideoIndex  # noqa: E402
from hbi.web.app import create_app  # noqa: E402
from hbi.web.limits import Limits  # noqa: E402
from in_chromium import needs_chromium, running_chromium, serving, wait_until  # noqa: E402
from small_films import Film, is_on, write_film  # noqa: E402
from small_networks import small_matcher  # noqa: E402

pytestmark = [needs_chromium, pytest.mark.slow]

FILMS = {
    "plain.mp4": Film(),
    "plain.mov": Film(".mov"),
    "plain.mkv": Film(".mkv"),
    "plain.avi": Film(".avi", "mpeg4", sound="libmp3lame"),
    "plain.webm": Film(".webm", "libvpx", sound="libopus", num_b_frames=0),
    "late.ts": Film(".ts", picture_start=2.0),
    "late.mp4": Film(picture_start=2.0, sound=None),
    "hevc.mp4": Film(codec="libx265"),
    "hevc.mkv": Film(".mkv", "libx265", sound="ac3"),
}
UPLOADED = ["plain.mp4", "plain.avi", "late.ts", "hevc.mp4", "plain.gif"]
"""Played as it is, converted, begun late, and a moving picture: the others differ on the server alone."""
TEXT = "a red square"


def write_gif(path: Path, seconds: int = 8) -> Path:
    """Bright in odd seconds, as `write_film` writes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "rgb8"
        for number in range(seconds * 10):
            pixels = np.full((64, 64, 3), 200 if is_on(number / 10) else 40, np.uint8)
            pixels[:8, : 1 + number % 64] = 90
            frame = av.VideoFrame.from_ndarray(pixels).reformat(format="rgb8")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clicked")
    made = {"plain.gif": write_gif(folder / "plain.gif")}
    for name, film in FILMS.items():
        try:
            made[name] = write_film(folder / name, film)
        except av.codec.codec.UnknownCodecError:
            (folder / name).unlink(missing_ok=True)
    return made


@pytest.fixture(scope="module")
def index(files, tmp_path_factory) -> VideoIndex:
    matcher = small_matcher([f"{TEXT} moves left and right"])
    made = VideoIndex.create(tmp_path_factory.mktemp("clicked-index") / "index", matcher, window_seconds=4.0, overlap=0)
    assert made.add([next(iter(files.values())).parent]).broken == ()
    return made


@pytest.fixture(scope="module")
def segments(index) -> dict[str, str]:
    """By file: the key of its second segment, which begins later than the video."""
    names = {record.content: Path(record.path).name for record in index.videos()}
    rows = index.store.segments.search().select(["id", "content", "start_seconds"]).limit(None).to_arrow().to_pylist()
    ordered = sorted(rows, key=lambda row: row["start_seconds"])
    return {names[row["content"]]: row["id"] for row in ordered}


@pytest.fixture(scope="module")
def address(index):
    with serving(create_app(index)) as where:
        yield where


@pytest.fixture(scope="module")
def browser():
    with running_chromium() as running:
        yield running


@pytest.fixture
def tab(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=address)
    context.set_default_timeout(60_000)
    opened = context.new_page()
    complaints = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield opened
    context.close()
    assert complaints == []


def skip_unless_made(name: str, files) -> None:
    if name not in files:
        pytest.skip(f"this build of FFmpeg has no encoder {FILMS[name].codec}")


# What happened is kept by the page: on a busy machine a second is over before one looks.
WATCH = """() => {
  const video = document.querySelector("video");
  window.seen = { at: [], played: 0 };
  video.addEventListener("seeked", () => seen.at.push(video.currentTime + Number(video.dataset.offset ?? 0)));
  video.addEventListener("playing", () => (seen.played += 1));
}"""
BRIGHTNESS = """() => {
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  canvas.getContext("2d").drawImage(video, 0, 0, 8, 8);
  return canvas.getContext("2d").getImageData(4, 6, 1, 1).data[0];
}"""


@dataclass(frozen=True)
class Explained:
    """What the page says: when frames begin, and by line which frame is best."""

    seconds: list[float]
    best: list[int]


def explained(tab) -> Explained:
    tab.locator(".hbi-explanation.hbi-ready").wait_for()
    data = json.loads(tab.locator(".hbi-data").first.text_content())
    return Explained([start for _, start, _ in data["seconds"]], [line["best"] for line in data["lines"]])


def assert_clicks_play(tab) -> None:
    """Click on a word, on a picture and on a bar of a line."""
    said = explained(tab)
    wait_until(tab, "document.querySelector('video').readyState >= 2 && document.querySelector('video').videoWidth > 0")
    tab.evaluate(WATCH)
    last = len(said.seconds) - 1
    clicks = [
        (".hbi-sentence .hbi-pick:not(.hbi-back)", None, None),
        (".hbi-shot", 0, 0),
        (".hbi-rows .hbi-fits:visible > i", last, last),
    ]
    for count, (what, place, frame) in enumerate(clicks, start=1):
        part = tab.locator(what).nth(place or 0)
        wanted = said.seconds[said.best[int(part.get_attribute("data-line"))] if frame is None else frame]
        before = tab.evaluate("seen.at.length")
        part.click()
        wait_until(tab, f"seen.at.length > {before} && seen.played >= {count}")
        assert tab.evaluate("seen.at")[before] == pytest.approx(wanted, abs=0.3), what
        # The last frame may have been played to its end before one looks.
        assert tab.evaluate("(({ paused, ended }) => !paused || ended)(document.querySelector('video'))"), what
        tab.evaluate("document.querySelector('video').pause()")
    wait_until(tab, "document.querySelector('video').paused")
    # That second of the axis is the one that the picture shows.
    now = tab.evaluate("document.querySelector('video').dataset.offset")
    middle = int(wanted) + (0.5 if wanted % 1 < 0.5 else 1.5)
    tab.evaluate(f"document.querySelector('video').currentTime = {middle - float(now or 0)}")
    wait_until(tab, "!document.querySelector('video').seeking")
    time.sleep(0.2)
    assert (tab.evaluate(BRIGHTNESS) > 110) == is_on(middle), middle


PLAYED_AS_THEY_ARE = {"plain.mp4", "plain.mov", "plain.webm", "plain.mkv"}
"""By this Chromium."""


@pytest.mark.parametrize("name", [*FILMS, "plain.gif"])
def test_on_the_served_page(tab, files, segments, name):
    skip_unless_made(name, files)
    tab.goto(f"/moment?segment={segments[name]}&q={TEXT}")
    assert_clicks_play(tab)
    source = tab.evaluate("document.querySelector('video').currentSrc")
    assert ("/video/" in source) == (name in PLAYED_AS_THEY_ARE), source
    assert tab.get_by_text("This browser does not play the file itself").is_visible() == ("/video/" not in source)
    assert tab.evaluate("document.querySelectorAll('iframe').length") == 0


@pytest.mark.parametrize("name", UPLOADED)
def test_on_the_page_of_an_upload(tab, files, name):
    skip_unless_made(name, files)
    tab.goto("/upload")
    tab.get_by_label("Clip", exact=True).set_input_files(files[name])
    tab.get_by_label("Text", exact=True).fill(TEXT)
    tab.get_by_role("button", name="Explain").click()
    assert_clicks_play(tab)
    is_own = name in PLAYED_AS_THEY_ARE
    assert tab.get_by_text("it is shown converted").is_visible() == (not is_own)
    assert tab.evaluate("document.querySelectorAll('iframe').length") == 0


BEST_MOMENT = """() => {
  const button = document.querySelector(".hbi-best") ?? document.createElement("button");
  Object.assign(button.dataset, { frame: 1, last: 1, span: "" });
  button.className = "hbi-best";
  button.textContent = "Best moment";
  document.querySelector(".hbi-telling").append(button);
}"""
"""Whatever this network finds: its second frame."""


@pytest.mark.parametrize("name", ["plain.mp4", "plain.avi"])
@pytest.mark.parametrize("page", ["moment", "upload"])
def test_the_best_moment_stops_where_it_ends_and_the_whole_moment_can_be_played_after_it(
    tab, files, segments, name, page
):
    skip_unless_made(name, files)
    if page == "moment":
        tab.goto(f"/moment?segment={segments[name]}&q={TEXT}")
    else:
        tab.goto("/upload")
        tab.get_by_label("Clip", exact=True).set_input_files(files[name])
        tab.get_by_label("Text", exact=True).fill(TEXT)
        tab.get_by_role("button", name="Explain").click()
    seconds = explained(tab).seconds
    wait_until(tab, "document.querySelector('video').readyState >= 2 && document.querySelector('video').videoWidth > 0")
    if page == "upload":
        assert tab.locator("#player").get_attribute("aria-label") == name
    tab.evaluate(BEST_MOMENT)
    tab.evaluate(WATCH)
    tab.get_by_role("button", name="Best moment").click()
    wait_until(tab, "seen.played === 1 && document.querySelector('video').paused")
    now = "document.querySelector('video').currentTime + Number(document.querySelector('video').dataset.offset)"
    end = json.loads(tab.locator(".hbi-data").first.text_content())["seconds"][1][2]
    assert tab.evaluate("seen.at")[0] == pytest.approx(seconds[1], abs=0.3)
    assert end - 0.05 <= tab.evaluate(now) < end + 1.5
    if page == "moment":
        stop = float(tab.locator("#player").get_attribute("data-to"))
        tab.evaluate("seen.played = 0")
        tab.get_by_role("button", name="Play the moment").click()
        film_end = f"{now} - document.querySelector('video').currentTime + document.querySelector('video').duration"
        ends = f"{now} >= Math.min({stop}, {film_end}) - 0.1"
        wait_until(tab, f"seen.played >= 1 && document.querySelector('video').paused && {ends}")
        assert tab.evaluate(now) < stop + 1.5
        return
    tab.locator(".hbi-shot").nth(1).click()
    wait_until(tab, f"{now} > {end + 1.6}")


def test_of_a_large_film_only_the_moment_is_converted(browser, index, segments, files):
    """Its seconds stay those of the film."""
    with serving(create_app(index, limits=Limits(max_converted_pixels=1000))) as where:
        opened = browser.new_context(base_url=where).new_page()
        opened.set_default_timeout(60_000)
        opened.goto(f"/moment?segment={segments['plain.avi']}&q={TEXT}")
        assert_clicks_play(opened)
        source = opened.evaluate("document.querySelector('video').currentSrc")
        assert "/clip/" in source
        assert float(opened.locator("video").get_attribute("data-offset")) == 4.0
        assert opened.evaluate("document.querySelector('video').duration") == pytest.approx(4.0, abs=0.2)
        assert re.search(r"the moment is shown, converted", opened.locator(".player").inner_text())
