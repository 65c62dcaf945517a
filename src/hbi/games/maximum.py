"""The expected maximum over a random coalition and its derivatives: one sort, then running sums.

Written for frames as players and words as rows (`axis` -1); with `axis` -2 the two change places. `x_0 >= x_1 >= ...`
are the similarities of a row from the best down, and one more, 0, follows the last: what an empty coalition earns.
Every quantity is a sum over the steps `x_k - x_(k+1)`, all of them non-negative but perhaps the last, so that nothing
cancels. Masked players stand last and count as 0, so that they earn nothing.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Ranking(NamedTuple):
    """The players on `axis` in ascending order of similarity, in every row."""

    steps: Float[Tensor, "*#batch word frame"]
    order: Int[Tensor, "*#batch word frame"]
    axis: int

    def along_axis(self, per_position: Float[Tensor, " position"]) -> Tensor:
        """Return a vector over positions in a shape that broadcasts against `steps`."""
        return per_position if self.axis == -1 else per_position.unsqueeze(-1)

    def num_better(self) -> Float[Tensor, " position"]:
        """Return how many players stand above each position: the rank `k`."""
        size = self.steps.shape[self.axis]
        return torch.arange(size - 1, -1, -1, device=self.steps.device, dtype=self.steps.dtype)

    def sum_of_lower_steps(self, factor: Tensor) -> Float[Tensor, "*#batch word frame"]:
        """Return for every player of rank `r` the sum over `k >= r` of `factor_k (x_k - x_(k+1))`."""
        sums = (self.steps * factor).cumsum_(self.axis)
        order = self.order.expand(sums.shape)
        return torch.empty_like(sums).scatter_(self.axis, order, sums)


def rank(
    similarity: Float[Tensor, "*#batch word frame"],
    keys: Int[Tensor, "*#batch word frame"],
    mask: Bool[Tensor, "*#batch player"] | None,
    *,
    axis: int,
) -> Ranking:
    """Return the ranking of the frames in every word's row (`axis` -1) or of the words in every frame's column (-2).

    `keys` is `sortable(similarity)`.
    """
    if mask is not None:
        players = mask.unsqueeze(-2 if axis == -1 else -1)
        similarity = torch.where(players, similarity, 0)
        keys = torch.where(players, keys, torch.iinfo(keys.dtype).min)
    order = keys.argsort(axis)
    values = similarity.gather(axis, order)
    size = values.shape[axis]
    lower = torch.constant_pad_nd(values.narrow(axis, 0, size - 1), (1, 0) if axis == -1 else (0, 0, 1, 0))
    return Ranking(values - lower, order, axis)


def sortable(values: Float[Tensor, "*#batch"]) -> Int[Tensor, "*#batch"]:
    """Return integers in the order of the numbers: they sort half as fast again, with no NaN to look out for.

    The bits of a number that is not negative are in order as they are; for the others all but the sign must be flipped.
    """
    size = torch.int64 if values.dtype == torch.float64 else torch.int32
    bits = values.detach().contiguous().view(size)
    return torch.where(bits < 0, bits ^ torch.iinfo(size).max, bits)


def expected_gain(ranking: Ranking, probability: float) -> Float[Tensor, "*#batch word frame"]:
    """Return `D[t, j] = E[max_{v in C + j} s[t, v] - max_{v in C} s[t, v]]`, others in `C` with `probability`.

    The frame of rank `r` gains each step below it that none of the `k` others above that step already holds:

        D_(r) = sum_{k >= r} (1 - p)^k (x_k - x_(k+1))
    """
    return ranking.sum_of_lower_steps(ranking.along_axis((1.0 - probability) ** ranking.num_better()))


def expected_shared_gain(ranking: Ranking, probability: float) -> Float[Tensor, "*#batch word frame"]:
    """Return `G` with which two frames `i`, `j` are redundant: their second difference is `-min(G[t, i], G[t, j])`.

    They share the steps below the lower of the two, unless one of the `k - 1` others holds them:
    `G_(r) = sum_{k >= r} (1 - p)^(k - 1) (x_k - x_(k+1))`, which falls with `r`. (No pair has both at `r = 0`.)
    """
    exponent = (ranking.num_better() - 1).clamp(min=0)
    return ranking.sum_of_lower_steps(ranking.along_axis((1.0 - probability) ** exponent))


def expected_maximum(ranking: Ranking, probability: float) -> Float[Tensor, "*#batch row"]:
    """Return `M_t = E[max_{v in C} s[t, v]] = sum_k (1 - (1 - p)^(k+1)) (x_k - x_(k+1))`."""
    reached = 1.0 - (1.0 - probability) ** (ranking.num_better() + 1)
    return (ranking.steps * ranking.along_axis(reached)).sum(ranking.axis)


def absence_of_better(
    ranking: Ranking, inclusion: Float[Tensor, "*#batch player"]
) -> Float[Tensor, "*#batch word frame"]:
    """Return for every position `k` the probability that neither its player nor a better one is present."""
    absence = (1 - inclusion).unsqueeze(-2 if ranking.axis == -1 else -1)
    shape = torch.broadcast_shapes(absence.shape, ranking.order.shape)
    absence = absence.expand(shape).gather(ranking.axis, ranking.order.expand(shape))
    return absence.flip(ranking.axis).cumprod(ranking.axis).flip(ranking.axis)
