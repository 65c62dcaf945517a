"""The interactions in a real browser, opened from disk: pointing, keys, tabs; no request, no complaint."""

from dataclasses import replace

import numpy as np
import pytest

from explanation.made_up import build_explanation, extremes, level_of, of_vectors
from hbi.explanation import Comparison, Word, comparison_section
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.html.page import page, render_page
from hbi.figures import Explained, Failure, failures_page
from in_chromium import needs_chromium

pytestmark = needs_chromium

WORDS = "a red square slides left"
TABLE = np.zeros((5, 6))
TABLE[1, 2:4] = 0.04, 0.03
TABLE[1, 0] = -0.02
TABLE[2, 3] = 0.05
TABLE[3, 5] = 0.01


MERGED = np.array([[2.0, 1.5], [-1.0, 4.0]])


def values(num_words, num_frames):
    return TABLE if num_words == len(TABLE) else MERGED[:num_words, :num_frames]


def example(text=WORDS, values=values):
    return build_explanation(text, values=values, action_words=[0, 0, 1, 1, 0], action_frames=[0, 0, 1, 1, 1, 0])


def lit_words(opened):
    return opened.locator(".hbi-word.lit").all_inner_texts()


def lit_frames(opened):
    return [int(frame.get_attribute("data-frame")) for frame in opened.locator(".hbi-frame.lit:visible").all()]


def word(opened, text):
    """The button of a word over the tables."""
    return opened.locator(".hbi-word").get_by_text(text, exact=True)


def focused(opened):
    return opened.evaluate("[document.activeElement.innerText, document.activeElement.dataset.frame ?? null]")


def test_pointing_at_a_word_lights_its_frames_and_says_their_seconds(open_experts):
    opened = open_experts(render_page(example()))
    word(opened, "red").hover()
    assert lit_frames(opened) == [2, 3]
    assert lit_words(opened) == ["red"]
    assert opened.locator(".hbi-readout").inner_text().replace("\xa0", " ") == "“red”: 2.0 s to 4.0 s (strongest +0.04)"
    assert opened.locator("tbody td.match:visible").count() == 2
    dimmed, bright = (
        opened.locator(f".hbi-frame[data-frame='{frame}']:visible").evaluate("part => getComputedStyle(part).opacity")
        for frame in (0, 2)
    )
    assert float(dimmed) < float(bright) == 1
    opened.locator("h1").hover()
    assert lit_frames(opened) == []
    assert "Point at a word" in opened.locator(".hbi-readout").inner_text()


def test_what_is_not_certain_is_dotted_lights_nothing_and_says_so(open_experts):
    plain = of_vectors(example())
    errors = np.full((5, 6), 0.008)
    errors[1, 3] = 0.016
    drawn_one = replace(plain, levels=(replace(plain.levels[0], interaction_errors=errors),))
    opened = open_experts(render_page(drawn_one))
    word(opened, "red").hover()
    assert lit_frames(opened) == [2], "0.03 ± 0.016 is not certain"
    told = opened.locator(".hbi-readout").inner_text().replace("\xa0", " ")
    assert told == "“red”: 2.0 s to 3.0 s (strongest +0.0400 ± 0.0080)"
    opened.locator(".hbi-numbers:visible").check()
    for frame, number, end in [
        (2, "+0.0400 ± 0.0080", "Worth more together than apart."),
        (3, "+0.030 ± 0.016", "Not certain: 0 lies within two standard errors."),
        (0, "−0.0200 ± 0.0080", "Redundant: together they are worth less."),
        (1, "0 ± 0.0080", "Not certain: 0 lies within two standard errors."),
    ]:
        cell = opened.locator(f"td[data-word='1'][data-frame='{frame}']:visible")
        cell.hover()
        told = opened.locator(".hbi-readout").inner_text()
        assert f": {number} cosine similarity" in told
        assert told.endswith(end)
        image = cell.evaluate("cell => getComputedStyle(cell).backgroundImage")
        repeat = cell.evaluate("cell => getComputedStyle(cell).backgroundRepeat")
        assert ("radial-gradient" in image) == end.startswith("Not certain")
        assert repeat == "repeat" or not end.startswith("Not certain")
    whiskers = opened.locator(".hbi-pairs .hbi-bar.e:visible").first
    drawn_width = whiskers.evaluate("bar => parseFloat(getComputedStyle(bar, '::after').width)")
    assert drawn_width > 5, "an error bar is seen"


