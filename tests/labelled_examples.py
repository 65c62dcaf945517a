"""Explanations of a text with what is no video: a passage in words (as of ColBERT), a picture in patches (ColPali)."""

from functools import cache

import numpy as np
import torch

from hbi.explanation import Explanation
from hbi.explanation.solve import columns_labelled, explain_tokens, patches_of, words_in

QUERY = "which planet has bright rings"
PASSAGE = "Saturn is the sixth planet from the Sun and is known for its shining rings ."


def query_tokens() -> torch.Tensor:
    return torch.randn(5, 16, generator=torch.Generator().manual_seed(1))


@cache
def text_explanation() -> Explanation:
    """ "planet" and "rings" are near the same words of the passage."""
    passage, query = torch.randn(16, 16, generator=torch.Generator().manual_seed(2)), query_tokens()
    query[1], query[4] = passage[4] + 0.2 * query[1], passage[14] + 0.2 * query[4]
    return explain_tokens(
        query,
        passage,
        text=QUERY,
        words=words_in(QUERY),
        frames=columns_labelled(PASSAGE.split()),
        score="MaxSim",
        video="passage 17",
        model="late interaction",
    )


@cache
def picture_explanation() -> Explanation:
    """Of a picture in 3 rows of 4 patches."""
    picture = np.random.default_rng(0).integers(0, 255, (3, 45, 80)).astype(np.uint8)
    return explain_tokens(
        query_tokens(),
        torch.randn(12, 16, generator=torch.Generator().manual_seed(3)),
        text=QUERY,
        words=words_in(QUERY),
        frames=patches_of(picture, rows=3, columns=4),
        score="MaxSim",
        video="page 3",
        model="late interaction",
    )
