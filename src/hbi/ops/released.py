"""Clustering and merging as the authors' released code does them, for checkpoints that were trained with it."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hbi.ops.clustering import Clusters
from hbi.ops.merging import merge_tokens

EPSILON = 1e-6
"""What the released code adds to the sum of a cluster's weights."""


@torch.no_grad()
def released_clusters(
    tokens_BND: Float[Tensor, "batch token width"],
    mask: Bool[Tensor, "batch token"],
    ratio: float,
    *,
    num_neighbors: int = 3,
) -> Clusters:
    """Return ceil(ratio * padded length) clusters, at least one, in the order of their centers' scores.

    As in `cluster_dpc_knn` a center has a high product of density and distance to the next denser token. But the
    length is the padded one; padding has density 0 and stands farther away than any two tokens of the whole batch are
    from each other; equal densities are not ranked; and padding becomes a center where real tokens are too few.

    Equal scores come in the order that `torch.topk` gives them, as there: on another device it may be another.

    Differs: from the released code itself in what that leaves open. It adds noise of 1e-6 to densities, here is none;
    it fails on fewer tokens than neighbors, here there are fewer neighbors then.

    Args:
        tokens_BND: Embeddings of the tokens, padded.
        mask: True where a token is real.
        ratio: Clusters for each token, padding included, above 0 and at most 1.
        num_neighbors: Nearest tokens, itself included, that the density of a token is measured with.
    """
    num_clusters = max(math.ceil(mask.shape[1] * ratio), 1)
    tokens_BND = tokens_BND.float()
    distance_BNN = torch.cdist(tokens_BND, tokens_BND) / tokens_BND.shape[-1] ** 0.5
    if distance_BNN.numel():
        distance_BNN = torch.where(mask[:, None, :], distance_BNN, distance_BNN.max() + 1)
    nearest_BNK = distance_BNN.topk(min(num_neighbors, mask.shape[1]), dim=-1, largest=False).values
    density = (-nearest_BNK.square().mean(-1)).exp() * mask
    score = density * _distance_to_denser(distance_BNN, density)
    center = score.topk(num_clusters, dim=-1).indices

    from_center_BKN = distance_BNN.gather(1, center[..., None].expand(-1, -1, mask.shape[1]))
    assignment = from_center_BKN.argmin(1)
    own = torch.arange(num_clusters, device=mask.device).expand_as(center)
    assignment = assignment.scatter(1, center, own).masked_fill(~mask, -1)
    return Clusters(assignment, center, torch.ones_like(center, dtype=torch.bool))


def _distance_to_denser(distance_BNN: Tensor, density: Tensor) -> Tensor:
    """Return each token's distance to the nearest strictly denser one; the largest there is where there is none."""
    is_denser_BNN = density[:, None, :] > density[:, :, None]
    largest = distance_BNN.amax((-1, -2))[:, None, None]
    return torch.where(is_denser_BNN, distance_BNN, largest).amin(-1)


def released_merge(
    tokens_BND: Float[Tensor, "batch token width"],
    score: Float[Tensor, "batch token"],
    assignment: Int[Tensor, "batch token"],
    num_clusters: int,
) -> Float[Tensor, "batch cluster width"]:
    """Return the weighted mean of each cluster's tokens, a little too short:

        merged_k = sum_{i in k} exp(score_i) x_i / (sum_{i in k} exp(score_i) + 1e-6)

    Computed as the proper mean times sum / (sum + 1e-6), which does not overflow.

    Args:
        tokens_BND: Embeddings of the tokens.
        score: Logarithm of how much each token counts.
        assignment: The cluster of each token, from 0; -1 at padding, which takes no part.
        num_clusters: Clusters of each sequence; one of padding alone is zero.
    """
    is_member_BNK = assignment[..., None] == torch.arange(num_clusters, device=assignment.device)
    # A cluster without members would have the logarithm of nothing, whose gradient is NaN: `merge_tokens` zeroes it.
    is_empty_B1K = ~is_member_BNK.any(1, keepdim=True)
    score_BNK = score[..., None].masked_fill(~is_member_BNK, -torch.inf)
    log_sum = score_BNK.masked_fill(is_empty_B1K, 0.0).logsumexp(1)
    shrink = torch.sigmoid(log_sum - math.log(EPSILON))
    return merge_tokens(tokens_BND, score, assignment, num_clusters) * shrink[..., None]
