"""The videos of a page by itself: opened from a file, a click plays them at that second, whatever the file is."""

import base64
import json
from pathlib import Path

import av
import pytest

from hbi.explanation import Explanation
from hbi.figures import VideoAddresses, shown_span, write_explanation
from hbi.video import probe_video
from in_chromium import needs_chromium, running_chromium, wait_until
from small_films import Film, is_on, picture_changes, write_film
from small_networks import small_matcher

FILMS = {
    "plain.mp4": Film(),
    "plain.mkv": Film(".mkv"),
    "plain.avi": Film(".avi", "mpeg4", sound="libmp3lame"),
    "plain.webm": Film(".webm", "libvpx", sound="libopus", num_b_frames=0),
    "late.ts": Film(".ts", picture_start=2.0),
    "hevc.mp4": Film(codec="libx265"),
}
TEXT = "a red square"


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> dict[str, Path]:
    folder, made = tmp_path_factory.mktemp("paged"), {}
    for name, film in FILMS.items():
        try:
            made[name] = write_film(folder / name, film)
        except av.codec.codec.UnknownCodecError:
            (folder / name).unlink(missing_ok=True)
    return made


@pytest.fixture(scope="module")
def explain():
    matcher = small_matcher([TEXT])
    return lambda video, **span: matcher.explain(video, TEXT, **span)


def film_of(films: dict[str, Path], name: str) -> Path:
    if name not in films:
        pytest.skip(f"this build of FFmpeg has no encoder {FILMS[name].codec}")
    return films[name]


def video_of(address: str, page: Path, out: Path) -> Path:
    """The file that an address leads to, whether it is embedded or beside the page."""
    address = address.partition("#")[0]
    if not address.startswith("data:"):
        return page.parent / address
    out.write_bytes(base64.b64decode(address.partition("base64,")[2]))
    return out


def test_small_files_of_browsers_are_embedded_and_large_ones_linked_to(films, tmp_path):
    small = films["plain.webm"]
    large = tmp_path / "clips" / "größe & 1.mp4"
    write_film(large, Film(end=9.0))
    videos = VideoAddresses(page=tmp_path / "pages" / "page.html", bytes_left=small.stat().st_size + 10)
    assert videos.address(small) == f"data:video/webm;base64,{base64.b64encode(small.read_bytes()).decode()}"
    assert videos.bytes_left == 10
    assert videos.address(large) == "../clips/gr%C3%B6%C3%9Fe%20%26%201.mp4"
    assert VideoAddresses(bytes_left=50).address(large) is None
    assert videos.address(tmp_path / "none.mp4") is None
    assert videos.address(None) is None
    assert videos.note is None


def test_a_name_says_nothing_of_what_a_file_is(films, tmp_path):
    disguised = tmp_path / "disguised.mp4"
    disguised.write_bytes(films["plain.avi"].read_bytes())
    address = VideoAddresses().address(disguised)
    assert probe_video(video_of(address, tmp_path, tmp_path / "x.mp4")).codec == "h264"


def test_what_browsers_do_not_play_is_converted_into_the_page(films, tmp_path):
    for name in ("plain.avi", "plain.mkv", "late.ts"):
        videos = VideoAddresses(page=tmp_path / "page.html")
        film = video_of(videos.address(films[name]), tmp_path / "page.html", tmp_path / "out.mp4")
        assert videos.note == "not every browser plays the video as it is: converted in the page"
        info = probe_video(film)
        assert (info.codec, info.has_audio, info.start_seconds) == ("h264", True, 0)
        assert info.duration_seconds == pytest.approx(8, abs=0.15)
        assert [is_on(at + 0.05) for at, _ in picture_changes(film)] == [now for _, now in picture_changes(film)]
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"], "nothing lies beside the page"


def test_what_does_not_fit_into_the_page_lies_beside_it_once(films, tmp_path):
    page = tmp_path / "new" / "why.html"
    videos = VideoAddresses(page=page, bytes_left=0)
    address = videos.address(films["plain.avi"], (3.0, 6.0))
    assert address == "why-plain.mp4#offset=3.000"
    assert videos.address(films["plain.avi"], (3.0, 6.0)) == address
    assert videos.address(films["late.ts"]) == "why-late-2.mp4"
    assert probe_video(page.with_name("why-plain.mp4")).duration_seconds == pytest.approx(3, abs=0.05)
    assert sorted(path.name for path in page.parent.iterdir()) == ["why-late-2.mp4", "why-plain.mp4"]
    assert videos.note == (
        "not every browser plays 2 of the videos as they are: 1 converted beside the page as why-late-2.mp4, "
        "1 converted beside the page as why-plain.mp4"
    )


