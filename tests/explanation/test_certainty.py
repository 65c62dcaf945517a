"""What is exact and what was drawn: errors of parts and of sums, and that every page says what is certain."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanation.made_up import build_explanation, drawn, kinds, of_vectors
from hbi.explanation import Comparison, comparison_section, render_page
from hbi.explanation.certainty import is_uncertain, with_error
from hbi.explanation.frame_times import FrameTimes
from hbi.explanation.html.matches import Differences, Matches
from hbi.explanation.html.section_parts import bar_of
from hbi.explanation.interaction_matrix import UnmergedMatrix
from hbi.figures import draw_figure

every_kind = pytest.mark.parametrize("kind", kinds())


def text_of(markup: str) -> str:
    """What a reader sees of a page, in one line."""
    without = re.sub(r"<(style|script)\b.*?</\1>", " ", markup, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", without).split())


@every_kind
def test_parts_sum_to_the_score(kind):
    explanation = kinds()[kind]
    total = explanation.word_contributions.sum() + explanation.frame_contributions.sum() + explanation.unassigned
    assert total == pytest.approx(explanation.similarity, abs=1e-9)


def test_errors_over_levels_are_the_weighted_sum_of_theirs_which_no_correlation_exceeds():
    explanation = kinds()["levels-drawn"]
    generator = np.random.default_rng(2)
    common = generator.normal(size=200_000)
    for word, frame in ((0, 0), (3, 7)):
        bound = sum(
            part.weight * part.interaction_errors[part.word_groups[word], part.frame_groups[frame]]
            for part in explanation.levels
        )
        assert explanation.interaction_errors[word, frame] == pytest.approx(bound)
        for share in (0.0, 0.7, 1.0):
            noise = [share * common + (1 - share**2) ** 0.5 * generator.normal(size=common.size) for _ in range(3)]
            summed = sum(
                part.weight * part.errors_on_players[word, frame] * each
                for part, each in zip(explanation.levels, noise, strict=True)
            )
            assert summed.std() <= 1.01 * bound
            if share == 1.0:
                assert summed.std() == pytest.approx(bound, rel=0.01), "where levels err together it is no bound but it"


def test_a_merged_token_shares_its_error_with_its_value():
    explanation = kinds()["vectors-grouped-drawn"]
    (part,) = explanation.levels
    np.testing.assert_allclose(explanation.frame_contribution_errors, np.repeat(part.frame_errors / 2, 2))
    np.testing.assert_allclose(explanation.word_contribution_errors, part.word_errors)
    np.testing.assert_allclose(explanation.interaction_errors, np.repeat(part.interaction_errors, 2, axis=1))


def test_exact_means_no_errors_or_none_but_zeros(make_explanation):
    explanation = make_explanation(num_frames=2)
    assert explanation.is_exact
    assert not explanation.interaction_errors.any()
    entity, *rest = explanation.levels
    zeros, one = np.zeros_like(entity.interactions), np.zeros_like(entity.word_values)
    assert replace(explanation, levels=(replace(entity, interaction_errors=zeros), *rest)).is_exact
    one[0] = 1e-9
    assert not replace(explanation, levels=(replace(entity, word_errors=one), *rest)).is_exact
    assert "exact)" in repr(explanation)
    assert "drawn)" in repr(drawn(explanation))


def test_a_number_is_certain_from_two_standard_errors_on():
    values, errors = np.array([0.0, 0.0, 0.2, -0.2, 0.21, -0.21]), np.array([0.0, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert is_uncertain(values, errors).tolist() == [False, True, True, True, False, False]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.03, 0.0, "+0.03"),
        (0.0312345, 0.0021, "+0.0312 ± 0.0021"),
        (-0.0312345, 0.000996, "−0.0312 ± 0.0010"),
        (4.74, 0.25, "+4.74 ± 0.25"),
        (-120.4, 33.0, "−120 ± 33"),
        (0.0, 0.1, "0 ± 0.10"),
        (1e300, 1e299, "+1e+300 ± 1e+299"),
    ],
)
def test_errors_have_two_digits_and_numbers_as_many_decimals(value, error, text):
    assert with_error(value, error) == text


@given(st.floats(-1e300, 1e300), st.floats(0, 1e300))
def test_any_number_and_error_is_written(value, error):
    assert ("±" in with_error(value, error)) == (error > 0)
    classes, style = bar_of(value, max(abs(value) + 2 * error, 5e-324), error)
    assert ("e" in classes.split()) == ("--from" in style) == (error > 0)


def test_an_error_bar_reaches_two_standard_errors_and_ends_at_zero_where_the_sign_is_not_certain():
    assert bar_of(0.5, 1.0, 0.1) == (" e", "--v:0.500;--from:0.300;--to:0.700")
    assert bar_of(-0.5, 1.0, 0.1) == (" n e", "--v:0.500;--from:0.300;--to:0.700")
    assert bar_of(0.1, 1.0, 0.2) == (" e u", "--v:0.100;--from:0.000;--to:0.500")
    assert bar_of(0.5, 1.0) == ("", "--v:0.500")


def test_only_certain_numbers_make_a_match(make_explanation):
    values = np.array([[0.04, 0.03, 0.02], [0.01, -0.05, 0.0], [-0.05, -0.04, -0.01]])
    errors = np.array([[0.03, 0.01, 0.001], [0.01, 0.01, 0.0], [0.01, 0.01, 0.01]])
    part = UnmergedMatrix(values, errors)
    matches = Matches(
        part, {0: "“red”", 1: "“is”", 2: "“not”"}, FrameTimes(make_explanation("red is not", num_frames=3))
    )
    assert matches.frames_of_word(0) == (1, 2), "half of the best certain number, 0.03"
    assert matches.frames_of_word(1) == ()
    (match,) = matches.strongest(5)
    assert (match.interaction, match.error) == (0.03, 0.01)
    assert matches.word_sentence(0).endswith("(strongest +0.030 ± 0.010)")
    assert "is certainly worth more with it than without (best +0.010 ± 0.010)" in matches.word_sentence(1)
    assert "is worth more with it than without (best −0.010 ± 0.010)" in matches.word_sentence(2)
    assert matches.frame_sentence(0).endswith(
        "no word is certainly worth more with it than without (best +0.040 ± 0.030)"
    )
    differences = Differences(
        part, {0: "“red”", 1: "“is”", 2: "“not”"}, FrameTimes(make_explanation("a b c", num_frames=3))
    )
    assert differences.frames_of_word(1) == (1,)
    assert differences.word_sentence(1).endswith("(largest −0.050 ± 0.010: for the second)")


@every_kind
def test_a_page_says_what_the_score_is_what_is_certain_and_what_out_means(kind):
    explanation = kinds()[kind]
    markup = render_page(explanation)
    text = text_of(markup)
    name = "MaxSim 4.740" if "maxsim" in kind else f"similarity {explanation.similarity:.3f}"
    assert f"{name} · {'drawn, with standard errors' if 'drawn' in kind else 'exact'}" in text
    assert ("Drawn: the score is exact, the other numbers are estimates" in text) == ("drawn" in kind)
    assert ("Exact: every number counts all combinations" in text) == ("drawn" not in kind)
    assert ("Not certain: 0 lies within two standard errors." in text) == ("drawn" in kind)
    assert ("±" in text) == ("drawn" in kind)
    assert ("was removed from the text before the model read it" in text) == explanation.words_at_input
    assert f"Banzhaf interaction ({explanation.score})" in text
    assert ("cosine" in text) == ("maxsim" not in kind)
    assert ("Entity level" in text) == ("levels" in kind), "a single level has no name"


@every_kind
def test_dotted_cells_are_those_that_are_not_certain(kind):
    explanation = kinds()[kind]
    markup = render_page(explanation)
    for index, part in enumerate(
        (*explanation.levels, UnmergedMatrix(explanation.interactions, explanation.interaction_errors))
    ):
        table = re.findall(r"<table.*?</table>", markup, flags=re.DOTALL)[index]
        errors = part.interaction_errors
        unsure = 0 if errors is None else int(is_uncertain(part.interactions, errors).sum())
        cells = re.findall(r'<(?:td|span) class="([^"]*)"[^>]*data-word="\d+" data-frame="\d+"', table)
        groups = sum("u" in classes.split() for classes in cells)
        assert groups == unsure, "neighbours that were merged share one cell"
        assert ("±" in table) == ("drawn" in kind)


def test_the_script_gets_the_errors_where_there_are_any():
    for kind, explanation in kinds().items():
        data = json.loads(re.findall(r'class="hbi-data">(.*?)</script>', render_page(explanation))[0])
        errors = data["levels"][0]["errors"]
        assert data["unit"] == explanation.score
        if "drawn" in kind:
            np.testing.assert_allclose(errors, explanation.levels[0].interaction_errors, rtol=1e-5)
        else:
            assert errors is None


def test_a_comparison_bounds_the_error_of_a_difference_by_both(make_explanation):
    exact, other = make_explanation("a red square"), drawn(make_explanation("a big blue square"))
    comparison = Comparison(exact, other)
    assert not comparison.is_exact
    assert comparison.rows == ((0, 0), (1, 1), (None, 2), (2, 3))
    np.testing.assert_allclose(comparison.interaction_errors, other.interaction_errors)
    both = Comparison(drawn(exact), other)
    np.testing.assert_allclose(
        both.interaction_errors[0], drawn(exact).interaction_errors[0] + other.interaction_errors[0]
    )
    np.testing.assert_allclose(both.word_contribution_errors[2], other.word_contribution_errors[2])
    assert (both.frame_contribution_errors > 0).all()
    assert not Comparison(exact, exact).word_contribution_errors.any()
    text = text_of(comparison_section(comparison, "why"))
    assert "drawn, with standard errors" in text
    assert "the scores are exact" in text
    assert "the estimated Banzhaf interaction" in text
    assert "the exact Banzhaf interaction" in text_of(comparison_section(Comparison(exact, exact), "why"))


def test_numbers_that_are_not_certain_come_last_among_the_differences(make_explanation):
    text = "a red square"
    one = of_vectors(make_explanation(text, num_frames=2))
    (part,) = one.levels
    values, errors = np.zeros((3, 2)), np.zeros((3, 2))
    values[0], values[1, 0], errors[0] = 0.9, 0.1, 0.5
    changed = replace(one, levels=(replace(part, interactions=part.interactions + values, interaction_errors=errors),))
    markup = comparison_section(Comparison(changed, one), "why")
    _, listed = markup.split("Largest differences")
    assert re.findall(r"<li><span>(.)(.*?) <em>", listed)[0][1] == "red”"


def test_different_scores_and_different_ways_to_be_out_are_not_compared(make_explanation):
    one = make_explanation()
    with pytest.raises(ValueError, match=r"of different scores: cosine similarity and MaxSim"):
        Comparison(one, replace(one, score="MaxSim"))
    with pytest.raises(ValueError, match=r"removes words from the text"):
        Comparison(one, replace(one, words_at_input=True))


def test_what_other_tokens_add_is_named_so_that_the_sum_is_seen_to_hold(make_explanation):
    explanation = of_vectors(make_explanation("a dog", num_frames=2))
    (part,) = explanation.levels
    padded = replace(
        explanation,
        levels=(
            replace(
                part,
                interactions=np.zeros((3, 2)),
                word_values=np.append(part.word_values - 0.02, 0.04),
            ),
        ),
    )
    assert padded.unassigned == pytest.approx(0.04)
    text = text_of(render_page(padded))
    assert "sums to the score: words +0.030, frames +0.030, other tokens +0.040: 0.100." in text
    told = text_of(comparison_section(Comparison(padded, explanation), "why"))
    assert "words −0.040, frames 0, other tokens +0.040: 0." in told
    timeline = draw_figure(padded, levels="timeline")
    notes = " ".join(text.get_text() for text in timeline.texts).replace("\n", " ")
    assert "words, frames and other tokens (+0.040) sum to the score." in notes


def test_a_score_with_any_name_is_shown_as_text():
    markup = render_page(replace(build_explanation("a dog", num_frames=1), score="<b>$x</b>"))
    assert "<b>$x" not in markup
    assert "&lt;b&gt;$x&lt;/b&gt; <b>0.250</b>" in markup
