"""What may be done to a finished similarity matrix before it ranks, always said beside the numbers."""

from jaxtyping import Float
from torch import Tensor


def dual_softmax(similarity: Float[Tensor, "query candidate"], logit_scale: float) -> Float[Tensor, "query candidate"]:
    """Return similarities times each query's share of its candidate: softmax over the queries of scaled similarities.

    A candidate that many queries like is worth less to each of them (Cheng et al. 2021, "CAMoE", section 3.3). It looks
    at all queries at once, which someone who searches with one text cannot, so numbers with it are no search results.

    Args:
        similarity: One row for each query; for the other direction give the transpose.
        logit_scale: What turns a similarity into a logit; the model's own.
    """
    return similarity * (logit_scale * similarity).softmax(dim=0)
