"""Games of dual encoders, all coalitions of both sides encoded: against visiting every coalition of players."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_encoders import SetEncoder

from hbi.games import DualEncoderGame, enumerate_game, neighbors_together, normalized_mean, solve_dual_encoder


def make_game(num_words, num_frames, seed=0):
    texts, videos = SetEncoder(num_words, seed=seed), SetEncoder(num_frames, seed=seed + 1)
    return DualEncoderGame(texts, videos, num_words, num_frames)


def assert_all_indices_agree(indices, enumerated, probability, tolerance=1e-12):
    num_words = indices.num_words
    values = indices.banzhaf_values(probability)
    shapley = indices.shapley_values()
    for (words, frames), expected in (
        (values, enumerated.banzhaf_values(probability)),
        (shapley, enumerated.shapley_values()),
    ):
        torch.testing.assert_close(words.values, expected[:num_words], rtol=0, atol=tolerance)
        torch.testing.assert_close(frames.values, expected[num_words:], rtol=0, atol=tolerance)
        assert not words.standard_errors.any()
        assert not frames.standard_errors.any()
    for estimate, expected in (
        (indices.banzhaf_interactions(probability), enumerated.banzhaf_interactions(probability)),
        (indices.shapley_interactions(), enumerated.shapley_interactions()),
    ):
        torch.testing.assert_close(estimate.values, expected[:num_words, num_words:], rtol=0, atol=tolerance)
        assert not estimate.standard_errors.any()
    for estimate, expected in (
        (indices.banzhaf_interactions(probability, between="players"), enumerated.banzhaf_interactions(probability)),
        (indices.shapley_interactions(between="players"), enumerated.shapley_interactions()),
    ):
        torch.testing.assert_close(estimate.values, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("probability", [0.3, 0.5])
@pytest.mark.parametrize(("num_words", "num_frames"), [(1, 1), (1, 5), (5, 1), (4, 4), (7, 3), (5, 7)])
def test_all_indices_against_enumeration(num_words, num_frames, probability):
    game = make_game(num_words, num_frames, seed=num_words)
    enumerated = enumerate_game(game, num_words + num_frames)
    indices = solve_dual_encoder(game)
    assert indices.is_exact
    torch.testing.assert_close(indices.value, enumerated.values[-1])
    assert_all_indices_agree(indices, enumerated, probability)


@settings(max_examples=25, deadline=None)
@given(
    num_words=st.integers(1, 5),
    num_frames=st.integers(1, 5),
    probability=st.floats(0, 1),
    seed=st.integers(0, 1000),
    is_normalized_first=st.booleans(),
)
def test_random_games_with_averaged_frames(num_words, num_frames, probability, seed, is_normalized_first):
    frames = torch.randn(num_frames, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    videos = normalized_mean(frames, is_normalized_first)
    game = DualEncoderGame(SetEncoder(num_words, seed=seed), videos, num_words, num_frames)
    enumerated = enumerate_game(game, num_words + num_frames)
    assert_all_indices_agree(solve_dual_encoder(game), enumerated, probability, 1e-11)


def test_a_game_is_the_inner_product_and_nobody_is_worth_nothing():
    game = make_game(3, 2)
    coalitions = torch.tensor(
        [[1, 0, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [1, 0, 1, 1, 1], [0, 1, 0, 0, 1]]
    ).bool()
    values = game(coalitions)
    for coalition, value in zip(coalitions, values, strict=True):
        words, frames = coalition[:3], coalition[3:]
        expected = 0.0
        if words.any() and frames.any():
            expected = float(game.texts(words[None])[0] @ game.videos(frames[None])[0])
        assert value.item() == pytest.approx(expected, abs=1e-15)
    assert game(torch.zeros(2, 5, dtype=torch.bool)).tolist() == [0, 0]


def test_a_game_encodes_each_coalition_of_a_side_once():
    game = make_game(3, 2)
    game(torch.tensor([[1, 0, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1]]).bool())
    assert (game.texts.num_asked, game.videos.num_asked) == (2, 2)


def test_each_coalition_is_encoded_once_in_parts():
    game = make_game(10, 4)
    indices = solve_dual_encoder(game, text_budget=1024)
    for _ in range(2):
        indices.shapley_interactions(between="players")
    assert (game.texts.num_asked, indices.num_texts) == (1023, 1023)
    assert (game.videos.num_asked, indices.num_videos) == (15, 15)
    assert game.texts.largest_call <= 256


def test_float32_vectors_give_efficient_values():
    texts, videos = SetEncoder(6, dtype=torch.float32), SetEncoder(5, seed=1, dtype=torch.float32)
    indices = solve_dual_encoder(DualEncoderGame(texts, videos, 6, 5))
    words, frames = indices.shapley_values()
    assert words.values.sum() + frames.values.sum() == pytest.approx(indices.value.item(), abs=1e-12)
    everyone = torch.ones(1, 6, dtype=torch.bool), torch.ones(1, 5, dtype=torch.bool)
    assert indices.value.item() == pytest.approx((texts(everyone[0]) * videos(everyone[1])).sum().item(), abs=1e-6)


def test_the_mean_of_frames_is_the_models():
    frames = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    inside = torch.tensor([[True, False, True]])
    unit = torch.nn.functional.normalize(frames, dim=-1)
    for rows, is_normalized_first in ((frames, False), (unit, True)):
        mean = (rows[0] + rows[2]) / 2
        torch.testing.assert_close(normalized_mean(frames, is_normalized_first)(inside)[0], mean / mean.norm())


@pytest.mark.parametrize("text_budget", [64, 40])
def test_gradients_reach_both_encoders(text_budget):
    """Of exact and of drawn indices, against finite differences."""
    num_words = 6
    texts, videos = SetEncoder(num_words, width=4), SetEncoder(3, width=4, seed=1)

    def total(tokens, others):
        texts.tokens, videos.tokens = tokens, others
        indices = solve_dual_encoder(
            DualEncoderGame(texts, videos, num_words, 3),
            text_budget=text_budget,
            generator=torch.Generator().manual_seed(0),
        )
        assert indices.is_exact == (text_budget == 64)
        words, frames = indices.shapley_values()
        pairs = indices.banzhaf_interactions(0.4, between="players").values
        return words.values.square().sum() + frames.values.prod() + pairs.square().sum()

    inputs = tuple(tokens.clone().requires_grad_() for tokens in (texts.tokens, videos.tokens))
    assert torch.autograd.gradcheck(total, inputs, fast_mode=True)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"a word and a frame or more, not 0 words"):
        DualEncoderGame(SetEncoder(1), SetEncoder(1), 0, 1)
    game = make_game(3, 2)
    with pytest.raises(ValueError, match=r"boolean with shape \[coalitions, 5\]"):
        game(torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"one floating vector for each of the 7 coalitions"):
        solve_dual_encoder(DualEncoderGame(lambda words: torch.zeros(3, 4), SetEncoder(2), 3, 2))
    with pytest.raises(ValueError, match=r"finite"):
        solve_dual_encoder(DualEncoderGame(lambda words: torch.full((7, 8), torch.nan), SetEncoder(2), 3, 2))
    with pytest.raises(ValueError, match=r"one width, not 5 and 8"):
        solve_dual_encoder(DualEncoderGame(SetEncoder(3, width=5), SetEncoder(2), 3, 2))
    indices = solve_dual_encoder(game)
    with pytest.raises(ValueError, match=r"probability must lie in \[0, 1\]"):
        indices.banzhaf_values(1.5)
    with pytest.raises(ValueError, match=r"between must be"):
        indices.shapley_interactions(between="words")


@settings(deadline=None)
@given(num_frames=st.integers(1, 200), most=st.integers(1, 20))
def test_neighbors_together(num_frames, most):
    groups = neighbors_together(num_frames, most)
    assert groups.shape == (num_frames,)
    assert groups[0] == 0
    assert set(groups.diff().tolist()) <= {0, 1}
    counts = groups.bincount()
    assert len(counts) == min(num_frames, most)
    assert counts.max() - counts.min() <= 1


def test_groups_of_frames_play():
    """The value of a group is what its frames add together: the game with merged players."""
    groups = neighbors_together(7, most=3)
    frames = torch.randn(7, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    all_frames = normalized_mean(frames, is_normalized_first=True)
    game = DualEncoderGame(SetEncoder(2), lambda coalitions: all_frames(coalitions[:, groups]), 2, 3)
    indices = solve_dual_encoder(game)
    assert indices.value.item() == pytest.approx(
        (game.texts(torch.ones(1, 2).bool()) * all_frames(torch.ones(1, 7).bool())).sum().item(), abs=1e-12
    )
    assert_all_indices_agree(indices, enumerate_game(game, 5), 0.5)


def test_groups_need_frames():
    with pytest.raises(ValueError, match=r"1 or more, not 0 and 16"):
        neighbors_together(0)
