"""The first view in a real browser: pointing, keys, fingers, narrow screens, both color schemes, no video."""

import re
from itertools import pairwise

import pytest

from explanation.chosen_lines import SENTENCE, choose, in_pieces, verdicts_of
from explanation.made_up import build_explanation, extremes
from hbi.explanation import explanation_section, page, render_page, section_assets
from in_chromium import needs_chromium, wait_until

pytestmark = needs_chromium

VERDICTS = verdicts_of(SENTENCE, {"red": "found", "pancake": "unknown", "spins": "not found", "stops": "cannot tell"})


@pytest.fixture(autouse=True)
def chosen(monkeypatch):
    choose(monkeypatch)


def said(opened):
    return opened.locator(".hbi-says").inner_text().replace("\xa0", " ")


def pick(opened, word):
    return opened.locator(".hbi-sentence .hbi-pick").get_by_text(word, exact=True)


def bar(opened, word, frame):
    row = opened.locator(".hbi-row", has=opened.get_by_role("button", name=word, exact=True)).first
    return row.locator(".hbi-fits > i").nth(frame)


def still_at(opened):
    return opened.locator(".hbi-still figcaption").inner_text().replace("\xa0", " ")


def test_pointing_says_what_a_word_a_bar_and_a_picture_mean(open_page):
    opened = open_page(render_page(in_pieces()))
    hint = said(opened)
    pick(opened, "red").hover()
    assert said(opened) == "“red” matches 1.0 s to 4.0 s, best 2.0 s to 3.0 s."
    assert opened.locator(".hbi-lit").all_inner_texts() == ["red", "red"], "in the sentence and before its line"
    bar(opened, "pancake", 2).hover()
    assert said(opened) == "“pancake” at 2.0 s to 3.0 s: matches here."
    bar(opened, "pancake", 1).hover()
    assert said(opened) == "“pancake” at 1.0 s to 2.0 s: does not match."
    opened.locator(".hbi-shot").nth(2).hover()
    assert said(opened) == "2.0 s to 3.0 s: “red” and “pancake” match here."
    assert opened.locator(".hbi-tip").is_visible()
    opened.locator(".hbi-shot").nth(5).hover()
    assert said(opened) == "5.0 s to 6.0 s: no word matches here."
    opened.locator("h1").hover()
    assert said(opened) == hint
    assert not opened.locator(".hbi-tip").is_visible()


def test_a_word_that_was_not_found_for_certain_is_not_said_to_match(open_page):
    opened = open_page(render_page(in_pieces(), verdicts=VERDICTS))
    bar(opened, "pancake", 2).hover()
    assert "“pancake” at 2.0 s to 3.0 s: among its closest seconds, though not found for certain" in said(opened)
    opened.locator(".hbi-shot").nth(2).hover()
    assert said(opened) == "2.0 s to 3.0 s: “red” matches here."
    opened.locator(".hbi-shot").nth(0).hover()
    assert said(opened) == "0.0 s to 1.0 s: no word matches here for certain."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_to_click_are_underlined_in_no_color_of_a_match(open_page, scheme):
    opened = open_page(render_page(in_pieces(), verdicts=VERDICTS), color_scheme=scheme)
    match = opened.locator("i.y").first.evaluate("part => getComputedStyle(part, '::before').backgroundColor")
    for word in ("red", "spins"):
        style = "part => ((style) => [style.textDecorationLine, style.textDecorationColor])(getComputedStyle(part))"
        drawn = pick(opened, word).evaluate(style)
        assert drawn[0] == "underline"
        assert drawn[1] != match
        red, green, blue = (float(value) for value in re.findall(r"[\d.]+", drawn[1])[:3])
        assert max(red, green, blue) - min(red, green, blue) < 32, "a grey"


def test_small_words_are_folded_and_can_be_reached(open_page):
    opened = open_page(render_page(in_pieces()))
    assert opened.locator(".hbi-row:visible bdi").all_inner_texts() == ["red", "pancake", "spins", "pan", "stops"]
    opened.get_by_text("and 3 small words").click()
    assert opened.locator(".hbi-row:visible bdi").all_inner_texts()[5:] == ["A", ",", "and", "the", "."]
    pick(opened, "the").click()
    assert said(opened).startswith("“the” matches 0.0 s to 6.0 s")


def test_the_experts_view_is_behind_one_control(open_page):
    opened = open_page(render_page(in_pieces()))
    assert opened.get_by_role("tab").count() == 0
    opened.get_by_text("Interactions (for experts)").click()
    assert opened.get_by_role("tab").count() == 2
    assert "worth more together with a part of the video" in opened.locator(".hbi-experts").inner_text()


