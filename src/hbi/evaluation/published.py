"""Published numbers to stand beside ours, each with its source; no number here was measured by this project."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRow:
    """A model's row in a table: R@1, R@5, R@10 in percent, median and mean rank (None where the source has none)."""

    model: str
    source: str
    benchmark: str
    direction: str
    recalls: tuple[float, float, float]
    median_rank: float | None = None
    mean_rank: float | None = None


@dataclass(frozen=True)
class PublishedAccuracy:
    """Percent of the test questions of a benchmark that a model answers rightly."""

    model: str
    source: str
    benchmark: str
    accuracy: float


_PAPER = "HBI (paper, ViT-B/32)"
_SOURCE = "Jin et al., CVPR 2023, arXiv 2303.14369"
# Those of ActivityNet were compared with a record of the paper's results at Papers with Code; nothing else could be.
ROWS = (
    PublishedRow(_PAPER, _SOURCE, "msrvtt", "text to video", (48.6, 74.6, 83.4), 2.0, 12.0),
    PublishedRow(_PAPER, _SOURCE, "msrvtt", "video to text", (46.8, 74.3, 84.3), 2.0, 8.9),
    PublishedRow(_PAPER, _SOURCE, "activitynet", "text to video", (42.2, 73.0, 84.6), 2.0, 6.6),
    PublishedRow(_PAPER, _SOURCE, "activitynet", "video to text", (42.4, 73.0, 86.0)),
    PublishedRow(_PAPER, _SOURCE, "didemo", "text to video", (46.9, 74.9, 82.7), 2.0, 12.1),
)
ACCURACIES = (PublishedAccuracy("HBI (paper)", _SOURCE, "msrvtt-qa", 46.2),)
_PROTOCOLS = {"msrvtt": ("1k-A-9k",)}
"""On which protocols a benchmark's rows were measured, where it has several."""


def published_rows(benchmark: str, protocol: str | None) -> list[PublishedRow]:
    """Return the rows that were measured on a benchmark's test split of a protocol.

    Args:
        benchmark: Its name in recipes.
        protocol: How it is split; None: it has one way only.
    """
    if protocol not in _PROTOCOLS.get(benchmark, (protocol,)):
        return []
    return [row for row in ROWS if row.benchmark == benchmark]


def published_accuracy(benchmark: str) -> PublishedAccuracy | None:
    """Return what was published of a benchmark of questions, on its test split; None where nothing is known here.

    Args:
        benchmark: Its name in recipes.
    """
    return next((each for each in ACCURACIES if each.benchmark == benchmark), None)
