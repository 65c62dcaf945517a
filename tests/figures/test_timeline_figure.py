"""The timeline as a static figure: lines over true seconds, and what each word adds."""

from itertools import pairwise

import numpy as np
import pytest

from hbi.figures import draw_figure, render_figure


def timeline_of(explanation):
    """The axes of the pictures, of the lines, and of what each word adds."""
    strip, lines = draw_figure(explanation, levels="timeline").axes
    (adds,) = lines.child_axes
    return strip, lines, adds


def test_every_word_has_a_line_over_the_seconds_of_its_frames(make_explanation):
    explanation = make_explanation("a red square", num_frames=4, duration_seconds=8.0)
    strip, lines, adds = timeline_of(explanation)
    assert strip.get_xlim() == lines.get_xlim() == (0.0, 8.0)
    assert [label.get_text() for label in lines.get_yticklabels()] == ["a", "red", "square"]
    paths = lines.collections[0].get_paths()
    assert len(paths) == 3 * 4
    assert paths[1].get_extents().x0 == pytest.approx(2.0)
    assert len(adds.patches) == 3


def test_colors_follow_the_one_rule(make_explanation):
    explanation = make_explanation("a red", num_frames=2, values=lambda words, frames: np.full((words, frames), -0.01))
    lines = timeline_of(explanation)[1]
    colors = lines.collections[0].get_facecolors()
    assert (colors == colors[0]).all()
    (hatched,) = lines.patches
    assert hatched.get_edgecolor()[:3] == (1, 1, 1), "a strong blue is hatched in white"
    assert len(hatched.get_path().to_polygons()) == 4


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_explanation_gives_the_same_bytes(tmp_path, make_explanation, ending):
    one, other = tmp_path / f"one.{ending}", tmp_path / f"other.{ending}"
    for path in (one, other):
        render_figure(make_explanation("שלום <b> $x^2$"), path, levels="timeline")
    assert one.read_bytes() == other.read_bytes()


def test_every_extreme_is_drawn(tmp_path, extreme):
    render_figure(extreme, tmp_path / "timeline.png", levels="timeline")
    assert (tmp_path / "timeline.png").stat().st_size > 1000


def test_thumbnails_never_cover_each_other(make_explanation):
    strip = timeline_of(make_explanation(num_frames=40, duration_seconds=20.0))[0]
    edges = sorted(image.get_extent()[:2] for image in strip.images)
    assert len(edges) > 3
    assert all(before[1] <= after[0] + 1e-6 for before, after in pairwise(edges))
