"""Games at their edges: what stands at masked tokens, weights of any spread, and gradients that stay numbers.

Every index is held against all coalitions, whose values a plain loop over exact fractions gives.
"""

import math
from dataclasses import replace
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.games import (
    BanzhafEstimator,
    EnumeratedGame,
    EstimatorTeacher,
    LateInteractionGame,
    banzhaf_interactions,
    banzhaf_values,
    coalition_interaction,
    game_from_tokens,
    maxsim_game,
    mean_maxsim_game,
    multilinear_extension,
    sample_late_interactions,
    shapley_interactions,
    shapley_values,
)
from oracles import game_value

WASTE = [math.nan, math.inf, -math.inf, 3e38, -1.0]
NAMES = ("similarity", "word_weights", "frame_weights")


def weights_within(decades):
    """Weights from 1 down to 10^-decades, whatever they add up to being less than ten times the largest."""
    return st.one_of(st.sampled_from([0.0, 1.0, 10.0**-decades]), st.floats(-decades, 0).map(lambda log: 10.0**log))


@st.composite
def hostile_games(draw, dtype=torch.float64, scale=1.0):
    """A game whose masked tokens hold no numbers, and the same with zeros there."""
    num_words, num_frames = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    decades = draw(st.sampled_from([1, 30, 44] if dtype == torch.float32 else [1, 118, 298]))
    weight, number = weights_within(decades), st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-1, 1))
    is_word = torch.tensor(draw(st.lists(st.booleans(), min_size=num_words, max_size=num_words)))
    is_frame = torch.tensor(draw(st.lists(st.booleans(), min_size=num_frames, max_size=num_frames)))

    def numbers(strategy, *shape):
        count = math.prod(shape)
        return torch.tensor(draw(st.lists(strategy, min_size=count, max_size=count)), dtype=torch.float64).view(shape)

    similarity = numbers(number, num_words, num_frames)
    clean = LateInteractionGame(
        torch.where(is_word[:, None] & is_frame, similarity, 0).to(dtype),
        torch.where(is_word, numbers(weight, num_words) * scale, 0).to(dtype),
        torch.where(is_frame, numbers(weight, num_frames) * scale, 0).to(dtype),
        is_word,
        is_frame,
        normalize_weights=draw(st.booleans()),
        floor_at_zero=draw(st.booleans()),
    )
    waste = [draw(st.sampled_from(WASTE)) for _ in NAMES]
    return with_waste(clean, *waste, check_values=draw(st.booleans())), clean


def with_waste(game, similarity, word_weight, frame_weight, **changes):
    """Return the game with other numbers where nobody plays."""
    cells = game.word_mask[:, None] & game.frame_mask
    return replace(
        game,
        similarity=torch.where(cells, game.similarity, similarity),
        word_weights=torch.where(game.word_mask, game.word_weights, word_weight),
        frame_weights=torch.where(game.frame_mask, game.frame_weights, frame_weight),
        weight_spread=None,
        **changes,
    )


def truth(game):
    """Solve a game by a plain loop over its coalitions."""
    similarity, word_weights, frame_weights = (getattr(game, name).double().tolist() for name in NAMES)
    num_players = game.num_words + game.num_frames
    mask = torch.cat((game.word_mask, game.frame_mask)).tolist()
    values = torch.zeros(2**num_players, dtype=torch.float64)
    for size in range(num_players + 1):
        for coalition in combinations(range(num_players), size):
            playing = [player for player in coalition if mask[player]]
            values[sum(2**player for player in coalition)] = game_value(
                similarity,
                word_weights,
                frame_weights,
                [player for player in playing if player < game.num_words],
                [player - game.num_words for player in playing if player >= game.num_words],
                normalize_weights=game.normalize_weights,
                floor_at_zero=game.floor_at_zero,
            )
    return EnumeratedGame(values, num_players)


def every_index(game, probability):
    return {
        "banzhaf values": torch.cat(banzhaf_values(game, probability)),
        "banzhaf interactions": banzhaf_interactions(game, probability, between="players"),
        "shapley values": torch.cat(shapley_values(game)),
        "shapley interactions": shapley_interactions(game, between="players"),
    }


