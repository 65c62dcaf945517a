"""`hbi explain` in all its forms, as a user runs it."""

import json

import pytest

from end_to_end.conftest import fail_here, succeed_here

pytestmark = pytest.mark.slow

TEXT = "a red circle slides left"


@pytest.fixture(scope="module")
def videos(data):
    return [data / "videos" / "test" / f"{index:05d}.mp4" for index in range(3)]


def test_a_text_against_several_videos_ranks_them_and_passes_over_what_is_no_video(trained, videos, tmp_path):
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(b"no video")
    out = tmp_path / "page.html"
    printed = succeed_here("explain", trained, *videos, damaged, TEXT, "--out", out)
    assert "best of 3" in printed
    assert "passed over" in printed
    assert "damaged.mp4" in printed
    page = out.read_text()
    assert "Why the first and not the second" in page
    assert page.count('class="hbi-explanation"') == 3
    assert page.count('class="hbi-explanation hbi-comparison"') == 1
    assert "data:video/mp4;base64," in page


def test_two_texts_on_one_video(trained, videos, tmp_path):
    out = tmp_path / "why.html"
    succeed_here("explain", trained, videos[0], TEXT, "--instead-of", "a blue circle slides left", "--out", out)
    assert "red → blue" in out.read_text()


def test_the_failures_of_an_evaluation_stand_on_one_page_worst_first(trained, tmp_path):
    out = tmp_path / "failures.html"
    printed = succeed_here("explain", trained, "--worst", 4, "--out", out)
    page = out.read_text()
    assert "do not find their video first; 4 written" in printed
    assert page.count('class="hbi-explanation hbi-comparison"') == 4
    ranks = [float(part.split(":")[0]) for part in page.split(". Rank ")[1:]]
    assert ranks == sorted(ranks, reverse=True)
    assert min(ranks) > 1


def test_the_timeline_is_a_figure_of_its_own(trained, videos, tmp_path):
    levels, timeline = tmp_path / "levels.png", tmp_path / "timeline.png"
    succeed_here("explain", trained, videos[0], TEXT, "--out", levels)
    succeed_here("explain", trained, videos[0], TEXT, "--view", "timeline", "--out", timeline)
    assert levels.read_bytes() != timeline.read_bytes()


def test_what_does_not_fit_together_is_said_in_one_line(trained, videos, tmp_path):
    out = ("--out", tmp_path / "x.html")
    assert "give a video and a text" in fail_here("explain", trained, *out)
    assert "give a video and a text" in fail_here("explain", trained, videos[0], *out)
    assert "give no video" in fail_here("explain", trained, videos[0], TEXT, "--worst", 3, *out)
    assert "give one video" in fail_here("explain", trained, *videos, TEXT, "--instead-of", "a star", *out)
    assert "use one of .html" in fail_here("explain", trained, *videos, TEXT, "--out", tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_evaluate_measures_explanations_as_well(trained):
    printed = succeed_here("evaluate", trained, "--explanations")
    assert "exact Banzhaf" in printed
    values = json.loads((trained / "explanations.json").read_text())
    by_name = {value["method"]: value for value in values}
    assert by_name["banzhaf"]["num_curves"] == 6
    assert 0 <= by_name["banzhaf"]["pointing"][0]["pointing"] <= 100
    assert by_name["contributions"]["cell_correlation"] is None
