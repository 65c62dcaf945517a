"""The step from one level to the next: tokens are scored, clustered, merged and refined."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hbi.encoders.sizes import ModelError
from hbi.ops import TokenSequence, cluster_dpc_knn, compose_members, merge_tokens


class TokenMerger(nn.Module):
    """Makes fewer, larger tokens: clips of frames, phrases of words (paper, section 3.3).

    Convolution over neighbors, normalization, a score for each token; clusters by DPC-KNN; the score-weighted mean of
    each cluster; attention of the merged tokens over the tokens they came from, with the scores as a bias.
    """

    def __init__(self, width: int, *, ratio: float, num_heads: int, num_neighbors: int) -> None:
        super().__init__()
        if width % num_heads:
            raise ModelError(
                f"tokens of width {width} cannot be split among {num_heads} heads: set merge_heads to a divisor"
            )
        self.ratio, self.num_heads, self.num_neighbors = ratio, num_heads, num_neighbors
        self.convolution = nn.Conv1d(width, width, kernel_size=3, padding=1, bias=False)
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1)
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def forward(self, sequence: TokenSequence) -> TokenSequence:
        """Return the merged tokens, and where every original token is now."""
        tokens_BND, mask = self._mix_neighbors(sequence), sequence.mask
        score = self.score(tokens_BND).squeeze(-1)
        clusters = cluster_dpc_knn(tokens_BND, mask, self.ratio, num_neighbors=self.num_neighbors)
        merged_BKD = merge_tokens(tokens_BND, score, clusters.assignment, clusters.mask.shape[1])
        merged_BKD = merged_BKD + self._attend(merged_BKD, tokens_BND, score.masked_fill(~mask, -torch.inf))
        return TokenSequence(merged_BKD, clusters.mask, compose_members(sequence.members, clusters.assignment))

    def _mix_neighbors(self, sequence: TokenSequence) -> Tensor:
        # Padding is zeroed first: the last real token must not see what stands there.
        tokens_BND = sequence.tokens * sequence.mask[..., None]
        return self.norm(tokens_BND + self.convolution(tokens_BND.transpose(1, 2)).transpose(1, 2))

    def _attend(
        self,
        merged_BKD: Float[Tensor, "batch cluster width"],
        tokens_BND: Float[Tensor, "batch token width"],
        bias: Float[Tensor, "batch token"],
    ) -> Tensor:
        query = self._heads(self.query(self.attention_norm(merged_BKD)))
        key, value = map(self._heads, self.key_value(self.attention_norm(tokens_BND)).chunk(2, dim=-1))
        # A row without any real token would be a softmax over nothing.
        bias = torch.where(bias.isneginf().all(-1, keepdim=True), 0.0, bias)
        mixed = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias[:, None, None, :].to(query.dtype)
        )
        return self.output(mixed.transpose(1, 2).flatten(2))

    def _heads(self, tokens_BND: Tensor) -> Tensor:
        return tokens_BND.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
