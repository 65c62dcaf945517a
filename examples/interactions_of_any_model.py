"""Exact attributions for the token embeddings of any multi-vector model.

The model here is a stand-in that needs no download: random embeddings for "words" and "frames" of a few concepts, with
noise. Put the token embeddings of ColBERT, ColPali, FILIP, CLIP or HBI in their place; nothing else changes.

    python examples/interactions_of_any_model.py
"""

import torch

from hbi.games import (
    banzhaf_interactions,
    coalition_interaction,
    game_from_tokens,
    interactions,
    shapley_values,
)

WORDS = ("a", "cat", "jumps", "on", "the", "table")
FRAMES = ("empty room", "cat enters", "cat jumps", "cat on table")
CONCEPTS_OF_WORDS = ((), ("cat",), ("jump",), (), (), ("table",))
CONCEPTS_OF_FRAMES = (("room", "table"), ("cat",), ("cat", "jump"), ("cat", "table"))


def embed(concepts: tuple[tuple[str, ...], ...], width: int = 64) -> torch.Tensor:
    """Return one vector per token: the sum of its concepts' fixed random directions, and noise."""
    names = sorted({name for token in (*CONCEPTS_OF_WORDS, *CONCEPTS_OF_FRAMES) for name in token})
    directions = dict(zip(names, torch.randn(len(names), width), strict=True))
    return torch.stack([sum((directions[name] for name in token), 0.5 * torch.randn(width)) for token in concepts])


def main() -> None:
    torch.manual_seed(0)
    tokens = embed((*CONCEPTS_OF_WORDS, *CONCEPTS_OF_FRAMES))
    word_tokens, frame_tokens = tokens[: len(WORDS)], tokens[len(WORDS) :]

    matrix = interactions(word_tokens, frame_tokens)
    print("Banzhaf interaction of every word with every frame, exact (times 100):\n")
    print(" " * 8 + "".join(f"{frame:>14}" for frame in FRAMES))
    for word, row in zip(WORDS, 100 * matrix, strict=True):
        print(f"{word:<8}" + "".join(f"{number:14.1f}" for number in row.tolist()))

    game = game_from_tokens(word_tokens, frame_tokens)
    words, frames = shapley_values(game)
    everyone = torch.ones(len(WORDS), dtype=torch.bool), torch.ones(len(FRAMES), dtype=torch.bool)
    total = words.sum() + frames.sum()
    print(f"\nShapley values sum to the similarity: {total:.4f} = {game.value(*everyone):.4f}")
    best = int(words.argmax())
    print(f"the word that contributes most: {WORDS[best]!r} ({words[best] / total:.0%})")

    phrase = torch.tensor([word in ("cat", "jumps") for word in WORDS])
    clip = torch.tensor([frame.startswith("cat") for frame in FRAMES])
    print(f"'cat jumps' with the clip of the last three frames: {coalition_interaction(game, phrase, clip):.4f}")

    everything = banzhaf_interactions(game, between="players")
    print(f"'cat enters' and 'cat on table' are redundant: {everything[len(WORDS) + 1, len(WORDS) + 3]:.4f}")


if __name__ == "__main__":
    main()
