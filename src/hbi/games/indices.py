"""Exact indices of late-interaction games: every one a derivative or an integral of the multilinear extension."""

import torch
from jaxtyping import Float
from torch import Tensor

from hbi.games.late_interaction import LateInteractionGame
from hbi.games.maximum import expected_gain, rank
from hbi.games.weights import normalized_weight_gain


def banzhaf_interactions(game: LateInteractionGame, probability: float = 0.5) -> Float[Tensor, "*batch word frame"]:
    """Return the Banzhaf interaction of every word with every frame.

        I[i, j] = E[value(C + i + j) - value(C + i) - value(C + j) + value(C)]
                = 1/2 [ sum_t A[t, i] D[t, j] + sum_v A'[v, j] D'[v, i] ]

    where every other player is in `C` with `probability`; one half is the paper's index (equation 3). Masked players
    interact with 0.

    Raises:
        ValueError: `probability` outside [0, 1].
    """
    _check_probability(probability)
    similarity = game.similarity.to(game.dtype)
    word_weights, frame_weights = game.playing_weights()
    frames = rank(similarity, game.frame_mask, axis=-1, floor_at_zero=game.floor_at_zero)
    words = rank(similarity, game.word_mask, axis=-2, floor_at_zero=game.floor_at_zero)
    frame_gain, word_gain = expected_gain(frames, probability), expected_gain(words, probability)
    if not game.normalize_weights:
        return 0.5 * (word_weights.unsqueeze(-1) * frame_gain + frame_weights.unsqueeze(-2) * word_gain)
    by_word = normalized_weight_gain(word_weights, probability, game.word_spread, game.dtype).to(game.dtype)
    by_frame = normalized_weight_gain(frame_weights, probability, game.frame_spread, game.dtype).to(game.dtype)
    return 0.5 * (by_word.mT @ frame_gain + word_gain @ by_frame)


def _check_probability(probability: float) -> None:
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"probability must lie in [0, 1], not {probability}")
