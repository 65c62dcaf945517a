"""Games that are given as functions: enumerated, sampled, and exchanged with shapiq."""

import pytest
import torch

from hbi.games import (
    LateInteractionGame,
    banzhaf_interactions,
    enumerate_game,
    from_shapiq,
    interactions_from_shapiq,
    interactions_to_shapiq,
    sample_interactions,
    sample_late_interactions,
    shapley_interactions,
    shapley_values,
    to_shapiq,
)


def glove_game(coalitions):
    """Players 0 and 1 hold left gloves, player 2 a right one; a pair is worth 1."""
    return ((coalitions[:, 0] | coalitions[:, 1]) & coalitions[:, 2]).double()


def test_glove_game_has_its_known_indices():
    game = enumerate_game(glove_game, 3)
    torch.testing.assert_close(game.shapley_values(), torch.tensor([1, 1, 4]).double() / 6)
    torch.testing.assert_close(game.banzhaf_values(), torch.tensor([1, 1, 3]).double() / 4)
    expected = torch.tensor([[0, -1, 1], [-1, 0, 1], [1, 1, 0]]).double() / 2
    torch.testing.assert_close(game.banzhaf_interactions(), expected)


def test_enumeration_refuses_large_games_and_bad_values():
    with pytest.raises(ValueError, match=r"num_players must lie in 1\.\.20.*not 21"):
        enumerate_game(glove_game, 21)
    with pytest.raises(ValueError, match="one value for each"):
        enumerate_game(lambda coalitions: torch.zeros(3), 4)
    with pytest.raises(ValueError, match="finite"):
        enumerate_game(lambda coalitions: torch.full((len(coalitions),), torch.nan), 4)


@pytest.mark.parametrize("probability", [0.5, 0.3])
def test_samples_of_any_game_lie_within_their_standard_errors(make_game, probability):
    game = make_game(6, 4)
    exact = banzhaf_interactions(game, probability, between="players")
    generator = torch.Generator().manual_seed(0)
    sampled = sample_interactions(game, 10, 20_000, generator, probability=probability)
    off_diagonal = ~torch.eye(10, dtype=torch.bool)
    deviations = ((sampled.interactions - exact) / sampled.standard_errors)[off_diagonal]
    assert deviations.abs().max() < 4
    assert deviations.square().mean() > 0.3  # the errors are not merely large
    assert sampled.num_evaluations == 20_000


def test_samples_need_a_budget_and_a_probability():
    for arguments in ({"budget": 4}, {"budget": 100, "probability": 1.0}):
        with pytest.raises(ValueError, match="sampling needs"):
            sample_interactions(glove_game, 3, **arguments)


@pytest.mark.parametrize("normalize_weights", [False, True])
@pytest.mark.parametrize("floor_at_zero", [False, True])
def test_samples_of_late_interaction_converge_to_the_exact_interactions(make_game, normalize_weights, floor_at_zero):
    game = make_game(
        5, 4, batch=(3,), with_masks=True, normalize_weights=normalize_weights, floor_at_zero=floor_at_zero
    )
    exact = banzhaf_interactions(game, 0.4)
    generator = torch.Generator().manual_seed(0)
    runs = torch.stack([sample_late_interactions(game, 500, generator, probability=0.4) for _ in range(40)])
    errors = runs.std(0) / 40**0.5
    assert ((runs.mean(0) - exact).abs() <= 4 * errors + 1e-12).all()
    assert (errors < 0.01).all()


def test_samples_of_single_players():
    game = LateInteractionGame(torch.tensor([[0.8]]), torch.ones(1), torch.ones(1))
    torch.testing.assert_close(sample_late_interactions(game, 3), torch.tensor([[0.8]]))


def test_shapiq_agrees(make_game):
    shapiq = pytest.importorskip("shapiq")
    game = make_game(4, 3, floor_at_zero=False)
    computer = shapiq.ExactComputer(to_shapiq(game, 7), n_players=7)
    for name, ours in (("BII", banzhaf_interactions), ("SII", shapley_interactions)):
        theirs, _ = interactions_from_shapiq(computer(name, order=2))
        torch.testing.assert_close(ours(game, between="players"), theirs)
    _, theirs = interactions_from_shapiq(computer("SV", order=1))
    torch.testing.assert_close(torch.cat(shapley_values(game)), theirs)


def test_shapiq_round_trips(make_game):
    pytest.importorskip("shapiq")
    game = make_game(4, 3)
    again = from_shapiq(to_shapiq(game, 7))
    coalitions = torch.rand(5, 7) < 0.5
    torch.testing.assert_close(again(coalitions), game(coalitions))
    interactions, values = banzhaf_interactions(game, between="players"), torch.cat(shapley_values(game))
    back = interactions_from_shapiq(interactions_to_shapiq(interactions, values))
    torch.testing.assert_close(back, (interactions, values))
