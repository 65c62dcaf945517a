"""A second stage: a small network that reads a text and a video together, on the tokens that are kept of them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from hbi.ops import TokenSequence

UNIT = 0.01
"""Of corrections: the first stage's similarities are multiplied by about 100 to make logits."""
NEIGHBORS = (5, 3)
"""Words and frames that a layer sees together: a phrase, and a frame with the two beside it."""
_COSINE_SCALE = 4.0


@dataclass(frozen=True)
class CrossEncoderSizes:
    """How large a `CrossEncoder` is.

    Attributes:
        width: Of the tokens that it is given.
        channels: Numbers that it computes for each pair of a word and a frame.
        num_layers: Layers, each of which looks at neighboring pairs.
    """

    width: int
    channels: int = 24
    num_layers: int = 2

    def __post_init__(self) -> None:
        if min(vars(self).values()) < 1:
            raise ValueError(f"all sizes must be at least 1: {self}")


class CrossEncoder(nn.Module):
    """Scores pairs of a text and a video: their similarity, plus a correction that is read off both together.

    A mean of maxima over words cannot say that red, circle and spins must be seen in the same frames. Here every pair
    of a word and a frame, a *cell*, begins with what the two tokens are and with their cosine; convolutions over
    neighboring words and frames tell which phrase matches where; for each word the best and the mean over frames are
    taken, and a mean over words that weighs them by what they are (match tensors, Jaech et al. 2017). The correction is
    0 before training: the ranking begins as that of the first stage.
    """

    def __init__(self, sizes: CrossEncoderSizes) -> None:
        super().__init__()
        self.sizes = sizes
        channels = sizes.channels
        self.words = nn.Linear(sizes.width, channels)
        self.frames = nn.Linear(sizes.width, channels, bias=False)
        self.cosine = nn.Parameter(torch.randn(channels))
        padding = (NEIGHBORS[0] // 2, NEIGHBORS[1] // 2)
        self.layers = nn.ModuleList(
            nn.Conv2d(channels, channels, NEIGHBORS, padding=padding) for _ in range(sizes.num_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(sizes.num_layers + 1))
        self.word_weights = nn.Linear(sizes.width, channels)
        self.correction = nn.Linear(2 * channels, 1, bias=False)
        nn.init.zeros_(self.correction.weight)

    def forward(
        self, words: TokenSequence, frames: TokenSequence, similarity: Float[Tensor, " pair"]
    ) -> Float[Tensor, " pair"]:
        """Return the scores of text 0 with video 0, text 1 with video 1, …

        Args:
            words: The words of each pair's text, before any merging.
            frames: The frames of each pair's video.
            similarity: What the first stage says of each pair.
        """
        return similarity + UNIT * self.corrections(words, frames)

    def corrections(self, words: TokenSequence, frames: TokenSequence) -> Float[Tensor, " pair"]:
        """Return what is added to the first stage's similarity, in units of `UNIT`.

        Args:
            words, frames: As in `forward`.
        """
        dtype = self.cosine.dtype
        word_PTD, frame_PVD = (normalize(side.tokens.to(dtype), dim=-1) for side in (words, frames))
        cosine_PTV = word_PTD @ frame_PVD.transpose(1, 2)
        # A unit vector's entries are about 1/sqrt(width): scaled to about 1, as layers expect them.
        word_PTD, frame_PVD = (unit * self.sizes.width**0.5 for unit in (word_PTD, frame_PVD))
        is_cell = (words.mask[:, :, None] & frames.mask[:, None, :])[..., None]
        cells = self.words(word_PTD)[:, :, None] + self.frames(frame_PVD)[:, None]
        cells = (cells + _COSINE_SCALE * cosine_PTV[..., None] * self.cosine) * is_cell
        for layer, norm in zip(self.layers, self.norms, strict=False):
            # Padding is zeroed: to a convolution it is what lies outside.
            inside = (gelu(norm(cells)) * is_cell).permute(0, 3, 1, 2)
            cells = (cells + layer(inside).permute(0, 2, 3, 1)) * is_cell
        found = gelu(self.norms[-1](cells))
        # A text or video without any token matches nothing, best or on average.
        best_PTC = found.masked_fill(~is_cell, -torch.inf).amax(2).masked_fill(~is_cell.any(2), 0.0)
        mean_PTC = (found * is_cell).sum(2) / is_cell.sum(2).clamp(min=1)
        weight_PTC = self.word_weights(word_PTD).sigmoid() * words.mask[..., None]
        weight_PTC = weight_PTC / weight_PTC.sum(1, keepdim=True).clamp(min=1e-6)
        summary = torch.cat([(weight_PTC * best_PTC).sum(1), (weight_PTC * mean_PTC).sum(1)], dim=-1)
        return self.correction(summary).squeeze(-1)
