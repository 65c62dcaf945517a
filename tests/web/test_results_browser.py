"""Results, library and first page in a real browser: previews, keyboard, touch, no scripts, and what a reader hears."""

import re

import pytest

from hbi.web.app import create_app
from in_chromium import needs_chromium, running_chromium, serving, wait_until

pytestmark = [needs_chromium, pytest.mark.slow]
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
PAGES = ("/", "/?q=a+red+square", "/library", "/?q=red&after=x", "/nothing")
PREVIEW = ".hit .picture video"


@pytest.fixture(scope="module")
def address(served):
    app = create_app(served)
    with serving(app) as where:
        yield where
    app.state.context.close()


@pytest.fixture(scope="module")
def browser():
    with running_chromium() as running:
        yield running


@pytest.fixture
def tab_of(browser, address):
    """Makes a tab; afterwards nothing was asked of another host and no page complained."""
    contexts, requests, complaints = [], [], []

    def make(size="wide", **options):
        context = browser.new_context(viewport=SIZES[size], base_url=address, **options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        tab = context.new_page()
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        return tab

    yield make
    for context in contexts:
        context.close()
    assert all(url.startswith((address, "data:", "blob:")) for url in requests), requests
    assert complaints == []


def addresses(tab) -> list[str]:
    """The pages, and a page of a moment and of a video that a search leads to."""
    tab.goto("/?q=red")
    moment = tab.locator(".hit .file").first.get_attribute("href")
    tab.goto("/library")
    return [*PAGES, moment, tab.locator(".video .open").first.get_attribute("href")]


def reach(tab, selector: str) -> None:
    """Press Tab until what is looked for has the focus."""
    for _ in range(80):
        tab.keyboard.press("Tab")
        if tab.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached")


def test_a_preview_plays_under_the_pointer_and_the_focus(tab_of):
    tab = tab_of()
    tab.goto("/?q=red")
    card = tab.locator("[data-preview]").first
    card.locator(".picture").hover()
    wait_until(tab, f"(document.querySelector('{PREVIEW}')?.currentTime ?? 0) > 0.1")
    video = tab.locator(PREVIEW)
    assert video.evaluate("video => [video.muted, video.paused, video.getAttribute('aria-hidden')]") == [
        True,
        False,
        "true",
    ]
    assert video.evaluate("video => video.src").endswith(card.get_attribute("data-preview"))
    start = float(card.get_attribute("data-preview-from"))
    assert video.evaluate("video => video.currentTime") >= min(start, 0.1)
    tab.mouse.move(1, 1)
    video.wait_for(state="detached")
    reach(tab, ".hit .file")
    tab.locator(PREVIEW).wait_for(state="attached")
    reach(tab, ".hit .more a")
    tab.locator(PREVIEW).wait_for(state="detached")


@pytest.mark.parametrize("options", [{"reduced_motion": "reduce"}, {"has_touch": True, "is_mobile": True}])
def test_no_preview_where_motion_is_not_wanted_or_fingers_touch(tab_of, options):
    tab = tab_of("phone", **options)
    tab.goto("/?q=red")
    picture = tab.locator("[data-preview] .picture").first
    if "has_touch" in options:
        box = picture.bounding_box()
        tab.evaluate("document.addEventListener('click', (event) => event.preventDefault())")
        tab.touchscreen.tap(box["x"] + 5, box["y"] + 5)
    else:
        picture.hover()
        tab.wait_for_timeout(100)
        tab.locator(".hit .file").first.focus()
    tab.wait_for_timeout(800)
    assert tab.locator(PREVIEW).count() == 0


def test_by_keyboard_find_the_second_the_word_and_more_like_it(tab_of):
    tab = tab_of()
    tab.goto("/")
    tab.keyboard.type("a red square")  # the box has the focus
    tab.keyboard.press("Enter")
    tab.locator(".hit").first.wait_for()
    verdicts = tab.locator(".hit").first.locator(".word .unseen").all_inner_texts()
    assert [verdict.strip() for verdict in verdicts] == [
        f"({verdict})"
        for verdict in tab.locator(".hit")
        .first.locator(".word")
        .evaluate_all("all => all.map(word => word.classList[1].replace('-', ' '))")
    ]
    begins = re.search(r"(\d+):(\d+\.\d)", tab.locator(".hit .when").first.inner_text())  # the first of its times
    reach(tab, ".hit .file")
    tab.keyboard.press("Enter")
    tab.locator("video").first.wait_for()
    wait_until(tab, "document.querySelector('video').readyState >= 1")
    wait_until(
        tab, f"Math.abs(document.querySelector('video').currentTime - {60 * int(begins[1]) + float(begins[2])}) < 3"
    )
    reach(tab, ".back a")
    tab.keyboard.press("Enter")
    tab.locator(".hit").first.wait_for()
    reach(tab, ".hit .more a")
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", level=1, name=re.compile("^More like ")).wait_for()
    reach(tab, ".back a")
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", level=1, name="“a red square”").wait_for()
    reach(tab, ".skip") if tab.evaluate("document.activeElement !== document.body") else tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().top") >= 0


def test_by_touch_on_a_phone(tab_of):
    tab = tab_of("phone", has_touch=True, is_mobile=True)
    tab.goto("/")
    tab.get_by_role("searchbox").first.fill("a red square")
    tab.get_by_role("button", name="Search", exact=True).tap()
    tab.locator(".hit").first.wait_for()
    assert tab.url.endswith("/?q=a+red+square")  # filters that are empty are not in the address
    tab.locator(".hit .more a").first.tap()
    tab.get_by_role("heading", level=1, name=re.compile("^More like ")).wait_for()
    tab.locator(".back a").tap()
    tab.locator(".hit .file").first.tap()
    tab.locator("video").first.wait_for()
    tab.locator(".back a").tap()
    tab.get_by_role("link", name="Newest").tap()
    tab.wait_for_url("**sort=newest")
    for path in addresses(tab):
        tab.goto(path)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        small = tab.evaluate(SMALL_TARGETS)
        assert small == [], path


def test_without_scripts_everything_is_there(tab_of):
    tab = tab_of(java_script_enabled=False)
    tab.goto("/")
    tab.get_by_role("searchbox").first.fill("a red square")
    tab.get_by_role("button", name="Search", exact=True).click()
    assert tab.url.endswith("/?q=a+red+square")
    tab.goto("/?q=a+red+square&limit=2")
    tab.get_by_role("link", name="Next page").click()
    assert tab.url.endswith("page=2")
    tab.locator(".hit .file").first.click()
    assert tab.locator("video").count() == 1
    tab.locator(".back a").click()
    assert tab.url.endswith("page=2")
    tab.locator(".hit .more a").first.click()
    assert tab.locator(".hit").count()


def test_a_screen_reader_is_told_the_same(tab_of):
    tab = tab_of()
    for path in addresses(tab):
        tab.goto(path)
        levels = tab.locator("h1, h2, h3").evaluate_all("all => all.map(each => Number(each.tagName[1]))")
        assert levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in zip([0, *levels], levels, strict=False)), (path, levels)
        assert tab.locator("main").count() == 1
        nameless = tab.evaluate(NAMELESS)
        assert nameless == [], path
        doubled = tab.evaluate(
            "(() => { const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);"
            " return ids.filter((id, place) => ids.indexOf(id) !== place); })()"
        )
        assert doubled == [], path
    tab.goto("/?q=a+red+square")
    heard = tab.locator("main").aria_snapshot()
    assert re.search(r'link "More like this moment of clip-\d\.mp4 at \d:\d\d\.\d"', heard)
    assert re.search(r"From \d:\d\d\.\d–\d:\d\d\.\d of \d:\d\d\.\d ?, best at \d:\d\d\.\d", heard)
    assert re.search(r"square ?\((found|not found|cannot tell|unknown)\)", heard)
    assert 'navigation "Order"' in heard


