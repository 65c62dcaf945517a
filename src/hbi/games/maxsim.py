"""The games of multi-vector models (ColBERT, ColPali): everybody together is worth the model's own score, MaxSim."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.late_interaction import LateInteractionGame
from hbi.games.tokens import playing_tokens


def maxsim_game(
    word_tokens: Float[Tensor, "*#batch word width"],
    frame_tokens: Float[Tensor, "*#batch frame width"] | Float[Tensor, "*#batch frame patch width"],
    word_mask: Bool[Tensor, "*#batch word"] | None = None,
    frame_mask: Bool[Tensor, "*#batch frame"] | Bool[Tensor, "*#batch frame patch"] | None = None,
    *,
    use_cosine: bool = False,
    has_patches: bool = False,
) -> LateInteractionGame:
    """Return the game that MaxSim plays: a coalition is worth the sum over its words of their best match in its frames.

    Leading axes broadcast: `word_tokens[:, None]` and `frame_tokens[None]` give all pairs.

    Args:
        word_tokens: embeddings of the words, as the model compares them.
        frame_tokens: embeddings of the frames, of the same width; with `has_patches` several of each frame.
        word_mask: True where a word counts; None: all do.
        frame_mask: True where a frame (with `has_patches`: a patch of a frame) is real; None: all are.
        use_cosine: compare directions; False: plain inner products.
        has_patches: `frame_tokens` has shape [..., frame, patch, width], and a frame matches as its best patch does.

    Raises:
        ValueError: embeddings or masks of shapes that do not fit, and whatever `LateInteractionGame` refuses.

    >>> game = maxsim_game(torch.tensor([[0.6, 0.8], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    >>> game.value(torch.tensor([True, True]), torch.tensor([True, True]))
    tensor(1.6000)
    >>> game.value(torch.tensor([True, True]), torch.tensor([False, True]))
    tensor(-0.8000)
    """
    similarity, frame_mask = _similarity(
        word_tokens, frame_tokens, word_mask, frame_mask, use_cosine=use_cosine, has_patches=has_patches
    )
    return _game(similarity, similarity.new_full(similarity.shape[-2:-1], 2), word_mask, frame_mask)


def mean_maxsim_game(
    word_tokens: Float[Tensor, "*#batch word width"],
    frame_tokens: Float[Tensor, "*#batch frame width"] | Float[Tensor, "*#batch frame patch width"],
    word_mask: Bool[Tensor, "*#batch word"] | None = None,
    frame_mask: Bool[Tensor, "*#batch frame"] | Bool[Tensor, "*#batch frame patch"] | None = None,
    *,
    use_cosine: bool = False,
    has_patches: bool = False,
) -> LateInteractionGame:
    """Return the game of MaxSim divided by the number of words of the whole text, in every coalition.

    Args:
        word_tokens: embeddings of the words, as the model compares them.
        frame_tokens: embeddings of the frames, of the same width; with `has_patches` several of each frame.
        word_mask: True where a word counts; None: all do.
        frame_mask: True where a frame (with `has_patches`: a patch of a frame) is real; None: all are.
        use_cosine: compare directions; False: plain inner products.
        has_patches: `frame_tokens` has shape [..., frame, patch, width], and a frame matches as its best patch does.

    Raises:
        ValueError: embeddings or masks of shapes that do not fit, and whatever `LateInteractionGame` refuses.

    >>> game = mean_maxsim_game(torch.tensor([[0.6, 0.8], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    >>> game.value(torch.tensor([True, True]), torch.tensor([True, True]))
    tensor(0.8000)
    """
    similarity, frame_mask = _similarity(
        word_tokens, frame_tokens, word_mask, frame_mask, use_cosine=use_cosine, has_patches=has_patches
    )
    if word_mask is None:
        weights = similarity.new_full(similarity.shape[-2:-1], 2 / similarity.shape[-2])
    else:
        weights = 2 * word_mask.to(similarity) / word_mask.sum(-1, keepdim=True).clamp(min=1)
    return _game(similarity, weights, word_mask, frame_mask)


def _game(
    similarity: Float[Tensor, "*#batch word frame"],
    word_weights: Float[Tensor, "*#batch word"],
    word_mask: Bool[Tensor, "*#batch word"] | None,
    frame_mask: Bool[Tensor, "*#batch frame"] | None,
) -> LateInteractionGame:
    """Return the game of the words' best matches alone: the halves that the value of both sides has are undone."""
    return LateInteractionGame(
        similarity,
        word_weights,
        similarity.new_zeros(similarity.shape[-1]),
        word_mask,
        frame_mask,
        normalize_weights=False,
        floor_at_zero=False,
    )


def _similarity(
    word_tokens: Float[Tensor, "*#batch word width"],
    frame_tokens: Float[Tensor, "..."],
    word_mask: Bool[Tensor, "*#batch word"] | None,
    frame_mask: Bool[Tensor, "..."] | None,
    *,
    use_cosine: bool,
    has_patches: bool,
) -> tuple[Float[Tensor, "*#batch word frame"], Bool[Tensor, "*#batch frame"] | None]:
    """Return similarities and mask of frames, each of which matches as the best of its patches does."""
    frame_axes = 3 if has_patches else 2
    if word_tokens.dim() < 2 or frame_tokens.dim() < frame_axes or word_tokens.shape[-1] != frame_tokens.shape[-1]:
        frames = "[..., frames, patches, width]" if has_patches else "[..., frames, width]"
        raise ValueError(
            f"word_tokens and frame_tokens must have shapes [..., words, width] and {frames} with one width, not "
            f"{list(word_tokens.shape)} and {list(frame_tokens.shape)}"
        )
    if has_patches and frame_mask is not None and frame_mask.shape[-2:] != frame_tokens.shape[-3:-1]:
        raise ValueError(
            f"frame_mask must be boolean with shape [..., {frame_tokens.shape[-3]}, {frame_tokens.shape[-2]}] where "
            f"frames have patches, not {frame_mask.dtype} {list(frame_mask.shape)}"
        )
    word_tokens = playing_tokens("word", word_tokens, word_mask)
    frame_tokens = playing_tokens("frame", frame_tokens, frame_mask)
    if use_cosine:
        word_tokens = torch.nn.functional.normalize(word_tokens, dim=-1)
        frame_tokens = torch.nn.functional.normalize(frame_tokens, dim=-1)
    if not has_patches:
        return word_tokens @ frame_tokens.mT, frame_mask
    products = (word_tokens @ frame_tokens.flatten(-3, -2).mT).unflatten(-1, frame_tokens.shape[-3:-1])
    return _best_of_patches(products, frame_mask)


def _best_of_patches(
    products: Float[Tensor, "*#batch word frame patch"], frame_mask: Bool[Tensor, "*#batch frame patch"] | None
) -> tuple[Float[Tensor, "*#batch word frame"], Bool[Tensor, "*#batch frame"] | None]:
    """Return similarities and mask of frames: a frame without a real patch is none."""
    if frame_mask is None:
        return products.amax(-1), None
    best = torch.where(frame_mask.unsqueeze(-3), products, -torch.inf).amax(-1)
    is_real = frame_mask.any(-1)
    return torch.where(is_real.unsqueeze(-2), best, 0), is_real
