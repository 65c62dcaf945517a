"""Captions that tell what comes first, told in the other order: "A, then B" becomes "B, then A".

An English rule: the words between two clauses that say which comes first, and those before a caption's first clause.
In other languages no clause is found, and nothing is exchanged.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

LATER = r"(?:a\ (?:little|bit|moment)\ )?later(?:\ on)?"
BETWEEN = re.compile(
    rf"""
      [,;.]?\ and\ (?:then|after\ that|finally|lastly|next|{LATER}|,\ later\ on),?\   # A, and then B
    | \ and,\ later\ on,\                                                             # A and, later on, B
    | [,;.]\ (?:then|next|after\ that|afterwards|finally|{LATER}),?\                  # A. Then B
    | \ then\                                                                         # A then B
    | ,?\ (?:after\ which|followed\ by|preceded\ by|until|(?:comes\ )?(?:before|after))  # A before B
      (?:\ you)?\ (?!the\ other|another)                                               # but not: one after the other
    """,
    re.IGNORECASE | re.VERBOSE,
)
FIRST = re.compile(r"(?:first,?|at first,?)\ ", re.IGNORECASE)
INVERTED = re.compile(r"(?:after|before)(?:\ you)?\ ", re.IGNORECASE)
"""After A, B: what is between the clauses is a comma, or "comes"."""
INVERTED_BETWEEN = re.compile(r",\ |\ comes\ ", re.IGNORECASE)
LEAD = re.compile(r"(?:in|on|as|here)\ [^,]*,\ ", re.IGNORECASE)
"""In the video, A, then B."""

Span = tuple[int, int]


def clauses_of(caption: str) -> list[Span]:
    """Return the characters [start, end) of the clauses of a caption that words put in an order; empty where none do.

    >>> text = "After a cat sits down, a dog barks, and then both leave."
    >>> [text[start:end] for start, end in clauses_of(text)]
    ['a cat sits down', 'a dog barks', 'both leave']
    """
    end = len(caption.rstrip(" .!?"))
    start = 0
    if lead := LEAD.match(caption):
        start = lead.end()
    if first := FIRST.match(caption, start):
        start = first.end()
    spans: list[Span] = []
    if inverted := INVERTED.match(caption, start):
        start = inverted.end()
        if between := INVERTED_BETWEEN.search(caption, start, end):
            spans.append((start, between.start()))
            start = between.end()
    for between in BETWEEN.finditer(caption, start, end):
        spans.append((start, between.start()))
        start = between.end()
    spans.append((start, end))
    # A clause of one word ("then") or none is no clause.
    is_whole = all(" " in caption[first:last].strip() for first, last in spans)
    return spans if len(spans) > 1 and is_whole else []


def reordered(caption: str) -> Iterator[tuple[str, Span, Span]]:
    """Yield a caption with two neighboring clauses exchanged, and the characters that these two take in both texts."""
    spans = clauses_of(caption)
    for (start, first_end), (second_start, end) in pairwise(spans):
        first, second = caption[start:first_end], caption[second_start:end]
        if first.lower() == second.lower():
            continue
        between = caption[first_end:second_start]
        middle = _as(second, first) + between + _as(first, second)
        yield caption[:start] + middle + caption[end:], (start, end), (start, start + len(middle))


def _as(clause: str, other: str) -> str:
    """Return a clause with a first letter as large as that of the other, whose place it takes."""
    is_large = other[:1].isupper()
    return (clause[:1].upper() if is_large else clause[:1].lower()) + clause[1:]
