"""Answers as plain values, the same for `hbi search --json` and the web API."""

from dataclasses import asdict
from typing import Any

from hbi.search.hits import Hit, SearchResult


def result_to_dict(result: SearchResult) -> dict[str, Any]:
    """Return an answer as what JSON can hold."""
    return {
        "query": result.query,
        "has_good_match": result.has_good_match,
        "threshold": result.threshold,
        "num_segments": result.num_segments,
        "is_exhaustive": result.is_exhaustive,
        "seconds": round(result.seconds, 4),
        "remark": result.remark,
        "hits": [hit_to_dict(hit) for hit in result.hits],
    }


def hit_to_dict(hit: Hit) -> dict[str, Any]:
    """Return one hit as what JSON can hold."""
    values = asdict(hit)
    values["path"] = str(hit.path)
    values["other_paths"] = [str(path) for path in hit.other_paths]
    return values


def clock(seconds: float) -> str:
    """Return a time of a video as people write it.

    >>> clock(75.25), clock(3675.0)
    ('1:15.2', '1:01:15.0')
    """
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:04.1f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
