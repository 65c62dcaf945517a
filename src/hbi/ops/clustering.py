"""Which tokens belong together: density-peak clustering with k nearest neighbors (DPC-KNN)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Clusters:
    """The clusters of a batch of token sequences, in the order of their centers' positions.

    Attributes:
        assignment: The cluster of every token; -1 at padding.
        center: The token that is the center of every cluster; -1 where a sequence has fewer clusters than the batch.
        mask: True where a cluster exists.
    """

    assignment: Int[Tensor, "batch token"]
    center: Int[Tensor, "batch cluster"]
    mask: Bool[Tensor, "batch cluster"]


@torch.no_grad()
def cluster_dpc_knn(
    tokens_BND: Float[Tensor, "batch token width"],
    mask: Bool[Tensor, "batch token"],
    ratio: float,
    *,
    num_neighbors: int = 3,
) -> Clusters:
    """Return clusters of each sequence's real tokens: ceil(ratio * real tokens) of them, at least one.

    The density of a token is exp(-mean squared distance to its `num_neighbors` nearest tokens, itself included); its
    peak score is density times the distance to the nearest denser token. The highest scores become centers, and every
    token joins its nearest center (paper, section 3.3; Du et al. 2016). Distances are Euclidean over sqrt(width).

    Deterministic: of equal densities, scores or distances the earlier token wins. A sequence's clusters do not depend
    on its padding or on the rest of the batch. Not differentiable.

    Differs: the released code counts padding in the number of clusters, lets padding become centers, breaks ties by
    noise, fails on fewer tokens than neighbors, and orders clusters by score, in which a convolution over them has no
    neighborhood; here they stand in the order of their centers.

    Args:
        tokens_BND: Embeddings of the tokens, padded.
        mask: True where a token is real.
        ratio: Clusters for each real token, above 0 and at most 1.
        num_neighbors: Nearest tokens, itself included, that the density of a token is measured with.

    Raises:
        ValueError: `ratio` outside (0, 1] or no neighbor.
    """
    if not 0.0 < ratio <= 1.0 or num_neighbors < 1:
        raise ValueError(f"need 0 < ratio <= 1 and num_neighbors >= 1, not {ratio} and {num_neighbors}")
    distance_BNN = _distances(tokens_BND, mask)
    density = _density(distance_BNN, mask, num_neighbors)
    score = density * _distance_to_denser(distance_BNN, density, mask)
    return _clusters(distance_BNN, score, mask, _num_clusters(mask, ratio))


def _distances(tokens_BND: Tensor, mask: Tensor) -> Tensor:
    """Return distances between real tokens, infinity to padding."""
    # Summed differences rather than the matrix-product form: equal tokens must be at distance 0 exactly.
    distance_BNN = (
        torch.cdist(tokens_BND.float(), tokens_BND.float(), compute_mode="donot_use_mm_for_euclid_dist")
        / tokens_BND.shape[-1] ** 0.5
    )
    return distance_BNN.masked_fill(~(mask[:, None, :] & mask[:, :, None]), torch.inf)


def _density(distance_BNN: Tensor, mask: Tensor, num_neighbors: int) -> Tensor:
    nearest_BNK = distance_BNN.topk(min(num_neighbors, mask.shape[1]), dim=-1, largest=False).values
    is_real_BNK = nearest_BNK.isfinite()
    mean_square = nearest_BNK.square().masked_fill(~is_real_BNK, 0.0).sum(-1) / is_real_BNK.sum(-1).clamp(min=1)
    return (-mean_square).exp().masked_fill(~mask, 0.0)


def _distance_to_denser(distance_BNN: Tensor, density: Tensor, mask: Tensor) -> Tensor:
    """Return each token's distance to the nearest denser one; the densest gets the largest distance there is."""
    position = torch.arange(mask.shape[1], device=mask.device)
    is_denser_BNN = density[:, None, :] > density[:, :, None]
    is_earlier_tie_BNN = (density[:, None, :] == density[:, :, None]) & (position[None, :] < position[:, None])
    to_denser = distance_BNN.masked_fill(~(is_denser_BNN | is_earlier_tie_BNN), torch.inf).amin(-1)
    largest = distance_BNN.masked_fill(distance_BNN.isinf(), 0.0).amax((-1, -2))
    return torch.where(to_denser.isinf(), largest[:, None], to_denser)


def _num_clusters(mask: Tensor, ratio: float) -> Tensor:
    # In float64, and a little less than the product: 0.1 * 30 must not become 4 clusters.
    return (mask.sum(-1).double() * ratio - 1e-9).ceil().clamp(min=1).long() * mask.any(-1)


def _clusters(distance_BNN: Tensor, score: Tensor, mask: Tensor, num_clusters: Tensor) -> Clusters:
    # A real token scores at least 0, so padding sorts last.
    order = score.masked_fill(~mask, -1.0).sort(dim=-1, descending=True, stable=True).indices
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(mask.shape[1], device=mask.device).expand_as(order))
    is_center = rank < num_clusters[:, None]
    cluster_of_center = is_center.cumsum(-1) - 1

    num_columns = max(int(num_clusters.max()), 1) if len(num_clusters) else 1
    cluster_mask = torch.arange(num_columns, device=mask.device) < num_clusters[:, None]
    center = (~is_center).long().sort(dim=-1, stable=True).indices[:, :num_columns].masked_fill(~cluster_mask, -1)

    nearest = distance_BNN.masked_fill(~is_center[:, None, :], torch.inf).argmin(-1)
    # A center's own cluster is its own even where another center lies at distance 0.
    own_center = torch.where(is_center, torch.arange(mask.shape[1], device=mask.device), nearest)
    assignment = cluster_of_center.gather(1, own_center).masked_fill(~mask, -1)
    return Clusters(assignment, center, cluster_mask)
