"""The t-test against tables, and against the integral that it stands for."""

import math
from statistics import fmean, stdev

import pytest
import torch

from hbi.evaluation.students_t import p_value_of_runs, two_sided_p


@pytest.mark.parametrize(
    ("degrees", "t"),  # two-sided 5 %, of any table
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (9, 2.2622), (10, 2.2281), (30, 2.0423)],
)
def test_the_points_of_the_tables(degrees, t):
    assert two_sided_p(t, degrees) == pytest.approx(0.05, abs=2e-5)
    assert two_sided_p(-t, degrees) == two_sided_p(t, degrees)


@pytest.mark.parametrize("degrees", range(1, 12))
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.5, 7.0])
def test_it_is_the_area_under_the_density(degrees, t):
    """Of Student's density, by the trapezoid rule."""
    constant = math.gamma((degrees + 1) / 2) / (math.sqrt(degrees * math.pi) * math.gamma(degrees / 2))
    x = torch.linspace(-t, t, 20_001, dtype=torch.float64)
    area = float(torch.trapezoid(constant * (1 + x**2 / degrees) ** (-(degrees + 1) / 2), x))
    assert two_sided_p(t, degrees) == pytest.approx(1 - area, abs=1e-7)


def test_pairs_are_tested_by_their_gains_and_others_by_their_joint_spread():
    first, second = [10.0, 12.0, 17.0], [11.0, 13.5, 18.0]
    gains = [b - a for a, b in zip(first, second, strict=True)]
    t = fmean(gains) / (stdev(gains) / math.sqrt(3))
    assert p_value_of_runs(first, second, are_paired=True) == pytest.approx(two_sided_p(t, 2))
    spread = math.sqrt((stdev(first) ** 2 + stdev(second) ** 2) / 2)
    t = (fmean(second) - fmean(first)) / (spread * math.sqrt(2 / 3))
    assert p_value_of_runs(first, second, are_paired=False) == pytest.approx(two_sided_p(t, 4))
    assert p_value_of_runs(first, second, are_paired=True) < 0.05 < p_value_of_runs(first, second, are_paired=False)


def test_runs_that_cannot_tell_are_not_asked():
    assert p_value_of_runs([1.0], [2.0], are_paired=False) is None
    assert p_value_of_runs([1.0], [2.0], are_paired=True) is None
    assert p_value_of_runs([1.0, 1.0], [2.0, 2.0], are_paired=False) is None  # no spread to compare with
    assert p_value_of_runs([1.0, 1.0], [1.0, 1.0], are_paired=True) == 1.0
    assert 0 < p_value_of_runs([1.0, 1.5], [2.0], are_paired=False) < 1


def test_under_chance_alone_it_is_small_as_often_as_it_says():
    draws = torch.randn(2000, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for are_paired in (False, True):
        values = [p_value_of_runs(*pair, are_paired=are_paired) for pair in draws.tolist()]
        assert fmean(value < 0.05 for value in values) == pytest.approx(0.05, abs=0.015)
