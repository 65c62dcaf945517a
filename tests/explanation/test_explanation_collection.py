"""Pages of several explanations: in order, each with its place, and small enough to send."""

import re

from explanation.made_up import build_explanation, level_of
from hbi.figures import Explained, Failure, comparison_page, failures_page, videos_page
from hbi.figures.video_addresses import MOST_EMBEDDED_BYTES


def scored(similarity, **options):
    """An explanation of another score."""
    from dataclasses import replace

    explanation = build_explanation(**options)
    entity = explanation.levels[0]
    level = level_of("entity", similarity, 1.0, entity.word_groups, entity.frame_groups, entity.interactions)
    return replace(explanation, levels=(level,), similarity=similarity)


def test_videos_are_ranked_and_the_first_two_compared():
    page = videos_page([Explained(scored(value, video=f"{value}.mp4", num_frames=2)) for value in (0.1, 0.3, 0.2)])
    assert re.findall(r'href="#video-\d">([\d.]+)\.mp4', page) == ["0.3", "0.2", "0.1"]
    assert "first: 0.3.mp4 <b>0.300</b> · second: 0.2.mp4 <b>0.200</b> · difference <b>+0.100</b>" in page
    for anchor in ("video-1", "video-2", "video-3", "comparison"):
        assert page.count(f'id="{anchor}"') == 1


def test_one_video_has_nothing_to_compare_with():
    assert "Why the first" not in videos_page([Explained(scored(0.1))])


def test_failures_name_what_was_found_and_what_is_right():
    found, right = scored(0.3, video="<found>.mp4", num_frames=3), scored(0.1, video="right.mp4", num_frames=2)
    page = failures_page([Failure(Explained(found), Explained(right), 7.5)], "Failures & more")
    assert "1. Rank 7.5: why &lt;found&gt;.mp4 (first) and not right.mp4 (second, the right one)" in page
    assert "<title>Failures &amp; more</title>" in page
    assert "+0.200" in page


def test_a_comparison_can_be_a_page(make_explanation):
    page = comparison_page(Explained(make_explanation("one text")), Explained(make_explanation("other text")))
    assert page.count("hbi-comparison") >= 1


def test_fifty_failures_of_twelve_frames_stay_under_20_megabytes():
    text = "A yellow ring slides left. Next a yellow cross spins, and later an aqua triangle shows up."
    found, right = (build_explanation(text, num_frames=12, video=f"{name}.mp4") for name in ("found", "right"))
    one, two = (failures_page([Failure(Explained(found), Explained(right), 2.0)] * count, "Many") for count in (1, 2))
    photographs = 2 * 12 * 7_000  # those made up here are flat; 180 pixels of a photograph take so many letters
    assert 50 * (len(two) - len(one) + photographs) + MOST_EMBEDDED_BYTES * 4 / 3 < 20e6


def test_fifty_explanations_of_twelve_frames_stay_under_20_megabytes():
    text = "A yellow ring slides left. Next a yellow cross spins, and later an aqua triangle shows up."
    one, two = (videos_page([Explained(build_explanation(text, num_frames=12))] * count) for count in (3, 4))
    photographs = 12 * 7_000
    assert 50 * (len(two) - len(one) + photographs) + MOST_EMBEDDED_BYTES * 4 / 3 < 20e6
