"""Clicks play the video at the second that was meant, wherever a video is; without one the picture is enlarged."""

import pytest

from explanation.chosen_lines import choose, in_pieces
from explanation.made_up import build_explanation
from hbi.explanation import Comparison, comparison_section, explanation_section, page, render_page, section_assets
from hbi.figures.write import VideoAddresses
from in_chromium import needs_chromium, wait_until

pytestmark = needs_chromium


@pytest.fixture(autouse=True)
def chosen(monkeypatch):
    choose(monkeypatch)


# What happened is kept by the page: on a busy machine the six seconds are over before one looks.
WATCH = """(video) => {
  window.seen = { sought: [], played: false, marked: false };
  video.addEventListener("seeking", () => seen.sought.push(video.currentTime));
  video.addEventListener("playing", () => (seen.played = true));
  video.addEventListener("timeupdate", () => (seen.marked ||= document.querySelector(".hbi-frame.now") !== null));
}"""


IS_LOADED = "document.querySelector('video')?.readyState >= 1 || !document.querySelector('video')"


def watched(opened):
    """The video, once it is loaded, with what happens to it in `seen`."""
    wait_until(opened, IS_LOADED)
    video = opened.locator("video")
    if not video.count():
        pytest.skip("this Chromium plays no H.264")
    video.first.evaluate(WATCH)
    return video.first


def has_sought(opened, seconds, message=""):
    wait_until(opened, "seen.sought.length > 0 && seen.played")
    assert opened.evaluate("seen.sought.at(-1)") == pytest.approx(seconds, abs=0.1), message
    opened.evaluate("Object.assign(seen, { sought: [], played: false })")


def pick(opened, word):
    return opened.locator(".hbi-sentence .hbi-pick").get_by_text(word, exact=True)


@pytest.mark.parametrize("is_embedded", [True, False])
def test_a_click_on_anything_plays_the_video_there(open_page, clip, tmp_path, is_embedded):
    videos = VideoAddresses(page=tmp_path / "page.html", bytes_left=10**6 if is_embedded else 0)
    opened = open_page(render_page(in_pieces(), address=videos.address(clip)))
    video = watched(opened)
    opened.locator(".hbi-shot").nth(4).click()
    has_sought(opened, 4.0, "a picture")
    wait_until(opened, "seen.marked")
    pick(opened, "pan").click()
    has_sought(opened, 3.0, "a word: its best second")
    opened.locator(".hbi-row").nth(0).locator(".hbi-fits > i").nth(1).click()
    has_sought(opened, 1.0, "a bar")
    opened.locator(".hbi-best").click()
    has_sought(opened, 2.0, "the best moment")
    opened.locator(".hbi-head .hbi-pick").nth(0).click()
    has_sought(opened, 2.0, "the name of a line")
    opened.get_by_text("Interactions (for experts)").click()
    opened.locator(".hbi-frame[data-frame='5']:visible").click()
    has_sought(opened, 5.0, "a frame of the tables")
    opened.locator("td[data-word='3'][data-frame='1']:visible").click()
    has_sought(opened, 1.0, "a cell of the tables")
    opened.get_by_role("tab", name="Timeline").click()
    opened.locator(".hbi-cell[data-word='9'][data-frame='3']").click()
    has_sought(opened, 3.0, "a cell of the timeline")
    opened.locator(".hbi-cell[data-word='9'][data-frame='3']").click()
    assert video.evaluate("part => part.paused"), "clicked again, it lets go"
    assert not opened.locator(".hbi-still").is_visible()


def test_keys_and_fingers_play_as_a_click_does(open_page, clip):
    opened = open_page(render_page(in_pieces(), address=VideoAddresses().address(clip)), width=390, has_touch=True)
    watched(opened)
    opened.locator(".hbi-fits").first.focus()
    opened.keyboard.press("End")
    opened.keyboard.press("Enter")
    has_sought(opened, 5.0)
    opened.locator(".hbi-sentence .hbi-pick").nth(1).focus()
    opened.keyboard.press("Space")
    has_sought(opened, 2.0)
    opened.locator(".hbi-row").nth(3).locator(".hbi-fits > i").nth(3).tap()
    has_sought(opened, 3.0)
    box = opened.locator("video").bounding_box()
    assert -1 <= box["y"] < 800, "the video stays in sight on a small screen"


