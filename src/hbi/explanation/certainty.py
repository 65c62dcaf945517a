"""Which numbers of an explanation are certain, and the sentences that say so.

A number is exact, or drawn: an estimate from drawn coalitions, with a standard error.
"""

import math

import numpy as np
from jaxtyping import Bool, Float

from hbi.explanation.comparison import Comparison
from hbi.explanation.explanation import Explanation
from hbi.explanation.interaction_matrix import InteractionMatrix
from hbi.explanation.wording import signed

CERTAIN_FROM = 2.0
"""Standard errors that a number has to be away from 0, so that its sign is certain: right in some 95 of 100 cases."""

NOT_CERTAIN = "Not certain: 0 lies within two standard errors."

MOST_DECIMALS = 6
"""A number that needs more is written with an exponent."""


def is_uncertain(
    values: Float[np.ndarray, " *numbers"], errors: Float[np.ndarray, " *numbers"]
) -> Bool[np.ndarray, " *numbers"]:
    """Return which numbers may as well be 0: those within two standard errors of it. Exact ones are certain."""
    return (errors > 0) & (np.abs(values) <= CERTAIN_FROM * errors)


def errors_of(part: InteractionMatrix) -> Float[np.ndarray, "word_group frame_group"]:
    """Return the standard errors of a matrix; zeros where it is exact."""
    return np.zeros_like(part.interactions) if part.interaction_errors is None else part.interaction_errors


def reach(values: np.ndarray, errors: np.ndarray) -> float:
    """Return how far from 0 the longest error bar of two standard errors goes; where all is exact, the largest number.

    Args:
        values: The numbers.
        errors: Their standard errors, 0 where they are exact.
    """
    return float((np.abs(values) + CERTAIN_FROM * errors).max())


def with_error(value: float, error: float, decimals: int | None = None) -> str:
    """Return a number and its standard error as `+0.0310 ± 0.0021`; an exact number stands alone.

    Args:
        value: The number.
        error: Its standard error, 0 where it is exact.
        decimals: Of an exact number, None: six significant digits; one with an error has as many as the error.
    """
    if error:
        decimals = min(_decimals_of(error), MOST_DECIMALS) if abs(value) < 1e9 else None
    return " ".join(filter(None, [signed(value, decimals), plus_minus(error)]))


def plus_minus(error: float) -> str:
    """Return `± 0.0021`, two digits of a standard error; "" where it is 0."""
    return f"± {_two_digits(error)}" if error else ""


def largest_error(part: InteractionMatrix) -> str:
    """Return `standard errors up to 0.0021`; "" where a matrix is exact."""
    largest = float(errors_of(part).max())
    return f"standard errors up to {_two_digits(largest)}" if largest else ""


def exact_or_drawn(shown: Explanation | Comparison) -> str:
    """Return what to write beside the score: `exact`, or `drawn`."""
    return "exact" if shown.is_exact else "drawn, with standard errors"


def how_it_was_found(shown: Explanation | Comparison) -> str:
    """Return the sentences that say what is certain: exact, or drawn and how the errors are shown."""
    if shown.is_exact:
        return "Exact: every number counts all combinations of words and frames, none is an estimate."
    scores = "scores are" if isinstance(shown, Comparison) else "score is"
    return (
        f"Drawn: the {scores} exact, the other numbers are estimates from randomly drawn combinations of words and "
        "frames. ± is one standard error, an error bar reaches two. Dotted: not certain, for 0 lies within two "
        "standard errors; of a hundred numbers that are 0 in truth, about five look certain all the same."
    )


def in_short(shown: Explanation | Comparison) -> str:
    """Return what is certain and what it means that a word is out, as short as the note of a figure."""
    out = f"Words are taken out {'before' if shown.words_at_input else 'after'} encoding the text."
    if shown.is_exact:
        return f"Exact.  {out}"
    return (
        "Drawn: ± is one standard error, a bar reaches two.  Dotted: not certain, 0 lies within two standard errors.  "
        f"{out}"
    )


def what_out_means(shown: Explanation | Comparison) -> str:
    """Return the sentence that says what it means that a word is out of the game."""
    if shown.words_at_input:
        return (
            "A word that is out was removed from the text before the model read it: its numbers say what the word "
            "itself changes."
        )
    return (
        "A word that is out was left out after the model had read the whole text: its token may also carry what the "
        "words around it say."
    )


def _two_digits(error: float) -> str:
    places = _decimals_of(error)
    return f"{error:.2g}" if places > MOST_DECIMALS or error >= 1e9 else f"{error:.{places}f}"


def _decimals_of(error: float) -> int:
    """Return how many decimals give two significant digits to an error, once it is rounded to them."""
    return max(0, 1 - math.floor(math.log10(float(f"{error:.1e}"))))
