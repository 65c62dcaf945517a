"""Why this and not that: what is put side by side, and that the difference is made of its parts."""

from dataclasses import replace

import numpy as np
import pytest

from hbi.explanation import Comparison, comparison_section
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.page import page


def shifted(explanation, by):
    """The same pair with another score: every level's first word adds more."""
    levels = []
    for part in explanation.levels:
        values = part.word_values.copy()
        values[0] += by
        levels.append(replace(part, similarity=part.similarity + by, word_values=values))
    return replace(explanation, levels=tuple(levels), similarity=explanation.similarity + by)


def summed(comparison):
    return comparison.word_contributions.sum() + comparison.frame_contributions.sum() + comparison.unassigned


def test_words_that_replace_each_other_share_a_row(make_explanation):
    comparison = Comparison(make_explanation("a red square slides"), make_explanation("a blue square slides away"))
    assert comparison.rows == ((0, 0), (1, 1), (2, 2), (3, 3), (None, 4))
    assert comparison.columns == tuple((index, index) for index in range(6))
    ours, theirs = comparison.first.interactions, comparison.second.interactions
    np.testing.assert_allclose(comparison.interactions[1], ours[1] - theirs[1])
    np.testing.assert_allclose(comparison.interactions[4], -theirs[4])


def test_a_word_that_one_text_lacks_counts_as_nothing_there(make_explanation):
    comparison = Comparison(make_explanation("a red square"), make_explanation("a square"))
    assert comparison.rows == ((0, 0), (1, None), (2, 1))
    np.testing.assert_allclose(comparison.interactions[1], comparison.first.interactions[1])


def test_two_videos_stand_one_after_the_other(make_explanation):
    one, other = make_explanation(num_frames=3, video="one.mp4"), make_explanation(num_frames=2, video="other.mp4")
    comparison = Comparison(one, other)
    assert comparison.columns == ((0, None), (1, None), (2, None), (None, 0), (None, 1))
    np.testing.assert_allclose(comparison.interactions, np.hstack([one.interactions, -other.interactions]))
    np.testing.assert_allclose(
        comparison.interactions_at(0), np.hstack([one.levels[0].on_players, -other.levels[0].on_players])
    )


@pytest.mark.parametrize("text", ["a red square slides left", "something else"])
def test_what_words_and_frames_add_sums_to_the_difference(make_explanation, text):
    comparison = Comparison(shifted(make_explanation(), 0.11), make_explanation(text))
    assert comparison.difference == pytest.approx(0.11)
    assert summed(comparison) == pytest.approx(comparison.difference, abs=1e-12)


def test_the_other_way_round_everything_has_the_other_sign(make_explanation):
    one, other = make_explanation("a red square"), make_explanation("a big blue square")
    there, back = Comparison(one, other), Comparison(other, one)
    assert there.difference == -back.difference
    assert sorted(there.interactions.ravel()) == pytest.approx(sorted((-back.interactions).ravel()))


def test_what_has_nothing_in_common_is_not_compared(make_explanation):
    with pytest.raises(ValueError, match="one text or one video in common"):
        Comparison(make_explanation("a dog", num_frames=3), make_explanation("a cat", num_frames=4))
    one = make_explanation()
    entity = replace(one.levels[0], weight=1.0)
    with pytest.raises(ValueError, match="different levels"):
        Comparison(one, replace(one, levels=(entity,), similarity=entity.similarity))


def test_the_same_name_with_other_frames_is_another_video(make_explanation):
    assert not Comparison(make_explanation(num_frames=3), make_explanation(num_frames=2)).is_same_video


def test_times_of_two_videos_say_which(make_explanation):
    one, other = make_explanation(num_frames=3), make_explanation(num_frames=6)
    times = FrameTimes(one, other, names=("first", "second"))
    spans = times.spans([1, 2, 3, 4]).replace("\N{NO-BREAK SPACE}", " ")
    assert spans == "first 2.0 s to 6.0 s and second 0.0 s to 2.0 s"
    assert times.label(3).startswith("second: Frame at 0.5")


def test_the_section_names_both_and_the_difference(make_explanation):
    comparison = Comparison(shifted(make_explanation("a <b> square"), 0.11), make_explanation("a blue square"))
    markup = page("Why", [comparison_section(comparison, "why")])
    assert "&lt;b&gt; → blue" in markup
    assert "difference <b>+0.110</b>" in markup
    assert markup.count("<table") == 4
    assert "<b> →" not in markup


def test_an_equal_pair_differs_nowhere(make_explanation):
    comparison = Comparison(make_explanation(), make_explanation())
    assert not comparison.interactions.any()
    assert "no difference" in comparison_section(comparison, "same")


def test_notebooks_show_it_with_an_id_of_its_own(make_explanation):
    comparison = Comparison(make_explanation("one word"), make_explanation("two words"))
    one, other = comparison._repr_html_(), comparison._repr_html_()
    assert one.startswith('<div class="hbi-notebook"><style>')
    assert one.endswith("</script></div>")
    assert one != other
    assert make_explanation()._repr_html_().count('class="hbi-explanation"') == 1
