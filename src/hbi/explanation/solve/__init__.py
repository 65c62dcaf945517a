"""From token embeddings, or from the games that tokens play, to an `Explanation`."""

from hbi.explanation.solve.from_games import LevelGame, explain_games
from hbi.explanation.solve.from_tokens import columns_labelled, explain_tokens, frames_at, patches_of, words_in

__all__ = [
    "LevelGame",
    "columns_labelled",
    "explain_games",
    "explain_tokens",
    "frames_at",
    "patches_of",
    "words_in",
]
