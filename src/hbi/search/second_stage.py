"""A second stage in a search: the best segments in another order, on the tokens that the index keeps of them."""

from typing import Any

import numpy as np
import torch

from hbi.matching.second_stage import NUM_RERANKED, SecondStage, tokens_of
from hbi.search.ranking import Ranking
from hbi.search.segment_encoding import SegmentCodec


@torch.inference_mode()
def ranked_again(second_stage: SecondStage, codec: SegmentCodec, encoding: Any, ranking: Ranking) -> Ranking:
    """Return a ranking whose best segments stand in the order of a second stage; the others follow as before.

    Scores stay those of the first stage: how unusual a score is has been measured for them.

    Args:
        second_stage: Trained for the index's model.
        codec: Of the index's model.
        encoding: One encoded text.
        ranking: Of the first stage.
    """
    count = min(NUM_RERANKED, len(ranking.segments))
    if count < 2:
        return ranking
    frames = tokens_of(codec.decode(ranking.segments[:count].arrays))
    words = tokens_of(encoding)
    similarity = torch.from_numpy(ranking.scores[:count])[None]
    scores = second_stage.of_candidates(words, frames, torch.arange(count)[None], similarity)[0]
    order = np.arange(len(ranking.segments))
    order[:count] = np.argsort(-scores.numpy(), kind="stable")
    return Ranking(
        ranking.segments[order],
        ranking.scores[order],
        ranking.num_eligible,
        ranking.is_exhaustive,
        ranking.typical_score,
    )
