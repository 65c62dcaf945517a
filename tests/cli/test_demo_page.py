"""The demo's page begins with a moment found, playing, and its last searches say truly how sentences fare."""

from pathlib import Path

import numpy as np
import pytest

from explanation.made_up import build_explanation
from hbi.cli import demo_search
from hbi.cli.demo_moment import Example, ToldEvent, moment_of, moment_section, told_events
from hbi.cli.demo_search import MOST_TRIED, Trial, print_searches, sentences_to_try, try_sentences
from hbi.cli.terminal import console
from hbi.explanation import page
from hbi.explanation.word_lines import WordLine, word_lines
from hbi.shape_stories import Caption, Event, Story
from hbi.shape_stories.records import Mention
from in_chromium import needs_chromium, running_chromium, wait_until
from small_clips import write_clip

RED = Event("red", "circle", "spins", 0.0, 2.0)
BLUE = Event("blue", "star", "bounces", 2.0, 4.0)
GREEN = Event("red", "ring", "bounces", 4.0, 6.0)
TEXT = "a red circle spins, then a blue star"


def story(name: str, events: tuple[Event, ...], *captions: Caption) -> Story:
    return Story(name, Path(f"/videos/{name}.mp4"), 6.0, events, captions, (), ())


def caption(text: str, told: dict[int, dict[str, str]], satisfied_by: tuple[str, ...]) -> Caption:
    mentions = [
        Mention(text.index(word), text.index(word) + len(word), event, attribute)
        for event, words in told.items()
        for attribute, word in words.items()
    ]
    return Caption(text, tuple(mentions), satisfied_by)


BOTH = caption(TEXT, {0: {"color": "red", "shape": "circle"}, 1: {"color": "blue", "shape": "star"}}, ("one", "two"))
ONE = caption("a blue star", {1: {"color": "blue"}}, ("one", "two"))
STORIES = (story("one", (RED, BLUE, GREEN), ONE, BOTH), story("two", (GREEN, RED, BLUE)))


def test_what_a_sentence_tells_is_found_in_another_video_that_it_is_true_of():
    told = told_events(BOTH, STORIES[0], STORIES[1])
    assert [each.event for each in told] == [RED, BLUE], "not the red ring, which comes first there"
    assert [TEXT[each.start : each.end] for each in told] == ["red circle", "blue star"]


@pytest.mark.parametrize("seed", range(5))
def test_the_moment_is_around_the_best_frame(monkeypatch, seed):
    explanation = build_explanation(TEXT)
    fits = np.random.default_rng(seed).normal(size=(len(word_lines(explanation)), len(explanation.frames)))
    lines = [
        WordLine(line.text, line.start, line.end, line.words, line.stands_back, fit, 0 * fit)
        for line, fit in zip(word_lines(explanation), fits, strict=True)
    ]
    monkeypatch.setattr("hbi.cli.demo_moment.word_lines", lambda _: tuple(lines))
    start, end = TEXT.index("blue"), len(TEXT)
    found = moment_of(explanation, start, end)
    fit = sum(line.fit for line in lines if line.text in ("blue", "star")) / 2
    inside = [frame.start_seconds >= found[0] and frame.end_seconds <= found[1] for frame in explanation.frames]
    assert inside[int(fit.argmax())]
    assert all(value > fit.max() / 2 for value, is_inside in zip(fit, inside, strict=True) if is_inside)
    edges = [at for at in range(len(fit)) if not inside[at] and True in inside[max(0, at - 1) : at + 2]]
    assert all(fit[at] <= fit.max() / 2 for at in edges), "no frame beside it is as good"


def test_sentences_are_chosen_before_anything_is_found():
    chosen = sentences_to_try([story(f"{n}", (RED, BLUE), ONE, BOTH) for n in range(MOST_TRIED + 5)])
    assert [text.text for _, text in chosen] == [TEXT] * MOST_TRIED
    assert [each.video_id for each, _ in chosen] == [f"{n}" for n in range(MOST_TRIED)]


