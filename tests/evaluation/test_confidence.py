"""Intervals and tests whose answers are known by counting, and how often they are right on made-up data."""

from itertools import product

import pytest
import torch

from hbi.evaluation.confidence import MEASURES, bootstrap_intervals, paired_differences
from hbi.evaluation.ranks import Ranks, ranks, retrieval_scores


def test_an_interval_holds_its_value_and_shrinks_with_more_videos():
    torch.manual_seed(0)
    widths = []
    for num_videos in (50, 5000):
        ranks = torch.randint(1, 20, (num_videos,)).double()
        intervals = bootstrap_intervals(Ranks.certain(ranks), torch.arange(num_videos))
        assert [interval.measure for interval in intervals] == list(MEASURES)
        assert all(interval.low <= interval.value <= interval.high for interval in intervals)
        widths.append(intervals[2].high - intervals[2].low)
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.3)


def test_the_interval_of_a_share_is_that_of_the_binomial():
    ranks = torch.tensor([1.0] * 300 + [7.0] * 700)
    interval = bootstrap_intervals(Ranks.certain(ranks), torch.arange(1000), num_draws=20_000)[0]
    assert interval.value == pytest.approx(30.0)
    half = 1.96 * 100 * (0.3 * 0.7 / 1000) ** 0.5
    assert (interval.low, interval.high) == pytest.approx((30 - half, 30 + half), abs=0.2)


def test_texts_of_one_video_are_no_independent_evidence():
    ranks = torch.tensor([1.0] * 20 + [9.0] * 20)
    alone = bootstrap_intervals(Ranks.certain(ranks.repeat_interleave(25)), torch.arange(1000))[0]
    together = bootstrap_intervals(Ranks.certain(ranks.repeat_interleave(25)), torch.arange(40).repeat_interleave(25))[
        0
    ]
    assert together.value == alone.value
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(5, rel=0.25)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    generator = torch.Generator().manual_seed(0)
    hits = 0
    for seed in range(200):
        ranks = torch.where(torch.rand(200, generator=generator) < 0.4, 1.0, 20.0)
        interval = bootstrap_intervals(Ranks.certain(ranks), torch.arange(200), num_draws=300, seed=seed)[0]
        hits += interval.low <= 40.0 <= interval.high
    assert 180 <= hits <= 199


def test_the_p_value_is_that_of_all_exchanges():
    first = torch.tensor([1.0, 1.0, 2.0, 30.0, 4.0, 9.0])
    second = torch.tensor([1.0, 2.0, 1.0, 3.0, 1.0, 2.0])
    gain = first - second
    exchanges = torch.tensor(list(product([-1.0, 1.0], repeat=6)))
    exact = ((exchanges @ gain).abs() >= gain.sum().abs() - 1e-9).double().mean()
    row = paired_differences(Ranks.certain(first), Ranks.certain(second), torch.arange(6), num_draws=20_000)[4]
    assert row.measure == "mean_rank"
    assert row.difference == pytest.approx(float(-gain.mean()))
    assert row.p_value == pytest.approx(float(exact), abs=0.01)


