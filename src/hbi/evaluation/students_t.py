"""Student's t-test of a few runs a side: is the difference more than the choice of the seed makes?"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev, variance

_NOTHING = 1e-9
"""What rounding leaves of a difference or a spread that is none."""


def p_value_of_runs(first: Sequence[float], second: Sequence[float], *, are_paired: bool) -> float | None:
    """Return the two-sided p-value of the difference of two means over runs; None where the runs cannot tell.

    They cannot where there are too few, or where they do not differ among themselves though the sides do.

    Args:
        first: What each run of one side reaches.
        second: The same of the other side.
        are_paired: Whether the runs go in pairs, of one seed each (paired test, as many runs a side less one degrees
            of freedom); else the sides are taken to have one spread (all runs less two degrees).

    >>> round(p_value_of_runs([10.0, 11.0, 12.0], [12.0, 13.5, 14.0], are_paired=True), 4)
    0.0056
    >>> p_value_of_runs([10.0], [12.0], are_paired=True) is None
    True
    """
    if are_paired:
        gains = [b - a for a, b in zip(first, second, strict=True)]
        degrees = len(gains) - 1
        if degrees < 1:
            return None
        difference, error = fmean(gains), stdev(gains) / math.sqrt(len(gains))
    else:
        degrees = len(first) + len(second) - 2
        if degrees < 1:
            return None
        squares = sum(variance(side) * (len(side) - 1) for side in (first, second) if len(side) > 1)
        difference = fmean(second) - fmean(first)
        error = math.sqrt(squares / degrees * (1 / len(first) + 1 / len(second)))
    if error < _NOTHING:
        return 1.0 if abs(difference) < _NOTHING else None
    return two_sided_p(difference / error, degrees)


def two_sided_p(t: float, degrees: int) -> float:
    """Return how often Student's t is at least as far from 0 as `t`, by its finite sums (Abramowitz and Stegun 26.7.3).

    Args:
        t: The statistic.
        degrees: Of freedom, from 1.

    >>> round(two_sided_p(4.302653, 2), 6)
    0.05
    """
    angle = math.atan(abs(t) / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = degrees % 2
    term, total = (cosine if is_odd else 1.0), 0.0
    for k in range(1, (degrees - is_odd) // 2 + 1):
        total += term
        term *= cosine**2 * ((2 * k) / (2 * k + 1) if is_odd else (2 * k - 1) / (2 * k))
    within = 2 / math.pi * (angle + sine * total) if is_odd else sine * total
    return min(1.0, max(0.0, 1.0 - within))
