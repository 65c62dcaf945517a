"""From token embeddings, to merged tokens' members, and the teachers."""

import pytest
import torch

from hbi.games import (
    BanzhafEstimator,
    EstimatorTeacher,
    ExactTeacher,
    LateInteractionGame,
    SampledTeacher,
    banzhaf_interactions,
    game_from_tokens,
    interactions,
    interactions_of_members,
)


def test_tokens_of_all_pairs():
    words, frames = torch.randn(3, 5, 8), torch.randn(2, 4, 8)
    result = interactions(words[:, None], frames[None])
    assert result.shape == (3, 2, 5, 4)
    similarity = torch.nn.functional.cosine_similarity(words[1][:, None], frames[0][None], dim=-1)
    expected = banzhaf_interactions(LateInteractionGame(similarity, torch.ones(5), torch.ones(4)))
    torch.testing.assert_close(result[1, 0], expected)


def test_one_sided_maxsim_is_twice_the_game_without_frame_weights():
    words, frames = torch.randn(5, 8), torch.randn(4, 8)
    game = game_from_tokens(
        words,
        frames,
        frame_weights=torch.zeros(4),
        use_cosine=False,
        normalize_weights=False,
        floor_at_zero=False,
    )
    everyone = game.value(torch.ones(5, dtype=torch.bool), torch.ones(4, dtype=torch.bool))
    torch.testing.assert_close(2 * everyone, (words @ frames.T).amax(1).sum())


def test_tokens_of_different_width_are_refused():
    with pytest.raises(ValueError, match=r"one width, not \[5, 8\] and \[4, 7\]"):
        interactions(torch.randn(5, 8), torch.randn(4, 7))


def test_members_get_the_interaction_of_their_merged_tokens():
    level = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    words, frames = torch.tensor([0, 1, 1, -1]), torch.tensor([1, 0, 1])
    expected = torch.tensor([[2.0, 1, 2], [4, 3, 4], [4, 3, 4], [0, 0, 0]])
    torch.testing.assert_close(interactions_of_members(level, words, frames), expected)
    shared_out = interactions_of_members(level, words, frames, is_shared_out=True)
    torch.testing.assert_close(shared_out.sum(), level.sum())
    torch.testing.assert_close(shared_out[1, 1], torch.tensor(1.5))


def test_members_beyond_the_merged_tokens_are_refused():
    with pytest.raises(ValueError, match="word_members must be less than the 2 merged tokens, not 2"):
        interactions_of_members(torch.rand(2, 2), torch.tensor([0, 2]), torch.tensor([0]))
    with pytest.raises(ValueError, match="frame_members must hold indices"):
        interactions_of_members(torch.rand(2, 2), torch.tensor([0, 1]), torch.tensor([0.0]))


def test_teachers_are_interchangeable(make_game):
    game = make_game(batch=(2,), dtype=torch.float32, with_masks=True)
    exact = ExactTeacher()(game)
    sampled = SampledTeacher(5_000, generator=torch.Generator().manual_seed(0))(game)
    predicted = EstimatorTeacher(BanzhafEstimator())(game)
    torch.testing.assert_close(exact, banzhaf_interactions(game))
    torch.testing.assert_close(sampled, exact, atol=0.02, rtol=0)
    for target in (exact, sampled, predicted):
        assert target.shape == (2, 4, 3)
        assert not target.requires_grad
        assert (target[~game.word_mask] == 0).all()


def test_estimator_teacher_takes_all_pairs():
    game = LateInteractionGame(torch.rand(2, 3, 4, 5), torch.rand(2, 1, 4), torch.rand(3, 5))
    assert EstimatorTeacher(BanzhafEstimator())(game).shape == (2, 3, 4, 5)
