"""How well spans of a video agree with the moment that a text tells of, as moment retrieval measures it.

A span is right at an overlap m where its intersection over union with the annotated one is at least m; R@K is the share
of texts of which one of the K best spans is right (Gao et al., TALL, ICCV 2017). Where several annotators have chosen
(DiDeMo), it has to agree with two of them (Escorcia et al., arXiv 1907.12763), and the mean intersection over union is
that with the three who agree best (Hendricks et al., ICCV 2017): a slip of one annotator then does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from hbi.matching.moment_spans import overlap

RANKS, OVERLAPS = (1, 5), (0.3, 0.5, 0.7)
AGREEING, AVERAGED = 2, 3
"""Annotators with whom a right span has to agree, and with whom the mean is taken; all, of fewer."""
NUM_STARTS = 200
"""Places that a random span may have."""

Seconds = tuple[float, float]


@dataclass(frozen=True)
class MomentScores:
    """Measures over some texts, in percent.

    Attributes:
        recalls: R@1 at each of `OVERLAPS`, then R@5.
        mean_overlap: Mean intersection over union of the best span.
    """

    recalls: tuple[float, ...]
    mean_overlap: float

    @classmethod
    def of(cls, values: Float[np.ndarray, "text measure"]) -> "MomentScores":
        """Return the means of what `score_ranked` returned for each text."""
        *recalls, mean_overlap = (100 * values.mean(0)).tolist()
        return cls(tuple(recalls), mean_overlap)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        names = [f"recall@{rank}, iou {least}" for rank in RANKS for least in OVERLAPS]
        return {**dict(zip(names, self.recalls, strict=True)), "mean_iou": self.mean_overlap}


def score_ranked(ranked: Sequence[Seconds], truth: Sequence[Seconds]) -> Float[np.ndarray, " measure"]:
    """Return for one text whether it is found, R@1 and R@5 at each overlap, and the overlap of the best span.

    Args:
        ranked: Spans of its video, best first.
        truth: The span that each annotator chose.
    """
    agreed = [_agreement(span, truth) for span in ranked]
    found = [any(each >= least for each, _ in agreed[:rank]) for rank in RANKS for least in OVERLAPS]
    return np.array([*found, agreed[0][1] if agreed else 0.0], float)


def score_random(truth: Sequence[Seconds], length: float, duration: float) -> Float[np.ndarray, " measure"]:
    """Return what spans of a length that begin anywhere would score, on average; five are drawn by themselves.

    Args:
        truth: The span that each annotator chose.
        length: Of each span in seconds; no longer than the video.
        duration: Of the video in seconds.
    """
    length = min(length, duration)
    starts = np.linspace(0.0, duration - length, NUM_STARTS)
    agreed = np.array([_agreement((start, start + length), truth) for start in starts])
    chances = [(agreed[:, 0] >= least).mean() for least in OVERLAPS]
    found = [1 - (1 - chance) ** rank for rank in RANKS for chance in chances]
    return np.array([*found, agreed[:, 1].mean()])


def score_best_possible(edges: Float[np.ndarray, " edge"], truth: Sequence[Seconds]) -> Float[np.ndarray, " measure"]:
    """Return what the best of all spans between the edges of frames would score.

    Args:
        edges: Where the frames' parts of the video begin and end.
        truth: The span that each annotator chose.
    """
    times = edges.tolist()
    agreed = [_agreement((start, end), truth) for row, start in enumerate(times) for end in times[row + 1 :]]
    most = max(each for each, _ in agreed)
    return np.array([*(most >= least for _ in RANKS for least in OVERLAPS), max(mean for _, mean in agreed)], float)


def mean_length(truth: Sequence[Seconds]) -> float:
    """Return how long a moment is, on average over those who chose it."""
    return sum(end - start for start, end in truth) / len(truth)


def _agreement(span: Seconds, truth: Sequence[Seconds]) -> tuple[float, float]:
    """Return the overlap with enough annotators at once, and the mean of those who agree best."""
    overlaps = sorted((overlap(span, chosen) for chosen in truth), reverse=True)
    best = overlaps[:AVERAGED]
    return overlaps[min(AGREEING, len(overlaps)) - 1], sum(best) / len(best)