def test_without_a_video_the_picture_of_what_is_chosen_is_enlarged(open_page):
    opened = open_page(render_page(in_pieces()))
    assert still_at(opened).startswith("Frame at 2.5 s"), "the best frame to begin with"
    for choice, second in [
        (opened.locator(".hbi-shot").nth(4), "4.5"),
        (pick(opened, "pan"), "3.5"),
        (bar(opened, "red", 1), "1.5"),
        (opened.locator(".hbi-best"), "2.5"),
    ]:
        choice.click()
        assert still_at(opened).startswith(f"Frame at {second} s")
        index = int(float(second))
        assert opened.locator(".hbi-still .hbi-thumb").evaluate("(part) => part.className").endswith(f"-t{index}")
        assert opened.locator(".hbi-shot.now").get_attribute("data-frame") == str(index)
    assert opened.locator(".hbi-still .hbi-thumb").bounding_box()["width"] > 250


def test_the_keyboard_reaches_everything_and_walks_the_lines(open_page):
    opened = open_page(render_page(in_pieces()))
    press = opened.keyboard.press
    press("Tab")
    press("ArrowRight")
    press("ArrowRight")
    assert said(opened).startswith("“pancake” matches")
    press("Enter")
    assert still_at(opened).startswith("Frame at 2.5 s")
    press("Tab")
    assert opened.evaluate("document.activeElement.className") == "hbi-best"
    press("Tab")
    press("End")
    press("Space")
    assert still_at(opened).startswith("Frame at 5.5 s")
    press("Tab")
    assert opened.evaluate("document.activeElement.innerText") == "red"
    press("Tab")
    slider = "document.activeElement.getAttribute('aria-valuetext')"
    assert opened.evaluate(slider).replace("\xa0", " ").startswith("“red” at 2.0 s to 3.0 s: matches here")
    press("ArrowRight")
    press("ArrowDown")
    assert opened.evaluate(slider).replace("\xa0", " ").startswith("“pancake” at 3.0 s to 4.0 s: does not match")
    press("Home")
    press("Enter")
    assert still_at(opened).startswith("Frame at 0.5 s")
    for _ in range(9):
        press("ArrowDown")
    assert opened.evaluate(slider).startswith("“stops”"), "what is folded is passed over"
    press("Escape")
    assert not opened.locator(".hbi-tip").is_visible()
    press("Tab")
    assert opened.evaluate("document.activeElement.innerText").startswith("and 3 small words")
    press("Tab")
    assert opened.evaluate("document.activeElement.innerText").startswith("Interactions"), "no trap"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_cut_and_everything_can_be_met_by_a_finger(open_page, scheme):
    opened = open_page(
        render_page(in_pieces(), verdicts=VERDICTS), width=390, has_touch=True, is_mobile=True, color_scheme=scheme
    )
    opened.get_by_text("and 3 small words").tap()
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    cut = opened.evaluate(
        """() => [...document.querySelectorAll(".hbi-first *, .hbi-experts > summary")].filter((part) => {
          const { left, right, width } = part.getBoundingClientRect();
          return width && (left < -0.5 || right > innerWidth + 0.5);
        }).map((part) => part.className)"""
    )
    assert cut == []
    small = opened.evaluate(
        """() => [...document.querySelectorAll(".hbi-best, .hbi-shot, .hbi-pick, .hbi-fits, summary")]
          .map((part) => [part, part.getBoundingClientRect()])
          .filter(([part, { height, width }]) => width && (height < 24 || (width < 24 && part.matches(".hbi-shot"))))
          .map(([part]) => `${part.className} ${part.innerText}`)"""
    )
    assert small == []
    bar(opened, "pan", 3).tap()
    assert said(opened).startswith("“pan” at 3.0 s to 4.0 s: matches here")
    assert still_at(opened).startswith("Frame at 3.5 s")
    assert opened.locator(".hbi-still").bounding_box()["y"] >= 0, "it stays in sight"


@pytest.mark.parametrize("name", sorted(extremes()))
def test_no_extreme_makes_the_page_scroll_sideways(open_page, name):
    opened = open_page(render_page(extremes()[name]), width=360)
    for control in opened.locator("summary").all():
        control.click()
    for width in (360, 390, 1280):
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    opened.locator(".hbi-shot").last.click()
    opened.locator(".hbi-sentence .hbi-pick").first.click()


def test_wide_tables_scroll_in_themselves_and_say_so(open_experts):
    opened = open_experts(render_page(build_explanation("a red dog", num_frames=40)), width=390)
    told = "part => getComputedStyle(part, '::before').content"
    wait_until(opened, "document.querySelector('.hbi-scroll.hbi-wide') !== null")
    assert "scrolls sideways" in opened.locator(".hbi-scroll:visible").evaluate(told)
    narrow = open_experts(render_page(build_explanation("a red dog", num_frames=2)), width=1280)
    assert narrow.locator(".hbi-wide").count() == 0


def test_verdicts_and_looks_do_not_rest_on_color(open_page):
    opened = open_page(render_page(in_pieces(), verdicts=VERDICTS), forced_colors="active")
    assert [text.split("\n") for text in opened.locator(".hbi-row:visible .hbi-head").all_inner_texts()][:3] == [
        ["red", "✓found here"],
        ["pancake", "–unknown to the model"],
        ["spins", "✗not found"],
    ]
    heights = [
        float(bar(opened, "red", frame).evaluate("part => parseFloat(getComputedStyle(part, '::before').height)"))
        for frame in range(6)
    ]
    assert heights[0] == heights[4] == heights[5] == 2, "flat where it does not match"
    assert min(heights[1:4]) > 6