def test_a_run_compared_with_itself_differs_by_nothing():
    ranks = torch.randint(1, 20, (50,)).double()
    for row in paired_differences(Ranks.certain(ranks), Ranks.certain(ranks), torch.arange(50) // 2):
        assert (row.difference, row.low, row.high, row.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_clear_difference_is_seen_and_chance_is_not():
    torch.manual_seed(0)
    first = torch.randint(1, 80, (400,)).double()
    better = (first - 5).clamp(min=1)
    assert all(
        row.p_value < 0.001
        for row in paired_differences(Ranks.certain(first), Ranks.certain(better), torch.arange(400))
    )
    shuffled = first[torch.randperm(400)]
    assert all(
        row.p_value > 0.01
        for row in paired_differences(Ranks.certain(first), Ranks.certain(shuffled), torch.arange(400))
    )


@pytest.mark.parametrize(("ranks", "videos"), [(torch.empty(0), torch.empty(0)), (torch.ones(3), torch.arange(2))])
def test_what_cannot_be_drawn_from_is_refused(ranks, videos):
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_intervals(Ranks.certain(ranks), videos)


def test_other_queries_are_refused():
    with pytest.raises(ValueError, match="must be the same"):
        paired_differences(Ranks.certain(torch.ones(3)), Ranks.certain(torch.ones(4)), torch.arange(3))


def test_intervals_and_differences_hold_the_values_that_are_reported_of_ties():
    torch.manual_seed(0)
    relevance = torch.rand(30, 12) < 0.3
    relevance[:, 0] = True
    found = [ranks(torch.randint(0, 3, (30, 12)).float(), relevance) for _ in range(2)]
    reported = [retrieval_scores(each).to_dict() for each in found]
    for interval in bootstrap_intervals(found[0], torch.arange(30)):
        assert interval.value == pytest.approx(reported[0][interval.measure])
    for row in paired_differences(*found, torch.arange(30)):
        assert (row.first, row.second) == pytest.approx([each[row.measure] for each in reported])


def of_runs(values: torch.Tensor) -> list[Ranks]:
    return [Ranks.certain(row) for row in values]


def test_several_runs_are_compared_by_their_means_and_drawn_with_the_videos():
    chance = torch.Generator().manual_seed(0)
    first, second = (torch.randint(1, 30, (3, 100), generator=chance).double() for _ in range(2))
    videos = torch.arange(100)
    rows = paired_differences(of_runs(first), of_runs(second), videos, num_draws=1000)
    for place, row in enumerate(rows):
        alone = [
            paired_differences(Ranks.certain(one), Ranks.certain(other), videos, num_draws=10)[place]
            for one, other in zip(first, second, strict=True)
        ]
        assert row.first_runs == pytest.approx([each.first for each in alone])
        assert row.second_runs == pytest.approx([each.second for each in alone])
        assert (row.first, row.second) == pytest.approx((sum(row.first_runs) / 3, sum(row.second_runs) / 3))
        assert row.low <= row.difference <= row.high
        assert row.p_value_of_runs is not None
    (single, *_) = paired_differences(Ranks.certain(first[0]), Ranks.certain(second[0]), videos)
    assert (single.deviations, single.p_value_of_runs) == ((None, None), None)
    assert single == paired_differences(of_runs(first[:1]), of_runs(second[:1]), videos)[0]


def test_runs_that_are_alike_add_nothing_to_the_interval():
    chance = torch.Generator().manual_seed(0)
    first, second = (torch.randint(1, 30, (200,), generator=chance).double() for _ in range(2))
    one = paired_differences(Ranks.certain(first), Ranks.certain(second), torch.arange(200))
    several = paired_differences(
        of_runs(first.expand(3, -1)), of_runs(second.expand(3, -1)), torch.arange(200), are_paired=True
    )
    for single, row in zip(one, several, strict=True):
        assert (row.low, row.high, row.p_value) == pytest.approx((single.low, single.high, single.p_value), abs=1e-9)


def test_seeds_that_differ_widen_the_interval_unless_they_go_in_pairs():
    """Each seed moves the ranks of both models: in pairs that is no doubt of the difference."""
    chance = torch.Generator().manual_seed(0)
    base = torch.randint(1, 10, (300,), generator=chance).double()
    moved = base + torch.tensor([[0.0], [4.0], [8.0], [12.0]])
    better = moved - torch.tensor([[0.9], [1.0], [1.0], [1.1]])  # no rank falls below 0: the measure here is the mean
    pairs, free = (
        paired_differences(of_runs(moved), of_runs(better), torch.arange(300), are_paired=are_paired)[
            MEASURES.index("mean_rank")
        ]
        for are_paired in (True, False)
    )
    assert pairs.difference == free.difference == pytest.approx(-1.0)
    assert pairs.high - pairs.low < 0.3 < 5 < free.high - free.low
    assert pairs.p_value_of_runs < 0.001 < 0.5 < free.p_value_of_runs


def test_the_interval_of_several_runs_covers_the_truth_about_as_often_as_it_says():
    """Ten seeds a side, each of which moves its recall; both models are alike."""
    chance, hits = torch.Generator().manual_seed(1), 0
    for seed in range(100):
        levels = 0.4 + 0.08 * torch.randn(2, 10, 1, generator=chance)
        ranks = torch.where(torch.rand(2, 10, 100, generator=chance) < levels, 1.0, 20.0)
        row = paired_differences(of_runs(ranks[0]), of_runs(ranks[1]), torch.arange(100), num_draws=300, seed=seed)[0]
        hits += row.low <= 0.0 <= row.high
    assert 88 <= hits <= 100
