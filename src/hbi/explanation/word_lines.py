"""The first view of an explanation: whole words, and how well each frame matches each of them."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from hbi.explanation.explanation import Explanation
from hbi.explanation.frame_times import about_columns
from hbi.explanation.whole_words import whole_words

Verdict: TypeAlias = Literal["found", "not found", "cannot tell", "unknown"]
"""Of a word in one video, beside other videos of an index; "unknown": the model has not learned the word."""

FIT_MEANING = (
    "A bar stands where the picture matches the word, taken by itself, clearly better than it matches ordinary words. "
    "Where the line is flat it does not. The rest of the sentence plays no part."
)
"""What `WordLine.fit` says where `Explanation.word_fits` were measured."""

INTERACTION_MEANING = (
    "Whether a frame matches a word by itself was not measured here. A line is above zero where the word and the frame "
    "are worth more together in this sentence than apart, and below zero where one makes the other redundant."
)
"""What it says elsewhere: of tokens given as matrices, and of older records."""


@dataclass(frozen=True, eq=False)
class WordLine:
    """How well each frame matches one whole word.

    Attributes:
        text, start, end: the word's characters `[start, end)` of the text; what the tokenizer cut is together again.
        words: the indices of its parts in `Explanation.words`.
        stands_back: whether a first view folds it: a function word or punctuation.
        fit: above 0 a frame matches, at or below 0 it does not; `fit_meaning` says more.
        errors: standard errors of `fit`, 0 where it is exact; of several parts a bound, the sum of theirs.
    """

    text: str
    start: int
    end: int
    words: tuple[int, ...]
    stands_back: bool
    fit: Float[np.ndarray, " frame"]
    errors: Float[np.ndarray, " frame"]


def word_lines(explanation: Explanation) -> tuple[WordLine, ...]:
    """Return the whole words of an explanation, in reading order, each with its line over the frames.

    Args:
        explanation: of any source.
    """
    words = whole_words(explanation.text, explanation.words)
    if explanation.word_fits is None:
        values, errors = explanation.interactions, explanation.interaction_errors
        fits = [(values[list(word.words)].sum(0), errors[list(word.words)].sum(0)) for word in words]
    else:
        fits = [(explanation.word_fits[word.words[0]], np.zeros(len(explanation.frames))) for word in words]
    return tuple(
        WordLine(word.text, word.start, word.end, word.words, word.stands_back, *fit)
        for word, fit in zip(words, fits, strict=True)
    )


def fit_meaning(explanation: Explanation) -> str:
    """Return the sentences that say what the lines of an explanation's words are.

    Args:
        explanation: whose lines are shown.
    """
    meaning = INTERACTION_MEANING if explanation.word_fits is None else FIT_MEANING
    return about_columns(meaning, explanation)
