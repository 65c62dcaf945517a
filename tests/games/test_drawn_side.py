"""The regression on drawn coalitions, against fitting it anew for every block and visiting all coalitions."""

import math

import pytest
import torch
from set_encoders import SetEncoder

from hbi.games.drawn_side import _NOISE, DrawnSide, smallest_budget
from hbi.games.one_side import ExactSide

NUM_PLAYERS = 6


def kernel(first, second):
    """Of two lists of coalitions, by its definition."""
    first, second = first.double(), second.double()
    return ((first @ second.T) / (first.sum(1, keepdim=True) * second.sum(1)).sqrt() - 1).exp()


def set_function(side, vectors, everything, drawn_blocks, block):
    """Return at all coalitions: the regression without `block`, and in the block what it lacks."""
    points, values = side.coalitions[side.points], vectors[side.points]
    num_complete, size = len(points) - side.weights.numel(), side.weights.shape[1]
    places = {number: num_complete + number * size + torch.arange(size) for number in range(len(side.weights))}
    seen = torch.cat([torch.arange(num_complete), *(places[number] for number in drawn_blocks if number != block)])
    gram = kernel(points[seen], points[seen]) + _NOISE * torch.eye(len(seen), dtype=torch.float64)
    coefficients = torch.linalg.solve(gram, values[seen])
    result = kernel(everything, points[seen]) @ coefficients
    counted = torch.cat((torch.arange(num_complete), places[block]))
    weights = torch.cat((torch.ones(num_complete, dtype=torch.float64), side.weights[block]))
    lacks = values[counted] - kernel(points[counted], points[seen]) @ coefficients
    for coalition, weight, lack in zip(points[counted], weights, lacks, strict=True):
        result[(everything == coalition).all(1)] += weight * lack
    return result


def expectations(side, probability):
    effects, pairs = side.effects(probability), side.pair_effects(probability)
    return torch.cat([part.flatten(1) for part in (side.expected(probability), effects, pairs)], dim=1)


@pytest.mark.parametrize("probability", [0.3, 0.0])
def test_estimates_are_the_expectations_of_a_set_function(probability):
    side = DrawnSide.draw(NUM_PLAYERS, 40, torch.Generator().manual_seed(0), torch.device("cpu"))
    vectors = SetEncoder(NUM_PLAYERS, width=3)(side.coalitions)
    every = ExactSide.of(NUM_PLAYERS, torch.device("cpu"))
    blocks = range(len(side.weights))

    def mean_over(drawn_blocks):
        functions = [set_function(side, vectors, every.coalitions, drawn_blocks, block) for block in drawn_blocks]
        return expectations(every.expectations(torch.stack(functions).mean(0)), probability)[0]

    mean = mean_over(blocks)
    without = torch.stack([mean_over([block for block in blocks if block != left_out]) for left_out in blocks])
    actual = expectations(side.expectations(vectors), probability)
    torch.testing.assert_close(actual.mean(0), mean, rtol=0, atol=1e-10)
    expected = mean - (len(blocks) - 1) * (without - without.mean(0))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("num_players", "budget"), [(6, 40), (8, 33), (9, 200), (12, 256), (30, 100), (11, 400)])
def test_every_coalition_has_a_chance_that_its_weight_undoes(num_players, budget):
    """The weights of each size sum, over many draws, to how many coalitions of the size there are."""
    total, counts = torch.zeros(num_players + 1, dtype=torch.float64), []
    num_draws = 60
    for seed in range(num_draws):
        side = DrawnSide.draw(num_players, budget, torch.Generator().manual_seed(seed), torch.device("cpu"))
        num_complete = len(side.points) - side.weights.numel()
        sizes = side.coalitions[side.points].sum(1)
        total.index_add_(0, sizes[num_complete:], side.weights.flatten() / len(side.weights) / num_draws)
        total.index_add_(0, sizes[:num_complete], torch.ones(num_complete, dtype=torch.float64) / num_draws)
        counts.append(len(side.coalitions))
    assert max(counts) <= budget
    assert len(side.weights) >= 8
    expected = torch.tensor([math.comb(num_players, size) for size in range(num_players + 1)], dtype=torch.float64)
    torch.testing.assert_close(total[1:], expected[1:], rtol=0.5, atol=0)


def test_the_largest_coalition_is_last_and_none_is_twice():
    side = DrawnSide.draw(9, 120, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert side.coalitions[-1].all()
    assert (side.coalitions.sum(1).diff() >= 0).all()
    assert len(side.coalitions.unique(dim=0)) == len(side.coalitions) <= 120
    assert {1, 8, 9} <= set(side.coalitions.sum(1).tolist())
    assert smallest_budget(9) == 35
