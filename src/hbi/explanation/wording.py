"""Numbers, lists and quotes as people write them, in either direction of writing."""

import math
import unicodedata
from collections.abc import Iterable

RIGHT_TO_LEFT = ("R", "AL")
"""The Unicode classes of letters written from right to left."""


def listing(items: Iterable[str]) -> str:
    """Return things one after another as a sentence has them: `a`, `a and b`, `a, b and c`."""
    *front, last = list(items)
    return f"{', '.join(front)} and {last}" if front else last


def signed(value: float, decimals: int | None = None) -> str:
    """Return a number with its sign (a real minus), of six significant digits, or of so many decimals."""
    text = f"{value:+.6g}" if decimals is None else f"{value:+.{decimals}f}"
    return "0" if not text.strip("+-0.") else text.replace("-", "−")


def decimals_for(limit: float) -> int:
    """Return how many decimals give three significant digits to numbers up to `limit`."""
    return max(2, 2 - math.floor(math.log10(limit))) if limit else 2


def quoted(phrase: str) -> str:
    """Return a phrase in quotes; right-to-left letters are isolated: the sentence around them keeps its order."""
    quote = f"“{phrase}”"
    if not any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in phrase):
        return quote
    return f"\N{FIRST STRONG ISOLATE}{quote}\N{POP DIRECTIONAL ISOLATE}"


def direction(text: str) -> str:
    """Return `rtl` or `ltr`, by the first letter with a direction (the rule of HTML's `dir="auto"`)."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind == "L" or kind in RIGHT_TO_LEFT:
            return "ltr" if kind == "L" else "rtl"
    return "ltr"
