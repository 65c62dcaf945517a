"""Games of dual encoders with coalitions that are drawn: unbiased, efficient, and honest about the error."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_encoders import SetEncoder

from hbi.games import DualEncoderGame, normalized_mean, solve_dual_encoder

NUM_DRAWS = 200


def make_game(num_words=8, num_frames=3):
    return DualEncoderGame(SetEncoder(num_words), SetEncoder(num_frames, seed=1), num_words, num_frames)


def draws_of(game, indices_of, **budgets):
    """Estimates and standard errors of 200 draws, and the exact numbers: each [draw, number]."""
    values, errors = [], []
    for seed in range(NUM_DRAWS):
        generator = torch.Generator().manual_seed(seed)
        estimates = indices_of(solve_dual_encoder(game, **budgets, generator=generator))
        values.append(torch.cat([estimate.values.flatten() for estimate in estimates]))
        errors.append(torch.cat([estimate.standard_errors.flatten() for estimate in estimates]))
    exact = indices_of(solve_dual_encoder(game, text_budget=2**game.num_words, video_budget=2**game.num_frames))
    return torch.stack(values), torch.stack(errors), torch.cat([estimate.values.flatten() for estimate in exact])


def banzhaf(indices):
    return [*indices.banzhaf_values(0.4), indices.banzhaf_interactions(0.4)]


def shapley(indices):
    return list(indices.shapley_values())


def all_pairs(indices):
    num_players = indices.num_words + indices.num_frames
    estimate = indices.banzhaf_interactions(between="players")
    above = torch.triu_indices(num_players, num_players, offset=1).unbind()
    return [type(estimate)(estimate.values[above], estimate.standard_errors[above])]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("game", "budgets", "indices_of"),
    [
        (make_game(), {"text_budget": 80}, banzhaf),
        (make_game(), {"text_budget": 80}, shapley),
        (make_game(), {"text_budget": 40}, banzhaf),
        (make_game(), {"text_budget": 80}, all_pairs),
        (make_game(3, 8), {"video_budget": 80}, banzhaf),
        (make_game(7, 7), {"text_budget": 60, "video_budget": 50}, banzhaf),
        (make_game(7, 7), {"text_budget": 60, "video_budget": 50}, all_pairs),
    ],
    ids=["banzhaf", "shapley", "fewest", "pairs", "frames", "both", "pairs of both"],
)
def test_no_bias_and_errors_that_cover_the_truth(game, budgets, indices_of):
    values, errors, exact = draws_of(game, indices_of, **budgets)
    spread = values.std(0)
    assert (spread > 1e-6).all()
    bias = (values.mean(0) - exact) / (spread / NUM_DRAWS**0.5)
    assert bias.abs().max() < 4
    assert bias.square().mean() < 2.5
    covered = ((values - exact).abs() <= 1.96 * errors).double().mean().item()
    assert 0.94 <= covered <= 0.995
    assert (errors.square().mean(0).sqrt() < 3 * spread).all()  # not merely large


def test_the_regression_saves_most_of_the_error():
    """Against the same coalitions counted by the inverse of their chance alone (Horvitz and Thompson)."""
    frames = torch.randn(10, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    videos = normalized_mean(frames, is_normalized_first=True)
    game = DualEncoderGame(SetEncoder(3, width=16), videos, 3, 10)
    exact = solve_dual_encoder(game, video_budget=1024).banzhaf_interactions().values
    drawn = solve_dual_encoder(game, video_budget=128, generator=torch.Generator().manual_seed(0))
    error = (drawn.banzhaf_interactions().values - exact).norm() / exact.norm()
    assert error < 0.1  # without the regression: 0.6 to 1


@settings(max_examples=15, deadline=None)
@given(
    num_words=st.integers(6, 30),
    extra=st.integers(0, 60),
    num_frames=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_budgets_are_kept_and_drawn_values_are_efficient(num_words, extra, num_frames, seed):
    budget = 2 * num_words + 17 + extra
    game = make_game(num_words, num_frames)
    indices = solve_dual_encoder(game, text_budget=budget, generator=torch.Generator().manual_seed(seed))
    assert game.texts.num_asked == indices.num_texts <= budget
    assert game.videos.num_asked == indices.num_videos == 2**num_frames - 1
    assert indices.is_exact == (2**num_words <= budget)
    everyone = torch.ones(1, num_words + num_frames, dtype=torch.bool)
    assert indices.value.item() == pytest.approx(game(everyone).item(), abs=1e-12)
    words, frames = indices.shapley_values()
    assert words.values.sum() + frames.values.sum() == pytest.approx(indices.value.item(), abs=1e-6)
    assert bool((words.standard_errors > 0).all()) == (not indices.is_exact)


def test_efficient_where_both_sides_are_drawn():
    game = make_game(12, 20)
    indices = solve_dual_encoder(game, text_budget=256, video_budget=100, generator=torch.Generator().manual_seed(0))
    words, frames = indices.shapley_values()
    assert words.values.sum() + frames.values.sum() == pytest.approx(indices.value.item(), abs=1e-9)
    assert (game.texts.num_asked, game.videos.num_asked) == (indices.num_texts, indices.num_videos)
    assert indices.num_texts <= 256
    assert indices.num_videos <= 100


def test_large_budgets_are_drawn_in_sixteen_blocks():
    game = make_game(11, 2)
    exact = solve_dual_encoder(game, text_budget=2048).banzhaf_interactions().values
    indices = solve_dual_encoder(game, text_budget=1000, generator=torch.Generator().manual_seed(0))
    estimate = indices.banzhaf_interactions()
    assert 700 < indices.num_texts <= 1000
    assert ((estimate.values - exact).abs() < 4 * estimate.standard_errors).all()
    assert (estimate.values - exact).norm() / exact.norm() < 0.1


def test_the_generator_decides():
    game = make_game()

    def draw(seed):
        return solve_dual_encoder(game, text_budget=60, generator=torch.Generator().manual_seed(seed))

    first, again, other = (draw(seed).shapley_interactions().values for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_budget_that_is_too_small_is_refused():
    game = make_game(8, 3)
    with pytest.raises(ValueError, match=r"text_budget must be 33 or more for 8 players, not 32"):
        solve_dual_encoder(game, text_budget=32)
    with pytest.raises(ValueError, match=r"video_budget must be 8 or more for 3 players, not 7"):
        solve_dual_encoder(game, video_budget=7)