def test_a_line_over_all_words_shows_where_the_video_is(open_page, clip):
    opened = open_page(render_page(in_pieces(), address=VideoAddresses().address(clip)))
    video = watched(opened)
    opened.locator(".hbi-shot").nth(3).click()
    has_sought(opened, 3.0)
    video.evaluate("part => { part.pause(); part.currentTime = 4.5; }")
    wait_until(opened, "document.querySelector('.hbi-shot.now')?.dataset.frame === '4'")
    now = opened.locator(".hbi-lines").evaluate("part => Number(part.style.getPropertyValue('--now'))")
    assert now == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("offset", [0, 2])
def test_a_section_plays_the_video_of_the_page_around_it(open_page, clip, offset):
    style, script = section_assets()
    section = explanation_section(in_pieces(), "why", player_id="player")
    video = f"<video id='player' muted data-offset='{offset}' src='{VideoAddresses().address(clip)}'></video>"
    body = f"<video></video>{video}{section}<script>{script}</script>"
    opened = open_page(f"<!DOCTYPE html><meta charset='utf-8'><style>{style}</style>{body}")
    wait_until(opened, "player.readyState >= 1 || player.error")
    if opened.evaluate("player.error !== null"):
        pytest.skip("this Chromium plays no H.264")
    opened.locator("#player").evaluate(WATCH)
    opened.evaluate("addEventListener('hbi:play', (event) => (window.told = event.detail))")
    opened.locator(".hbi-shot").nth(4).click()
    has_sought(opened, 4.0 - offset)
    assert opened.evaluate("told") == {"frame": 4, "seconds": 4, "until": None}
    wait_until(opened, "document.querySelector('.hbi-shot.now')?.dataset.frame === '4'")
    opened.evaluate("player.remove()")
    opened.locator(".hbi-shot").nth(1).click()
    assert opened.locator(".hbi-still").is_visible(), "without a video there is the picture"


def test_the_best_moment_stops_where_it_ends_and_a_frame_plays_on(open_page, clip):
    opened = open_page(render_page(in_pieces(), address=VideoAddresses().address(clip)))
    video = watched(opened)
    opened.evaluate("document.addEventListener('hbi:play', (event) => (window.told = event.detail))")
    opened.locator(".hbi-best").click()
    has_sought(opened, 2.0)
    assert opened.evaluate("told") == {"frame": 2, "seconds": 2, "until": 3}
    wait_until(opened, "document.querySelector('video').paused")
    assert 3.0 <= video.evaluate("part => part.currentTime") < 4.5, "the browser looks some times a second"
    opened.locator(".hbi-shot").nth(2).click()
    has_sought(opened, 2.0)
    wait_until(opened, "document.querySelector('video').currentTime > 4")
    opened.locator(".hbi-best").click()
    has_sought(opened, 2.0)
    video.evaluate("part => (part.currentTime = 0.5)")
    wait_until(opened, "document.querySelector('video').currentTime > 3.5")


def test_who_wants_no_motion_gets_the_second_and_no_film(open_page, clip):
    opened = open_page(render_page(in_pieces(), address=VideoAddresses().address(clip)), reduced_motion="reduce")
    video = watched(opened)
    opened.locator(".hbi-shot").nth(4).click()
    wait_until(opened, "document.querySelector('video').currentTime === 4")
    assert video.evaluate("part => part.paused")


def test_a_video_that_cannot_be_played_gives_way_to_the_pictures(open_page):
    opened = open_page(render_page(in_pieces(), address="data:video/mp4;base64,AAAA"))
    wait_until(opened, "document.querySelector('video') === null")
    assert opened.locator(".hbi-still").is_visible()
    opened.locator(".hbi-shot").nth(4).click()
    assert opened.locator(".hbi-still figcaption").inner_text().startswith("Frame at 4.5")


def test_a_comparison_plays_the_video_that_was_pointed_at_and_stops_the_other(open_page, clip):
    one, other = build_explanation(), build_explanation(num_frames=3, video="other.mp4")
    addresses = (VideoAddresses().address(clip), VideoAddresses().address(clip))
    section = comparison_section(Comparison(one, other), "why", addresses=addresses)
    opened = open_page(page("Why", [section]))
    watched(opened)
    opened.locator(".hbi-frame[data-frame='1']:visible").click()
    has_sought(opened, 1.0)
    opened.locator("video").nth(1).evaluate(WATCH)
    opened.locator(".hbi-frame[data-frame='7']:visible").click()
    has_sought(opened, 2.0)
    assert opened.locator("video").nth(0).evaluate("part => part.paused")
