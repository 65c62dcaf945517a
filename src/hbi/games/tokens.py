"""From the token embeddings of any model to the game that their late interaction plays."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hbi.games.indices import banzhaf_interactions
from hbi.games.late_interaction import LateInteractionGame


def game_from_tokens(
    word_tokens: Float[Tensor, "*#batch word width"],
    frame_tokens: Float[Tensor, "*#batch frame width"],
    word_weights: Float[Tensor, "*#batch word"] | None = None,
    frame_weights: Float[Tensor, "*#batch frame"] | None = None,
    word_mask: Bool[Tensor, "*#batch word"] | None = None,
    frame_mask: Bool[Tensor, "*#batch frame"] | None = None,
    *,
    use_cosine: bool = True,
    normalize_weights: bool = True,
    floor_at_zero: bool = True,
) -> LateInteractionGame:
    """Return the game of two sets of token embeddings: words and frames, words and image patches, words and words.

    Weights that are not given are equal: the mean of the row maxima and of the column maxima. The score of ColBERT and
    ColPali is another one, and `maxsim_game` is its game. Leading axes broadcast: `word_tokens[:, None]` and
    `frame_tokens[None]` give all pairs.

    Args:
        word_tokens: embeddings of the words.
        frame_tokens: embeddings of the frames, of the same width.
        word_weights: non-negative.
        frame_weights: non-negative.
        word_mask: True where a word is a player.
        frame_mask: True where a frame is a player.
        use_cosine: compare directions; False: plain inner products.
        normalize_weights: see `LateInteractionGame`.
        floor_at_zero: see `LateInteractionGame`.

    Raises:
        ValueError: embeddings of different widths, and whatever `LateInteractionGame` refuses.

    >>> game_from_tokens(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [4.0, 3.0]])).similarity
    tensor([[0.6000, 0.9600],
            [1.0000, 0.8000]])
    """
    if word_tokens.dim() < 2 or frame_tokens.dim() < 2 or word_tokens.shape[-1] != frame_tokens.shape[-1]:
        raise ValueError(
            "word_tokens and frame_tokens must have shapes [..., tokens, width] with one width, not "
            f"{list(word_tokens.shape)} and {list(frame_tokens.shape)}"
        )
    word_tokens = playing_tokens("word", word_tokens, word_mask)
    frame_tokens = playing_tokens("frame", frame_tokens, frame_mask)
    if use_cosine:
        word_tokens = torch.nn.functional.normalize(word_tokens, dim=-1)
        frame_tokens = torch.nn.functional.normalize(frame_tokens, dim=-1)
    similarity = word_tokens @ frame_tokens.mT
    return LateInteractionGame(
        similarity,
        similarity.new_ones(word_tokens.shape[-2]) if word_weights is None else word_weights,
        similarity.new_ones(frame_tokens.shape[-2]) if frame_weights is None else frame_weights,
        word_mask,
        frame_mask,
        normalize_weights=normalize_weights,
        floor_at_zero=floor_at_zero,
    )


def playing_tokens(
    side: str, tokens: Float[Tensor, "*#batch player width"], mask: Bool[Tensor, "*#batch player"] | None
) -> Float[Tensor, "*#batch player width"]:
    """Return the tokens, 0 where masked: NaN there would reach the gradients of all whom the token is compared with.

    Args:
        side: "word" or "frame", for the error message.
        tokens: embeddings.
        mask: True where a token is a player; None: all are.

    Raises:
        ValueError: a mask that does not fit.
    """
    if mask is None:
        return tokens
    try:
        torch.broadcast_shapes(mask.shape, tokens.shape[:-1])
        fits = mask.dtype == torch.bool and mask.shape[-1:] == tokens.shape[-2:-1]
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"{side}_mask must be boolean with shape {list(tokens.shape[:-1])}, leading axes broadcast, not "
            f"{mask.dtype} {list(mask.shape)}"
        )
    return torch.where(mask.unsqueeze(-1), tokens, 0)


def interactions(
    word_tokens: Float[Tensor, "*#batch word width"],
    frame_tokens: Float[Tensor, "*#batch frame width"],
    word_weights: Float[Tensor, "*#batch word"] | None = None,
    frame_weights: Float[Tensor, "*#batch frame"] | None = None,
    word_mask: Bool[Tensor, "*#batch word"] | None = None,
    frame_mask: Bool[Tensor, "*#batch frame"] | None = None,
    *,
    use_cosine: bool = True,
    normalize_weights: bool = True,
    floor_at_zero: bool = True,
    probability: float = 0.5,
) -> Float[Tensor, "*#batch word frame"]:
    """Return the exact Banzhaf interaction of every word with every frame, from token embeddings of any model.

    `game_from_tokens` gives the game for all other indices.

    Args:
        word_tokens: embeddings of the words.
        frame_tokens: embeddings of the frames, of the same width.
        word_weights: how much each word counts, non-negative; None: all the same.
        frame_weights: how much each frame counts, non-negative; None: all the same.
        word_mask: True where a word is a player; None: all are.
        frame_mask: True where a frame is a player; None: all are.
        use_cosine: compare directions; False: plain inner products.
        normalize_weights: divide the weights by their sum over the coalition.
        floor_at_zero: play with similarities below 0 set to 0.
        probability: with which every other player is in the coalition; 1/2 is the paper's Banzhaf Interaction.

    Raises:
        ValueError: embeddings of different widths, `probability` outside [0, 1], and whatever `LateInteractionGame`
            refuses.

    >>> interactions(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [4.0, 3.0]]))
    tensor([[0.0800, 0.3700],
            [0.4000, 0.1300]])
    """
    game = game_from_tokens(
        word_tokens,
        frame_tokens,
        word_weights,
        frame_weights,
        word_mask,
        frame_mask,
        use_cosine=use_cosine,
        normalize_weights=normalize_weights,
        floor_at_zero=floor_at_zero,
    )
    return banzhaf_interactions(game, probability)
