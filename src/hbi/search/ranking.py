"""The full comparison: `model.similarity` of a question with stored segments, the same function as in evaluation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hbi.search.candidates import NUM_CANDIDATES, approximate_row_ids, best_rows, coarse_scores
from hbi.search.encoding import SegmentCodec
from hbi.search.filters import Filters
from hbi.search.snapshot import EXACT_UP_TO, Segments, Snapshot

COMPARED_AT_ONCE = 128
NUM_TYPICAL = 64


@dataclass(frozen=True)
class Ranking:
    """Segments and their similarity with a question, best first.

    Attributes:
        num_in_question: How many segments the filters left.
        typical: What a segment that does not fit scores: the median of some drawn at random.
    """

    segments: Segments
    scores: np.ndarray
    num_in_question: int
    is_exhaustive: bool
    typical: float


@torch.inference_mode()
def full_scores(codec: SegmentCodec, encoding: Any, segments: Segments) -> torch.Tensor:
    """Return the similarity of encoded questions [question] with segments: [question, segment]."""
    model = codec.search_model.model
    blocks = [
        model.similarity(encoding, codec.decode(segments.arrays[start : start + COMPARED_AT_ONCE])).float().cpu()
        for start in range(0, len(segments), COMPARED_AT_ONCE)
    ]
    return torch.cat(blocks, dim=1) if blocks else torch.zeros(len(encoding), 0)


def rank(
    codec: SegmentCodec,
    snapshot: Snapshot,
    encoding: Any,
    *,
    filters: Filters | None = None,
    num_candidates: int | None = None,
    without: str | None = None,
) -> Ranking:
    """Return the segments that fit one encoded question best; `without` names a content to leave out.

    Without `num_candidates` a small index is compared in full, and a larger one's best 200 by the last level.
    """
    contents = _contents(snapshot, filters, without)
    resident = snapshot.resident
    allowed, is_exhaustive = None, True
    if resident and contents is not None:
        allowed = np.array([content in contents for content in resident.content], bool)
    if resident and resident.whole and num_candidates is None:
        segments = resident.whole if allowed is None else resident.whole[allowed]
        num_in_question = len(segments)
    elif resident:
        scores = coarse_scores(codec.coarse(encoding), resident.coarse)
        rows = best_rows(scores, allowed, num_candidates or NUM_CANDIDATES)
        segments = resident.whole[rows] if resident.whole else snapshot.fetch(resident.row_ids[rows])
        num_in_question = len(resident.content) if allowed is None else int(allowed.sum())
    elif contents is not None and (num_in_question := snapshot.count_of(contents)) <= EXACT_UP_TO:
        segments = snapshot.of_contents(contents)  # a narrow filter leaves few: no need to approximate
    else:
        segments = snapshot.shown(snapshot.fetch(approximate_row_ids(codec.coarse(encoding), snapshot, contents)))
        num_in_question, is_exhaustive = snapshot.count_of(contents), False
    similarities = full_scores(codec, encoding, segments)[0].numpy()
    order = np.argsort(-similarities, kind="stable")
    typical = full_scores(codec, encoding, snapshot.references[:NUM_TYPICAL])[0]
    return Ranking(segments[order], similarities[order], num_in_question, is_exhaustive, _median(typical))


def _median(scores: torch.Tensor) -> float:
    return float(scores.median()) if len(scores) else 0.0


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
