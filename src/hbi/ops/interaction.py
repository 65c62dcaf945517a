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

    (paper, equation 1; the grand coalition's value in `hbi.games`). A sequence without a real token has similarity 0
    with everything.

    Differs: the released code multiplies padded cosines by 0, so that a padded frame beats every negative cosine; here
    padding takes no part in a maximum.

    Args:
        similarity_ABTV: Cosine similarity of every word of every text with every frame of every video; what stands at
            padding, here and in the weights, is never used.
        word_weights: How much each word counts: non-negative, summing to 1 over the real words of a text.
        frame_weights: The same for the frames of a video.
        word_mask: True where a word is real.
        frame_mask: True where a frame is real.
    """
    no_word, no_frame = ~word_mask[:, None, :, None], ~frame_mask[None, :, None, :]
    lowest = torch.finfo(similarity_ABTV.dtype).min
    best_frame_ABT = similarity_ABTV.masked_fill(no_frame, lowest).amax(dim=-1)
    best_word_ABV = similarity_ABTV.masked_fill(no_word, lowest).amax(dim=-2)
    # An empty side leaves `lowest` in the maxima: such a pair is worth nothing, as an empty coalition is.
    is_empty = ~(word_mask.any(-1)[:, None] & frame_mask.any(-1)[None, :])
    best_frame_ABT = best_frame_ABT.masked_fill(is_empty[..., None], 0.0)
    best_word_ABV = best_word_ABV.masked_fill(is_empty[..., None], 0.0)
    # A padded word has no best frame that counts: weight 0 times NaN would be NaN.
    best_frame_ABT = best_frame_ABT.masked_fill(~word_mask[:, None], 0.0)
    best_word_ABV = best_word_ABV.masked_fill(~frame_mask[None], 0.0)
    text_to_video = torch.einsum("abt,at->ab", best_frame_ABT, _zero_at_padding(word_weights, word_mask))
    video_to_text = torch.einsum("abv,bv->ab", best_word_ABV, _zero_at_padding(frame_weights, frame_mask))
    return (text_to_video + video_to_text) / 2


def all_pairs_interaction(
    words_ATD: Float[Tensor, "text word width"],
    frames_BVD: Float[Tensor, "video frame width"],
    word_weights: Float[Tensor, "text word"],
    frame_weights: Float[Tensor, "video frame"],
    word_mask: Bool[Tensor, "text word"],
    frame_mask: Bool[Tensor, "video frame"],
) -> Float[Tensor, "text video"]:
    """Return the `weighted_token_interaction` of every text with every video, in little more time than its products.

    Comparing is bound by memory, not by arithmetic, where the cosines of all pairs are gone through once for each mask.
    Here no pair is masked: padding repeats the first real token of its sequence, which changes no maximum and has no
    weight. Frames stand before videos, so that both maxima run along whole rows. Of equal cosines one has the gradient.

    Args:
        words_ATD: Embeddings of the words of every text, of any length.
        frames_BVD: Embeddings of the frames of every video, of any length.
        word_weights: How much each word counts: non-negative, summing to 1 over the real words of a text.
        frame_weights: The same for the frames of a video.
        word_mask: True where a word is real.
        frame_mask: True where a frame is real.
    """
    (num_texts, num_words, width), (num_videos, num_frames, _) = words_ATD.shape, frames_BVD.shape
    words = normalize(_repeat_at_padding(words_ATD, word_mask), dim=-1).reshape(-1, width)
    frames = normalize(_repeat_at_padding(frames_BVD, frame_mask), dim=-1).transpose(0, 1).reshape(-1, width)
    similarity_ATVB = (words @ frames.T).view(num_texts, num_words, num_frames, num_videos)
    word_weights, frame_weights = _zero_at_padding(word_weights, word_mask), _zero_at_padding(frame_weights, frame_mask)
    text_to_video = torch.einsum("atb,at->ab", _largest(similarity_ATVB, 2), word_weights)
    video_to_text = torch.einsum("avb,bv->ab", _largest(similarity_ATVB, 1), frame_weights)
    return (text_to_video + video_to_text) / 2


def _zero_at_padding(weights: Float[Tensor, "batch token"], mask: Bool[Tensor, "batch token"]) -> Tensor:
    return weights.masked_fill(~mask, 0.0)


def _largest(values: Tensor, axis: int) -> Tensor:
    """Return the maxima. `amax` finds them sooner; the gradient of `max`, which knows where they were, is cheaper."""
    return values.max(axis).values if values.requires_grad else values.amax(axis)


def _repeat_at_padding(
    tokens_BND: Float[Tensor, "batch token width"], mask: Bool[Tensor, "batch token"]
) -> Float[Tensor, "batch token width"]:
    """Return tokens with the first real one at all padding; zeros where there is none."""
    first_B = mask.int().argmax(dim=1)
    first_BD = tokens_BND[torch.arange(len(mask), device=mask.device), first_B]
    first_BD = first_BD.masked_fill(~mask.any(dim=1, keepdim=True), 0.0)
    return torch.where(mask[..., None], tokens_BND, first_BD[:, None])


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

    A sequence without weight has similarity 0 with everything.

    Args:
        words_ATD: Embeddings of the words of every text, of any length.
        frames_BVD: Embeddings of the frames of every video, of any length.
        word_weights: How much each word counts in the mean, 0 at padding; equal weights make a plain mean.
        frame_weights: The same for the frames of a video.
    """
    return global_similarity(_weighted_mean(words_ATD, word_weights), _weighted_mean(frames_BVD, frame_weights))


def _weighted_mean(
    tokens_BND: Float[Tensor, "batch token width"], weights: Float[Tensor, "batch token"]
) -> Float[Tensor, "batch width"]:
    """Return the mean of unit tokens; those without weight take no part, whatever stands there."""
    tokens_BND = tokens_BND.masked_fill((weights == 0)[..., None], 0.0)
    return torch.einsum("bnd,bn->bd", normalize(tokens_BND, dim=-1), weights)
