"""The game of any score of a text and a video, where neither has a vector of its own: every pair is compared.

Words and frames are drawn independently, so every index is a sum over coalitions of words, weighted by what the words
ask for, of sums over coalitions of frames, weighted by what the frames ask for. That is the form of a dual encoder
(`dual_encoder`) in which the "vector" of a text holds its scores with all videos that are looked at, and the "vector"
of a video says which of them it is. So the same coalitions, weights and standard errors serve any score, at the price
of one score for each pair in place of one vector for each side.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.dual_encoder import products_of, side_within
from hbi.games.encoder_indices import DualEncoderIndices

PairScore = Callable[[Bool[Tensor, "text word"], Bool[Tensor, "video frame"]], Float[Tensor, "text video"]]
"""Gives the score of every coalition of words with every coalition of frames; it is never asked about an empty one."""


def solve_pair_scores(
    score: PairScore,
    num_words: int,
    num_frames: int,
    *,
    text_budget: int = 256,
    video_budget: int = 64,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> DualEncoderIndices:
    """Return all indices of the game that a score plays: exact, or where there are too many coalitions, from some.

    Args:
        score: of texts and videos; a text without words, or a video without frames, is worth 0.
        num_words: how many words there are.
        num_frames: how many frames there are.
        text_budget: how many coalitions of words may be looked at. All of them are while `2^words` fit.
        video_budget: the same for coalitions of frames.
        generator: the source of randomness where coalitions are drawn; None: torch's global one.
        device: where coalitions are made, and given to the score.

    Raises:
        ValueError: a budget that is too small to draw from, scores of another shape or not finite.

    >>> def both_needed(words, frames):  # worth 1 where everybody is there
    ...     return (words.all(1)[:, None] & frames.all(1)).double()
    >>> solve_pair_scores(both_needed, 2, 1).banzhaf_interactions().values
    tensor([[0.5000],
            [0.5000]], dtype=torch.float64)
    """
    device = torch.device(device)
    texts = side_within(num_words, text_budget, generator, device, name="text_budget")
    videos = side_within(num_frames, video_budget, generator, device, name="video_budget")
    scores = score(texts.coalitions, videos.coalitions)
    if scores.shape != (len(texts.coalitions), len(videos.coalitions)) or not scores.isfinite().all():
        raise ValueError(
            f"score must return finite numbers of shape [{len(texts.coalitions)}, {len(videos.coalitions)}], not "
            f"{list(scores.shape)}"
        )
    which = torch.eye(scores.shape[1], dtype=scores.dtype, device=scores.device)
    return DualEncoderIndices(
        differences=products_of(texts, scores, videos, which),
        value=scores[-1, -1].double(),
        num_words=num_words,
        num_frames=num_frames,
        num_texts=len(texts.coalitions),
        num_videos=len(videos.coalitions),
        is_exact=texts.is_exact and videos.is_exact,
    )
