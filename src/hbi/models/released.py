"""What the authors' released code computes differently, for checkpoints that were trained with it.

The parts here take the place of their namesakes when `HBIConfig.released_behavior` is set; nothing else in the house
knows of them. They have the same parameters. docs/method/released-code.md lists every difference and why the default
departs; what the released code leaves undefined (a crash, NaN, noise) is defined here as the default defines it.
"""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hbi.encoders.clip import CLIPEncoder
from hbi.encoders.encoder import Encoding
from hbi.models.merger import TokenMerger
from hbi.models.outputs import Players
from hbi.models.temporal import TemporalLSTM
from hbi.ops import TokenSequence, compose_members, released_clusters, released_merge

PADDING_ID = 0
"""The token id that stands at padding; it matters, because neighbors of padding are mixed with it."""
TEMPORAL_EPSILON = 1e-12
"""In the layer norms of the temporal transformer."""


class ReleasedEncoder(CLIPEncoder):
    """Counts CLIP's start and end tokens as words, and gives padding features of its own.

    The released code packs frames for an LSTM and unpacks them to the length of the longest video of the batch. What is
    behind that it fills with the features, to which they are then added like anything else: padding that no video of
    the batch reaches counts twice.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        for module in self.temporal.modules() if self.temporal is not None else ():
            if isinstance(module, nn.LayerNorm):
                module.eps = TEMPORAL_EPSILON

    def encode_texts(self, input_ids: Int[Tensor, "text word"], attention_mask: Int[Tensor, "text word"]) -> Encoding:
        """Return tokens for words, special tokens and padding; the mask excludes padding only."""
        is_real = attention_mask.bool()
        encoding = super().encode_texts(input_ids.masked_fill(~is_real, PADDING_ID), attention_mask)
        return Encoding(TokenSequence.unmerged(encoding.sequence.tokens, is_real), encoding.summary)

    def encode_features(
        self, frames_BVD: Float[Tensor, "video frame width"], mask: Bool[Tensor, "video frame"]
    ) -> Encoding:
        """Return frame tokens, those of padding too: there a frame is seen whose normalized pixels are all zero."""
        side = self.towers.config.vision_config.image_size
        black = frames_BVD.new_zeros(1, 1, 3, side, side, dtype=self.towers.dtype)
        padding = self.frame_features(black, torch.ones_like(mask[:1, :1]))
        encoding = super().encode_features(torch.where(mask[..., None], frames_BVD, padding.to(frames_BVD.dtype)), mask)
        if not isinstance(self.temporal, TemporalLSTM):
            return encoding
        tokens_BVD = encoding.sequence.tokens
        tokens_BVD = torch.where(mask.any(0)[:, None], tokens_BVD, 2 * tokens_BVD)
        return replace(encoding, sequence=replace(encoding.sequence, tokens=tokens_BVD))


class ReleasedMerger(TokenMerger):
    """Merges a sequence with its padding; as many clusters as the padded length asks for, in the order of scores."""

    def forward(self, sequence: TokenSequence) -> TokenSequence:
        """Return the merged tokens, all of them counted as real, and where every original token is now."""
        tokens_BND = self.norm(sequence.tokens + self.convolution(sequence.tokens.transpose(1, 2)).transpose(1, 2))
        score = self.score(tokens_BND).squeeze(-1)
        clusters = released_clusters(tokens_BND, sequence.mask, self.ratio, num_neighbors=self.num_neighbors)
        merged_BKD = released_merge(tokens_BND, score, clusters.assignment, clusters.mask.shape[1])
        bias = score.masked_fill(~sequence.mask, -torch.inf)
        merged_BKD = merged_BKD + self._attend(merged_BKD, tokens_BND, bias)
        return TokenSequence(merged_BKD, clusters.mask, compose_members(sequence.members, clusters.assignment))


def padding_as_zeros(players: Players) -> Players:
    """Return players among whom padding is compared like a token, with a cosine of 0 to everything.

    So the released code's masked cosines, multiplied by 0, still take part in every maximum.
    """
    sequence = players.sequence
    tokens_BND = sequence.tokens * sequence.mask[..., None]
    return Players(TokenSequence(tokens_BND, torch.ones_like(sequence.mask), sequence.members), players.weights)
