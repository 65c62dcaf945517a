"""From any tokens to an explanation: the numbers are those of the game, and they sum to the score."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.explanation import Word
from hbi.explanation.solve.from_games import LevelGame, explain_games
from hbi.explanation.solve.from_tokens import explain_tokens, frames_at, words_in
from hbi.games import LateInteractionGame, banzhaf_interactions, game_from_tokens, shapley_values

TEXT = "a red square slides"


def thumbnails(count):
    return np.zeros((count, 3, 4, 6), dtype=np.uint8)


def frames(count):
    return frames_at([index + 0.5 for index in range(count)], thumbnails(count), start_seconds=0.0, end_seconds=count)


def tokens(num_words=4, num_frames=5, width=8, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(count, width, generator=generator, dtype=dtype) for count in (num_words, num_frames))


def explained(word_tokens, frame_tokens, **options):
    text = " ".join(["word"] * len(word_tokens)) if len(word_tokens) != 4 else TEXT
    return explain_tokens(
        word_tokens, frame_tokens, text=text, words=words_in(text), frames=frames(len(frame_tokens)), **options
    )


def summed(explanation):
    return explanation.word_contributions.sum() + explanation.frame_contributions.sum() + explanation.unassigned


def test_the_numbers_are_those_of_the_game():
    word_tokens, frame_tokens = tokens()
    explanation = explained(word_tokens, frame_tokens)
    game = game_from_tokens(word_tokens, frame_tokens, floor_at_zero=False)
    (entity,) = explanation.levels
    np.testing.assert_allclose(entity.interactions, banzhaf_interactions(game).numpy(), atol=1e-6)
    np.testing.assert_allclose(entity.token_similarity, game.similarity.numpy(), atol=1e-6)
    words, of_frames = shapley_values(game)
    np.testing.assert_allclose(explanation.word_contributions, words.numpy(), atol=1e-6)
    np.testing.assert_allclose(explanation.frame_contributions, of_frames.numpy(), atol=1e-6)
    everyone = (torch.ones(4, dtype=torch.bool), torch.ones(5, dtype=torch.bool))
    assert explanation.similarity == pytest.approx(float(game.value(*everyone)), abs=1e-6)
    np.testing.assert_allclose(entity.word_weights, 0.25)


@settings(max_examples=30, deadline=None)
@given(
    num_words=st.integers(1, 9),
    num_frames=st.integers(1, 9),
    seed=st.integers(0, 10**6),
    is_normalized=st.booleans(),
    is_floored=st.booleans(),
    spread=st.sampled_from([0.0, 1.0, 12.0]),
)
def test_contributions_sum_to_the_score_whatever_the_tokens(
    num_words, num_frames, seed, is_normalized, is_floored, spread
):
    word_tokens, frame_tokens = tokens(num_words, num_frames, seed=seed, dtype=torch.float64)
    weights = (spread * torch.randn(num_words, generator=torch.Generator().manual_seed(seed))).double().exp()
    explanation = explained(
        word_tokens,
        frame_tokens,
        word_weights=weights / weights.sum(),
        merge_ratio=(0.5, 0.5),
        normalize_weights=is_normalized,
        floor_at_zero=is_floored,
    )
    assert len(explanation.levels) == 3
    assert summed(explanation) == pytest.approx(explanation.similarity, abs=1e-9)
    for part in explanation.levels:
        total = part.word_values.sum() + part.frame_values.sum()
        assert total == pytest.approx(part.similarity, abs=1e-9)


def test_float32_tokens_give_the_score_of_float32():
    word_tokens, frame_tokens = tokens(9, 12)
    explanation = explained(word_tokens, frame_tokens)
    game = game_from_tokens(word_tokens, frame_tokens, floor_at_zero=False)
    everyone = (torch.ones(9, dtype=torch.bool), torch.ones(12, dtype=torch.bool))
    assert summed(explanation) == pytest.approx(float(game.value(*everyone)), abs=1e-5)


def test_merged_tokens_are_means_by_weight_of_their_members():
    word_tokens, frame_tokens = tokens()
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    _, action, event = explained(word_tokens, frame_tokens, word_weights=weights, merge_ratio=(0.5, 0.5)).levels
    assert action.interactions.shape == (2, 3)
    assert event.interactions.shape == (1, 2)
    assert set(action.word_groups) == {0, 1}
    assert set(event.word_groups) == {0}
    mean = torch.nn.functional.normalize(weights @ word_tokens, dim=-1)
    ours = {group: torch.tensor(event.frame_groups) == group for group in (0, 1)}
    for group, members in ours.items():
        expected = torch.nn.functional.normalize(frame_tokens[members].mean(0), dim=-1) @ mean
        assert event.token_similarity[0, group] == pytest.approx(float(expected), abs=1e-5)
    assert [part.weight for part in (action, event)] == [0.3, 0.2]


def test_padding_that_a_model_counts_keeps_its_part_of_the_score():
    similarity = torch.tensor([[0.5, 0.1, 0.0], [0.2, 0.6, 0.0]])
    game = LateInteractionGame(similarity[None], torch.ones(1, 2), torch.tensor([[0.5, 0.3, 0.2]]), floor_at_zero=False)
    level = LevelGame(game, torch.tensor([0, 1]), torch.tensor([0, 1]))
    explanation = explain_games(
        {"entity": level},
        text="two words",
        words=words_in("two words"),
        frames=frames(2),
        video="v",
        duration_seconds=2.0,
        model="m",
    )
    assert explanation.unassigned != 0.0
    assert summed(explanation) == pytest.approx(explanation.similarity, abs=1e-9)


@pytest.mark.parametrize("score", ["MaxSim", "mean MaxSim"])
def test_the_score_of_a_multi_vector_model_is_its_own(score):
    word_tokens, frame_tokens = tokens(4, 5, dtype=torch.float64)
    explanation = explained(word_tokens, frame_tokens, score=score, use_cosine=False)
    own = sum(max(float(word @ frame) for frame in frame_tokens) for word in word_tokens)
    assert explanation.similarity == pytest.approx(own if score == "MaxSim" else own / 4)
    assert summed(explanation) == pytest.approx(explanation.similarity)
    assert (explanation.score, explanation.score_name, explanation.words_at_input) == (score, score, False)
    cosines = explained(word_tokens, frame_tokens, score="MaxSim")
    assert abs(cosines.levels[0].token_similarity).max() <= 1 + 1e-9


def test_the_score_is_named_after_what_the_tokens_are_compared_by():
    assert explained(*tokens()).score == "cosine similarity"
    assert explained(*tokens(), use_cosine=False).score == "inner product"


@pytest.mark.parametrize(
    "options", [{"word_weights": torch.ones(4)}, {"merge_ratio": (0.5, 0.5)}, {"floor_at_zero": True}]
)
def test_maxsim_knows_no_weights_no_merging_and_no_floor(options):
    with pytest.raises(ValueError, match=r"MaxSim is not defined for weights, merged tokens or a floor"):
        explained(*tokens(), score="MaxSim", **options)
    with pytest.raises(ValueError, match=r"the score is one of late interaction, MaxSim, mean MaxSim, not 'maxsim'"):
        explained(*tokens(), score="maxsim", **options)


def test_masked_tokens_take_no_part_whatever_stands_there():
    similarity = torch.tensor([[0.5, 9.0], [7.0, 8.0]])
    mask = torch.tensor([True, False])
    game = LateInteractionGame(similarity, torch.ones(2), torch.ones(2), mask, mask)
    explanation = explain_games(
        {"entity": LevelGame(game, torch.tensor([0]), torch.tensor([0]))},
        text="word",
        words=words_in("word"),
        frames=frames(1),
        video="v",
        duration_seconds=1.0,
        model="m",
    )
    assert explanation.similarity == pytest.approx(0.5)
    assert np.abs(explanation.levels[0].token_similarity).sum() == pytest.approx(0.5)
    assert explanation.unassigned == 0.0


def test_words_are_cut_at_spaces_in_any_script():
    assert words_in(" ein\troter  Kreis ") == (Word("ein", 1, 4), Word("roter", 5, 10), Word("Kreis", 12, 17))
    assert [word.text for word in words_in("שלום עולם")] == ["שלום", "עולם"]


def test_frames_reach_half_way_to_their_neighbors():
    spans = [
        (frame.start_seconds, frame.end_seconds)
        for frame in frames_at([1.0, 2.0, 4.0], thumbnails(3), start_seconds=0.5, end_seconds=5.0)
    ]
    assert spans == [(0.5, 1.5), (1.5, 3.0), (3.0, 5.0)]


@pytest.mark.parametrize("times", [[], [0.5], [0.5, 1.5, 2.5]])
def test_each_frame_needs_its_picture(times):
    with pytest.raises(ValueError, match="one thumbnail for each frame"):
        frames_at(times, thumbnails(2), start_seconds=0.0, end_seconds=3.0)


def test_tokens_have_to_be_those_of_the_words_and_frames():
    word_tokens, frame_tokens = tokens()
    for ours, theirs in product((word_tokens, word_tokens[:3]), (frame_tokens, frame_tokens[None])):
        if ours is word_tokens and theirs is frame_tokens:
            continue
        with pytest.raises(ValueError, match=r"_tokens must be \[\d \w+s, width\], not"):
            explain_tokens(ours, theirs, text=TEXT, words=words_in(TEXT), frames=frames(5))


def test_levels_need_weights():
    with pytest.raises(ValueError, match="weights above 0"):
        explained(*tokens(), level_weights=(0.0,))
