"""One token for each cluster, and where every original token ended up."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def merge_tokens(
    tokens_BND: Float[Tensor, "batch token width"],
    score: Float[Tensor, "batch token"],
    assignment: Int[Tensor, "batch token"],
    num_clusters: int,
) -> Float[Tensor, "batch cluster width"]:
    """Return the mean of each cluster's tokens, weighted by exp(score) (paper, section 3.3).

        merged_k = sum_{i in k} exp(score_i) x_i / sum_{i in k} exp(score_i)

    Differs: the released code exponentiates unshifted scores, which overflow beyond 88; the largest score of each
    cluster is subtracted first here.

    Args:
        tokens_BND: Embeddings of the tokens; what stands at padding is never used.
        score: Logarithm of how much each token counts, up to a constant for each cluster.
        assignment: The cluster of each token, from 0; -1 at padding, which takes no part.
        num_clusters: Clusters of each sequence; one without tokens is zero.
    """
    is_member_BNK = assignment[..., None] == torch.arange(num_clusters, device=assignment.device)
    score_BNK = score[..., None].masked_fill(~is_member_BNK, -torch.inf)
    # A cluster without members would be a softmax over nothing, which is NaN: zero it, in value and gradient.
    is_empty_B1K = ~is_member_BNK.any(1, keepdim=True)
    weight_BNK = score_BNK.masked_fill(is_empty_B1K, 0.0).softmax(dim=1).masked_fill(~is_member_BNK, 0.0)
    return torch.einsum("bnk,bnd->bkd", weight_BNK, tokens_BND.masked_fill((assignment < 0)[..., None], 0.0))


def compose_members(
    members: Int[Tensor, "batch original"], assignment: Int[Tensor, "batch token"]
) -> Int[Tensor, "batch original"]:
    """Return where every original token is after a further merge: the cluster of the token it was in; -1 at padding.

    >>> compose_members(torch.tensor([[0, 0, 1, 2, -1]]), torch.tensor([[1, 0, 1]]))
    tensor([[ 1,  1,  0,  1, -1]])
    """
    return assignment.gather(1, members.clamp(min=0)).masked_fill(members < 0, -1)
