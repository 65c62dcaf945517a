"""`TokenSequence`: what walks through the house, the same for words and for frames."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class TokenSequence:
    """A batch of padded token sequences, and where each original token went.

    Attributes:
        tokens: Embeddings, not normalized. What stands at padding is undefined and never used.
        mask: True where a token is real.
        members: For every original word or frame, the index of the token that it is merged into; -1 at padding.
            Before any merging this is its own index.
    """

    tokens: Float[Tensor, "batch token width"]
    mask: Bool[Tensor, "batch token"]
    members: Int[Tensor, "batch original"]

    def __post_init__(self) -> None:
        if self.tokens.dim() != 3 or self.mask.shape != self.tokens.shape[:2]:
            raise ValueError(
                f"tokens [batch, token, width] and mask [batch, token] do not fit: {tuple(self.tokens.shape)}, "
                f"{tuple(self.mask.shape)}"
            )
        if self.mask.dtype != torch.bool:
            raise ValueError(f"mask must be boolean (True = real token), not {self.mask.dtype}")
        if self.members.dim() != 2 or self.members.shape[0] != self.tokens.shape[0]:
            raise ValueError(f"members must be [batch, original], not {tuple(self.members.shape)}")

    @classmethod
    def unmerged(cls, tokens: Float[Tensor, "batch token width"], mask: Bool[Tensor, "batch token"]) -> "TokenSequence":
        """Return a sequence in which every original token still stands for itself."""
        positions = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
        return cls(tokens, mask, positions.masked_fill(~mask, -1))

    def __getitem__(self, rows: slice | Tensor) -> "TokenSequence":
        """Return the sequences of some rows of the batch (a slice, or indices [rows])."""
        return TokenSequence(self.tokens[rows], self.mask[rows], self.members[rows])

    def __repr__(self) -> str:
        batch, token, width = self.tokens.shape
        return (
            f"TokenSequence(batch={batch}, token={token}, width={width}, real={int(self.mask.sum())}, "
            f"original={self.members.shape[1]})"
        )