class Index:
    """Finds a video for every text, good or not."""

    def __init__(self, name: str, goodness: str) -> None:
        self.name, self.goodness = name, goodness

    def search(self, text: str, *, limit: int):
        from hbi.search.results import Hit, SearchResult

        path = Path(f"/videos/{self.name}.mp4")
        goodness = "none" if text == demo_search.NOT_THERE else self.goodness
        hit = Hit(path, (), 0, 6, 0, 6, 6, 0.5, 0.5, goodness, "A reason.", 1.0, (), "x", is_missing=False)
        return SearchResult(text, (hit,), 0.95, 2, True, 0.01)


@pytest.mark.parametrize(
    ("name", "goodness", "counts"),
    [
        ("two", "strong", "1 find a video first that they are true of, 1 of"),
        ("one", "weak", "1 find"),
        ("x", "fair", "0"),
    ],
)
def test_the_last_search_ends_on_a_moment_found_or_says_that_none_does(name, goodness, counts, monkeypatch, capsys):
    monkeypatch.setattr(console, "width", 1000)
    index = Index(name, goodness)
    stories = [*STORIES, story("x", (BLUE,))]
    trials = try_sentences(index, stories)
    assert [bool(trial.events) for trial in trials] == [name != "x"]
    print_searches(index, trials)
    said = capsys.readouterr().out
    assert f"1 sentences of the test videos, searched for: {counts}" in said
    assert said.index("pancake") < said.index(TEXT)
    assert ("no search ends on a moment found" in said) == (goodness == "weak" or name == "x")


@needs_chromium
def test_the_page_plays_at_the_moment_unless_pages_are_to_stand_still(tmp_path):
    from hbi.figures import VideoAddresses

    video = write_clip(tmp_path / "clip.mp4", seconds=6)
    explanation = build_explanation(TEXT)
    events = tuple(ToldEvent(event, TEXT.index(word), TEXT.index(word) + 4) for event, word in ((BLUE, "blue"),))
    start, _ = moment_of(explanation, events[0].start, events[0].end)
    file = tmp_path / "page.html"
    section = moment_section(
        Example(video, events, explanation, "Strong match."), VideoAddresses().address(video), is_found=True
    )
    file.write_text(page("A page", [section]))
    with running_chromium() as browser:
        for motion in ("no-preference", "reduce"):
            tab = browser.new_page(reduced_motion=motion, viewport={"width": 390, "height": 800})
            tab.goto(file.as_uri())
            wait_until(tab, "document.querySelector('video').readyState > 2")
            assert tab.evaluate("document.querySelector('video').muted && document.querySelector('video').loop")
            if motion == "reduce":
                tab.wait_for_timeout(300)
                assert tab.evaluate("document.querySelector('video').paused")
                assert tab.evaluate("document.querySelector('video').currentTime") == pytest.approx(start, abs=0.2)
            else:
                wait_until(tab, f"document.querySelector('video').currentTime > {start + 0.2}")
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390
            assert "Strong match." in tab.text_content(".demo-moment")


def test_a_page_without_a_moment_found_says_so():
    explanation = build_explanation(TEXT)
    section = moment_section(Example(Path("x.mp4"), (ToldEvent(RED, 2, 12),), explanation), None, is_found=False)
    assert "No sentence that was searched for found its video as a good match." in section
    assert "<video" not in section
    assert "Found" not in section


def test_a_trial_is_found_only_if_right_and_good():
    result = Index("one", "fair").search(TEXT, limit=1)
    assert Trial(TEXT, result, (ToldEvent(RED, 0, 3),)).is_found
    assert not Trial(TEXT, result, ()).is_found
    assert not Trial(TEXT, Index("one", "none").search(TEXT, limit=1), (ToldEvent(RED, 0, 3),)).is_found
