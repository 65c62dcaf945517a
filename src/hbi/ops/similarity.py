"""How alike every word and every frame are: cosines of token pairs."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


def token_similarity(
    words_ATD: Float[Tensor, "text word width"], frames_BVD: Float[Tensor, "video frame width"]
) -> Float[Tensor, "text video word frame"]:
    """Return the cosine of every word of every text with every frame of every video (paper, section 3.2).

    A zero token has cosine 0 with everything. Padding is not treated here: give the masks to what reads the result.

    >>> token_similarity(torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 2.0]]]))
    tensor([[[[0.6000, 0.8000]]]])
    """
    return torch.einsum("atd,bvd->abtv", normalize(words_ATD, dim=-1), normalize(frames_BVD, dim=-1))


def pair_token_similarity(
    words_BTD: Float[Tensor, "pair word width"], frames_BVD: Float[Tensor, "pair frame width"]
) -> Float[Tensor, "pair word frame"]:
    """Return the cosines of the words and frames of matched pairs only: text 0 with video 0, text 1 with video 1, …."""
    return normalize(words_BTD, dim=-1) @ normalize(frames_BVD, dim=-1).transpose(-1, -2)
