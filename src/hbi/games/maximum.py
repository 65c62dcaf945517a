"""The expected maximum over a random coalition and its derivatives: one sort, then running sums.

Every row has a similarity to each player. `x_0 >= x_1 >= ...` are those of a row from the best down, and one more, 0,
follows the last: what an empty coalition earns. Every quantity is a sum over the steps `x_k - x_(k+1)`, all of them
non-negative but perhaps the last, so that nothing cancels. Masked players stand last and count as 0, so that they earn
nothing.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.games.sorting import ascending_order


class Ranking(NamedTuple):
    """The players of every row in ascending order of similarity."""

    steps: Float[Tensor, "*#batch row player"]
    order: Int[Tensor, "*#batch row player"]

    def num_better(self) -> Float[Tensor, " position"]:
        """Return how many players stand above each position: the rank `k`."""
        size = self.steps.shape[-1]
        return torch.arange(size - 1, -1, -1, device=self.steps.device, dtype=self.steps.dtype)

    def sum_of_lower_steps(self, factor: Tensor) -> Float[Tensor, "*#batch row player"]:
        """Return for every player of rank `r` the sum over `k >= r` of `factor_k (x_k - x_(k+1))`."""
        sums = (self.steps * factor).cumsum_(-1)
        return torch.empty_like(sums).scatter_(-1, self.order.expand(sums.shape), sums)


def rank(similarity: Float[Tensor, "*#batch row player"], mask: Bool[Tensor, "*#batch player"] | None) -> Ranking:
    """Return the ranking of the players in every row; the similarity of masked players must be 0."""
    order = ascending_order(similarity, None if mask is None else mask.unsqueeze(-2))
    values = similarity.gather(-1, order)
    lower = torch.constant_pad_nd(values[..., :-1], (1, 0))
    return Ranking(values - lower, order)


def expected_gain(ranking: Ranking, probability: float) -> Float[Tensor, "*#batch row player"]:
    """Return `D[t, j] = E[max_{v in C + j} s[t, v] - max_{v in C} s[t, v]]`, others in `C` with `probability`.

    The player of rank `r` gains each step below it that none of the `k` others above that step already holds:

        D_(r) = sum_{k >= r} (1 - p)^k (x_k - x_(k+1))
    """
    return ranking.sum_of_lower_steps((1.0 - probability) ** ranking.num_better())


def expected_shared_gain(ranking: Ranking, probability: float) -> Float[Tensor, "*#batch row player"]:
    """Return `G` with which two players `i`, `j` are redundant: their second difference is `-min(G[t, i], G[t, j])`.

    They share the steps below the lower of the two, unless one of the `k - 1` others holds them:
    `G_(r) = sum_{k >= r} (1 - p)^(k - 1) (x_k - x_(k+1))`, which falls with `r`. (No pair has both at `r = 0`.)
    """
    exponent = (ranking.num_better() - 1).clamp(min=0)
    return ranking.sum_of_lower_steps((1.0 - probability) ** exponent)


def expected_maximum(ranking: Ranking, probability: float) -> Float[Tensor, "*#batch row"]:
    """Return `M_t = E[max_{v in C} s[t, v]] = sum_k (1 - (1 - p)^(k+1)) (x_k - x_(k+1))`."""
    return (ranking.steps * (1.0 - (1.0 - probability) ** (ranking.num_better() + 1))).sum(-1)


def absence_of_better(
    ranking: Ranking, inclusion: Float[Tensor, "*#batch player"]
) -> Float[Tensor, "*#batch row player"]:
    """Return for every position `k` the probability that neither its player nor a better one is present."""
    absence = (1 - inclusion).unsqueeze(-2)
    shape = torch.broadcast_shapes(absence.shape, ranking.order.shape)
    absence = absence.expand(shape).gather(-1, ranking.order.expand(shape))
    return absence.flip(-1).cumprod(-1).flip(-1)
