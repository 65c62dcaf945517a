"""The page as a document: whole, self-contained, safe with any text, right in every cell."""

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explanation.made_up import build_explanation, level_of
from hbi.explanation import Word
from hbi.explanation.certainty import plus_minus
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.html.page import fragment, page, render_page
from hbi.explanation.html.section_parts import player
from hbi.explanation.wording import decimals_for, signed


@cache
def parsed(markup: str) -> "Document":
    """The document of a page; several tests read the same one."""
    return Document(markup)


VOID = {"meta", "col", "input"}


class Document(HTMLParser):
    """The elements of a page with their attributes and the text below them; fails where tags do not match."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[int] = []
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(markup)
        self.close()
        assert not self.open, "an element is never closed"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, {name: value or "" for name, value in attributes}, []))
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag):
        assert self.elements[self.open.pop()][0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        for index in self.open:
            self.elements[index][2].append(data)

    def all(self, tag: str, class_name: str | None = None) -> list[tuple[dict[str, str], str]]:
        return [
            (attributes, "".join(text))
            for name, attributes, text in self.elements
            if name == tag and (class_name is None or class_name in attributes.get("class", "").split())
        ]

    def one(self, tag: str, class_name: str | None = None) -> tuple[dict[str, str], str]:
        (element,) = self.all(tag, class_name)
        return element


def tables_of(document: Document) -> list[list[tuple[dict[str, str], str]]]:
    """The number cells of every level's table."""
    tables: list[list[tuple[dict[str, str], str]]] = []
    for name, attributes, text in document.elements:
        if name == "table":
            tables.append([])
        if name == "td" and "data-word" in attributes:
            tables[-1].append((attributes, "".join(text)))
    return tables


def test_every_cell_stands_at_its_words_and_frames_with_its_number(extreme):
    tables = tables_of(parsed(render_page(extreme)))
    for part, cells in zip(extreme.levels, tables[:-1], strict=True):
        decimals = decimals_for(float(np.abs(part.on_players).max()))
        times_covered = np.zeros(part.on_players.shape, dtype=int)
        for attributes, text in cells:
            word, frame = int(attributes["data-word"]), int(attributes["data-frame"])
            rows = slice(word, word + int(attributes.get("rowspan", 1)))
            columns = slice(frame, frame + int(attributes.get("colspan", 1)))
            times_covered[rows, columns] += 1
            values = part.on_players[rows, columns]
            assert (values == values[0, 0]).all(), "a joined cell stands for different numbers"
            error = float(part.errors_on_players[word, frame])
            assert text == signed(float(values[0, 0]), decimals) + plus_minus(error)
            assert ("u" in attributes.get("class", "").split()) == (abs(values[0, 0]) <= 2 * error > 0)
            assert ("n" in attributes.get("class", "").split()) == (values[0, 0] < 0)
        assert (times_covered == 1).all()


def test_the_caption_reads_as_it_was_written_and_every_word_is_a_button(extreme):
    document = parsed(render_page(extreme))
    _, caption = document.one("p", "hbi-caption")
    assert caption == extreme.text
    buttons = document.all("span", "hbi-word")
    assert [text for _, text in buttons] == [word.text for word in extreme.words]
    frames = document.all("button", "hbi-frame")
    assert len(frames) == len(extreme.frames) * (len(extreme.levels) + 1)
    assert all(re.match(r"Frame at [\d.:]+", attributes["aria-label"]) for attributes, _ in frames)


def test_tokens_that_share_a_character_show_it_once(make_explanation):
    explanation = make_explanation("a 👍 ok", num_frames=1)
    a, thumb, ok = explanation.words
    words = (a, thumb, thumb, ok, Word("end", 6, 6))
    level = level_of("entity", explanation.similarity, 1.0, range(5), (0,), np.ones((5, 1)))
    document = Document(render_page(replace(explanation, words=words, levels=(level,))))
    buttons = document.all("span", "hbi-word")
    assert [(attributes["data-word"], text) for attributes, text in buttons] == [
        ("0", "a"),
        ("1", "👍"),
        ("3", "ok"),
        ("4", "end"),
    ]
    assert len(document.all("th", "hbi-name")) == 5 + 4 + 1, "the level, the whole words of the timeline, and its sum"


def test_nothing_of_a_text_becomes_markup(make_explanation):
    nasty = "<script>alert(1)</script> \"><img src=x onerror=alert(1)> </style></script> ${x} $title &amp; '"
    explanation = make_explanation(nasty, video=nasty, model=nasty, remark=nasty)
    plain = make_explanation("the word, " * (len(explanation.words) // 2), remark="note")
    tags, expected = (
        Counter(name for name, _, _ in Document(render_page(each)).elements) for each in (explanation, plain)
    )
    assert tags.keys() == expected.keys()
    for single in ("script", "style", "title", "video", "section", "figure", "h2", "main"):
        assert tags[single] == expected[single]
    document = Document(render_page(explanation))
    assert nasty in document.one("h2", "hbi-about")[1]
    assert document.one("p", "hbi-remark")[1] == nasty
    assert nasty in document.one("title")[1]


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=20).filter(str.strip))
def test_any_text_gives_a_page_that_can_be_written(text):
    explanation = build_explanation(f"{text} end", num_frames=1, video=text, model=text, remark=text)
    Document(render_page(explanation).encode("utf-8").decode("utf-8"))


