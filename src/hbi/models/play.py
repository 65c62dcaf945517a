"""From the players of a level to its games: of matched pairs, or of every text with every video."""

from hbi.games import LateInteractionGame
from hbi.models.outputs import Players
from hbi.ops import pair_token_similarity, token_similarity


def matched_games(words: Players, frames: Players) -> LateInteractionGame:
    """Return the games of text 0 with video 0, text 1 with video 1, …; similarity is [pairs, words, frames]."""
    return LateInteractionGame(
        pair_token_similarity(words.sequence.tokens.float(), frames.sequence.tokens.float()),
        words.weights,
        frames.weights,
        word_mask=words.sequence.mask,
        frame_mask=frames.sequence.mask,
        normalize_weights=True,
        floor_at_zero=False,
    )


def all_games(words: Players, frames: Players) -> LateInteractionGame:
    """Return the games of every text with every video; similarity is [texts, videos, words, frames]."""
    return LateInteractionGame(
        token_similarity(words.sequence.tokens.float(), frames.sequence.tokens.float()),
        words.weights[:, None],
        frames.weights[None],
        word_mask=words.sequence.mask[:, None],
        frame_mask=frames.sequence.mask[None],
        normalize_weights=True,
        floor_at_zero=False,
    )
