"""How much of the exact order of all segments a search by candidates finds, and how fast either is."""

import time
from dataclasses import dataclass

import numpy as np

from hbi.search.calibration import unrelated_texts
from hbi.search.ranking import full_scores, rank
from hbi.search.video_index import VideoIndex

ROWS_AT_ONCE = 2048
NUM_QUERIES = 20
LOW_RECALL = 0.95
"""Below this a person should know that searches miss something."""


@dataclass(frozen=True)
class RecallCheck:
    """A search compared with a full comparison of all segments.

    Attributes:
        recall_at_10: Share of the ten best segments, by full comparison with every segment, that a search finds.
        search_seconds, exhaustive_seconds: Of one question, the median, and on average.
        score_spread: Standard deviation of a question's scores over all segments, the mean over questions. Vectors that
            are kept in few bits blur scores; where they lie close together, as SigLIP's do, the order suffers.
    """

    recall_at_10: float
    num_queries: int
    num_segments: int
    search_seconds: float
    exhaustive_seconds: float
    score_spread: float

    @property
    def is_low(self) -> bool:
        """Whether searches miss so many of the best segments that a person should know."""
        return self.recall_at_10 < LOW_RECALL


def check_recall(index: VideoIndex, *, num_queries: int = NUM_QUERIES) -> RecallCheck:
    """Return the recall of searches against full comparisons, for texts of random words."""
    snapshot, codec = index.snapshot(), index.codec
    query = codec.matcher.encode_texts(unrelated_texts(codec.matcher, num_queries))
    best: list[list[tuple[float, str]]] = [[] for _ in range(num_queries)]
    sums = np.zeros((2, num_queries))
    begun = time.monotonic()
    for offset in range(0, snapshot.num_stored, ROWS_AT_ONCE):
        rows = np.arange(offset, min(offset + ROWS_AT_ONCE, snapshot.num_stored))
        segments = snapshot.shown(snapshot.at_offsets(rows))
        all_scores = full_scores(codec, query.encoding, segments).numpy().astype(np.float64)
        sums += all_scores.sum(1), (all_scores**2).sum(1)
        for row, scores in enumerate(all_scores):
            top = np.argsort(-scores)[:10]
            best[row] = sorted([*best[row], *((float(scores[each]), segments.id(each)) for each in top)])[-10:]
    exhaustive_seconds = (time.monotonic() - begun) / num_queries
    recalls, seconds = [], []
    for row in range(num_queries):
        begun = time.monotonic()
        ranking = rank(codec, snapshot, query.encoding[row : row + 1])
        seconds.append(time.monotonic() - begun)
        found = {ranking.segments.id(each) for each in range(min(10, len(ranking.segments)))}
        recalls.append(len(found & {key for _, key in best[row]}) / max(1, len(best[row])))
    means, squares = sums / max(1, snapshot.num_segments)
    return RecallCheck(
        float(np.mean(recalls)),
        num_queries,
        snapshot.num_segments,
        float(np.median(seconds)),
        exhaustive_seconds,
        float(np.sqrt((squares - means**2).clip(min=0)).mean()),
    )
