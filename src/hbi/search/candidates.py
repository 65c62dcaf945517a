"""Candidates of a search: the segments whose last level fits a question's last level best.

A level compares word tokens with frame tokens; the last one has only a few of either, so that all of an index can be
looked at, and what it ranks high the full similarity ranks high (docs/results/search.md has the recall). Where a model
compares summaries as well, these count as much here as in the full similarity, and the last level stands for the rest.
"""

import math
from collections.abc import Collection

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hbi.ops import weighted_token_interaction
from hbi.search.index_errors import SearchError, reading, writing
from hbi.search.segment_encoding import CoarseVectors
from hbi.search.snapshot import Snapshot
from hbi.search.store import Store

NUM_CANDIDATES = 200
PER_VECTOR = 150
"""How many segments each vector of a question asks an approximate index for."""
NUM_PROBES, REFINE_FACTOR = 32, 8
ROWS_AT_ONCE = 16_384
WIDER_WITH_FILTER = 8
"""So many times more are asked for where a filter will sort most of them out."""


def coarse_scores(query: CoarseVectors, segments: CoarseVectors) -> Float[Tensor, " segment"]:
    """Return the last level's similarity of one question with every segment, and the summaries' where they count."""
    num_segments, per_segment, width = segments.vectors.shape
    scores = torch.empty(num_segments)
    question = query.vectors[0].to(segments.vectors.dtype)
    for start in range(0, num_segments, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        cosines = (question @ segments.vectors[rows].reshape(-1, width).T).float()
        similarity_ABTV = cosines.view(len(question), -1, per_segment).transpose(0, 1)[None]
        share = query.whole_share
        tokens = slice(None) if share is None else slice(-1)
        scores[rows] = weighted_token_interaction(
            similarity_ABTV[..., tokens, tokens],
            query.weights[:, tokens],
            segments.weights[rows, tokens],
            query.mask[:, tokens],
            segments.mask[rows, tokens],
        )[0]
        if share is not None:
            scores[rows] = (1 - share) * scores[rows] + share * similarity_ABTV[0, :, -1, -1]
    return scores


def best_rows(scores: Float[Tensor, " segment"], allowed: np.ndarray | None, count: int) -> np.ndarray:
    """Return the rows of the highest scores, among those allowed (bool; None: all)."""
    rows = torch.arange(len(scores)) if allowed is None else torch.from_numpy(np.flatnonzero(allowed))
    return rows[scores[rows].topk(min(count, len(rows))).indices].numpy()


def approximate_row_ids(query: CoarseVectors, snapshot: Snapshot, contents: Collection[str] | None) -> np.ndarray:
    """Return the row ids of the segments nearest to any of a question's vectors, from the table's vector index.

    Raises:
        SearchError: The table has no vector index yet.
    """
    if not any("vectors" in index.columns for index in snapshot.table.list_indices()):
        raise SearchError(
            f"the index of {snapshot.num_segments} segments has no vector index yet: run hbi index on it once more"
        )
    found: set[int] = set()
    with reading(snapshot.path):
        for vector in query.vectors[0][query.mask[0]]:
            question = snapshot.table.search(vector.float().cpu().numpy(), vector_column_name="vectors")
            question = question.distance_type("cosine").nprobes(NUM_PROBES).refine_factor(REFINE_FACTOR)
            count = PER_VECTOR if contents is None else PER_VECTOR * WIDER_WITH_FILTER
            rows = question.select(["content", "_distance"]).with_row_id(True).limit(count).to_arrow()
            for content, row_id in zip(rows["content"].to_pylist(), rows["_rowid"].to_pylist(), strict=True):
                if contents is None or content in contents:
                    found.add(row_id)
    return np.fromiter(found, np.int64, len(found))


def build_vector_index(store: Store) -> None:
    """Build the table's vector index where it has none; otherwise take in what was added since."""
    table = store.segments
    with writing(store.path):
        if any("vectors" in index.columns for index in table.list_indices()):
            table.optimize()
            return
        from lancedb.index import IvfSq

        vectors = table.count_rows() * store.codec.num_coarse
        table.create_index(
            "vectors", config=IvfSq(distance_type="cosine", num_partitions=max(1, round(math.sqrt(vectors))))
        )
