"""What one more player adds to the expected maximum over a random coalition: one sort, one running sum."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Ranking(NamedTuple):
    """Similarities in ascending order along one axis, masked players first and counted as 0."""

    values: Float[Tensor, "*batch word frame"]
    order: Int[Tensor, "*batch word frame"]
    axis: int

    @property
    def num_better(self) -> Int[Tensor, " player"]:
        """How many players stand above each position."""
        size = self.values.shape[self.axis]
        return torch.arange(size - 1, -1, -1, device=self.values.device)

    def steps(self) -> Float[Tensor, "*batch word frame"]:
        """Return by how much each value exceeds the next worse one, the worst exceeding 0."""
        return torch.diff(self.values, dim=self.axis, prepend=torch.zeros_like(self.values.narrow(self.axis, 0, 1)))

    def restore(self, ranked: Float[Tensor, "*batch word frame"]) -> Float[Tensor, "*batch word frame"]:
        """Return `ranked`, a tensor in ascending order, in the order of the players."""
        return torch.zeros_like(ranked).scatter(self.axis, self.order, ranked)


def rank(
    similarity: Float[Tensor, "*batch word frame"],
    mask: Bool[Tensor, "*#batch player"] | None,
    *,
    axis: int,
    floor_at_zero: bool,
) -> Ranking:
    """Return the ranking of the players on `axis` (-1: frames, -2: words) in every row (or column) of `similarity`."""
    players = None if mask is None else mask.unsqueeze(-1 if axis == -2 else -2)
    if floor_at_zero:
        # An entry of 0 earns nothing wherever it stands in the order, so a masked player may simply be one.
        floored = similarity.clamp(min=0)
        return Ranking(*(floored if players is None else floored * players).sort(axis), axis)
    if players is None:
        return Ranking(*similarity.sort(axis), axis)
    values, order = torch.where(players, similarity, -torch.inf).sort(axis)
    return Ranking(values.masked_fill(values == -torch.inf, 0), order, axis)


def expected_gain(ranking: Ranking, probability: float) -> Float[Tensor, "*batch word frame"]:
    """Return `D[t, j] = E[max_{v in C + j} s[t, v] - max_{v in C} s[t, v]]`, frames in `C` with `probability` each.

    Frame `j` of rank `r` (0: the best) gains on every step `x_k - x_(k+1)` below it that no better-than-`k + 1` player
    already holds:  `D_(r) = sum_{k >= r} (1 - p)^k (x_k - x_(k+1))`, with 0 after the last. All terms but the last are
    non-negative, so nothing cancels. Masked players gain 0. With `axis` -2 words and frames change places.
    """
    absent = (1.0 - probability) ** ranking.num_better.to(ranking.values.dtype)
    steps = ranking.steps() * (absent if ranking.axis == -1 else absent.unsqueeze(-1))
    return ranking.restore(steps.cumsum(ranking.axis))
