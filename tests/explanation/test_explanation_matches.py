"""What an explanation says: groups, times, matches, sentences."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hbi.explanation.frame_times import FrameTimes, TimeFormat
from hbi.explanation.html.matches import Differences, Matches, phrase_of
from hbi.explanation.interaction_matrix import Run, UnmergedMatrix, is_merged, names_of_split_groups, runs_of
from hbi.explanation.wording import decimals_for, direction, listing, quoted, signed

SPACE = "\N{NO-BREAK SPACE}"


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_runs_cover_the_players_in_order_and_change_token_at_every_cut(groups):
    runs = runs_of(groups)
    assert [run.group for run in runs for _ in range(run.length)] == groups
    assert [player for run in runs for player in range(run.start, run.stop)] == list(range(len(groups)))
    assert all(before.group != after.group for before, after in itertools.pairwise(runs))


def test_only_tokens_in_several_pieces_are_named():
    assert names_of_split_groups((0, 0, 1, 0, 2, 3, 2), is_letters=True) == {0: "A", 2: "B"}
    assert names_of_split_groups((0, 0, 1, 0), is_letters=False) == {0: "1"}
    many = tuple(range(30)) * 2
    assert list(names_of_split_groups(many, is_letters=True).values())[24:28] == ["Y", "Z", "AA", "BB"]


def test_a_level_is_merged_when_any_two_players_share_a_token(make_explanation):
    explanation = make_explanation("a red square", num_frames=2, action_words=[0, 1, 2], action_frames=[0, 0])
    assert [is_merged(part) for part in explanation.levels] == [False, True, True]


def matches_of(explanation, part):
    phrases = {group: phrase_of(explanation, part, group) for group in part.word_groups}
    return Matches(part, phrases, FrameTimes(explanation))


def test_a_word_goes_with_the_frames_that_reach_half_of_its_best(make_explanation):
    table = np.array([[0.04, 0.02, 0.019, -0.1], [-0.1, -0.2, -0.3, -0.4], [0.0, 0.0, 0.0, 0.0]])
    explanation = make_explanation("red is not", num_frames=4, values=lambda words, frames: table[:words, :frames])
    matches = matches_of(explanation, explanation.levels[0])
    assert [matches.frames_of_word(word) for word in range(3)] == [(0, 1), (), ()]
    assert [matches.words_of_frame(frame) for frame in range(4)] == [(0,), (0,), (0,), ()]
    (match,) = matches.strongest(5)
    assert (match.word_group, match.frame_groups, match.interaction) == (0, (0, 1), 0.04)
    assert matches.word_sentence(0).replace(SPACE, " ") == "“red”: 0.0 s to 3.0 s (strongest +0.04)"
    assert matches.word_sentence(1).endswith("with it than without (best −0.1)")
    assert matches.frame_sentence(0).replace(SPACE, " ") == "0.0 s to 1.5 s: “red” (strongest +0.04)"
    assert "no word" in matches.frame_sentence(3)


def test_differences_count_by_their_size_and_name_the_side_that_they_speak_for(make_explanation):
    part = UnmergedMatrix(np.array([[0.1, -0.4, -0.2, -0.1], [0.0, 0.0, 0.0, 0.0]]))
    differences = Differences(part, {0: "“red”", 1: "“is”"}, FrameTimes(make_explanation("red is", num_frames=4)))
    assert differences.frames_of_word(0) == (1, 2)
    expected = "“red”: 1.5 s to 4.5 s (largest −0.4: for the second)"
    assert differences.word_sentence(0).replace(SPACE, " ") == expected
    assert differences.frame_sentence(0).endswith("“red” (largest +0.1: for the first)")
    assert differences.word_sentence(1) == "“is”: no difference"


def test_the_strongest_pairs_come_first_and_are_no_more_than_asked(make_explanation):
    explanation = make_explanation("one two three four", num_frames=5)
    matches = matches_of(explanation, explanation.levels[0]).strongest(3)
    strengths = [match.interaction for match in matches]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] == explanation.levels[0].interactions.max()
    assert len(matches) == 3


def test_a_token_without_members_is_no_partner(make_explanation):
    explanation = make_explanation("red square", num_frames=2, action_words=[0, 2], action_frames=[0, 2])
    matches = matches_of(explanation, explanation.levels[1])
    assert set(matches.frames_of_word(0)) <= {0, 2}
    assert {match.word_group for match in matches.strongest(9)} <= {0, 2}


def test_a_phrase_is_a_piece_of_the_caption_with_its_gaps_marked(make_explanation):
    explanation = make_explanation("a red,  shiny square", action_words=[0, 1, 1, 0])
    action = explanation.levels[1]
    assert phrase_of(explanation, action, 1) == "“red,  shiny”"
    assert phrase_of(explanation, action, 0) == "“a … square”"


@pytest.mark.parametrize(
    ("duration_seconds", "num_frames", "seconds", "expected"),
    [
        (10.0, 12, 3.14159, f"3.1{SPACE}s"),
        (0.8, 12, 0.1, f"0.10{SPACE}s"),
        (0.04, 12, 0.0333, f"0.033{SPACE}s"),
        (0.04, 1, 0.02, f"0.0{SPACE}s"),
        (59.96, 12, 59.96, f"60.0{SPACE}s"),
        (60.0, 12, 3.0, "0:03"),
        (200.0, 64, 119.7, "2:00"),
        (70.0, 140, 65.25, "1:05.2"),
        (7300.0, 12, 3723.4, "1:02:03"),
    ],
)
def test_times_are_as_fine_as_the_frames_are_close(make_explanation, duration_seconds, num_frames, seconds, expected):
    explanation = make_explanation(num_frames=num_frames, duration_seconds=duration_seconds)
    assert TimeFormat(explanation).time(seconds) == expected


def test_spans_join_neighbours_and_list_the_rest(make_explanation):
    times = FrameTimes(make_explanation(num_frames=6))
    assert times.spans([5, 1, 0, 3]).replace(SPACE, " ") == "0.0 s to 2.0 s, 3.0 s to 4.0 s and 5.0 s to 6.0 s"
    assert times.bracket(Run(0, 1, 4)) == "1.0–4.0"


def test_numbers_carry_their_sign():
    assert [signed(0.031274), signed(-0.5), signed(0.0), signed(-1e-9)] == ["+0.031274", "−0.5", "0", "−1e−09"]
    assert [signed(0.03, 4), signed(-0.00001, 4), signed(-0.25, 1)] == ["+0.0300", "0", "−0.2"]
    assert [decimals_for(limit) for limit in (0.0183, 0.36, 0.0, 2.0, 1e-5)] == [4, 3, 2, 2, 7]


def test_lists_and_quotes():
    assert [listing("a"), listing("ab"), listing("abc")] == ["a", "a and b", "a, b and c"]
    assert quoted("red") == "“red”"
    assert quoted("שלום") == "\u2068“שלום”\u2069"
    assert quoted("red שלום").startswith("\u2068"), "its end would take the next words along"
    assert [direction(text) for text in ("12 שלום red", "red שלום", "…", "مرحبا")] == ["rtl", "ltr", "ltr", "rtl"]