def test_pointing_at_a_frame_lights_its_words_and_shows_it_large(open_experts):
    opened = open_experts(render_page(example()))
    opened.locator(".hbi-frame[data-frame='3']:visible").hover()
    assert lit_words(opened) == ["red", "square"]
    assert lit_frames(opened) == [3]
    tip = opened.locator(".hbi-tip")
    assert "“red” and “square”" in tip.inner_text()
    assert tip.locator(".hbi-thumb").bounding_box()["width"] > 150


def test_a_cell_tells_its_exact_number_and_what_it_means(open_experts):
    opened = open_experts(render_page(example()))
    for word, frame, expected in [
        (1, 2, "“red” with 2.0 s to 3.0 s: +0.04 cosine similarity. Worth more together than apart."),
        (
            1,
            0,
            "“red” with 0.0 s to 1.0 s: −0.02 cosine similarity. Redundant: together they are worth less.",
        ),
        (0, 0, "“a” with 0.0 s to 1.0 s: 0 cosine similarity. Neither depends on the other."),
    ]:
        opened.locator(f"tbody td[data-word='{word}'][data-frame='{frame}']:visible").hover()
        assert opened.locator(".hbi-tip").inner_text().strip().replace("\xa0", " ") == expected


def test_tabs_work_by_mouse_and_by_keyboard(open_experts):
    opened = open_experts(render_page(example()))
    assert opened.locator(".hbi-level:visible").count() == 1
    opened.get_by_role("tab", name="Event").click()
    assert opened.get_by_role("tabpanel").get_attribute("id") == "explanation-event"
    opened.keyboard.press("ArrowLeft")
    assert opened.get_by_role("tabpanel").get_attribute("id") == "explanation-action"
    assert focused(opened)[0].startswith("Action")
    opened.keyboard.press("Home")
    assert opened.get_by_role("tab", selected=True).inner_text().startswith("Entity")
    opened.keyboard.press("ArrowLeft")
    assert opened.get_by_role("tab", selected=True).inner_text().startswith("Entity"), "the row has an end"


def test_at_a_merged_level_the_whole_token_lights_with_all_its_pieces(open_experts):
    opened = open_experts(render_page(example()))
    opened.get_by_role("tab", name="Action").click()
    word(opened, "square").hover()
    assert lit_words(opened) == ["square", "slides"]
    assert lit_frames(opened) == [2, 3, 4]
    assert opened.locator(".hbi-side.lit:visible").count() == 1


def test_the_keyboard_alone_reaches_and_lights_everything(open_experts):
    opened = open_experts(render_page(example()))
    opened.mouse.move(0, 0)  # where nothing is that lights, wherever the test before has left it
    opened.keyboard.press("Tab")
    assert focused(opened)[0] == "a"
    opened.keyboard.press("ArrowRight")
    assert (focused(opened)[0], lit_frames(opened)) == ("red", [2, 3])
    opened.keyboard.press("End")
    assert focused(opened)[0] == "left"
    opened.keyboard.press("Tab")
    assert focused(opened)[0].startswith("Entity")
    opened.keyboard.press("Tab")
    opened.keyboard.press("Space")
    assert opened.locator(".hbi-numbers").is_checked()
    opened.keyboard.press("Tab")
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("ArrowRight")
    assert (focused(opened)[1], lit_words(opened)) == ("2", ["red"])
    opened.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        opened.keyboard.press(key)
    assert (focused(opened)[0], lit_words(opened), lit_frames(opened)) == ("+0.0400", ["red"], [2])
    opened.keyboard.press("Enter")
    opened.keyboard.press("Shift+Tab")
    opened.keyboard.press("Escape")
    assert lit_words(opened) == []


def test_arrows_step_over_joined_cells(open_experts):
    opened = open_experts(render_page(example()))
    opened.get_by_role("tab", name="Action").click()
    opened.locator("tbody td:visible").first.focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp"):
        opened.keyboard.press(key)
        cell = opened.evaluate("[document.activeElement.dataset.word, document.activeElement.dataset.frame]")
        seen.append(tuple(map(int, cell)))
    assert seen == [(0, 2), (0, 5), (0, 5), (2, 5), (2, 2), (0, 2), (0, 2)]


def test_a_click_keeps_what_it_points_at_until_the_next_or_escape(open_experts):
    opened = open_experts(render_page(example()))
    red = word(opened, "red")
    red.click()
    opened.locator("h1").hover()
    assert lit_frames(opened) == [2, 3]
    assert red.get_attribute("aria-pressed") == "true"
    word(opened, "square").hover()
    assert lit_frames(opened) == [3]
    opened.locator("h1").hover()
    opened.keyboard.press("Escape")
    assert lit_frames(opened) == []
    assert red.get_attribute("aria-pressed") == "false"
    red.click()
    red.click()
    opened.locator("h1").hover()
    assert lit_frames(opened) == []


