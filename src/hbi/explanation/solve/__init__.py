"""From token embeddings, or from the games that tokens play, to an `Explanation`."""

from hbi.explanation.solve.from_games import Index, LevelGame, explain_games, find_index
from hbi.explanation.solve.from_tokens import columns_labelled, explain_tokens, frames_at, patches_of, words_in

__all__ = [
    "Index",
    "LevelGame",
    "columns_labelled",
    "explain_games",
    "explain_tokens",
    "find_index",
    "frames_at",
    "patches_of",
    "words_in",
]
