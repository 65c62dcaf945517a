"""Captions as sequences of units: words, and words that belong together, as "slides to the left" does.

Which words belong together is found in the captions, as collocations are: by the pointwise mutual information of
neighbors, normalized by the most that it could be (Bouma 2009), in several passes as Mikolov et al. (2013) find
phrases.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log

TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
START, END = "<start>", "<end>"
"""What stands before the first and after the last unit of a caption."""
MERGING_PASSES = 5
"""Each joins two units at most."""
LEAST_LIFT = 10.0
"""How much more often two units stand beside each other than by chance."""
LEAST_INFORMATION = 0.5
"""Normalized pointwise mutual information: 0 for neighbors by chance, 1 for words that are never apart."""
LEAST_PAIRS = 8
"""Fewer are too few to judge by."""


@dataclass(frozen=True)
class Unit:
    """A unit of a caption: its text in small letters, and its characters [start, end)."""

    text: str
    start: int
    end: int

    @property
    def is_word(self) -> bool:
        """Whether it is no punctuation mark."""
        return self.text[0].isalnum() or self.text[0] == "_"


class CaptionUnits:
    """Cuts captions into units.

    "an" counts as "a" (an English rule): they are one word, and what follows decides between them.
    """

    def __init__(self, phrases: Sequence[dict[tuple[str, str], float]]) -> None:
        """Take the pairs that are joined, pass by pass, each with its information."""
        self.phrases = tuple(phrases)
        self.cut = lru_cache(maxsize=200_000)(self._cut)

    @classmethod
    def of(cls, captions: Sequence[str]) -> "CaptionUnits":
        """Return what cuts captions as these want to be cut."""
        phrases: list[dict[tuple[str, str], float]] = []
        cut = [words_of(caption) for caption in captions]
        for _ in range(MERGING_PASSES):
            found = _phrases(cut)
            if not found:
                break
            phrases.append(found)
            cut = [_joined(units, found) for units in cut]
        return cls(phrases)

    def _cut(self, caption: str) -> tuple[Unit, ...]:
        """Return the units of a caption, in order, punctuation marks among them."""
        units = words_of(caption)
        for phrases in self.phrases:
            units = _joined(units, phrases)
        return tuple(units)


def words_of(caption: str) -> list[Unit]:
    """Return the words and punctuation marks of a caption."""
    found = (Unit(match[0].lower(), *match.span()) for match in TOKEN.finditer(caption))
    return [Unit("a", unit.start, unit.end) if unit.text == "an" else unit for unit in found]


def _phrases(captions: Sequence[Sequence[Unit]]) -> dict[tuple[str, str], float]:
    """Return the pairs of neighbors that belong together, with their normalized information."""
    alone = Counter(unit.text for units in captions for unit in units)
    pairs = Counter(
        (first.text, second.text)
        for units in captions
        for first, second in pairwise(units)
        if first.is_word and second.is_word
    )
    total = alone.total()
    found = {}
    for (first, second), count in pairs.items():
        lift = count * total / (alone[first] * alone[second])
        if count < LEAST_PAIRS or lift < LEAST_LIFT:
            continue
        information = log(lift) / log(total / count)
        if information >= LEAST_INFORMATION:
            found[first, second] = information
    return found


def _joined(units: Sequence[Unit], phrases: dict[tuple[str, str], float]) -> list[Unit]:
    """Return the units with those joined that belong together, the closest first; none is joined twice in one pass."""
    texts = [unit.text for unit in units]
    known = ((phrases.get(pair), -at) for at, pair in enumerate(pairwise(texts)))
    joined: set[int] = set()
    for _, negative in sorted(((value, at) for value, at in known if value), reverse=True):
        if not joined & {-negative - 1, -negative + 1}:
            joined.add(-negative)
    if not joined:
        return list(units)
    result: list[Unit] = []
    for at, unit in enumerate(units):
        if at - 1 in joined:
            before = result.pop()
            result.append(Unit(f"{before.text} {unit.text}", before.start, unit.end))
        else:
            result.append(unit)
    return result