def test_three_explanations_on_one_page_do_not_disturb_each_other(open_experts):
    sections = [explanation_section(example(), name) for name in ("one", "two", "three")]
    opened = open_experts(page("Three", sections))
    opened.locator("#two").get_by_role("tab", name="Action").click()
    word(opened.locator("#one"), "red").click()
    assert opened.locator("#two .lit, #three .lit").count() == 0
    assert opened.locator("#one .hbi-frame.lit:visible").count() == 2
    assert [panel.get_attribute("id") for panel in opened.locator(".hbi-level:visible").all()] == [
        "one-entity",
        "two-action",
        "three-entity",
    ]


def test_arrows_follow_the_direction_of_writing(open_experts):
    opened = open_experts(render_page(extremes()["right-to-left"]))
    opened.keyboard.press("Tab")
    opened.keyboard.press("ArrowLeft")
    assert focused(opened)[0] == "עולם"


def test_pieces_of_a_right_to_left_word_stand_from_right_to_left_in_any_caption(open_experts):
    explanation = build_explanation("see שלום", num_frames=2)
    words = (Word("see", 0, 3), *(Word(explanation.text[start], start, start + 1) for start in range(4, 8)))
    level = level_of("entity", explanation.similarity, 1.0, range(5), range(2), np.zeros((5, 2)))
    opened = open_experts(render_page(replace(explanation, words=words, levels=(level,))))
    lefts = [word.bounding_box()["x"] for word in opened.locator(".hbi-word").all()]
    assert lefts[1:] == sorted(lefts[1:], reverse=True)
    assert lefts[0] < min(lefts[1:])


def test_enter_and_space_keep_a_word(open_experts):
    opened = open_experts(render_page(example()))
    opened.keyboard.press("Tab")
    for key, pressed in (("Enter", "true"), ("Space", "false")):
        opened.keyboard.press(key)
        assert word(opened, "a").get_attribute("aria-pressed") == pressed


@pytest.mark.parametrize("name", sorted(extremes()))
def test_every_extreme_opens_lights_and_switches(open_experts, name):
    opened = open_experts(render_page(extremes()[name]), color_scheme="dark")
    opened.locator(".hbi-word").first.hover()
    opened.locator(".hbi-frame:visible").first.hover()
    for tab in opened.get_by_role("tab").all()[:-1]:
        tab.click()
        opened.locator("tbody td:visible").last.hover()
        assert opened.locator(".hbi-tip").is_visible()
    assert opened.locator(".hbi-word").all_text_contents() == [word.text for word in extremes()[name].words]


def test_without_javascript_all_levels_are_there_to_read(open_experts):
    opened = open_experts(render_page(example()), java_script_enabled=False)
    assert opened.locator("table:visible").count() == 4
    assert not opened.locator(".hbi-tabs").is_visible()
    assert opened.locator("h3:visible").all_inner_texts()[2].startswith("Event level")
    assert opened.locator("#explanation-entity td", has_text="+0.0500").count() == 1


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_never_scrolls_sideways_and_words_stay_beside_a_wide_matrix(open_experts, width):
    opened = open_experts(render_page(build_explanation(WORDS, num_frames=40)), width=width)
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    name = opened.locator(".hbi-name:visible").first
    before = name.bounding_box()["x"]
    opened.locator(".hbi-scroll:visible").evaluate("part => { part.scrollLeft = 500; }")
    assert abs(name.bounding_box()["x"] - before) < 1


def test_both_color_schemes_keep_text_readable(open_experts):
    for scheme in ("light", "dark"):
        opened = open_experts(render_page(example()), color_scheme=scheme)
        luminances = opened.evaluate(
            """() => {
              const light = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number)
                .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
              const paper = light(getComputedStyle(document.body).backgroundColor);
              return ['.hbi-caption', '.hbi-readout', '.hbi-time', '.hbi-tab', '.hbi-meaning'].map((name) =>
                [name, paper, light(getComputedStyle(document.querySelector(name)).color)]);
            }"""
        )
        for name, paper, ink in luminances:
            contrast = (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05)
            assert contrast >= 4.5, f"{name} in {scheme}: {contrast:.1f}"


def test_the_timeline_lights_and_walks_like_the_levels(open_experts):
    opened = open_experts(render_page(example()))
    opened.get_by_role("tab", name="Timeline").click()
    word(opened, "left").hover()
    assert lit_words(opened) == ["left"]
    opened.locator(".hbi-cell[data-word='2'][data-frame='3']").hover()
    assert "with 3.0" in opened.locator(".hbi-tip").inner_text()
    opened.locator(".hbi-cell[data-word='0'][data-frame='0']").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp"):
        opened.keyboard.press(key)
    cell = opened.evaluate("[document.activeElement.dataset.word, document.activeElement.dataset.frame]")
    assert cell == ["1", "1"]
    opened.keyboard.press("Enter")
    assert opened.locator(".hbi-cell.lit").count() == 1


