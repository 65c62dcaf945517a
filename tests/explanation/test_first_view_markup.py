"""What the first view says: whole words, which seconds match, the best moment, verdicts in words."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from explanation.chosen_lines import SENTENCE, choose, in_pieces, verdicts_of
from explanation.made_up import build_explanation
from hbi.explanation import explanation_section, render_page, section_assets
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.first_view import FirstView, Moment, best_moment
from hbi.explanation.solve.from_tokens import columns_labelled
from hbi.explanation.word_lines import WordLine, fit_meaning


def line(fit, errors=None):
    fit = np.array(fit, dtype=float)
    return WordLine("word", 0, 4, (0,), False, fit, np.zeros_like(fit) if errors is None else np.array(errors))


def view(verdicts=None):
    explanation = in_pieces()
    return FirstView(explanation, FrameTimes(explanation), verdicts)


def sentences(verdicts=None):
    shown = view(verdicts)
    return {
        line.text: shown.sentence_of(row).replace("\N{NO-BREAK SPACE}", " ") for row, line in enumerate(shown.lines)
    }


def first_view_of(markup):
    return markup.split('<div class="hbi-first"')[1].split('<details class="hbi-experts"')[0]


def rows(markup):
    """Of every row its word, and the states of its frames."""
    found = re.findall(r'<li class="hbi-row.*?</li>', markup, flags=re.DOTALL)
    return [
        (re.search(r"<bdi>(.*?)</bdi>", row)[1], "".join(re.findall(r'<i class="([ynu])(?: e)?"', row)))
        for row in found
    ]


def test_words_are_whole_and_small_ones_stand_behind_one_control(monkeypatch):
    choose(monkeypatch)
    markup = first_view_of(render_page(in_pieces()))
    shown, folded = markup.split('<details class="hbi-small">')
    assert [word for word, _ in rows(shown)] == ["red", "pancake", "spins", "pan", "stops"]
    assert [word for word, _ in rows(folded)] == ["A", ",", "and", "the", "."]
    assert "<summary>and 3 small words: “a”, “and”, “the”</summary>" in folded
    sentence = re.search(r'<p class="hbi-sentence"[^>]*>(.*?)</p>', markup)[1]
    assert re.sub(r"<[^>]*>", "", sentence) == SENTENCE
    assert ">pancake</span>" in sentence


def test_only_punctuation_behind_the_control_is_named_so(monkeypatch):
    choose(monkeypatch, {})
    words = tuple(word for word in in_pieces().words if word.text in ("red", "spins", ",", "."))
    (level,) = in_pieces().levels
    kept = [0, 1, 2, 3]
    level = replace(level, word_groups=tuple(kept))
    markup = render_page(replace(in_pieces(), words=words, levels=(level,)))
    assert "<summary>and 2 punctuation marks</summary>" in markup


def test_a_sentence_of_small_words_only_is_shown_whole(monkeypatch):
    choose(monkeypatch, {})
    markup = first_view_of(render_page(build_explanation("it is the")))
    assert "hbi-small" not in markup
    assert [word for word, _ in rows(markup)] == ["it", "is", "the"]


def test_what_matches_what_does_not_and_what_is_not_certain_have_three_looks(monkeypatch):
    choose(monkeypatch, errors={"red": [0.0, 0.15, 0.05, 0.05, 0.2, 0.0]})
    markup = first_view_of(render_page(in_pieces()))
    states = dict(rows(markup))
    assert states["red"] == "nuyyun"
    assert states["pancake"] == "ynynnn"
    assert re.findall(r"<span><i class=\"([^\"]*)\" style=\"--v:1\"></i>([^<]*)</span>", markup) == [
        ("y", "matches here"),
        ("n", "does not match"),
        ("u", "not certain"),
        ("hbi-band", "best moment"),
    ]
    assert fit_meaning(in_pieces()).split(".")[0].replace("'", "&#x27;") in markup
    bars = dict(zip(*[iter(re.findall(r"--from:([\d.]+);--to:([\d.]+)", markup))] * 2, strict=False))
    assert bars, "what was drawn has error bars"


def test_the_higher_the_bar_the_better_it_matches_and_every_match_is_seen(monkeypatch):
    choose(monkeypatch, {"red": [0.4, 0.2, 0.0001, 0.0, -0.3, 0.1]})
    markup = first_view_of(render_page(in_pieces()))
    row = re.search(r'<li class="hbi-row"><span class="hbi-head"><button[^>]*><bdi>red<.*?</li>', markup)[0]
    heights = [float(height) for height in re.findall(r"--v:([\d.]+)", row)]
    assert heights == sorted(heights[:3], reverse=True) + heights[3:]
    assert heights[0] == 1
    assert min(heights) >= 0.2, "the smallest match is no flat line"
    assert row.count('<i class="n"></i>') == 2


@pytest.mark.parametrize(
    ("fits", "expected"),
    [
        ([[0.0, 1.0, 4.0, 2.0, 1.9, 0.0]], Moment(2, 2, 3)),
        ([[0.0, 1.0, 4.0, 2.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0, -9.0, 0.0]], Moment(1, 1, 3)),
        ([[0.1, -1.0, -1.0], [-1.0, -1.0, 0.3]], Moment(2, 2, 2)),
        ([[-1.0, -2.0]], None),
        ([[0.0, 0.0]], None),
        ([[3.0, 2.0, 3.0]], None),
        ([[3.0]], Moment(0, 0, 0)),
        ([], None),
    ],
)
def test_the_best_moment_is_the_run_around_the_best_frame(fits, expected):
    assert best_moment([line(fit) for fit in fits]) == expected


def test_frames_that_are_not_certain_make_no_moment():
    assert best_moment([line([5.0, 1.0, -1.0], [3.0, 0.1, 0.1])]) == Moment(1, 1, 1)


def test_the_best_moment_is_marked_where_it_lies(monkeypatch):
    choose(monkeypatch)
    markup = first_view_of(render_page(in_pieces()))
    assert 'style="--start:0.3333;--width:0.1667"' in markup, "red and pancake at 2 s; at 3 s it is not half as good"
    assert "Best moment: 2.0\N{NO-BREAK SPACE}s to 3.0\N{NO-BREAK SPACE}s</button>" in markup


def test_the_best_moment_leaves_out_words_that_were_not_found(monkeypatch):
    choose(monkeypatch)
    verdicts = verdicts_of(SENTENCE, {"red": "not found", "pancake": "unknown"})
    assert view(verdicts).best_moment == Moment(3, 3, 3), "only `pan` is left"
    assert view().best_moment == Moment(2, 2, 2)


def test_where_nothing_or_everything_matches_there_is_no_best_moment(monkeypatch):
    choose(monkeypatch, {})
    assert "No second matches." in render_page(in_pieces())
    choose(monkeypatch, {"red": [1.0] * 6})
    assert "All seconds match alike." in render_page(in_pieces())


def test_every_verdict_is_said_in_words_and_by_a_mark(monkeypatch):
    choose(monkeypatch)
    verdicts = verdicts_of(
        SENTENCE, {"red": "found", "pancake": "unknown", "spins": "not found", "stops": "cannot tell"}
    )
    markup = render_page(in_pieces(), verdicts=verdicts)
    told = re.findall(
        r'<bdi>(\w+)</bdi></button> <span class="hbi-verdict"><i aria-hidden="true">(.)</i>([^<]*)', markup
    )
    assert told == [
        ("red", "✓", "found here"),
        ("pancake", "–", "unknown to the model"),
        ("spins", "✗", "not found"),
        ("stops", "?", "cannot tell"),
    ], "the second `pan` has none"
    assert sentences(verdicts) == {
        **sentences(),
        "red": "“red” is found here and matches 1.0 s to 4.0 s, best 2.0 s to 3.0 s.",
        "pancake": "“pancake”: the model has not learned this word; its line says little.",
        "spins": "“spins” is not found here; the closest is 1.0 s to 2.0 s.",
        "stops": "“stops”: the model cannot tell whether it is here; the closest is 0.0 s to 1.0 s.",
    }
    missing = re.findall(r'<li class="hbi-row hbi-missing[^>]*>.*?<bdi>(\w+)', markup)
    assert missing == ["pancake", "spins", "stops"], "bars of what was not found look otherwise"
    closest = "the closest seconds of a word that was not found for certain"
    assert closest in markup
    without_bars = verdicts_of(SENTENCE, {"spins": "unknown"})
    assert closest not in render_page(in_pieces(), verdicts=without_bars)
    assert "hbi-verdict" not in first_view_of(render_page(in_pieces()))


def test_lines_are_said_in_sentences(monkeypatch):
    choose(monkeypatch, errors={"spins": [1.0] * 6})
    told = sentences()
    assert told["red"] == "“red” matches 1.0 s to 4.0 s, best 2.0 s to 3.0 s."
    assert told["pancake"] == "“pancake” matches 0.0 s to 1.0 s and 2.0 s to 3.0 s, best 2.0 s to 3.0 s."
    assert told["pan"] == "“pan” matches 3.0 s to 4.0 s."
    assert told["stops"] == "“stops” matches no single second."
    assert told["spins"] == "“spins” matches no single second certainly."


def test_the_script_gets_what_is_said_of_lines_and_no_numbers(monkeypatch):
    choose(monkeypatch, {"red": [0.123456, -1e-9, 0.0, 0.0, 0.0, 0.0]})
    data = json.loads(re.search(r'class="hbi-data">(.*?)</script>', render_page(in_pieces()))[1])
    assert data["lines"][1]["states"] == "ynnnnn"
    assert data["lines"][1]["best"] == 0
    assert "0.123" not in json.dumps(data["lines"])
    assert [row["isShown"] for row in data["lines"]].count(False) == 5


def test_the_video_has_the_name_of_its_file(monkeypatch):
    choose(monkeypatch)
    markup = render_page(replace(in_pieces(), video='a "b".mp4'), address="data:video/mp4;base64,AAAA")
    assert 'aria-label="a &quot;b&quot;.mp4"' in re.search(r"<video[^>]*>", markup)[0]


@pytest.mark.parametrize(("count", "pictures"), [(1, 1), (12, 12), (13, 12), (64, 12)])
def test_a_picture_stands_for_so_many_frames_that_the_strip_can_be_seen(monkeypatch, count, pictures):
    choose(monkeypatch, {"red": np.linspace(-1, 1, count).tolist()})
    markup = first_view_of(render_page(build_explanation("a red dog", num_frames=count)))
    stretches = [
        (int(first), int(last)) for first, last in re.findall(r'hbi-shot" data-frame="(\d+)" data-last="(\d+)"', markup)
    ]
    assert len(stretches) == pictures
    assert [frame for first, last in stretches for frame in range(first, last + 1)] == list(range(count))
    grown = sum(float(width) for width in re.findall(r"flex-grow:([\d.]+)\"", markup))
    assert grown == pytest.approx(100, rel=1e-3)


def test_the_timeline_of_the_experts_has_whole_words_whose_numbers_are_the_sums_of_their_pieces():
    explanation = in_pieces()
    markup = render_page(explanation)
    table = re.search(r'<table class="hbi-timeline.*?</table>', markup, flags=re.DOTALL)[0]
    names = re.findall(r"<bdi>(.*?)</bdi>", table)
    assert names == ["A", "red", "pancake", "spins", ",", "and", "the", "pan", "stops", "."]
    data = json.loads(re.search(r'class="hbi-data">(.*?)</script>', markup)[1])["levels"][-1]
    np.testing.assert_allclose(data["interactions"][2], explanation.interactions[2:5].sum(0), rtol=1e-5)
    np.testing.assert_allclose(data["interactions"][-1], explanation.interactions[-1], rtol=1e-5)
    assert data["word_groups"] == [0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9]
    assert data["phrases"]["2"] == "“pancake”"
    assert "A word of several pieces has their sum." in markup


def test_what_stands_back_leads_no_list_of_strongest_pairs():
    markup = render_page(in_pieces())
    for listed in re.findall(r"<h4>Strongest pairs</h4>\n<ol>(.*?)</ol>", markup, flags=re.DOTALL):
        assert not set(re.findall(r"“(.*?)”", listed)) & {"A", ",", "and", "the", "."}
        assert "<li>" in listed


def test_labelled_columns_are_no_seconds(monkeypatch):
    choose(monkeypatch, {"red": [0.5, -0.1, -0.1]})
    explanation = replace(
        build_explanation("a red dog", num_frames=3), frames=columns_labelled(["crimson", "<b>", "c"])
    )
    explanation = replace(explanation, duration_seconds=3.0, video="crimson <b> c")
    markup = first_view_of(render_page(explanation))
    assert "Best match: “crimson”" in markup
    assert "that column is shown" in markup
    assert "hbi-still" not in markup
    assert "&lt;b&gt;" in markup
    assert "<b>" not in markup


def test_the_player_of_the_page_around_is_named_and_nothing_else_can_be(monkeypatch):
    choose(monkeypatch)
    markup = explanation_section(in_pieces(), "why", player_id="player")
    assert markup.startswith('<section class="hbi-explanation" id="why"')
    assert ' data-player="#player">' in markup
    assert "<video" not in markup
    assert '<figure class="hbi-still" hidden>' in markup
    assert "data-player" not in explanation_section(in_pieces(), "why")
    with pytest.raises(ValueError, match="is no id"):
        explanation_section(in_pieces(), "why", player_id='x"><script>')


def test_the_style_touches_nothing_outside_of_a_section():
    style, script = section_assets()
    depth, selector = 0, ""
    for character in re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL):
        if character == "{":
            if depth == 0 and not selector.strip().startswith("@media"):
                for part in selector.split(","):
                    assert part.strip().startswith((".hbi-explanation", ".hbi-page")), part
            depth += 1
            selector = ""
        elif character == "}":
            depth -= 1
            selector = ""
        else:
            selector += character
    assert depth == 0
    assert "hbi:attach" in script
