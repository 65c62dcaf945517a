"""Figures of every kind of score: what is not certain is dotted, errors are written and drawn, nothing is cut off."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from explanation.made_up import kinds
from hbi.explanation.certainty import is_uncertain
from hbi.figures import Explained, draw_figure, videos_page, write_explanation
from hbi.figures.layout import FAINT
from hbi.figures.timeline_panel import BAR_WIDTH

every_kind = pytest.mark.parametrize("kind", kinds())


@cache
def figures_of(kind):
    explanation = kinds()[kind]
    return tuple(draw_figure(explanation, levels=view) for view in ("levels", "timeline"))


def dotted_in(axes):
    """How many blocks of some axes are dotted."""
    from matplotlib.colors import to_rgba

    dots = [patch for patch in axes.patches if patch.get_hatch() == "...."]
    assert all(patch.get_edgecolor() == to_rgba(FAINT) for patch in dots)
    return sum(len(patch.get_path().to_polygons()) for patch in dots)


def unsure_in(values, errors):
    return 0 if errors is None else int(is_uncertain(values, errors).sum())


def notes_of(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


@every_kind
def test_blocks_that_are_not_certain_are_dotted_and_pale(kind):
    explanation = kinds()[kind]
    levels, timeline = figures_of(kind)
    for part, axes in zip(explanation.levels, levels.axes[1:], strict=True):
        assert dotted_in(axes) == unsure_in(part.interactions, part.interaction_errors)
    errors = explanation.interaction_errors
    lines = timeline.axes[1]
    assert dotted_in(lines) == unsure_in(explanation.interactions, errors)
    colors = lines.collections[0].get_facecolors()
    unsure = is_uncertain(explanation.interactions, errors).ravel()
    if unsure.any():
        assert (colors[unsure] == colors[unsure][0]).all()
        assert np.ptp(colors[unsure][0][:3]) < 0.02, "neither orange nor blue"


@every_kind
def test_the_notes_say_the_score_and_what_is_certain(kind):
    explanation = kinds()[kind]
    for figure in figures_of(kind):
        notes = notes_of(figure)
        assert f", in {explanation.score}." in notes
        assert f"{explanation.score_name} {explanation.similarity:.3f}" in notes
        assert ("± is one standard error, a bar reaches two." in notes) == ("drawn" in kind)
        assert ("Dotted: not certain" in notes) == ("drawn" in kind)
        assert ("Exact." in notes) == ("drawn" not in kind)
        assert ("before encoding" in notes) == explanation.words_at_input


@every_kind
def test_headings_name_levels_only_where_there_are_several_and_tell_the_largest_error(kind):
    levels, _ = figures_of(kind)
    texts = [text.get_text() for axes in levels.axes[1:] for text in axes.texts]
    assert ("Words with frames" in texts) == ("levels" not in kind)
    assert ("Entity level" in texts) == ("levels" in kind)
    assert any("standard errors up to" in text for text in texts) == ("drawn" in kind)
    if kind == "vectors-grouped-drawn":
        written = [text for text in texts if "±" in text]
        assert len(written) == 7 * 4, "each joined block has the room for its number and error"


@every_kind
def test_what_a_word_adds_has_an_error_bar_of_two_standard_errors(kind):
    explanation = kinds()[kind]
    (adds,) = figures_of(kind)[1].axes[1].child_axes
    bars = adds.lines
    if "drawn" not in kind:
        assert not bars
        return
    values, errors = explanation.word_contributions, explanation.word_contribution_errors
    largest = (np.abs(values) + 2 * errors).max()
    for value, error, line, patch in zip(values, errors, bars, adds.patches, strict=True):
        start, stop = line.get_xdata()
        inches = patch.get_width() / abs(value)
        assert inches == pytest.approx((BAR_WIDTH - 0.08) / largest)
        assert stop - patch.get_x() == pytest.approx((abs(value) + 2 * error) * inches)
        assert start - patch.get_x() == pytest.approx(max(0.0, abs(value) - 2 * error) * inches)
        assert stop <= adds.get_xlim()[1]
    numbers = [text.get_text() for text in adds.texts]
    assert sum("±" in number for number in numbers) == len(values)


@every_kind
def test_nothing_is_cut_off_and_nothing_covers_another(kind):
    for figure in figures_of(kind):
        page = figure.bbox
        boxes = [axes.get_tightbbox() for axes in figure.axes]
        for box in [*boxes, *(text.get_window_extent() for text in figure.texts)]:
            assert page.x0 - 1 <= box.x0
            assert box.x1 <= page.x1 + 1
            assert page.y0 - 1 <= box.y0
            assert box.y1 <= page.y1 + 1
        note = figure.texts[-1].get_window_extent()
        assert all(note.y1 <= box.y0 + 1 for box in boxes)
    (adds,) = figures_of(kind)[1].axes[1].child_axes
    numbers = [text.get_window_extent() for text in adds.texts[:-1]]
    lines = figures_of(kind)[1].axes[1].get_window_extent()
    assert all(lines.x1 <= number.x0 for number in numbers), "a number stands beside the line, not over it"
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in pairwise(numbers))


RICHEST = ("vectors-grouped-drawn", "levels-drawn")
"""Kinds that have, together, everything that the others show."""


@pytest.mark.parametrize(
    ("kind", "ending"),
    [(kind, ending) for kind in kinds() for ending in ("html", "svg", "json")]
    + [(kind, ending) for kind in RICHEST for ending in ("png", "pdf")],
)
def test_every_kind_is_written_in_every_form(tmp_path, kind, ending):
    # A form of a picture depends on no view, and a view on no form.
    for view in ("words", "levels", "timeline") if ending in ("html", "svg") else ("words",):
        write_explanation(kinds()[kind], tmp_path / f"{view}.{ending}", view=view)
        assert (tmp_path / f"{view}.{ending}").stat().st_size > 1000


def test_a_page_of_several_videos_names_the_score():
    page = videos_page([Explained(kinds()["maxsim"]), Explained(kinds()["maxsim-drawn"])])
    assert '<th scope="col">MaxSim</th>' in page
    assert "4.740" in page
