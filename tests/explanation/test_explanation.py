"""The result types: what they give, and what they refuse."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

from hbi.explanation import Frame, LevelExplanation, Word


def level(**changes) -> LevelExplanation:
    parts = {
        "level": "action",
        "weight": 1.0,
        "similarity": 0.2,
        "word_groups": (0, 1, 0),
        "frame_groups": (1, 0),
        "interactions": np.eye(2),
        "token_similarity": np.eye(2),
        "word_weights": [0.5, 0.5],
        "frame_weights": [0.5, 0.5],
        "word_values": [0.3, 0.0],
        "frame_values": [-0.1, 0.0],
    }
    return LevelExplanation(**(parts | changes))


def test_interactions_of_merged_tokens_are_written_at_each_of_their_players():
    part = level(interactions=np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert part.on_players.tolist() == [[2.0, 1.0], [4.0, 3.0], [2.0, 1.0]]


def test_tensors_are_taken_over_exactly_and_cannot_be_changed_later():
    values = torch.rand(2, 2, dtype=torch.float32)
    similarity = {"similarity": torch.tensor(0.25), "frame_values": torch.tensor([-0.05, 0.0])}
    part = level(interactions=values, word_groups=torch.tensor([0, 1, 0]), **similarity)
    assert (part.interactions == values.double().numpy()).all()
    assert (type(part.similarity), part.word_groups) == (float, (0, 1, 0))
    with pytest.raises(ValueError, match="read-only"):
        part.interactions[0, 0] = 1.0
    with pytest.raises(FrozenInstanceError):
        part.similarity = 0.0


def test_the_numbers_given_are_copied():
    values = np.zeros((2, 2))
    part = level(interactions=values)
    values[0, 0] = 5.0
    assert part.interactions[0, 0] == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": "sentence"}, "none of entity, action, event"),
        ({"similarity": float("nan")}, "similarity of level action is nan"),
        ({"interactions": np.zeros(4)}, r"must be \[word_groups, frame_groups\], not \[4\]"),
        (
            {"interactions": np.array([[0.0, np.inf], [0.0, 0.0]])},
            "level action hold a value that is not finite",
        ),
        ({"token_similarity": np.zeros((2, 3))}, r"token similarity of level action must be \[2, 2\], not \[2, 3\]"),
        ({"word_weights": [1.0]}, r"word weights of level action must be \[2\]"),
        ({"frame_values": [0.0, 0.0]}, "values of level action sum to 0.3, but its similarity is 0.2"),
        ({"interaction_errors": -np.eye(2)}, "interaction errors of level action hold a value below 0"),
        ({"interaction_errors": np.eye(3)}, r"interaction errors of level action must be \[2, 2\], not \[3, 3\]"),
        ({"word_errors": [0.1, np.nan]}, "word errors of level action hold a value that is not finite"),
        ({"frame_errors": [0.1]}, r"frame errors of level action must be \[2\]"),
        ({"interactions": None}, "interactions of action must be"),
        ({"word_groups": (0, 2, 0)}, r"word groups \[2\] of level action are outside 0 to 1"),
        ({"frame_groups": (-1, 0)}, r"frame groups \[-1\]"),
    ],
)
def test_a_level_that_does_not_fit_itself_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        level(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"thumbnail": np.zeros((3, 4, 4))}, "must be uint8, not float64"),
        ({"thumbnail": np.zeros((4, 4, 3), dtype=np.uint8)}, r"must be \[3, height, width\]"),
        ({"timestamp_seconds": 3.0}, "its time must lie inside"),
        ({"start_seconds": float("nan")}, "start seconds is nan"),
        ({"start_seconds": -1.0}, "cannot stand for -1.0 s to 2.0 s"),
    ],
)
def test_a_frame_outside_its_own_span_or_without_a_picture_is_refused(changes, message):
    parts = {
        "timestamp_seconds": 1.5,
        "start_seconds": 1.0,
        "end_seconds": 2.0,
        "thumbnail": np.zeros((3, 4, 4), dtype=np.uint8),
    }
    assert "1.50 s, for 1.00 to 2.00 s, thumbnail=[3, 4, 4]" in repr(Frame(**parts))
    with pytest.raises(ValueError, match=message):
        Frame(**(parts | changes))


def test_words_have_to_be_what_the_text_has_in_reading_order(make_explanation):
    explanation = make_explanation("a red square", num_frames=2)
    a, red, square = explanation.words
    for words, message in [
        ((a, Word("blue", 2, 5), square), "'blue' is not what the text has"),
        ((red, a, square), "out of order"),
        ((a, red, Word("square!", 6, 13)), "outside the text"),
        ((), "needs words"),
    ]:
        with pytest.raises(ValueError, match=message):
            replace(explanation, words=words)


def test_a_mark_without_characters_and_two_tokens_of_one_character_are_players_too(make_explanation):
    explanation = make_explanation("an emoji 👍", num_frames=2)
    an, emoji, thumb = explanation.words
    assert replace(explanation, words=(an, thumb, thumb)).words[1].text == "👍"
    assert replace(explanation, words=(an, emoji, Word("(end)", 10, 10))).words[2].text == "(end)"


def test_parts_of_different_explanations_do_not_mix(make_explanation):
    explanation = make_explanation("a red square", num_frames=4)
    entity, action, event = explanation.levels
    first, second, *rest = explanation.frames
    small = replace(second, thumbnail=np.zeros((3, 4, 4), dtype=np.uint8))
    for changes, message in [
        ({"levels": (action, entity, event)}, "must be in the order entity, action, event"),
        ({"levels": (entity, entity)}, "each at most once"),
        ({"levels": make_explanation("two words", num_frames=4).levels}, "groups 2 words and 4 frames, but"),
        ({"frames": (second, first, *rest)}, "not in order of time"),
        ({"frames": (first, small, *rest)}, "must have one size"),
        ({"duration_seconds": 1.0}, "reach to 6.0 s in a video of 1.0 s"),
        ({"duration_seconds": float("inf")}, "duration seconds is inf"),
        ({"similarity": float("inf")}, "similarity of the pair is inf"),
        ({"similarity": 0.3}, "the levels give 0.25, but the pair has 0.3"),
        ({"levels": (entity, action)}, "weights of the levels do not sum to 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            replace(explanation, **changes)


def test_a_model_without_merging_has_the_entity_level_only(make_explanation):
    explanation = make_explanation()
    entity = replace(explanation.levels[0], weight=1.0)
    assert len(replace(explanation, levels=(entity,), similarity=entity.similarity).levels) == 1


def test_the_repr_shows_shapes_and_no_pixels(make_explanation):
    text = repr(make_explanation("a red square", num_frames=4))
    assert "words=[3], frames=[4], levels=(entity: [3, 4], action: [2, 2], event: [1, 1])" in text
    assert len(text) < 300
    assert "interactions=[2, 2] on [3, 2] players" in repr(level())


def test_words_and_frames_and_what_nobody_has_sum_to_the_score(extreme):
    total = extreme.word_contributions.sum() + extreme.frame_contributions.sum() + extreme.unassigned
    assert total == pytest.approx(extreme.similarity, abs=1e-12)
    assert len(extreme.word_contributions) == len(extreme.words)


def test_a_token_shares_its_value_with_its_words_and_one_without_words_keeps_it():
    part = level(word_groups=(0, 0, 0), frame_groups=(1, 0))
    np.testing.assert_allclose(part.word_contributions, [0.1, 0.1, 0.1])
    assert part.frame_contributions.tolist() == [0.0, -0.1]
    lonely = level(word_groups=(1, 1, 1), frame_groups=(1, 1))
    assert lonely.unassigned == pytest.approx(0.2)
    assert lonely.word_contributions.sum() == 0.0


def test_levels_count_by_their_weight_in_the_score(make_explanation):
    explanation = make_explanation()
    expected = sum(part.weight * part.on_players for part in explanation.levels)
    np.testing.assert_allclose(explanation.interactions, expected)
    assert explanation.interactions.shape == (5, 6)
