"""Ranking by `model.similarity` of a question with stored segments, the same function as in evaluation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hbi.ops import TokenSequence
from hbi.search.candidates import NUM_CANDIDATES, approximate_row_ids, best_rows, coarse_scores
from hbi.search.filters import Filters
from hbi.search.segment_encoding import SegmentCodec
from hbi.search.snapshot import EXACT_UP_TO, Segments, Snapshot

COMPARED_AT_ONCE = 128
NUM_TYPICAL = 64


@dataclass(frozen=True)
class Ranking:
    """Segments and their similarity with a question, best first.

    Attributes:
        num_eligible: How many segments the filters left.
        typical_score: What a segment that does not fit scores: the median of some drawn at random.
    """

    segments: Segments
    scores: np.ndarray
    num_eligible: int
    is_exhaustive: bool
    typical_score: float


@torch.inference_mode()
def full_scores(codec: SegmentCodec, encoding: Any, segments: Segments) -> torch.Tensor:
    """Return the similarity of encoded questions [question] with segments: [question, segment]."""
    model = codec.matcher.model
    blocks = [
        model.similarity(encoding, codec.decode(segments.arrays[start : start + COMPARED_AT_ONCE])).float().cpu()
        for start in range(0, len(segments), COMPARED_AT_ONCE)
    ]
    if blocks:
        return torch.cat(blocks, dim=1)
    return torch.zeros(len(encoding.tokens if isinstance(encoding, TokenSequence) else encoding), 0)


def rank(
    codec: SegmentCodec,
    snapshot: Snapshot,
    encoding: Any,
    *,
    filters: Filters | None = None,
    num_candidates: int | None = None,
    without: str | None = None,
) -> Ranking:
    """Return the segments that fit one encoded question best.

    Args:
        codec: Of the index's model.
        snapshot: The index.
        encoding: One text or video as the model gives it.
        filters: Which videos to look at; None: all.
        num_candidates: How many segments are compared in full; None: all of a small index, else the 200 best by the
            last level.
        without: A content to leave out.
    """
    contents = _contents(snapshot, filters, without)
    in_memory = snapshot.in_memory
    allowed, is_exhaustive = None, True
    if in_memory and contents is not None:
        allowed = np.array([content in contents for content in in_memory.content], bool)
    if in_memory and in_memory.whole and num_candidates is None:
        segments = in_memory.whole if allowed is None else in_memory.whole[allowed]
        num_eligible = len(segments)
    elif in_memory:
        scores = coarse_scores(codec.coarse(encoding), in_memory.coarse)
        rows = best_rows(scores, allowed, num_candidates or NUM_CANDIDATES)
        segments = in_memory.whole[rows] if in_memory.whole else snapshot.fetch(in_memory.row_ids[rows])
        num_eligible = len(in_memory.content) if allowed is None else int(allowed.sum())
    elif contents is not None and (num_eligible := snapshot.count_of(contents)) <= EXACT_UP_TO:
        segments = snapshot.of_contents(contents)  # a narrow filter leaves few: no need to approximate
    else:
        segments = snapshot.shown(snapshot.fetch(approximate_row_ids(codec.coarse(encoding), snapshot, contents)))
        num_eligible, is_exhaustive = snapshot.count_of(contents), False
    similarities = full_scores(codec, encoding, segments)[0].numpy()
    order = np.argsort(-similarities, kind="stable")
    typical = full_scores(codec, encoding, snapshot.references[:NUM_TYPICAL])[0]
    typical_score = float(typical.median()) if len(typical) else 0.0
    return Ranking(segments[order], similarities[order], num_eligible, is_exhaustive, typical_score)


def _contents(snapshot: Snapshot, filters: Filters | None, without: str | None) -> set[str] | None:
    """Return the contents that a search may find; None: all."""
    if (filters is None or filters.is_empty) and without is None:
        return None
    chosen = filters or Filters()
    return {
        content
        for content, records in snapshot.videos.items()
        if content != without and any(chosen.accept(record) for record in records)
    }
