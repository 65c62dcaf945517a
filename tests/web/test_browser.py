"""The pages in a real browser: search, open, play, explain, upload, empty and error states, keyboard, narrow screen."""

import pytest

from hbi.web.app import create_app
from hbi.web.limits import Limits
from in_chromium import needs_chromium, running_chromium, serving, wait_until
from small_clips import write_clip

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(served):
    with serving(create_app(served, limits=Limits(max_upload_bytes=2**20))) as where:
        yield where


@pytest.fixture(scope="module")
def browser():
    with running_chromium() as running:
        yield running


@pytest.fixture
def tab(browser, address):
    """A tab; afterwards nothing was asked of another host and nobody complained."""
    requests, complaints = [], []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=address)
    context.set_default_timeout(60_000)
    opened = context.new_page()
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append("a dialog opened"))
    opened.on(
        "console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None
    )
    yield opened
    context.close()
    assert all(url.startswith((address, "data:", "blob:")) for url in requests), requests
    assert complaints == []


def is_within(tab):
    return tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_search_open_play_and_explain(tab):
    tab.goto("/")
    tab.get_by_role("searchbox").fill("a red square")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".hit")
    assert tab.locator(".hit").count() >= 4
    assert tab.evaluate("[...document.images].every((image) => image.loading === 'lazy' || image.naturalWidth > 0)")
    words = tab.locator(".hit").first.locator(".word").evaluate_all("all => all.map(word => word.firstChild.data)")
    assert words == ["a", "red", "square"]
    tab.locator(".hit a", has_text="clip-0").first.click()
    tab.wait_for_selector("video")
    wait_until(tab, "document.querySelector('video').readyState >= 2")
    start, at = (float(tab.locator("video").get_attribute(f"data-{name}")) for name in ("from", "at"))
    assert tab.evaluate("document.querySelector('video').currentTime") == pytest.approx(at, abs=0.6)
    tab.locator(".hbi-ready .hbi-pick", has_text="red").first.click()
    assert tab.locator(".hbi-sentence .hbi-pick.hbi-lit").inner_text() == "red"
    tab.get_by_role("button", name="Play the moment").click()
    wait_until(tab, f"document.querySelector('video').currentTime > {start + 0.2}")


def test_a_file_that_the_browser_cannot_play_is_shown_as_a_cut(tab, address):
    tab.route("**/video/*", lambda route: route.fulfill(body=b"nothing", content_type="video/mp4"))
    tab.goto("/?q=red")
    tab.locator(".hit a").first.click()
    tab.get_by_text("the moment is shown, converted").wait_for()
    wait_until(tab, "document.querySelector('video').readyState >= 2")


def test_upload(tab, tmp_path):
    clip = write_clip(tmp_path / "mine.mp4", seconds=3, seed=60, size=64)
    tab.goto("/upload")
    tab.get_by_label("Clip", exact=True).set_input_files(clip)
    tab.get_by_label("Text", exact=True).fill("the green circle")
    tab.get_by_role("button", name="Explain").click()
    tab.locator(".hbi-ready").wait_for()
    assert tab.locator(".player .path").inner_text() == "mine.mp4"
    assert tab.locator(".hbi-sentence .hbi-pick").all_inner_texts() == ["the", "green", "circle"]
    (tmp_path / "big.mp4").write_bytes(bytes(2**21))
    tab.get_by_label("Clip", exact=True).set_input_files(tmp_path / "big.mp4")
    tab.get_by_role("button", name="Explain").click()
    tab.get_by_text("big.mp4 has 2 MiB, at most 1 are taken").wait_for()
    assert not tab.locator(".hbi-explanation").count(), "what was explained before is gone"
    (tmp_path / "text.mp4").write_bytes(b"no video" * 99)
    tab.get_by_label("Clip", exact=True).set_input_files(tmp_path / "text.mp4")
    tab.get_by_role("button", name="Explain").click()
    tab.get_by_role("alert").get_by_text("text.mp4").wait_for()


def test_empty_and_error_states(tab):
    tab.goto("/")
    assert tab.get_by_role("heading", name="Describe a moment").is_visible()
    tab.goto("/?q=red&path=nowhere*")
    assert tab.get_by_text("No video fits these filters.").is_visible()
    tab.goto("/?q=red&threshold=1")
    assert tab.get_by_text("No good match.").is_visible() or tab.locator(".hit:not(.weak)").count()
    tab.goto("/?q=%3F%3F")
    assert "this text has none" in tab.get_by_role("alert").inner_text()
    tab.goto("/nothing")
    assert "no such page" in tab.get_by_role("alert").inner_text()


def test_by_keyboard_alone(tab):
    tab.goto("/")
    tab.keyboard.type("green circle")  # the box has the focus
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".hit")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    for _ in range(4):  # past the order and to the first hit
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.closest('.hit') !== null"):
            break
    assert tab.evaluate("document.activeElement.closest('.hit') !== null")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("video")


def test_narrow_screens(tab):
    tab.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/?q=red+square&threshold=0", "/upload", "/docs"):
        tab.goto(path)
        assert is_within(tab), path
    tab.goto("/?q=red")
    tab.locator(".hit a").first.click()
    tab.wait_for_selector("video")
    assert is_within(tab)
