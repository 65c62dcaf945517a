"""From a ranking to an answer: moments with their files, words and rarity."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hbi.search.catalog import VideoRecord
from hbi.search.filters import Filters
from hbi.search.hits import Hit, SearchResult, WordMatch
from hbi.search.moments import Moment
from hbi.search.ranking import Ranking
from hbi.search.scanning import is_current
from hbi.search.snapshot import Snapshot


@dataclass(frozen=True)
class Located:
    """Where a segment is: a file, and a span of it; `is_current` where the file is what it was when it was indexed."""

    path: Path
    start_seconds: float
    end_seconds: float
    is_current: bool


@dataclass(frozen=True)
class Place:
    """Where the files of a content are."""

    path: Path
    others: tuple[Path, ...]
    duration_seconds: float
    is_current: bool

    @classmethod
    def of(cls, records: Sequence[VideoRecord], filters: Filters | None) -> "Place":
        """Return the place of a content, of the files that fit the filters; one that is still there comes first."""
        chosen = [record for record in records if filters is None or filters.accept(record)] or list(records)
        current = next((record for record in chosen if is_current(record)), None)
        first = current or chosen[0]
        others = tuple(Path(record.path) for record in chosen if record is not first)
        return cls(Path(first.path), others, first.duration_seconds, current is not None)


def search_result(
    query: str,
    snapshot: Snapshot,
    ranking: Ranking,
    moments: Sequence[Moment],
    words: Sequence[tuple[WordMatch, ...]],
    rarities: Sequence[float],
    threshold: float,
    begun: float,
    filters: Filters | None,
) -> SearchResult:
    """Return the answer that a ranking and its moments make; `words` and `rarities` go with the moments."""
    hits = []
    for moment, matched, rarity in zip(moments, words, rarities, strict=True):
        place = Place.of(snapshot.videos[moment.content], filters)
        segments, row = ranking.segments, moment.row
        hits.append(
            Hit(
                path=place.path,
                other_paths=place.others,
                start_seconds=moment.start_seconds,
                end_seconds=moment.end_seconds,
                best_start_seconds=float(segments.start_seconds[row]),
                best_end_seconds=float(segments.end_seconds[row]),
                duration_seconds=place.duration_seconds,
                score=float(ranking.scores[row]),
                rarity=rarity,
                is_good=rarity >= threshold,
                words=matched,
                segment_id=segments.id(row),
                is_missing=not place.is_current,
            )
        )
    return SearchResult(
        query, tuple(hits), threshold, ranking.num_in_question, ranking.is_exhaustive, time.monotonic() - begun
    )
