"""The paper's learned estimator of Banzhaf interactions: a small convolution and attention network."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class BanzhafEstimator(nn.Module):
    """A network that maps a similarity matrix of any size to a map of the same size (paper, section 3.3).

    A 3x3 convolution from 1 to `channels`, ReLU, then `x + softmax((x Q)(x K)^T) x V` over all word-frame cells (one
    head, not scaled), then a 3x3 convolution back to 1. Time grows with the square of words x frames.

    Args:
        channels: width of a cell's feature; 64 in the paper.

    >>> BanzhafEstimator()(torch.zeros(5, 24, 12)).shape
    torch.Size([5, 24, 12])
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.encode = nn.Conv2d(1, channels, kernel_size=3, padding=1)
        self.query = nn.Parameter(torch.empty(channels, channels))
        self.key = nn.Parameter(torch.empty(channels, channels))
        self.value = nn.Parameter(torch.empty(channels, channels))
        self.decode = nn.Conv2d(channels, 1, kernel_size=3, padding=1)
        for matrix in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(matrix)

    def forward(self, similarity: Float[Tensor, "pair word frame"]) -> Float[Tensor, "pair word frame"]:
        """Return the predicted interaction of every word with every frame of every pair."""
        cells_BDTV = torch.relu(self.encode(similarity.unsqueeze(1)))
        cells_BND = cells_BDTV.flatten(2).transpose(1, 2)
        attended_BND = nn.functional.scaled_dot_product_attention(
            cells_BND @ self.query, cells_BND @ self.key, cells_BND @ self.value, scale=1.0
        )
        cells_BDTV = (cells_BND + attended_BND).transpose(1, 2).unflatten(2, similarity.shape[1:])
        return self.decode(cells_BDTV).squeeze(1)
