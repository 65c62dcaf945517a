"""Exact attributions for the token embeddings of any multi-vector model.

The model here is a stand-in that needs no download: random embeddings for "words" and "frames" of a few concepts, with
noise. Put the token embeddings of ColBERT, ColPali or another model that ranks by MaxSim in their place, as the model
compares them; nothing else changes. What is explained is then the model's own score, the sum over the words of their
best match. (Models that divide it by the number of words: `mean_maxsim_game`. Means of both directions, as in FILIP and
HBI, with weights or without: `game_from_tokens`. One vector a side, as in CLIP: `solve_dual_encoder`.)

    python examples/interactions_of_any_model.py
"""

import torch

from hbi.games import (
    banzhaf_interactions,
    coalition_interaction,
    maxsim_game,
    shapley_values,
)

WORDS = ("a", "cat", "jumps", "on", "the", "table")
FRAMES = ("empty room", "cat enters", "cat jumps", "cat on table")
CONCEPTS_OF_WORDS = ((), ("cat",), ("jump",), (), (), ("table",))
CONCEPTS_OF_FRAMES = (("room", "table"), ("cat",), ("cat", "jump"), ("cat", "table"))


def embed(concepts: tuple[tuple[str, ...], ...], width: int = 64) -> torch.Tensor:
    """Return one unit vector per token: the sum of its concepts' fixed random directions, and noise."""
    names = sorted({name for token in (*CONCEPTS_OF_WORDS, *CONCEPTS_OF_FRAMES) for name in token})
    directions = dict(zip(names, torch.randn(len(names), width), strict=True))
    tokens = torch.stack([sum((directions[name] for name in token), 0.5 * torch.randn(width)) for token in concepts])
    return torch.nn.functional.normalize(tokens, dim=-1)


def main() -> None:
    torch.manual_seed(0)
    tokens = embed((*CONCEPTS_OF_WORDS, *CONCEPTS_OF_FRAMES))
    word_tokens, frame_tokens = tokens[: len(WORDS)], tokens[len(WORDS) :]

    score = (word_tokens @ frame_tokens.T).max(dim=1).values.sum()  # how the model ranks
    game = maxsim_game(word_tokens, frame_tokens)
    matrix = banzhaf_interactions(game)
    print("Banzhaf interaction of every word with every frame, exact (times 100):\n")
    print(" " * 8 + "".join(f"{frame:>14}" for frame in FRAMES))
    for word, row in zip(WORDS, 100 * matrix, strict=True):
        print(f"{word:<8}" + "".join(f"{number:14.1f}" for number in row.tolist()))

    words, frames = shapley_values(game)
    total = words.sum() + frames.sum()
    print(f"\nShapley values sum to the model's MaxSim: {total:.4f} = {score:.4f}")
    best = int(words.argmax())
    print(f"the word that contributes most: {WORDS[best]!r} ({words[best] / total:.0%})")

    phrase = torch.tensor([word in ("cat", "jumps") for word in WORDS])
    clip = torch.tensor([frame.startswith("cat") for frame in FRAMES])
    print(f"'cat jumps' with the clip of the last three frames: {coalition_interaction(game, phrase, clip):.4f}")

    everything = banzhaf_interactions(game, between="players")
    print(f"'cat enters' and 'cat on table' are redundant: {everything[len(WORDS) + 1, len(WORDS) + 3]:.4f}")


if __name__ == "__main__":
    main()
