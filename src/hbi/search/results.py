"""Results of a search: moments of videos, how good they are, and which words match; also as plain values for JSON."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class WordMatch:
    """One word of a text, `[start, end)` in it, and how a moment fits it.

    Attributes:
        share_below: Share of the index's segments that fit the word less well.
        is_matched: The moment fits the word better than most of the index does, and the word is consistent.
        is_consistent: The word by itself, and the word in this text, are found in the same segments of the index. Of
            another word nothing is known: the model may have scored its neighbors.
    """

    text: str
    start: int
    end: int
    share_below: float
    is_matched: bool
    is_consistent: bool


@dataclass(frozen=True)
class Hit:
    """A moment of a video: neighboring segments that fit, joined.

    Attributes:
        path: The file; `other_paths` are copies of it.
        start_seconds, end_seconds: The moment.
        best_start_seconds, best_end_seconds: Its segment that fits best, the one that was scored.
        score: The similarity by which HBI ranks, of that segment.
        rarity: Share of unrelated texts whose best match anywhere in this index scores lower.
        is_good: Whether `rarity` reaches the threshold of the search.
        words: In reading order; empty where the question was a clip.
        segment_id: Key of the best segment.
        is_missing: The file is not there, or is not what it was when it was indexed.
    """

    path: Path
    other_paths: tuple[Path, ...]
    start_seconds: float
    end_seconds: float
    best_start_seconds: float
    best_end_seconds: float
    duration_seconds: float
    score: float
    rarity: float
    is_good: bool
    words: tuple[WordMatch, ...]
    segment_id: str
    is_missing: bool


@dataclass(frozen=True)
class SearchResult:
    """The answer to one search.

    Attributes:
        query: The text, or the name of the clip.
        hits: Best first. If none is good, they are merely the closest.
        threshold: The rarity from which a hit counts as good.
        num_segments: How many segments were in question, after filters.
        is_exhaustive: Whether every one of them was looked at, so that nothing can have been missed by an index.
        remark: What a reader has to know besides: words of the text that the model did not read.
    """

    query: str
    hits: tuple[Hit, ...]
    threshold: float
    num_segments: int
    is_exhaustive: bool
    seconds: float
    remark: str | None = None

    @property
    def has_good_match(self) -> bool:
        """Whether any hit is better than what unrelated texts find."""
        return any(hit.is_good for hit in self.hits)


def result_to_dict(result: SearchResult) -> dict[str, Any]:
    """Return a result as values that JSON can hold, the same for `hbi search --json` and the web API."""
    return {
        "query": result.query,
        "has_good_match": result.has_good_match,
        "threshold": result.threshold,
        "num_segments": result.num_segments,
        "is_exhaustive": result.is_exhaustive,
        "seconds": round(result.seconds, 4),
        "remark": result.remark,
        "hits": [
            asdict(hit) | {"path": str(hit.path), "other_paths": [str(path) for path in hit.other_paths]}
            for hit in result.hits
        ],
    }


def clock(seconds: float) -> str:
    """Return a time of a video as people write it.

    >>> clock(75.25), clock(3675.0)
    ('1:15.2', '1:01:15.0')
    """
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:04.1f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
