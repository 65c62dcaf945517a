"""Games with words at the input of a network and frames at its tokens: against visiting every coalition."""

import pytest
import torch

from hbi.games import (
    LateInteractionGame,
    WordsAtInputGame,
    banzhaf_interactions,
    enumerate_game,
    sample_interactions,
    solve_words_at_input,
)


class Network:
    """Mixes the words of a text before they meet the frames, so that a word that is missing changes the others."""

    def __init__(self, num_words, num_frames, *, seed=0, **options):
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        self.words, self.mixing, self.frames = draw(num_words, 6), draw(6, 6), draw(num_frames, 6)
        self.frame_weights, self.options = draw(num_frames).softmax(-1), options
        self.frame_mask = draw(num_frames) > -1.0
        self.frame_mask[0] = True
        self.num_asked = 0

    def __call__(self, coalitions):
        assert coalitions.any(1).all()
        self.num_asked += len(coalitions)
        longest = int(coalitions.sum(1).max())  # words that are out leave no token, and shorter texts are padded
        order = coalitions.long().argsort(dim=1, descending=True, stable=True)[:, :longest]
        mask = coalitions.gather(1, order)
        words = self.words[order] * mask.unsqueeze(-1)
        context = words.sum(1, keepdim=True)
        tokens = torch.tanh(words @ self.mixing / 2 + context * words)
        similarity = torch.nn.functional.normalize(tokens, dim=-1) @ self.frames.T / 3
        weights = torch.where(mask, (tokens.sum(-1) + 0.2 * context.sum(-1)), -torch.inf).softmax(-1)
        return LateInteractionGame(similarity, weights, self.frame_weights, mask, self.frame_mask, **self.options)


def make_game(num_words, num_frames, **options):
    return WordsAtInputGame(Network(num_words, num_frames, seed=num_words, **options), num_words, num_frames)


@pytest.mark.parametrize("options", [{}, {"normalize_weights": False}, {"floor_at_zero": False}], ids=str)
@pytest.mark.parametrize("probability", [0.3, 0.5])
@pytest.mark.parametrize(("num_words", "num_frames"), [(1, 1), (1, 4), (4, 1), (5, 4), (3, 6)])
def test_all_indices_against_enumeration(num_words, num_frames, probability, options):
    game = make_game(num_words, num_frames, **options)
    enumerated = enumerate_game(game, num_words + num_frames)
    indices = solve_words_at_input(game)
    assert indices.is_exact
    close = {"rtol": 0, "atol": 1e-9}
    torch.testing.assert_close(indices.value, enumerated.values[-1], **close)
    for (words, frames), expected in (
        (indices.banzhaf_values(probability), enumerated.banzhaf_values(probability)),
        (indices.shapley_values(), enumerated.shapley_values()),
    ):
        torch.testing.assert_close(torch.cat((words.values, frames.values)), expected, **close)
    for estimate, expected in (
        (indices.banzhaf_interactions(probability, between="players"), enumerated.banzhaf_interactions(probability)),
        (indices.shapley_interactions(between="players"), enumerated.shapley_interactions()),
    ):
        torch.testing.assert_close(estimate.values, expected, **close)
        assert not estimate.standard_errors.any()
    for estimate, expected in (
        (indices.banzhaf_interactions(probability), enumerated.banzhaf_interactions(probability)),
        (indices.shapley_interactions(), enumerated.shapley_interactions()),
    ):
        torch.testing.assert_close(estimate.values, expected[:num_words, num_words:], **close)


def test_a_game_is_the_similarity_of_the_text_that_is_left():
    game = make_game(3, 4)
    coalitions = torch.rand(50, 7, generator=torch.Generator().manual_seed(0)) < 0.5
    coalitions[0] = True
    for coalition, value in zip(coalitions, game(coalitions), strict=True):
        words, frames = coalition[:3], coalition[3:]
        expected = 0.0
        if words.any():
            network_game = game.game_of(words[None])
            expected = network_game.value(torch.ones(network_game.num_words, dtype=torch.bool), frames[None]).item()
        assert value.item() == pytest.approx(expected, abs=1e-12)


def test_words_that_do_not_see_each_other_play_the_game_of_their_tokens(make_game):
    """Then it makes no difference where they are removed."""
    tokens = make_game(5, 4, normalize_weights=True)

    def game_of(coalitions):
        return LateInteractionGame(tokens.similarity, tokens.word_weights, tokens.frame_weights, coalitions)

    indices = solve_words_at_input(WordsAtInputGame(game_of, 5, 4))
    expected = banzhaf_interactions(tokens, 0.3, between="players")
    torch.testing.assert_close(indices.banzhaf_interactions(0.3, "players").values, expected, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_drawn_texts_keep_the_budget_and_cover_the_truth():
    game = make_game(8, 3)
    exact = solve_words_at_input(game, text_budget=256)
    game.game_of.num_asked = 0
    inside, total = 0.0, 40
    for seed in range(total):
        indices = solve_words_at_input(game, text_budget=70, generator=torch.Generator().manual_seed(seed))
        assert not indices.is_exact
        assert indices.num_texts <= 70
        words, frames = indices.shapley_values()
        assert (words.values.sum() + frames.values.sum()).item() == pytest.approx(indices.value.item(), abs=1e-8)
        estimate, truth = indices.banzhaf_interactions(), exact.banzhaf_interactions().values
        inside += ((estimate.values - truth).abs() <= 1.96 * estimate.standard_errors).double().mean().item() / total
    assert game.game_of.num_asked <= 70 * total
    assert 0.93 <= inside <= 0.995


def test_it_lies_within_the_errors_of_samples_of_the_game():
    game = make_game(5, 4)
    sampled = sample_interactions(game, 9, 2_000, torch.Generator().manual_seed(0))
    exact = solve_words_at_input(game).banzhaf_interactions(between="players").values
    deviations = ((sampled.interactions - exact) / sampled.standard_errors)[~torch.eye(9, dtype=torch.bool)]
    live = deviations[deviations.isfinite()]
    assert len(live) > 30
    assert live.abs().max() < 4


def test_gradients_reach_the_network():
    network = Network(3, 2, seed=3)

    def total(words, frames):
        network.words, network.frames = words, frames
        indices = solve_words_at_input(WordsAtInputGame(network, 3, 2))
        return indices.banzhaf_interactions(between="players").values.square().sum() + indices.value

    inputs = tuple(tokens.clone().requires_grad_() for tokens in (network.words, network.frames))
    assert torch.autograd.gradcheck(total, inputs, fast_mode=True)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"a word and a frame or more, not 2 words and 0 frames"):
        WordsAtInputGame(Network(2, 2), 2, 0)
    with pytest.raises(ValueError, match=r"game_of must return 3 games with 5 frames"):
        solve_words_at_input(WordsAtInputGame(Network(2, 4), 2, 5))
    with pytest.raises(ValueError, match=r"boolean with shape \[coalitions, 6\]"):
        make_game(2, 4)(torch.ones(3, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"text_budget must be 33 or more for 8 players"):
        solve_words_at_input(make_game(8, 2), text_budget=20)
