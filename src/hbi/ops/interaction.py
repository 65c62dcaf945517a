"""From token similarities to one similarity for a text and a video."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize


def weighted_token_interaction(
    similarity_ABTV: Float[Tensor, "text video word frame"],
    word_weights: Float[Tensor, "text word"],
    frame_weights: Float[Tensor, "video frame"],
    word_mask: Bool[Tensor, "text word"],
    frame_mask: Bool[Tensor, "video frame"],
) -> Float[Tensor, "text video"]:
    """Return the weighted token-wise interaction (WTI) of every text with every video.

    Each word finds its best frame, each frame its best word, and the two weighted sums are averaged:

        similarity[a, b] = 1/2 (sum_t w_t max_v s[t, v] + sum_v w_v max_t s[t, v])

    (paper, equation 1; the grand coalition's value in `hbi.games`). Weights are non-negative and sum to one over the
    real tokens of a sequence. A sequence without a real token has similarity 0 with everything.

    Differs: the released code multiplies padded cosines by 0, so that a padded frame beats every negative cosine; here
    padding takes no part in a maximum.
    """
    no_word, no_frame = ~word_mask[:, None, :, None], ~frame_mask[None, :, None, :]
    lowest = torch.finfo(similarity_ABTV.dtype).min
    best_frame_ABT = similarity_ABTV.masked_fill(no_frame, lowest).amax(dim=-1)
    best_word_ABV = similarity_ABTV.masked_fill(no_word, lowest).amax(dim=-2)
    # An empty side leaves `lowest` in the maxima: such a pair is worth nothing, as an empty coalition is.
    is_empty = ~(word_mask.any(-1)[:, None] & frame_mask.any(-1)[None, :])
    best_frame_ABT = best_frame_ABT.masked_fill(is_empty[..., None], 0.0)
    best_word_ABV = best_word_ABV.masked_fill(is_empty[..., None], 0.0)
    text_to_video = torch.einsum("abt,at->ab", best_frame_ABT, word_weights * word_mask)
    video_to_text = torch.einsum("abv,bv->ab", best_word_ABV, frame_weights * frame_mask)
    return (text_to_video + video_to_text) / 2


def global_similarity(
    texts: Float[Tensor, "text width"], videos: Float[Tensor, "video width"]
) -> Float[Tensor, "text video"]:
    """Return the cosine of every text embedding with every video embedding: CLIP's own, coarse matching.

    >>> global_similarity(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, -2.0]]))
    tensor([[ 0.6000, -0.8000]])
    """
    return normalize(texts, dim=-1) @ normalize(videos, dim=-1).T


def mean_token_similarity(
    words_ATD: Float[Tensor, "text word width"],
    frames_BVD: Float[Tensor, "video frame width"],
    word_weights: Float[Tensor, "text word"],
    frame_weights: Float[Tensor, "video frame"],
) -> Float[Tensor, "text video"]:
    """Return the cosine of every text's mean word with every video's mean frame; the means are of unit tokens.

    Weights are 0 at padding; equal ones make a plain mean. A sequence without weight has similarity 0 with everything.
    """
    texts = torch.einsum("atd,at->ad", normalize(words_ATD, dim=-1), word_weights)
    videos = torch.einsum("bvd,bv->bd", normalize(frames_BVD, dim=-1), frame_weights)
    return global_similarity(texts, videos)
