"""How far numbers would move with other videos: bootstrap intervals, and a paired test of two models.

Texts of one video share its luck, so videos, with all their texts, are what is drawn and what changes sides.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hbi.evaluation.ranks import RECALLS, Ranks

MEASURES = (*(f"recall@{k}" for k in RECALLS), "mean_rank")
"""Averages over queries; a median has no short form here."""
_BLOCK = 500


@dataclass(frozen=True)
class Interval:
    """A measure and the interval that holds it in 95 % of bootstrap draws; recalls in percent."""

    measure: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """A measure of two models on the same queries.

    Attributes:
        first, second: The models' values.
        low, high: 95 % bootstrap interval of second - first.
        p_value: Share of random exchanges of the two models, video by video, that differ at least as much.
    """

    measure: str
    first: float
    second: float
    low: float
    high: float
    p_value: float

    @property
    def difference(self) -> float:
        """Return second - first."""
        return self.second - self.first


def bootstrap_intervals(
    ranks: Ranks, videos: Int[Tensor, " query"], *, num_draws: int = 2000, seed: int = 0
) -> list[Interval]:
    """Return percentile intervals of the measures (Efron 1979), drawing videos with replacement.

    Args:
        ranks: Of each query.
        videos: The video that each query belongs to; queries of one video are drawn together.

    Raises:
        ValueError: There is no query, or the lengths differ.
    """
    sums, counts = _sums_by_video(_values(ranks), videos)
    drawn = torch.cat([(times @ sums) / (times @ counts) for times in _draws(len(counts), num_draws, seed)])
    low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    means = sums.sum(0) / counts.sum()
    return [Interval(*row) for row in zip(MEASURES, means.tolist(), low.tolist(), high.tolist(), strict=True)]


def interval_of_mean(
    measure: str,
    values: Float[Tensor, " query"],
    videos: Int[Tensor, " query"],
    *,
    num_draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of the mean of any values, drawing videos with replacement.

    Args:
        measure: What the mean is called.
        values: Of each query.
        videos: The video that each query belongs to; queries of one video are drawn together.
        num_draws: Of the bootstrap.
        seed: Of the draws.

    Raises:
        ValueError: There is no query, or the lengths differ.
    """
    sums, counts = _sums_by_video(values.double()[:, None], videos)
    drawn = torch.cat([(times @ sums) / (times @ counts) for times in _draws(len(counts), num_draws, seed)])
    low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0).flatten().tolist()
    return Interval(measure, float(sums.sum() / counts.sum()), low, high)


def paired_differences(
    first: Ranks,
    second: Ranks,
    videos: Int[Tensor, " query"],
    *,
    num_draws: int = 10_000,
    seed: int = 0,
) -> list[PairedDifference]:
    """Return differences of two models' measures on the same queries, with intervals and p-values.

    The test is Fisher's randomization test: were the models alike, their ranks for a video could change sides.

    Args:
        first: Ranks that one model gives.
        second: Ranks that the other gives to the same queries.
        videos: The video that each query belongs to.
        num_draws: Of the bootstrap, and of exchanges.
        seed: Of both.

    Raises:
        ValueError: There is no query, or the lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"the models have {len(first)} and {len(second)} queries: they must be the same")
    values = [_values(ranks) for ranks in (first, second)]
    sums, counts = _sums_by_video(values[1] - values[0], videos)
    drawn = torch.cat([(times @ sums) / (times @ counts) for times in _draws(len(counts), num_draws, seed)])
    low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    observed = sums.sum(0).abs()
    # Sums of equal terms in another order must not count as smaller by a rounding error.
    reached = torch.zeros(len(MEASURES), dtype=torch.float64)
    for signs in _signs(len(counts), num_draws, seed):
        reached += ((signs @ sums).abs() >= observed - 1e-9).sum(0)
    p_values = (1 + reached) / (1 + num_draws)
    means = (value.mean(0) for value in values)
    columns = (column.tolist() for column in (*means, low, high, p_values))
    return [PairedDifference(*row) for row in zip(MEASURES, *columns, strict=True)]


def _values(ranks: Ranks) -> Float[Tensor, "query measure"]:
    return torch.stack([*(100.0 * ranks.within(k) for k in RECALLS), ranks.expected], dim=1)


def _sums_by_video(
    values: Float[Tensor, "query measure"], videos: Int[Tensor, " query"]
) -> tuple[Float[Tensor, "video measure"], Float[Tensor, "video 1"]]:
    if len(values) != len(videos) or not len(values):
        raise ValueError(f"{len(values)} ranks and {len(videos)} videos: there must be as many, and at least one")
    _, row = videos.unique(return_inverse=True)
    sums = torch.zeros(int(row.max()) + 1, values.shape[1], dtype=torch.float64).index_add_(0, row, values)
    return sums, torch.bincount(row)[:, None].double()


def _draws(num_videos: int, num_draws: int, seed: int) -> Iterator[Float[Tensor, "draw video"]]:
    """Yield how often each video is drawn, in blocks of draws."""
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, num_draws, _BLOCK):
        size = min(_BLOCK, num_draws - start)
        drawn = torch.randint(num_videos, (size, num_videos), generator=generator)
        ones = torch.ones(size, num_videos, dtype=torch.float64)
        yield torch.zeros(size, num_videos, dtype=torch.float64).scatter_add_(1, drawn, ones)


def _signs(num_videos: int, num_draws: int, seed: int) -> Iterator[Float[Tensor, "draw video"]]:
    generator = torch.Generator().manual_seed(seed + 1)
    for start in range(0, num_draws, _BLOCK):
        size = min(_BLOCK, num_draws - start)
        yield 2.0 * torch.randint(2, (size, num_videos), generator=generator).double() - 1.0
