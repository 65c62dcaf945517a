"""The paper's learned estimator of Banzhaf interactions: a small convolution and attention network."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

RELEASED_UNIT = 1000.0
"""The released code multiplies similarities by it before their game is played, whose interactions grow alike."""


class BanzhafEstimator(nn.Module):
    """A network that maps a similarity matrix of any size to a map of the same size (paper, section 3.3).

    A 3x3 convolution from 1 to `channels`, ReLU, then `x + softmax((x Q)(x K)^T) x V` over all word-frame cells (one
    head, not scaled), then a 3x3 convolution back to 1. Time grows with the square of words x frames.

    What it gives is in its own unit: the released estimators learned interactions times 1,000. `interactions` converts.

    Args:
        channels: width of a cell's feature; 64 in the paper.
        unit: what it gives for an interaction of 1.

    Raises:
        ValueError: a unit that is not finite and positive.

    >>> BanzhafEstimator()(torch.zeros(5, 24, 12)).shape
    torch.Size([5, 24, 12])
    """

    def __init__(self, channels: int = 64, *, unit: float = 1.0) -> None:
        super().__init__()
        if not 0 < unit < math.inf:
            raise ValueError(f"the unit of an estimator must be finite and positive, not {unit}")
        self.unit = unit
        self.encode = nn.Conv2d(1, channels, kernel_size=3, padding=1)
        self.query = nn.Parameter(torch.empty(channels, channels))
        self.key = nn.Parameter(torch.empty(channels, channels))
        self.value = nn.Parameter(torch.empty(channels, channels))
        self.decode = nn.Conv2d(channels, 1, kernel_size=3, padding=1)
        for matrix in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(matrix)

    def forward(self, similarity: Float[Tensor, "pair word frame"]) -> Float[Tensor, "pair word frame"]:
        """Return the predicted interaction of every word with every frame of every pair, in the unit it learned."""
        cells_BDTV = torch.relu(self.encode(similarity.unsqueeze(1)))
        cells_BND = cells_BDTV.flatten(2).transpose(1, 2)
        cells_BDTV = (cells_BND + self.attend(cells_BND)).transpose(1, 2).unflatten(2, similarity.shape[1:])
        return self.decode(cells_BDTV).squeeze(1)

    def interactions(self, similarity: Float[Tensor, "pair word frame"]) -> Float[Tensor, "pair word frame"]:
        """Return the predictions in the unit of the similarity, as the exact interactions are."""
        return self(similarity) / self.unit

    def attend(
        self, cells_BND: Float[Tensor, "pair cell channel"], visible_BN: Bool[Tensor, "pair cell"] | None = None
    ) -> Float[Tensor, "pair cell channel"]:
        """Return what every cell of a pair takes from the cells of that pair.

        Args:
            cells_BND: What is known of each cell.
            visible_BN: Cells that may be looked at; None: all.
        """
        # As one head of attention: of tensors without heads the library keeps all cells by all cells.
        query, key, value = ((cells_BND @ matrix)[:, None] for matrix in (self.query, self.key, self.value))
        mask = None if visible_BN is None else visible_BN[:, None, None, :]
        return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)[:, 0]