def test_lines_are_as_wide_as_their_seconds_under_their_frames(open_experts):
    explanation = build_explanation(WORDS, num_frames=4)
    first, *others = explanation.frames
    frames = (replace(first, start_seconds=0.0, end_seconds=3 * first.end_seconds, timestamp_seconds=0.1),)
    later = [
        replace(frame, timestamp_seconds=5.0 + index, start_seconds=4.5 + index, end_seconds=5.5 + index)
        for index, frame in enumerate(others)
    ]
    opened = open_experts(render_page(replace(explanation, frames=(*frames, *later), duration_seconds=9.0)))
    opened.get_by_role("tab", name="Timeline").click()
    boxes = [opened.locator(f".hbi-cell[data-word='0'][data-frame='{index}']").bounding_box() for index in range(4)]
    assert boxes[0]["width"] / boxes[1]["width"] == pytest.approx(4.5, rel=0.05)
    above = opened.locator(".hbi-line .hbi-frame[data-frame='2']").bounding_box()
    assert above["x"] == pytest.approx(boxes[2]["x"], abs=2)


def test_a_comparison_says_for_whom_it_speaks(open_page):
    other = example("a blue square slides left", lambda words, frames: values(words, frames) * 0.5)
    opened = open_page(page("Why", [comparison_section(Comparison(example(), other), "why")]), color_scheme="dark")
    assert opened.get_by_role("tab", selected=True).inner_text().startswith("Timeline")
    opened.get_by_role("tab", name="Entity").click()
    opened.get_by_role("button", name="blue").hover()
    assert lit_frames(opened) == [0, 2, 3], "half of the largest, of either sign"
    assert lit_words(opened) == ["red", "blue"]
    assert "for the first" in opened.locator(".hbi-readout").inner_text()
    opened.locator("td[data-word='1'][data-frame='0']:visible").hover()
    assert "This speaks for the second." in opened.locator(".hbi-tip").inner_text()
    opened.get_by_role("tab", name="Timeline").click()
    opened.locator(".hbi-cell[data-word='1'][data-frame='2']").click()
    assert opened.get_by_role("button", name="red").count() == 1


def test_two_videos_stand_side_by_side_on_a_narrow_screen_too(open_page):
    one, other = (
        example(),
        build_explanation(WORDS, num_frames=3, video="other.mp4", values=lambda w, f: np.ones((w, f))),
    )
    opened = open_page(page("Why", [comparison_section(Comparison(one, other), "why")]), width=360)
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.locator(".hbi-frame[data-frame='7']:visible").hover()
    assert "second video" in opened.locator(".hbi-readout").inner_text()


def test_the_failures_of_an_evaluation_are_reached_from_their_table_and_work_each_for_itself(open_page):
    right = build_explanation(WORDS, num_frames=3, video="right.mp4", values=lambda w, f: np.ones((w, f)))
    failures = [Failure(Explained(example()), Explained(right), rank) for rank in (9.0, 4.0)]
    opened = open_page(failures_page(failures, "Failures"), width=360)
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.get_by_role("table").first.get_by_role("link").nth(1).click()
    assert opened.url.endswith("#failure-2")
    second = opened.locator("#failure-2")
    assert -1 < second.bounding_box()["y"] < 800
    second.get_by_role("tab", name="Entity").click()
    second.locator(".hbi-frame[data-frame='7']:visible").hover()
    assert "second video" in second.locator(".hbi-readout").inner_text()
    assert opened.locator("#failure-1 .lit").count() == 0
    assert opened.locator("#failure-1").get_by_role("tab", selected=True).inner_text().startswith("Timeline")


def test_a_notebook_output_works_inside_a_foreign_page(open_experts):
    outputs = "".join(f"<div>{build_explanation(WORDS)._repr_html_()}</div>" for _ in range(2))
    opened = open_experts(f"<!DOCTYPE html><meta charset='utf-8'><body><h1>Notebook</h1>{outputs}")
    first, second = (opened.locator(".hbi-explanation").nth(index) for index in range(2))
    first.get_by_role("tab", name="Timeline").click()
    assert first.get_by_role("tabpanel").get_attribute("id").endswith("-timeline")
    assert second.get_by_role("tabpanel").get_attribute("id").endswith("-entity")
    word(first, "red").click()
    assert second.locator(".lit").count() == 0