def every_true_index(game, probability):
    solved = truth(game)
    return {
        "banzhaf values": solved.banzhaf_values(probability),
        "banzhaf interactions": solved.banzhaf_interactions(probability),
        "shapley values": solved.shapley_values(),
        "shapley interactions": solved.shapley_interactions(),
    }


@settings(max_examples=80)
@given(hostile_games(), st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_every_index_is_the_truth_in_float64(games, probability):
    actual, expected = every_index(games[0], probability), every_true_index(games[0], probability)
    torch.testing.assert_close(actual, expected, rtol=0, atol=2e-11)


@settings(max_examples=40)
@given(hostile_games(torch.float32), st.sampled_from([0.0, 0.5, 1.0]))
def test_every_index_is_the_truth_in_float32(games, probability):
    actual, expected = every_index(games[0], probability), every_true_index(games[0], probability)
    torch.testing.assert_close({name: index.double() for name, index in actual.items()}, expected, rtol=0, atol=2e-6)


@settings(max_examples=40)
@given(hostile_games(), st.integers(0, 2**6 - 1), st.sampled_from([0.0, 0.5, 1.0]))
def test_coalitions_are_worth_the_truth(games, number, probability):
    game, solved = games[0], truth(games[0])
    players = torch.tensor([number >> bit & 1 == 1 for bit in range(solved.num_players)])
    words, frames = players[: game.num_words], players[game.num_words :]
    value = solved.values[number % len(solved.values)]
    torch.testing.assert_close(game.value(words, frames), value)
    inclusion = [torch.where(part, 1.0, 0.0).double() for part in (words, frames)]
    torch.testing.assert_close(multilinear_extension(game, *inclusion), value, rtol=0, atol=2e-11)
    masks = game.word_mask, game.frame_mask
    waste = [torch.where(mask, part, math.nan) for part, mask in zip(inclusion, masks, strict=True)]
    torch.testing.assert_close(multilinear_extension(game, *waste), value, rtol=0, atol=2e-11)
    together = coalition_interaction(game, words, frames, probability)
    torch.testing.assert_close(
        together, coalition_interaction(games[1], words, frames, probability), rtol=0, atol=2e-11
    )


@settings(max_examples=25)
@given(hostile_games())
def test_samples_do_not_see_what_is_masked_and_share_out_the_weights_that_are_there(games):
    def sampled(game):
        return sample_late_interactions(game, 400, torch.Generator().manual_seed(0))

    torch.testing.assert_close(sampled(games[0]), sampled(games[1]), rtol=0, atol=1e-12)
    exact = truth(games[0]).banzhaf_interactions()[: games[0].num_words, games[0].num_words :]
    # A gain lies within [-1, 1] times the weights' largest, 1: seven standard errors of a product of two means.
    assert (sampled(games[0]) - exact).abs().max() < 7 * 2 / math.sqrt(400)


@pytest.mark.parametrize("weights", [[1e5, 1e-42], [3e38, 3e38], [1e-45, 1e-44], [0.0, 0.0], [2.0, 6.0]])
def test_samples_share_out_weights_from_anywhere_in_the_range(weights):
    similarity, single = torch.tensor([[0.5, -0.25], [0.125, 0.75]]), torch.tensor(weights)
    estimates = [
        sample_late_interactions(
            LateInteractionGame(similarity.to(dtype), single.to(dtype), torch.ones(2, dtype=dtype)),
            100,
            torch.Generator().manual_seed(0),
        ).double()
        for dtype in (torch.float32, torch.float64)
    ]
    torch.testing.assert_close(*estimates, rtol=0, atol=1e-6)


@settings(max_examples=20)
@given(hostile_games(torch.float32))
def test_the_estimator_does_not_see_what_is_masked(games):
    torch.manual_seed(0)
    teacher = EstimatorTeacher(BanzhafEstimator(channels=4))
    predicted = teacher(games[0])
    assert torch.equal(predicted, teacher(games[1]))
    assert (predicted[~games[0].word_mask] == 0).all()
    assert (predicted[:, ~games[0].frame_mask] == 0).all()


def gradients(game, probability):
    """Return the gradients of the value of all and of every index, together."""
    inputs = [getattr(game, name).clone().requires_grad_() for name in NAMES]
    leaf = replace(game, **dict(zip(NAMES, inputs, strict=True)))
    everybody = leaf(torch.ones(game.num_words + game.num_frames, dtype=torch.bool))
    results = {"value": everybody, **every_index(leaf, probability)}
    sums = {name: result.sum() + result.square().sum() for name, result in results.items()}
    return {
        name: torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
        for name, total in sums.items()
    }


@settings(max_examples=60)
@given(
    st.one_of(
        *(hostile_games(dtype, scale=scale) for dtype in (torch.float32, torch.float64) for scale in (1.0, 1e-8, 1e8))
    ),
    st.sampled_from([0.3, 1.0]),
)
def test_gradients_are_numbers_and_do_not_see_what_is_masked(games, probability):
    game = games[0]
    for name, found in gradients(game, probability).items():
        similarity, word_weights, frame_weights = found
        for gradient in found:
            assert gradient.isfinite().all(), name
        assert (similarity[~(game.word_mask[:, None] & game.frame_mask)] == 0).all()
        assert (word_weights[~game.word_mask] == 0).all()
        assert (frame_weights[~game.frame_mask] == 0).all()
    checked = replace(game, check_values=True, weight_spread=None)
    torch.testing.assert_close(gradients(checked, probability), gradients(games[1], probability))


@pytest.mark.parametrize("size", [1e-20, 1e-29, 1e-30, 1e-33, 1e-38, 1e-42, 1e-45])
@pytest.mark.parametrize("num_words", [1, 2, 3])
def test_the_value_has_a_gradient_whatever_the_size_of_the_weights(size, num_words):
    """As long as it is a number with room to spare it is the right one."""
    weights = torch.tensor([1.0, 2.0, 5.0])[:num_words] * size
    similarity = torch.tensor([[0.5, -0.25], [0.125, 0.75], [-0.5, 0.25]])[:num_words]
    games = [
        LateInteractionGame(similarity.to(dtype), weights.to(dtype), torch.ones(2, dtype=dtype))
        for dtype in (torch.float32, torch.float64)
    ]
    found, expected = (gradients(game, 0.5)["value"] for game in games)
    assert all(gradient.isfinite().all() for gradient in found)
    if size >= 1e-30:
        torch.testing.assert_close(found[1].double(), expected[1], rtol=1e-5, atol=1e-6 / size)


@pytest.mark.parametrize("logit", [-300.0, -650.0])
def test_a_softmax_that_is_nearly_sure(logit):
    """Two words: whoever is alone has all the weight, however little it has beside the other."""
    weights = torch.tensor([0.0, logit], dtype=torch.float64).softmax(-1)
    game = LateInteractionGame(torch.tensor([[0.5], [0.25]]).double(), weights, torch.ones(1).double())
    assert game.weight_spread == pytest.approx(math.exp(-logit), rel=1e-9)
    # With p = 1/2: alone 0.5 and 0.25, of both the first alone counts; the frame's own half is the maximum.
    expected = 0.5 * torch.tensor([[0.5 * (0.5 + 0.25) + 0.375], [0.5 * 0.25 + 0.125]]).double()
    torch.testing.assert_close(banzhaf_interactions(game), expected, rtol=0, atol=1e-11)


def test_weights_beyond_the_range_are_refused_in_one_line():
    similarity, frame = torch.rand(2, 1).double(), torch.ones(1).double()
    for weights in torch.tensor([[1.0, 1e-301], [1e308, 1e-320]], dtype=torch.float64):
        with pytest.raises(ValueError, match=r"word_weights of shape \[2\] are too far apart .*1e\+300") as refusal:
            LateInteractionGame(similarity, weights, frame)
        assert "\n" not in str(refusal.value)
        LateInteractionGame(similarity, weights, frame, normalize_weights=False)
    for spread in (0.5, 1e301, math.inf, math.nan):
        with pytest.raises(ValueError, match="weight_spread must lie in"):
            LateInteractionGame(similarity, torch.ones(2).double(), frame, weight_spread=spread)


def test_a_spread_that_is_told_too_small_is_raised_to_what_is_measured():
    game = LateInteractionGame(torch.rand(2, 2), torch.tensor([1.0, 1e-9]), torch.ones(2), weight_spread=10.0)
    assert game.weight_spread == pytest.approx(1e9, rel=1e-6)


@pytest.mark.parametrize("size", [1e308, 1e-300])
def test_weights_whose_sum_is_no_number_are_shared_out(size):
    """So are similarities whose sum, of which the check makes use, is none."""
    similarity = torch.tensor([[1.0, 0.5], [0.25, 0.75]]).double()
    game = LateInteractionGame(similarity, torch.full((2,), size, dtype=torch.float64), torch.ones(2).double())
    equal = LateInteractionGame(similarity, torch.ones(2).double(), torch.ones(2).double())
    torch.testing.assert_close(every_index(game, 0.5), every_index(equal, 0.5))
    torch.testing.assert_close(game(torch.ones(4, dtype=torch.bool)), equal(torch.ones(4, dtype=torch.bool)))
    LateInteractionGame(torch.full((2, 2), 1.7e308, dtype=torch.float64), torch.ones(2), torch.ones(2))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number_is_still_refused_where_somebody_plays(name, number):
    parts = {"similarity": torch.rand(2, 2), "word_weights": torch.ones(2), "frame_weights": torch.ones(2)}
    parts[name] = parts[name].clone()
    parts[name][..., 0] = number
    mask = torch.tensor([True, False])
    LateInteractionGame(**parts, word_mask=~mask, frame_mask=~mask)
    with pytest.raises(ValueError, match=name):
        LateInteractionGame(**parts, word_mask=mask, frame_mask=mask)


def test_padding_does_not_cost_accuracy():
    """Where all similarities are equal the interactions are 0.7 / 2^(words + frames - 2), and float32 keeps them."""
    mask = torch.arange(40) < 20
    game = LateInteractionGame(torch.full((40, 40), 0.7), torch.rand(40) + 0.1, torch.rand(40) + 0.1, mask, mask)
    expected = torch.full((20, 20), 0.7 * 2.0**-38)
    torch.testing.assert_close(banzhaf_interactions(game)[:20, :20], expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("make", [game_from_tokens, maxsim_game, mean_maxsim_game])
@pytest.mark.parametrize("waste", [math.nan, -math.inf])
def test_masked_tokens_reach_neither_indices_nor_gradients(make, waste):
    words, frames = torch.randn(4, 8).double(), torch.randn(3, 8).double()
    word_mask, frame_mask = torch.tensor([True, False, True, False]), torch.tensor([False, True, True])

    def solve(waste):
        inputs = [
            torch.where(mask[:, None], tokens, waste).requires_grad_()
            for mask, tokens in ((word_mask, words), (frame_mask, frames))
        ]
        interactions = banzhaf_interactions(make(*inputs, word_mask=word_mask, frame_mask=frame_mask))
        interactions.square().sum().backward()
        return interactions, [tensor.grad for tensor in inputs]

    torch.testing.assert_close(solve(waste), solve(0.0))


@pytest.mark.parametrize("make", [game_from_tokens, maxsim_game])
@pytest.mark.parametrize("mask", [torch.ones(3, dtype=torch.bool), torch.ones(2), torch.ones(5, 2, dtype=torch.bool)])
def test_masks_that_do_not_fit_tokens_are_refused(make, mask):
    with pytest.raises(ValueError, match="word_mask must be boolean with shape"):
        make(torch.rand(4, 2, 8), torch.rand(4, 3, 8), word_mask=mask)


def test_masked_patches_do_not_reach_gradients():
    words, frames = torch.randn(2, 4, requires_grad=True), torch.randn(3, 2, 4)
    mask = torch.tensor([[True, False], [False, False], [True, True]])
    frames = torch.where(mask[..., None], frames, math.nan).requires_grad_()
    game = maxsim_game(words, frames, frame_mask=mask, has_patches=True)
    banzhaf_interactions(game).sum().backward()
    assert words.grad.isfinite().all()
    assert frames.grad.isfinite().all()
