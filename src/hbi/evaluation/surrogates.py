"""Games of single players and pairs that stand for a game: how well they foretell it, and what they would take away.

A surrogate says of every coalition what it is worth, from one number for each player and one for each pair. What an
index claims of a game is checked by the surrogate that is made of its numbers (`r_squared`), and by the players that it
would take away first (`area_between`), both as in the code that comes with FIxLIP (Baniecki et al., "Explaining
similarity in vision-language encoders with weighted Banzhaf interactions", NeurIPS 2025).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games import CoalitionGame

Values = Callable[[Bool[Tensor, "coalition player"]], Float[Tensor, " coalition"]]


@dataclass(frozen=True, eq=False)
class Surrogate:
    """`value(C) = constant + sum_i first_i z_i + sum_{i<j} second_ij z_i z_j`, with `z_i = 1(i in C) - center`.

    With the `p`-weighted Banzhaf values and interactions, the mean worth as the constant and `center = p` it is the
    best approximation of second order under `p`: the products of the `z_i` are orthogonal where players join
    independently with `p` (Marichal and Mathonet, "Weighted Banzhaf power and interaction indexes through weighted
    approximations of games", 2011).

    Attributes:
        center: Around which players are counted: 0 for what they add to nobody, 1 for what is missed without them.
        constant: The value at the center.
        first: Of every player.
        second: Of every pair of players, symmetric, 0 on the diagonal; None: of first order.
    """

    center: float
    constant: float
    first: Float[Tensor, " player"]
    second: Float[Tensor, "player player"] | None = None

    def pairs(self) -> Float[Tensor, "player player"]:
        """Return the numbers of pairs, 0 for one of first order."""
        if self.second is None:
            return self.first.new_zeros(len(self.first), len(self.first)).double()
        return self.second.double()

    def __call__(self, coalitions: Bool[Tensor, "coalition player"]) -> Float[Tensor, " coalition"]:
        """Return what it says of coalitions."""
        present = coalitions.double() - self.center
        of_players = present @ self.first.double()
        return self.constant + of_players + 0.5 * ((present @ self.pairs()) * present).sum(-1)


def r_squared(true: Float[Tensor, " coalition"], foretold: Float[Tensor, " coalition"]) -> float:
    """Return the share of the variance that is foretold, `1 - sum (true - foretold)^2 / sum (true - mean)^2`.

    1 is perfect, 0 as good as the mean of `true`, and below 0 worse than it.

    Args:
        true: What coalitions are worth.
        foretold: What is said of them.

    >>> r_squared(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 2.0]))
    0.5
    """
    residual, total = (true - foretold).square().sum(), (true - true.mean()).square().sum()
    return float(1 - residual / total)


def drawn_coalitions(
    num_players: int, count: int, probability: float, generator: torch.Generator
) -> Bool[Tensor, "coalition player"]:
    """Return coalitions that every player joined with a probability, by itself.

    Args:
        num_players: Of the game.
        count: How many coalitions.
        probability: With which each joins.
        generator: The source of randomness.
    """
    return torch.rand(count, num_players, generator=generator) < probability


def fit_surrogate(
    game: CoalitionGame, num_players: int, budget: int, generator: torch.Generator, *, probability: float = 0.5
) -> Surrogate:
    """Return the surrogate of second order that fits some drawn coalitions best: FIxLIP's estimator.

    Args:
        game: Any function of a boolean coalition matrix.
        num_players: Of the game.
        budget: How many coalitions are drawn and evaluated.
        generator: The source of randomness.
        probability: With which every player is in a coalition.

    Raises:
        ValueError: Fewer coalitions than the surrogate has numbers.
    """
    one, other = torch.triu_indices(num_players, num_players, offset=1)
    if budget < 1 + num_players + len(one):
        raise ValueError(f"{budget} coalitions cannot tell {1 + num_players + len(one)} numbers: draw more")
    coalitions = drawn_coalitions(num_players, budget, probability, generator)
    present = coalitions.double() - probability
    columns = torch.cat((torch.ones(budget, 1).double(), present, present[:, one] * present[:, other]), dim=1)
    fitted = torch.linalg.lstsq(columns.T @ columns, (columns.T @ game(coalitions).double())[:, None]).solution[:, 0]
    second = torch.zeros(num_players, num_players, dtype=torch.float64)
    second[one, other] = second[other, one] = fitted[1 + num_players :]
    return Surrogate(probability, float(fitted[0]), fitted[1 : 1 + num_players], second)


def area_between(
    values: Values, most_first: Bool[Tensor, "size player"], least_first: Bool[Tensor, "size player"]
) -> float:
    """Return the area between two curves of deletion: least important first over most important first.

    Both start with everybody and end with nobody, whose worth becomes 1 and 0; the area is the mean of the differences
    at all sizes, both ends counted. High is good.

    Args:
        values: What coalitions are worth.
        most_first: Who is left of each size, from everybody to one player, where the most important left first.
        least_first: The same where the least important left first.
    """
    nobody = torch.zeros_like(most_first[:1])
    low, high = (values(torch.cat((kept, nobody))) for kept in (most_first, least_first))
    whole = float(low[0] - low[-1])
    return float((high - low).mean()) / whole if whole else float("nan")


def kept_in_order(order: Sequence[int]) -> Bool[Tensor, "size player"]:
    """Return who is left as players leave in order, from everybody to the last one.

    Args:
        order: All players, the first to leave first.
    """
    kept = torch.ones(len(order), len(order), dtype=torch.bool)
    for step, player in enumerate(order[:-1]):
        kept[step + 1 :, player] = False
    return kept


def extreme_coalitions(surrogate: Surrogate, *, largest: bool) -> Bool[Tensor, "size player"]:
    """Return for every size, from everybody to one player, the coalition to which a surrogate gives most, or least.

    Found greedily as in FIxLIP: from every player, others are added one by one, each time the one that adds most (or
    least); of each size the best of all starts counts, so that a smaller coalition need not lie within a larger one.

    Args:
        surrogate: Of second order, or first.
        largest: Look for the most.
    """
    num_players = len(surrogate.first)
    sign = 1.0 if largest else -1.0
    alone = sign * (surrogate.first.double() - surrogate.center * surrogate.pairs().sum(-1))
    together = sign * surrogate.pairs()
    inside, worth = torch.eye(num_players, dtype=torch.bool), alone.clone()
    best = [inside[worth.argmax()]]
    for _ in range(num_players - 1):
        gain, player = (alone + inside.double() @ together).masked_fill(inside, -torch.inf).max(1)
        inside, worth = inside.scatter(1, player[:, None], True), worth + gain
        best.append(inside[worth.argmax()])
    return torch.stack(best[::-1])