SMALL_TARGETS = """() => [...document.querySelectorAll(
    "main .sort a, .pages a, .back a, .more a, header a, button, summary")]
  .filter((each) => !each.closest(".skip, .hbi-explanation") && each.getClientRects().length)
  .filter((each) => each.getBoundingClientRect().height < 40)
  .map((each) => each.textContent)"""
NAMELESS = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), img:not([alt='']), iframe")]
  .filter((each) => !each.closest("[aria-hidden=true]"))
  .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length ||
    each.alt || each.title))
  .map((each) => each.outerHTML)"""
CONTRASTS = """() => {
  const parsed = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (each) => {
    let layers = [];
    for (let at = each; at; at = at.parentElement) layers.push(parsed(getComputedStyle(at).backgroundColor));
    let color = [255, 255, 255];
    for (const [r, g, b, a] of layers.reverse()) color = color.map((v, place) => a * [r, g, b][place] + (1 - a) * v);
    return color;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const each = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !each.getClientRects().length) continue;
    if (each.closest(".unseen, .skip, script, .hbi-explanation, video")) continue;
    const front = light(parsed(getComputedStyle(each).color)), back = light(behind(each));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) found.push([each.outerHTML.slice(0, 120), ratio]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_typed_has_the_ink_of_the_page_and_not_the_grey_of_placeholders(tab_of, scheme):
    tab = tab_of(color_scheme=scheme)
    tab.goto("/upload")
    box = tab.get_by_label("Text", exact=True)
    assert box.get_attribute("placeholder") == "what happens in it"
    colors = "(box) => [getComputedStyle(box).color, getComputedStyle(box, '::placeholder').color]"
    typed, placeholder = box.evaluate(colors)
    assert typed == tab.evaluate("getComputedStyle(document.body).color") != placeholder


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_in_light_and_dark(tab_of, scheme):
    tab = tab_of(color_scheme=scheme)
    for path in addresses(tab):
        tab.goto(path)
        assert tab.evaluate(CONTRASTS) == [], path
        tab.keyboard.press("Tab")
        tab.keyboard.press("Tab")
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", path
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<p class=faint>faint</p>')")
    tab.locator(".faint").evaluate("each => each.style.setProperty('color', 'gray')")
    tab.locator(".faint").evaluate("each => each.style.setProperty('background-color', 'gray')")
    assert "faint" in tab.evaluate(CONTRASTS)[-1][0]  # the measure sees what cannot be read
