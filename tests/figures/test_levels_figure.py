"""The levels as a static figure: every size and text, the sign without color, no pyplot, the same bytes each time."""

import sys
from functools import cache
from io import BytesIO
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from hbi.figures.figure import draw_figure, render_figure
from hbi.figures.fonts import drawable, families_for
from hbi.figures.layout import LONGEST_NAME


@cache
def figure_of(explanation):
    """The figure of an extreme explanation; two tests look at it."""
    return draw_figure(explanation, levels="levels")


def maps_of(figure):
    """The axes of the levels; the first are those of the film strip."""
    return figure.axes[1:]


def test_figures_are_of_a_sensible_size_and_keep_every_word_at_every_level(extreme):
    figure = figure_of(extreme)
    width, height = figure.get_size_inches()
    assert 5 < width < 13
    assert 2 < height < 34
    assert len(maps_of(figure)) == len(extreme.levels)
    for axes in maps_of(figure):
        labels = axes.get_yticklabels()
        for word, label in zip(extreme.words, labels, strict=True):
            shown, whole = label.get_text(), drawable(word.text)
            assert shown == whole or (len(shown) == LONGEST_NAME and whole.startswith(shown[:-1]))
            assert label.get_fontsize() >= 6
            assert not label.get_parse_math(), "a caption with $ is no formula"


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_nothing_is_cut_off_and_no_level_covers_another(extreme):
    figure = figure_of(extreme)
    page = figure.bbox
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for box in [*boxes, *(text.get_window_extent() for text in figure.texts)]:
        assert page.x0 - 1 <= box.x0
        assert box.x1 <= page.x1 + 1
        assert page.y0 - 1 <= box.y0
        assert box.y1 <= page.y1 + 1
    for upper, lower in pairwise(boxes):
        assert lower.y1 <= upper.y0 + 1


@pytest.mark.parametrize(("ending", "beginning"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_same_explanation_gives_the_same_file(tmp_path, make_explanation, ending, beginning):
    explanation = make_explanation("red and red", num_frames=2, action_words=[0, 1, 0])
    for name in ("one", "two"):
        render_figure(explanation, tmp_path / f"{name}{ending}", levels="levels")
    written = (tmp_path / f"one{ending}").read_bytes()
    assert written.startswith(beginning)
    assert written == (tmp_path / f"two{ending}").read_bytes()


def test_any_text_is_drawn_without_a_word_of_warning(tmp_path, recwarn, capfd, make_explanation):
    text = '<script>"&$x^2$</script> שלום 👩\u200d👧 日本語 a\u200bb \x07 \ud800'
    hostile = make_explanation(text, num_frames=2, video="\ud800.mp4")
    render_figure(hostile, tmp_path / "figure.svg", levels=("words", "levels", "timeline"))
    assert not recwarn.list
    assert capfd.readouterr().err == ""
    for element in ElementTree.parse(tmp_path / "figure.svg").iter():
        assert not element.tag.endswith("script")
        for name, value in element.attrib.items():
            assert not name.endswith("href") or value.startswith(("#", "data:"))


def test_the_sign_is_visible_without_color(make_explanation):
    explanation = make_explanation(
        "dog", num_frames=2, values=lambda words, frames: np.array([[1.0, -1.0]])[:words, :frames]
    )
    figure = draw_figure(explanation, levels="levels")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    grey = np.asarray(Image.open(buffer).convert("L")).astype(float)
    box = maps_of(figure)[0].get_position()
    rows = slice(int((1 - box.y1) * grey.shape[0]) + 3, int((1 - box.y0) * grey.shape[0]) - 3)
    left, right = int(box.x0 * grey.shape[1]), int(box.x1 * grey.shape[1])
    middle = (left + right) // 2
    positive, negative = grey[rows, left + 3 : middle - 3], grey[rows, middle + 3 : right - 3]
    assert positive.std() < 1, "a positive block is plain"
    assert negative.std() > 15, "a negative block is hatched"
    assert positive.mean() < 200, "both are darker than zero"


def test_joined_blocks_bear_their_number_and_brackets_their_seconds(make_explanation):
    values = {(5, 6): 0.0, (3, 3): 0.5, (1, 1): -0.25}
    explanation = make_explanation(values=lambda words, frames: np.full((words, frames), values[words, frames]))
    figure = draw_figure(explanation, levels="levels")
    entity, action, event = ([text.get_text() for text in axes.texts] for axes in maps_of(figure))
    assert " all 0" in entity
    assert action.count("+0.500") == 9
    assert {"0.0–2.0", "2.0–4.0", "4.0–6.0"} <= set(action)
    assert {"−0.250", "0.0–6.0", "Event level", "similarity 0.300, weight 0.6"} <= set(event)


def test_drawing_leaves_pyplot_and_its_settings_alone(tmp_path, monkeypatch, make_explanation):
    import matplotlib

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    names = ("font.family", "svg.hashsalt", "svg.fonttype", "pdf.fonttype", "hatch.linewidth")
    before = [matplotlib.rcParams[name] for name in names]
    render_figure(make_explanation("dog", num_frames=2), tmp_path / "figure.png", levels="levels")
    assert [matplotlib.rcParams[name] for name in names] == before


def test_characters_without_a_picture_are_left_out():
    assert drawable("a\u200bb\tc\u2069 \ud800é") == "ab c é"
    assert families_for("plain") == ["DejaVu Sans"]
    assert families_for("\U0010fffd")[0] == "DejaVu Sans", "a letter that no font has is no error"
