"""Pure tensor functions of the method: token similarity, token interaction, clustering and merging."""

from hbi.ops.clustering import Clusters, cluster_dpc_knn
from hbi.ops.interaction import (
    all_pairs_interaction,
    global_similarity,
    mean_token_similarity,
    weighted_token_interaction,
)
from hbi.ops.merging import compose_members, merge_tokens
from hbi.ops.released import released_clusters, released_merge
from hbi.ops.similarity import pair_token_similarity, token_similarity
from hbi.ops.tokens import TokenSequence

__all__ = [
    "Clusters",
    "TokenSequence",
    "all_pairs_interaction",
    "cluster_dpc_knn",
    "compose_members",
    "global_similarity",
    "mean_token_similarity",
    "merge_tokens",
    "pair_token_similarity",
    "released_clusters",
    "released_merge",
    "token_similarity",
    "weighted_token_interaction",
]
