"""How far numbers would move with other videos and seeds: bootstrap intervals, and paired tests of two models.

Texts of one video share its luck, so videos, with all their texts, are what is drawn and what changes sides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import stdev

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hbi.evaluation.ranks import RECALLS, Ranks
from hbi.evaluation.students_t import p_value_of_runs

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
        first, second: The models' values: the means over the runs of each.
        low, high: 95 % bootstrap interval of second - first.
        p_value: Share of random exchanges of the two models, video by video, that differ at least as much.
        first_runs, second_runs: What each run reaches.
        p_value_of_runs: Of a t-test in which runs are what chance has drawn; None where there are too few of them.
    """

    measure: str
    first: float
    second: float
    low: float
    high: float
    p_value: float
    first_runs: tuple[float, ...] = ()
    second_runs: tuple[float, ...] = ()
    p_value_of_runs: float | None = None

    @property
    def difference(self) -> float:
        """Return second - first."""
        return self.second - self.first

    @property
    def deviations(self) -> tuple[float | None, float | None]:
        """Return the standard deviation over the runs of each model; None for one run."""
        first, second = (stdev(runs) if len(runs) > 1 else None for runs in (self.first_runs, self.second_runs))
        return first, second


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
    first: Ranks | Sequence[Ranks],
    second: Ranks | Sequence[Ranks],
    videos: Int[Tensor, " query"],
    *,
    are_paired: bool = False,
    num_draws: int = 10_000,
    seed: int = 0,
) -> list[PairedDifference]:
    """Return differences of two models' measures on the same queries, with intervals and p-values.

    The test is Fisher's randomization test: were the models alike, their ranks for a video could change sides; of
    several runs the means do. Then the interval draws runs as well as videos (Owen 2007), and there is a t-test of
    the runs.

    Args:
        first: Ranks that one model gives; of several runs, those of each.
        second: Ranks that the other gives to the same queries.
        videos: The video that each query belongs to.
        are_paired: Whether the runs go in pairs, those of one seed: they are drawn and tested together.
        num_draws: Of the bootstrap, and of exchanges.
        seed: Of both.

    Raises:
        ValueError: There is no query, or the lengths differ.
    """
    sides = [[side] if isinstance(side, Ranks) else list(side) for side in (first, second)]
    if len({len(ranks) for side in sides for ranks in side}) > 1:
        lengths = " and ".join(", ".join(str(len(ranks)) for ranks in side) for side in sides)
        raise ValueError(f"the models have {lengths} queries: they must be the same")
    of_first, of_second = ([_values(ranks) for ranks in side] for side in sides)
    values = [torch.stack(side).mean(0) for side in (of_first, of_second)]
    sums, counts = _sums_by_video(values[1] - values[0], videos)
    if len(of_first) == len(of_second) == 1:
        drawn = torch.cat([(times @ sums) / (times @ counts) for times in _draws(len(counts), num_draws, seed)])
    else:
        of_runs = [torch.stack([_sums_by_video(each, videos)[0] for each in side]) for side in (of_first, of_second)]
        drawn = _drawn_with_runs(of_runs[0], of_runs[1], counts, are_paired=are_paired, num_draws=num_draws, seed=seed)
    low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    observed = sums.sum(0).abs()
    # Sums of equal terms in another order must not count as smaller by a rounding error.
    reached = torch.zeros(len(MEASURES), dtype=torch.float64)
    for signs in _signs(len(counts), num_draws, seed):
        reached += ((signs @ sums).abs() >= observed - 1e-9).sum(0)
    p_values = (1 + reached) / (1 + num_draws)
    means = (value.mean(0) for value in values)
    columns = (column.tolist() for column in (*means, low, high, p_values))
    runs = [torch.stack([each.mean(0) for each in side], dim=1).tolist() for side in (of_first, of_second)]
    rows = [PairedDifference(*row) for row in zip(MEASURES, *columns, strict=True)]
    return [
        replace(
            row,
            first_runs=tuple(one),
            second_runs=tuple(other),
            p_value_of_runs=p_value_of_runs(one, other, are_paired=are_paired),
        )
        for row, one, other in zip(rows, *runs, strict=True)
    ]


def _drawn_with_runs(
    first: Float[Tensor, "first_run video measure"],
    second: Float[Tensor, "second_run video measure"],
    counts: Float[Tensor, "video 1"],
    *,
    are_paired: bool,
    num_draws: int,
    seed: int,
) -> Float[Tensor, "draw measure"]:
    """Return differences of draws of runs and videos at once; runs that are paired are drawn together."""
    generator, drawn = torch.Generator().manual_seed(seed + 2), []
    for times in _draws(len(counts), num_draws, seed):
        means = [torch.einsum("dv,rvm->drm", times, side) / (times @ counts)[:, None] for side in (first, second)]
        of_first = _shares(len(times), len(first), generator)
        of_second = of_first if are_paired else _shares(len(times), len(second), generator)
        of_sides = [(each * share[..., None]).sum(1) for each, share in zip(means, (of_first, of_second), strict=True)]
        drawn.append(of_sides[1] - of_sides[0])
    return torch.cat(drawn)


def _shares(num_draws: int, num_runs: int, generator: torch.Generator) -> Float[Tensor, "draw run"]:
    """Return which share of its mean each draw takes from each run, when as many are drawn as there are."""
    drawn = torch.randint(num_runs, (num_draws, num_runs), generator=generator)
    ones = torch.ones(num_draws, num_runs, dtype=torch.float64)
    return torch.zeros_like(ones).scatter_add_(1, drawn, ones) / num_runs


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