def test_conversion_is_bounded_and_what_is_broken_costs_its_video_alone(films, tmp_path):
    videos = VideoAddresses(page=tmp_path / "page.html", seconds_left=10)
    broken = tmp_path / "broken.avi"
    broken.write_bytes(films["plain.avi"].read_bytes()[:300])
    assert videos.address(films["plain.avi"]) is not None
    assert videos.seconds_left == pytest.approx(2, abs=0.2)
    assert videos.address(films["late.ts"]) is None
    assert videos.address(films["late.ts"], (2.0, 6.0)) is None
    assert videos.address(broken) is None
    # What some browsers play is linked to where it is too long to be converted.
    assert (
        VideoAddresses(page=tmp_path / "x.html", seconds_left=1, bytes_left=0)
        .address(films["plain.mkv"])
        .endswith("plain.mkv")
    )
    assert videos.note == (
        "not every browser plays 4 of the videos as they are: 1 cannot be converted, 1 converted in the page, "
        "2 too long to be converted"
    )


def test_writing_an_explanation_says_what_became_of_its_video(films, explain, tmp_path):
    explanation = explain(films["plain.avi"], start_seconds=2.0, end_seconds=5.0)
    note = write_explanation(explanation, tmp_path / "page.html", video=films["plain.avi"])
    assert note == "not every browser plays the video as it is: converted in the page"
    page = (tmp_path / "page.html").read_text()
    assert 'data-offset="2.000"' in page
    assert 'src="data:video/mp4;base64,' in page
    assert "#offset" not in page
    assert write_explanation(explain(films["plain.mp4"]), tmp_path / "x.html", video=films["plain.mp4"]) is None
    assert write_explanation(explanation, tmp_path / "x.json", video=films["plain.avi"]) is None


WATCH = """() => {
  const video = document.querySelector("video");
  window.seen = { at: [], played: 0 };
  video.addEventListener("seeked", () => seen.at.push(video.currentTime + Number(video.dataset.offset ?? 0)));
  video.addEventListener("playing", () => (seen.played += 1));
}"""


@needs_chromium
@pytest.mark.slow
def test_a_click_plays_them_in_a_browser(films, explain, tmp_path):
    spans: dict[str, dict[str, float]] = {name: {} for name in FILMS}
    cases = [*spans.items(), ("plain.avi", {"start_seconds": 4.0, "end_seconds": 7.0})]
    with running_chromium() as browser:
        tab = browser.new_page()
        tab.set_default_timeout(60_000)
        for number, (name, span) in enumerate(cases):
            if name not in films:
                continue
            explanation: Explanation = explain(films[name], **span)
            page = tmp_path / f"{number}.html"
            write_explanation(explanation, page, video=films[name])
            tab.goto(page.as_uri())
            wait_until(tab, "document.querySelector('video').readyState >= 2")
            assert tab.evaluate("document.querySelector('video').videoWidth") > 0, name
            tab.evaluate(WATCH)
            best = [line["best"] for line in json.loads(tab.locator(".hbi-data").text_content())["lines"]]
            word = tab.locator(".hbi-sentence .hbi-pick:not(.hbi-back)").first
            frames = [best[int(word.get_attribute("data-line"))], len(explanation.frames) - 1]
            bar = tab.locator(".hbi-rows .hbi-fits:visible").first.locator("i").last
            for count, (part, frame) in enumerate(zip((word, bar), frames, strict=True), start=1):
                before = tab.evaluate("seen.at.length")
                part.click()
                wait_until(tab, f"seen.at.length > {before} && seen.played >= {count}")
                wanted = explanation.frames[frame].start_seconds
                assert tab.evaluate("seen.at")[before] == pytest.approx(wanted, abs=0.5), (name, span)
                assert not tab.evaluate("document.querySelector('video').paused")
                tab.evaluate("document.querySelector('video').pause()")
        assert shown_span(explanation) == (4.0, 7.0)
        assert tab.locator("video").get_attribute("data-offset") == "4.000"


def test_a_page_of_fifty_pairs_stays_small(films, tmp_path):
    videos = VideoAddresses(page=tmp_path / "page.html")
    names = ["plain.avi", "late.ts"] * 3 + ["plain.mp4"] * 44  # the first two are converted, each time anew
    addresses = [videos.address(films[name]) for name in names]
    assert sum(map(len, filter(None, addresses))) < 5_000_000
    assert len(list(filter(None, addresses))) > 40
