"""Which browsers play a file: by what is in it; the real Chromium of this machine agrees."""

from pathlib import Path

import av
import numpy as np
import pytest

from hbi.video import VideoError
from hbi.video.browser_formats import browser_format
from in_chromium import needs_chromium, running_chromium
from small_films import Film, write_film

FILMS = {
    "plain.mp4": (Film(), "every", "video/mp4"),
    "mp3.mp4": (Film(sound="libmp3lame"), "every", "video/mp4"),
    "silent.mp4": (Film(sound=None), "every", "video/mp4"),
    "quicktime.mov": (Film(".mov"), "every", "video/mp4"),
    "vp8.webm": (Film(".webm", "libvpx", sound="libopus", num_b_frames=0), "every", "video/webm"),
    "vp9.mkv": (Film(".mkv", "libvpx-vp9", sound="libopus", num_b_frames=0), "every", "video/webm"),
    "h264.mkv": (Film(".mkv"), "some", "video/x-matroska"),
    "vp9.mp4": (Film(codec="libvpx-vp9", num_b_frames=0), "some", "video/mp4"),
    "ac3.mp4": (Film(sound="ac3"), "some", "video/mp4"),
    "hevc.mp4": (Film(codec="libx265"), "none", ""),
    "mpeg4.mp4": (Film(codec="mpeg4"), "none", ""),
    "pcm.mov": (Film(".mov", sound="pcm_s16le"), "none", ""),
    "plain.avi": (Film(".avi"), "none", ""),
    "plain.ts": (Film(".ts"), "none", ""),
    "plain.flv": (Film(".flv"), "none", ""),
    "late.mp4": (Film(picture_start=2.0, sound=None), "none", ""),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> dict[str, Path]:
    folder, made = tmp_path_factory.mktemp("formats"), {}
    for name, (film, _, _) in FILMS.items():
        try:
            made[name] = write_film(folder / name, film)
        except av.codec.codec.UnknownCodecError:
            (folder / name).unlink(missing_ok=True)
    return made


@pytest.mark.parametrize("name", FILMS)
def test_container_and_codecs_decide(films, tmp_path, name):
    if name not in films:
        pytest.skip(f"this build of FFmpeg has no encoder {FILMS[name][0].codec}")
    film, reach, kind = FILMS[name]
    disguised = tmp_path / "clip.bin"
    disguised.write_bytes(films[name].read_bytes())
    found = browser_format(disguised)
    assert (found.reach, found.media_type.partition(";")[0]) == (reach, kind)
    seconds = film.end - (film.picture_start if film.sound is None else 0)
    assert found.stated_seconds == pytest.approx(seconds, abs=0.25)
    assert found.stated_pixels == pytest.approx(seconds * 10 * 64 * 64, rel=0.05)


@pytest.mark.parametrize(("tag", "reach"), [("hvc1", "some"), ("hev1", "none")])
def test_hevc_is_for_some_browsers_in_one_of_its_two_forms(tmp_path, tag, reach):
    if "libx265" not in av.codecs_available:
        pytest.skip("this build of FFmpeg has no encoder libx265")
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        stream = container.add_stream("libx265", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.codec_context.codec_tag = "yuv420p", tag
        for level in range(5):
            pixels = np.full((64, 64, 3), 40 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    media_type = 'video/mp4; codecs="hvc1.1.6.L120.B0"' if tag == "hvc1" else ""
    found = browser_format(tmp_path / "x.mp4")
    assert (found.reach, found.media_type) == (reach, media_type)


def test_joined_films_are_played_by_none(films, tmp_path):
    joined = tmp_path / "joined.webm"
    joined.write_bytes(films["vp8.webm"].read_bytes() * 2)
    assert browser_format(joined).reach == "none"


def test_what_is_no_video_is_one_line(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"no video" * 99)
    with pytest.raises(VideoError, match=r"^[^\n]*not a readable video[^\n]*$"):
        browser_format(tmp_path / "x.mp4")


PLAYED = """([address, type]) => new Promise((done) => {
    const video = document.createElement("video");
    video.onloadeddata = () => done([video.canPlayType(type), video.videoWidth, video.duration]);
    video.onerror = () => done([video.canPlayType(type), 0, 0]);
    video.src = address;
})"""


@needs_chromium
@pytest.mark.slow
def test_chromium_plays_what_it_is_said_to_play(films, tmp_path):
    (tmp_path / "page.html").write_text("<p>")
    with running_chromium() as browser:
        tab = browser.new_page()
        tab.goto((tmp_path / "page.html").as_uri())
        for name, path in films.items():
            form = browser_format(path)
            claim, width, duration = tab.evaluate(PLAYED, [path.as_uri(), form.media_type])
            if form.reach == "every":
                assert claim == "probably", name
            if claim:
                assert width == 64, name
                assert duration == pytest.approx(8, abs=0.1), name
