"""Games that stand for a game: the best ones by weighted least squares, and what they would take away."""

import pytest
import torch
from torch.testing import assert_close

from hbi.evaluation.surrogates import (
    Surrogate,
    area_between,
    drawn_coalitions,
    extreme_coalitions,
    fit_surrogate,
    kept_in_order,
    r_squared,
)
from hbi.games import enumerate_game
from hbi.games.enumeration import all_coalitions


def everyone(num_players):
    return torch.cat(list(all_coalitions(num_players, torch.device("cpu"))))


def bumpy(coalitions):
    """A game of six players with interactions of every order."""
    torch.manual_seed(5)
    heights = torch.rand(64, dtype=torch.float64)
    return heights[(coalitions * 2 ** torch.arange(6)).sum(-1)] + coalitions.double().sum(-1).square()


def random_surrogate(center, num_players=5):
    torch.manual_seed(7)
    second = torch.randn(num_players, num_players, dtype=torch.float64)
    second = (second + second.T).fill_diagonal_(0)
    return Surrogate(center, 0.5, torch.randn(num_players, dtype=torch.float64), second)


def test_a_surrogate_sums_players_and_pairs_around_its_center():
    surrogate = Surrogate(0.0, 1.0, torch.tensor([2.0, 3.0, 5.0]), torch.tensor([[0, 7.0, 0], [7, 0, 0], [0, 0, 0]]))
    coalitions = torch.tensor([[False] * 3, [True, False, True], [True, True, False]])
    assert surrogate(coalitions).tolist() == [1.0, 8.0, 13.0]
    missed = Surrogate(1.0, 10.0, torch.tensor([2.0, 3.0, 5.0]))
    assert missed(coalitions).tolist() == [0.0, 7.0, 5.0]


@pytest.mark.parametrize("probability", [0.3, 0.5, 0.8])
def test_weighted_banzhaf_indices_are_the_best_surrogate_of_second_order(probability):
    """Against least squares over all coalitions, each by its probability, in plain products of members."""
    coalitions = everyone(6)
    size = coalitions.sum(-1).double()
    weight = probability**size * (1 - probability) ** (6 - size)
    one, other = torch.triu_indices(6, 6, offset=1)
    inside = coalitions.double()
    columns = torch.cat((torch.ones(64, 1).double(), inside, inside[:, one] * inside[:, other]), dim=1)
    scale = weight.sqrt()[:, None]
    fitted = columns @ torch.linalg.lstsq(scale * columns, scale * bumpy(coalitions)[:, None]).solution[:, 0]
    solved = enumerate_game(bumpy, 6)
    mean = float((weight * bumpy(coalitions)).sum())
    surrogate = Surrogate(
        probability, mean, solved.banzhaf_values(probability), solved.banzhaf_interactions(probability)
    )
    assert_close(surrogate(coalitions), fitted)


def test_a_fit_finds_a_game_of_second_order_and_the_truth_of_another_in_the_limit():
    truth = random_surrogate(0.3)
    fitted = fit_surrogate(truth, 5, 200, torch.Generator().manual_seed(0), probability=0.4)
    assert_close(fitted(everyone(5)), truth(everyone(5)))
    solved = enumerate_game(bumpy, 6)
    near = fit_surrogate(bumpy, 6, 60_000, torch.Generator().manual_seed(0))
    assert float((near.second - solved.banzhaf_interactions()).abs().max()) < 0.05
    assert float((near.first - solved.banzhaf_values()).abs().max()) < 0.05
    with pytest.raises(ValueError, match=r"15 coalitions cannot tell 16 numbers"):
        fit_surrogate(truth, 5, 15, torch.Generator())


def test_r_squared_is_one_for_the_truth_and_nothing_for_its_mean():
    true = torch.tensor([1.0, 2.0, 6.0])
    assert r_squared(true, true) == 1.0
    assert r_squared(true, torch.full((3,), 3.0)) == pytest.approx(0.0)
    assert r_squared(true, torch.full((3,), 4.0)) == pytest.approx(1 - (9 + 4 + 4) / (4 + 1 + 9))


def test_players_join_with_their_probability():
    coalitions = drawn_coalitions(4, 20_000, 0.3, torch.Generator().manual_seed(0))
    assert_close(coalitions.double().mean(0), torch.full((4,), 0.3).double(), atol=0.015, rtol=0)
    assert float((coalitions[:, 0] & coalitions[:, 1]).double().mean()) == pytest.approx(0.09, abs=0.01)


def test_players_leave_in_order():
    assert kept_in_order([2, 0, 1]).int().tolist() == [[1, 1, 1], [1, 1, 0], [0, 1, 0]]


def test_the_area_lies_between_least_and_most_important_first():
    worths = torch.tensor([1.0, 2.0, 5.0])

    def additive(coalitions):
        return 3 + coalitions.float() @ worths  # nobody is worth 3

    area = area_between(additive, kept_in_order([2, 1, 0]), kept_in_order([0, 1, 2]))
    assert area == pytest.approx((0 + (7 - 3) / 8 + (5 - 1) / 8 + 0) / 4)
    assert area_between(additive, kept_in_order([0, 1, 2]), kept_in_order([2, 1, 0])) == pytest.approx(-area)


def best_of_greedy_searches(surrogate, num_players, sign):
    """The same search with sets: from every player, the one that raises the value most joins next."""

    def value(members):
        return sign * float(surrogate(torch.tensor([[player in members for player in range(num_players)]])))

    best = {}
    for start in range(num_players):
        members = {start}
        while True:
            if value(members) > best.get(len(members), (-1e9, None))[0]:
                best[len(members)] = (value(members), set(members))
            if len(members) == num_players:
                break
            members.add(max(set(range(num_players)) - members, key=lambda player: value(members | {player})))
    return [best[size][1] for size in range(num_players, 0, -1)]


@pytest.mark.parametrize("center", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("largest", [True, False])
def test_extreme_coalitions_are_the_best_of_greedy_searches_from_every_player(center, largest):
    surrogate = random_surrogate(center, num_players=7)
    found = extreme_coalitions(surrogate, largest=largest)
    expected = best_of_greedy_searches(surrogate, 7, 1 if largest else -1)
    assert [set(kept.nonzero().flatten().tolist()) for kept in found] == expected


def test_extremes_of_first_order_take_players_by_their_own_numbers():
    found = extreme_coalitions(Surrogate(0.5, 0.0, torch.tensor([3.0, -1.0, 2.0])), largest=True)
    assert found.int().tolist() == [[1, 1, 1], [1, 0, 1], [1, 0, 0]]
