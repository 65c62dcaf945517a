"""What a figure shows and how wide it is: levels, words, one column or two, axes of another figure, a notebook."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import cache
from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.text import Text
from PIL import Image

from explanation.made_up import build_explanation, extremes, kinds
from hbi.explanation import Word
from hbi.explanation.html.first_view import LEAST_BAR
from hbi.explanation.word_lines import word_lines
from hbi.figures import draw_figure, render_figure
from labelled_examples import picture_explanation, text_explanation

VIEWS = ("words", "levels", "timeline")


@cache
def shown():
    """Explanations that a paper may show, and some that it had better not."""
    long = build_explanation(
        "a red circle slides to the left and a blue square spins", num_frames=12, duration_seconds=14
    )
    later = build_explanation("two dogs", num_frames=16, duration_seconds=3725.5)
    some = {name: extremes()[name] for name in ("hostile", "one", "zero", "split", "right-to-left")}
    labelled = {"text": text_explanation(), "picture": picture_explanation()}
    several = {name: kinds()[name] for name in ("levels", "levels-drawn", "maxsim", "maxsim-drawn")}
    return {**several, **some, **labelled, "long": long, "later": later}


every_explanation = pytest.mark.parametrize("name", sorted(shown()))
every_view = pytest.mark.parametrize("view", VIEWS)


def texts_of(figure):
    """Every text that is seen: with its place in pixels."""
    figure.draw_without_rendering()
    never_drawn = _labels_outside(figure)
    return [
        (text, text.get_window_extent())
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in never_drawn
    ]


def _labels_outside(figure):
    """The labels of ticks beyond the ends of their axes: matplotlib keeps them, and never draws them."""
    return {
        label
        for axis in figure.findobj(Axis)
        for tick in axis.majorTicks
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) - 1e-9 <= tick.get_loc() <= max(axis.get_view_interval()) + 1e-9
    }


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
@pytest.mark.parametrize("width", ["column", "text"])
@every_view
@every_explanation
def test_no_text_covers_another_or_leaves_the_figure_and_none_is_too_small(name, view, width):
    figure = draw_figure(shown()[name], levels=view, width=width)
    assert figure.get_size_inches()[0] == {"column": 3.25, "text": 6.75}[width]
    texts = texts_of(figure)
    for text, box in texts:
        assert text.get_fontsize() >= 6, text
        assert box.x0 >= -1, text
        assert box.x1 <= figure.bbox.x1 + 1, text
        assert -1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1, text
    for (one, a), (other, b) in combinations(texts, 2):
        overlap_x, overlap_y = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert overlap_x <= 1 or overlap_y <= 1.5, f"{one.get_text()!r} and {other.get_text()!r}"


def test_a_figure_that_is_too_narrow_says_how_wide_it_has_to_be():
    with pytest.raises(ValueError, match=r"1 inches are too narrow: this figure needs (\d\.\d\d)") as caught:
        draw_figure(shown()["long"], levels="timeline", width=1)
    enough = float(str(caught.value).rsplit(" ", 1)[1]) + 0.01
    assert draw_figure(shown()["long"], levels="timeline", width=enough).get_size_inches()[0] == pytest.approx(enough)


def names_in(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_words_are_whole_and_function_words_stand_back_unless_they_are_asked_for():
    explanation = build_explanation("a red circle slides to the left", num_frames=4)
    axes = draw_figure(explanation).axes[1]
    assert names_in(axes) == ["red", "circle", "slides", "left"]
    note = draw_figure(explanation).texts[-1].get_text().replace("\n", " ")
    assert "Not shown: “a”, “to”, “the”." in note
    chosen = draw_figure(explanation, words=["the", 1, "CIRCLE", 1])
    assert names_in(chosen.axes[1]) == ["red", "circle", "the"], "in reading order, each once"
    assert "Not shown" not in chosen.texts[-1].get_text()
    for view in ("levels", "timeline"):
        for panel in draw_figure(explanation, levels=view, words=["red", "left"]).axes[1:]:
            assert names_in(panel) == ["red", "left"]


def test_a_word_that_the_tokenizer_cut_is_one_word():
    parts = (Word("pan", 2, 5), Word("cake", 5, 9))
    explanation = build_explanation("a pancake", num_frames=3)
    entity = explanation.levels[0]
    level = replace(
        entity,
        weight=1.0,
        word_groups=(0, 1, 2),
        interactions=np.vstack([entity.interactions, entity.interactions[:1]]),
        token_similarity=None,
        word_weights=None,
        word_values=np.append(entity.word_values, 0.0),
    )
    words = (explanation.words[0], *parts)
    explanation = replace(explanation, words=words, levels=(level,), similarity=level.similarity)
    assert names_in(draw_figure(explanation).axes[1]) == ["pancake"]
    assert names_in(draw_figure(explanation, levels="levels", words=["pancake"]).axes[1]) == ["pan", "cake"]
    with pytest.raises(ValueError, match=r"has no word 'pan': it has 0 “a” and 1 “pancake”"):
        draw_figure(explanation, words=["pan"])


@pytest.mark.parametrize("word", ["dog", 12, -1])
def test_another_word_is_refused(word):
    with pytest.raises(ValueError, match=r"the text has no word"):
        draw_figure(shown()["long"], words=["red", word])


def test_levels_are_chosen_by_name_and_stand_below_each_other():
    explanation = shown()["levels"]
    headings = {"entity": "Entity level", "action": "Action level", "event": "Event level"}
    for level, heading in headings.items():
        strip, panel = draw_figure(explanation, levels=level).axes
        assert heading in [text.get_text() for text in panel.texts]
        assert strip.images
    several = draw_figure(explanation, levels=("words", "timeline", "action", "entity"))
    assert len(several.axes) == 4 + 2, "pictures over the seconds, and again over the columns"
    tops = [axes.get_position().y1 for axes in several.axes]
    assert tops == sorted(tops, reverse=True)
    for levels in ("phrases", ("entity", "clips"), ()):
        with pytest.raises(ValueError, match=r"no level|needs a level"):
            draw_figure(explanation, levels=levels)
    with pytest.raises(ValueError, match=r"no level 'action': there are “words”, “levels”, “timeline” and “entity”"):
        draw_figure(shown()["maxsim"], levels="action")


def test_bars_are_as_high_as_the_words_fit():
    explanation = build_explanation("a red", num_frames=4, values=lambda words, frames: np.zeros((words, frames)))
    flat = draw_figure(explanation, words=["red"]).axes[1].collections[0].get_paths()
    explanation = shown()["maxsim"]
    lines = [line for line in word_lines(explanation) if not line.stands_back]
    limit = max(line.fit.max() for line in word_lines(explanation))
    paths = draw_figure(explanation).axes[1].collections[0].get_paths()
    assert len(paths) == len(lines) * len(explanation.frames)
    heights = np.array([path.get_extents().height for path in paths]).reshape(len(lines), -1)
    for line, row in zip(lines, heights, strict=True):
        expected = np.where(line.fit > 0, 0.82 * (LEAST_BAR + (1 - LEAST_BAR) * line.fit / limit), 0.06)
        np.testing.assert_allclose(row, expected, atol=1e-9)
    assert {round(path.get_extents().height, 6) for path in flat} == {0.06}


def test_bars_that_are_not_certain_are_dotted_and_the_others_have_error_bars():
    explanation = kinds()["maxsim-drawn"]
    lines = [line for line in word_lines(explanation) if not line.stands_back]
    axes = draw_figure(explanation).axes[1]
    unsure = sum(int(((line.errors > 0) & (np.abs(line.fit) <= 2 * line.errors)).sum()) for line in lines)
    (dots,) = [patch for patch in axes.patches if patch.get_hatch() == "...."]
    assert len(dots.get_path().to_polygons()) == unsure > 0
    assert len(axes.lines) == sum(int((line.fit > 2 * line.errors).sum()) for line in lines) > 0


@every_view
def test_one_panel_is_drawn_into_axes_of_another_figure(view):
    from matplotlib.figure import Figure

    for name in ("maxsim-drawn", "text", "picture", "long"):
        level = "entity" if view == "levels" else view
        figure = Figure(figsize=(6.75, 2.4), layout="constrained")
        axes = figure.subplots(1, 2)
        explanation = shown()[name]
        for one in axes:
            assert draw_figure(explanation, levels=level, ax=one) is one
        assert len(figure.axes) == 2, "pictures and captions are the other figure's"
        assert figure.texts == []
        words = [line.text for line in word_lines(explanation) if view != "words" or not line.stands_back]
        assert names_in(axes[0]) == words
        columns = [label.get_text() for label in axes[0].get_xticklabels()]
        expected = {"text": "Saturn", "picture": "row 1, column 1"}.get(name, columns[0])
        assert columns[0] == expected
        assert axes[0].get_xlabel() == ("" if name in ("text", "picture") else "s")
        boxes = [(text.get_text(), box) for text, box in texts_of(figure)]
        for (one, a), (other, b) in combinations(boxes, 2):
            overlap = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            assert min(overlap) <= 2.5, f"{one!r} and {other!r}"
    with pytest.raises(ValueError, match=r"axes hold one panel"):
        draw_figure(shown()["long"], levels="levels", ax=axes[0])
    with pytest.raises(ValueError, match=r"axes hold one panel"):
        draw_figure(shown()["long"], width="column", ax=axes[0])


@every_view
def test_text_stays_text_in_svg_and_pdf(tmp_path, view):
    explanation = build_explanation("a red circle slides left", num_frames=4, video="the clip.mp4")
    render_figure(explanation, tmp_path / "written.svg", levels=view, width="column")
    draw_figure(explanation, levels=view).savefig(tmp_path / "saved.svg")
    for file in ("written.svg", "saved.svg"):
        root = ElementTree.parse(tmp_path / file).getroot()
        texts = ["".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("}text")]
        assert "a red circle slides left" in texts
        assert {"red", "circle", "slides", "left"} <= set(texts)
    draw_figure(explanation, levels=view).savefig(tmp_path / "saved.pdf")
    pdf = (tmp_path / "saved.pdf").read_bytes()
    assert b"/Type3" not in pdf
    assert b"/CIDFontType2" in pdf


def test_a_notebook_shows_the_picture_once():
    figure = draw_figure(build_explanation("a red circle", num_frames=3), width="column")
    picture, size = figure._repr_png_()
    image = Image.open(BytesIO(picture))
    assert size["width"] == round(3.25 * 96)
    assert abs(image.width - 2 * size["width"]) <= 1, "sharp on a fine screen"
    assert np.asarray(image.convert("L")).std() > 5, "something is drawn"
    views = ("html", "svg", "jpeg", "pdf", "markdown", "latex", "mimebundle")
    assert [view for view in views if _shows(figure, f"_repr_{view}_")] == []


def _shows(figure, method):
    """What IPython asks: whether there is such a method, and whether it gives anything."""
    return hasattr(figure, method) and getattr(figure, method)() is not None
