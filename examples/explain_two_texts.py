"""Which words of a query match which words of a passage: exact, for the score of ColBERT and its kind.

The token embeddings here are a stand-in that needs no download: a random direction for every meaning, and noise. Put
the token embeddings of ColBERT in their place, one row a word or a piece of one, as the model compares them. For
ColPali and its kind, `patches_of(picture, rows, columns)` takes the place of `columns_labelled`; nothing else changes.

    python examples/explain_two_texts.py              # writes two_texts.html, .svg and .json
"""

import sys
from pathlib import Path

import torch

from hbi.explanation.solve import columns_labelled, explain_tokens, words_in
from hbi.figures import write_explanation

QUERY = "which planet has bright rings"
PASSAGE = "Saturn is the sixth world from the Sun and is known for its shining rings"
SAME_MEANING = {"planet": "world", "bright": "shining"}


def embed(words: list[str], width: int = 64) -> torch.Tensor:
    """Return one unit vector a word: the direction of its meaning, the same in both texts, and noise."""
    meanings = [SAME_MEANING.get(word, word) for word in words]
    directions = {meaning: torch.randn(width) for meaning in sorted({*PASSAGE.split(), *meanings})}
    tokens = torch.stack([directions[meaning] + 0.3 * torch.randn(width) for meaning in meanings])
    return torch.nn.functional.normalize(tokens, dim=-1)


def main(folder: Path) -> None:
    torch.manual_seed(0)
    query, passage = QUERY.split(), PASSAGE.split()
    tokens = embed([*query, *passage])
    explanation = explain_tokens(
        tokens[: len(query)],
        tokens[len(query) :],
        text=QUERY,
        words=words_in(QUERY),
        frames=columns_labelled(passage),
        score="MaxSim",
        video="passage 17",
        model="stand-in",
    )
    score = (tokens[: len(query)] @ tokens[len(query) :].T).max(dim=1).values.sum()  # how the model ranks
    print(f"MaxSim {explanation.similarity:.4f} = {score:.4f}")
    for word, row, adds in zip(query, explanation.interactions, explanation.word_contributions, strict=True):
        print(f"{word:<8} adds {adds:.3f}, goes best with {passage[int(row.argmax())]!r} ({row.max():+.3f})")
    for ending in ("html", "svg", "json"):
        write_explanation(explanation, folder / f"two_texts.{ending}")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