def test_it_works_inside_a_page_of_another_style_and_when_it_comes_later(open_page):
    style, script = section_assets()
    section = explanation_section(in_pieces(), "why").replace("`", "\\`").replace("${", "\\${")
    opened = open_page(
        "<!DOCTYPE html><meta charset='utf-8'><style>button { height: 90px; background: red; padding: 40px } "
        f"summary {{ display: none }} li {{ color: red }}</style><style>{style}</style>"
        "<body style='margin: 7px; color: rgb(1, 2, 3)'><button id='own'>Own</button><div id='place'></div>"
        f"<script>{script}</script>"
    )
    before = opened.evaluate("JSON.stringify([getComputedStyle(document.body).margin, getComputedStyle(own).height])")
    assert before == '["7px","90px"]', "the page around is as it was"
    opened.evaluate(
        "(markup) => { place.innerHTML = markup; document.dispatchEvent(new Event('hbi:attach')); }", section
    )
    assert (
        opened.locator(".hbi-shot").first.evaluate("part => getComputedStyle(part).backgroundColor")
        == "rgba(0, 0, 0, 0)"
    )
    pick(opened, "pan").click()
    assert said(opened).startswith("“pan” matches 3.0 s")
    opened.evaluate("document.dispatchEvent(new Event('hbi:attach'))")
    pick(opened, "red").click()
    assert said(opened).startswith("“red” matches 1.0 s"), "attached once"


def test_two_first_views_on_one_page_do_not_disturb_each_other(open_page):
    sections = [explanation_section(in_pieces(), name) for name in ("one", "two")]
    opened = open_page(page("Two", sections))
    opened.locator("#two .hbi-shot").nth(4).click()
    assert opened.locator("#one .now, #one .hbi-lit").count() == 0
    assert opened.locator("#two .hbi-shot.now").count() == 1


def test_without_javascript_the_first_view_is_there_to_read(open_page):
    opened = open_page(render_page(in_pieces(), verdicts=VERDICTS), java_script_enabled=False)
    assert opened.get_by_role("img", name="“red” is found here and matches").count() == 1
    opened.get_by_text("Interactions (for experts)").click()
    assert opened.locator("table:visible").count() == 2


def luminance(color):
    channels = [float(value) / 255 for value in re.findall(r"[\d.]+", color)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_and_looks_can_be_told_apart(open_experts, scheme):
    opened = open_experts(render_page(in_pieces(), verdicts=VERDICTS), color_scheme=scheme)
    paper = luminance(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
    texts = (
        ".hbi-about, .hbi-sentence, .hbi-pick, .hbi-best, .hbi-says, .hbi-key, .hbi-meaning, .hbi-time, .hbi-verdict, "
        "summary, .hbi-tab, .hbi-tab small, .hbi-readout, .hbi-legend, .hbi-name, .hbi-pairs em, .hbi-still figcaption"
    )
    inks = opened.locator(texts).evaluate_all(
        "parts => parts.map((part) => [part.className, getComputedStyle(part).color])"
    )
    assert len(inks) > 50
    bars = [
        ["bar", opened.locator("i.y").first.evaluate("part => getComputedStyle(part, '::before').backgroundColor")],
        [
            "hollow",
            opened.locator(".hbi-missing i.y").first.evaluate("part => getComputedStyle(part, '::before').borderColor"),
        ],
    ]
    for least, parts in ((4.5, inks), (3.0, bars)):
        for name, ink in parts:
            light, dark = sorted((paper, luminance(ink)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= least, f"{name} in {scheme}: {ink}"


def test_a_screen_reader_hears_names_for_all_that_can_be_used(open_experts):
    opened = open_experts(render_page(in_pieces(), verdicts=VERDICTS))
    opened.get_by_text("and 3 small words").click()
    tree = opened.locator("body").aria_snapshot()
    assert "Best moment: 1.0 s to 4.0 s" in tree.replace("\xa0", " ")
    assert 'slider "“red” is found here and matches 1.0 s to 4.0 s' in tree.replace("\xa0", " ")
    assert 'button ","' not in tree.split("- list:")[0], "punctuation is no button of the sentence"
    nameless = opened.evaluate(
        """() => [...document.querySelectorAll("button, [role=button], [role=slider], [role=region], summary, input")]
          .filter((part) => part.offsetParent)
          .filter((part) => !(part.innerText || part.getAttribute("aria-label") || part.labels?.length))
          .map((part) => part.outerHTML)"""
    )
    assert nameless == []
    assert opened.locator("[tabindex]").evaluate_all("parts => parts.every((part) => part.tabIndex <= 0)")
    for table in opened.locator("table").all():
        assert table.locator("caption").count() == 1
    levels = opened.locator("h1, h2, h3, h4").evaluate_all("parts => parts.map((part) => Number(part.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels)), "no level is left out"
