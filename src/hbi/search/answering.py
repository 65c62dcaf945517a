"""The answer to a question: moments out of a ranking, in the order and the part that were asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hbi.matching.matcher import EncodedTexts
from hbi.matching.second_stage import SecondStage
from hbi.search.best_frames import best_frame_seconds
from hbi.search.calibration import Calibration
from hbi.search.filters import Filters
from hbi.search.frame_fits import judged_words
from hbi.search.goodness import judge, reason
from hbi.search.hit_moments import hit_moments
from hbi.search.moments import ContentFiles, Moment, merge_moments
from hbi.search.ranking import Ranking, rank
from hbi.search.results import Hit
from hbi.search.rivals import LEAD_WEIGHT, lead_of_text
from hbi.search.second_stage import ranked_again
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import Segments, Snapshot

Order = Literal["match", "newest", "name"]
"""Best first; or the good ones by the time of their file, or by its name, and behind them the others, best first."""
NUM_SPARE = 8
"""Moments that are looked at beyond those that are asked for: some may be much the same as others."""
MOST_SORTED = 100
"""The best so many moments are sorted by something else than how well they match."""


@dataclass(frozen=True)
class Question:
    """What is searched for.

    Attributes:
        name: The text, or what a clip is called.
        encoding: One text or video, as the model gives it.
        text: The text with its tokens; None for a clip.
        own: The segment that a clip is, which is no answer; None for a text, or a clip that is a file.
    """

    name: str
    encoding: Any
    text: EncodedTexts | None = None
    own: Segments | None = None


@dataclass(frozen=True)
class Part:
    """Which moments are wanted: `limit` of them after the first `offset`, in an order, of videos that fit filters."""

    limit: int = 10
    offset: int = 0
    order: Order = "match"
    filters: Filters | None = None

    def __post_init__(self) -> None:
        if self.limit < 0 or self.offset < 0:
            raise ValueError(f"limit and offset are 0 or more, not {self.limit} and {self.offset}")
        if self.order not in ("match", "newest", "name"):
            raise ValueError(f"order is match, newest or name, not {self.order!r}")


@dataclass(frozen=True)
class Found:
    """Hits, whether there are more behind them, and the ranking that they are from."""

    hits: tuple[Hit, ...]
    has_more: bool
    ranking: Ranking


def find(
    codec: SegmentCodec,
    snapshot: Snapshot,
    calibration: Calibration,
    question: Question,
    part: Part,
    *,
    threshold: float,
    second_stage: SecondStage | None = None,
) -> Found:
    """Return the moments that fit a question best.

    Args:
        codec: Of the index's model.
        snapshot: The index.
        calibration: What unrelated questions score on it.
        question: What is searched for.
        part: Which moments of the answer are wanted.
        threshold: The rarity from which a hit counts as good.
        second_stage: Ranks the best segments for a text again; None: nothing does.
    """
    ranking = rank(codec, snapshot, question.encoding, filters=part.filters)
    if second_stage is not None and question.text is not None:
        ranking = ranked_again(second_stage, codec, question.encoding, ranking)
    end = part.offset + part.limit
    count = end if part.order == "match" else max(end, MOST_SORTED)
    places = merge_moments(ranking, count + 2 + NUM_SPARE)
    moments = [each for each in places if not _is_own(each, question.own)]
    moments = _different(codec, snapshot, question, ranking, moments)
    if part.order == "match":
        chosen = moments[part.offset : end]
        hits = _hits(codec, snapshot, calibration, question, ranking, chosen, part.filters, threshold)
        return Found(tuple(hits), len(moments) > end, ranking)
    moments = moments[:count]
    hits = _hits(codec, snapshot, calibration, question, ranking, moments, part.filters, threshold)
    good = sorted((hit for hit in hits if hit.is_good), key=lambda hit: _place(hit, snapshot, part.order))
    ordered = [*good, *(hit for hit in hits if not hit.is_good)]
    return Found(tuple(ordered[part.offset : end]), len(ordered) > end, ranking)


def _is_own(moment: Moment, own: Segments | None) -> bool:
    """Return whether a moment holds the segment that is searched with."""
    if own is None or moment.content != own.content[0]:
        return False
    return moment.start_seconds <= own.start_seconds[0] and own.end_seconds[0] <= moment.end_seconds


def _place(hit: Hit, snapshot: Snapshot, order: Order) -> tuple[Any, ...]:
    """Return what hits are sorted by: the time or name of the file, then where in it the moment begins."""
    if order == "name":
        return hit.path.name.casefold(), str(hit.path), hit.start_seconds
    content = hit.segment_id.rpartition("-")[0]
    modified = next(each.modified_ns for each in snapshot.videos[content] if each.path == str(hit.path))
    return -modified, str(hit.path), hit.start_seconds


def _hits(
    codec: SegmentCodec,
    snapshot: Snapshot,
    calibration: Calibration,
    question: Question,
    ranking: Ranking,
    moments: Sequence[Moment],
    filters: Filters | None,
    threshold: float,
) -> list[Hit]:
    """Return moments as they are shown.

    Args:
        codec, snapshot, calibration, question, threshold: As in `find`.
        ranking: What the moments were made from.
        moments: In the order of the hits.
        filters: Which of the files with the same content is named.
    """
    segments = ranking.segments
    best = segments[np.array([moment.row for moment in moments], int)]
    spans = hit_moments(codec, snapshot, question.encoding, best)
    vectors = snapshot.frame_vectors(best)
    words = judged_words(codec, question.text, best, snapshot.references, vectors, spans)
    frames = best_frame_seconds(codec, question.encoding, best, spans, vectors)
    leads = lead_of_text(codec, question.text, best) if question.text else np.zeros(len(best))
    hits = []
    for moment, span, matched, best_frame, lead in zip(moments, spans, words, frames, leads.tolist(), strict=True):
        score = float(ranking.scores[moment.row])
        if question.text:
            rarity = calibration.rarity_of_text(score, question.name)
            judged = calibration.rarity_of_text(score + LEAD_WEIGHT * lead, question.name)
        else:
            judged = rarity = calibration.rarity_of_clip(score)
        files = ContentFiles.of(snapshot.videos[moment.content], filters)
        row = moment.row
        hits.append(
            Hit(
                path=files.path,
                other_paths=files.others,
                start_seconds=span.start_seconds,
                end_seconds=span.end_seconds,
                segment_start_seconds=float(segments.start_seconds[row]),
                segment_end_seconds=float(segments.end_seconds[row]),
                duration_seconds=files.duration_seconds,
                score=score,
                rarity=rarity,
                goodness=judge(judged, matched, threshold),
                reason=reason(rarity, matched),
                best_frame_seconds=best_frame,
                words=matched,
                segment_id=segments.id(row),
                is_missing=not files.is_current,
            )
        )
    return hits


def _different(
    codec: SegmentCodec, snapshot: Snapshot, question: Question, ranking: Ranking, moments: Sequence[Moment]
) -> list[Moment]:
    """Return moments without those that are much the same as a better one: both are found in a segment between them."""
    segments = ranking.segments
    rows = [moment.row for moment in moments]
    near = [row for row in rows if any(_share_a_neighbor(segments, row, other) for other in rows if other != row)]
    spans = dict(zip(near, hit_moments(codec, snapshot, question.encoding, segments[np.array(near, int)]), strict=True))
    kept: list[Moment] = []
    for moment in moments:
        twins = (each for each in kept if each.row in spans and each.content == moment.content)
        if moment.row not in spans or not any(spans[moment.row].is_same_as(spans[each.row]) for each in twins):
            kept.append(moment)
    return kept


def _share_a_neighbor(segments: Segments, row: int, other: int) -> bool:
    """Return whether two segments of one video lie so near that a third may reach into both."""
    if segments.content[row] != segments.content[other]:
        return False
    gap = max(segments.start_seconds[row], segments.start_seconds[other]) - min(
        segments.end_seconds[row], segments.end_seconds[other]
    )
    return bool(gap <= segments.end_seconds[row] - segments.start_seconds[row])
