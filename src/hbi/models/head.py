"""What predicts a level's interactions: the paper's estimator, blind to padding."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games import BanzhafEstimator


class InteractionHead(BanzhafEstimator):
    """`BanzhafEstimator` for padded pairs: a pair's prediction is what it would be alone.

    Differs: the estimator's attention mixes every cell with every other, and its convolutions look past the edge. Where
    a longer pair of the batch makes padding, the released code lets it take part; here its cells are hidden from
    attention and are to a convolution what lies outside the matrix. With all cells it is the estimator itself.
    """

    def forward(
        self, similarity: Float[Tensor, "pair word frame"], cells: Bool[Tensor, "pair word frame"] | None = None
    ) -> Float[Tensor, "pair word frame"]:
        """Return the predicted interactions; what is returned where `cells` is False means nothing."""
        if cells is None:
            return super().forward(similarity)
        hidden_BDTV = torch.relu(self.encode((similarity * cells).unsqueeze(1)))
        hidden_BND = hidden_BDTV.flatten(2).transpose(1, 2)
        # A pair without any cell would attend to nothing: let it attend to everything, nobody reads it.
        visible_BN = cells.flatten(1) | ~cells.flatten(1).any(-1, keepdim=True)
        attended_BND = self.attend(hidden_BND, visible_BN)
        mixed_BDTV = (hidden_BND + attended_BND).transpose(1, 2).unflatten(2, similarity.shape[1:])
        return self.decode(mixed_BDTV * cells[:, None]).squeeze(1)
