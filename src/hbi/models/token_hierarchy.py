"""What is done with words alone, or with frames alone: merging, and a weight for every token."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hbi.models.config import HBIConfig
from hbi.models.merger import TokenMerger
from hbi.models.outputs import Hierarchy, Players
from hbi.models.released import ReleasedMerger
from hbi.ops import TokenSequence
from hbi.shapes import LEVELS


class TokenHierarchy(nn.Module):
    """One side of the match, words or frames: two merges, and a weight for every token at each of the three levels."""

    def __init__(self, config: HBIConfig, merge_ratio: Sequence[float]) -> None:
        super().__init__()
        width, channels = config.width, config.weight_channels or config.width
        merger = ReleasedMerger if config.released_behavior else TokenMerger
        self.mergers = nn.ModuleList(
            merger(width, ratio=ratio, num_heads=config.merge_heads, num_neighbors=config.num_neighbors)
            for ratio in merge_ratio
        )
        self.weight_heads = nn.ModuleDict()
        if config.interaction == "weighted":
            for level in LEVELS:
                self.weight_heads[level] = nn.Sequential(nn.Linear(width, channels), nn.ReLU(), nn.Linear(channels, 1))

    def forward(self, sequence: TokenSequence) -> Hierarchy:
        """Return the players of every level."""
        sequences = [sequence]
        for merger in self.mergers:
            sequences.append(merger(sequences[-1]))
        weigh = self._learned_weights if self.weight_heads else _equal_weights
        return Hierarchy(
            {level: Players(tokens, weigh(level, tokens)) for level, tokens in zip(LEVELS, sequences, strict=True)}
        )

    def _learned_weights(self, level: str, sequence: TokenSequence) -> Float[Tensor, "batch token"]:
        """Return softmax weights over the real tokens; zeros where there is none."""
        logits = self.weight_heads[level](sequence.tokens).squeeze(-1).float()
        lowest = torch.finfo(logits.dtype).min
        return logits.masked_fill(~sequence.mask, lowest).softmax(-1) * sequence.mask


def _equal_weights(level: str, sequence: TokenSequence) -> Float[Tensor, "batch token"]:
    """Return one over the number of real tokens for each; zeros where there is none."""
    return sequence.mask / sequence.mask.sum(-1, keepdim=True).clamp(min=1)
