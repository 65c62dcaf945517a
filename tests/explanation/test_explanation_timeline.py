"""The timeline: lines over true seconds, and what each word adds; and the videos of a page."""

import base64
from itertools import pairwise

import numpy as np
import pytest

from hbi.explanation import draw_timeline, render_timeline
from hbi.explanation.page import render_page
from hbi.explanation.player import Videos, player


def test_every_word_has_a_line_over_the_seconds_of_its_frames(make_explanation):
    explanation = make_explanation("a red square", num_frames=4, duration_seconds=8.0)
    _, lines, adds = draw_timeline(explanation).axes
    assert lines.get_xlim() == (0.0, 8.0)
    assert [label.get_text() for label in lines.get_yticklabels()] == ["a", "red", "square"]
    paths = lines.collections[0].get_paths()
    assert len(paths) == 3 * 4
    assert paths[1].get_extents().x0 == pytest.approx(2.0)
    assert len(adds.patches) == 3


def test_colors_follow_the_one_rule(make_explanation):
    explanation = make_explanation("a red", num_frames=2, values=lambda words, frames: np.full((words, frames), -0.01))
    lines = draw_timeline(explanation).axes[1]
    colors = lines.collections[0].get_facecolors()
    assert (colors == colors[0]).all()
    (hatched,) = lines.patches
    assert hatched.get_edgecolor()[:3] == (1, 1, 1), "a strong blue is hatched in white"
    assert len(hatched.get_path().to_polygons()) == 4


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_explanation_gives_the_same_bytes(tmp_path, make_explanation, ending):
    one, other = tmp_path / f"one.{ending}", tmp_path / f"other.{ending}"
    for path in (one, other):
        render_timeline(make_explanation("שלום <b> $x^2$"), path)
    assert one.read_bytes() == other.read_bytes()


def test_every_extreme_is_drawn(tmp_path, extreme):
    render_timeline(extreme, tmp_path / "timeline.png")
    assert (tmp_path / "timeline.png").stat().st_size > 1000


def test_thumbnails_never_cover_each_other(make_explanation):
    strip = draw_timeline(make_explanation(num_frames=40, duration_seconds=20.0)).axes[0]
    edges = sorted(image.get_extent()[:2] for image in strip.images)
    assert len(edges) > 3
    assert all(before[1] <= after[0] + 1e-6 for before, after in pairwise(edges))


def test_a_page_embeds_small_videos_and_links_to_large_ones(tmp_path):
    small, large = tmp_path / "clips" / "small.mp4", tmp_path / "clips" / "größe & 1.webm"
    small.parent.mkdir()
    small.write_bytes(b"small")
    large.write_bytes(b"x" * 100)
    videos = Videos(page=tmp_path / "pages" / "page.html", bytes_left=50)
    assert videos.address(small) == f"data:video/mp4;base64,{base64.b64encode(b'small').decode()}"
    assert videos.bytes_left == 45
    assert videos.address(large) == "../clips/gr%C3%B6%C3%9Fe%20%26%201.webm"
    assert Videos(bytes_left=50).address(large) is None
    assert videos.address(tmp_path / "none.mp4") is None
    assert videos.address(None) is None
    (tmp_path / "clip.avi").write_bytes(b"x")
    assert videos.address(tmp_path / "clip.avi") is None, "no browser plays it"


def test_without_a_video_there_is_no_player(make_explanation):
    assert player(None, 0, "clip") == ""
    assert "<video" not in render_page(make_explanation())
    page = render_page(make_explanation(video='"><b>.mp4'), address='a"b.mp4')
    assert 'src="a&quot;b.mp4"' in page
    assert 'aria-label="&quot;&gt;&lt;b&gt;.mp4"' in page


def test_what_each_adds_stands_beside_its_line(make_explanation):
    page = render_page(make_explanation())
    assert "sums to the score: words +0.175, frames +0.075: 0.250." in page
