"""First views of chosen numbers, whatever the measure of `word_lines` is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from explanation.made_up import build_explanation, level_of
from hbi.explanation import Explanation, Word
from hbi.explanation.html import first_view
from hbi.explanation.html.first_view import Verdicts
from hbi.explanation.whole_words import whole_words
from hbi.explanation.word_lines import Verdict, WordLine

SENTENCE = "A red pancake spins, and the pan stops."
FITS = {
    "red": [-0.1, 0.2, 0.4, 0.3, -0.2, 0.0],
    "pancake": [0.1, -0.1, 0.3, -0.1, -0.1, -0.1],
    "spins": [-0.3, -0.1, -0.2, -0.1, -0.1, -0.1],
    "pan": [-0.1, -0.1, -0.1, 0.02, -0.1, -0.1],
    "the": [0.9, 0.1, 0.1, 0.1, 0.1, 0.1],
}
"""Of six frames of one second; every other word has −0.1 throughout, and all words of another number of frames."""


def in_pieces() -> Explanation:
    """An explanation of `SENTENCE` whose tokenizer cut `pancake` in three."""
    explanation = build_explanation(SENTENCE)
    pieces = ("A", "red", "pan", "ca", "ke", "spins", ",", "and", "the", "pan", "stops", ".")
    words, at = [], 0
    for piece in pieces:
        at = SENTENCE.index(piece, at)
        words.append(Word(piece, at, at + len(piece)))
        at += len(piece)
    values = np.random.default_rng(5).normal(scale=0.01, size=(len(words), 6))
    level = level_of("entity", 0.25, 1.0, range(len(words)), range(6), values)
    return replace(explanation, words=tuple(words), levels=(level,), similarity=0.25)


def choose(
    monkeypatch: pytest.MonkeyPatch,
    fits: Mapping[str, Sequence[float]] = FITS,
    errors: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Make first views draw these numbers, by the word they are of."""

    def lines(explanation: Explanation) -> tuple[WordLine, ...]:
        size = len(explanation.frames)
        chosen = {word: fit for word, fit in fits.items() if len(fit) == size}
        return tuple(
            WordLine(
                word.text,
                word.start,
                word.end,
                word.words,
                word.stands_back,
                np.array(chosen.get(word.text, [-0.1] * size), dtype=float),
                np.array((errors or {}).get(word.text, [0.0] * size), dtype=float),
            )
            for word in whole_words(explanation.text, explanation.words)
        )

    monkeypatch.setattr(first_view, "word_lines", lines)


def verdicts_of(text: str, verdicts: Mapping[str, Verdict]) -> Verdicts:
    """The verdicts by characters, each of the first place of the word."""
    return {(text.index(word), text.index(word) + len(word)): verdict for word, verdict in verdicts.items()}
