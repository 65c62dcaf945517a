"""What holds for every game: the axioms of the indices, masks, symmetry, and agreement with brute force."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hbi.games import (
    LateInteractionGame,
    banzhaf_interactions,
    banzhaf_values,
    coalition_interaction,
    enumerate_game,
    multilinear_extension,
    shapley_interactions,
    shapley_values,
)


@st.composite
def games(draw, max_words=5, max_frames=4):
    """Games with ties, masks, zero and tiny weights, all-negative or constant similarities, one word, one frame."""
    num_words, num_frames = draw(st.integers(1, max_words)), draw(st.integers(1, max_frames))
    number = st.one_of(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), st.floats(-1, 1, width=32))
    weight = st.one_of(st.sampled_from([0.0, 1e-30, 1e-10, 1.0]), st.floats(0.0625, 1, width=32))

    def tensor(strategy, *shape):
        count = torch.Size(shape).numel()
        return torch.tensor(draw(st.lists(strategy, min_size=count, max_size=count))).reshape(shape)

    return LateInteractionGame(
        tensor(number, num_words, num_frames).double(),
        tensor(weight, num_words).double(),
        tensor(weight, num_frames).double(),
        tensor(st.booleans(), num_words) if draw(st.booleans()) else None,
        tensor(st.booleans(), num_frames) if draw(st.booleans()) else None,
        normalize_weights=draw(st.booleans()),
        floor_at_zero=draw(st.booleans()),
    )


def close(actual, expected, atol=1e-9):
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=atol)


@settings(max_examples=60, deadline=None)
@given(games(), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_every_index_equals_enumeration(game, probability):
    num_players = game.num_words + game.num_frames
    enumerated = enumerate_game(game, num_players)
    close(torch.cat(banzhaf_values(game, probability)), enumerated.banzhaf_values(probability))
    close(torch.cat(shapley_values(game)), enumerated.shapley_values())
    everything = banzhaf_interactions(game, probability, between="players")
    close(everything, enumerated.banzhaf_interactions(probability))
    close(shapley_interactions(game, between="players"), enumerated.shapley_interactions())
    close(everything, everything.mT)
    close(everything[: game.num_words, game.num_words :], banzhaf_interactions(game, probability))


@settings(max_examples=60, deadline=None)
@given(games())
def test_shapley_values_are_efficient_and_masked_players_are_null(game):
    words, frames = shapley_values(game)
    everyone = torch.ones(game.num_words, dtype=torch.bool), torch.ones(game.num_frames, dtype=torch.bool)
    close(words.sum() + frames.sum(), game.value(*everyone))
    interactions = banzhaf_interactions(game)
    if game.word_mask is not None:
        assert (words[~game.word_mask] == 0).all()
        assert (interactions[~game.word_mask] == 0).all()
    if game.frame_mask is not None:
        assert (frames[~game.frame_mask] == 0).all()
        assert (interactions[:, ~game.frame_mask] == 0).all()


@settings(max_examples=25, deadline=None)
@given(games(max_words=24, max_frames=12))
def test_float32_is_finite_and_close(game):
    single = LateInteractionGame(
        game.similarity.float(),
        game.word_weights.float(),
        game.frame_weights.float(),
        game.word_mask,
        game.frame_mask,
        normalize_weights=game.normalize_weights,
        floor_at_zero=game.floor_at_zero,
    )
    for index in (banzhaf_interactions, shapley_interactions):
        expected = index(game)
        # float64 itself is known to 5e-12 of the similarities: an exact 0 may come out as 1e-13.
        close(index(single).double(), expected, atol=1e-6 * expected.abs().max().item() + 1e-11)


@pytest.mark.parametrize("normalize_weights", [False, True])
def test_masking_is_leaving_out(make_game, normalize_weights):
    game = make_game(5, 4, floor_at_zero=False, normalize_weights=normalize_weights)
    words, frames = torch.tensor([1, 0, 1, 1, 0]).bool(), torch.tensor([1, 1, 0, 1]).bool()
    masked = LateInteractionGame(
        game.similarity,
        game.word_weights,
        game.frame_weights,
        words,
        frames,
        floor_at_zero=False,
        normalize_weights=normalize_weights,
    )
    smaller = LateInteractionGame(
        game.similarity[words][:, frames],
        game.word_weights[words],
        game.frame_weights[frames],
        floor_at_zero=False,
        normalize_weights=normalize_weights,
    )
    close(banzhaf_interactions(masked)[words][:, frames], banzhaf_interactions(smaller))
    players = torch.cat((words, frames))
    close(
        shapley_interactions(masked, between="players")[players][:, players],
        shapley_interactions(smaller, between="players"),
    )


def test_equal_players_are_treated_equally(make_game):
    game = make_game()
    similarity, weights = game.similarity.clone(), game.word_weights.clone()
    similarity[1], weights[1] = similarity[0], weights[0]
    twins = LateInteractionGame(similarity, weights, game.frame_weights)
    everything = banzhaf_interactions(twins, between="players")
    swapped = torch.tensor([1, 0, 2, 3, 4, 5, 6])
    close(everything, everything[swapped][:, swapped])
    close(shapley_values(twins)[0][0], shapley_values(twins)[0][1])


def test_linear_in_similarity_where_the_order_is_kept(make_game):
    game = make_game(floor_at_zero=False)
    affine = LateInteractionGame(3 * game.similarity, game.word_weights, game.frame_weights, floor_at_zero=False)
    close(banzhaf_interactions(affine), 3 * banzhaf_interactions(game))


@pytest.mark.parametrize("normalize_weights", [False, True])
def test_interactions_are_the_hessian_of_the_multilinear_extension(make_game, normalize_weights):
    game = make_game(normalize_weights=normalize_weights)

    def extension(inclusion):
        return multilinear_extension(game, inclusion[:4], inclusion[4:])

    inclusion = torch.full((7,), 0.4, dtype=torch.float64)
    close(banzhaf_interactions(game, 0.4, between="players"), torch.autograd.functional.hessian(extension, inclusion))
    close(torch.cat(banzhaf_values(game, 0.4)), torch.autograd.functional.jacobian(extension, inclusion))


def test_extension_is_the_value_on_the_corners(make_game):
    game = make_game(batch=(3,), with_masks=True)
    corners = torch.rand(3, 7) < 0.5
    actual = multilinear_extension(game, corners[:, :4].double(), corners[:, 4:].double())
    close(actual, game.value(corners[:, :4], corners[:, 4:]))


@pytest.mark.parametrize("probability", [0.0, 0.35, 0.5, 1.0])
def test_coalition_of_a_pair_is_their_interaction(make_game, probability):
    game = make_game(batch=(2,))
    for word in range(4):
        words, frames = torch.arange(4) == word, torch.arange(3) == 1
        close(
            coalition_interaction(game, words, frames, probability),
            banzhaf_interactions(game, probability)[:, word, 1],
        )


def test_equal_similarities_leave_what_is_exact_in_float32():
    """All rows gain alike, so that the sum over words cancels to 2^-23; the answer keeps its relative accuracy."""
    game = LateInteractionGame(torch.full((24, 12), 0.7), torch.rand(24) + 0.1, torch.rand(12) + 0.1)
    expected = 0.7 * 2.0 ** -(24 - 1) * 2.0 ** -(12 - 1)
    torch.testing.assert_close(banzhaf_interactions(game), torch.full((24, 12), expected), rtol=1e-5, atol=0)


def test_nobody_plays():
    nobody = torch.zeros(3, dtype=torch.bool)
    game = LateInteractionGame(torch.rand(3, 3), torch.rand(3), torch.rand(3), nobody, nobody)
    assert (banzhaf_interactions(game, between="players") == 0).all()
    assert (torch.cat(shapley_values(game)) == 0).all()
