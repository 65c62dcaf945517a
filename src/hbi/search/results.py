"""Results of a search: moments of videos, how good they are, and which words match; also as plain values for JSON."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hbi.explanation.word_lines import Verdict

Goodness = Literal["strong", "fair", "weak", "none"]


@dataclass(frozen=True)
class WordMatch:
    """One word of a text, `[start, end)` in it, and how a moment fits it.

    Attributes:
        share_below: Share of the index's segments that fit the word less well.
        verdict: "found" here, or "not found"; "cannot tell" where the model does not separate moments that have it from
            others; "unknown" where the model has never seen the word.
    """

    text: str
    start: int
    end: int
    share_below: float
    verdict: Verdict


@dataclass(frozen=True)
class Hit:
    """A moment of a video.

    Attributes:
        path: The file; `other_paths` are copies of it.
        start_seconds, end_seconds: The moment: the span that fits best in the best segment and its neighbors.
        segment_start_seconds, segment_end_seconds: The best segment, the one that was scored.
        score: The similarity by which HBI ranks, of that segment.
        rarity: Share of unrelated texts whose best match anywhere in this index scores lower. How good a match is
            called counts the lead over texts with one word exchanged as well (`hbi.search.rivals`).
        goodness: How good the match is, in a word.
        reason: What that rests on, in one sentence.
        best_frame_seconds: Where in the video the frame is that fits best, of those of the best segment in the moment.
        words: In reading order; empty where the question was a clip.
        segment_id: Key of the best segment.
        is_missing: The file is not there, or is not what it was when it was indexed.
    """

    path: Path
    other_paths: tuple[Path, ...]
    start_seconds: float
    end_seconds: float
    segment_start_seconds: float
    segment_end_seconds: float
    duration_seconds: float
    score: float
    rarity: float
    goodness: Goodness
    reason: str
    best_frame_seconds: float
    words: tuple[WordMatch, ...]
    segment_id: str
    is_missing: bool

    @property
    def is_good(self) -> bool:
        """Whether the match is strong or fair."""
        return self.goodness in ("strong", "fair")


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
        offset: How many moments come before these.
        has_more: Whether others come after them.
    """

    query: str
    hits: tuple[Hit, ...]
    threshold: float
    num_segments: int
    is_exhaustive: bool
    seconds: float
    remark: str | None = None
    offset: int = 0
    has_more: bool = False

    @property
    def has_good_match(self) -> bool:
        """Whether any hit is a match at all, a weak one say; else "no good match" is the answer."""
        return any(hit.goodness != "none" for hit in self.hits)


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
        "offset": result.offset,
        "has_more": result.has_more,
        "hits": [
            asdict(hit)
            | {
                "path": str(hit.path),
                "other_paths": [str(path) for path in hit.other_paths],
                "is_good": hit.is_good,
            }
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