def test_the_page_needs_nothing_from_outside_and_allows_nothing(extreme):
    markup = render_page(extreme)
    document = parsed(markup)
    for _, attributes, _ in document.elements:
        assert not {"src", "href", "srcset", "action", "onclick"} & attributes.keys()
    assert "@import" not in markup
    styles = "".join(text for _, text in document.all("style"))
    for target in re.findall(r"url\(([^)]{0,40})", styles):
        assert target.startswith("data:image/jpeg;base64,")
    (policy,) = [attributes["content"] for attributes, _ in document.all("meta") if "http-equiv" in attributes]
    script = next(text for attributes, text in document.all("script") if "type" not in attributes)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (
        "default-src 'none'; img-src data:; media-src data: 'self' file:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )


def test_every_reference_inside_the_page_has_its_target_and_ids_are_unique(make_explanation):
    one, other = make_explanation(), make_explanation("two words", num_frames=1)
    markup = page("Three texts", [explanation_section(one, "first"), explanation_section(other, "second")])
    document = Document(markup)
    ids = [attributes["id"] for _, attributes, _ in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes, _ in document.elements:
        for name in ("aria-controls", "aria-labelledby", "for"):
            assert attributes.get(name, ids[0]) in ids
    assert document.one("h1")[1] == document.one("title")[1] == "Three texts"
    assert len(document.all("style")) == 3, "one shared style and the thumbnails of each"
    assert len([1 for attributes, _ in document.all("script") if "type" not in attributes]) == 1


def test_levels_are_tabs_over_labelled_panels_that_show_without_script(make_explanation):
    document = Document(render_page(make_explanation()))
    tabs = document.all("button", "hbi-tab")
    assert [text for _, text in tabs] == ["Entity0.100", "Action0.200", "Event0.300", "Timeline0.250"]
    assert "hidden" in document.one("div", "hbi-tabs")[0], "tabs without a script would do nothing"
    panels = document.all("div", "hbi-level")
    assert [attributes["role"] for attributes, _ in panels] == ["tabpanel"] * 4
    assert not any("hidden" in attributes for attributes, _ in panels)
    assert next(text.strip() for _, text in document.all("h3")).startswith("Entity level")


def test_brackets_say_the_seconds_they_span_and_name_what_is_in_pieces(make_explanation):
    explanation = make_explanation(action_words=[0, 1, 0, 1, 2], action_frames=[0, 0, 1, 0, 1, 1])
    document = Document(render_page(explanation))
    spans = [text for _, text in document.all("th", "hbi-bracket")]
    assert spans == ["1 · 0.0–2.0", "2 · 2.0–3.0", "1 · 3.0–4.0", "2 · 4.0–6.0", "0.0–6.0"]
    assert [text for _, text in document.all("th", "hbi-side")] == [""] * 5 + ["A", "B", "A", "B", ""] + [""]


def test_strongest_pairs_are_said_in_words(make_explanation):
    table = np.array([[0.0, 0.0], [-0.01, 0.04], [0.09, 0.0]])
    explanation = make_explanation("big dog the", num_frames=2, values=lambda words, frames: table[:words, :frames])
    pairs, *_ = [text for _, text in Document(render_page(explanation)).all("div", "hbi-pairs")]
    assert "“dog” 3.0\N{NO-BREAK SPACE}s to 6.0\N{NO-BREAK SPACE}s+0.0400" in pairs
    assert "Found nothing: “big”" in pairs
    assert "“the”" not in pairs, "a function word leads no list"


def test_where_nothing_is_positive_the_page_says_so(make_explanation):
    markup = render_page(make_explanation(values=lambda words, frames: -np.ones((words, frames))))
    assert markup.count("No word is worth more with any part of this video than without.") == 4


def test_the_script_gets_the_numbers_with_six_digits(make_explanation):
    explanation = make_explanation()
    data = json.loads(Document(render_page(explanation)).one("script", "hbi-data")[1])
    for part, written in zip(explanation.levels, data["levels"][:3], strict=True):
        assert np.allclose(written["interactions"], part.interactions, rtol=1e-5)
        assert tuple(written["word_groups"]) == part.word_groups


def test_direction_of_writing_is_that_of_the_text(make_explanation):
    for text, expected in (("שלום עולם", "rtl"), ("a dog", "ltr")):
        assert Document(render_page(make_explanation(text))).one("p", "hbi-caption")[0]["dir"] == expected


def test_a_fragment_stands_in_a_foreign_page(make_explanation):
    document = Document(fragment(explanation_section(make_explanation(), "cell-1")))
    assert document.one("section")[0]["id"] == "cell-1"
    assert not document.all("html")


@pytest.mark.parametrize("anchor", ["", "1st", "a b", 'a"b', "é"])
def test_an_anchor_that_is_no_id_is_refused(make_explanation, anchor):
    with pytest.raises(ValueError, match="is no id"):
        explanation_section(make_explanation(), anchor)


def test_a_large_explanation_stays_small_and_is_written_fast(make_explanation):
    markup = render_page(make_explanation(" ".join(["word"] * 77), num_frames=64, duration_seconds=200.0))
    assert len(markup) < 1_700_000


def test_without_a_video_there_is_no_player(make_explanation):
    assert player(None, 0, "clip") == ""
    assert "<video" not in render_page(make_explanation())
    markup = render_page(make_explanation(video='"><b>.mp4'), address='a"b.mp4')
    assert 'src="a&quot;b.mp4"' in markup
    assert 'aria-label="&quot;&gt;&lt;b&gt;.mp4"' in markup


def test_what_each_adds_stands_beside_its_line(make_explanation):
    assert "sums to the score: words +0.175, frames +0.075: 0.250." in render_page(make_explanation())
